"""The data of DNS records, written as zone files write them."""

from __future__ import annotations

import base64
import socket
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.wire.dns_names import TYPES, name_at

if TYPE_CHECKING:
    from collections.abc import Callable

_PAIR: Final = struct.Struct(">HH").unpack_from
_TRIPLE: Final = struct.Struct(">HHH").unpack_from
_SOA: Final = struct.Struct(">IIIII").unpack_from
_RRSIG: Final = struct.Struct(">HBBIIIH").unpack_from
PARAMETERS: Final = {
    0: "mandatory", 1: "alpn", 2: "no-default-alpn", 3: "port", 4: "ipv4hint", 5: "ech", 6: "ipv6hint", 7: "dohpath",
    8: "ohttp",
}  # fmt: skip
"""Keys of SVCB and HTTPS records (RFC 9460, 9461, 9540)."""


def presentation(kind: int, data: bytes, at: int, length: int) -> str:
    """The data of one record; what is not right, and types of no known form, as RFC 3597 writes them."""
    if kind == 1 and length == 4:
        return socket.inet_ntoa(data[at : at + 4])
    if kind == 28 and length == 16:
        return socket.inet_ntop(socket.AF_INET6, data[at : at + 16])
    form = _FORMS.get(kind)
    if form is not None:
        try:
            return form(data, at, at + length)
        except (Malformed, IndexError, struct.error, OverflowError):
            pass
    return f"\\# {length} {data[at : at + length].hex()}".rstrip()


def _name(data: bytes, at: int, end: int) -> str:
    name, behind = name_at(data, at)
    if behind != end:
        raise Malformed("a name is not all of the data")
    return name


def _absolute(data: bytes, at: int) -> tuple[str, int]:
    """A name among other data, with the dot at its end, and what follows it."""
    name, at = name_at(data, at)
    return name if name == "." else f"{name}.", at


def _last(data: bytes, at: int, end: int) -> str:
    """The same at the end of the data."""
    name = _name(data, at, end)
    return name if name == "." else f"{name}."


def _mx(data: bytes, at: int, end: int) -> str:
    return f"{data[at] << 8 | data[at + 1]} {_last(data, at + 2, end)}"


def _srv(data: bytes, at: int, end: int) -> str:
    priority, weight, port = _TRIPLE(data, at)
    return f"{priority} {weight} {port} {_last(data, at + 6, end)}"


def _soa(data: bytes, at: int, end: int) -> str:
    server, at = _absolute(data, at)
    mailbox, at = _absolute(data, at)
    if at + 20 != end:
        raise Malformed("a SOA record has five numbers")
    return f"{server} {mailbox} {' '.join(map(str, _SOA(data, at)))}"


def _two_names(data: bytes, at: int, end: int) -> str:
    one, at = _absolute(data, at)
    return f"{one} {_last(data, at, end)}"


def _string(data: bytes, at: int, end: int) -> tuple[str, int]:
    count = data[at]
    if at + 1 + count > end:
        raise Malformed("a string is cut off")
    return _quoted(data[at + 1 : at + 1 + count]), at + 1 + count


def _quoted(text: bytes) -> str:
    r"""Between quotation marks, bytes that cannot be printed as ``\DDD`` (RFC 1035 §5.1)."""
    written = "".join(
        f"\\{chr(one)}" if one in b'"\\' else chr(one) if 0x20 <= one <= 0x7E else f"\\{one:03d}" for one in text
    )
    return f'"{written}"'


def _strings(data: bytes, at: int, end: int) -> str:
    found: list[str] = []
    while at < end:
        text, at = _string(data, at, end)
        found.append(text)
    if not found:
        raise Malformed("no string")
    return " ".join(found)


def _caa(data: bytes, at: int, end: int) -> str:
    count = data[at + 1]
    tag = data[at + 2 : at + 2 + count]
    if at + 2 + count > end or not tag.isalnum():
        raise Malformed("a CAA record without tag")
    return f"{data[at]} {tag.decode('ascii')} {_quoted(data[at + 2 + count : end])}"


def _uri(data: bytes, at: int, end: int) -> str:
    priority, weight = _PAIR(data, at)
    return f"{priority} {weight} {_quoted(data[at + 4 : end])}"


def _naptr(data: bytes, at: int, end: int) -> str:
    order, preference = _PAIR(data, at)
    flags, at = _string(data, at + 4, end)
    service, at = _string(data, at, end)
    pattern, at = _string(data, at, end)
    return f"{order} {preference} {flags} {service} {pattern} {_last(data, at, end)}"


def _bytes_behind(count: int) -> Callable[[bytes, int, int], str]:
    """Some small numbers, then hexadecimal digits: SSHFP, TLSA."""

    def form(data: bytes, at: int, end: int) -> str:
        if at + count > end:
            raise Malformed("the data are too short")
        return f"{' '.join(str(one) for one in data[at : at + count])} {data[at + count : end].hex()}"

    return form


def _ds(data: bytes, at: int, end: int) -> str:
    if at + 4 > end:
        raise Malformed("a DS record is too short")
    return f"{data[at] << 8 | data[at + 1]} {data[at + 2]} {data[at + 3]} {data[at + 4 : end].hex()}"


def _dnskey(data: bytes, at: int, end: int) -> str:
    key = base64.b64encode(data[at + 4 : end]).decode()
    return f"{data[at] << 8 | data[at + 1]} {data[at + 2]} {data[at + 3]} {_spaced(key, 32)}"


def _spaced(text: str, width: int) -> str:
    return " ".join(text[at : at + width] for at in range(0, len(text), width))


def _rrsig(data: bytes, at: int, end: int) -> str:
    kind, algorithm, labels, ttl, expires, begins, tag = _RRSIG(data, at)
    signer, at = _absolute(data, at + 18)
    if at > end:
        raise Malformed("a signature is cut off")
    times = " ".join(f"{datetime.fromtimestamp(one, UTC):%Y%m%d%H%M%S}" for one in (expires, begins))
    signature = _spaced(base64.b64encode(data[at:end]).decode(), 32)
    return f"{TYPES.get(kind) or f'TYPE{kind}'} {algorithm} {labels} {ttl} {times} {tag} {signer} {signature}"


def _kinds(data: bytes, at: int, end: int) -> str:
    """The bitmap of types (RFC 4034 §4.1.2)."""
    found: list[str] = []
    while at < end:
        window, count = data[at], data[at + 1]
        if not 1 <= count <= 32 or at + 2 + count > end:
            raise Malformed("a bitmap of types is not right")
        for index, byte in enumerate(data[at + 2 : at + 2 + count]):
            for bit in range(8):
                if byte & 0x80 >> bit:
                    kind = window << 8 | index << 3 | bit
                    found.append(TYPES.get(kind) or f"TYPE{kind}")
        at += 2 + count
    return "".join(f" {one}" for one in found)


def _nsec(data: bytes, at: int, end: int) -> str:
    following, at = _absolute(data, at)
    return f"{following}{_kinds(data, at, end)}"


def _salt(data: bytes, at: int) -> tuple[str, int]:
    count = data[at + 4]
    salt = data[at + 5 : at + 5 + count].hex() or "-"
    return f"{data[at]} {data[at + 1]} {data[at + 2] << 8 | data[at + 3]} {salt}", at + 5 + count


def _nsec3(data: bytes, at: int, end: int) -> str:
    head, at = _salt(data, at)
    following = base64.b32hexencode(data[at + 1 : at + 1 + data[at]]).decode().lower().rstrip("=")
    return f"{head} {following}{_kinds(data, at + 1 + data[at], end)}"


def _nsec3param(data: bytes, at: int, end: int) -> str:
    head, at = _salt(data, at)
    if at != end:
        raise Malformed("NSEC3PARAM ends elsewhere")
    return head


def _svcb(data: bytes, at: int, end: int) -> str:
    """``priority target key="value"...`` (RFC 9460 §2.1)."""
    priority = data[at] << 8 | data[at + 1]
    target, at = _absolute(data, at + 2)
    found: list[str] = []
    while at < end:
        key, length = _PAIR(data, at)
        at += 4
        if at + length > end:
            raise Malformed("a parameter is cut off")
        name, value = PARAMETERS.get(key) or f"key{key}", _parameter(key, data[at : at + length])
        found.append(name if value is None else f'{name}="{value}"')
        at += length
    return " ".join((str(priority), target, *found))


def _parameter(key: int, value: bytes) -> str | None:
    match key:
        case 0:
            keys = [value[at] << 8 | value[at + 1] for at in range(0, len(value), 2)]
            return ",".join(PARAMETERS.get(one) or f"key{one}" for one in keys)
        case 1:
            found, at = [], 0
            while at < len(value):
                found.append(value[at + 1 : at + 1 + value[at]])
                at += 1 + value[at]
            return ",".join(_quoted(one)[1:-1].replace(",", "\\\\,") for one in found)
        case 3 if len(value) == 2:
            return str(value[0] << 8 | value[1])
        case 4 if value and len(value) % 4 == 0:
            return ",".join(socket.inet_ntoa(value[at : at + 4]) for at in range(0, len(value), 4))
        case 5:
            return base64.b64encode(value).decode()
        case 6 if value and len(value) % 16 == 0:
            return ",".join(socket.inet_ntop(socket.AF_INET6, value[at : at + 16]) for at in range(0, len(value), 16))
        case _:
            return _quoted(value)[1:-1] if value else None


_FORMS: Final[dict[int, Callable[[bytes, int, int], str]]] = {
    2: _name, 5: _name, 6: _soa, 12: _name, 13: _strings, 14: _two_names, 15: _mx, 16: _strings, 17: _two_names,
    18: _mx, 33: _srv, 35: _naptr, 36: _mx, 39: _name, 43: _ds, 44: _bytes_behind(2), 46: _rrsig, 47: _nsec,
    48: _dnskey, 50: _nsec3, 51: _nsec3param, 52: _bytes_behind(3), 53: _bytes_behind(3), 59: _ds, 60: _dnskey,
    64: _svcb, 65: _svcb, 99: _strings, 256: _uri, 257: _caa,
}  # fmt: skip
