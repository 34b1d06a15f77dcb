"""Comparisons that nft joined although their listing does not show it.

nft before 1.1.0 loads neighbouring fields at once: ``tcp sport != 22 tcp dport != 80`` becomes one comparison of
four bytes, which holds where *either* port differs, and is listed as two again. Rules that other programs loaded
are listed alike and mean what they say. So where just one of the fields differs, the listing leaves it open.
(Measured with nft 1.0.6 and 1.1.3, ``--debug=netlink``; mended in nft by "payload: don't merge" of March 2024.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from agent.model.expression import Opaque
from agent.model.firewall import AnyOf, Match
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.firewall import Step

MENDED: Final = (1, 1, 0)
_PORTS: Final = {"sport": (0, 2), "dport": (2, 2)}
_ICMP: Final = {"type": (0, 1), "code": (1, 1), "checksum": (2, 2)}
PLACES: Final[dict[str, dict[str, tuple[int, int]]]] = {
    "ether": {"daddr": (0, 6), "saddr": (6, 6), "type": (12, 2)},
    "ip": {"length": (2, 2), "id": (4, 2), "ttl": (8, 1), "protocol": (9, 1), "checksum": (10, 2)},
    "ip6": {"length": (4, 2), "nexthdr": (6, 1), "hoplimit": (7, 1)},
    "tcp": _PORTS | {"flags": (13, 1), "window": (14, 2), "checksum": (16, 2), "urgptr": (18, 2)},
    "udp": _PORTS | {"length": (4, 2), "checksum": (6, 2)},
    "udplite": _PORTS | {"csumcov": (4, 2), "checksum": (6, 2)},
    "sctp": _PORTS,
    "dccp": _PORTS,
    "icmp": _ICMP,
    "icmpv6": _ICMP,
}
"""Offset and length in bytes of fields that are compared, and of their neighbours; IP addresses are never joined."""
MOST: Final = {"ether": 16}
"""Bytes up to which fields of a header are joined; four in all others, which the kernel loads faster apart."""
UNKNOWN: Final = Match(Opaque("whether nft joined the != of neighbouring fields into one"), Intervals.single(1))


def may_join(version: object) -> bool:
    """Whether nft of a version may have joined them; an unknown version may."""
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(version))
    return numbers is None or tuple(int(number or 0) for number in numbers.groups()) < MENDED


def runs(statements: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Stretches of a rule's statements that may be joined comparisons: the first, and the one behind the last."""
    first = at = 0
    while first < len(statements):
        header, start, length = _compared(statements[first])
        at = first + 1
        while header and at < len(statements):
            other, offset, more = _compared(statements[at])
            if other != header or offset != start + length or length + more > MOST.get(header, 4):
                break
            length += more
            at += 1
        if at > first + 1:
            yield first, at
        first = at


def _compared(statement: Any) -> tuple[str, int, int]:
    """Header, offset and length of a field that is compared with one value by ``!=``; an empty header for others."""
    match statement:
        case {
            "match": {"op": "!=", "left": {"payload": {"protocol": str(header), "field": str(name)}}, "right": right}
        }:
            place = PLACES.get(header, {}).get(name)
            single = isinstance(right, str | int | list) and not (isinstance(right, str) and right.startswith("@"))
            return (header, *place) if place and single else ("", 0, 0)
        case _:
            return "", 0, 0


def either(steps: Iterable[Step]) -> tuple[Step, ...]:
    """What is sure of joined comparisons: one of them must hold, and if all do, so do they joined."""
    plain = dict.fromkeys(step for step in steps if not (isinstance(step, Match) and step.negated))
    compared = tuple(step for step in steps if isinstance(step, Match) and step.negated)
    return (*plain, AnyOf(compared), *(AnyOf((one, UNKNOWN)) for one in compared))
