"""TLS over TCP: records, and the handshake messages and alerts that are not encrypted (RFC 8446, 5246)."""

from __future__ import annotations

from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import Alert, CertificateChain, ClientHello, ServerHello
from agent.wire.certificates import chain
from agent.wire.hello import client_hello, sslv2_hello
from agent.wire.tls_names import ALERTS, LEVELS, suite_name, version_name

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
RECORD_LIMIT: Final = (1 << 14) + 2048
"""Bytes of a record (RFC 5246 §6.2.3)."""
MESSAGE_LIMIT: Final = 1 << 18
"""Bytes of a handshake message that is waited for; longer ones are given up."""
RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 §4.1.3)."""

TlsMessage = ClientHello | ServerHello | CertificateChain | Alert


def looks_like(data: bytes) -> bool:
    """Whether bytes begin with a record that a connection may begin with: a hello, or an alert in place of one."""
    if len(data) < 6:
        return False
    if data[0] == HANDSHAKE and data[1] == 3 and data[2] <= 4:
        length = data[3] << 8 | data[4]
        if not 4 <= length <= RECORD_LIMIT or data[5] not in (CLIENT_HELLO, SERVER_HELLO):
            return length < 4 and length > 0 and data[5] in (CLIENT_HELLO, SERVER_HELLO)
        return len(data) < 11 or (data[6] <= 3 and (data[9] == 3 or data[9] == 0x7F))
    if data[0] == ALERT and data[1] == 3 and data[2] <= 4:
        return data[3] == 0 and data[4] == 2 and data[5] in LEVELS and (len(data) < 7 or data[6] in ALERTS)
    return _is_sslv2(data)


def _is_sslv2(data: bytes) -> bool:
    """A hello in the format of SSL 2: its version, lists whose lengths add up to that of the record."""
    if len(data) < 11 or data[0] & 0x80 == 0 or data[2] != 1 or (data[3], data[4]) not in _SSLV2_VERSIONS:
        return False
    length = (data[0] & 0x7F) << 8 | data[1]
    ciphers, session, challenge = (data[at] << 8 | data[at + 1] for at in (5, 7, 9))
    return ciphers % 3 == 0 and 0 < ciphers < 1024 and 9 + ciphers + session + challenge == length


_SSLV2_VERSIONS: Final = frozenset({(0, 2), (3, 0), (3, 1), (3, 2), (3, 3)})


class Records:
    """One direction of a connection; takes its bytes in order, in any pieces."""

    def __init__(self) -> None:
        self._held = b""
        """The beginning of a record that is not whole."""
        self._message = b""
        """Handshake messages that are not whole."""
        self._skip = 0
        """Bytes of a record that are of no interest."""
        self._begun = False
        self._changed = False
        self._lost = False
        self.done = False
        """Nothing more that can be read will come: what follows is encrypted."""

    @property
    def waiting(self) -> int:
        """Bytes of records and messages that are not whole."""
        return len(self._held) + len(self._message)

    def feed(self, data: bytes) -> list[TlsMessage]:
        """Take the next bytes; give the messages that they complete. Raises Malformed where this is no TLS."""
        found: list[TlsMessage] = []
        if self._skip:
            step = min(self._skip, len(data))
            self._skip -= step
            data = data[step:]
        if self._lost:
            if not (data[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and data[1:2] == b"\x03"):
                return found
            self._lost = False
        held = self._held + data if self._held else data
        self._held = b""
        at, size = 0, len(held)
        if not self._begun:
            if size < 11 and (held[:1] == b"\x80" or size < 3):
                self._held = held
                return found
            self._begun = True
            if held[0] & 0x80 and _is_sslv2(held):
                length = 2 + ((held[0] & 0x7F) << 8 | held[1])
                found.append(sslv2_hello(held))
                at = min(length, size)
                self._skip = length - at
        while at + 5 <= size and not self.done:
            kind, length = held[at], held[at + 3] << 8 | held[at + 4]
            if not CHANGE_CIPHER <= kind <= HEARTBEAT or held[at + 1] != 3 or length > RECORD_LIMIT:
                self.done = True
                break
            if kind in (CHANGE_CIPHER, APPLICATION):
                self.done = kind == APPLICATION
                self._changed = True
                at += 5 + length
                continue
            if at + 5 + length > size:
                break
            self._record(kind, held[at + 5 : at + 5 + length], found)
            at += 5 + length
        if self.done:
            return found
        if at > size:
            self._skip = at - size
        else:
            self._held = held[at:]
        return found

    def _record(self, kind: int, body: bytes, found: list[TlsMessage]) -> None:
        if kind == ALERT:
            found.append(_alert(body))
        elif kind == HANDSHAKE:
            # behind a change of ciphers all is encrypted, but for the hellos after a HelloRetryRequest (RFC 8446 D.4)
            if self._changed and not self._message and not _begins_hello(body):
                self.done = True
                return
            self._message += body
            self._messages(found)

    def _messages(self, found: list[TlsMessage]) -> None:
        held = self._message
        at = 0
        while at + 4 <= len(held):
            kind, length = held[at], int.from_bytes(held[at + 1 : at + 4], "big")
            if length > MESSAGE_LIMIT:
                self.done = True
                break
            if at + 4 + length > len(held):
                break
            body = held[at + 4 : at + 4 + length]
            at += 4 + length
            try:
                if kind == CLIENT_HELLO:
                    found.append(client_hello(body))
                elif kind == SERVER_HELLO:
                    found.append(server_hello(body))
                elif kind == CERTIFICATE:
                    found.append(chain(body))
            except Malformed:
                if kind in (CLIENT_HELLO, SERVER_HELLO):  # encrypted, or something else
                    self.done = True
                    break
        self._message = held[at:]

    def gap(self, length: int) -> None:
        """Bytes are missing; what they were part of is lost unless it is skipped anyway."""
        if self._skip >= length:
            self._skip -= length
            return
        self._skip = 0
        self._held = self._message = b""
        self._lost = True


def _begins_hello(body: bytes) -> bool:
    return len(body) > 6 and body[0] in (CLIENT_HELLO, SERVER_HELLO) and body[1] == 0 and body[4:6] == b"\x03\x03"


def server_hello(body: bytes) -> ServerHello:
    """Decode the body of a ServerHello (RFC 8446 §4.1.3); raises Malformed or Truncated."""
    size = len(body)
    if size < 38:
        raise Truncated("a hello ends before its cipher suite")
    version = body[0] << 8 | body[1]
    if version >> 8 not in (3, 0x7F):
        raise Malformed(f"version 0x{version:04x} in a hello")
    at = 35 + body[34]
    draft = version >> 8 == 0x7F and version & 255 < 22  # these had neither session nor compression
    if draft:
        at = 34
    if at + 2 > size:
        raise Truncated("a hello ends before its cipher suite")
    suite = body[at] << 8 | body[at + 1]
    at += 2 if draft else 3
    alpn: str | None = None
    end = min(size, at + 2 + (body[at] << 8 | body[at + 1])) if at + 2 <= size else at
    at += 2
    while at + 4 <= end:
        kind, length = body[at] << 8 | body[at + 1], body[at + 2] << 8 | body[at + 3]
        at += 4
        if kind == 43 and length == 2 and at + 2 <= end:
            version = body[at] << 8 | body[at + 1]
        elif kind == 16 and length > 3 and at + length <= end:
            alpn = body[at + 3 : at + 3 + body[at + 2]].decode("latin-1")
        at += length
    return ServerHello(version_name(version), suite_name(suite), suite, alpn, body[2:34] == RETRY)


def _alert(body: bytes) -> Alert:
    """An alert in clear has two bytes, of which the first says little; others are encrypted."""
    if len(body) != 2 or body[0] not in LEVELS:
        return Alert(None, None, None, None)
    return Alert(body[0], body[1], LEVELS[body[0]], ALERTS.get(body[1]))
