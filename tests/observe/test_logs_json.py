"""Suricata's EVE and Zeek's JSON, by their documented fields."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.logline import Clock
from agent.model.observation import (
    Dns,
    FirewallLog,
    HttpRequest,
    HttpResponse,
    Message,
    Observation,
    QuicLog,
    ResourceRecord,
    TlsLog,
)
from agent.observe import logs_eve, logs_zeek

AT = 1795714803.5
CLIENT, SERVER = ("10.0.0.2", 5000), ("192.0.2.1", 53)
EVE: dict[str, Any] = {
    "timestamp": "2026-11-26T18:40:03.500000+0100", "flow_id": 1, "in_iface": "lan0", "src_ip": CLIENT[0],
    "src_port": CLIENT[1], "dest_ip": SERVER[0], "dest_port": SERVER[1], "proto": "UDP",
}  # fmt: skip
ZEEK: dict[str, Any] = {
    "ts": AT, "uid": "C1", "id.orig_h": CLIENT[0], "id.orig_p": CLIENT[1], "id.resp_h": SERVER[0],
    "id.resp_p": SERVER[1],
}  # fmt: skip
CLOCK = Clock(lambda: AT, UTC)
FLAGS = {"qr": True, "rd": True, "ra": True}
ALIAS = ResourceRecord("a.com", "CNAME", 3, "b.com")
ADDRESS = ResourceRecord("b.com", "A", 4, "203.0.113.9")
ANSWERS = [
    {"rrname": "a.com", "rrtype": "CNAME", "ttl": 3, "rdata": "b.com"},
    {"rrname": "b.com", "rrtype": "A", "ttl": 4, "rdata": "203.0.113.9"},
]


def eve(kind: str, **more: Any) -> list[Observation]:
    line = orjson.dumps(EVE | {"event_type": kind} | more)
    reader = logs_eve.Reader(CLOCK)
    assert logs_eve.recognises(line)
    assert not logs_zeek.recognises(line)
    found = reader.take(line)
    assert reader.malformed == 0
    return found


def zeek(**more: Any) -> list[Observation]:
    line = orjson.dumps(ZEEK | more)
    reader = logs_zeek.Reader(CLOCK)
    assert logs_zeek.recognises(line)
    assert not logs_eve.recognises(line)
    found = reader.take(line)
    assert reader.malformed == 0
    return found


def ends(one: Observation) -> tuple[str, int | None, str, int | None]:
    return one.src_ip, one.src_port, one.dest_ip, one.dest_port


@pytest.mark.parametrize(
    "body",
    [
        {"type": "query", "id": 7, "rrname": "A.com", "rrtype": "A", "tx_id": 0},
        {"version": 2, "type": "query", "id": 7, "rrname": "a.com.", "rrtype": "A", "tx_id": 0, "opcode": 0},
        {
            "version": 3,
            "type": "request",
            "id": 7,
            "tx_id": 0,
            "queries": [{"rrname": "a.com", "rrtype": "A"}],
            **FLAGS,
        },
    ],
)
def test_questions_of_all_layouts_of_eve(body: dict[str, Any]) -> None:
    (found,) = eve("dns", dns=body)
    assert found.timestamp == AT
    assert ends(found) == (*CLIENT, *SERVER)
    assert (found.sensor, found.iface, found.transport) == ("eve", "lan0", "udp")
    message = found.message
    assert isinstance(message, Dns)
    assert (message.event, message.id, message.qname, message.qtype) == ("query", 7, "a.com", "A")


@pytest.mark.parametrize(
    "front",
    [
        b"",
        b"@cee: ",
        b"Nov 26 17:40:03 gw suricata[77]: ",
        b"Nov 26 17:40:03 gw suricata[77]: @cee: ",
        b'<173>1 2026-11-26T17:40:03+01:00 gw.example suricata 77 - [meta sequenceId="5"] ',
    ],
)
def test_eve_by_syslog(front: bytes) -> None:
    line = front + orjson.dumps(EVE | {"event_type": "tls", "tls": {"sni": "a.com"}})
    reader = logs_eve.Reader(CLOCK)
    assert logs_eve.recognises(line)
    (found,) = reader.take(line)
    assert found.timestamp == AT
    assert isinstance(found.message, TlsLog)
    assert reader.malformed == 0


@pytest.mark.parametrize(
    "line", [b'Nov 26 17:40:03 gw other[7]: {"event_type":"tls"}', b"suricata{", b"@cee: ", b"suricata " * 99]
)
def test_what_looks_like_eve_is_none(line: bytes) -> None:
    assert not logs_eve.recognises(line)
    reader = logs_eve.Reader(CLOCK)
    assert reader.take(line) == []
    assert reader.malformed == 1


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("body", "answers", "chain"),
    [
        ({"type": "answer", "rcode": "NOERROR", "rrname": "b.com", "rrtype": "A", "ttl": 4, "rdata": "203.0.113.9"}, (ADDRESS,), ()),
        ({"version": 2, "type": "answer", "rcode": "NOERROR", "rrname": "a.com", "rrtype": "A", "answers": ANSWERS, **FLAGS}, (ALIAS, ADDRESS), ("a.com", "b.com")),
        ({"version": 3, "type": "response", "rcode": "NOERROR", "queries": [{"rrname": "a.com", "rrtype": "A"}], "answers": ANSWERS, **FLAGS}, (ALIAS, ADDRESS), ("a.com", "b.com")),
        ({"version": 2, "type": "answer", "rcode": "NXDOMAIN", "rrname": "a.com", "rrtype": "A", **FLAGS}, (), ()),
    ],
)  # fmt: skip
def test_answers_come_from_the_server_whichever_direction_eve_writes(
    body: dict[str, Any], answers: tuple[ResourceRecord, ...], chain: tuple[str, ...], turned: bool
) -> None:
    turn = {"src_ip": SERVER[0], "src_port": SERVER[1], "dest_ip": CLIENT[0], "dest_port": CLIENT[1]} if turned else {}
    (found,) = eve("dns", dns=body, **turn)
    assert ends(found) == (*SERVER, *CLIENT)
    message = found.message
    assert isinstance(message, Dns)
    assert (message.event, message.rcode) == ("response", body["rcode"])
    assert (message.answers, message.cname_chain) == (answers, chain)
    assert message.ra is (True if "ra" in body else None)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("tls", {"sni": "A.com", "version": "TLS 1.3", "ja3": {"hash": "ab"}, "ja4": "t13", "client_alpns": ["h2"]}, [TlsLog("a.com", "TLSv1.3", ("h2",), "ab", "t13")]),
        ("tls", {"subject": "CN=x", "version": "UNDETERMINED"}, [TlsLog(None)]),
        ("quic", {"version": "1", "sni": "a.com", "ja4": "q13"}, [QuicLog("a.com", "v1", (), None, "q13")]),
        ("http", {"hostname": "a.com", "http_port": 81, "url": "/x", "http_method": "GET", "protocol": "HTTP/1.1", "status": 403, "http_user_agent": "u"},
         [HttpRequest("GET", "a.com:81", "/x", "u", "HTTP/1.1", None), HttpResponse(403, "", None, None, None)]),
        ("http", {"hostname": "a.com", "url": "a.com:443", "http_method": "CONNECT", "protocol": "HTTP/1.1"},
         [HttpRequest("CONNECT", "a.com", "a.com:443", None, "HTTP/1.1", "a.com:443")]),
        ("alert", {"signature": "ET", "action": "allowed"}, [FirewallLog("ET", "lan0", None, "accept")]),
        ("alert", {"signature": "ET", "action": "blocked"}, [FirewallLog("ET", "lan0", None, "block")]),
        ("drop", {"len": 60, "reason": "rules"}, [FirewallLog("rules", "lan0", None, "drop")]),
        ("flow", {"state": "closed"}, []),
    ],
)  # fmt: skip
def test_other_events_of_eve(kind: str, body: dict[str, Any], expected: list[Message]) -> None:
    found = eve(kind, **{kind: body})
    assert [one.message for one in found] == expected
    assert [ends(one) for one in found] == [(*CLIENT, *SERVER), (*SERVER, *CLIENT)][: len(found)]


@pytest.mark.parametrize("path", [{}, {"_path": "dns"}])
def test_a_question_and_its_answer_of_zeek(path: dict[str, str]) -> None:
    asked, answered = zeek(
        proto="udp", trans_id=7, rtt=0.25, query="a.com", qtype_name="A", rcode=0, rcode_name="NOERROR", AA=False,
        TC=False, RD=True, RA=True, answers=["b.com", "203.0.113.9"], TTLs=[3.0, 4.0], **path,
    )  # fmt: skip
    assert (asked.timestamp, answered.timestamp) == (AT, AT + 0.25)
    assert (ends(asked), ends(answered)) == ((*CLIENT, *SERVER), (*SERVER, *CLIENT))
    message = answered.message
    assert isinstance(message, Dns)
    assert (message.id, message.rcode, message.aa, message.ra) == (7, "NOERROR", False, True)
    assert message.answers == (ALIAS, ADDRESS)
    assert message.cname_chain == ("a.com", "b.com")


def test_a_question_without_an_answer_of_zeek() -> None:
    (asked,) = zeek(proto="udp", trans_id=7, query="a.com", qtype_name="HTTPS", RD=True)
    assert isinstance(asked.message, Dns)
    assert asked.message.qtype == "HTTPS"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"version": "TLSv12", "server_name": "A.com", "established": False}, [TlsLog("a.com", "TLSv1.2", (), established=False)]),
        ({"_path": "ssl", "next_protocol": "h2", "version": "TLSv13"}, [TlsLog(None, "TLSv1.3", ("h2",))]),
        ({"version": "1", "client_initial_dcid": "aa", "server_name": "a.com", "client_protocol": "h3"}, [QuicLog("a.com", "v1", ("h3",))]),
        ({"trans_depth": 1, "method": "GET", "host": "a.com", "uri": "/", "version": "1.1", "status_code": 403, "status_msg": "No"},
         [HttpRequest("GET", "a.com", "/", None, "HTTP/1.1", None), HttpResponse(403, "No", None, None, None)]),
        ({"_path": "conn", "conn_state": "S0"}, []),
    ],
)  # fmt: skip
def test_other_logs_of_zeek(fields: dict[str, Any], expected: list[Message]) -> None:
    assert [one.message for one in zeek(**fields)] == expected


@pytest.mark.parametrize("module", [logs_eve, logs_zeek])
@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"null", b'{"event_type":"dns","timestamp":"never"}', b'{"event_type":"dns","timestamp":1e300}',
        b'{"_path":"dns","ts":true}', b'{"event_type":"dns","timestamp":"2026-11-26T18:40:03+0100"}', b"\xff\x00",
    ],
)  # fmt: skip
def test_what_is_no_event_says_nothing(module: Any, line: bytes) -> None:
    assert module.Reader(CLOCK).take(line) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ("rrname", "rrtype", "rdata", "ttl", "id", "type", "answers", "queries", "sni", "version", "ja3", "hash", "status")), inner, max_size=5),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from((*EVE, *ZEEK, "event_type", "_path", "dns", "tls", "http", "alert", "drop", "query", "answers",
                         "TTLs", "rcode_name", "rtt", "trans_id", "server_name", "uri", "method", "status_code")),
        JSON | st.sampled_from(("dns", "tls", "http", "alert", "drop", "quic", "ssl", "answer", "GET")), max_size=12,
    ),
    st.booleans(),
)  # fmt: skip
def test_fields_of_whatever_type_never_fail(found: dict[str, Any], whole: bool) -> None:
    line = orjson.dumps((EVE | ZEEK | found) if whole else found)
    for module in (logs_eve, logs_zeek):
        for one in module.Reader(CLOCK).take(line):
            assert one.sensor == module.KIND


@given(st.binary(max_size=200))
def test_bytes_of_whatever_kind_never_fail(line: bytes) -> None:
    for module in (logs_eve, logs_zeek):
        module.recognises(line)
        assert module.Reader(CLOCK).take(line) == []
