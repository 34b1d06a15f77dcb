"""Packets that rules of the kernel's firewall wrote to its log (net/netfilter/nf_log_syslog.c).

::

    Nov 26 17:40:03 gw kernel: [ 4711.123456] DROP lan: IN=lan0 OUT=wan0 MAC=.. SRC=10.1.2.3 DST=192.0.2.7 LEN=60 ..
      PROTO=TCP SPT=40000 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0
    4,1234,4711123456,-;DROP lan: IN=lan0 OUT=wan0 SRC=...

That a rule wrote a line says that it saw the packet, not what became of it: only a prefix in words says that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import address, entry, port
from agent.model.observation import FirewallLog, Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.logline import Clock

KIND: Final = "kernel"
WORDS: Final = {
    "drop": "drop", "dropped": "drop", "drp": "drop", "reject": "reject", "rejected": "reject", "rej": "reject",
    "block": "block", "blocked": "block", "blk": "block", "deny": "block", "denied": "block",
    "accept": "accept", "accepted": "accept", "allow": "accept", "allowed": "accept", "pass": "accept",
}  # fmt: skip
"""What words of a prefix say of the packet."""
_PREFIX: Final = 128
_PACKET: Final = re.compile(rb"IN=\S{0,16} OUT=\S{0,16} .{0,400}?\bSRC=[0-9a-fA-F.:]+ DST=[0-9a-fA-F.:]+ ")
_MESSAGE: Final = re.compile(
    r"(?:\w{2,8} *:\w{3,7} *: )?"
    r"(?:\d+,\d+,(?P<micros>\d+),[^;]{1,64};|\[ *(?P<seconds>\d+\.\d+)\] |"
    r"\[[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<clock>[\d:]{8}) (?P<year>\d{4})\] |"
    r"(?P<iso>\d{4}-\d\d-\d\dT[\d:]{8},\d{6}[+-]\d\d:\d\d) |"
    r"(?P<bsd>[A-Z][a-z]{2} [ \d]\d [\d:]{8}) [^ =]{1,255}  ?)?"
    r"(?P<prefix>.*?)IN=(?P<rest>\S* OUT=.*)",
    re.DOTALL,
)
"""Behind the head of syslog, or of /dev/kmsg, of ``dmesg`` in its several forms, or of ulogd."""
_KERNEL: Final = re.compile(r"(?:\w{2,8} *:\w{3,7} *: )?(?:[0-7],\d+,\d+,[^;]{1,64};|\[[^\]]{1,30}\])")
_WORD: Final = re.compile(r"[a-z]+", re.IGNORECASE)


def recognises(line: bytes) -> bool:
    """Whether it tells of a packet in the words of the kernel."""
    return _PACKET.search(line) is not None


class Reader:
    """Takes lines of the kernel's log; those that tell of no packet are nobody's concern.

    ``booted`` gives the seconds since 1970 at which the machine started, for lines that have no other time.
    """

    def __init__(self, clock: Clock, booted: Callable[[], float] | None = None) -> None:
        self.malformed = 0
        """Lines that begin to tell of a packet and do not end so, and those that are not the kernel's."""
        self._clock = clock
        self._booted = booted

    def take(self, line: bytes) -> list[Observation]:
        """The packet that a line tells of."""
        try:
            if b"IN=" in line and b"OUT=" in line:
                return [self._packet(line)]
            head = entry(line, self._clock)
        except Malformed:
            self.malformed += 1
            return []
        self.malformed += not (head.tag == "kernel" or (not head.tag and _KERNEL.match(head.text)))
        return []

    def _packet(self, line: bytes) -> Observation:
        head = entry(line, self._clock)
        found = _MESSAGE.fullmatch(head.text)
        if found is None:
            raise Malformed("no packet in this line")
        at = head.at
        if at is None:
            at = self._at(found)
        # what is quoted in brackets is another packet, the one that an ICMP error is about
        words = f"IN={found['rest']}".partition("[")[0].split()
        facts = dict(word.split("=", 1) for word in reversed(words) if "=" in word)
        source, target = address(facts.get("SRC")), address(facts.get("DST"))
        if not source or not target:
            raise Malformed("a packet without addresses")
        protocol = {"TCP": "tcp", "UDP": "udp"}.get(facts.get("PROTO", ""))
        prefix = found["prefix"].strip()[:_PREFIX]
        message = FirewallLog(prefix, facts.get("IN") or None, facts.get("OUT") or None, action(prefix))
        ports = (port(facts.get("SPT")), port(facts.get("DPT"))) if protocol else (None, None)
        return Observation(at, source, target, *ports, protocol, message, sensor=KIND)

    def _at(self, found: re.Match[str]) -> float:
        """When it was written; where it says nothing, it is read now."""
        if found["bsd"]:
            return self._clock.bsd(found["bsd"])
        if found["iso"]:
            return self._clock.iso(found["iso"].replace(",", "."))
        if found["year"]:
            return self._clock.common(f"{int(found['day']):02d}/{found['month']}/{found['year']}:{found['clock']}")
        since = float(found["micros"]) / 1e6 if found["micros"] else float(found["seconds"] or -1)
        return self._booted() + since if self._booted is not None and since >= 0 else self._clock.nowhere()


def action(prefix: str) -> str | None:
    """What a prefix says in words, None where it says nothing or more than one thing."""
    found = {WORDS[word] for word in map(str.lower, _WORD.findall(prefix)) if word in WORDS}
    return found.pop() if len(found) == 1 else None
