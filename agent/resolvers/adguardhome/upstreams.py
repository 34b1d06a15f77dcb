"""Whom AdGuard Home passes questions on to: ``upstream_dns`` and the file in its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.resolver import Fate, NameRule, NameSet, Outcome, RuleList, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.source import Source

_FOR_DOMAINS: Final = re.compile(r"\[/(.*)/\](.*)")
_PLAIN: Final = re.compile(
    r"(?:udp://|tcp://)?(?:\[([0-9a-fA-F:]+)\]|([^:/\[\]]+)|([0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*))(?::(\d+))?"
)


def upstreams(lines: Iterable[tuple[str, Source]], interest: Interest) -> tuple[RuleList, Outcome]:
    """Rules for names with servers of their own, the closest first, and whom all others go to."""
    usual: set[str] = set()
    special: list[tuple[str, set[str], Source]] = []
    for text, source in lines:
        line = text.strip()
        found = _FOR_DOMAINS.match(line)
        if found:
            special += [(one, {_server(word) for word in found[2].split()}, source) for one in found[1].split("/")]
        elif line and not line.startswith("#"):
            usual |= {_server(word) for word in line.split()}
    otherwise = Outcome(Fate.PASSED_ON, upstreams=frozenset(usual))
    rules = []
    for domain, servers, source in sorted(special, key=lambda one: (-one[0].count("."), not one[0].startswith("*"))):
        name = domain.lower().strip(".")
        scope = Scope.BELOW if name.startswith("*.") else Scope.SUBTREE
        text = name.removeprefix("*.")
        if text and interest.touches(text):  # without a name it is about names without a dot
            outcome = otherwise if "#" in servers else Outcome(Fate.PASSED_ON, upstreams=frozenset(servers))
            rules.append(NameRule(NameSet(scope, text), outcome, source))
    return RuleList(tuple(rules)), otherwise


def _server(text: str) -> str:
    """``9.9.9.9:5353`` to ``9.9.9.9#5353``; servers that are asked otherwise stay as they are written."""
    found = _PLAIN.fullmatch(text)
    if text == "#" or found is None:
        return text
    return f"{found[1] or found[2] or found[3]}#{found[4] or 53}"
