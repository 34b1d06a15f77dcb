"""Who gets into which filter group: by authplugins for addresses and ports, else the default (``authplugins/``)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.proxy import ALWAYS, Clients, Open
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.e2guardian.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.proxies.e2guardian.settings import Setting, Settings
    from agent.snapshot.following import Following

_LINE: Final = re.compile(r"\s*([^=\s]+)\s*=\s*filter(\d{1,9})")


@record
class Member:
    """Clients of one filter group; the first that fits counts."""

    test: Test
    group: int
    """From 1; 0 where it is not known."""
    source: Source


def members(main: Settings, following: Following, port: int, count: int, *, transparent: bool) -> Iterator[Member]:
    """Who is in which group, in the order in which the program asks; those whom none fits are in the default group."""
    asked: Member | None = None
    for plugin in main.all("authplugin"):
        defined = settings(plugin.value, following, of_group=False)
        name = defined.text("plugname")
        if name == "ip":
            yield from _by_address(defined.text("ipgroups"), plugin, following, count)
        elif transparent and name != "ident":
            return  # of diverted connections nobody can be asked who it is, and with that the search ends
        elif name == "port":
            yield from _by_port(defined.text("portgroups"), plugin, following, port, count)
        else:
            because = f"clients say who they are (authplugin {name or plugin.value})"
            asked = Member(Open(f"authplugin {name}", because), 0, plugin.source)
            yield asked
    if asked is not None and not transparent:
        yield replace(asked, test=ALWAYS)


def default_group(main: Settings, *, transparent: bool) -> int:
    """The group of all others."""
    return main.number("defaulttransparentfiltergroup" if transparent else "defaultfiltergroup", 1) or 1


def _by_address(path: str, plugin: Setting, following: Following, count: int) -> Iterator[Member]:
    """Single addresses come before networks, and these before ranges, wherever they stand (``ipinstance``)."""
    found: tuple[list[Member], list[Member], list[Member]] = ([], [], [])
    for text, group, source in _lines(path, plugin, following):
        if not 1 <= group <= count:
            continue
        low, dash, high = text.partition("-")
        try:
            if dash:
                block = address_value(low)[1], address_value(high)[1]
            else:
                family, block = prefix_interval(text)
                if family != 4:
                    continue
        except ValueError:
            continue
        place = 2 if dash else 1 if "/" in text else 0
        found[place].append(Member(Clients(((4, Intervals.span(*block)),)), group, source))
    for some in found:
        yield from some


def _by_port(path: str, plugin: Setting, following: Following, port: int, count: int) -> Iterator[Member]:
    for text, group, source in _lines(path, plugin, following):
        if text == str(port) and 1 <= group <= count:
            yield Member(ALWAYS, group, source)


def _lines(path: str, plugin: Setting, following: Following) -> Iterator[tuple[str, int, Source]]:
    artifact = following.file(path, plugin.source) if path else None
    if artifact is None:
        return
    for number, line in enumerate(artifact.text.split("\n"), 1):
        if not line.startswith("#") and (found := _LINE.match(line)):
            yield found[1], int(found[2]), Source(artifact.name, line.strip(), number)
