"""Zeek's logs as JSON: dns, ssl, http and quic, by ``_path`` or by their fields (base/protocols of its scripts).

conn.log says how connections ended, which no message on the wire is: its lines say nothing here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import address, name
from agent.model.observation import HttpRequest, HttpResponse, Observation, QuicLog, ResourceRecord, TlsLog
from agent.observe.logs_json import Fields, dns, quic_version, tls_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.logline import Clock
    from agent.model.observation import Message

KIND: Final = "zeek"
MARKS: Final = {
    "dns": ("trans_id", "qtype_name", "rcode_name"),
    "quic": ("client_initial_dcid", "client_scid"),
    "http": ("trans_depth",),
    "ssl": ("established", "ssl_history", "server_name"),
}
"""Fields that each log has of its own, where ``_path`` does not say which it is."""
_HEAD: Final = re.compile(rb'\{.*"(?:id\.orig_h|_path)"\s*:\s*"', re.DOTALL)
_FLAGS: Final = ("AA", "TC", "RD", "RA")

Said = tuple["Message", bool, float]
"""A message, whether the server sent it, and how many seconds later."""


def recognises(line: bytes) -> bool:
    """Whether it is a line of such a log."""
    return line[:1] == b"{" and b'"event_type"' not in line and _HEAD.match(line) is not None


class Reader:
    """Takes the lines of logs, also of several in one; those of other logs say nothing."""

    def __init__(self, clock: Clock) -> None:
        self.malformed = 0
        """Lines that are no JSON, or have no time."""
        self._clock = clock

    def take(self, line: bytes) -> list[Observation]:
        """What a line says."""
        try:
            fields = Fields.read(line)
            say = _SAID.get(_path(fields) or "")
            return list(self._observations(fields, say)) if say is not None else []
        except Malformed:
            self.malformed += 1
            return []

    def _observations(self, fields: Fields, say: Callable[[Fields], Iterator[Said]]) -> Iterator[Observation]:
        at = fields.time("ts", self._clock)
        client = (fields.address("id.orig_h"), fields.port("id.orig_p"))
        server = (fields.address("id.resp_h"), fields.port("id.resp_p"))
        for message, back, later in say(fields):
            transport = fields.text("proto") or ("udp" if isinstance(message, QuicLog) else "tcp")
            source, target = (server, client) if back else (client, server)
            yield Observation(
                at + later, source[0], target[0], source[1], target[1],
                transport if transport in {"tcp", "udp"} else None, message, sensor=KIND,
            )  # fmt: skip


def _path(fields: Fields) -> str | None:
    if (path := fields.text("_path")) is not None:
        return path
    return next((path for path, marks in MARKS.items() if any(one in fields.values for one in marks)), None)


def _dns(fields: Fields) -> Iterator[Said]:
    qname, number = fields.name("query"), fields.number("trans_id")
    qtype = fields.text("qtype_name")
    qtype = "ANY" if qtype == "*" else qtype
    yield dns("query", fields, ("", "", "RD", ""), number=number, qname=qname, qtype=qtype), False, 0.0
    rcode = fields.text("rcode_name")
    if rcode is not None:
        rtt = fields.values.get("rtt")
        later = float(rtt) if isinstance(rtt, int | float) and 0 <= rtt < 3600 else 0.0
        answers = _answers(fields, qname or "", qtype or "")
        yield dns(
            "response", fields, _FLAGS, number=number, qname=qname, qtype=qtype, rcode=rcode, answers=answers
        ), True, later  # fmt: skip


def _answers(fields: Fields, owner: str, qtype: str) -> tuple[ResourceRecord, ...]:
    """Zeek says the data only: a name in the answer to a question for addresses is what the name before stands for."""
    found = []
    times = fields.values.get("TTLs")
    for at, text in enumerate(fields.texts("answers")):
        ttl = times[at] if isinstance(times, list) and at < len(times) and isinstance(times[at], int | float) else 0
        data = address(text)
        if data:
            found.append(ResourceRecord(owner, "AAAA" if ":" in data else "A", int(ttl), data))
        elif qtype in {"A", "AAAA"} and (target := name(text)) is not None:
            found.append(ResourceRecord(owner, "CNAME", int(ttl), target))
            owner = target
        else:
            found.append(ResourceRecord(owner, qtype, int(ttl), text))
    return tuple(found)


def _ssl(fields: Fields) -> Iterator[Said]:
    chosen = fields.text("next_protocol")
    yield TlsLog(
        fields.name("server_name"), tls_version(fields.text("version")), (chosen,) if chosen else (),
        fields.text("ja3"), fields.text("ja4"), fields.flag("established"),
    ), False, 0.0  # fmt: skip


def _quic(fields: Fields) -> Iterator[Said]:
    offered = fields.text("client_protocol")
    yield QuicLog(
        fields.name("server_name"), quic_version(fields.text("version")), (offered,) if offered else ()
    ), False, 0.0  # fmt: skip


def _http(fields: Fields) -> Iterator[Said]:
    method, uri = fields.text("method"), fields.text("uri") or ""
    if method is not None:
        version = fields.text("version")
        connect = uri.lower() if method == "CONNECT" else None
        host = fields.text("host")
        shown = host.lower() if host is not None else None
        agent = fields.text("user_agent")
        yield HttpRequest(method, shown, uri, agent, f"HTTP/{version}" if version else "", connect), False, 0.0
    if (status := fields.number("status_code")) is not None and 100 <= status <= 999:
        kind = next(iter(fields.texts("resp_mime_types")), None)
        yield HttpResponse(status, fields.text("status_msg") or "", None, None, kind), True, 0.0


_SAID: Final[dict[str, Callable[[Fields], Iterator[Said]]]] = {"dns": _dns, "ssl": _ssl, "quic": _quic, "http": _http}
