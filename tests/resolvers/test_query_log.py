"""Lines of resolvers' logs that no test lets a program write, and lines that nobody should."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.logline import Clock
from agent.model.observation import Dns
from agent.resolvers.bind import log as bind
from agent.resolvers.dnsmasq import log as dnsmasq
from agent.resolvers.unbound import log as unbound

NOW = 1795714873.0
NULL = "0.0.0.0"  # noqa: S104 - an answer, not an address to listen on
HEAD = "Nov 26 17:40:03 gw dnsmasq[405]: "


def said(module: Any, *lines: str) -> list[tuple[str, str | None, str | None, str | None, str, list[str]]]:
    reader = module.Reader(Clock(lambda: NOW, UTC))
    found = []
    for line in lines:
        for one in reader.take(line.encode()):
            assert isinstance(one.message, Dns)
            message = one.message
            client = one.src_ip if message.event == "query" else one.dest_ip
            data = [record.data for record in message.answers]
            found.append((message.event, message.qname, message.qtype, message.rcode, client, data))
    assert reader.malformed == 0
    return found


def test_answers_of_dnsmasq() -> None:
    asked = [f"{HEAD}query[A] a.test from 10.0.0.1", f"{HEAD}query[type=65] b.test from 10.0.0.2"]
    assert said(
        dnsmasq,
        *asked,
        f"{HEAD}/etc/hosts a.test is 10.1.1.1",
        f"{HEAD}reply b.test is NODATA",
        f"{HEAD}reply a.test is 10.1.1.2",
        f"{HEAD}reply a.test is <TXT>",
        f"{HEAD}forwarded a.test to 10.0.0.9",
        f"{HEAD}7 10.0.0.3/5000 query[AAAA] c.test from 10.0.0.3",
        f"{HEAD}7 10.0.0.3/5000 reply error is SERVFAIL (EDE: network error)",
        f"{HEAD}exiting on receipt of SIGTERM",
    ) == [
        ("query", "a.test", "A", None, "10.0.0.1", []),
        ("query", "b.test", "HTTPS", None, "10.0.0.2", []),
        ("response", "a.test", "A", "NOERROR", "10.0.0.1", ["10.1.1.1"]),
        ("response", "b.test", "HTTPS", "NOERROR", "10.0.0.2", []),
        ("response", "a.test", "A", "NOERROR", "10.0.0.1", ["10.1.1.2"]),
        ("query", "c.test", "AAAA", None, "10.0.0.3", []),
        ("response", "c.test", "AAAA", "SERVFAIL", "10.0.0.3", []),
    ]


@pytest.mark.parametrize(
    ("source", "what", "rcode", "ede"),
    [
        ("gravity blocked", NULL, "NOERROR", (15, "gravity blocked")),
        ("gravity blocked (CNAME)", "NXDOMAIN", "NXDOMAIN", (15, "gravity blocked (CNAME)")),
        ("exactly denied", "NODATA", "NOERROR", (15, "exactly denied")),
        ("regex blacklisted", "::", "NOERROR", (15, "regex blacklisted")),
        ("regex denied", "REFUSED (EDE: blocked)", "REFUSED", (15, "")),
        ("blocked upstream with NULL address", NULL, "NOERROR", (15, "blocked upstream with NULL address")),
        ("special domain", "NXDOMAIN", "NXDOMAIN", (15, "special domain")),
        ("Apple iCloud Private Relay domain", "NXDOMAIN", "NXDOMAIN", (15, "Apple iCloud Private Relay domain")),
        ("to be refused (gravity database is not available)", "REFUSED", "REFUSED", None),
        ("Pi-hole hostname", "10.0.0.9", "NOERROR", None),
        ("reply", "NXDOMAIN (EDE: filtered)", "NXDOMAIN", (17, "")),
        ("reply", "SERVFAIL (EDE: NSEC(3) missing)", "SERVFAIL", (12, "")),
        ("reply", "SERVFAIL (EDE: words of a later version)", "SERVFAIL", None),
        ("auth", "10.0.0.9", "NOERROR", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("serial", ["", "7 10.0.0.1/5000 "])
def test_why_dnsmasq_or_pihole_answered_so(
    serial: str, source: str, what: str, rcode: str, ede: tuple[int, str] | None
) -> None:
    kind = "AAAA" if what == "::" else "A"
    reader = dnsmasq.Reader(Clock(lambda: NOW, UTC))
    assert len(reader.take(f"{HEAD}{serial}query[{kind}] a.test from 10.0.0.1".encode())) == 1
    (found,) = reader.take(f"{HEAD}{serial}{source} a.test is {what}".encode())
    assert isinstance(found.message, Dns)
    assert (found.message.qname, found.message.qtype, found.message.rcode) == ("a.test", kind, rcode)
    assert found.dest_ip == "10.0.0.1"
    assert [(one.info_code, one.extra_text) for one in found.message.ede] == ([ede] if ede else [])
    assert reader.malformed == 0


def test_bind_of_older_versions_with_views_in_syslog() -> None:
    assert said(
        bind,
        "Nov 26 17:40:03 gw named[9]: client 10.0.0.1#53001 (a.test): view in: query: a.test IN TYPE65 -E(0)TC (10.0.0.9)",
        "Nov 26 17:40:03 gw named[9]: client @0x7f 10.0.0.1#53001 (a.test): query failed (REFUSED) for a.test/IN/A at query.c:5",
        "Nov 26 17:40:03 gw named[9]: zone a.test/IN: loaded serial 5",
        "26-Nov-2026 17:40:03.123 rpz: info: client @0x7f 10.0.0.1#5 (b.test): rpz QNAME NODATA rewrite b.test/AAAA/IN via b.test.rpz",
    ) == [
        ("query", "a.test", "HTTPS", None, "10.0.0.1", []),
        ("response", "a.test", "A", "REFUSED", "10.0.0.1", []),
        ("response", "b.test", "AAAA", "NOERROR", "10.0.0.1", []),
    ]


def test_unbound_in_syslog() -> None:
    assert said(
        unbound,
        "Nov 26 17:40:03 gw unbound[9]: [9:0] info: 2001:db8::1 a.test. AAAA IN",
        "Nov 26 17:40:03 gw unbound: [9:0] info: 2001:db8::1 a.test. AAAA IN SERVFAIL 0.100000 0 24",
        "Nov 26 17:40:03 gw unbound[9]: [9:0] notice: init module 0: iterator",
    ) == [
        ("query", "a.test", "AAAA", None, "2001:db8::1", []),
        ("response", "a.test", "AAAA", "SERVFAIL", "2001:db8::1", []),
    ]


@pytest.mark.parametrize("module", [dnsmasq, unbound, bind])
def test_a_line_of_somebody_else_is_counted(module: Any) -> None:
    reader = module.Reader(Clock(lambda: NOW, UTC))
    assert reader.take(b"a line of somebody else") == []
    assert reader.malformed == 1


WORDS = st.sampled_from((
    "query[A]", "reply", "cached", "config", "is", "from", "forwarded", "to", "<CNAME>", "10.0.0.1", "7", "10.0.0.1/5",
    "a.test", "b.test.", "NXDOMAIN", "IN", "A", "client", "@0x7f", "10.0.0.1#5", "(a.test):", "query:", "+E(0)K",
    "gravity blocked", "(EDE:", "blocked)", "[9:0]", "info:", "[1795714803]", "unbound[9:0]", "always_nxdomain", "10.0.0.1@7", "0.000001", "0", "rpz", "Nov", "error",
))  # fmt: skip


@given(st.lists(st.lists(WORDS | st.text(max_size=6), max_size=12).map(" ".join), max_size=12), st.booleans())
def test_lines_of_whatever_words_never_fail(lines: list[str], headed: bool) -> None:
    for module in (dnsmasq, unbound, bind):
        reader = module.Reader(Clock(lambda: NOW, UTC))
        for line in lines:
            data = ((HEAD if headed else "") + line).encode(errors="replace")
            module.recognises(data)
            for one in reader.take(data):
                assert one.sensor == module.KIND
