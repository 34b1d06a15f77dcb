"""Patterns of Privoxy that do not mean what somebody believes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.naming import Mistake
from agent.model.proxy import AllOf, Names
from agent.proxies.privoxy.config import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.proxies.privoxy.actions import Entry
    from agent.proxies.privoxy.config import Configuration
    from agent.proxies.privoxy.trust import Trusted

_HOST: Final = re.compile(r"[^/:]*")
PROBE: Final = "gateproof-probe"
"""A label that no configuration names."""


def mistakes(
    config: Configuration, found: Sequence[Entry], listed: Sequence[Trusted], interest: Interest
) -> Iterator[Mistake]:
    """Directives that do nothing, and where a line that lets a name through forgets part of it or lets through more."""
    for directive in config.directives:
        if directive.name not in KNOWN:
            what = f"Privoxy knows no directive {directive.name}, and ignores it"
            yield Mistake(what, "Take it out, or spell it as the manual does", directive.source)
    unblocked = [one for one in found if one.change("block") == (None,)]
    for lines in (unblocked, [one for one in listed if one.trusted]):
        for one in lines:
            for name in sorted(interest.names):
                what = _wrong(one.text, name, lines)
                if what:
                    yield Mistake(what, f".{name}", one.source, (name,))


def _wrong(text: str, name: str, lines: Sequence[Entry | Trusted]) -> str:
    """What is wrong with a line about a name; empty: nothing, or others make up for it."""
    host = (_HOST.match(text) or [""])[0].lower()
    if host == name and not _any_fits(lines, f"{PROBE}.{name}"):
        return f"{host} does not fit names below {name}"
    if host == f"*.{name}" and not (_any_fits(lines, name) and _any_fits(lines, f"{PROBE}.{PROBE}.{name}")):
        return f"{host} fits neither {name} itself nor names with more than one label before it"
    if host.endswith(".") and host.strip(".") and f".{host.strip('.')}." in f".{name}.":
        return f"{host} also fits names of others that only contain it"
    if host == f"*{name}":
        return f"{host} also fits names of others that only end like {name}"
    return ""


def _any_fits(lines: Sequence[Entry | Trusted], name: str) -> bool:
    """Whether a line is about a name, as far as names alone say so."""
    return any(
        all(isinstance(test, Names) and any(name in names for names in test.sets) for test in line.url.place.tests)
        for line in lines
        if isinstance(line.url.place, AllOf)
    )
