"""DNS messages (RFC 1035 and what followed), as one observer sees them."""

from __future__ import annotations

import re
import struct
from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import Dns, Edns, ExtendedError, ResourceRecord
from agent.model.record import record
from agent.wire.dns_data import presentation
from agent.wire.dns_names import CLASSES, OPCODES, RCODES, TYPES, name_at

RECORD_LIMIT: Final = 4096
"""Records of one message that are taken."""
CHAIN_LIMIT: Final = 32
"""Aliases that are followed."""
MESSAGE_LIMIT: Final = 1 << 16
"""Bytes of one message, and of what waits for one over TCP."""
OPT: Final = 41
EDE: Final = 15
_HEADER: Final = struct.Struct(">HHHHHH").unpack_from
_RECORD: Final = struct.Struct(">HHIH").unpack_from
_PLAIN: Final = re.compile(r"[a-z0-9_*-]([a-z0-9_.*-]*[a-z0-9_-])?|\.")


def decode(data: bytes) -> Dns:
    """Decode one message; raises Malformed, or Truncated where not even the first question is whole.

    Of a message that the capture cut off, the records before the cut are given.
    """
    if len(data) < 12:
        raise Truncated("a DNS message begins with twelve bytes")
    number, flags, questions, answers, authorities, additionals = _HEADER(data, 0)
    if flags >> 11 & 15 not in OPCODES:
        raise Malformed(f"opcode {flags >> 11 & 15} is not known")
    at = 12
    qname = qtype = qclass = None
    for index in range(min(questions, RECORD_LIMIT)):
        name, at = name_at(data, at)
        if at + 4 > len(data):
            raise Truncated("a question ends before its class")
        if index == 0:
            qname = name
            kind, klass = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
            qtype, qclass = TYPES.get(kind) or str(kind), CLASSES.get(klass) or str(klass)
        at += 4
    answer, authority, option = _sections(data, at, (answers, authorities, additionals), qname)
    response, rcode = bool(flags & 0x8000), flags & 15
    extended = option.ttl >> 24 if option is not None else 0
    return Dns(
        "response" if response else "query",
        number,
        qname,
        qtype,
        qclass,
        (RCODES.get(rcode) or str(rcode)) if response else None,
        extended << 4 | rcode if extended else None,
        bool(flags & 0x400),
        bool(flags & 0x200),
        bool(flags & 0x100),
        bool(flags & 0x80),
        bool(flags & 0x20),
        bool(flags & 0x10),
        tuple(answer),
        _chain(qname, answer) if answer else (),
        tuple(authority),
        Edns(option.size, bool(option.ttl & 0x8000), option.ttl >> 16 & 255) if option is not None else None,
        _errors(data, option.begin, option.end) if option is not None else (),
    )


@record
class _Option:
    """Where an OPT record is, and what stands in place of its class and TTL (RFC 6891 §6.1.2)."""

    size: int
    ttl: int
    begin: int
    end: int


def _sections(
    data: bytes, at: int, counts: tuple[int, int, int], qname: str | None
) -> tuple[list[ResourceRecord], list[ResourceRecord], _Option | None]:
    """The records of answer and authority section, and the OPT record, up to where the capture cut them off."""
    answer: list[ResourceRecord] = []
    authority: list[ResourceRecord] = []
    option: _Option | None = None
    first, second, _ = counts
    size = len(data)
    for index in range(min(sum(counts), RECORD_LIMIT)):
        if qname is not None and data[at : at + 2] == b"\xc0\x0c":  # the name in the question, as most often
            name, at = qname, at + 2
        else:
            try:
                name, at = name_at(data, at)
            except Truncated:
                break
        if at + 10 > size:
            break
        kind, klass, ttl, length = _RECORD(data, at)
        at += 10
        if at + length > size:
            break
        if index < first + second:
            found = ResourceRecord(name, TYPES.get(kind) or str(kind), ttl, presentation(kind, data, at, length))
            (answer if index < first else authority).append(found)
        elif kind == OPT and option is None:
            option = _Option(klass, ttl, at, at + length)
        at += length
    return answer, authority, option


def _errors(data: bytes, at: int, end: int) -> tuple[ExtendedError, ...]:
    """The extended errors among the options of an OPT record (RFC 6891 §6.1.2, RFC 8914 §2)."""
    found: list[ExtendedError] = []
    while at + 4 <= end:
        code, length = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        at += 4
        if code == EDE and 2 <= length <= end - at:
            text = data[at + 2 : at + length].rstrip(b"\x00").decode("utf-8", "replace")
            found.append(ExtendedError(data[at] << 8 | data[at + 1], text))
        at += length
    return tuple(found)


def _chain(qname: str | None, answer: list[ResourceRecord]) -> tuple[str, ...]:
    """The names from the question to the final owner (RFC 1034 §3.6.2), through whole trees too (RFC 6672)."""
    aliases = {one.name: one.data for one in answer if one.type == "CNAME"}
    trees = [(one.name, one.data) for one in answer if one.type == "DNAME"]
    if qname is None or not (aliases or trees):
        return ()
    chain = [qname]
    while len(chain) <= CHAIN_LIMIT:
        name = chain[-1]
        target = aliases.get(name)
        if target is None:
            below = next(((owner, to) for owner, to in trees if name.endswith(f".{owner}")), None)
            if below is None:
                break
            target = f"{name[: -len(below[0])]}{below[1]}"
        if target in chain:
            break
        chain.append(target)
    return tuple(chain) if len(chain) > 1 else ()


def looks_like(data: bytes) -> bool:
    """Whether bytes on any port are very likely a DNS message: header, counts, one question with a plain name."""
    if len(data) < 17:
        return False
    _, flags, questions, answers, authorities, additionals = _HEADER(data, 0)
    if questions != 1 or flags & 0x7840 or additionals > 8 or authorities > 32 or answers > 64:
        return False
    if not flags & 0x8000 and (answers or authorities or flags & 0x048F):
        return False
    try:
        name, at = name_at(data, 12)
    except Malformed:
        return False
    if at + 4 > len(data) or at == 12:
        return False
    kind, klass = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    if kind not in TYPES or klass not in (1, 3, 255) or _PLAIN.fullmatch(name) is None:
        return False
    return at + 4 == len(data) if not (answers or authorities or additionals) else at + 4 < len(data)


class TcpMessages:
    """Messages on a stream, each behind its length in two bytes (RFC 1035 §4.2.2)."""

    def __init__(self) -> None:
        self._held = b""
        self._lost = False

    @property
    def waiting(self) -> int:
        """Bytes of a message that is not whole."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; give the messages that are whole. Raises Malformed for a length that is not one."""
        if self._lost:  # the next message begins where a segment does
            self._lost = False
        held = self._held + data if self._held else data
        found: list[bytes] = []
        at = 0
        while at + 2 <= len(held):
            length = held[at] << 8 | held[at + 1]
            if length < 12:
                raise Malformed(f"a DNS message of {length} bytes")
            if at + 2 + length > len(held):
                break
            found.append(held[at + 2 : at + 2 + length])
            at += 2 + length
        self._held = held[at:] if at else held
        return found

    def gap(self, length: int) -> None:
        """Bytes are missing: what they were part of is lost."""
        if length:
            self._held, self._lost = b"", True
