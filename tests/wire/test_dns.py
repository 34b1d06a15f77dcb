"""DNS messages agree with dnspython, and nothing makes the decoder fail otherwise than by Malformed."""

from __future__ import annotations

from contextlib import suppress

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed, Truncated
from agent.model.observation import Edns, ExtendedError
from agent.wire.dns import TcpMessages, decode, looks_like
from agent.wire.dns_names import TOO_LONG, name_at

RECORDS = {
    "A": "192.0.2.7", "AAAA": "2001:db8::7", "CNAME": "edge.example.net.", "NS": "ns1.example.net.",
    "PTR": "host.example.net.", "DNAME": "other.example.", "MX": "10 mail.example.net.",
    "SOA": "ns1.example.net. admin.example.net. 1 2 3 4 5", "TXT": '"v=spf1 -all" "a\\"b\\200"', "SPF": '"x"',
    "SRV": "1 2 443 api.example.net.", "CAA": '0 issue "letsencrypt.org"', "HINFO": '"cpu" "os"',
    "NAPTR": '10 20 "S" "SIP+D2U" "" _sip._udp.example.net.', "URI": '10 1 "https://example.net/"',
    "DS": "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118", "TLSA": "3 1 1 d2abde240d7cd3ee6b4b28c54df034b9d2abde240d7cd3ee6b4b28c54df034b9",
    "SSHFP": "1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d1", "RP": "a.example.net. b.example.net.",
    "DNSKEY": "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no",
    "RRSIG": "A 5 3 86400 20300322173103 20300220173103 2642 example.com. oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTr",
    "NSEC": "host.example.com. A MX RRSIG NSEC TYPE1234", "NSEC3": "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY",
    "NSEC3PARAM": "1 0 12 aabbccdd", "TYPE65280": "\\# 4 0a000001",
    "HTTPS": '1 . alpn="h3,h2" port="8443" ipv4hint="192.0.2.1,192.0.2.2" ipv6hint="2001:db8::1" key65001="abc"',
    "SVCB": '16 svc.example.net. mandatory="alpn" alpn="h2" no-default-alpn',
}  # fmt: skip


def message(*rrsets: dns.rrset.RRset, qname: str = "api.LiveChat.com.", qtype: str = "A") -> dns.message.Message:
    query = dns.message.make_query(qname, qtype, id=7)
    reply = dns.message.make_response(query)
    reply.answer.extend(rrsets)
    return reply


def rrset(kind: str, data: str, owner: str = "api.livechat.com.") -> dns.rrset.RRset:
    return dns.rrset.from_text(owner, 300, "IN", kind, data)


def as_written(kind: str, record: dns.rdata.Rdata) -> str:
    text = record.to_text()
    return text.rstrip(".") if kind in ("CNAME", "NS", "PTR", "DNAME") else text


@pytest.mark.parametrize("kind", RECORDS)
def test_data_are_written_as_dnspython_does(kind: str) -> None:
    found = decode(message(rrset(kind, RECORDS[kind])).to_wire())
    (ours,) = found.answers
    (theirs,) = rrset(kind, RECORDS[kind])
    assert ours.data == as_written(kind, theirs)
    assert (ours.name, ours.type, ours.ttl) == ("api.livechat.com", kind.removeprefix("TYPE"), 300)


def test_a_query() -> None:
    query = dns.message.make_query("API.LiveChat.com.", "HTTPS", id=99, use_edns=0, want_dnssec=True, payload=1232)
    found = decode(query.to_wire())
    assert (found.event, found.id, found.qname, found.qtype, found.qclass) == (
        "query",
        99,
        "api.livechat.com",
        "HTTPS",
        "IN",
    )
    assert (found.rcode, found.rd, found.aa) == (None, True, False)
    assert found.edns == Edns(1232, do=True, version=0)


def test_aliases_are_followed_in_any_order() -> None:
    records = [
        rrset("A", "192.0.2.1", "pop.cdn.example."),
        rrset("CNAME", "pop.cdn.example.", "edge.cdn.example."),
        rrset("CNAME", "edge.cdn.example.", "api.livechat.com."),
    ]
    chain = ("api.livechat.com", "edge.cdn.example", "pop.cdn.example")
    assert decode(message(*records).to_wire()).cname_chain == chain
    assert decode(message(*reversed(records)).to_wire()).cname_chain == chain
    assert decode(message(records[0]).to_wire()).cname_chain == ()


def test_an_alias_for_a_whole_tree_and_a_loop() -> None:
    tree = message(rrset("DNAME", "cdn.example.", "livechat.com."))
    assert decode(tree.to_wire()).cname_chain == ("api.livechat.com", "api.cdn.example")
    loop = message(rrset("CNAME", "b.example.", "api.livechat.com."), rrset("CNAME", "api.livechat.com.", "b.example."))
    assert decode(loop.to_wire()).cname_chain == ("api.livechat.com", "b.example")


def test_extended_errors_and_codes() -> None:
    reply = message()
    codes = (dns.edns.EDECode.FILTERED, dns.edns.EDECode.NO_REACHABLE_AUTHORITY)
    options: list[dns.edns.Option] = [dns.edns.EDEOption(codes[0], "filtered by policy"), dns.edns.EDEOption(codes[1])]
    reply.use_edns(0, payload=1232, options=options)
    reply.set_rcode(dns.rcode.BADVERS)
    found = decode(reply.to_wire())
    assert found.ede == (ExtendedError(17, "filtered by policy"), ExtendedError(22, ""))
    assert (found.rcode, found.extended_rcode) == ("NOERROR", 16)


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED", "NOTZONE"])
def test_codes(rcode: str) -> None:
    reply = message()
    reply.set_rcode(dns.rcode.from_text(rcode))
    assert decode(reply.to_wire()).rcode == rcode


def test_a_name_that_is_too_long_does_not_hide_the_others() -> None:
    wire = message(rrset("A", "192.0.2.7"), rrset("CNAME", "edge.example.net.")).to_wire()
    before = wire[: wire.rindex(b"\x04edge") - 2]
    endless = b"\x3f" + b"?" * 63
    data = endless * 5 + b"\xc0\x0c"
    found = decode(before + len(data).to_bytes(2, "big") + data)
    assert [(one.type, one.data) for one in found.answers] == [("A", "192.0.2.7"), ("CNAME", TOO_LONG)]
    assert name_at(endless * 5 + b"\x00", 0) == (TOO_LONG, 321)
    with pytest.raises(Truncated):
        name_at(endless * 5, 0)


@pytest.mark.parametrize(
    ("wire", "text"),
    [(b"\x00", "."), (b"\x03a.b\x00", "a\\046b"), (b"\x03A\x00\xff\x00", "a\\000\\255"), (b"\x01_\x00", "_")],
)
def test_names(wire: bytes, text: str) -> None:
    assert name_at(wire, 0) == (text, len(wire))


@pytest.mark.parametrize(
    "wire",
    [
        b"\xc0\x00",
        b"\x01a\xc0\x00",
        b"\x01a\xc0\x05\x00",
        b"\x40a",
        b"\x80a",
        b"\x3f" + bytes(5),
        (b"\x3f" + b"a" * 63) * 5,
    ],
)
def test_names_that_are_none(wire: bytes) -> None:
    with pytest.raises(Malformed):
        name_at(wire, 0)


def test_what_the_capture_cut_off_is_left_out() -> None:
    whole = message(rrset("A", "192.0.2.1"), rrset("TXT", '"long text"')).to_wire()
    assert [one.type for one in decode(whole[:-4]).answers] == ["A"]
    with pytest.raises(Truncated):
        decode(whole[:20])


@given(st.lists(st.sampled_from(sorted(RECORDS)), max_size=6), st.data())
def test_mutated_messages(kinds: list[str], data: st.DataObject) -> None:
    wire = bytearray(message(*(rrset(kind, RECORDS[kind]) for kind in kinds)).to_wire())
    for _ in range(data.draw(st.integers(0, 6))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(wire))
    except Malformed:
        return
    try:
        theirs = dns.message.from_wire(bytes(wire), continue_on_error=False)
    except Exception:  # noqa: BLE001 - whatever dnspython thinks of it
        return
    assert found.id == theirs.id
    assert found.tc == bool(theirs.flags & dns.flags.TC)
    if theirs.question:
        assert found.qtype == dns.rdatatype.to_text(theirs.question[0].rdtype).removeprefix("TYPE")


@given(st.binary(max_size=300))
def test_whatever_comes(data: bytes) -> None:
    looks_like(data)
    with suppress(Malformed):
        decode(data)


def test_what_looks_like_it() -> None:
    assert looks_like(dns.message.make_query("api.livechat.com.", "A").to_wire())
    assert looks_like(message(rrset("A", "192.0.2.1")).to_wire())
    assert not looks_like(dns.message.make_query("api.livechat.com.", "TYPE1234").to_wire())
    assert not looks_like(b"\x00" * 40)


@given(st.integers(), st.integers(1, 5))
def test_messages_on_a_stream(seed: int, count: int) -> None:
    wires = [dns.message.make_query(f"n{number}.example.", "A").to_wire() for number in range(count)]
    stream = b"".join(len(one).to_bytes(2, "big") + one for one in wires)
    cut = seed % (len(stream) + 1)
    messages = TcpMessages()
    assert messages.feed(stream[:cut]) + messages.feed(stream[cut:]) == wires
    with pytest.raises(Malformed):
        messages.feed(b"\x00\x01a")
