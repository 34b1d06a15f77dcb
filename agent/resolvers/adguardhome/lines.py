"""Lines of filter lists (``rules.NewRule`` of urlfilter): hosts lines, names, and filter rules with modifiers.

Of rules with modifiers, only those count that are about names, not about pages.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import BOTH
from agent.resolvers.adguardhome.rewriting import Rewrite, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.source import Source

COSMETIC: Final = ("##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#$?#", "#@$?#", "#%#", "#@%#", "$$", "$@$")
"""Marks of rules about what is shown of pages."""
TYPES: Final = frozenset(
    ("script", "stylesheet", "subdocument", "object", "image", "xmlhttprequest", "media", "font", "websocket", "ping")
) | {"other"}
"""Parts of pages that a rule may be for, or with ``~`` not for; names are none of these."""
FAMILIES: Final = {"A": 4, "AAAA": 6}
TOO_WIDE: Final = frozenset({"||", "|", "*", ""})
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?:[a-z]{2,63}|xn--[a-z0-9-]{4,59})", re.IGNORECASE
)
_SPACE: Final = re.compile(r"[ \t]+")


@record
class HostLine:
    """Names with an address, which is 0.0.0.0 where a line is a name alone."""

    address: tuple[int, int]
    names: tuple[str, ...]
    source: Source


@record
class Who:
    """For which clients or tags a rule is, and for which it is not."""

    given: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


@record
class FilterRule:
    """A rule about names that fit a pattern."""

    pattern: str
    exception: bool
    source: Source
    important: bool = False
    badfilter: bool = False
    families: frozenset[int] = BOTH
    clients: Who = field(default=Who())
    tags: Who = field(default=Who())
    denyallow: tuple[str, ...] = ()
    rewrite: Rewrite | None = None


def parse(text: str, source: Source) -> HostLine | FilterRule | None:
    """Read a line; None for comments, rules about pages, and what AdGuard Home does not understand."""
    line = text.strip()
    if not line or line[0] in "!#" or _is_cosmetic(line):
        return None
    return _host_line(line, source) or _filter_rule(line, source)


def _is_cosmetic(line: str) -> bool:
    for letter in "#$":
        at = line.find(letter)
        if at >= 0 and not (at and line[at - 1] == " ") and line.startswith(COSMETIC, at):
            return True
    return False


def _host_line(line: str, source: Source) -> HostLine | None:
    at = line.find("#")
    bare = line[: at - 1] if at > 0 else line  # with the letter before the comment, whatever it is
    first, *names = _SPACE.split(bare.strip(" \t"))
    if not names:
        return HostLine((4, 0), (first,), source) if _DOMAIN.fullmatch(first) else None
    address = as_address(first)
    return HostLine(address, tuple(names), source) if address else None


def _filter_rule(line: str, source: Source) -> FilterRule | None:
    text = line.removeprefix("@@")
    whole = text.startswith("/") and text.endswith("/")  # a regular expression may have a $ of its own
    pattern, options = (text, "") if whole else _options(text)
    found = _modifiers(options)
    if not text or found is None:
        return None
    if (pattern in TOO_WIDE or len(pattern) < 3) and not found.keys() & {"families", "clients", "tags", "denyallow"}:
        return None
    pattern = pattern[:-2] + "^" if pattern.endswith("/*") else pattern
    return FilterRule(pattern, line.startswith("@@"), source, **found)


def _options(text: str) -> tuple[str, str]:
    """The pattern, and what stands behind the last ``$`` that no backslash stands before."""
    escaped = False
    for at in range(len(text) - 2, -1, -1):
        if text[at] != "$":
            continue
        if not escaped and at and text[at - 1] == "\\":
            escaped = True
            continue
        return text[:at], text[at + 1 :].replace("\\$", "$") if escaped else text[at + 1 :]
    return text, ""


def _parted(text: str, sign: str) -> Iterator[str]:
    """Parts between signs that no backslash stands before; empty ones are left out."""
    part = ""
    for letter in text:
        if letter != sign:
            part += letter
        elif part.endswith("\\"):
            part = part[:-1] + letter
        else:
            if part:
                yield part
            part = ""
    if part:
        yield part


def _modifiers(options: str) -> dict[str, Any] | None:
    """What the modifiers say of a rule; None where it does not count for names, or is not understood."""
    found: dict[str, Any] = {}
    for option in _parted(options, ","):
        name, _, value = option.partition("=")
        if name.startswith("~") and name[1:] in TYPES:
            continue
        said = _modifier(name, value)
        if said is None:
            return None
        found[said[0]] = said[1]
    return found


def _modifier(name: str, value: str) -> tuple[str, Any] | None:
    """What a modifier about names says; None for all others, and where its value is wrong."""
    match name:
        case "important" | "badfilter":
            return name, True
        case "dnstype":
            families = _families(value)
            return None if families is None else ("families", families)
        case "dnsrewrite":
            found = rewrite(value)
            return ("rewrite", found) if found else None
        case "denyallow":
            domains = tuple(one.lower() for one in value.split("|"))
            well = all(_DOMAIN.fullmatch(one) or one.endswith(".*") for one in domains)
            return (name, domains) if well else None
        case "ctag":
            tags = _who(value.split("|"))
            well = all(re.fullmatch("[a-z0-9_]*", one) for one in (*tags.given, *tags.but))
            return ("tags", tags) if value and well else None
        case "client":
            clients = _who(_parted(value, "|"))
            return ("clients", clients) if value else None
    return None


def _families(value: str) -> frozenset[int] | None:
    """The families whose questions a rule is for; types that are not known here are taken for types of others."""
    words = value.upper().split("|")
    if any(one.removeprefix("~") in ("", "NONE", "RESERVED") for one in words):
        return None
    given = {one for one in words if not one.startswith("~")}
    but = {one[1:] for one in words if one.startswith("~")}
    return frozenset(family for name, family in FAMILIES.items() if name not in but and (not given or name in given))


def _who(words: Iterable[str]) -> Who:
    given: list[str] = []
    but: list[str] = []
    for word in words:
        name = word.removeprefix("~")
        if len(name) > 1 and name[0] in "'\"" and name[0] == name[-1]:
            name = name[1:-1].replace("\\" + name[0], name[0])
        (but if word.startswith("~") else given).append(name.replace("\\,", ","))
    return Who(tuple(given), tuple(but))
