"""Suricata's EVE log: events of dns (all three layouts), tls, http, quic, alert and drop (doc/userguide/output/eve)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import name
from agent.model.observation import (
    FirewallLog,
    HttpRequest,
    HttpResponse,
    Observation,
    QuicLog,
    ResourceRecord,
    TlsLog,
)
from agent.observe.logs_json import Fields, dns, quic_version, tls_version
from agent.wire.dns_names import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.logline import Clock
    from agent.model.observation import Message

KIND: Final = "eve"
QUESTIONS: Final = frozenset({"query", "request"})
ANSWERS: Final = frozenset({"answer", "response"})
ACTIONS: Final = {"allowed": "accept", "blocked": "block"}
"""What an alert says of its packet."""
_NAMES: Final = frozenset({"CNAME", "DNAME", "NS", "PTR"})
_HEAD: Final = re.compile(rb'\{.*"event_type"\s*:\s*"[a-z0-9_]+"', re.DOTALL)
_FRONT: Final = re.compile(rb"(?:[^{]{0,300}\bsuricata\b[^{]{0,200}|[^{]{0,300}@cee: ?)?")
"""What syslog writes in front where Suricata's ``filetype`` is that, with its ``prefix``."""
_FLAGS: Final = ("aa", "tc", "rd", "ra")

Said = tuple["Message", bool]
"""A message, and whether the server sent it."""


def recognises(line: bytes) -> bool:
    """Whether it is an event."""
    return _HEAD.match(line, _begin(line)) is not None


def _begin(line: bytes) -> int:
    """Where an event begins."""
    front = _FRONT.match(line) if line[:1] != b"{" else None
    return front.end() if front is not None else 0


class Reader:
    """Takes the events of a log; those of other types say nothing."""

    def __init__(self, clock: Clock) -> None:
        self.malformed = 0
        """Lines that are no events, or events without a time."""
        self._clock = clock

    def take(self, line: bytes) -> list[Observation]:
        """What an event says."""
        try:
            event = Fields.read(line[_begin(line) :])
            kind = event.text("event_type")
            self.malformed += kind is None
            say = _SAID.get(kind or "")
            return list(self._observations(event, say)) if say is not None else []
        except Malformed:
            self.malformed += 1
            return []

    def _observations(self, event: Fields, say: Callable[[Fields], Iterator[Said]]) -> Iterator[Observation]:
        at = event.time("timestamp", self._clock)
        one = (event.address("src_ip"), event.port("src_port"))
        other = (event.address("dest_ip"), event.port("dest_port"))
        # of answers some versions write the packet's direction, others that of the flow
        client, server = (other, one) if one[1] == 53 and other[1] != 53 else (one, other)
        transport = {"UDP": "udp", "TCP": "tcp"}.get((event.text("proto") or "").upper())
        for message, back in say(event):
            source, target = (one, other) if isinstance(message, FirewallLog) else (client, server)
            if back:
                source, target = target, source
            yield Observation(
                at, source[0], target[0], source[1], target[1], transport, message,
                iface=event.text("in_iface"), sensor=KIND,
            )  # fmt: skip


def _dns(event: Fields) -> Iterator[Said]:
    found = event.inner("dns")
    if found is None:
        raise Malformed("no dns in an event of dns")
    sort = found.text("type")
    asked = next(iter(found.each("queries") or found.each("query")), found)
    qname, qtype, number = asked.name("rrname"), _type(asked), found.number("id")
    if sort in QUESTIONS:
        yield dns("query", found, _FLAGS, number=number, qname=qname, qtype=qtype), False
    elif sort in ANSWERS:
        answers = tuple(map(_resource, found.each("answers")))
        authority = tuple(map(_resource, found.each("authorities")))
        if "rdata" in found.values:
            # the first layout: each record an event, which names its owner and not what was asked
            answers = (_resource(found),)
        rcode = found.text("rcode")
        yield dns(
            "response", found, _FLAGS, number=number, qname=qname, qtype=qtype, rcode=rcode, answers=answers,
            authority=authority,
        ), True  # fmt: skip
    elif sort is None:
        raise Malformed("no query and no answer")


def _type(fields: Fields) -> str | None:
    written = fields.text("rrtype")
    if written is None:
        return None
    bare = written.upper().removeprefix("TYPE")
    return TYPES.get(int(bare), bare) if bare.isascii() and bare.isdecimal() and len(bare) <= 5 else written.upper()


def _resource(fields: Fields) -> ResourceRecord:
    kind = _type(fields) or ""
    data = fields.text("rdata") or ""
    data = name(data) or "" if kind in _NAMES else data
    return ResourceRecord(fields.name("rrname") or "", kind, fields.number("ttl") or 0, data)


def _tls(event: Fields) -> Iterator[Said]:
    if (found := event.inner("tls")) is not None:
        ja3 = found.inner("ja3")
        yield TlsLog(
            found.name("sni"), tls_version(found.text("version")), found.texts("client_alpns"),
            ja3.text("hash") if ja3 is not None else None, found.text("ja4"),
        ), False  # fmt: skip


def _quic(event: Fields) -> Iterator[Said]:
    if (found := event.inner("quic")) is not None:
        ja3 = found.inner("ja3")
        yield QuicLog(
            found.name("sni"), quic_version(found.text("version")), (),
            ja3.text("hash") if ja3 is not None else None, found.text("ja4"),
        ), False  # fmt: skip


def _http(event: Fields) -> Iterator[Said]:
    found = event.inner("http")
    if found is None:
        return
    method, uri, host = found.text("http_method"), found.text("url") or "", found.name("hostname")
    if method is not None:
        port = found.port("http_port")
        shown = f"{host}:{port}" if host is not None and port is not None else host
        connect = uri.lower() if method == "CONNECT" else None
        agent = found.text("http_user_agent")
        yield HttpRequest(method, shown, uri, agent, found.text("protocol") or "", connect), False
    if (status := found.number("status")) is not None and 100 <= status <= 999:
        yield HttpResponse(status, "", None, found.text("redirect"), found.text("http_content_type")), True


def _alert(event: Fields) -> Iterator[Said]:
    if (found := event.inner("alert")) is not None:
        action = ACTIONS.get(found.text("action") or "")
        yield FirewallLog(found.text("signature") or "", event.text("in_iface"), None, action), False


def _drop(event: Fields) -> Iterator[Said]:
    alert, drop = event.inner("alert"), event.inner("drop")
    why = (alert.text("signature") if alert is not None else None) or (
        drop.text("reason") if drop is not None else None
    )
    yield FirewallLog(why or "", event.text("in_iface"), None, "drop"), False


_SAID: Final[dict[str, Callable[[Fields], Iterator[Said]]]] = {
    "dns": _dns, "tls": _tls, "quic": _quic, "http": _http, "alert": _alert, "drop": _drop,
}  # fmt: skip
