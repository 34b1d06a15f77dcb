"""Packets with a source address that cannot be their sender's are forwarded.

Why it matters: a client that writes somebody else's address into its packets can attack others in their name, and can
poison the cache of a resolver; the vendor names spoofing among the reasons why addresses cannot be trusted.
Instead: let the reverse path be checked (`net.ipv4.conf.all.rp_filter=1`; for IPv6 the nftables rule
`fib saddr . iif oif missing drop` in prerouting), or accept from each network its own addresses only (BCP 38).

It is asked whether a packet from the zone's interface with an address from the internet gets through to the internet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Reach, Severity
from agent.practice import Case, Hit, Rule
from agent.practice.spoofing import FORGED, passes_forged

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEDIES = {
    4: "Set net.ipv4.conf.all.rp_filter=1 (2 where routes are asymmetric, with rules about addresses besides)",
    6: "add the rule `fib saddr . iif oif missing drop` to a prerouting chain of nftables, family inet",
}


def find(case: Case) -> Iterator[Hit]:
    """One hit for each zone."""
    for zone in case.gateway.zones:
        if zone.interface is None or not case.gateway.network.known:
            continue
        routed = {
            one.family for one in case.judgements if one.zone == zone.name and one.verdict is not Reach.NOT_ROUTED
        }
        families = [family for family in sorted(routed) if passes_forged(case, zone, family)]
        if families:
            which = " and ".join(f"IPv{family}" for family in families)
            advice = "; ".join(REMEDIES[family] for family in families)
            yield Hit(
                f"packets of {zone.name} may carry any source address over {which}",
                ("zone", zone.name),
                remedy=f"{advice[0].upper()}{advice[1:]}.",
                zone=zone.name,
                families=frozenset(families),
                evidence=tuple((f"forged IPv{family} source that passes", FORGED[family]) for family in families),
            )


RULE = Rule("source-address-not-validated", "Source addresses are not validated", Severity.MEDIUM, find)
