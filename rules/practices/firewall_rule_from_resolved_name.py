"""A script puts a host name into a packet filter rule; it was resolved once, when the script ran.

Why it matters: the kernel keeps the addresses of that moment. A content delivery network changes them within
minutes, so the rule soon lets the wrong ones pass, or stops them; and if the name cannot be resolved at boot,
the rule is missing.
Instead: let a proxy decide by name, or have a resolver fill a set (dnsmasq's nftset= and ipset=).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.names import covers
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """One hit for each name and file."""
    for one in case.gateway.resolved_names:
        required = any(covers(need.pattern, one.name, apex=True) for need in case.requirements)
        path = one.source.artifact.removeprefix("files")
        yield Hit(
            f"{path} line {one.source.line} makes a rule from {one.name}, resolved just once: {one.source.text}",
            ("rule", f"{path} {one.name}"),
            (one.source,),
            "Let a proxy decide by name, or have a resolver fill a set: nftset= or ipset= of dnsmasq.",
            severity=Severity.HIGH if required else None,
            key=f"{path} {one.name}",
        )


RULE = Rule(
    "firewall-rule-from-resolved-name", "A rule is made from a name that was resolved once", Severity.MEDIUM, find
)
