"""Google's QUIC: its hello in packets of the test's own making."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.model.observation import GoogleHello
from agent.wire.gquic import hello, size
from agent.wire.quic import Connections, looks_like
from tests.wire.test_quic import crypto, initial

ID = bytes(range(1, 9))
HASH = b"h" * 12
TAGS = (
    (b"PAD\0", b"-" * 400),
    (b"SNI\0", b"www.Example.com"),
    (b"VER\0", b"Q046"),
    (b"UAID", b"Chrome/74"),
    (b"ALPN", b"h3"),
)


def chlo(*tags: tuple[bytes, bytes]) -> bytes:
    table, values = b"", b""
    for tag, value in tags or TAGS:
        values += value
        table += tag + len(values).to_bytes(4, "little")
    return b"CHLO" + len(tags or TAGS).to_bytes(2, "little") + b"\0\0" + table + values


def stream(data: bytes, offset: int = 0) -> bytes:
    """A STREAM frame of stream 1, whose offset has no bytes or four."""
    kind = 0xA0 | (3 << 2 if offset else 0)
    return bytes([kind, 1]) + (offset.to_bytes(4, "big") if offset else b"") + len(data).to_bytes(2, "big") + data


def public(frames: bytes, version: bytes = b"Q039") -> bytes:
    return b"\x0d" + ID + version + b"\x01" + HASH + frames


def long(frames: bytes, version: bytes = b"Q046") -> bytes:
    return b"\xc3" + version + b"\x50" + ID + b"\0\0\0\x01" + HASH + frames


def found(*datagrams: bytes) -> list[GoogleHello]:
    connections = Connections()
    return [one for data in datagrams for one in connections.feed(b"f", data) if isinstance(one, GoogleHello)]


@pytest.mark.parametrize(
    ("datagram", "version"),
    [
        (public(stream(chlo())), "0x51303339"),
        (public(stream(chlo()), b"Q025"), "0x51303235"),
        (public(b"\x40\x01\x00\x00\x00" + stream(chlo(), 1024), b"Q043"), "0x51303433"),
        (long(stream(chlo())), "0x51303436"),
        (long(stream(chlo(), 1024), b"Q044"), "0x51303434"),
    ],
)
def test_a_hello_in_clear(datagram: bytes, version: str) -> None:
    assert looks_like(datagram)
    (one,) = found(datagram, datagram)
    assert (one.version, one.dcid, one.sni, one.alpn, one.user_agent) == (
        version, ID.hex(), "www.example.com", ("h3",), "Chrome/74",
    )  # fmt: skip


def test_a_hello_of_q050_and_the_full_one_behind_it() -> None:
    one, other = chlo(), chlo((b"SNI\0", b"b.example"))
    datagrams = [
        initial(crypto(one[:300]), 0x51303530),
        initial(crypto(one[300:], 300), 0x51303530, number=1),
        initial(crypto(other, len(one)), 0x51303530, number=2),
    ]
    assert [(hello.sni, hello.packets) for hello in found(*datagrams)] == [("www.example.com", 2), ("b.example", 1)]


@pytest.mark.parametrize(
    "datagram",
    [
        public(b"\xa0\x03" + len(chlo()).to_bytes(2, "big") + chlo()),
        public(stream(b"REJ\0" + chlo()[4:])),
        public(stream(chlo()[:30])),
        long(chlo()),
        long(b"x" * 300 + stream(chlo())),
    ],
)
def test_what_is_no_hello(datagram: bytes) -> None:
    assert not found(datagram)


def test_what_does_not_look_like_it() -> None:
    assert not looks_like(b"\x0d" + ID + b"Q0ab" + bytes(40))
    assert not looks_like(b"\x0f" + ID + b"Q039" + bytes(40)), "the end of a connection"
    assert not looks_like(public(b"")[:20])


def test_a_hello_whose_end_is_in_another_packet() -> None:
    message = chlo()
    assert hello(message[:-2], "", b"", 1).alpn == ()
    assert hello(message[:-2], "", b"", 1).sni == "www.example.com"
    assert (size(message), size(message + b"more"), size(message[:-1]), size(message[:9])) == (len(message),) * 2 + (
        0,
        0,
    )
    with pytest.raises(Malformed):
        size(b"REJ\0")


@given(st.data())
def test_mutated(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([public, long]))
    datagram = bytearray(kind(stream(chlo())))
    for _ in range(data.draw(st.integers(1, 6))):
        datagram[data.draw(st.integers(0, 100))] = data.draw(st.integers(0, 255))
    cut = bytes(datagram[: data.draw(st.integers(0, len(datagram)))])
    if looks_like(cut):
        found(cut)
