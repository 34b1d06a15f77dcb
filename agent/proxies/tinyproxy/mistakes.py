"""Lines of tinyproxy's configuration that do not mean what somebody believes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.naming import Mistake
from agent.proxies.tinyproxy.hosts import client
from agent.proxies.tinyproxy.patterns import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.proxies.tinyproxy.filters import Entry
    from agent.proxies.tinyproxy.stages import Stages

PROBE: Final = "gateproof-probe"
"""A label that no configuration names."""


def mistakes(stages: Stages, interest: Interest) -> Iterator[Mistake]:
    """The lines, with what to write instead."""
    yield from _misread(stages)
    for one in stages.entries:
        for name in sorted(interest.names):
            if not stages.by_url and (found := _of_filter(one, name, stages)):
                what, remedy = found
                yield Mistake(what, remedy, one.source, (name,))
    sites = {(line.parts[1] or line.parts[5] or "").lower(): line for line in stages.all("upstream")}
    for site, line in sites.items():
        name = site.removeprefix(".")
        if name in interest.names and not {name, f".{name}"} <= sites.keys():
            forgotten = f"{name} itself" if site.startswith(".") else f"names below {name}"
            other = name if site.startswith(".") else f".{name}"
            yield Mistake(f'"{site}" does not mean {forgotten}', f'another line with "{other}"', line.source, (name,))


def _misread(stages: Stages) -> Iterator[Mistake]:
    """Lines that say something else to tinyproxy than to people."""
    for one in stages.all("connectport"):
        if len(one.value) > 1 and one.value.startswith("0"):
            what = f"{one.value} begins with a zero, and is read as the octal number {one.number}"
            yield Mistake(what, f"ConnectPort {one.value.lstrip('0')}", one.source)
    for name in ("filterdefaultdeny", "filterurls", "filtercasesensitive", "filterextended"):
        lines = list(stages.all(name))
        on = next((one for one in lines if one.on), None)
        if on and not lines[-1].on:
            what = f"{lines[-1].source.text} does not take back what line {on.source.line} switches on"
            yield Mistake(what, f"Take line {on.source.line} out", lines[-1].source)
    for one in stages.all("allow", "deny"):
        if client(one.value) is None:
            yield Mistake(f"{one.value} is no address, and the line is left out", "an address or a prefix", one.source)


def _of_filter(entry: Entry, name: str, stages: Stages) -> tuple[str, str] | None:
    """What is wrong with a line about a name, and what to write."""
    fits = entry.fits
    written = entry.text.split()[0].partition("#")[0]
    if fits is None or re.sub(r"[^a-z0-9.-]", "", written.lower()).strip(".-") != name:
        return _in_between(entry, name, stages)
    itself, below = name in fits, f"{PROBE}.{name}" in fits
    alone = stages.syntax is Syntax.FNMATCH
    remedy = f"*.{name} and, in a line of its own, {name}" if alone else _whole(name, stages.syntax)
    if written.startswith("*") and not itself and not below:
        return f"{written} is a regular expression, whose first star stands for itself: it fits no name", remedy
    missing = f"{PROBE}.{name}" if itself else name
    if not itself and not below and written != written.lower():
        return f"{written} fits no name: its capitals count, and names come in lower case", remedy
    if itself is not below and not any(one.fits and missing in one.fits for one in stages.entries):
        return f"{written} does not fit {f'names below {name}' if itself else f'{name} itself'}", remedy
    if stages.denies and f"{name}.{PROBE}" in fits:
        return f"{written} also fits names of others that only contain {name}", remedy
    if stages.denies and (f"{PROBE}{name}" in fits or re.sub(r"\.", "x", name) in fits):
        return f"{written} also fits names of others that only end like {name}", remedy
    return None


def _in_between(entry: Entry, name: str, stages: Stages) -> tuple[str, str] | None:
    """A line that denies a name because of letters in the middle of a label."""
    letters = re.fullmatch(r"((?:[a-z0-9-]|\\?\.)+)(\$?)", entry.text.split()[0].lower())
    if stages.denies or entry.fits is None or not letters or stages.syntax is Syntax.FNMATCH or name not in entry.fits:
        return None
    meant = letters[1].replace("\\", "")
    if f".{name}.".find(f".{meant}.") >= 0:
        return None
    return f"{entry.text} fits {name}, which only contains it", _whole(meant, stages.syntax)


def _whole(name: str, syntax: Syntax) -> str:
    """A regular expression for a name and all below it."""
    begin = r"(^|\.)" if syntax is Syntax.ERE else r"\(^\|\.\)"
    return begin + re.escape(name).replace(r"\-", "-") + "$"
