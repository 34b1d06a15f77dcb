"""Patterns of Privoxy that do not mean what somebody believes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.naming import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.source import Source
    from agent.proxies.privoxy.actions import Entry
    from agent.proxies.privoxy.trust import Trusted

_HOST: Final = re.compile(r"[^/:]*")


def mistakes(found: Sequence[Entry], listed: Sequence[Trusted], interest: Interest) -> Iterator[Mistake]:
    """Where a line that lets a name through forgets part of it, or lets through more."""
    for one in found:
        change = one.change("block")
        if change and change[0] is None:
            yield from _of_pattern(one.text, one.source, interest)
    for line in listed:
        if line.trusted:
            yield from _of_pattern(line.text, line.source, interest)


def _of_pattern(text: str, source: Source, interest: Interest) -> Iterator[Mistake]:
    host = (_HOST.match(text) or [""])[0].lower()
    for name in sorted(interest.names):
        remedy = f".{name}"
        if host == name:
            yield Mistake(f"{host} does not fit names below {name}", remedy, source, (name,))
        elif host == f"*.{name}":
            what = f"{host} fits neither {name} itself nor names with more than one label before it"
            yield Mistake(what, remedy, source, (name,))
        elif host.endswith(".") and f".{name}.".find(f".{host.strip('.')}.") >= 0 and host.strip("."):
            yield Mistake(f"{host} also fits names of others that only contain it", remedy, source, (name,))
        elif host == f"*{name}":
            yield Mistake(f"{host} also fits names of others that only end like {name}", remedy, source, (name,))
