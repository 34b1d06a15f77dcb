"""Lines of proxies' logs that programs write seldom, and lines that are none; the usual ones are in tests/daemons."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.logline import Clock
from agent.model.observation import HttpRequest, HttpResponse, TlsLog
from agent.proxies.access_log import FIELDS, Field, Layout
from agent.proxies.haproxy import log as haproxy
from agent.proxies.nginx import log as nginx
from agent.proxies.squid import log as squid

if TYPE_CHECKING:
    from agent.model.observation import Message

NOW = 1795714873.0
"""2026-11-26 17:41:13 UTC."""
AT = b"[26/Nov/2026:17:41:13.000]"
MODULES = (squid, haproxy, nginx)


def reader(module: Any, *formats: str) -> Any:
    return module.Reader(Clock(lambda: NOW, UTC), formats)


def told(module: Any, line: bytes, *formats: str) -> list[Message]:
    one = reader(module, *formats)
    found = [seen.message for seen in one.take(line)]
    assert one.malformed == 0
    return found


def request(method: str, host: str | None, uri: str, version: str = "", agent: str | None = None) -> HttpRequest:
    return HttpRequest(method, host, uri, agent, version, uri if method == "CONNECT" else None)


def response(status: int, kind: str | None = None) -> HttpResponse:
    return HttpResponse(status, "", None, None, kind)


SQUID = b"1795714873.000    120 10.1.2.3 "
HAPROXY = b"10.1.2.3:40000 " + AT + b" web bk/s1 "
NGINX = b"10.1.2.3 - - [26/Nov/2026:17:41:13 +0000] "


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        (
            squid,
            SQUID + b"TCP_DENIED/403 39 CONNECT [2001:db8::9]:443 - HIER_NONE/- text/html",
            [request("CONNECT", "[2001:db8::9]:443", "[2001:db8::9]:443"), response(403, "text/html")],
        ),
        (
            squid,
            SQUID + b"TCP_MISS/200 39 GET https://www.example.com:8443/a%20b? user%40x FIRSTUP_PARENT/10.0.0.1 -",
            [request("GET", "www.example.com:8443", "https://www.example.com:8443/a%20b?"), response(200)],
        ),
        (
            squid,
            SQUID + b"TCP_MISS_ABORTED/000 0 GET http://x.example.com/ - HIER_DIRECT/192.0.2.1 -",
            [request("GET", "x.example.com", "http://x.example.com/")],
        ),
        (squid, SQUID + b"NONE_NONE/400 39 - error:invalid-request - HIER_NONE/- text/html", []),
        (
            squid,
            b"Nov 26 17:41:13 gw (squid-1)[12]: " + SQUID + b"TCP_HIT/304 39 GET http://WWW.Example.com/ - HIER_NONE/- -",
            [request("GET", "www.example.com", "http://WWW.Example.com/"), response(304)],
        ),
        (
            haproxy,
            HAPROXY + b'-1/-1/-1/-1/+8490 400 0 - - CR-- 2/2/2/0/+2 0/0 {|} "<BADREQ>"',
            [],
        ),
        (
            haproxy,
            b"haproxy[7]: " + HAPROXY + b"10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {x/1|www.example.com|a.example.com} {nginx.org} "
            b'"GET /i HTTP/1.1"',
            [request("GET", "www.example.com", "/i", "1.1"), response(200)],
        ),
        (
            haproxy,
            HAPROXY + b'10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET https://a.example.com/i HTTP/2.0"',
            [request("GET", "a.example.com", "https://a.example.com/i", "2.0"), response(200)],
        ),
        (
            haproxy,
            HAPROXY + b'10/0/30/69/109 503 27 - - SC-- 1/1/1/1/0 0/0 "GET /i HTTP/1.1" '
            b"0/0000000000000000/0/0/0 www.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384",
            [TlsLog("www.example.com", "TLSv1.3"), request("GET", None, "/i", "1.1"), response(503)],
        ),
        (haproxy, HAPROXY + b"0/0/5007 212 -- 0/0/0/0/3 0/0", []),
        (
            nginx,
            NGINX + b'"GET http://www.example.com/ HTTP/1.1" 200 5 "http://a b" "a \\x22b\\x22"',
            [request("GET", "www.example.com", "http://www.example.com/", "1.1", "a \\x22b\\x22"), response(200)],
        ),
        (
            nginx,
            NGINX + b'"CONNECT www.example.com:443 HTTP/1.1" 403 5 "-" "-"',
            [request("CONNECT", "www.example.com:443", "www.example.com:443", "1.1"), response(403)],
        ),
        (nginx, NGINX + b'"\\x16\\x03\\x01" 400 157 "-" "-"', []),
        (nginx, NGINX + b'"" 408 0 "-" "-"', []),
    ],
)  # fmt: skip
def test_a_line_is_read(module: Any, line: bytes, expected: list[Message]) -> None:
    assert module.recognises(line)
    assert told(module, line) == expected


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (squid, SQUID + b"TCP_DENIED/403"),
        (squid, b"today    120 10.1.2.3 TCP_HIT/304 39 GET http://www.example.com/ - HIER_NONE/- -"),
        (haproxy, b"haproxy[7]: Proxy web started."),
        (haproxy, b"10.1.2.3:40000 " + AT + b" web/1: SSL handshake failure"),
        (haproxy, b"10.1.2.3:40000 [31/Feb/2026:17:41:13.000] web bk/s1 0/0/5007 212 -- 0/0/0/0/3 0/0"),
        (nginx, b"10.1.2.3 - - [26/Nov/2026:25:41:13 +0000] " + b'"GET / HTTP/1.1" 200 5 "-" "-"'),
        (nginx, NGINX + b'"GET / HTTP/1.1" 200 5'),
    ],
)
def test_what_is_not_understood_is_counted(module: Any, line: bytes) -> None:
    one = reader(module)
    assert (one.take(line), one.malformed) == ([], 1)


@pytest.mark.parametrize(
    ("module", "format_", "line", "client"),
    [
        (haproxy, "%ci:%cp [%tr] %ST %{+Q}r", b"2001:db8::7:40000 " + AT + b' 200 "GET / HTTP/1.1"', "2001:db8::7"),
        (squid, "%ts %>a:%>p %>Hs %rm %ru", b"1795714873 2001:db8::7:40000 200 GET http://a.example.com/", "2001:db8::7"),
        (nginx, '$msec [$remote_addr]:$remote_port $status "$request"',
         b'1795714873.000 [2001:db8::7]:40000 200 "GET / HTTP/1.1"', "2001:db8::7"),
        (nginx, '$msec $remote_addr $remote_port $status "$request"', b'1795714873.000 unix: 40000 200 "GET / HTTP/1.1"', ""),
    ],
)  # fmt: skip
def test_the_client_is_an_address_or_nobody(module: Any, format_: str, line: bytes, client: str) -> None:
    first, last = reader(module, format_).take(line)
    assert (first.src_ip, first.src_port, first.timestamp) == (client, 40000, NOW)
    assert (last.dest_ip, last.dest_port) == (client, 40000)
    assert (first.sensor, last.sensor) == (module.KIND, module.KIND)


def test_a_request_began_before_its_line_was_written() -> None:
    first, last = reader(squid).take(SQUID + b"TCP_HIT/200 39 GET http://www.example.com/ - HIER_NONE/- -")
    assert (first.timestamp, last.timestamp) == (NOW - 0.12, NOW)


def test_another_proxy_is_not_asked_on_the_port_of_the_server() -> None:
    tail = b"/192.0.2.1 -"
    for hierarchy, port in ((b"HIER_DIRECT", 80), (b"ORIGINAL_DST", 80), (b"FIRSTUP_PARENT", None)):
        first, _ = reader(squid).take(SQUID + b"TCP_MISS/200 39 GET http://www.example.com/ - " + hierarchy + tail)
        assert (first.dest_ip, first.dest_port) == ("192.0.2.1", port)


def test_of_several_servers_the_last_one_answered() -> None:
    layout = "$remote_addr $status $upstream_addr [$time_local]"
    line = b"10.1.2.3 200 192.0.2.1:443, 192.0.2.2:8443 [26/Nov/2026:17:41:13 +0000]"
    one = reader(nginx, layout + ' "$request"')
    first, _ = one.take(line + b' "GET / HTTP/1.1"')
    assert (first.dest_ip, first.dest_port) == ("192.0.2.2", 8443)


@pytest.mark.parametrize(
    "parts", [[], ["no field"], [Field("client"), Field("status")], [Field(None), " "] * (FIELDS + 1)]
)
def test_a_layout_must_show_where_its_fields_end(parts: list[Field | str]) -> None:
    with pytest.raises(Malformed):
        Layout(parts)


@given(st.sampled_from(MODULES), st.binary(max_size=300))
def test_any_line_is_read_or_counted(module: Any, line: bytes) -> None:
    one = reader(module)
    assert one.take(line) == []
    assert one.malformed == 1
    assert not module.recognises(line)


WORD = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="-._"), min_size=1, max_size=20)


@given(WORD, WORD, st.integers(100, 599))
def test_what_was_written_is_read(host: str, agent: str, status: int) -> None:
    layout = '%>a "%{Host}>h" "%{User-Agent}>h" %>Hs [%tl] %rm %ru'
    line = f'10.1.2.3 "{host}" "{agent}" {status} [26/Nov/2026:17:41:13 +0000] GET http://{host}/'
    first, last = told(squid, line.encode(), layout)
    assert isinstance(first, HttpRequest)
    assert (first.host, first.user_agent) == (
        None if host == "-" else host.lower(), None if agent == "-" else agent,
    )  # fmt: skip
    assert last == response(status)


@pytest.mark.parametrize("piece", [b" ", b'"', b": ", b'" ', b"\\", b"1/", b"a, "])
@pytest.mark.parametrize("module", MODULES)
def test_a_long_line_is_given_up_at_once(module: Any, piece: bytes) -> None:
    # with fields that may end in many places it would take longer than anybody waits
    own = {
        "squid": "%ts.%03tu %6tr %-15>a %12>Hs %rm %ru",
        "haproxy": "%ci:%cp %si:%sp %{+Q}r",
        "nginx": '$upstream_addr $msec "$request"',
    }
    one = reader(module, own[module.KIND])
    for line in (piece * 30000, b"1." + piece * 30000, b"10.1.2.3 - " + piece * 30000):
        assert one.take(line) == []
    assert one.malformed == 3


def test_padding_belongs_to_no_field() -> None:
    line = b"  1795714873.000 5      10.1.2.3       |         GET http://a.example.com/"
    first, _ = reader(squid, "%12ts.%03tu %-6tr %-15>a|%12rm %ru %>Hs").take(line + b" 200")
    assert (first.src_ip, first.timestamp, first.message.method) == ("10.1.2.3", NOW - 0.005, "GET")
