"""Lines of squid.conf that do not mean what somebody believes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.intervals import as_address
from agent.model.naming import Mistake
from agent.model.proxy import ALWAYS, Names, Open, leaves
from agent.model.public import PUBLIC
from agent.model.resolver import NameSet, Scope
from agent.proxies.squid.access import allowed, rules
from agent.proxies.squid.acls import DOMAINS, NAME_PATTERNS
from agent.proxies.squid.moments import Moment, Phase
from agent.proxies.squid.names import REVERSE, name_set
from agent.proxies.squid.patterns import compiled
from agent.proxies.squid.refusals import conflicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.proxies.squid.access import Rule
    from agent.proxies.squid.acls import Acl
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.ports import Port

MAX_IGNORED: Final = 5
"""Addresses of one element that are said to be ignored."""
_HOST: Final = re.compile(r"(?:[a-z]+:/*)?([^/:]+)")


def mistakes(config: Configuration, ports: Sequence[Port], interest: Interest) -> tuple[Mistake, ...]:
    """All of them, each once."""
    found: list[Mistake] = []
    used = {name.removeprefix("!").lower() for line in config.lists for rule in line for name in rule.elements}
    for name, acl in config.elements.acls.items():
        if acl.type in DOMAINS:
            found += _spellings(acl, interest)
            found += _doubles(acl, interest)
            if name in used:
                found += _forgotten(acl, interest)
        elif acl.type in NAME_PATTERNS:
            found += _patterns(acl, interest)
        elif acl.type in ("src", "dst"):
            found += _ignored(config, acl)
        found += _unread(acl)
    listed = rules(config.all("http_access"))
    found += _shadowed(config, listed, ports, interest)
    found += _confused(config, listed)
    found += _too_early(config, listed, ports)
    return tuple(dict.fromkeys(found))


# ---- lists of domains ----


def _spellings(acl: Acl, interest: Interest) -> Iterator[Mistake]:
    """Words that are like no name."""
    for value in acl.values:
        text = value.text.lower()
        host = _HOST.match(text)
        bare = (host[1] if host else text).strip("*.").split(" ")[0]
        if name_set(value.text) is not None or not bare or as_address(text) or not interest.touches(bare):
            continue
        if "*" in text:
            what, right = f"in {acl.type} the * of {value.text} stands for itself, and no name has one", f".{bare}"
        elif "/" in text or ":" in text:
            what, right = f"{acl.type} compares names, and {value.text} is more than a name", bare
        elif " " in text:
            what, right = f"a line of a list is one name, and {value.text} is none", "\n".join(text.split())
        else:
            what, right = f"no name is like {value.text}", ("." if text.startswith(".") else "") + bare
        yield Mistake(what, f"acl {acl.name} {acl.type} {right}", value.source, _about(bare, interest))


def _doubles(acl: Acl, interest: Interest) -> Iterator[Mistake]:
    """Words that Squid does not take together."""
    for one, other in conflicts(acl):
        text = one.text.lower().removeprefix(".")
        if interest.touches(text):
            what = f"Squid does not start where {acl.type} lists {one.text} and {other.text}"
            yield Mistake(what, f"Take {one.text} out of acl {acl.name}", other.source, _about(text, interest))


def _forgotten(acl: Acl, interest: Interest) -> Iterator[Mistake]:
    """A domain without what is below it, or without itself."""
    sets = [one for value in acl.values if (one := name_set(value.text))]
    for value in acl.values:
        mine = name_set(value.text)
        if mine is None or mine.scope is not Scope.EXACT:
            continue
        domain = mine.text.removeprefix("www.")
        if domain not in interest.names or domain.count(".") != 1 or not interest.names:
            continue
        below = f"any.{domain}"
        if any(below in one for one in sets):
            continue
        what = f"{value.text} is that name alone in {acl.type}: names below {domain} are not meant"
        yield Mistake(what, f"acl {acl.name} {acl.type} .{domain}", value.source, (domain,))


def _about(text: str, interest: Interest) -> tuple[str, ...]:
    """The names of interest that a domain has to do with."""
    return tuple(
        sorted(
            name for name in interest.names if name == text or name.endswith("." + text) or text.endswith("." + name)
        )
    )


# ---- patterns ----


def _patterns(acl: Acl, interest: Interest) -> Iterator[Mistake]:
    """Patterns that fit more names than they show."""
    for value in acl.values:
        plain = re.sub(r"\\(.)", r"\1", value.text).lower()
        names = tuple(name for name in sorted(interest.names) if name in plain)
        if not names:
            continue
        try:
            pattern = compiled(value.text, ignore_case=value.ignore_case)
        except (Malformed, Irregular):
            continue
        name = names[0]
        right = rf"(^|\.){re.escape(name)}$"
        remedy = f"acl {acl.name} {acl.type} {right}"
        if name not in pattern and f"any.{name}" not in pattern:
            continue
        if pattern.unescaped_dots():
            what = f"a dot in {value.text} stands for any character"
        elif f"{name}.example" in pattern:
            what = f"{value.text} fits names that go on behind it, such as {name}.example"
        elif f"not{name}" in pattern:
            what = f"{value.text} fits names that only end like it, such as not{name}"
        else:
            continue
        yield Mistake(what, remedy, value.source, names)


# ---- addresses, files ----


def _ignored(config: Configuration, acl: Acl) -> Iterator[Mistake]:
    for text, source in config.elements.addresses(acl).ignored[:MAX_IGNORED]:
        what = f"Squid ignores {text} in acl {acl.name}: it overlaps with one before it"
        yield Mistake(what, f"Put {text} before the smaller ones, or take those out", source)


def _unread(acl: Acl) -> Iterator[Mistake]:
    for entry in acl.entries:
        if entry.unread:
            what = f"Squid reads nothing behind a file: {' '.join(entry.unread)}"
            yield Mistake(what, f"acl {acl.name} {acl.type} {' '.join(entry.unread)}", entry.source)


# ---- rules ----


def _shadowed(
    config: Configuration, listed: Sequence[Rule], ports: Sequence[Port], interest: Interest
) -> Iterator[Mistake]:
    """Names that are allowed behind a line that denies them."""
    moment = next((Moment(Phase.PAGE, port) for port in ports if not port.tls), None)
    if moment is None:
        return
    denied: list[tuple[NameSet, Rule]] = []
    for rule in listed:
        test = rule.test(config.elements, moment)
        if test == ALWAYS and not rule.allows:
            break
        if not isinstance(test, Names):
            continue
        for one in (some for some in test.sets if isinstance(some, NameSet)):
            if not rule.allows:
                denied.append((one, rule))
                continue
            before = next((other for names, other in denied if _covers(names, one)), None)
            if before is not None and interest.touches(one.text):
                what = f"{one.text} is allowed too late: {before.source} denies it before"
                remedy = f"Put {rule.source.text} before {before.source.text}"
                yield Mistake(what, remedy, rule.source, _about(one.text, interest))


def _covers(large: NameSet, small: NameSet) -> bool:
    if small.scope is Scope.SUBTREE:
        return large.scope is Scope.SUBTREE and small.text in large
    return small.text in large


def _confused(config: Configuration, listed: Sequence[Rule]) -> Iterator[Mistake]:
    """The addresses of clients where those of servers are asked for."""
    for rule in listed:
        for name in rule.elements if rule.allows else ():
            acl = config.elements.acls.get(name.lower())
            if acl is None or acl.type != "dst" or len(rule.elements) != 1:
                continue
            found = config.elements.addresses(acl)
            private = not any(some & PUBLIC[family] for family, some in found.sets)
            if private and not found.hosts and any(some for _, some in found.sets):
                what = f"dst is the server's address, and acl {name} lists private ones: clients are meant by src"
                right = " ".join(value.text for value in acl.values)
                yield Mistake(what, f"acl {name} src {right}", acl.source)


def _too_early(config: Configuration, listed: Sequence[Rule], ports: Sequence[Port]) -> Iterator[Mistake]:
    """Names that are asked for while the server's address is all that is known."""
    port = next((one for one in ports if one.diverted and one.tls), None)
    if port is None:
        return
    moment = Moment(Phase.ADDRESSED, port)
    keys = {one.key for one in leaves(allowed(tuple(listed), config.elements, moment)) if isinstance(one, Open)}
    for at, rule in enumerate(listed):
        names = [name for name in rule.elements if f"{REVERSE} {name}" in keys]
        if any(_sooner(config, one, rule, moment) for one in listed[:at]):
            continue
        if names and rule.allows:
            what = (
                f"acl {names[0]} is asked about diverted connections while the server's address is all that is known:"
                " they are denied before their name is read"
            )
            remedy = "acl step1 at_step SslBump1\nhttp_access allow step1, above the others"
            yield Mistake(what, remedy, rule.source)


def _sooner(config: Configuration, before: Rule, rule: Rule, moment: Moment) -> bool:
    """Whether a rule allows at that moment whatever a later one can."""
    return before.allows and all(
        name in rule.elements or config.elements.test(name, moment) == ALWAYS for name in before.elements
    )
