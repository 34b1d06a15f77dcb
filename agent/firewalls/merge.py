"""The tables of one kernel, from the listings of several tools.

``nft`` shows the tables of iptables-nft too, but not what their extensions mean; iptables-save does, but
knows neither handles nor the order among tables. Each table is taken from the listing that tells it whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.firewall import Chain, Firewall, Rule, Table, Tool
from agent.model.source import Gap

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILT_IN: Final = frozenset({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})


def merge(tables: Sequence[Table], gaps: Sequence[Gap]) -> Firewall:
    """One firewall in order of registration.

    The kernel does not tell when legacy tables were registered relative to nftables; they count as earlier,
    which matters only for drop against reject, marks and mappings at equal priority.
    """
    legacy = [table for table in tables if table.tool is Tool.IPTABLES_LEGACY]
    saved = {(table.family, table.name): table for table in tables if table.tool is Tool.IPTABLES_NFT}
    listed: list[Table] = []
    lost: list[Gap] = []
    for table in tables:
        if table.tool is not Tool.NFTABLES:
            continue
        other = saved.pop((table.family, table.name), None)
        if other is not None and (table.opaque or _from_iptables(table, other)):
            listed.append(_joined(table, other))
            continue
        if table.opaque:
            reason = "holds iptables extensions, and iptables-nft-save does not list it"
            lost.append(Gap(table.title, reason, remedy="install iptables (nft backend)"))
        listed.append(table)
    # what is left in `saved` was not listed by nft: with nft unreadable, the best there is
    others = [table for table in tables if table.tool is Tool.PF]
    return Firewall((*legacy, *saved.values(), *listed, *others), (*gaps, *lost))


def _from_iptables(table: Table, saved: Table) -> bool:
    """Whether iptables wrote this table, rather than somebody who used its names in nft."""
    based = [chain for chain in table.chains.values() if chain.base is not None]
    return all(
        chain.name in BUILT_IN
        and chain.name in saved.chains
        and len(chain.rules) == len(saved.chains[chain.name].rules)
        for chain in based
    )


def _joined(listed: Table, saved: Table) -> Table:
    """The rules as iptables-save tells them, with hooks, policies and handles as nft lists them."""
    chains = {}
    for name, chain in saved.chains.items():
        twin = listed.chains.get(name)
        if twin is None:
            if chain.base is None or chain.rules:
                chains[name] = chain
            continue  # iptables-save prints built-in chains that nobody has made
        chains[name] = Chain(name, _with_handles(chain.rules, twin.rules), twin.base, twin.handle)
    return replace(saved, chains=chains, handle=listed.handle)


def _with_handles(rules: tuple[Rule, ...], listed: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len(rules) != len(listed):
        return rules
    return tuple(
        Rule(rule.steps, rule.wording, twin.handle, rule.line, rule.comment)
        for rule, twin in zip(rules, listed, strict=True)
    )
