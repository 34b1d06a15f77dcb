"""Packets as bytes, each with a tag that survives address translation, and back.

The tag is in the payload, where ICMP errors quote it, and in TCP's sequence numbers, where a reset shows it.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.kernel.flows import ESP, FLAG_BITS, GRE, ICMP, ICMPV6, SCTP, TCP, UDP

if TYPE_CHECKING:
    from tests.kernel.flows import Probe

MAGIC = b"gateproof:"
TAG_BITS = 12
"""A tag in a sequence number leaves the low bits to the length of the segment."""
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
ICMP_ERRORS = {ICMP: (3,), ICMPV6: (1,)}
"""Destination unreachable: what REJECT and missing routes answer."""

REDIRECTS = {ICMP: (5,), ICMPV6: (137,)}
"""Advice to the sender beside forwarding; IPv6 cannot be told to leave it."""


def payload_of(tag: int) -> bytes:
    """Give the payload that marks a packet."""
    return MAGIC + struct.pack("!I", tag)


def packet(probe: Probe, tag: int, *, seq: int | None = None, ack: int | None = None) -> bytes:
    """Build the IP packet of a flow."""
    src, dst = _address(probe.src), _address(probe.dst)
    return _ip(probe.family, src, dst, probe.proto, _segment(probe, tag, src + dst, seq, ack))


def error_about(probe: Probe, tag: int, original: bytes) -> bytes:
    """Build an ICMP error that quotes ``original`` and carries the tag behind it."""
    src, dst = _address(probe.src), _address(probe.dst)
    body = struct.pack("!BBHI", probe.icmp_type, probe.icmp_code, 0, 0) + original + payload_of(tag)
    return _ip(probe.family, src, dst, probe.proto, _summed(body, 2, probe.proto, src + dst))


def _segment(probe: Probe, tag: int, addresses: bytes, seq: int | None, ack: int | None) -> bytes:
    ports = struct.pack("!HH", probe.sport, probe.dport)
    mark = payload_of(tag)
    if probe.proto == TCP:
        flags = sum(FLAG_BITS[name] for name in probe.tcp_flags)
        first = tag << TAG_BITS if seq is None else seq
        second = (tag << TAG_BITS if ack is None else ack) if flags & FLAG_BITS["ack"] else 0
        header = struct.pack("!IIBBHHH", first, second, 5 << 4, flags, 64240, 0, 0)
        return _summed(ports + header + mark, 16, TCP, addresses)
    if probe.proto == UDP:
        return _summed(ports + struct.pack("!HH", 8 + len(mark), 0) + mark, 6, UDP, addresses)
    if probe.proto in (ICMP, ICMPV6):
        body = struct.pack("!BBHHH", probe.icmp_type, probe.icmp_code, 0, tag & 0xFFFF, 1) + mark
        return _summed(body, 2, probe.proto, addresses)
    if probe.proto == SCTP:
        # an INIT chunk (RFC 9260 §3.3.2) with the tag in a parameter that receivers skip
        parameter = struct.pack("!HH", 0xC000, 4 + len(mark)) + mark
        parameter += b"\0" * (-len(parameter) % 4)
        chunk = struct.pack("!BBHIIHHI", 1, 0, 20 + len(parameter), tag + 1, 65536, 1, 1, 0) + parameter
        checked = ports + struct.pack("!II", 0, 0) + chunk
        return ports + struct.pack("!I", 0) + struct.pack("<I", _crc32c(checked)) + chunk
    if probe.proto == GRE:
        return b"\0\0\x08\0" + mark
    if probe.proto == ESP:
        return struct.pack("!II", tag + 256, 1) + mark
    raise AssertionError(f"no frame for protocol {probe.proto}")


def _address(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def _ip(family: int, src: bytes, dst: bytes, proto: int, body: bytes) -> bytes:
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), proto, 64) + src + dst + body
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, proto, 0) + src + dst
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + body


def _summed(body: bytes, at: int, proto: int, addresses: bytes) -> bytes:
    """Fill in the checksum; all but ICMP for IPv4 sum a pseudo header too (RFC 9293, RFC 8200 §8.1)."""
    pseudo = b"" if proto == ICMP else addresses + struct.pack("!IHH", len(body), 0, proto)
    return body[:at] + struct.pack("!H", _checksum(pseudo + body)) + body[at + 2 :]


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit: few and short packets."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet that was seen somewhere: which probe it belongs to, and what it is."""

    tag: int
    answer: bool
    """An error or a reset about the probe, not the probe itself."""
    dst: str
    dport: int | None
    src: str = ""
    sport: int | None = None


def sighting(data: bytes) -> Sighting | None:
    """Recognise an IP packet that is a probe, or an answer to one."""
    if not data:
        return None
    if data[0] >> 4 == 4:
        proto, head = data[9], (data[0] & 15) * 4
        src, dst = (socket.inet_ntop(socket.AF_INET, data[at : at + 4]) for at in (12, 16))
    elif data[0] >> 4 == 6:
        proto, head = data[6], 40
        src, dst = (socket.inet_ntop(socket.AF_INET6, data[at : at + 16]) for at in (8, 24))
    else:
        return None
    body = data[head:]
    if proto == TCP and body[13] & FLAG_BITS["rst"] and MAGIC not in body:
        seq, ack = struct.unpack_from("!II", body, 4)
        return Sighting((seq or ack) >> TAG_BITS, answer=True, dst=dst, dport=None)
    if body[0] in REDIRECTS.get(proto, ()):
        return None
    at = data.rfind(MAGIC)  # an error that is itself a probe carries its own tag behind the quoted one
    if not 0 <= at <= len(data) - len(payload_of(0)):  # an error about a redirect, which quotes whole words of 8 bytes
        return None
    (tag,) = struct.unpack_from("!I", data, at + len(MAGIC))
    sport, dport = struct.unpack_from("!HH", body) if proto in (TCP, UDP, SCTP) else (None, None)
    quotes = body[0] in ICMP_ERRORS.get(proto, ()) and not body.startswith(MAGIC, 8)
    return Sighting(tag, quotes, dst, dport, src, sport)
