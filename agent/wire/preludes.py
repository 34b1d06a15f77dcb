"""What stands before TLS on a connection: SOCKS (RFC 1928), and the protocols that know STARTTLS."""

from __future__ import annotations

import socket
from typing import Final

from agent.model.observation import Via

MAX_KEPT: Final = 512
"""Bytes of each side that are kept."""
_GREETINGS: Final = (
    (b"* OK", "imap"), (b"* PREAUTH", "imap"), (b"+OK", "pop3"), (b"<?xml", "xmpp"), (b"<stream:stream", "xmpp"),
)  # fmt: skip
_LDAP: Final = b"1.3.6.1.4.1.1466.20037"
_POSTGRESQL: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_RDP: Final = b"\x03\x00\x00"


class Prelude:
    """The first bytes of both sides."""

    def __init__(self) -> None:
        self._kept = [b"", b""]

    def feed(self, side: int, data: bytes) -> None:
        """Take the next bytes of one side (0 or 1)."""
        kept = self._kept[side]
        if len(kept) < MAX_KEPT:
            self._kept[side] = kept + data[: MAX_KEPT - len(kept)]

    def via(self) -> Via | None:
        """How TLS was asked for; None where that is not known."""
        for one, other in (self._kept, reversed(self._kept)):
            if found := _socks5(one, other) or _socks4(one, other):
                return found
        name = _starttls(self._kept[0], self._kept[1]) or _starttls(self._kept[1], self._kept[0])
        return Via(f"starttls:{name}") if name else None


def _starttls(client: bytes, server: bytes) -> str:
    for greeting, name in _GREETINGS:
        if server.startswith(greeting):
            return name
    if server.startswith(b"220"):
        asked = client.upper()
        return "ftp" if b"AUTH TLS" in asked or b"AUTH SSL" in asked else "smtp"
    if _LDAP in client:
        return "ldap"
    if client.startswith(_POSTGRESQL):
        return "postgresql"
    if client.startswith(_RDP) and server.startswith(_RDP):
        return "rdp"
    return "mysql" if server[3:5] == b"\x00\x0a" else ""


def _socks5(client: bytes, server: bytes) -> Via | None:
    """The request behind the choice of a method (and a login with name and password, RFC 1929)."""
    if client[:1] != b"\x05" or server[:1] != b"\x05" or len(client) < 3:
        return None
    at = 2 + client[1]
    if server[1:2] == b"\x02" and client[at : at + 1] == b"\x01":
        at += 2 + (client[at + 1] if len(client) > at + 1 else 0)
        at += 1 + (client[at] if len(client) > at else 0)
    request = client[at:]
    if len(request) < 7 or request[0] != 5 or not 1 <= request[1] <= 3:  # an answer has another number there
        return None
    if request[3] == 3:
        name, rest = request[5 : 5 + request[4]].decode("latin-1"), request[5 + request[4] :]
    else:
        size = 4 if request[3] == 1 else 16
        if len(request) < 4 + size:
            return None
        family = socket.AF_INET if size == 4 else socket.AF_INET6
        name, rest = socket.inet_ntop(family, request[4 : 4 + size]), request[4 + size :]
    return Via("socks5", f"{name}:{int.from_bytes(rest[:2], 'big')}")


def _socks4(client: bytes, server: bytes) -> Via | None:
    """A request of SOCKS 4, with a name behind the user where the address is 0.0.0.x (4a)."""
    if client[:2] != b"\x04\x01" or server[:1] != b"\x00" or len(client) < 9:
        return None
    host = socket.inet_ntoa(client[4:8])
    if client[4:7] == b"\x00\x00\x00":
        host = client[8:].partition(b"\x00")[2].partition(b"\x00")[0].decode("latin-1") or host
    return Via("socks4", f"{host}:{int.from_bytes(client[2:4], 'big')}")
