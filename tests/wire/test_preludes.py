"""What stands before TLS tells how it came to that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.observation import Via
from agent.wire.preludes import MAX_KEPT, Prelude


@pytest.mark.parametrize(
    ("client", "server", "via"),
    [
        (b"\x05\x01\x00\x05\x01\x00\x03\x0ctext.example\x01\xbb", b"\x05\x00\x05\x00", Via("socks5", "text.example:443")),
        (b"\x05\x02\x00\x02\x01\x04anna\x02xy\x05\x01\x00\x01\x0a\x00\x00\x07\x01\xbb", b"\x05\x02\x01\x00\x05\x00",
         Via("socks5", "10.0.0.7:443")),
        (b"\x05\x01\x00\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50", b"\x05\x00", Via("socks5", "::1:80")),
        (b"\x04\x01\x01\xbb\x0a\x00\x00\x07anna\x00", b"\x00\x5a", Via("socks4", "10.0.0.7:443")),
        (b"\x04\x01\x01\xbb\x00\x00\x00\x01anna\x00text.com\x00", b"\x00\x5a", Via("socks4", "text.com:443")),
        (b"\x05\x01\x00\x05\x01\x00\x03\x08text.com\x01\xbb", b"\x05\x00\x05\x00\x00\x01" + bytes(6),
         Via("socks5", "text.com:443")),
        (b"EHLO x\r\nSTARTTLS\r\n", b"220 mail ESMTP\r\n", Via("starttls:smtp")),
        (b"AUTH TLS\r\n", b"220 ftp\r\n", Via("starttls:ftp")),
        (b"a STARTTLS\r\n", b"* OK IMAP\r\n", Via("starttls:imap")),
        (b"STLS\r\n", b"+OK POP3\r\n", Via("starttls:pop3")),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S", Via("starttls:postgresql")),
        (b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037", b"0\x0c", Via("starttls:ldap")),
        (b"<?xml version='1.0'?><stream:stream>", b"<?xml version='1.0'?>", Via("starttls:xmpp")),
        (b" \x00\x00\x01\x05\xae\xff", b"J\x00\x00\x00\x0a8.0.36\x00", Via("starttls:mysql")),
        (b"hello", b"world", None), (b"", b"", None), (b"\x05\x01\x00", b"\x05\x00", None),
    ],
)  # fmt: skip
def test_by_either_side(client: bytes, server: bytes, via: Via | None) -> None:
    for side in (0, 1):
        prelude = Prelude()
        prelude.feed(side, client)
        prelude.feed(1 - side, server)
        assert prelude.via() == via


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=300)), max_size=10))
def test_whatever_comes(pieces: list[tuple[int, bytes]]) -> None:
    prelude = Prelude()
    for side, data in pieces:
        prelude.feed(side, data)
        prelude.via()
    assert all(len(one) <= MAX_KEPT for one in prelude._kept)


@given(
    st.binary(max_size=60), st.binary(max_size=10), st.sampled_from([b"\x05\x01\x00", b"\x04\x01", b"\x05\x02\x00\x02"])
)
def test_broken_socks(rest: bytes, answer: bytes, begin: bytes) -> None:
    prelude = Prelude()
    prelude.feed(0, begin + rest)
    prelude.feed(1, b"\x05\x02" + answer)
    prelude.via()
