"""What a PAC file has a zone's clients do for a requirement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.namespace import parts
from agent.judge.opinion import Opinion
from agent.judge.wording import listed
from agent.model.record import record
from agent.model.vocabulary import Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.pac import Pac
    from agent.model.requirement import PortNeed, Requirement

TITLE: Final = "PAC file"
DIRECT: Final = "direct"
_PROXIES: Final = frozenset({"PROXY", "HTTP", "HTTPS", "SOCKS", "SOCKS4", "SOCKS5"})
_DEFAULT_PORTS: Final = {"HTTPS": 443, "SOCKS": 1080, "SOCKS4": 1080, "SOCKS5": 1080}


@record
class Script:
    """The opinion on the script itself, and what it has clients do: for each answer the proxies to try in turn."""

    opinion: Opinion
    choices: tuple[tuple[str, ...], ...] = ()
    """``host:port``, or ``direct``."""


def script(pacs: Sequence[Pac], requirement: Requirement, port: PortNeed) -> Script:
    """Give what the scripts of a gateway say about all names of a requirement."""
    choices: dict[tuple[str, ...], list[str]] = {}
    sources = tuple(one.source for one in pacs)
    for pac in pacs:
        if pac.trouble:
            because = f"the PAC file gives no answer: {pac.trouble}: {pac.source}"
            return Script(Opinion(TITLE, Reach.UNKNOWN, because, (pac.source,)))
        try:
            found = parts(requirement, (rule.names for rule in pac.rules))
        except ValueError as error:
            return Script(Opinion(TITLE, Reach.UNKNOWN, str(error), (pac.source,)))
        for part in found:
            rule = pac.rule(part.sample, port.port)
            for way in rule.ways if rule else ("DIRECT",):
                read = choices_of(way)
                if not read:
                    because = f"the PAC file answers {way[:80]!r} for {part.text}, which names no proxy: {pac.source}"
                    return Script(Opinion(TITLE, Reach.BLOCKED, because, (pac.source,), (Stage.PAC,)))
                depends = f" ({rule.depends_on} decides)" if rule and rule.depends_on else ""
                choices.setdefault(read, []).append(f"{part.text}{depends}")
    told = "; ".join(
        f"{' then '.join(choice)}{f' for {listed(names)}' if len(choices) > 1 else ''}"
        for choice, names in choices.items()
    )
    opinion = Opinion(TITLE, Reach.ALLOWED, f"clients go {told}, as samples of names show", sources)
    return Script(opinion, tuple(choices))


def choices_of(way: str) -> tuple[str, ...]:
    """The proxies of an answer in their order; none where it names none."""
    found = []
    for text in way.split(";"):
        kind, _, place = text.strip().partition(" ")
        if kind.upper() == "DIRECT":
            found.append(DIRECT)
        elif kind.upper() in _PROXIES and place.strip():
            host, colon, number = place.strip().rpartition(":")
            if not colon or not number.isdecimal():
                host, number = place.strip(), str(_DEFAULT_PORTS.get(kind.upper(), 80))
            found.append(f"{host}:{number}")
    return tuple(found)
