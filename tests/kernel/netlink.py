"""The two things that the probe asks of the kernel over netlink: packets from NFLOG, and a clean conntrack.

Message layouts: include/uapi/linux/netfilter/nfnetlink_log.h and nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.netns import Namespace

NETLINK_NETFILTER = 12
ULOG, CTNETLINK = 4, 1  # NFNL_SUBSYS_*
LOG_PACKET, LOG_CONFIG = 0, 1
CT_DELETE = 2
REQUEST, ACK = 1, 4
ERROR = 2  # NLMSG_ERROR
CONFIG_COMMAND, CONFIG_MODE = 1, 2
BIND = 1
COPY_PACKET = 2
PACKET_HEADER, PAYLOAD = 1, 9
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")

INPUT, OUTPUT = 1, 3
"""Hook numbers, NF_INET_LOCAL_IN and NF_INET_LOCAL_OUT."""


def _socket(namespace: Namespace) -> socket.socket:
    with namespace.entered():
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    opened.bind((0, 0))
    return opened


def _request(opened: socket.socket, subsystem: int, kind: int, resource: int, attributes: bytes = b"") -> None:
    """Send one request and wait for the kernel's acknowledgement; raises OSError."""
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, resource) + attributes
    opened.send(HEADER.pack(HEADER.size + len(body), subsystem << 8 | kind, REQUEST | ACK, 1, 0) + body)
    while True:
        answer = opened.recv(65536)
        _, kind, *_ = HEADER.unpack_from(answer)
        if kind == ERROR:
            (number,) = struct.unpack_from("=i", answer, HEADER.size)
            if number:
                raise OSError(-number, "netlink request refused")
            return


def _attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + padding


class PacketLog:
    """Packets that a rule ``log group N`` in a namespace shows."""

    def __init__(self, namespace: Namespace, group: int) -> None:
        self.socket = _socket(namespace)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        _request(self.socket, ULOG, LOG_CONFIG, group, _attribute(CONFIG_COMMAND, struct.pack("!B", BIND)))
        mode = _attribute(CONFIG_MODE, struct.pack("!IBx", 0xFFFF, COPY_PACKET))
        _request(self.socket, ULOG, LOG_CONFIG, group, mode)

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Yield hook and bytes (from the network header on) of what has been logged, without waiting."""
        while True:
            try:
                data = self.socket.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            at = 0
            while at + HEADER.size <= len(data):
                length, kind, *_ = HEADER.unpack_from(data, at)
                if kind == ULOG << 8 | LOG_PACKET:
                    yield _logged(data[at + HEADER.size + 4 : at + length])
                at += (length + 3) & ~3

    def close(self) -> None:
        """Stop logging."""
        self.socket.close()


def _logged(attributes: bytes) -> tuple[int, bytes]:
    hook, payload = 0, b""
    at = 0
    while at + ATTRIBUTE.size <= len(attributes):
        length, kind = ATTRIBUTE.unpack_from(attributes, at)
        value = attributes[at + ATTRIBUTE.size : at + length]
        if kind & 0x7FFF == PACKET_HEADER:
            hook = value[2]
        elif kind & 0x7FFF == PAYLOAD:
            payload = value
        at += (length + 3) & ~3
    return hook, payload


class Conntrack:
    """The connection table of a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._socket = _socket(namespace)

    def flush(self) -> None:
        """Forget all connections."""
        _request(self._socket, CTNETLINK, CT_DELETE, 0)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
