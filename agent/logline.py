r"""Lines of logs, whoever wrote them: their times, what syslog puts in front, and what stands for names and addresses.

Times without a year are of the latest year that does not make them later than now; times without a zone are of the
zone that the reader is given, this machine's otherwise. ``Clock.inferred`` tells which of both was needed.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

AHEAD: Final = 86400.0
"""Seconds that the clock of another machine may be ahead."""
YEARS: Final = 8
"""Years back in which a 29 February is looked for."""
_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
    "Dec": 12,
}  # fmt: skip
_BSD: Final = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(\.\d{1,6})?", re.ASCII)
_COMMON: Final = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?: ([+-]\d\d)(\d\d))?", re.ASCII
)
_SYSLOG: Final = re.compile(
    r"(?:<\d{1,3}>)?(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\s,]{0,16})|(\d{9,10}\.\d{6})"
    r"|[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4}))"
    r" (?:\S{1,255} )??(?:[a-z]{2,8}\d?\.[a-z]{3,7} )?([^\s:\[\]]{1,64})(?:\[\d{1,10}\])?: ?(.*)",
    re.ASCII | re.DOTALL,
)
"""As syslog daemons and journalctl write it; busybox and OpenWrt put facility and severity before the program."""
_NEW_SYSLOG: Final = re.compile(
    r"<\d{1,3}>1 (\S{19,40}) \S{1,255} (\S{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]*\]) ?(.*)", re.ASCII | re.DOTALL
)
_TAGGED: Final = re.compile(r"([^\s:\[\]]{1,64})\[\d{1,10}\]: (.*)", re.ASCII | re.DOTALL)
"""As manuals show it, without a date."""
_PRIORITY: Final = re.compile(r"\A<\d{1,3}>", re.ASCII)
_ADDRESS: Final = 64
"""Characters of the longest address, with its zone and brackets."""
_PLAIN: Final = re.compile(r"[a-z0-9_*-](?:[a-z0-9_.*-]*[a-z0-9_*-])?|\.")


class Clock:
    """Seconds since 1970 of times as logs write them; ``now`` gives the latest that a line can be of."""

    def __init__(self, now: Callable[[], float], zone: tzinfo | None = None) -> None:
        self.now = now
        self.zone = zone
        self.inferred: set[str] = set()
        """``year``, ``zone``, or ``time`` where lines have none at all."""

    def bsd(self, text: str) -> float:
        """Of ``Nov  6 17:40:03``, with or without a fraction; raises Malformed."""
        found = _BSD.fullmatch(text)
        month = _MONTHS.get(found[1]) if found else None
        if found is None or month is None:
            raise Malformed(f"no time: {text[:40]!r}")
        day, hour, minute, second = (int(found[n]) for n in (2, 3, 4, 5))
        self.inferred.add("year")
        latest = self.now() + AHEAD
        this_year = datetime.fromtimestamp(latest, UTC).year
        for year in range(this_year + 1, this_year - YEARS, -1):
            try:
                at = self._seconds(datetime(year, month, day, hour, minute, second))  # noqa: DTZ001 - the zone is added there
            except ValueError:
                continue
            if at <= latest:
                return at + float(found[6] or 0)
        raise Malformed(f"no such day: {text!r}")

    def iso(self, text: str) -> float:
        """Of ISO 8601 with or without a zone; raises Malformed."""
        try:
            return self._seconds(datetime.fromisoformat(text))
        except (ValueError, OverflowError, OSError) as error:
            raise Malformed(f"no time: {text[:40]!r}") from error

    def common(self, text: str) -> float:
        """Of ``26/Nov/2026:17:40:03 +0100`` and ``26/Nov/2026:17:40:03.123``; raises Malformed."""
        found = _COMMON.fullmatch(text)
        month = _MONTHS.get(found[2]) if found else None
        if found is None or month is None:
            raise Malformed(f"no time: {text[:40]!r}")
        day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
        try:
            when = datetime(year, month, day, hour, minute, second, int((found[7] or "0").ljust(6, "0")))  # noqa: DTZ001 - likewise
            if found[8] is None:
                return self._seconds(when)
            minutes = int(found[8]) * 60 + int(found[8][0] + found[9])
            return when.replace(tzinfo=UTC).timestamp() - minutes * 60
        except (ValueError, OverflowError, OSError) as error:
            raise Malformed(f"no time: {text[:40]!r}") from error

    def nowhere(self) -> float:
        """Of a line that has no time: that of reading it."""
        self.inferred.add("time")
        return self.now()

    def _seconds(self, when: datetime) -> float:
        if when.tzinfo is None:
            self.inferred.add("zone")
            when = when.replace(tzinfo=self.zone)
        return when.timestamp()


@record
class Entry:
    """A line without what syslog wrote in front of it."""

    at: float | None
    tag: str
    """The program; empty where nothing was in front."""
    text: str


def entry(line: bytes, clock: Clock) -> Entry:
    """A line of a log, with or without the head of syslog (RFC 3164, RFC 5424, with times of either)."""
    text = line.decode(errors="backslashreplace").rstrip("\r\n")
    if found := _SYSLOG.fullmatch(text):
        return Entry(_head_time(found, clock), found[8], found[9])
    if found := _NEW_SYSLOG.fullmatch(text):
        return Entry(clock.iso(found[1]), found[2], found[3])
    text = _PRIORITY.sub("", text, count=1)
    if found := _TAGGED.fullmatch(text):
        return Entry(None, found[1], found[2])
    return Entry(None, "", text)


def _head_time(found: re.Match[str], clock: Clock) -> float:
    bsd, iso, unix, month, day, time, year, _, _ = found.groups()
    if bsd is not None:
        return clock.bsd(bsd)
    if iso is not None:
        return clock.iso(iso)
    return float(unix) if unix is not None else clock.common(f"{int(day):02d}/{month}/{year}:{time}")


def address(text: str | None) -> str:
    """An IP address in its usual form; empty where it is none."""
    return _address(text) if text and text != "-" and len(text) <= _ADDRESS else ""


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def port(text: str | None) -> int | None:
    """A port; None where it is none, or zero."""
    if text and text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536:
        return int(text)
    return None


def name(text: str | None) -> str | None:
    r"""A host name as observations have it: lower case, without the last dot, ``\DDD`` for what cannot be printed."""
    if not text or text == "-":
        return None
    found = text.lower()
    if len(found) > 1:
        found = found.removesuffix(".")
    if _PLAIN.fullmatch(found):
        return found
    return "".join(
        one if "!" <= one <= "~" else "".join(f"\\{byte:03d}" for byte in one.encode(errors="backslashreplace"))
        for one in found
    )


def number(text: str | None) -> int | None:
    """A number of at most fifteen digits; None where it is none."""
    if text and text.isascii() and text.isdecimal() and len(text) <= 15:
        return int(text)
    return None
