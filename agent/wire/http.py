"""HTTP/1 in clear: the heads of requests and responses, and the way past their bodies (RFC 9112)."""

from __future__ import annotations

import re
from typing import Final

from agent.errors import Malformed
from agent.model.observation import HttpRequest, HttpResponse

MAX_HEAD: Final = 64 << 10
"""Bytes of a head; what is longer is given up."""
MAX_SIZE_LINE: Final = 1024
"""Bytes of a line that tells the size of a chunk."""
MAX_WAITING: Final = 64
"""Requests that a server has not answered yet."""
ENDLESS: Final = 1 << 62
"""A body that ends where the connection does."""
_REQUEST: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32})[ \t]+([^\r\n]*?)[ \t]+HTTP/(1\.[0-9])[ \t]*\r?$")
_STATUS: Final = re.compile(rb"HTTP/1\.[0-9][ \t]+([0-9]{3})(?:[ \t]+([^\r\n]*?))?[ \t]*\r?$")
_METHOD: Final = re.compile(rb"(?:\r?\n){0,4}([A-Z][A-Z_-]{2,19}) [ \t]*[^\x00-\x20]")
_END: Final = re.compile(rb"\r?\n\r?\n")
_FIELD: Final = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")
_NO_BODY: Final = frozenset({204, 304})


def begins_request(data: bytes) -> bool:
    """Whether a segment begins with what may be a request line, or some empty ones before it (RFC 9112 §2.2)."""
    found = _METHOD.match(data)
    if found is None:
        return False
    end = data.find(b"\n", found.end(), MAX_HEAD)
    return end < 0 or data.find(b" HTTP/1.", found.end(1), end) >= 0


def begins_response(data: bytes) -> bool:
    """Whether a segment begins with a status line."""
    return data.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))


def _fields(head: bytes, begin: int) -> dict[bytes, bytes]:
    """The header fields by name in lower case; of several the first."""
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(head, begin):
        found.setdefault(name.lower(), value)
    return found


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _line(head: bytes) -> tuple[bytes, int]:
    """The first line, and where the next one begins."""
    end = head.find(b"\n")
    return (head, len(head)) if end < 0 else (head[:end], end + 1)


def request(head: bytes) -> tuple[HttpRequest, dict[bytes, bytes]]:
    """Decode the head of a request, with its fields; raises Malformed."""
    line, begin = _line(head)
    found = _REQUEST.match(line)
    if found is None:
        raise Malformed("no request line of HTTP/1")
    fields = _fields(head, begin)
    method = found[1].decode("ascii").upper()
    uri = found[2].decode("latin-1")
    host, agent = _text(fields.get(b"host")), _text(fields.get(b"user-agent"))
    return HttpRequest(method, host, uri, agent, found[3].decode(), uri if method == "CONNECT" else None), fields


def response(head: bytes) -> tuple[HttpResponse, dict[bytes, bytes]]:
    """Decode the head of a response, with its fields; raises Malformed."""
    line, begin = _line(head)
    found = _STATUS.match(line)
    if found is None:
        raise Malformed("no status line of HTTP/1")
    fields = _fields(head, begin)
    server, location = _text(fields.get(b"server")), _text(fields.get(b"location"))
    kind = _text(fields.get(b"content-type"))
    return HttpResponse(int(found[1]), (found[2] or b"").decode("latin-1"), server, location, kind), fields


class Messages:
    """One direction of a connection.

    ``waiting`` are the methods of requests that wait for an answer; both directions share it.
    """

    def __init__(self, waiting: list[str]) -> None:
        self._waiting = waiting
        self._head = b""
        self._body = 0
        """Bytes of the body, or of the chunk, that are still to come."""
        self._chunks = False
        self._trailer = False
        """The last chunk is over, fields may follow."""
        self._size_line = b""
        self._lost = False
        """The end of the last message was not seen: the next begins where a segment does."""
        self.tunnel = False
        """What follows is another protocol: after CONNECT, or an upgrade."""

    @property
    def in_message(self) -> bool:
        """Whether a head is not complete yet."""
        return bool(self._head)

    @property
    def waiting(self) -> int:
        """Bytes of a head that is not whole."""
        return len(self._head)

    def feed(self, data: bytes) -> list[HttpRequest | HttpResponse]:
        """Take the next bytes, which begin where a segment does; give the heads that they complete."""
        found: list[HttpRequest | HttpResponse] = []
        at, end = 0, len(data)
        while at < end and not self.tunnel:
            if self._body:
                if self._body == ENDLESS and at == 0 and begins_response(data):
                    self._body = 0
                    continue
                step = min(self._body, end - at)
                self._body -= step if self._body != ENDLESS else 0
                at += step
            elif self._chunks:
                at = self._chunk(data, at)
            else:
                # empty lines may stand before a message (RFC 9112 §2.2)
                rest = data[at:] if self._head else data[at:].lstrip(b"\r\n")
                if not rest:
                    break
                if self._lost and not (self._head or begins_request(rest) or begins_response(rest)):
                    break
                at = self._take_head(rest, found) + len(data) - len(rest)
        return found

    def gap(self, length: int) -> None:
        """Bytes are missing; what began with them is lost."""
        if self._body > length or self._body == ENDLESS:
            self._body -= length if self._body != ENDLESS else 0
            return
        self._lost = True
        self._body, self._chunks, self._trailer, self._head, self._size_line = 0, False, False, b"", b""

    def _take_head(self, data: bytes, found: list[HttpRequest | HttpResponse]) -> int:
        before = len(self._head)
        head = self._head + data
        end = _END.search(head, max(0, before - 3))
        if end is None:
            self._head = head if len(head) <= MAX_HEAD else b""
            self._lost |= len(head) > MAX_HEAD
            return len(data)
        self._head = b""
        try:
            self._decode(head[: end.start()], found)
        except Malformed:
            self._lost = True
            return len(data)
        self._lost = False
        return end.end() - before

    def _decode(self, head: bytes, found: list[HttpRequest | HttpResponse]) -> None:
        message: HttpRequest | HttpResponse
        if head.startswith(b"HTTP/"):
            message, fields = response(head)
            method = self._waiting.pop(0) if self._waiting and message.status >= 200 else ""
            bodiless = method == "HEAD" or message.status in _NO_BODY or message.status < 200
            self.tunnel = message.status == 101 or (method == "CONNECT" and message.status < 300)
            self._measure(fields, ENDLESS)
            if bodiless or self.tunnel:
                self._body, self._chunks = 0, False
        else:
            message, fields = request(head)
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(message.method)
            self._measure(fields, 0)
            self._lost = False
        found.append(message)

    def _measure(self, fields: dict[bytes, bytes], otherwise: int) -> None:
        """How long the body is (RFC 9112 §6.3)."""
        length = fields.get(b"content-length", b"").split(b",")[0].strip()
        self._chunks = fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        if self._chunks:
            self._body = 0
        elif length.isdigit() and len(length) < 18:
            self._body = int(length)
        else:
            self._body = otherwise

    def _chunk(self, data: bytes, at: int) -> int:
        """Take the line that tells the size of the next chunk."""
        end = data.find(b"\n", at)
        line = self._size_line + data[at : end if end >= 0 else len(data)]
        if end < 0:
            self._size_line = line
            if len(line) > MAX_SIZE_LINE:
                self.gap(1)
            return len(data)
        self._size_line = b""
        text = line.split(b";")[0].strip()
        if self._trailer:
            self._chunks = self._trailer = bool(text)
        elif text:  # else it is the end of line behind a chunk
            self._lost = _SIZE.fullmatch(text) is None
            self._chunks, self._body = not self._lost, 0 if self._lost else int(text, 16)
            self._trailer = self._chunks and self._body == 0
        return end + 1
