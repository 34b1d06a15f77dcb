"""Logs of every kind: whose a line is, and that none is lost in silence."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.logline import Clock
from agent.model.observation import FirewallLog, HttpRequest, TlsLog
from agent.observe.logs import LONGEST, Log, formats, kind_of, kind_of_layout

NOW = 1795714873.0
"""2026-11-26 17:41:13 UTC."""
LINES = {
    "squid": b"1795714804.007      0 10.1.2.3 TCP_DENIED/403 3941 CONNECT api.livechat.com:443 - HIER_NONE/- text/html",
    "haproxy": b"Nov 26 17:41:13 gw haproxy[7]: 10.1.2.3:33317 [26/Nov/2026:17:41:13.655] web bk/s1 10/0/30/69/109 200 2750"
    b' - - ---- 1/1/1/1/0 0/0 {www.text.com} {} "GET /index.html HTTP/1.1"',
    "nginx": b'10.1.2.3 - - [26/Nov/2026:17:40:03 +0000] "GET /chat HTTP/1.1" 502 157 "-" "Mozilla/5.0"',
    "kernel": b"Nov 26 17:41:13 gw kernel: DROP IN=lan0 OUT=wan0 SRC=10.1.2.3 DST=203.0.113.9 LEN=60 PROTO=TCP SPT=1 DPT=443",
    "dnsmasq": b"Nov 26 17:41:13 gw dnsmasq[7]: query[A] www.text.com from 10.1.2.3",
    "unbound": b"[1795714873] unbound[7:0] info: 10.1.2.3 www.text.com. A IN",
    "bind": b"26-Nov-2026 17:41:13.000 queries: info: client @0x7f 10.1.2.3#5000 (www.text.com): query: www.text.com IN A + (10.0.0.1)",
    "eve": b'{"timestamp":"2026-11-26T17:41:13.000000+0000","event_type":"tls","src_ip":"10.1.2.3","src_port":1,'
    b'"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","tls":{"sni":"www.text.com","version":"TLS 1.3"}}',
    "zeek": b'{"ts":1795714873.0,"uid":"C1","id.orig_h":"10.1.2.3","id.orig_p":1,"id.resp_h":"203.0.113.9",'
    b'"id.resp_p":443,"version":"TLSv13","server_name":"www.text.com","established":true}',
}
OTHERS = (
    b"Nov 26 17:41:13 gw sshd[7]: Accepted publickey for root",
    b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
    b"GET / HTTP/1.1",
)
SQUID = "%ts.%03tu %>a %>Hs %rm %ru sni=%ssl::>sni"


def log(*layouts: str) -> Log:
    return Log(Clock(lambda: NOW, UTC), layouts)


def test_there_is_a_line_of_every_kind() -> None:
    assert set(LINES) == set(formats())


@pytest.mark.parametrize("kind", LINES)
def test_a_line_is_of_one_kind_only(kind: str) -> None:
    assert [name for name, one in formats().items() if one.recognises(LINES[kind])] == [kind]
    assert kind_of(LINES[kind]) == kind
    assert kind_of(OTHERS[0] + b"\n" + LINES[kind] + b"\n" + OTHERS[0][:20]) == kind
    assert {one.sensor for one in log().take(LINES[kind])} == {kind}


@pytest.mark.parametrize("line", OTHERS)
def test_other_lines_are_of_none(line: bytes) -> None:
    assert kind_of(line) is None
    one = log()
    assert (one.take(line), one.malformed, one.silent) == ([], 1, 0)


@given(st.lists(st.sampled_from((*LINES.values(), *OTHERS)), max_size=30))
def test_one_file_may_have_the_words_of_several(lines: list[bytes]) -> None:
    one = log()
    told = [(line, found) for line in lines if (found := one.take(line + b"\n"))]
    assert [line for line, _ in told] == [line for line in lines if line not in OTHERS]
    assert all(LINES[found[0].sensor or ""] == line for line, found in told)
    assert one.lines == len(lines) == len(told) + one.malformed + one.silent


@given(st.lists(st.binary(max_size=200).map(lambda line: line.replace(b"\n", b"")), max_size=5))
def test_any_line_is_told_or_counted(lines: list[bytes]) -> None:
    one = log()
    told = sum(bool(one.take(line)) for line in lines)
    assert one.lines == len(lines) == told + one.malformed + one.silent


def test_what_an_emptied_line_says_is_nothing() -> None:
    one = log()
    assert list(one.read([b"\n", b"\r\n", b"x" * (LONGEST + 1)])) == []
    assert (one.lines, one.silent, one.malformed) == (3, 2, 1)


def test_a_layout_of_ones_own_is_read_beside_the_others() -> None:
    line = b"1795714804.007 10.1.2.3 200 CONNECT api.livechat.com:443 sni=api.livechat.com"
    assert log().take(line) == []
    one = log(f"logformat mine {SQUID}\n")
    found = [seen.message for seen in one.read([line, LINES["kernel"], LINES["squid"], line])]
    assert [type(message) for message in found if isinstance(message, HttpRequest | FirewallLog | TlsLog)] == [
        TlsLog, HttpRequest, FirewallLog, HttpRequest, TlsLog, HttpRequest,
    ]  # fmt: skip
    assert one.malformed == 0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SQUID, "squid"),
        ("http_port 3128\nlogformat x %>a\n", "squid"),
        ("access_log stdio:/var/log/${service_name}.log x\nlogformat x %>a %rm\n", "squid"),
        ("%ci:%cp [%tr] %ft", "haproxy"),
        ('frontend a\n  log-format "%ci %[ssl_fc_sni]"\n', "haproxy"),
        ('$remote_addr "$request"', "nginx"),
        ("http { log_format x '$host'; }", "nginx"),
    ],
)
def test_a_layout_shows_whose_it_is(text: str, kind: str) -> None:
    assert kind_of_layout(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "%h %l %u %t",
        "%>a $host",
        "logformat x %>a\nlog-format %ci\n",
        "# logformat x %>a\nhttp_port 3128\n",
    ],
)
def test_what_is_no_layout_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Malformed, match=r"logformat.*log-format.*log_format"):
        log(text)


@pytest.mark.parametrize("text", ["%>a%rm", "%ci%r", "$host$uri"])
def test_a_layout_whose_fields_have_no_end_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="beside each other"):
        log(text)
