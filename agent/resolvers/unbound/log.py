"""Unbound's query log: ``log-queries``, ``log-replies``, ``log-local-actions`` (util/log.c, services/localzone.c).

::

    [1795715332] unbound[1195:0] info: 10.1.2.3 www.example.com. A IN
    [1795715332] unbound[1195:0] info: 10.1.2.3 www.example.com. A IN NOERROR 0.000469 0 50
    [1795715332] unbound[1195:0] info: blocked.example. always_nxdomain 10.1.2.3@45367 blocked.example. A IN

What was answered it does not say, only how. Actions of local zones stand for the answer where replies are not logged.
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

KIND: Final = "unbound"
ACTIONS: Final = {
    "refuse": "REFUSED", "always_refuse": "REFUSED", "always_nxdomain": "NXDOMAIN", "static": None, "redirect": None,
    "always_nodata": "NOERROR", "always_null": "NOERROR", "deny": None, "always_deny": None, "inform": None,
    "inform_deny": None, "inform_redirect": None, "transparent": None, "typetransparent": None,
    "always_transparent": None, "block_a": None, "nodefault": None, "noview": None,
}  # fmt: skip
"""Types of local zones, with the answer that one gives whatever is asked."""
_HEAD: Final = re.compile(
    r"(?:\[(?P<epoch>\d{9,11})\] |(?P<ascii>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) |(?P<iso>\d{4}-\d\d-\d\dT\S+) )?"
    r"(?:unbound)?\[\d+:[0-9a-f]+\] (?:info|query|reply): (?P<rest>.*)",
    re.ASCII | re.DOTALL,
)
_QUERY: Final = re.compile(
    r"(?P<client>[0-9a-fA-F.:]+) (?P<name>\S+) (?P<type>[A-Z][A-Z0-9-]*) (?P<class>[A-Z]+[0-9]*)"
    r"(?: (?P<rcode>[A-Z]+[0-9]*) (?P<seconds>\d+\.\d+) [01] \d+(?: .*)?)?",
    re.ASCII,
)
_ACTION: Final = re.compile(
    r"\S+ (?P<action>[a-z_]+) (?P<client>[0-9a-fA-F.:]+)@(?P<port>\d+) (?P<name>\S+) (?P<type>\S+) (?P<class>\S+)",
    re.ASCII,
)
_BEGIN: Final = re.compile(rb"(?:\[\d{9,11}\] |.{0,120}[ >])?unbound(?:(?:\[\d+\])?: )?\[\d+:[0-9a-f]+\] \w+: ")


def recognises(line: bytes) -> bool:
    """Whether it is a line of Unbound."""
    return _BEGIN.match(line) is not None


class Reader:
    """Takes the lines of a log; those about other things say nothing."""

    def __init__(self, clock: Clock) -> None:
        self.malformed = 0
        """Lines about questions that were not understood, and those of others."""
        self._clock = clock
        self._replies = False

    def take(self, line: bytes) -> list[Observation]:
        """What a line says."""
        try:
            text = line.decode(errors="backslashreplace").rstrip("\r\n")
            at = None
            if (found := _HEAD.fullmatch(text)) is None:
                head = entry(line, self._clock)
                at = head.at
                found = _HEAD.fullmatch(head.text)
            if found is None:
                self.malformed += not recognises(line)
                return []
            if at is None:
                at = self._time(found)
            return self._said(at, found["rest"])
        except Malformed:
            self.malformed += 1
            return []

    def _time(self, found: re.Match[str]) -> float:
        if found["epoch"]:
            return float(found["epoch"])
        if found["ascii"]:
            return self._clock.bsd(found["ascii"])
        return self._clock.iso(found["iso"]) if found["iso"] else self._clock.nowhere()

    def _said(self, at: float, text: str) -> list[Observation]:
        if (found := _QUERY.fullmatch(text)) is not None and (client := address(found["client"])):
            asked, kind, sort = found["name"], record_type(found["type"]), found["class"]
            if found["rcode"] is None:
                return [question(at, KIND, client, asked, kind, qclass=sort)]
            self._replies = True
            return [answer(at, KIND, client, asked, kind, rcode=found["rcode"], qclass=sort)]
        if (found := _ACTION.fullmatch(text)) is not None and found["action"] in ACTIONS:
            rcode = ACTIONS[found["action"]]
            if self._replies or rcode is None:
                return []
            client, kind = address(found["client"]), record_type(found["type"])
            back = port(found["port"])
            return [answer(at, KIND, client, found["name"], kind, rcode=rcode, client_port=back, qclass=found["class"])]
        return []
