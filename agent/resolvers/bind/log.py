"""BIND's logs of queries, failed queries and response policies (lib/ns/query.c, client.c).

::

    26-Nov-2026 17:40:03.123 queries: info: client @0x7f21 10.1.2.3#53001 (www.example.com): query: www.example.com IN A
      +E(0)K (10.1.2.1)
    26-Nov-2026 17:40:03.124 client 10.1.2.3#53001 (b.example): rpz QNAME NXDOMAIN rewrite
      b.example/A/IN via b.example.rpz
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import address, entry, port
from agent.resolvers.query_log import answer, question, record_type

if TYPE_CHECKING:
    from agent.logline import Clock
    from agent.model.observation import Observation

KIND: Final = "bind"
_HEAD: Final = re.compile(
    r"(?:(?P<own>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3}) |(?P<iso>\d{4}-\d\d-\d\dT\S+) )?"
    r"(?:(?:queries|query-errors|rpz): )?(?:[a-z]+(?: \d+)?: )?"
    r"client (?:@0x[0-9a-f]+ )?(?P<client>[0-9a-fA-F.:%]+)#(?P<port>\d+)(?:/key \S+)? \([^)]*\): "
    r"(?:view \S+: )?(?P<rest>.*)",
    re.ASCII | re.DOTALL,
)
_QUERY: Final = re.compile(r"query: (\S+) (\S+) (\S+) (\S+)(?: \(([0-9a-fA-F.:%]+)\))?(?: .*)?", re.ASCII)
_FAILED: Final = re.compile(r"query failed \(([A-Za-z ]+)\) for (\S+)/([A-Z0-9]+)/([A-Z0-9]+) at .*", re.ASCII)
_POLICY: Final = re.compile(
    r"rpz \S+ (NXDOMAIN|NODATA)(?:-[A-Z-]+)? rewrite (\S+)/([A-Z0-9]+)/([A-Z0-9]+) via .*", re.ASCII
)
_OWN: Final = re.compile(r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3} ", re.ASCII)
_ANY: Final = re.compile(rb"(?:.{0,120}[ >])?named\[\d+\]: |\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3} ")
_FAILURES: Final = {"SERVFAIL": "SERVFAIL", "REFUSED": "REFUSED", "failure": "SERVFAIL", "timed out": "SERVFAIL"}
_BEGIN: Final = re.compile(
    rb".{0,160}client (?:@0x[0-9a-f]+ )?[0-9a-fA-F.:%]+#\d+(?:/key \S+)? \([^)]*\): (?:view \S+: )?(?:query|rpz)\b"
)


def recognises(line: bytes) -> bool:
    """Whether it is a line of BIND."""
    return _BEGIN.match(line) is not None or _ANY.match(line) is not None


class Reader:
    """Takes the lines of a log; those about other things say nothing."""

    def __init__(self, clock: Clock) -> None:
        self.malformed = 0
        """Lines about questions that were not understood, and those of others."""
        self._clock = clock

    def take(self, line: bytes) -> list[Observation]:
        """What a line says."""
        try:
            return self._said(line)
        except Malformed:
            self.malformed += 1
            return []

    def _said(self, line: bytes) -> list[Observation]:
        text = line.decode(errors="backslashreplace").rstrip("\r\n")
        at = None
        if (found := _HEAD.fullmatch(text)) is None:
            head = entry(line, self._clock)
            at = head.at
            if (found := _HEAD.fullmatch(head.text)) is None:
                self.malformed += head.tag != "named" and _OWN.match(text) is None
                return []
        if at is None:
            at = self._time(found)
        client, client_port = address(found["client"]), port(found["port"])
        if said := _QUERY.fullmatch(found["rest"]):
            flags = said[4]
            return [
                question(
                    at, KIND, client, said[1], record_type(said[3]), client_port=client_port, server=said[5] or "",
                    qclass=said[2], transport="tcp" if "T" in flags else "udp", rd=flags[:1] == "+", cd="C" in flags,
                )
            ]  # fmt: skip
        if said := _FAILED.fullmatch(found["rest"]):
            rcode, asked, sort, kind = _FAILURES.get(said[1]), said[2], said[3], said[4]
        elif said := _POLICY.fullmatch(found["rest"]):
            # of policies BIND writes the type first
            rcode, asked, kind, sort = {"NODATA": "NOERROR"}.get(said[1], said[1]), said[2], said[3], said[4]
        else:
            return []
        if rcode is None:
            return []
        return [answer(at, KIND, client, asked, record_type(kind), rcode=rcode, client_port=client_port, qclass=sort)]

    def _time(self, found: re.Match[str]) -> float:
        if found["own"]:
            return self._clock.common(found["own"].replace("-", "/").replace(" ", ":"))
        return self._clock.iso(found["iso"]) if found["iso"] else self._clock.nowhere()
