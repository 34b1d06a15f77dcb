"""The sets of a terse listing, and their elements as nft lists them one set at a time.

A million elements are read as a stream: their JSON is never a tree of objects.
"""

from __future__ import annotations

import re
import sys
from array import array
from itertools import repeat
from socket import AF_INET, inet_pton
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from agent.errors import Malformed
from agent.firewalls.nftables.elements import TYPES
from agent.firewalls.nftables.layout import BEFORE_RULE, RULE, SET
from agent.model.expression import IntervalTable, UnknownTable
from agent.model.intervals import Intervals
from agent.snapshot import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.firewalls.nftables.elements import Key
    from agent.model.expression import Elements
    from agent.snapshot import Artifact

FOLDER: Final = "nft-sets"
CHUNK: Final = 1 << 20
"""Bytes of elements that are read at a time."""
HEADER: Final = 1 << 16
"""Bytes in front of its elements in which the name of a set stands."""
MANY: Final = 1 << 16
"""Bytes of a listing from which on it is worth it."""
_NAMED: Final = re.compile(rb'"@([^"\\]+)"')
_ELEMENTS: Final = re.compile(rb', "elem": \[(?=")')
_PLAIN: Final = re.compile(rb'(?:"[0-9.]++"(?:, )?)*+')


class Listed(NamedTuple):
    """A set or map without its elements."""

    kind: str
    family: str
    table: str
    name: str

    @classmethod
    def of(cls, header: re.Match[bytes]) -> Listed:
        """Of a match of layout.SET."""
        head = orjson.loads(header[2].removesuffix(b", ") + b"}")
        return cls(header[1].decode(), head["family"], head["table"], head["name"])

    @property
    def artifact(self) -> str:
        """Where its own listing is kept."""
        return artifact_of(self.family, self.table, self.name)


def artifact_of(family: str, table: str, name: str) -> str:
    """Where the listing of one set is kept."""
    return f"{FOLDER}/{family}/{quote(table, safe='')}/{quote(name, safe='')}.json"


def sets_that_matter(data: bytes) -> Iterator[Listed]:
    """The named sets of a listing that rules refer to and whose elements are not in it; raises Malformed."""
    if b'"@' not in data:
        return
    named: set[tuple[bytes, ...]] = set()  # a comment may hold bytes that are no text
    for rule in data.split(BEFORE_RULE)[1:]:
        if b'"@' in rule:
            place = RULE.match(rule)
            if place is None:
                raise Malformed("rules are not laid out as nft prints them")
            named.update((place[1], place[2], name) for name in _NAMED.findall(rule))
    for header in SET.finditer(data):
        one = Listed.of(header)
        rest = data[header.end() : data.find(b"}}", header.end())]
        if tuple(part.encode() for part in one[1:]) in named and b'"elem": ' not in rest:
            yield one


def body_of(artifact: Artifact) -> dict[str, Any] | str:
    """A set with its elements from its own listing; as text why there is none."""
    if artifact.status is not Status.OK:
        return artifact.trouble
    try:
        objects = orjson.loads(artifact.data)["nftables"]
        found: dict[str, Any] = next(body for one in objects for kind, body in one.items() if kind in ("set", "map"))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, StopIteration):
        return "not whole JSON"
    return found


class Stretch(NamedTuple):
    """Part of a listing: IPv4 addresses that stand there one by one, as strings."""

    data: bytes
    begin: int
    end: int

    def read(self) -> Elements:
        """The addresses; the strings are never all there at the same time."""
        values = array("I")
        try:
            for texts in _chunks(self.data, self.begin, self.end):
                values.frombytes(b"".join(map(inet_pton, repeat(AF_INET), texts)))
        except OSError:
            return UnknownTable("an element is no address")
        if sys.byteorder == "little":
            values.byteswap()
        ordered = tuple(sorted(values))
        return IntervalTable(Intervals.of_bounds(ordered, ordered))


def stretches(data: bytes) -> Iterator[tuple[int, Stretch]]:
    """The long runs of plain addresses among elements, and where their key ``, "elem": `` begins."""
    for begin in _ELEMENTS.finditer(data):
        plain = _PLAIN.match(data, begin.end())
        if plain and plain.end() - begin.end() >= MANY and data[plain.end() : plain.end() + 1] == b"]":
            yield begin.start(), Stretch(data, begin.end(), plain.end())


def taken_out(data: bytes) -> tuple[bytes, dict[str, Stretch]]:
    """A listing without such runs, and each of them by the place that a listing of its set alone would have."""
    pieces: list[bytes] = []
    found: dict[str, Stretch] = {}
    done = 0
    for at, stretch in stretches(data):
        headers = list(SET.finditer(data, max(done, at - HEADER), at))
        if headers and headers[-1][1] == b"set":
            found[Listed.of(headers[-1]).artifact] = stretch
            pieces.append(data[done:at])
            done = stretch.end + 1
    return b"".join((*pieces, data[done:])) if done else data, found


def is_of_addresses(key: Key) -> bool:
    """Whether a set holds IPv4 addresses and nothing beside."""
    return len(key.parts) == 1 and key.parts[0] is TYPES["ipv4_addr"]


def _chunks(data: bytes, begin: int, end: int) -> Iterator[list[str]]:
    """The strings of a JSON array, some thousands at a time."""
    while begin < end:
        stop = data.find(b", ", min(begin + CHUNK, end), end)
        stop = end if stop < 0 else stop
        yield orjson.loads(b"[" + data[begin:stop] + b"]")
        begin = stop + 2
