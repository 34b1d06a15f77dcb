"""Where requests are sent: to the server, or to a ``cache_peer`` (``peer_select.cc``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals
from agent.model.proxy import ALLOWED, ALWAYS, DENIED, NEVER, SAME_ADDRESS, Act, Methods, Open, Ports, Ruling
from agent.model.record import record
from agent.proxies.squid.access import Rule, allowed, decided, rules
from agent.proxies.squid.courses import Draft, Go
from agent.proxies.squid.logic import all_of, none_of
from agent.proxies.squid.moments import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.elements import Elements
    from agent.proxies.squid.moments import Moment

CHOSEN: Final = frozenset({"sourcehash", "userhash", "carp", "round-robin", "weighted-round-robin"})
"""Options of parents that come before those without."""
NEAR: Final = Open("near", "a server that Squid has found to be near is asked directly")
SAME: Final = Open(
    SAME_ADDRESS,
    "Squid may find another address for the name than the client did, and then refuses (409): have both ask one server",
)


@record
class Peer:
    """A ``cache_peer`` that requests can be sent to."""

    name: str
    at: str
    """``host:port``."""
    options: frozenset[str]
    access: tuple[Rule, ...] | None
    source: Source

    def may(self, elements: Elements, moment: Moment) -> Test:
        """Tell the requests that ``cache_peer_access`` lets it get."""
        return ALWAYS if self.access is None else allowed(self.access, elements, moment.quick)

    @property
    def asked(self) -> bool:
        """Whether Squid asks it what it has before it sends pages there: it has a port for that."""
        return any(word.isdecimal() for word in self.options) and not self.options & {"no-query", *CHOSEN}

    def suits(self, moment: Moment) -> Test:
        """Tell the requests that it may get: a web server gets tunnels to its own port only (``peerAllowedToUse``).

        What Squid reads in a tunnel goes where that was led.
        """
        own = Ports(Intervals.single(int(self.at.rpartition(":")[2])))
        tunnelled = moment.tunnel or moment.certificate
        return own if tunnelled and "originserver" in self.options else ALWAYS


def peers(config: Configuration) -> tuple[Peer, ...]:
    """The parents, those first that Squid would choose first (``selectSomeParent``): not those with ``default``."""
    return tuple(sorted(_peers(config), key=lambda one: not one.options & CHOSEN))


def _peers(config: Configuration) -> Iterator[Peer]:
    for line in config.all("cache_peer"):
        try:
            words = line.texts()
        except Malformed:
            continue
        if len(words) > 2 and words[1] == "parent" and words[2].isdecimal():
            host, _, port, *options = words
            name = next((word[5:] for word in options if word.startswith("name=")), host)
            about = tuple(one for one in config.all("cache_peer_access") if one.first.lower() == name.lower())
            access = rules(about, skip=1) if about else None
            yield Peer(name, f"{host}:{port}", frozenset(word for word in options if word != "0"), access, line.source)


def roads(
    config: Configuration, moment: Moment, prefix: str, onward: str = "", *, pinned: bool = False
) -> tuple[Draft, ...]:
    """The stages that choose where a request is sent; they end the course unless they lead onward.

    ``pinned``: there is a connection to the server already.
    """
    elements, found = config.elements, peers(config)
    direct, never, parents, either = (f"{prefix}-{word}" for word in ("direct", "never", "parents", "either"))

    def choice(name: str, directive: str, yes: str, no: str) -> Draft:
        lines = rules(config.all(directive))
        kept = tuple(
            (test, Go(yes if rule.allows else no), rule.source) for test, rule in decided(lines, elements, moment)
        )
        opposite = bool(lines) and not lines[-1].allows
        return Draft(name, directive, kept, Go(yes if opposite else no), lines[-1].source if opposite else None)

    by_peer = tuple(
        (
            all_of((one.suits(moment), one.may(elements, moment))),
            Go(onward, upstream=one.at) if onward else Ruling(Act.ALLOW, upstream=one.at),
            one.source,
        )
        for one in found
    )
    by_peer = (*_quickest(found, by_peer, moment), *by_peer)
    if pinned:
        by_peer = (*_closed(config, found, moment), *by_peer)
    by_peer = tuple(one for one in by_peer if one[0] != NEVER)
    server = Go(onward) if onward else ALLOWED
    kept = moment.port.accelerated and not moment.port.has("allow-direct")
    return (
        choice(f"{prefix}-always", "always_direct", direct, parents if kept else never),
        choice(never, "never_direct", parents, either),
        Draft(parents, "cache_peer", by_peer, DENIED),
        Draft(either, "cache_peer", () if pinned else _first(config, moment, by_peer), server),
        Draft(direct, "always_direct", (), server),
    )


def _quickest(
    found: tuple[Peer, ...], by_peer: tuple[tuple[Test, Ruling | Go, Source], ...], moment: Moment
) -> Iterator[tuple[Test, Ruling | Go, Source]]:
    """Of several peers that are asked first (ICP, HTCP), the one that answers first may get the request."""
    if len(found) > 1 and not moment.tunnel:
        for peer, (test, what, source) in zip(found, by_peer, strict=True):
            if peer.asked:
                because = f"the cache_peer that answers first is asked: {peer.name} may be that"
                yield all_of((Methods(frozenset({"GET"})), Open(f"answer of {peer.name}", because), test)), what, source


def _closed(
    config: Configuration, found: tuple[Peer, ...], moment: Moment
) -> Iterator[tuple[Test, Ruling | Go, Source]]:
    """What is inside TLS fails where it may not go where the connection already leads."""
    elements = config.elements
    outside = replace(
        moment, phase=Phase.ADDRESSED if moment.diverted else Phase.CONNECT, hello=moment.step > 1, certificate=False
    )
    for peer in found:
        if peer.may(elements, moment) != peer.may(elements, outside):
            because = f"whether {peer.name}, which may get a tunnel, may get what is inside as well"
            yield Open(f"pinned to {peer.name}", because), DENIED, peer.source
    because = "whether what is inside of a tunnel may go to the server as that does"
    for lines in (rules(config.all("always_direct")), rules(config.all("never_direct"))):
        inside, before = (tuple(decided(lines, elements, one)) for one in (moment, outside))
        if inside != before:
            yield Open("pinned to the server", because), DENIED, lines[0].source


def _first(
    config: Configuration, moment: Moment, by_peer: tuple[tuple[Test, Ruling | Go, Source], ...]
) -> tuple[tuple[Test, Ruling | Go, Source], ...]:
    """The peers that come before the server itself where both may be asked."""
    if config.switch("prefer_direct", default=False):
        return ()
    guards: list[Test] = []
    if config.switch("nonhierarchical_direct", default=True):
        if moment.tunnel:
            return ()
        guards.append(Methods(frozenset({"GET"})))
        if moment.diverted:  # only what is surely for that server goes to peers
            guards.append(SAME)
    if any(config.number(f"minimum_direct_{what}", default=1) for what in ("rtt", "hops")):
        guards.append(none_of(NEAR))
    return tuple((all_of((*guards, test)), what, source) for test, what, source in by_peer)
