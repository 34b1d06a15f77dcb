"""Lines in lists of e2guardian that do not mean what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.naming import Mistake
from agent.proxies.e2guardian.lists import site, tidied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.proxies.e2guardian.lists import Definition, Entry, Lists

LETS_PASS: Final = ("exception", "localexception")
STOPS: Final = {"banned": ("exception", "localexception"), "localbanned": ("localexception",)}
"""Lists that stop, with those that are asked before them in the shipped storyboard."""


def mistakes(all_lists: Iterable[Lists]) -> Iterator[Mistake]:
    """Those in lists of sites and URLs, one for each line."""
    seen: set[tuple[str, int | None]] = set()
    for lists in all_lists:
        for definition, entries in lists.all():
            if definition.kind not in ("site", "url"):
                continue
            for entry in entries:
                place = entry.source.artifact, entry.source.line
                found = _mistake(definition, entry) or _shadowed(definition, entry, lists)
                if found and place not in seen:
                    seen.add(place)
                    yield found


def _mistake(definition: Definition, entry: Entry) -> Mistake | None:
    text = tidied(entry.text)
    bare = text.partition("://")[2] or text
    host = bare.lstrip("*.").partition("/")[0].partition(":")[0]
    if "://" in text:
        return Mistake(f"{text} fits nothing: lists are compared without a scheme", host, entry.source)
    if text.startswith("*"):
        return Mistake(f"{text} fits nothing: a name stands for all below it, a * for itself", host, entry.source)
    if text.startswith(".") and text.count(".") > 1:
        return Mistake(f"{text} fits nothing: only endings like .com are written with a dot", host, entry.source)
    if definition.kind == "site":
        if "/" in text:
            return Mistake(f"{text} fits nothing: a path belongs into a urllist", host, entry.source)
        if ":" in text:
            return Mistake(f"{text} fits nothing: names are compared without a port", host, entry.source)
        if "." not in text:
            return Mistake(f"{text} fits nothing: endings are written .{text}", f".{text}", entry.source)
        if text.startswith("www."):
            return Mistake(f"{text} does not stand for {text[4:]} itself", text[4:], entry.source)
    return None


def _shadowed(definition: Definition, entry: Entry, lists: Lists) -> Mistake | None:
    """A line that stops what a line of another list lets pass first."""
    names = site(entry.text) if definition.kind == "site" else None
    for other in STOPS.get(definition.name, ()):
        for passing in lists.entries("site", other):
            allowed = site(passing.text)
            if names and allowed and names.text in allowed and not passing.times:
                what = f"{entry.text} is never stopped: {passing.text} in the list {other} lets it pass"
                remedy = f"take {passing.text} out of {passing.source.artifact.removeprefix('files')}"
                return Mistake(what, remedy, entry.source)
    return None
