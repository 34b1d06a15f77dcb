"""Exact sets of integers as sorted, disjoint, closed intervals.

Addresses, ports, marks and interface names all become integers here: an interface name is its sixteen
bytes read big-endian, as the kernel compares it, so that ``lan*`` is an interval like any other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import chain, compress, islice
from operator import le, lt
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAME_BYTES = 16  # IFNAMSIZ, include/uapi/linux/if.h

MANY = 64
"""Intervals that are gone through one by one."""

Interval = tuple[int, int]


@record
class Intervals:
    """A set of integers; ``starts`` and ``ends`` are parallel, sorted, inclusive and not adjacent."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[Interval]) -> Intervals:
        """Union of closed intervals in any order; an interval with ``low > high`` is empty."""
        some = [pair for pair in pairs if pair[0] <= pair[1]]
        return cls.of_bounds(sorted([low for low, _ in some]), sorted([high for _, high in some]))

    @classmethod
    def of_bounds(cls, starts: Sequence[int], ends: Sequence[int]) -> Intervals:
        """Union of closed intervals, given all their starts and all their ends, each sorted.

        Where the next start lies behind an end by more than one, as many intervals have ended as have begun: there
        is a gap. So nothing needs to be paired.
        """
        if not starts:
            return cls()
        apart = bytearray(map(lt, map((1).__add__, ends), islice(starts, 1, None)))
        if 0 not in apart:
            return cls(tuple(starts), tuple(ends))
        return cls((starts[0], *compress(islice(starts, 1, None), apart)), (*compress(ends, apart), ends[-1]))

    @classmethod
    def union(cls, sets: Iterable[Intervals]) -> Intervals:
        """All integers that are in one of the sets."""
        some = [one for one in sets if one.starts]
        if len(some) == 1:
            return some[0]
        starts = sorted(chain.from_iterable(one.starts for one in some))
        return cls.of_bounds(starts, sorted(chain.from_iterable(one.ends for one in some)))

    @staticmethod
    def are_disjoint(sets: Sequence[Intervals]) -> bool:
        """Whether no integer is in two of the sets."""
        starts = sorted(chain.from_iterable(one.starts for one in sets))
        ends = sorted(chain.from_iterable(one.ends for one in sets))
        return all(map(lt, ends, starts[1:]))

    @classmethod
    def single(cls, value: int) -> Intervals:
        """Hold one integer."""
        return cls((value,), (value,))

    @classmethod
    def span(cls, low: int, high: int) -> Intervals:
        """All integers from ``low`` to ``high``, both included."""
        return cls((low,), (high,)) if low <= high else cls()

    def __contains__(self, value: int) -> bool:
        at = bisect_right(self.starts, value) - 1
        return at >= 0 and value <= self.ends[at]

    def __bool__(self) -> bool:
        return bool(self.starts)

    def __iter__(self) -> Iterator[Interval]:
        return zip(self.starts, self.ends, strict=True)

    def __or__(self, other: Intervals) -> Intervals:
        return Intervals.union((self, other))

    def __and__(self, other: Intervals) -> Intervals:
        few, many = (self, other) if len(self.starts) <= len(other.starts) else (other, self)
        if len(few.starts) > MANY:
            return few._met(many)
        starts: list[int] = []
        ends: list[int] = []
        for low, high in few:
            first, last = many.touched(low, high)
            if first < last:
                starts += many.starts[first:last]
                ends += many.ends[first:last]
                starts[first - last] = max(starts[first - last], low)
                ends[-1] = min(ends[-1], high)
        return Intervals(tuple(starts), tuple(ends))

    def _met(self, other: Intervals) -> Intervals:
        """The same for long sets: where two intervals have begun and none has ended yet, they overlap."""
        if self.starts == other.starts and self.ends == other.ends:
            return self
        starts = sorted(chain(self.starts, other.starts))
        ends = sorted(chain(self.ends, other.ends))
        both = bytearray(map(le, islice(starts, 1, None), ends))
        return Intervals(tuple(compress(islice(starts, 1, None), both)), tuple(compress(ends, both)))

    def __sub__(self, other: Intervals) -> Intervals:
        if not self.starts or not other.starts:
            return self
        return self & other.complement(self.ends[-1])

    def __le__(self, other: Intervals) -> bool:
        """Whether every integer of this set is in the other."""
        for low, high in self:
            at = bisect_right(other.starts, low) - 1
            if at < 0 or other.ends[at] < high:
                return False
        return True

    def touched(self, low: int, high: int) -> tuple[int, int]:
        """Which of the intervals overlap ``low..high``: the first, and the one behind the last."""
        first = bisect_left(self.ends, low)
        return first, bisect_right(self.starts, high, first)

    def complement(self, highest: int) -> Intervals:
        """Everything in ``0..highest`` that is not in this set."""
        within = bisect_right(self.starts, highest)
        starts = [0, *map((1).__add__, islice(self.ends, within))]
        ends = [*map((-1).__add__, islice(self.starts, within)), highest]
        first = int(ends[0] < 0)
        last = len(starts) - int(starts[-1] > highest)
        return Intervals(tuple(starts[first:last]), tuple(ends[first:last]))

    def overlaps(self, low: int, high: int) -> bool:
        """Whether any member lies in ``low..high``."""
        at = bisect_left(self.ends, low)
        return at < len(self.starts) and self.starts[at] <= high

    def size(self) -> int:
        """How many integers are in the set."""
        return sum(self.ends) - sum(self.starts) + len(self.starts)


def prefix_interval(prefix: str) -> tuple[int, Interval]:
    """Family (4 or 6) and interval of ``address[/length|/mask]``; host bits are cleared, as the kernel does.

    Raises ValueError where it is no address.
    """
    host, _, tail = prefix.partition("/")
    if not tail.isdecimal() or "%" in host:  # one address, or a mask written out
        network = ip_network(prefix, strict=False)
        return network.version, (int(network.network_address), int(network.broadcast_address))
    family, value = address_value(host)
    width = 32 if family == 4 else 128
    if int(tail) > width:
        raise ValueError(f"{prefix!r} is no prefix")
    rest = (1 << width - int(tail)) - 1
    return family, (value & ~rest, value | rest)


def address_value(text: str) -> tuple[int, int]:
    """Family and integer of one address; a zone index (``%eth0``) is ignored. Raises ValueError."""
    family = 6 if ":" in text else 4
    try:  # many times faster than ipaddress, and as strict
        packed = inet_pton(AF_INET6 if family == 6 else AF_INET, text.partition("%")[0])
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{text!r} is no address") from error
    return family, int.from_bytes(packed, "big")


def as_address(text: str) -> tuple[int, int] | None:
    """Give the same, or None for what is no address."""
    try:
        return address_value(text)
    except ValueError:
        return None


LOOPBACK: Final = {4: Intervals.span(0x7F000000, 0x7FFFFFFF), 6: Intervals.single(1)}
"""Addresses that a host has for itself alone, by family."""


def is_loopback(address: str) -> bool:
    """Whether an address, as text, is one of those."""
    found = as_address(address)
    return found is not None and found[1] in LOOPBACK[found[0]]


def address_text(value: int, family: int) -> str:
    """Give the usual text of an address: ``203.0.113.7`` or RFC 5952."""
    return str(IPv4Address(value) if family == 4 else IPv6Address(value))


def prefixes(values: Intervals, family: int) -> Iterator[str]:
    """Cover the set with the fewest prefixes, in order, as text."""
    width = 32 if family == 4 else 128
    network = IPv4Network if family == 4 else IPv6Network
    for start, end in values:
        low = start
        while low <= end:
            bits = (low & -low).bit_length() - 1 if low else width
            bits = min(bits, (end - low + 1).bit_length() - 1)
            yield str(network((low, width - bits)))
            low += 1 << bits


def name_value(name: str) -> int:
    """Integer of an interface name, as the kernel stores it; longer names are cut to fifteen bytes."""
    return int.from_bytes(name.encode()[: NAME_BYTES - 1].ljust(NAME_BYTES, b"\0"), "big")


def name_prefix(prefix: str) -> Interval:
    """Interval of all interface names that begin with ``prefix``."""
    stem = prefix.encode()[:NAME_BYTES]
    return (
        int.from_bytes(stem.ljust(NAME_BYTES, b"\0"), "big"),
        int.from_bytes(stem.ljust(NAME_BYTES, b"\xff"), "big"),
    )


def name_text(value: int) -> str:
    """Give the interface name back; empty for 0 and for what is not known."""
    if value <= 0:
        return ""
    return value.to_bytes(NAME_BYTES, "big").rstrip(b"\0").decode(errors="replace")
