"""TLS messages: whole, in pieces, and broken; scapy makes them, and reads them again."""

from __future__ import annotations

from contextlib import suppress
from hashlib import md5, sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.tls.extensions import (
    ProtocolName,
    ServerName,
    TLS_Ext_ALPN,
    TLS_Ext_ServerName,
    TLS_Ext_SignatureAlgorithms,
    TLS_Ext_SupportedGroups,
    TLS_Ext_SupportedVersion_CH,
    TLS_Ext_SupportedVersion_SH,
)
from scapy.layers.tls.handshake import TLSClientHello, TLSServerHello

from agent.errors import Malformed
from agent.model.observation import Alert, ClientHello, ServerHello
from agent.wire.hello import client_hello
from agent.wire.tls import RETRY, Records, looks_like, server_hello

CIPHERS = [0x0A0A, 0x1301, 0x1302, 0xC02F, 0x009C]
SIGNATURES = [0x0403, 0x0804]


def hello(
    name: str = "api.LiveChat.com",
    protocols: tuple[str, ...] = ("h2", "http/1.1"),
    versions: tuple[int, ...] = (0x1A1A, 0x0304, 0x0303),
) -> bytes:
    """A handshake message."""
    extensions = [
        TLS_Ext_ServerName(servernames=[ServerName(servername=name.encode())]),
        TLS_Ext_SupportedGroups(groups=[0x2A2A, 29, 23]),
        TLS_Ext_SignatureAlgorithms(sig_algs=SIGNATURES),
        TLS_Ext_ALPN(protocols=[ProtocolName(protocol=one.encode()) for one in protocols]),
        TLS_Ext_SupportedVersion_CH(versions=list(versions)),
    ]
    return bytes(TLSClientHello(version=0x0303, ciphers=CIPHERS, ext=extensions))


def answer(version: int = 0x0303, random: bytes = b"r" * 32, suite: int = 0xC02F) -> bytes:
    extensions = [TLS_Ext_SupportedVersion_SH(version=0x0304)] if version == 0x0304 else []
    made = TLSServerHello(
        version=0x0303,
        gmt_unix_time=int.from_bytes(random[:4], "big"),
        random_bytes=random[4:],
        cipher=suite,
        ext=extensions,
    )
    return bytes(made)


def record(body: bytes, kind: int = 22, size: int = 1 << 14) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    return b"".join(bytes([kind, 3, 3]) + len(one).to_bytes(2, "big") + one for one in pieces)


def test_a_client_hello() -> None:
    conf.verb = 0
    (found,) = Records().feed(record(hello()))
    assert isinstance(found, ClientHello)
    assert (found.sni, found.alpn, found.legacy_version) == ("api.livechat.com", ("h2", "http/1.1"), "TLSv1.2")
    assert found.supported_versions == ("TLSv1.3", "TLSv1.2")
    assert list(found.cipher_suites) == CIPHERS
    assert found.supported_groups == (0x2A2A, 29, 23)
    assert list(found.signature_algorithms) == SIGNATURES
    assert found.extensions == (0, 10, 13, 16, 43)
    ciphers, extensions = "009c,1301,1302,c02f", "000a,000d,002b"
    first, second = (sha256(text.encode()).hexdigest()[:12] for text in (ciphers, f"{extensions}_0403,0804"))
    assert found.ja4 == f"t13d0405h2_{first}_{second}"
    text = "771,4865-4866-49199-156,0-10-13-16-43,29-23,"
    assert found.ja3 == md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("protocol", "letters"), [("h2", "h2"), ("http/1.1", "h1"), ("x", "xx"), ("\xab\xcd", "ad"), ("h\xff", "6f")]
)
def test_protocols_in_a_fingerprint(protocol: str, letters: str) -> None:
    body = hello(protocols=())[4:]
    raw = protocol.encode("latin-1")
    made = body.replace(b"\x00\x10\x00\x02\x00\x00", b"")
    extension = (
        b"\x00\x10" + (len(raw) + 3).to_bytes(2, "big") + (len(raw) + 1).to_bytes(2, "big") + bytes([len(raw)]) + raw
    )
    at = 35 + made[34]
    at += 2 + int.from_bytes(made[at : at + 2], "big")
    at += 1 + made[at]
    whole = made[:at] + (len(made) - at - 2 + len(extension)).to_bytes(2, "big") + made[at + 2 :] + extension
    found = client_hello(whole)
    assert found.ja4 is not None
    assert found.ja4[8:10] == letters


def test_what_contradicts_itself_is_a_hello_all_the_same() -> None:
    body = bytearray(hello()[4:])
    body[36] += 1  # an odd length of the cipher suites
    found = client_hello(bytes(body))
    assert (found.sni, found.ja4, found.ja3) == (None, None, None)


@pytest.mark.parametrize(
    ("message", "version", "retry"),
    [
        (answer(), "TLSv1.2", False),
        (answer(0x0304, suite=0x1301), "TLSv1.3", False),
        (answer(0x0304, RETRY), "TLSv1.3", True),
    ],
)
def test_a_server_hello(message: bytes, version: str, retry: bool) -> None:
    (found,) = Records().feed(record(message))
    assert isinstance(found, ServerHello)
    assert (found.version, found.hello_retry_request) == (version, retry)
    assert found.cipher_suite.startswith("TLS_")


def test_alerts() -> None:
    (found,) = Records().feed(record(b"\x02\x70", 21))
    assert found == Alert(2, 112, "fatal", "unrecognized_name")
    (hidden,) = Records().feed(record(b"x" * 26, 21))
    assert hidden == Alert(None, None, None, None)


def test_behind_a_change_of_ciphers_only_another_hello_is_read() -> None:
    records = Records()
    stream = (
        record(hello())
        + record(b"\x01", 20)
        + record(hello("b.text.com"))
        + record(b"\x14" + b"e" * 39)
        + record(hello())
    )
    found = records.feed(stream)
    assert [one.sni for one in found if isinstance(one, ClientHello)] == ["api.livechat.com", "b.text.com"]
    assert records.done


def test_application_data_ends_it() -> None:
    records = Records()
    assert len(records.feed(record(answer(0x0304)) + record(b"x" * 5000, 23)[:700])) == 1
    assert records.done


def test_behind_a_gap_it_goes_on_where_a_record_begins() -> None:
    records = Records()
    records.feed(record(hello())[:100])
    records.gap(50)
    assert records.feed(b"more") == []
    assert len(records.feed(record(answer()))) == 1


@given(st.integers(), st.integers(1, 300), st.booleans())
def test_in_any_pieces_and_records_it_is_the_same(seed: int, size: int, alert: bool) -> None:
    stream = record(hello() + answer(), size=size) + (record(b"\x02\x28", 21) if alert else b"")
    random = Random(seed)
    cuts = sorted(random.randrange(len(stream) + 1) for _ in range(10))
    records = Records()
    found = [one for a, b in zip((0, *cuts), (*cuts, len(stream)), strict=True) for one in records.feed(stream[a:b])]
    assert found == Records().feed(stream)
    assert len(found) == 2 + alert


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([record(hello())[:90], record(answer()), b"\x16\x03\x01"]), max_size=12
    )
)
def test_whatever_comes(pieces: list[bytes]) -> None:
    records = Records()
    for piece in pieces:
        looks_like(piece)
        with suppress(Malformed):
            records.feed(piece)
        records.gap(len(piece))


@given(st.data())
def test_mutated_hellos_agree_with_scapy_where_it_reads_them(data: st.DataObject) -> None:
    message = bytearray(hello())
    for _ in range(data.draw(st.integers(0, 4))):
        message[data.draw(st.integers(4, len(message) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        found = client_hello(bytes(message[4:]))
        assert found.ja4 is None or found.ja4.startswith("t")
    with suppress(Malformed):
        server_hello(bytes(message[4:]))


def test_what_looks_like_it() -> None:
    assert looks_like(record(hello()))
    assert looks_like(record(b"\x02\x28", 21))
    assert not looks_like(record(b"x" * 40, 23))
    assert not looks_like(b"GET / HTTP/1.1\r\n")
    ssl2 = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x01\x00\x80" * 7 + b"c" * 16
    assert looks_like(ssl2)
    (found,) = Records().feed(ssl2)
    assert isinstance(found, ClientHello)
    assert (found.legacy_version, found.sni) == ("SSLv2", None)
