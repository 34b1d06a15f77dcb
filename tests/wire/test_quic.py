"""Initial packets: the examples of the RFCs, and packets that the test encrypts itself."""

from __future__ import annotations

from hmac import digest
from random import Random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from agent.model.observation import QuicHello, QuicPacket
from agent.wire.quic import CONNECTION_LIMIT, Connections, looks_like, version_name
from agent.wire.quic_keys import SALT_1, SALT_2, V1, V2, V2_DRAFT, _expanded, client_opener
from tests.wire.test_tls import hello

DCID = bytes.fromhex("8394c8f03e515708")
"""Of the examples in RFC 9001 appendix A.1 and RFC 9369 appendix A.1."""


# RFC 9001 §5.2, RFC 9369 §3.3.1, and the drafts of both; quiche's crypto_utils.cc
_V1, _29, _23, _22 = (
    bytes.fromhex(one)
    for one in (
        "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "afbfec289993d24c9e9786f19c6111e04390a899",
        "c3eef712c72ebb5a11a7d2432bb46365bef9f502", "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
    )
)  # fmt: skip
SALTS = {
    1: _V1, 0xFF000022: _V1, 0xFF00001D: _29, 0xFF000017: _23, 0xFF000016: _22, 0xFACEB001: _22, 0xFACEB002: _23,
    0x1A2A3A4A: _29, V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    V2_DRAFT: bytes.fromhex("a707c203a59b47184a1d62ca570406ea7ae3e5d3"),
    0x51303530: bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),
    0x54303530: bytes.fromhex("7ff579e5acd072915580304c43a2367c60488310"),
    0x54303531: bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),
}  # fmt: skip


def expanded(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label, by another library than the decoder."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


def varint(value: int) -> bytes:
    return bytes([value]) if value < 64 else (value | 0x4000).to_bytes(2, "big")


def initial(  # noqa: PLR0917 - what may differ
    frames: bytes, version: int = V1, dcid: bytes = DCID, number: int = 0, keys: bytes = b"", size: int = 1162
) -> bytes:
    """A client's Initial packet, padded."""
    secret = expanded(digest(SALTS[version], keys or dcid, "sha256"), b"client in", 32)
    word = b"quicv2 " if version in (V2, V2_DRAFT) else b"quic "
    key, iv, hp = (expanded(secret, word + one, length) for one, length in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
    plain = frames + bytes(max(0, size - len(frames)))
    first = 0xC3 if version != V2 else 0xD3
    head = (
        bytes([first]) + version.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\x00\x00" + varint(len(plain) + 20)
    )
    numbered = head + number.to_bytes(4, "big")
    nonce = iv[:8] + (int.from_bytes(iv[8:], "big") ^ number).to_bytes(4, "big")
    text = AESGCM(key).encrypt(nonce, plain, numbered)
    mask = Cipher(AES(hp), ECB()).encryptor().update(text[:16])  # noqa: S305 - as RFC 9001 §5.4.3 has it
    shown = bytes([first ^ mask[0] & 0x0F]) + head[1:]
    return shown + bytes(one ^ other for one, other in zip(numbered[-4:], mask[1:5], strict=True)) + text


def crypto(data: bytes, offset: int = 0) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


def hellos(connections: Connections, *datagrams: bytes, flow: bytes = b"f") -> list[QuicHello]:
    return [one for data in datagrams for one in connections.feed(flow, data) if isinstance(one, QuicHello)]


def test_the_keys_of_the_examples() -> None:
    for salt, word, key, iv, hp in (
        (SALT_1, b"quic ", "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
        (SALT_2, b"quicv2 ", "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
    ):  # fmt: skip
        secret = _expanded(digest(salt, DCID, "sha256"), b"client in", 32)
        assert [
            _expanded(secret, word + one, size).hex() for one, size in ((b"key", 16), (b"iv", 12), (b"hp", 16))
        ] == [key, iv, hp]
        assert client_opener(salt, DCID)[2].hex() == iv


@pytest.mark.parametrize("version", [V1, V2, 0xFF00001D, 0xFF000017, 0xFF000022, 0xFACEB002, 0x54303531, 0x1A2A3A4A])
def test_each_version(version: int) -> None:
    (found,) = hellos(Connections(), initial(crypto(hello()), version))
    assert (found.sni, found.alpn, found.version) == ("api.livechat.com", ("h2", "http/1.1"), version_name(version))
    assert found.ja4 is not None
    assert found.ja4.startswith("q13d")
    assert (found.dcid, found.packets) == (DCID.hex(), 1)


@given(st.integers(), st.integers(2, 8))
def test_in_pieces_and_in_any_order(seed: int, count: int) -> None:
    random, message = Random(seed), hello()
    cuts = sorted(random.sample(range(1, len(message)), count - 1))
    frames = [crypto(message[a:b], a) for a, b in zip((0, *cuts), (*cuts, len(message)), strict=True)]
    random.shuffle(frames)
    datagrams = [initial(b"\x01" + frame + bytes(3) + b"\x01", number=at) for at, frame in enumerate(frames)]
    (found,) = hellos(Connections(), *datagrams)
    assert (found.sni, found.packets) == ("api.livechat.com", count)


def test_packets_behind_each_other_in_a_datagram() -> None:
    message = hello()
    zero = b"\xd3" + V1.to_bytes(4, "big") + bytes([8]) + DCID + b"\x00" + varint(40) + bytes(40)
    datagram = zero + initial(crypto(message[:50]), size=60) + initial(crypto(message[50:], 50), number=1)
    assert len(hellos(Connections(), datagram)) == 1


def test_the_same_hello_again_is_told_once_and_another_one_as_well() -> None:
    connections = Connections()
    message = hello()
    assert len(hellos(connections, initial(crypto(message)), initial(crypto(message), number=1))) == 1
    assert not hellos(connections, initial(crypto(hello("b.text.com")), number=2)), "the stream is further"
    following = initial(crypto(hello("b.text.com"), len(message)), number=3)
    assert [one.sni for one in hellos(connections, following)] == ["b.text.com"], "as behind a HelloRetryRequest"


def test_the_hello_after_a_retry_is_the_same() -> None:
    connections = Connections()
    retry = b"\xf0" + V1.to_bytes(4, "big") + b"\x00\x04abcd" + bytes(20)
    message = crypto(hello())
    assert len(hellos(connections, initial(message), retry, initial(message, dcid=b"abcd", number=1))) == 1
    other = initial(crypto(hello("b.text.com")), dcid=b"efghijkl")
    assert len(hellos(connections, other, other)) == 1, "another connection of the same ports"


def test_a_hello_of_which_more_is_there_than_its_pieces_in_order() -> None:
    message = hello()
    late = crypto(b"x" * 9, len(message) + 50)
    assert len(hellos(Connections(), initial(late + crypto(message)))) == 1


@pytest.mark.parametrize("version", sorted(SALTS.keys() - {0x51303530}))
def test_other_versions(version: int) -> None:
    packet = initial(crypto(hello()), version)
    assert looks_like(packet)
    assert [one.version for one in hellos(Connections(), packet)] == [version_name(version)]


def test_a_new_destination_id_does_not_change_the_keys() -> None:
    message = hello()
    connections = Connections()
    assert not hellos(connections, initial(crypto(message[:50])))
    assert len(hellos(connections, initial(crypto(message[50:], 50), dcid=b"other-id", keys=DCID, number=1))) == 1


def test_retry_gives_new_keys() -> None:
    connections = Connections()
    hellos(connections, initial(crypto(hello())))
    retry = b"\xf0" + V1.to_bytes(4, "big") + b"\x00\x08new-id-1" + b"token" + bytes(16)
    assert connections.feed(b"f", retry) == [QuicPacket("retry", "v1", "", b"new-id-1".hex())]
    assert len(hellos(connections, initial(crypto(hello()), dcid=b"new-id-1"))) == 1


def test_version_negotiation_and_what_cannot_be_opened() -> None:
    negotiation = b"\x80" + bytes(4) + b"\x00\x08" + DCID + V1.to_bytes(4, "big") + V2.to_bytes(4, "big")
    assert looks_like(negotiation)
    assert Connections().feed(b"f", negotiation) == [QuicPacket("version_negotiation", "0x00000000", "", DCID.hex())]
    broken = bytearray(initial(crypto(hello())))
    broken[-1] ^= 1
    connections = Connections()
    assert [one.event for one in connections.feed(b"f", bytes(broken)) if isinstance(one, QuicPacket)] == [
        "initial_undecryptable"
    ]
    assert not connections.feed(b"f", bytes(broken)), "said once for a flow"


@pytest.mark.parametrize(
    "data", [b"", b"\xc0", bytes(40), b"GET / HTTP/1.1\r\n", b"\xc0\x12\x34\x56\x78\x08" + bytes(30)]
)
def test_what_does_not_look_like_it(data: bytes) -> None:
    assert not looks_like(data)


@given(st.data())
def test_mutated_packets(data: st.DataObject) -> None:
    packet = bytearray(initial(crypto(hello())))
    for _ in range(data.draw(st.integers(1, 5))):
        packet[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    Connections().feed(b"f", bytes(packet))


@given(st.binary(max_size=200))
def test_broken_frames(frames: bytes) -> None:
    Connections().feed(b"f", initial(frames))


def test_a_flood_is_bounded() -> None:
    connections = Connections()
    packet = initial(crypto(hello()[:20]))
    for number in range(CONNECTION_LIMIT + 500):
        connections.feed(number.to_bytes(4, "big"), packet)
    assert len(connections._known) == CONNECTION_LIMIT
