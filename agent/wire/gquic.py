"""Google's QUIC, before that of the IETF: the hello of its own crypto (QUIC Crypto, Langley and Chang, 2016).

Up to Q046 the client's first packets are not encrypted, behind a header of its own (up to Q043), or a long header
without length; Q050 encrypts them as the IETF's do. A hello (CHLO) is a table of tags and the ends of their values.
"""

from __future__ import annotations

from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import GoogleHello
from agent.wire.hello import host_name

TAG_LIMIT: Final = 128
"""Tags of one message (quiche, kMaxEntries)."""
FRAMES_BEFORE: Final = 256
"""Bytes of acknowledgements and padding that may stand before the hello in its packet."""
CHLO: Final = b"CHLO"
_PUBLIC: Final = 0x09
"""Flags of a public header: a version and a connection id of eight bytes; not the end of a connection."""
_ENCRYPTED: Final = 0x51303437
"""Q047 and later do not send their first packets in clear."""


def looks_like(data: bytes) -> bool:
    """Whether a datagram begins with a public header that names a version."""
    return len(data) > 30 and data[0] & 0x8B == _PUBLIC and data[9:11] == b"Q0" and data[11:13].isdigit()


def in_clear(data: bytes) -> bool:
    """Whether a datagram with a long header is one of Q044 to Q046."""
    return data[1:3] == b"Q0" and int.from_bytes(data[1:5], "big") < _ENCRYPTED


def clear_hello(data: bytes, name: str) -> GoogleHello | None:
    """The hello in a datagram of Q046 and before; ``name`` is that of its version. None where it holds none."""
    public = data[0] & 0x80 == 0
    dcid, begin = (data[1:9], 13) if public else (data[6:14], 14)
    at = data.find(CHLO, begin, begin + FRAMES_BEFORE)
    if at < 0 or not _in_first_stream(data, at):
        return None
    try:
        return hello(data[at:], name, dcid, 1)
    except Malformed:
        return None


def _in_first_stream(data: bytes, at: int) -> bool:
    """Whether bytes are the contents of a STREAM frame of stream 1: ``1 fin length offset offset offset id id``."""
    for offset in (0, 2, 3, 4, 5, 6, 7, 8):
        for length in (0, 2):
            begin = at - 2 - offset - length
            flags = 0x80 | length << 4 | max(offset - 1, 0) << 2
            if begin > 0 and data[begin] & 0xBF == flags and data[begin + 1] == 1:
                return True
    return False


def hello(data: bytes, version: str, dcid: bytes, packets: int) -> GoogleHello:
    """Decode a CHLO, of which the end may be missing; raises Malformed, or Truncated where the table is cut off."""
    if data[:4] != CHLO:
        raise Malformed("no CHLO")
    count = int.from_bytes(data[4:6], "little")
    values = 8 + 8 * count
    if not 0 < count <= TAG_LIMIT or data[6:8] != b"\0\0":
        raise Malformed(f"a CHLO of {count} tags")
    if values > len(data):
        raise Truncated("a CHLO ends within its tags")
    found: dict[bytes, bytes] = {}
    begin = values
    for at in range(8, values, 8):
        end = values + int.from_bytes(data[at + 4 : at + 8], "little")
        if end < begin:
            raise Malformed("the values of a CHLO overlap")
        if end <= len(data):
            found[data[at : at + 4].rstrip(b"\0")] = data[begin:end]
        begin = end
    sni, protocol, agent = found.get(b"SNI"), found.get(b"ALPN"), found.get(b"UAID")
    return GoogleHello(
        version, dcid.hex(), "", packets, host_name(sni) if sni else None,
        (protocol.decode("latin-1"),) if protocol else (), (), (), (), ech=False, ja4=None,
        user_agent=agent.decode("latin-1") if agent else None,
    )  # fmt: skip


def size(data: bytes) -> int:
    """Bytes of the CHLO that data begin with, 0 where it is not whole; raises Malformed where it is another message."""
    if data[:4] != CHLO[: len(data)]:
        raise Malformed("no CHLO")
    values = 8 + 8 * int.from_bytes(data[4:6], "little")
    if len(data) < max(values, 16):
        return 0
    whole = values + int.from_bytes(data[values - 4 : values], "little")
    return whole if whole <= len(data) else 0
