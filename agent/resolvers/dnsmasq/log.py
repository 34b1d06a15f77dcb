"""dnsmasq's query log: ``log-queries`` and ``log-queries=extra``, in syslog or a ``log-facility`` file (cache.c).

::

    Nov 26 17:40:03 dnsmasq[405]: query[A] www.example.com from 10.1.2.3
    Nov 26 17:40:03 dnsmasq[405]: 7 10.1.2.3/45205 config blocked.example is NXDOMAIN

    Nov 26 17:40:03 dnsmasq[405]: gravity blocked ads.example is 0.0.0.0

Each line is one observation: an answer of two addresses is two. Without ``extra`` the answer's client is the last who
asked for that name. The last of these is Pi-hole's, which says why it made an answer up (FTL's dnsmasq_interface.c).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import address, entry, name, port
from agent.model.observation import ExtendedError
from agent.model.record import record
from agent.resolvers.query_log import answer, question, record_type

if TYPE_CHECKING:
    from agent.logline import Clock
    from agent.model.observation import Observation

KIND: Final = "dnsmasq"
OPEN: Final = 4096
"""Questions that are remembered until further ones come."""
ALIASES: Final = 32
"""Names of a chain of aliases."""
_LINE: Final = re.compile(
    r"(?:(?P<serial>\d{1,10}) (?P<client>[0-9a-fA-F.:]+)/(?P<port>\d{1,5}) )?"
    r"(?:(?:query|auth)\[(?P<type>[A-Za-z0-9=-]{1,24})\] (?P<asked>\S*) from (?P<from>\S+)"
    r"|(?P<source>cached(?:-stale)?|reply|config|special|auth|DHCP|/\S+|Pi-hole hostname"
    r"|to be (?:refused|blocked) \(gravity database is not available\)|(?P<blocked>"
    r"(?:gravity blocked|(?:exactly|regex) (?:denied|blacklisted))(?: \(CNAME\))?"
    r"|blocked upstream with (?:(?:known|NULL|NXRA) address|EDE15)"
    r"|(?:special|Mozilla canary|Apple iCloud Private Relay|Designated Resolver) domain))"
    r" (?P<name>\S*) is (?P<what>.+?)(?: \(EDE: (?P<ede>.{1,64})\))?)",
    re.ASCII,
)
_BEGIN: Final = re.compile(rb"(?:.{0,120}[ >])?dnsmasq(?:-[a-z]+)?(?:\[\d+\])?: ")
_RCODES: Final = {"NXDOMAIN": "NXDOMAIN", "NODATA": "NOERROR", "NODATA-IPv4": "NOERROR", "NODATA-IPv6": "NOERROR",
                  "SERVFAIL": "SERVFAIL", "REFUSED": "REFUSED"}  # fmt: skip
_ERRORS: Final = (
    "other", "unsupported DNSKEY algorithm", "unsupported DS digest", "stale answer", "forged", "DNSSEC indeterminate",
    "DNSSEC bogus", "DNSSEC signature expired", "DNSSEC sig not yet valid", "DNSKEY missing", "RRSIG missing",
    "no zone key bit set", "NSEC(3) missing", "cached error", "not ready", "blocked", "censored", "filtered",
    "prohibited", "stale NXDOMAIN", "not authoritative", "not supported", "no reachable authority", "network error",
    "invalid data",
)  # fmt: skip
"""dnsmasq's words for the codes of RFC 8914, by their numbers."""
_BLOCKED: Final = 15
"""The code that Pi-hole gives what it blocks."""


@record
class Asked:
    """A question that waits for its answer, or had one."""

    name: str
    type: str | None
    client: str
    port: int | None


def recognises(line: bytes) -> bool:
    """Whether it is a line of dnsmasq."""
    return _BEGIN.match(line) is not None


class Reader:
    """Takes the lines of a log; those about other things say nothing."""

    def __init__(self, clock: Clock) -> None:
        self.malformed = 0
        """Lines about questions that were not understood, and those of others."""
        self._clock = clock
        self._open: dict[str, Asked] = {}
        """By number with ``extra``, else by name and type."""
        self._chain: list[str] = []
        self._number: str | None = None
        """The question that ``_chain`` is of."""

    def take(self, line: bytes) -> list[Observation]:
        """What a line says."""
        try:
            head = entry(line, self._clock)
            text = head.text.removeprefix("dnsmasq: ") if not head.tag else head.text
            found = _LINE.fullmatch(text)
            if found is None:
                own = head.tag.startswith("dnsmasq") or text != head.text
                self.malformed += not own or text.startswith(("query[", "reply "))
                return []
            at = head.at if head.at is not None else self._clock.nowhere()
            return self._asked(at, found) if found["type"] else self._answered(at, found)
        except Malformed:
            self.malformed += 1
            return []

    def _asked(self, at: float, found: re.Match[str]) -> list[Observation]:
        client, client_port = address(found["from"]), port(found["port"])
        kind = record_type(found["type"])
        asked = Asked(found["asked"], kind, client, client_port)
        for key in (found["serial"],) if found["serial"] else (f"{asked.name} {kind}", asked.name):
            self._open.pop(key, None)
            if len(self._open) >= OPEN:
                del self._open[next(iter(self._open))]
            self._open[key] = asked
        self._chain.clear()
        return [question(at, KIND, client, asked.name, kind, client_port=client_port)]

    def _answered(self, at: float, found: re.Match[str]) -> list[Observation]:
        owner, what, serial = found["name"], found["what"].partition(" ")[0], found["serial"]
        if found["source"].startswith("/") or found["source"] == "DHCP":
            what = found["what"]
        if serial is not None and serial != self._number:
            self._chain.clear()
        self._number = serial
        if what == "<CNAME>":
            # a chain begins where its owner is what was asked for
            if serial is None and owner in self._open and owner not in self._chain:
                self._chain.clear()
            if len(self._chain) < ALIASES and owner not in self._chain:
                self._chain.append(owner)
            return []
        data = address(what) or None
        rcode = "NOERROR" if data is not None else _RCODES.get(what)
        if rcode is None:
            return []  # records of other types: that there was an answer shows, not which
        kind = None if data is None else "AAAA" if ":" in data else "A"
        asked = self._question(serial, owner, kind)
        begin = asked.name if asked is not None else self._chain[0] if self._chain else owner
        if owner == "error":
            owner = begin
        chain = [one for one in (*self._chain, owner) if name(one) != name(begin)]
        client, client_port = (asked.client, asked.port) if asked is not None else ("", None)
        asked_for = asked.type if asked is not None else kind
        return [
            answer(
                at, KIND, client, begin, asked_for, rcode=rcode, client_port=client_port, chain=chain, data=data,
                ede=_errors(found),
            )
        ]  # fmt: skip

    def _question(self, serial: str | None, owner: str, kind: str | None) -> Asked | None:
        if serial is not None:
            return self._open.get(serial)
        for one in (owner, *self._chain[:1]):
            if asked := self._open.get(f"{one} {kind}" if kind else one):
                return asked
        return None


def _errors(found: re.Match[str]) -> tuple[ExtendedError, ...]:
    """Why the answer is as it is, in words as in the log."""
    if (words := found["ede"]) in _ERRORS:
        return (ExtendedError(_ERRORS.index(words), ""),)
    return (ExtendedError(_BLOCKED, found["blocked"]),) if found["blocked"] is not None else ()
