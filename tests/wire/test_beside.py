"""Messages about names that nobody wants are told from all others, whatever their bytes."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.requirement import Requirement
from agent.observe.privacy import Names
from agent.wire.beside import Beside
from agent.wire.dns import decode
from tests.wire.test_dns import RECORDS, message, rrset
from tests.wire.test_dns_generated import LABELS, name_of

NAMES = Names([
    Requirement("one", "*.livechat.com", (), apex=True),
    Requirement("two", "portal.example.net", (), aliases=(("portal.example.net", ("*.edge.example.org",)),)),
    Requirement("three", "intranet", ()),
])  # fmt: skip
ENDS = st.sampled_from(
    ["livechat.com", "LiveChat.COM", "portal.example.net", "edge.example.org", "intranet", "com", "net"]
)


def holds(data: bytes) -> bool:
    return Beside(NAMES.all()).holds(data)


def asked(name: str) -> bytes:
    return dns.message.make_query(name, "A", id=7).to_wire()


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("www.example.com", True),
        ("notlivechat.com", True),
        ("livechat.com.example", True),
        ("api.livechat.com", False),
        ("API.LiveChat.com", False),
        ("livechat.com", False),
        ("portal.example.net", False),
        ("other.example.net", False),  # which only the whole name tells
        ("a.edge.example.org", False),
        ("intranet", False),
        ("com", True),
        (".", False),
        ("api.livechat.com:443", False),  # what is taken for a port is left out
        ("[api.livechat.com].example", False),
    ],
)
def test_names(name: str, beside: bool) -> None:
    assert holds(asked(name)) == beside
    assert not (beside and NAMES.cover(decode(asked(name)).qname))


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_answers_with_records_of_any_type(kind: str) -> None:
    wire = message(
        rrset("CNAME", "x.example.", "www.example."), rrset(kind, RECORDS[kind], "x.example."), qname="www.example."
    )
    assert holds(wire.to_wire())
    assert not holds(message(rrset(kind, RECORDS[kind])).to_wire())


@given(LABELS, ENDS, st.lists(st.sampled_from(sorted(RECORDS)), max_size=4), st.data())
def test_what_it_holds_is_sound_and_of_nobody(
    labels: list[bytes], end: str, kinds: list[str], data: st.DataObject
) -> None:
    name = name_of([*labels, *(one.encode() for one in end.split("."))]).to_text()
    reply = message(*(rrset(kind, RECORDS[kind], name) for kind in kinds), qname=name)
    wire = bytearray(reply.to_wire())
    for _ in range(data.draw(st.integers(0, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(wire[: data.draw(st.integers(0, len(wire)))])
    for one in (bytes(wire), cut):
        if holds(one):
            assert not NAMES.cover(decode(one).qname)


@given(st.binary(min_size=12, max_size=80), st.integers(0, 3), st.booleans())
def test_whatever_the_bytes(data: bytes, records: int, response: bool) -> None:
    head = b"\0\7" + (b"\x81\x80" if response else b"\1\0") + b"\0\1\0" + bytes([records]) + bytes(4)
    for one in (data, head + data, head + b"\3www\7example\0\0\1\0\1" + data):
        if holds(one):
            assert not NAMES.cover(decode(one).qname)


def test_counts_begin_anew_when_they_were_given() -> None:
    beside = Beside(())
    for at in (86_399.0, 86_400.0, 86_401.5):
        beside.count(at, answer=False)
    beside.count(86_402.0, answer=True)
    assert beside.counted() == ({0: 1, 1: 2}, 1)
    assert beside.counted() == ({}, 0)
    assert beside.begin == 86_399.0
