"""What may leave the tap: names that a pack requires, in clear; nothing else that anybody wrote.

Everything that a client, a server or a resolver chose freely (names, paths, user agents, texts, distinguished names,
connection ids) is left out unless it is a name that belongs to a pack. Addresses of clients are shortened or hashed;
those of the servers behind required names stay, as they are what an allow-list is compared with.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.observation import (
    Alert,
    Certificate,
    CertificateChain,
    ClientHello,
    Dns,
    FirewallLog,
    HttpRequest,
    HttpResponse,
    IcmpError,
    QuicHello,
    QuicPacket,
    Reset,
    ResourceRecord,
    ServerHello,
    TlsLog,
    Via,
)
from agent.model.record import record
from agent.observe.required import LONGEST, Patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.model.observation import Message, Observation
    from agent.model.requirement import Requirement

    Mask = Callable[[str], str]

HIDDEN: Final = "(hidden)"
"""In place of a text that belongs to no pack."""
FLOWS: Final = 1024
"""Connections of required names that are remembered; the oldest gives way."""
KEPT: Final = 1024
"""Names and addresses whose answer is remembered."""
ALPN: Final = frozenset({
    "http/0.9", "http/1.0", "http/1.1", "h2", "h2c", "h3", "h3-29", "dot", "doq", "acme-tls/1", "spdy/3.1", "spdy/3",
    "ftp", "imap", "pop3", "managesieve", "mqtt", "webrtc", "c-webrtc", "stun.turn", "xmpp-client", "xmpp-server",
})  # fmt: skip
"""Protocols that IANA knows; a client may write anything there."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@?#]*@)?([^/:?#@\[\]]+)", re.IGNORECASE)
_SCHEMES: Final = frozenset({"http", "https"})


class Names:
    """The names that packs require, with those that they are known to lead to."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        self._patterns: Patterns[bool] = Patterns()
        self._agents: set[str] = set()
        for requirement in requirements:
            self._agents.update(requirement.webhook_agents)
            self._patterns.add(requirement.pattern, value=True, apex=requirement.apex)
            for name, leads_to in requirement.aliases:
                for pattern in (name, *leads_to):
                    self._patterns.add(pattern, value=True)

    def cover(self, name: str | None) -> bool:
        """Whether a name is required: with or without last dot and port, in any case."""
        return self._patterns.find(name) is not None

    def all(self) -> list[str]:
        """The names, and those that wildcards stand above."""
        return self._patterns.names()

    def call(self, agent: str | None) -> bool:
        """Whether a user agent is that of a pack's webhooks."""
        return agent is not None and agent in self._agents


# ---- addresses ----


def full(address: str) -> str:
    """The address as it is."""
    return address


def truncated(address: str) -> str:
    """Its network: the first 24 bits of IPv4, 48 of IPv6."""
    value = ipaddress.ip_address(address)
    if isinstance(value, ipaddress.IPv6Address) and value.ipv4_mapped is not None:
        value = value.ipv4_mapped
    return str(ipaddress.ip_network((value, 24 if value.version == 4 else 48), strict=False))


class Hashed:
    """A keyed hash in its place: the same client is the same while the key lasts, and nobody can count through."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, address: str) -> str:
        """Sixteen hexadecimal digits behind ``client-``."""
        return "client-" + hashlib.blake2b(address.encode(), key=self._key, digest_size=8).hexdigest()


class Remembered:
    """The same answers, without computing each again."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._known: dict[str, str] = {}

    def __call__(self, address: str) -> str:
        """What the mask makes of an address."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._known[address] = self._mask(address)
        return found


# ---- messages ----


@record
class Tie:
    """The connection that a required name was asked for on."""

    name: str
    server: str
    """Its address."""


def redact(observation: Observation, names: Names, mask: Mask, tie: Tie | None = None) -> Observation | None:
    """What may leave of an observation, None where nothing may; ``tie`` is of the connection that it belongs to."""
    message = _message(observation.message, observation.via, names, tie)
    if message is None:
        return None
    via = observation.via
    if via is not None and via.connect_host is not None and not names.cover(via.connect_host):
        via = Via(via.how)
    return replace(shortened(observation, mask, tie), message=_quoted(message, mask, tie), via=via)


def shortened(observation: Observation, mask: Mask, tie: Tie | None) -> Observation:
    """The same with the addresses of clients masked: of both ends where it is not known which that is."""
    message = observation.message
    source, target = observation.src_ip, observation.dest_ip
    if tie is not None:
        source, target = (one if one == tie.server else _masked(one, mask) for one in (source, target))
    elif isinstance(message, ClientHello | QuicHello | HttpRequest | TlsLog) or _asks(message):
        source = _masked(source, mask)
    elif isinstance(message, Dns | ServerHello | CertificateChain | HttpResponse):
        target = _masked(target, mask)
    else:
        source, target = _masked(source, mask), _masked(target, mask)
    return replace(observation, src_ip=source, dest_ip=target, message=_quoted(message, mask, tie))


def _masked(address: str, mask: Mask) -> str:
    """An address masked; logs need not say one."""
    return mask(address) if address else ""


def _asks(message: Message) -> bool:
    return isinstance(message, Dns) and message.event == "query"


def _quoted(message: Message, mask: Mask, tie: Tie | None) -> Message:
    if not isinstance(message, IcmpError):
        return message
    server = tie.server if tie is not None else None
    source, target = (
        one if one is None or one == server else mask(one) for one in (message.orig_src_ip, message.orig_dest_ip)
    )
    return replace(message, orig_src_ip=source, orig_dest_ip=target)


def _message(message: Message, via: Via | None, names: Names, tie: Tie | None) -> Message | None:
    match message:
        case Dns():
            return _dns(message, names) if names.cover(message.qname) else None
        case ClientHello():
            sni = message.sni if names.cover(message.sni) else None
            through = via is not None and names.cover(via.connect_host)
            return replace(message, alpn=_alpn(message.alpn), sni=sni) if sni is not None or through else None
        case QuicHello():
            if not names.cover(message.sni):
                return None
            return replace(message, alpn=_alpn(message.alpn), dcid="", scid="")
        case TlsLog():
            # only names speak here: what else is logged belongs to no connection that could be remembered
            return replace(message, alpn=_alpn(message.alpn)) if names.cover(message.sni) else None
        case HttpRequest():
            return _request(message, names)
    if tie is None:
        return None
    match message:
        case ServerHello():
            known = message.alpn is not None and message.alpn in ALPN
            return message if known or message.alpn is None else replace(message, alpn=HIDDEN)
        case CertificateChain():
            return CertificateChain(tuple(_certificate(one, names) for one in message.chain))
        case QuicPacket():
            return replace(message, dcid="", scid="")
        case HttpResponse():
            return _response(message, names)
        case FirewallLog():
            return replace(message, prefix=HIDDEN)
        case Alert() | Reset() | IcmpError():
            return message
    return None


def _alpn(protocols: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one if one in ALPN else HIDDEN for one in protocols)


def _dns(message: Dns, names: Names) -> Dns:
    return replace(
        message,
        answers=tuple(_resource(one, names) for one in message.answers),
        authority=tuple(_resource(one, names) for one in message.authority),
        cname_chain=tuple(one if names.cover(one) else HIDDEN for one in message.cname_chain),
        ede=tuple(replace(one, extra_text=HIDDEN if one.extra_text else "") for one in message.ede),
    )


def _resource(resource: ResourceRecord, names: Names) -> ResourceRecord:
    # addresses of required names are wanted; anything else may say anything
    wanted = resource.type in {"A", "AAAA"} or (resource.type in {"CNAME", "DNAME"} and names.cover(resource.data))
    name = resource.name if names.cover(resource.name) else HIDDEN
    return ResourceRecord(name, resource.type, resource.ttl, resource.data if wanted else HIDDEN)


def _certificate(certificate: Certificate, names: Names) -> Certificate:
    """Who signed stays: it tells of an interceptor; whom it is for does not."""
    san = tuple(one for one in certificate.san if names.cover("x" + one[1:] if one.startswith("*.") else one))
    return replace(certificate, subject=HIDDEN, san=san)


def _request(message: HttpRequest, names: Names) -> HttpRequest | None:
    agent = message.user_agent if names.call(message.user_agent) else None
    host = message.host if names.cover(message.host) else None
    target = message.connect_host if names.cover(message.connect_host) else None
    if agent is None and host is None and target is None:
        return None
    method = message.method if message.method in METHODS else HIDDEN
    return replace(message, method=method, host=host, connect_host=target, user_agent=agent, uri=HIDDEN)


def _response(message: HttpResponse, names: Names) -> HttpResponse:
    location = message.location
    if location is not None:
        found = HOST.match(location)
        scheme = location.partition("://")[0].lower()
        shown = found is not None and scheme in _SCHEMES and names.cover(found[1])
        location = f"{scheme}://{found[1]}/" if found is not None and shown else HIDDEN
    return replace(message, reason="", server=None, location=location, content_type=None)


# ---- connections ----


class Flows:
    """Which connections were made for a required name; the only state there is."""

    def __init__(self, wanted: Callable[[str | None], bool]) -> None:
        self._wanted = wanted
        self._names: dict[tuple[str, int | None, str, int | None, str | None], str] = {}

    def tie(self, observation: Observation) -> Tie | None:
        """The connection of an observation, if it was made for a required name; learns it from the client's hello."""
        message = observation.message
        one = (observation.src_ip, observation.src_port)
        other = (observation.dest_ip, observation.dest_port)
        transport = observation.transport
        if isinstance(message, ClientHello | QuicHello | HttpRequest | TlsLog):
            return self._learn((*one, *other, transport), _asked(message, observation.via))
        if isinstance(message, IcmpError):
            transport = {6: "tcp", 17: "udp"}.get(message.orig_proto or 0)
            if transport is None or message.orig_src_ip is None or message.orig_dest_ip is None:
                return None
            one = (message.orig_src_ip, message.orig_src_port)
            other = (message.orig_dest_ip, message.orig_dest_port)
        for client, server in ((one, other), (other, one)):
            name = self._names.get((*client, *server, transport))
            if name is not None:
                return Tie(name, server[0])
        return None

    def _learn(self, key: tuple[str, int | None, str, int | None, str | None], name: str | None) -> Tie | None:
        # another name on the same connection takes the place of the one before, required or not
        self._names.pop(key, None)
        if name is None or len(name) > LONGEST or not self._wanted(name):
            return None
        if len(self._names) >= FLOWS:
            del self._names[next(iter(self._names))]
        self._names[key] = name
        return Tie(name, key[2])


def _asked(message: ClientHello | QuicHello | HttpRequest | TlsLog, via: Via | None) -> str | None:
    if isinstance(message, HttpRequest):
        return message.connect_host or message.host
    return message.sni or (via.connect_host if via is not None else None)
