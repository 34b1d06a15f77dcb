"""The order in which base chains see a packet at a hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.model.firewall import ChainType, Hook

if TYPE_CHECKING:
    from agent.model.firewall import Chain, Firewall, Table

CONNTRACK = -200  # NF_IP_PRI_CONNTRACK, include/uapi/linux/netfilter_ipv4.h
NAT_PRIORITY = {Hook.PREROUTING: -100, Hook.OUTPUT: -100, Hook.INPUT: 100, Hook.POSTROUTING: 100}


class Station(NamedTuple):
    """One base chain of a hook."""

    table: Table
    chain: Chain
    tracked: bool
    """Whether connection tracking has seen the packet."""
    nat: bool
    translated: bool
    """Whether mappings chosen before have been applied to the packet."""


def stations(
    firewall: Firewall, family: int, hook: Hook, device: str = "", *, bridge: bool = False
) -> tuple[Station, ...]:
    """Base chains in the order in which they run.

    By priority; at equal priority the last registered first (nf_hook_entries_grow inserts before its
    equals). All nat chains run at one fixed place, in their own order (nf_nat_register_fn), and conntrack
    stands at -200. ``device`` chooses among ingress and egress chains. On a bridge connections are followed only by
    a module of its own, and nothing is mapped.
    """
    entries = []
    for registered, (table, chain) in enumerate(firewall.base_chains(family, hook, bridge=bridge)):
        base = chain.base
        if base is None or (base.devices and device not in base.devices):
            continue
        nat = base.type is ChainType.NAT
        place = NAT_PRIORITY.get(hook, base.priority) if nat else base.priority
        early = hook in (Hook.PREROUTING, Hook.OUTPUT) and place <= CONNTRACK
        tracked = not bridge and not early and hook not in (Hook.INGRESS, Hook.EGRESS)
        translated = not bridge and place > NAT_PRIORITY.get(hook, place)
        station = Station(table, chain, tracked, nat, translated)
        entries.append(((place, not nat, base.priority, -registered), station))
    entries.sort(key=lambda entry: entry[0])
    return tuple(station for _, station in entries)
