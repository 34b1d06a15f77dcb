"""Lines with which Squid does not start: what runs then read another file, and nothing is certain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.resolver import Scope
from agent.model.source import Gap
from agent.proxies.squid.access import ACTIONS, LISTS, of_line
from agent.proxies.squid.acls import BUILT_IN, DOMAINS
from agent.proxies.squid.bump import ACTIONS as BUMPS
from agent.proxies.squid.elements import GROUPS, KNOWN_TYPES
from agent.proxies.squid.lines import PROGRAM
from agent.proxies.squid.names import name_set
from agent.proxies.squid.ports import ACCELERATED, DIVERTED, is_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.resolver import NameSet
    from agent.model.source import Source
    from agent.proxies.squid.acls import Acl, Value
    from agent.proxies.squid.lines import Line

STEPS: Final = frozenset({"SslBump1", "SslBump2", "SslBump3", "GeneratingCONNECT"})
MAX_NAME: Final = 63
_RANGE: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def refusals(lines: Sequence[Line], acls: Mapping[str, Acl]) -> Iterator[Gap]:
    """All of them."""
    found = (*_of_lines(lines), *_of_names(lines), *(each for acl in acls.values() for each in _of_acl(acl)))
    if not any(line.name == "auth_param" for line in lines):
        found += tuple(
            (f"acl {acl.name} needs auth_param", acl.source)
            for acl in acls.values()
            if acl.type in ("proxy_auth", "proxy_auth_regex")
        )
    yield from (Gap(PROGRAM, f"Squid does not start: {reason}", source) for reason, source in found)


def conflicts(acl: Acl) -> Iterator[tuple[Value, Value]]:
    """Pairs of which Squid says that the first is a subdomain of the second, and ends (``aclDomainCompare``)."""
    seen: dict[str, tuple[Value, NameSet]] = {}
    below: dict[str, Value] = {}
    for value in acl.values:
        mine = name_set(value.text)
        if mine is None:
            continue
        other, its = seen.get(mine.text, (value, mine))
        if mine.scope is not its.scope:
            yield (value, other) if mine.scope is Scope.SUBTREE else (other, value)
        elif mine.scope is Scope.SUBTREE and mine.text in below:
            yield below[mine.text], value
        seen.setdefault(mine.text, (value, mine))
        labels = mine.text.split(".")
        for at in range(1, len(labels)):
            below.setdefault(".".join(labels[at:]), value)


def _of_acl(acl: Acl) -> Iterator[tuple[str, Source]]:
    if acl.type not in KNOWN_TYPES:
        yield f"acl {acl.name} has the type {acl.type}, which is not known", acl.source
    if len(acl.name) > MAX_NAME:
        yield f"the name of acl {acl.name} is too long", acl.source
    if acl.type in DOMAINS:
        for one, other in conflicts(acl):
            yield f"acl {acl.name} lists {one.text} and {other.text}", other.source
    for value in acl.values:
        if acl.type in ("port", "localport"):
            found = _RANGE.fullmatch(value.text)
            if found is None or max(int(found[1]), int(found[2] or 0)) > 65535:
                yield f"acl {acl.name}: {value.text} is no port", value.source
        elif acl.type == "at_step" and value.text not in STEPS:
            yield f"acl {acl.name}: {value.text} is no step", value.source


def _of_lines(lines: Sequence[Line]) -> Iterator[tuple[str, Source]]:
    bumps = [line for line in lines if line.name == "ssl_bump"]
    old = [line for line in bumps if line.first in ACTIONS]
    if old and len(old) < len(bumps):
        yield "ssl_bump has words of version 3.1 and others", old[0].source
    for line in bumps:
        if line.first not in BUMPS:
            yield f"ssl_bump knows no {line.first}", line.source
    for line in lines:
        if line.quotes:
            try:
                line.words()
            except Malformed as error:
                yield str(error), line.source
        if line.name in ("http_port", "https_port"):
            options = line.text.split()
            if not is_port(line.first):
                yield f"{line.first or 'nothing'} is no port", line.source
            if line.name == "https_port" and DIVERTED.intersection(options) and "ssl-bump" not in options:
                yield "a diverted https_port has no ssl-bump", line.source
            for reason in _of_options(options):
                yield reason, line.source


def _of_options(options: Sequence[str]) -> Iterator[str]:
    """The options of a port that Squid does not take together, or not in this order."""
    first = next((at for at, word in enumerate(options) if word in ACCELERATED), len(options))
    if DIVERTED.intersection(options) and ("accel" in options or DIVERTED.intersection(options[first:])):
        yield "a port cannot be both diverted and accelerated"
    for word in options[:first]:
        if word.partition("=")[0] in ("allow-direct", "defaultsite", "protocol", "vport"):
            yield f"{word} stands before accel, or without it"


def _of_names(lines: Sequence[Line]) -> Iterator[tuple[str, Source]]:
    """The elements that somebody names before anybody defines them."""
    known = {text.partition(" ")[0].lower() for text in BUILT_IN}
    for line in lines:
        names: Iterator[str] = iter(())
        if line.name == "acl":
            words = line.text.split()
            known |= {words[0].lower()} if words else set()
            if words[1:] and words[1] in GROUPS:
                names = (word for word in words[2:] if word[0] not in "\"'#")
        elif line.name in LISTS:
            names = (name for rule in of_line(line) for name in rule.elements)
        for name in names:
            if name.removeprefix("!").lower() not in known:
                yield f"acl {name.removeprefix('!')} is not defined", line.source
