"""Lines in lists of e2guardian that do not mean what they look like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.naming import Mistake
from agent.proxies.e2guardian.lists import site, tidied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.proxies.e2guardian.lists import Definition, Entry, Lists

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
                host = _host(entry)
                if place in seen or not lists.interest.touches(host):
                    continue
                found = _mistake(definition, entry, host) or _shadowed(definition, entry, lists)
                if found:
                    seen.add(place)
                    about = (one for one in lists.interest.names if one == host or one.endswith(f".{host}"))
                    yield replace(found, names=tuple(sorted(about)))


def _host(entry: Entry) -> str:
    """The name that a line was meant to be about."""
    text = tidied(entry.text)
    return (text.partition("://")[2] or text).removeprefix("*").strip(".").partition("/")[0].partition(":")[0]


def _mistake(definition: Definition, entry: Entry, host: str) -> Mistake | None:
    text = tidied(entry.text)
    what = ""
    if "://" in text:
        what = f"{text} fits nothing: lists are compared without a scheme"
    elif text.startswith("*"):
        what = f"{text} fits nothing: a name stands for all below it, a * for itself"
    elif text.startswith(".") and text.count(".") > 1:
        what = f"{text} fits nothing: only endings like .com are written with a dot"
    elif definition.kind == "url":
        return None
    elif "/" in text:
        what = f"{text} fits nothing: a path belongs into a urllist"
    elif ":" in text:
        what = f"{text} fits nothing: names are compared without a port"
    elif text.startswith("www."):
        return Mistake(f"{text} does not stand for {host[4:]} itself", host[4:], entry.source)
    return Mistake(what, host, entry.source) if what else None


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
