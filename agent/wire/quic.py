"""Long-header packets of QUIC: the client's hello in its Initial packets (RFC 9000, 9001, 9369)."""

from __future__ import annotations

import re
from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import ClientHello, QuicHello, QuicPacket
from agent.model.record import record
from agent.wire import gquic
from agent.wire.budget import Budget
from agent.wire.hello import client_hello
from agent.wire.quic_keys import Q050, V1, V2, V2_DRAFT, client_opener, salts, wrong_key

CONNECTION_LIMIT: Final = 4096
"""Connections whose hello is not complete, or whose keys may be asked for again; the oldest gives way."""
WAITING_LIMIT: Final = 64 << 20
"""Bytes of hellos that are not whole, of all of them together."""
HELLO_LIMIT: Final = 64 << 10
"""Bytes of a hello."""
PIECE_LIMIT: Final = 256
"""CRYPTO frames of one hello."""
PACKET_LIMIT: Final = 32
"""Packets of one datagram."""
CLIENT_SIZE: Final = 1200
"""Bytes that a client's datagram with an Initial has at least (RFC 9000 §14.1)."""
INITIAL, RETRY = 0, 3
_OTHERS: Final = frozenset({0x51, 0x54})
"""Q0.. and T0..: Google's versions."""
_padding: Final = re.compile(rb"[\x00\x01]+").match
"""PADDING and PING: a client's packet is half full of them, and each is a frame of its own."""


def version_name(number: int) -> str:
    """``v1``, ``v2``, ``draft-29``, else ``0x%08x``."""
    if number == V1:
        return "v1"
    if number == V2:
        return "v2"
    return f"draft-{number & 255}" if number >> 8 == 0xFF0000 else f"0x{number:08x}"


def looks_like(data: bytes) -> bool:
    """Whether a datagram begins with a long header of a version that somebody speaks, or one of Google's own."""
    if len(data) < 7:
        return False
    if data[0] & 0x80 == 0:
        return gquic.looks_like(data)
    if data[5] > 20:  # one byte held both lengths in Google's Q044 to Q046
        return gquic.in_clear(data) and data[5] == 0x50
    version = int.from_bytes(data[1:5], "big")
    return (
        version in (V1, V2, 0)
        or version >> 8 == 0xFF0000
        or version >> 8 == 0xFACEB0
        or version == V2_DRAFT
        or version & 0x0F0F0F0F == 0x0A0A0A0A
        or (data[1] in _OTHERS and data[2] == 0x30)
    ) and (version != 0 or _is_negotiation(data))


def _is_negotiation(data: bytes) -> bool:
    """Whether a packet of version 0 is well formed: both ids, then versions (RFC 9000 §17.2.1)."""
    at = 6 + data[5]
    if at >= len(data):
        return False
    at += 1 + data[at]
    return at < len(data) and (len(data) - at) % 4 == 0


@record
class _Header:
    """A long header up to the part that depends on the type."""

    version: int
    kind: int
    dcid: bytes
    scid: bytes
    at: int


class _Connection:
    """What is known of a client's connection."""

    def __init__(self) -> None:
        self.keys: tuple[bytes, bytes] | None = None
        """The salt and the id that its Initial packets are opened with."""
        self.pieces: dict[int, bytes] = {}
        self.held = 0
        self.packets = 0
        self.hello = 0
        """The hash of the last hello."""
        self.base = 0
        """Where in the CRYPTO stream the next one begins: behind a HelloRetryRequest there is another."""

    def forget(self) -> None:
        """Take what comes next for the beginning; the hello may be the same once more."""
        self.keys = None
        self.pieces = {}
        self.held = self.packets = self.base = 0


class Connections:
    """Takes datagrams of all flows; gives what they say."""

    def __init__(self, limit: int = CONNECTION_LIMIT, waiting: int = WAITING_LIMIT) -> None:
        self._limit = limit
        self._waiting = Budget(waiting)
        self._known: dict[bytes, _Connection] = {}

    def feed(self, flow: bytes, data: bytes) -> list[QuicHello | QuicPacket]:
        """Take one datagram that looks like it; ``flow`` is alike for both directions."""
        found: list[QuicHello | QuicPacket] = []
        if data[0] & 0x80 == 0 or gquic.in_clear(data):
            self._google(flow, data, found)
            return found
        at = 0
        for _ in range(PACKET_LIMIT):
            if at >= len(data) or data[at] & 0x80 == 0:
                break
            try:
                at = self._packet(flow, data, at, found)
            except Malformed:
                break
        return found

    def _packet(self, flow: bytes, data: bytes, at: int, found: list[QuicHello | QuicPacket]) -> int:
        """Read the packet at a place; give where the next one begins."""
        header = _header(data, at)
        if header.version == 0 or header.kind == RETRY:
            event = "retry" if header.version else "version_negotiation"
            found.append(QuicPacket(event, version_name(header.version), header.dcid.hex(), header.scid.hex()))
            if header.version and flow in self._known:  # its id gives the keys of what follows (RFC 9001 §5.2)
                self._known[flow].forget()
            return len(data)
        begin = header.at
        if header.kind == INITIAL:
            token, begin = _varint(data, begin)
            begin += token
        length, begin = _varint(data, begin)
        end = begin + length
        if end > len(data) or length < 20:
            raise Truncated("a packet is longer than its datagram")
        if header.kind == INITIAL and salts(header.version):
            self._initial(flow, data[at:end], header, begin - at, found, whole=len(data))
        return end

    def _initial(  # noqa: PLR0913 - a packet and its place
        self,
        flow: bytes,
        packet: bytes,
        header: _Header,
        begin: int,
        found: list[QuicHello | QuicPacket],
        *,
        whole: int,
    ) -> None:
        connection = self._known.get(flow)
        tries = [(salt, header.dcid) for salt in salts(header.version)]
        if connection is not None and connection.keys is not None and connection.keys not in tries:
            tries.append(connection.keys)
        for keys in tries:
            text = _opened(packet, begin, keys)
            if text is not None:
                break
        else:
            if connection is None and whole >= CLIENT_SIZE:
                connection = self._open(flow)
                name = version_name(header.version)
                found.append(QuicPacket("initial_undecryptable", name, header.dcid.hex(), header.scid.hex()))
            return
        if connection is None:
            connection = self._open(flow)
        elif connection.keys not in (None, keys):
            connection.forget()
        connection.keys = keys
        connection.packets += 1
        _collect(text, connection)
        hello, size = _message(connection, header)
        if size:
            if hello is not None:
                found.append(hello)
            connection.base += size
            connection.pieces, connection.held, connection.packets = {}, 0, 0
        for gone in self._waiting.put(flow, connection.held):
            del self._known[gone]

    def _google(self, flow: bytes, data: bytes, found: list[QuicHello | QuicPacket]) -> None:
        """Read a datagram of Google's that is not encrypted."""
        version = int.from_bytes(data[9:13] if data[0] & 0x80 == 0 else data[1:5], "big")
        hello = gquic.clear_hello(data, version_name(version))
        if hello is not None:
            connection = self._known.get(flow) or self._open(flow)
            known, connection.hello = connection.hello, hash(data[data.find(gquic.CHLO) :])
            if known != connection.hello:
                found.append(hello)

    def _open(self, flow: bytes) -> _Connection:
        if len(self._known) >= self._limit:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._waiting.put(oldest, 0)
        connection = self._known[flow] = _Connection()
        return connection


def _header(data: bytes, at: int) -> _Header:
    size = len(data)
    if at + 7 > size:
        raise Truncated("a long header is cut off")
    version = int.from_bytes(data[at + 1 : at + 5], "big")
    kind = data[at] >> 4 & 3
    if version == V2:
        kind = kind - 1 & 3  # RFC 9369 §3.2
    begin = at + 6
    dcid = data[begin : begin + data[at + 5]]
    begin += data[at + 5]
    if begin >= size:
        raise Truncated("a long header is cut off")
    scid = data[begin + 1 : begin + 1 + data[begin]]
    return _Header(version, kind, dcid, scid, begin + 1 + data[begin])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and what follows (RFC 9000 §16)."""
    if at >= len(data):
        raise Truncated("a number is cut off")
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise Truncated("a number is cut off")
    return int.from_bytes(data[at : at + size], "big") & (1 << (8 * size - 2)) - 1, at + size


def _opened(packet: bytes, begin: int, keys: tuple[bytes, bytes]) -> bytes | None:
    """What is in an Initial packet whose number is at ``begin``; None where the keys are others (RFC 9001 §5.3)."""
    mask_of, decrypt, iv = client_opener(*keys)
    sample = packet[begin + 4 : begin + 20]
    if len(sample) < 16:
        return None
    mask = mask_of(sample)
    first = packet[0] ^ mask[0] & 0x0F
    size = (first & 3) + 1
    number = bytes([packet[begin + one] ^ mask[1 + one] for one in range(size)])
    head = bytes([first]) + packet[1:begin] + number
    nonce = iv[: 12 - size] + bytes([iv[12 - size + one] ^ number[one] for one in range(size)])
    try:
        return decrypt(nonce, packet[begin + size :], head)
    except wrong_key():
        return None


def _collect(text: bytes, connection: _Connection) -> None:
    """Take the CRYPTO frames of a packet (RFC 9000 §19); raises Malformed for frames that an Initial cannot have."""
    at, size = 0, len(text)
    while at < size:
        if (padding := _padding(text, at)) is not None:
            at = padding.end()
            continue
        kind = text[at]
        at += 1
        if kind in (6, 8):  # CRYPTO; Google's own number for it is 8
            offset, at = _varint(text, at)
            length, at = _varint(text, at)
            if at + length > size or offset + length - connection.base > HELLO_LIMIT:
                raise Malformed("a CRYPTO frame is longer than its packet")
            piece, offset = text[at : at + length], offset - connection.base
            if offset < 0:  # of what was read before
                piece, offset = piece[-offset:], 0
            room = len(connection.pieces) < PIECE_LIMIT and connection.held + len(piece) <= HELLO_LIMIT
            if room and len(connection.pieces.get(offset, b"")) < len(piece):
                connection.pieces[offset] = piece
                connection.held += len(piece)
            at += length
        elif kind in (2, 3):  # ACK
            _, at = _varint(text, at)
            _, at = _varint(text, at)
            count, at = _varint(text, at)
            for _ in range(1 + 2 * min(count, size) + (3 if kind == 3 else 0)):
                _, at = _varint(text, at)
        elif kind == 0x1C:  # CONNECTION_CLOSE
            return
        else:
            raise Malformed(f"a frame of type {kind} in an Initial packet")


def _joined(connection: _Connection) -> bytes:
    """What is there of the CRYPTO stream without a gap."""
    whole = b""
    for offset, piece in sorted(connection.pieces.items()):
        if offset > len(whole):
            break
        whole += piece[len(whole) - offset :]
    return whole


def _message(connection: _Connection, header: _Header) -> tuple[QuicHello | None, int]:
    """The hello, once all its pieces are there, and its size; None if it was sent again. Raises Malformed."""
    whole = _joined(connection)
    if header.version == Q050:
        size = gquic.size(whole)
    elif len(whole) < 4:
        return None, 0
    else:
        size = 4 + int.from_bytes(whole[1:4], "big")
        if whole[0] != 1 or size > HELLO_LIMIT:
            raise Malformed("no hello in an Initial packet")
    if not 0 < size <= len(whole):
        return None, 0
    whole = whole[:size]
    known, connection.hello = connection.hello, hash(whole)
    if connection.hello == known:
        return None, size
    if header.version == Q050:
        return gquic.hello(whole, version_name(header.version), header.dcid, connection.packets), size
    return _quic_hello(client_hello(whole[4:], transport="q"), header, connection.packets), size


def _quic_hello(hello: ClientHello, header: _Header, packets: int) -> QuicHello:
    return QuicHello(
        version_name(header.version),
        header.dcid.hex(),
        header.scid.hex(),
        packets,
        hello.sni,
        hello.alpn,
        hello.cipher_suites,
        hello.extensions,
        hello.supported_versions,
        hello.ech,
        hello.ja4,
    )
