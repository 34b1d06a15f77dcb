"""Lists of addresses, as Squid keeps them (``acl/Ip.cc``): IPv4 addresses are those of ``::ffff:0:0/96``."""

from __future__ import annotations

import re
from bisect import bisect_left
from socket import inet_aton, inet_ntoa
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.record import record
from agent.proxies.squid.words import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.source import Source
    from agent.proxies.squid.acls import Acl

Span = tuple[int, int]
EVERY: Final = (0, (1 << 128) - 1)
MAPPED: Final = 0xFFFF << 32
"""Where IPv4 addresses begin."""
IPV6: Final = ("1000::/4", "2000::/3", "4000::/2", "8000::/2", "c000::/3", "e000::/4", "fc00::/7", "fe80::/10")
"""What the word ``ipv6`` stands for."""
BROKEN: Final = "ipv4"
"""A word that Squid 5.7 knows, which matches no client and hides words beside it."""
_PREFIX: Final = re.compile(r"\d+\.\d+\.\d+\.\d+(?:/[1-9]\d?)?")
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+){0,2}")


@record
class Addresses:
    """What an element's words stand for."""

    sets: tuple[tuple[int, Intervals], ...] = ()
    """Family and addresses."""
    every: bool = False
    """Whether no address is left out."""
    hosts: tuple[str, ...] = ()
    """Words that are names of hosts, or nothing that can be followed."""
    ignored: tuple[tuple[str, Source], ...] = ()
    """Words that Squid leaves out, for they overlap with a smaller one before them."""


def addresses(acl: Acl) -> Addresses:
    """The addresses of an element: of words that overlap the first one counts, even where it is the smaller."""
    given = _Given([], [], [])
    hosts: list[str] = []
    for entry in acl.entries:
        for value in entry.values:
            given.add(value.text, value.source, hosts)
        for artifact, quotes in entry.lists:
            for line in artifact.text.split("\n"):
                for text in values_of(line, quotes=quotes):
                    given.add(text, entry.source, hosts)
    if BROKEN in hosts:
        return Addresses(hosts=(BROKEN,))
    kept, ignored = _kept(given)
    whole = Intervals.of(kept)
    four = whole & Intervals.span(MAPPED, MAPPED + (1 << 32) - 1)
    sets = ((4, Intervals.of((low - MAPPED, high - MAPPED) for low, high in four)), (6, whole))
    return Addresses(sets, EVERY in kept, tuple(hosts), tuple(ignored))


@record
class _Given:
    """Words in their order, side by side: there may be a million."""

    lows: list[int]
    highs: list[int]
    words: list[tuple[str, Source]]

    def add(self, text: str, source: Source, hosts: list[str]) -> None:
        """Take one word."""
        try:
            for low, high in _spans(text):
                self.lows.append(low)
                self.highs.append(high)
                self.words.append((text, source))
        except ValueError:
            hosts.append(text)


def _spans(text: str) -> Iterable[Span]:
    """The addresses of one word (``acl_ip_data::FactoryParse``); raises ValueError for a name."""
    if _PREFIX.fullmatch(text):  # as lists have them by the million
        return (_mapped(text),)
    word = text.lower()
    if word == "all":
        return (EVERY,)
    if word == "ipv6":
        return tuple(prefix_interval(prefix)[1] for prefix in IPV6)
    begin, dash, rest = word.partition("-")
    if not dash:
        host, slash, mask = word.partition("/")
        if mask == "0":  # of an IPv4 address everything, IPv6 as well; of an IPv6 address that address alone
            family, value = address_value(_whole(host))
            return (EVERY,) if family == 4 else ((value, value),)
        return (_mapped(f"{_whole(host)}{slash}{mask}"),)
    end, slash, mask = rest.partition("/")  # with a mask it is a range of networks
    low, high = _mapped(f"{begin}{slash}{mask}")[0], _mapped(f"{end}{slash}{mask}")[1]
    if low > high:
        raise ValueError(text)
    return ((low, high),)


def _mapped(prefix: str) -> Span:
    """The interval of a prefix where Squid keeps it; raises ValueError."""
    family, (low, high) = prefix_interval(prefix)
    return (low + MAPPED, high + MAPPED) if family == 4 else (low, high)


def _whole(host: str) -> str:
    """An IPv4 address of four numbers: Squid takes fewer as well, as ``inet_aton`` does; raises ValueError."""
    if not _NUMBERS.fullmatch(host):
        return host
    try:
        return inet_ntoa(inet_aton(host))
    except OSError as error:
        raise ValueError(host) from error


def _kept(given: _Given) -> tuple[list[Span], list[tuple[str, Source]]]:
    """What is kept, and what is left out as it overlaps with a smaller one that came before."""
    lows, highs = given.lows, given.highs
    kept: list[Span] = []
    left_out: list[tuple[str, Source]] = []
    group: list[int] = []
    end = -1
    for at in sorted(range(len(lows)), key=lows.__getitem__):
        if lows[at] > end and group:
            kept += [(lows[group[0]], end)] if len(group) == 1 else _first_come(given, group, left_out)
            group = []
        group.append(at)
        end = max(end, highs[at])
    return kept + _first_come(given, group, left_out), left_out


def _first_come(given: _Given, group: Sequence[int], left_out: list[tuple[str, Source]]) -> list[Span]:
    """Sort out the words of a group that hangs together, in the order in which they were written."""
    mine: list[Span] = []
    for at in sorted(group):
        low, high = given.lows[at], given.highs[at]
        place = bisect_left(mine, (low, low))
        before = place > 0 and mine[place - 1][1] >= low
        after = place < len(mine) and mine[place][0] <= high
        if before or after:
            other = mine[place - 1] if before else mine[place]
            left_out += [] if other[0] <= low and high <= other[1] else [given.words[at]]
        else:
            mine.insert(place, (low, high))
    return mine
