"""A set that a resolver fills from names gets IPv4 addresses only, though IPv6 has a way to the internet.

Why it matters: clients with an IPv6 address try it first. What the set lets through over IPv4 does not pass over
IPv6, so pages open late or not at all.
Instead: fill a second set of IPv6 addresses from the same names, and let rules compare destinations with both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.names import apex_of
from agent.model.vocabulary import Reach, Severity
from agent.practice import Case, Hit, Rule
from agent.practice.namesets import by_domain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.practice.namesets import NameSetInUse


def find(case: Case) -> Iterator[Hit]:
    """One hit for each set."""
    over_ipv6 = [one for one in case.judgements if one.family == 6 and one.verdict is not Reach.NOT_ROUTED]
    routed = {one.requirement.pattern for one in over_ipv6}
    lacking: dict[tuple[str, str], list[NameSetInUse]] = {}
    for domain, some in by_domain(case).items():
        if domain in routed and all(one.family == 4 for one in some):
            lacking.setdefault((some[0].filled.table, some[0].filled.name), []).append(some[0])
    for (table, name), some in lacking.items():
        filled = some[0].filled
        domain = apex_of(some[0].requirement.pattern)
        domains = ", ".join(one.requirement.pattern for one in some)
        yield Hit(
            f"set {name} gets the IPv4 addresses of {domains} alone, and IPv6 is routed: {filled.source}",
            ("set", f"{table} {name}"),
            (filled.source,),
            f"Fill a set of IPv6 addresses as well: {_line(filled.table, name, domain)}, and accept what is in it.",
            tool=_tool(filled.source.text),
            families=frozenset({6}),
            key=filled.source.text,
        )


def _line(table: str, name: str, domain: str) -> str:
    if table == "ipset":
        return f"ipset=/{domain}/{name},{name}6"
    return f"nftset=/{domain}/4#{table.replace(' ', '#')}#{name},6#{table.replace(' ', '#')}#{name}6"


def _tool(line: str) -> str:
    return "unbound" if line.startswith("name-v") else "dnsmasq"


RULE = Rule("name-set-without-ipv6", "A set filled from names lacks IPv6", Severity.MEDIUM, find)
