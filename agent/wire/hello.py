"""The hello of a TLS client (RFC 8446 §4.1.2), alike over TCP and QUIC, and that of SSL 2."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import ClientHello
from agent.wire.ja import GREASE, ja3, ja4
from agent.wire.tls_names import version_name

EXTENSION_LIMIT: Final = 512
SERVER_NAME, GROUPS, POINTS, SIGNATURES, ALPN, VERSIONS, KEY_SHARE, ECH = 0, 10, 11, 13, 16, 43, 51, 0xFE0D
_NAME: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*:")


def client_hello(body: bytes, *, transport: str = "t") -> ClientHello:
    """Decode the body of a ClientHello; ``transport`` is JA4's letter: t, q or d. Raises Malformed or Truncated.

    An extension that is not what it should be counts as there, and says nothing; where lengths contradict each other
    the hello has what was before.
    """
    size = len(body)
    if size < 38:
        raise Truncated("a hello ends before its session")
    legacy = body[0] << 8 | body[1]
    at = 35 + body[34]
    if at + 2 > size:
        raise Truncated("a hello ends before its cipher suites")
    count = body[at] << 8 | body[at + 1]
    at += 2
    sound = count % 2 == 0 and at + count < size
    ciphers = _numbers(body, at, min(at + count, size))
    at += count
    if sound:
        at += 1 + body[at]
    found: dict[int, bytes] = {}
    order: list[int] = []
    if sound and at + 2 <= size:
        sound = _extensions(body, at, found, order)
    extensions = tuple(order)
    versions = _list8(found.get(VERSIONS))
    groups, signatures = _list16(found.get(GROUPS)), _list16(found.get(SIGNATURES))
    alpn = _protocols(found.get(ALPN))
    points = found.get(POINTS)
    name = _server_name(found.get(SERVER_NAME))
    newest = max((one for one in versions if one not in GREASE), default=legacy)
    return ClientHello(
        name,
        tuple(one.decode("latin-1") for one in alpn),
        version_name(legacy),
        tuple(version_name(one) for one in versions if one not in GREASE),
        ciphers,
        extensions,
        signatures,
        groups,
        _key_shares(found.get(KEY_SHARE)),
        ECH in found,
        ja3(legacy, ciphers, extensions, groups, tuple(points[1:]) if points else ()) if sound else None,
        ja4(transport, newest, ciphers, extensions, signatures, alpn) if sound else None,
    )


def sslv2_hello(data: bytes) -> ClientHello:
    """Decode a hello in the format of SSL 2, with the header of its record (RFC 5246 appendix E.2)."""
    if len(data) < 11:
        raise Truncated("an SSL 2 hello has eleven bytes at least")
    version, count = data[3] << 8 | data[4], data[5] << 8 | data[6]
    if data[2] != 1 or count % 3 or 11 + count > len(data):
        raise Malformed("no hello of SSL 2")
    kinds = tuple(int.from_bytes(data[at : at + 3], "big") for at in range(11, 11 + count, 3))
    ciphers = tuple(one for one in kinds if one < 1 << 16)
    name = version_name(version)
    return ClientHello(
        None, (), name, (), kinds, (), (), (), (), ech=False, ja3=ja3(version, ciphers, (), (), ()),
        ja4=ja4("t", version, ciphers, (), (), []),
    )  # fmt: skip


def _extensions(body: bytes, at: int, found: dict[int, bytes], order: list[int]) -> bool:
    """Take the data of each extension by number, the first of several, and all numbers in order; whether all fits."""
    end = at + 2 + (body[at] << 8 | body[at + 1])
    at += 2
    if end > len(body):
        return False
    while at + 4 <= end:
        kind, length = body[at] << 8 | body[at + 1], body[at + 2] << 8 | body[at + 3]
        at += 4
        if at + length > end or len(order) >= EXTENSION_LIMIT:
            return False
        order.append(kind)
        if kind not in found:
            found[kind] = body[at : at + length]
        at += length
    return at == end


def _numbers(data: bytes, at: int, end: int) -> tuple[int, ...]:
    return unpack_from(f">{(end - at) // 2}H", data, at)


def _list16(data: bytes | None) -> tuple[int, ...]:
    """Numbers of two bytes behind their length in two."""
    if data is None or len(data) < 2:
        return ()
    return _numbers(data, 2, min(len(data), 2 + (data[0] << 8 | data[1])))


def _list8(data: bytes | None) -> tuple[int, ...]:
    """Numbers of two bytes behind their length in one."""
    if not data:
        return ()
    return _numbers(data, 1, min(len(data), 1 + data[0]))


def _protocols(data: bytes | None) -> list[bytes]:
    found: list[bytes] = []
    if data is not None:
        at = 2
        while at < len(data):
            found.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
    return found


def _key_shares(data: bytes | None) -> tuple[int, ...]:
    found: list[int] = []
    if data is not None:
        at = 2
        while at + 4 <= len(data):
            found.append(data[at] << 8 | data[at + 1])
            at += 4 + (data[at + 2] << 8 | data[at + 3])
    return tuple(found)


def _server_name(data: bytes | None) -> str | None:
    """The first host name of the extension (RFC 6066 §3)."""
    if data is None or len(data) < 5 or data[2] != 0:
        return None
    name = data[5 : 5 + (data[3] << 8 | data[4])]
    return host_name(name) if name else None


def host_name(name: bytes) -> str:
    r"""A host name as a client sends it: in lower case, without the dot at its end, odd bytes as ``\DDD``."""
    if _NAME.issuperset(name):
        return name.decode("ascii").lower().rstrip(".")
    return "".join(chr(one).lower() if one in _NAME else f"\\{one:03d}" for one in name).rstrip(".")
