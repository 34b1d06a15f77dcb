"""Who gets answers, and who asks for others (``allow-from``, ``proxy-protocol-from``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, prefix_interval
from agent.model.resolver import Fate, Outcome, View
from agent.model.source import Gap
from agent.resolvers.pdns_recursor.settings import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.resolvers.pdns_recursor.settings import Settings
    from agent.snapshot.following import Following

WHOLE: Final = {4: Intervals.span(0, (1 << 32) - 1), 6: Intervals.span(0, (1 << 128) - 1)}


def apart(views: Sequence[View]) -> Iterator[View]:
    """No client is in two: the first that has one keeps it."""
    left = dict(WHOLE)
    for view in views:
        mine = tuple((family, addresses & left[family]) for family, addresses in view.clients or ())
        for family, addresses in mine:
            left[family] -= addresses
        if any(addresses for _, addresses in mine):
            yield replace(view, clients=mine)


def proxied(given: Settings) -> Iterator[View]:
    """Those who say for whom they ask (PROXY protocol)."""
    setting = given.get("proxy-protocol-from")
    for word in setting.words:
        try:
            family, block = prefix_interval(word)
        except ValueError:
            continue
        because = f"proxy-protocol-from: {word} asks for other clients"
        yield View((), Outcome(Fate.UNKNOWN, because=because), ((family, Intervals.span(*block)),), setting.source)


def allowed(given: Settings, following: Following) -> tuple[dict[int, Intervals], list[Gap]]:
    """Who is let in (the narrowest block decides, ``!`` shuts out), and what cannot be followed of that."""
    gaps: list[Gap] = []
    setting = given.get("allow-from")
    words = list(setting.words)
    named = given.get("allow-from-file")
    if named.value:
        artifact = following.file(named.value, named.source)
        if artifact is None:
            gaps.append(Gap(KIND, f"who is let in is not known: {named.value}", named.source))
        lines = artifact.text.split("\n") if artifact else []
        words = [text for line in lines if (text := line.partition("#")[0].strip())]
    if not words:  # a file without any lets everybody in as well
        return dict(WHOLE), gaps
    blocks: list[tuple[int, tuple[int, int], bool]] = []
    for word in words:
        try:
            family, block = prefix_interval(word.removeprefix("!"))
        except ValueError as error:
            gaps.append(Gap(KIND, f"allow-from: {error}", named.source or setting.source))
            continue
        blocks.append((family, block, not word.startswith("!")))
    found = {4: Intervals(), 6: Intervals()}
    for family, block, let_in in sorted(blocks, key=lambda one: one[1][0] - one[1][1]):
        span = Intervals.span(*block)
        found[family] = found[family] | span if let_in else found[family] - span
    return found, gaps
