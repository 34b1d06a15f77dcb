"""At which sockets a zone's packets arrive: this host's own, and those that NAT, TPROXY or routing lead them to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.packet import PROTOCOLS
from agent.judge.reach import Prover, Question
from agent.judge.zones import own_addresses
from agent.model.intervals import Intervals, address_text
from agent.model.public import PUBLIC
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.judge.crossing import Elsewhere
    from agent.model.gateway import Gateway, Zone
    from agent.model.network import Listener

EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "*", ""})  # noqa: S104 - compared, not bound


@record
class Arrival:
    """A socket address that packets come to."""

    family: int
    address: str
    """Empty: an address of this host that is not known."""
    port: int
    here: bool = True
    """In this host's own network namespace."""

    def takes(self, listener: Listener, addresses: Sequence[str] = ()) -> bool:
        """Whether a socket takes what comes; ``addresses`` are those of its namespace where that is another."""
        if listener.port != self.port or self.here is bool(addresses):
            return False
        if addresses and self.address not in addresses:
            return False
        return listener.address in EVERYWHERE or not self.address or listener.address == self.address


def at_own(gateway: Gateway, prover: Prover, zone: Zone, proto: str, port: int) -> Iterator[Arrival]:
    """Where packets end that a zone's clients send to their gateway's own addresses."""
    for family in (4, 6):
        source = a_client(gateway, zone, family)
        for value in _gateways(gateway, zone, family) if source is not None else ():
            question = Question(family, PROTOCOLS[proto], port, zone.interface, source)
            reach = prover.reach(question, Intervals.single(value))
            if reach.stopped:
                continue
            places = {part.elsewhere for part in reach.parts}
            for place in sorted(places, key=str):
                yield _arrival(family, place, address_text(value, family), port)


def on_the_way(gateway: Gateway, prover: Prover, zone: Zone, proto: str, port: int) -> Iterator[Arrival]:
    """Where packets end that were meant for public addresses, but are led elsewhere."""
    for family in (4, 6):
        source = a_client(gateway, zone, family)
        if source is None:
            continue
        question = Question(family, PROTOCOLS[proto], port, zone.interface, source)
        reach = prover.reach(question, PUBLIC[family] - own_addresses(gateway.network, family))
        places = {part.elsewhere for part in reach.parts if part.verdict == "accept" and part.elsewhere}
        for place in sorted(places, key=str):
            yield _arrival(family, place, "", port)


def arrival(place: Elsewhere, port: int) -> Arrival:
    """The socket address that diverted packets for a port come to."""
    return _arrival(place.family, place, "", port)


def _arrival(family: int, place: Elsewhere | None, own: str, port: int) -> Arrival:
    if place is None:
        return Arrival(family, own, port)
    address = address_text(place.address, family) if place.address is not None else own
    return Arrival(family, address, place.port or port, place.here)


def a_client(gateway: Gateway, zone: Zone, family: int) -> int | None:
    """One of a zone's clients, other than its gateway."""
    clients = zone.source_addresses(family)
    own = own_addresses(gateway.network, family)
    return next((start for start, _ in clients - own), None) if clients else None


def _gateways(gateway: Gateway, zone: Zone, family: int) -> Iterator[int]:
    """The addresses by which a zone's clients know this host."""
    for interface in gateway.network.interfaces:
        if interface.name == zone.interface:
            yield from (one.value for one in interface.addresses if one.family == family and one.scope == "global")
