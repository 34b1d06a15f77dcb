"""Lists of addresses, as Squid keeps them (``acl/Ip.cc``)."""

from __future__ import annotations

import re
from bisect import bisect_left
from socket import inet_aton, inet_ntoa
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.record import record
from agent.proxies.squid.acls import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.source import Source
    from agent.proxies.squid.acls import Acl

Span = tuple[int, int]
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+){0,2}")
EVERY: Final = {4: (0, (1 << 32) - 1), 6: (0, (1 << 128) - 1)}
BROKEN: Final = "ipv4"
"""A word that Squid 5.7 knows, which matches no client and hides words beside it."""
IPV6: Final = ("1000::/4", "2000::/3", "4000::/2", "8000::/2", "c000::/3", "e000::/4", "fc00::/7", "fe80::/10")
"""What the word ``ipv6`` stands for."""


@record
class Addresses:
    """What an element's words stand for."""

    sets: tuple[tuple[int, Intervals], ...]
    """Family and addresses."""
    hosts: tuple[str, ...]
    """Words that are names of hosts."""
    ignored: tuple[tuple[str, Source], ...]
    """Words that Squid leaves out, for they overlap with one before them."""

    @property
    def every(self) -> bool:
        """Whether no address is left out."""
        return bool(self.sets) and all(some.size() == EVERY[family][1] + 1 for family, some in self.sets)


def addresses(acl: Acl) -> Addresses:
    """The addresses of an element: of words that overlap the first one counts, even where it is the smaller."""
    spans: dict[int, list[tuple[Span, str, Source]]] = {4: [], 6: []}
    hosts: list[str] = []
    ignored: list[tuple[str, Source]] = []
    whole = False
    for text, source in _texts(acl):
        if whole or (text == "all" and any(spans.values())):
            ignored.append((text, source))
            continue
        try:
            found = tuple(_spans(text))
        except ValueError:
            hosts.append(text)
        else:
            whole = text == "all"
            for family, span in found:
                spans[family].append((span, text, source))
    if BROKEN in hosts:
        return Addresses((), (BROKEN,), ())
    sets = []
    for family, given in spans.items():
        kept, left_out = _kept(given)
        sets.append((family, Intervals.of(kept)))
        ignored += left_out
    return Addresses(tuple(sets), tuple(hosts), tuple(ignored))


def _texts(acl: Acl) -> Iterator[tuple[str, Source]]:
    for entry in acl.entries:
        for value in entry.values:
            yield value.text, value.source
        for artifact, quotes in entry.lists:
            for line in artifact.text.split("\n"):
                for text in values_of(line, quotes=quotes):
                    yield text, entry.source


def _spans(text: str) -> Iterable[tuple[int, Span]]:
    """The addresses of one word (``acl_ip_data::FactoryParse``); raises ValueError for a name."""
    match text.lower():
        case "all":
            return tuple(EVERY.items())
        case "ipv6":
            return tuple(prefix_interval(prefix) for prefix in IPV6)
    begin, dash, rest = text.partition("-")
    if not dash:
        host, slash, mask = text.partition("/")
        return (prefix_interval(f"{_whole(host)}{slash}{mask}"),)
    end, slash, mask = rest.partition("/")
    family, low = address_value(begin)
    other, high = address_value(end)
    if slash:  # a range of networks
        low = prefix_interval(f"{begin}/{mask}")[1][0]
        high = prefix_interval(f"{end}/{mask}")[1][1]
    if family != other or low > high:
        raise ValueError(text)
    return ((family, (low, high)),)


def _whole(host: str) -> str:
    """An IPv4 address of four numbers: Squid takes fewer as well, as ``inet_aton`` does."""
    if not _NUMBERS.fullmatch(host):
        return host
    try:
        return inet_ntoa(inet_aton(host))
    except OSError as error:
        raise ValueError(host) from error


def _kept(given: list[tuple[Span, str, Source]]) -> tuple[list[Span], list[tuple[str, Source]]]:
    """What is kept, and what is left out as it overlaps with what came before."""
    kept: list[Span] = []
    left_out: list[tuple[str, Source]] = []
    group: list[int] = []
    end = -1
    for at in (*sorted(range(len(given)), key=lambda one: given[one][0]), None):
        if at is not None and group and given[at][0][0] <= end:
            group.append(at)
            end = max(end, given[at][0][1])
            continue
        spans, others = _first_come([given[one] for one in sorted(group)])
        kept += spans
        left_out += others
        if at is not None:
            group, end = [at], given[at][0][1]
    return kept, left_out


def _first_come(given: list[tuple[Span, str, Source]]) -> tuple[list[Span], list[tuple[str, Source]]]:
    """The same for some that hang together."""
    kept: list[Span] = []
    left_out: list[tuple[str, Source]] = []
    for (low, high), text, source in given:
        at = bisect_left(kept, (low, low))
        before = at > 0 and kept[at - 1][1] >= low
        after = at < len(kept) and kept[at][0] <= high
        if before or after:
            left_out.append((text, source))
        else:
            kept.insert(at, (low, high))
    return kept, left_out
