"""What proxies write about the requests that a client makes, and what their lines are read as."""

from __future__ import annotations

import shutil
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from agent.logline import Clock
from agent.model.course import BROWSERS
from agent.model.observation import HttpRequest, HttpResponse, Observation, TlsLog
from agent.model.proxy import Form
from agent.proxies.haproxy import log as haproxy
from agent.proxies.nginx import log as nginx
from agent.proxies.squid import log as squid
from tests.daemons.internet import needs
from tests.daemons.origins import certificate
from tests.daemons.squid_files import BEGIN, EXPLICIT, PLAIN, TLS, alone
from tests.daemons.web import web

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.daemons, needs("nft", "openssl")]
CLIENT: Final = "127.2.0.9"
DIVERTED: Final = "127.1.2.3"
API, TEXT, OTHER = "api.livechat.com", "www.text.com", "other.example.net"
PATIENCE: Final = 5.0
"""Seconds until a program has written its lines."""
CLOCK: Final = Clock(time.time)


def written(path: Path, count: int) -> list[bytes]:
    """The lines of a log, once there are as many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        lines = path.read_bytes().splitlines() if path.exists() else []
        if len(lines) >= count or time.monotonic() > deadline:
            assert len(lines) == count, lines
            return lines
        time.sleep(0.02)


def told(found: list[Observation]) -> list[tuple[str, str, int | None, str, str | int | None]]:
    """Who said what to whom: the client, the server and its port, and the message in short."""
    return [one for observation in found if (one := _told(observation)) is not None]


def _told(one: Observation) -> tuple[str, str, int | None, str, str | int | None] | None:
    match one.message:
        case HttpRequest(method=method, host=host, connect_host=connect):
            return one.src_ip, one.dest_ip, one.dest_port, method, connect or host
        case HttpResponse(status=status):
            return one.dest_ip, one.src_ip, one.src_port, "status", status
        case TlsLog(sni=sni):
            return one.src_ip, one.dest_ip, one.dest_port, "tls", sni
    return None


def recent(found: list[Observation], since: float) -> bool:
    """Whether all were seen since then, with a tick to spare: most logs have whole seconds."""
    return all(since - 1.1 <= one.timestamp <= time.time() + 0.1 for one in found)


# ---- Squid ----

SQUID = f"""
http_port 127.0.0.1:{EXPLICIT}
http_port {PLAIN} intercept
https_port {TLS} intercept ssl-bump tls-cert=@CERT tls-key=@CERT generate-host-certificates=off
acl blocked dstdomain .example.net
http_access deny blocked
http_access allow all
acl hello at_step SslBump1
ssl_bump peek hello
ssl_bump splice all
logformat own %>a:%>p [%{{%d/%b/%Y:%H:%M:%S}}tl.%03tu] %6tr "%rm %ru" %03>Hs "%{{User-Agent}}>h" sni=%ssl::>sni to=%<a:%<p
access_log stdio:@LOGS/squid squid
access_log stdio:@LOGS/common common
access_log stdio:@LOGS/combined combined
access_log stdio:@LOGS/own own
"""


@needs("squid")
def test_squid_in_all_its_layouts(tmp_path: Path) -> None:
    with web() as world:
        world.folder.chmod(0o711)
        logs = world.folder / "logs"
        logs.mkdir()
        shutil.chown(logs, "proxy", "proxy")
        world.divert({80: PLAIN, 443: TLS})
        config = tmp_path / "squid.conf"
        text = SQUID.replace("@LOGS", str(logs)).replace("@CERT", certificate(tmp_path))
        config.write_text(BEGIN.replace("access_log none\n", "") + text, encoding="ascii")
        since = time.time()
        door = ("127.0.0.1", EXPLICIT)
        with world.running(alone(config), EXPLICIT):
            assert world.ask(Form.CONNECT, API, 443, door, client=CLIENT).reached
            assert world.ask(Form.CONNECT, OTHER, 443, door, client=CLIENT).status == 403
            assert world.ask(Form.GET, TEXT, 80, door, client=CLIENT).reached
            assert world.ask(Form.HTTP, TEXT, 80, door, client=DIVERTED, path="/chat?a=b").reached
            assert world.ask(Form.TLS, API, 443, door, client=DIVERTED).reached
            lines = {one.name: written(one, 7) for one in sorted(logs.iterdir())}
        api, text_ = world.place(API)[0], world.place(TEXT)[0]
        fake = f"{api}:443"
    # what asks whether Squid listens is a line without a request
    expected = [
        (CLIENT, api, 443, "CONNECT", f"{API}:443"), (CLIENT, api, 443, "status", 200),
        (CLIENT, "", None, "CONNECT", f"{OTHER}:443"), (CLIENT, "", None, "status", 403),
        (CLIENT, text_, 80, "GET", TEXT), (CLIENT, text_, 80, "status", 200),
        (DIVERTED, text_, 80, "GET", TEXT), (DIVERTED, text_, 80, "status", 200),
        (DIVERTED, "", None, "tls", API), (DIVERTED, "", None, "CONNECT", fake),
        (DIVERTED, api, 443, "tls", API), (DIVERTED, api, 443, "CONNECT", f"{API}:443"), (DIVERTED, api, 443, "status", 200),
    ]  # fmt: skip
    nameless = [one for one in expected if one[3] != "tls"]
    nowhere = [(one[0], "", None, *one[3:]) for one in nameless]
    for name, texts, known in (
        ("own", (text,), expected), ("squid", (), nameless), ("common", (), nowhere), ("combined", (), nowhere),
    ):  # fmt: skip
        reader = squid.Reader(CLOCK, texts)
        assert all(map(squid.recognises, lines[name])) is (name != "own")
        found = [one for line in lines[name] for one in reader.take(line)]
        assert (told(found), reader.malformed) == (known, 0), name
        assert recent(found, since)
        agents = {one.message.user_agent for one in found if isinstance(one.message, HttpRequest)}
        assert agents == ({BROWSERS[0], None} if name in ("own", "combined") else {None})
    assert not CLOCK.inferred - {"zone"}


# ---- HAProxy ----

HAPROXY = """
global
  log @SOCKET format @SYSLOG local0
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  log global
resolvers dns
  nameserver one 127.0.0.11:53
listen web
  bind 127.0.0.1:9080
  option httplog
  capture request header Host len 64
  capture request header User-Agent len 32
  http-request deny if { hdr(host) -m beg other. }
  server one 127.0.0.20:80
listen secure
  bind 127.0.0.1:9445 ssl crt @CERT
  option httpslog
  server one 127.0.0.20:80
listen own
  bind 127.0.0.1:9081
  log-format "%ci:%cp [%trl] %ST %{+Q}[var(txn.host)] %{+Q}r %{+Q}[capture.req.hdr(0)] %si:%sp %Ta"
  http-request set-var(txn.host) req.hdr(host)
  http-request capture req.fhdr(user-agent) len 256
  server one 127.0.0.20:80
listen tls
  mode tcp
  bind 127.0.0.1:9443
  log-format "%ci:%cp [%t] %[var(sess.sni)] %si:%sp %Tt"
  tcp-request inspect-delay 1s
  tcp-request content set-var(sess.sni) req.ssl_sni if { req.ssl_hello_type 1 }
  tcp-request content accept if { req.ssl_hello_type 1 }
  server one 127.0.0.20:443
listen plain
  mode tcp
  bind 127.0.0.1:9444
  option tcplog
  server one 127.0.0.20:443
"""


class Collector:
    """What programs send to a syslog socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def take(self, count: int) -> list[bytes]:
        """The next lines."""
        return [self._socket.recv(65536) for _ in range(count)]

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("syslog", ["rfc3164", "rfc5424", "short", "raw"])
@needs("haproxy")
def test_haproxy(tmp_path: Path, syslog: str) -> None:
    with web() as world, closing(Collector(tmp_path / "log")) as collector:
        config = tmp_path / "haproxy.cfg"
        text = HAPROXY.replace("@SOCKET", str(tmp_path / "log")).replace("@SYSLOG", syslog)
        config.write_text(text.replace("@CERT", certificate(tmp_path)), encoding="ascii")
        since = time.time()
        with world.running(("haproxy", "-db", "-f", str(config)), 9444):
            lines = collector.take(1)  # what asks whether HAProxy listens
            for name, port in ((TEXT, 9080), (OTHER, 9080), (TEXT, 9081)):
                world.ask(Form.HTTP, name, port, ("", 0), client=CLIENT, target="127.0.0.1")
                lines += collector.take(1)
            for port in (9443, 9445, 9444):
                world.ask(Form.TLS, API, port, ("", 0), client=CLIENT, target="127.0.0.1")
                lines += collector.take(1)
    reader = haproxy.Reader(CLOCK, (text,))
    found = [one for line in lines for one in reader.take(line)]
    assert (told(found), reader.malformed) == (
        [
            (CLIENT, "", None, "GET", f"{TEXT}:9080"), (CLIENT, "", None, "status", 200),
            (CLIENT, "", None, "GET", f"{OTHER}:9080"), (CLIENT, "", None, "status", 403),
            (CLIENT, "127.0.0.20", 80, "GET", f"{TEXT}:9081"), (CLIENT, "127.0.0.20", 80, "status", 200),
            (CLIENT, "127.0.0.20", 443, "tls", API),
            (CLIENT, "", None, "tls", API), (CLIENT, "", None, "GET", None), (CLIENT, "", None, "status", 200),
        ],
        0,
    )  # fmt: skip
    assert recent(found, since)
    assert all(one.src_port or one.dest_port for one in found)
    assert [haproxy.recognises(one) for one in lines] == [True, True, True, False, False, True, True]


# ---- nginx ----

NGINX = """
user root; pid @DIR/n.pid; error_log /dev/null; worker_processes 1;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { worker_connections 64; }
stream {
  log_format names '$remote_addr:$remote_port [$time_local] $protocol $status $session_time '
                   '"$ssl_preread_server_name" to $upstream_addr';
  server { listen 127.0.0.1:9443; ssl_preread on; proxy_pass 127.0.0.20:443; access_log @DIR/names names; }
}
http {
  log_format own escape=json '{"at":"$msec","from":"$remote_addr","host":"$http_host","what":"$request_method",'
                             '"path":"$request_uri","agent":"$http_user_agent","status":$status,"up":"$upstream_addr"}';
  @TEMP
  server {
    listen 127.0.0.1:9080; access_log @DIR/combined; access_log @DIR/own own; access_log syslog:server=unix:@DIR/log;
    if ($host = other.example.net) { return 403; }
    location / { proxy_pass http://127.0.0.20; }
  }
}
"""


@needs("nginx")
def test_nginx(tmp_path: Path) -> None:
    with web() as world, closing(Collector(tmp_path / "log")) as collector:
        config = tmp_path / "nginx.conf"
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{one}_temp_path {tmp_path}/{one};" for one in kinds)
        text = NGINX.replace("@TEMP", temporary).replace("@DIR", str(tmp_path))
        config.write_text(text, encoding="ascii")
        since = time.time()
        argv = ("nginx", "-e", "/dev/null", "-c", str(config), "-g", "daemon off; master_process off;")
        with world.running(argv, 9080):
            for name in (TEXT, OTHER):
                world.ask(Form.HTTP, name, 9080, ("", 0), client=CLIENT, target="127.0.0.1")
            world.ask(Form.TLS, API, 9443, ("", 0), client=CLIENT, target="127.0.0.1")
            lines = {
                "combined": written(tmp_path / "combined", 2), "own": written(tmp_path / "own", 2),
                "names": written(tmp_path / "names", 1), "syslog": collector.take(2),
            }  # fmt: skip
    known = {
        "combined": [
            (CLIENT, "", None, "GET", None), (CLIENT, "", None, "status", 200),
            (CLIENT, "", None, "GET", None), (CLIENT, "", None, "status", 403),
        ],
        "own": [
            (CLIENT, "127.0.0.20", 80, "GET", f"{TEXT}:9080"), (CLIENT, "127.0.0.20", 80, "status", 200),
            (CLIENT, "", None, "GET", f"{OTHER}:9080"), (CLIENT, "", None, "status", 403),
        ],
        "names": [(CLIENT, "127.0.0.20", 443, "tls", API)],
    }  # fmt: skip
    known["syslog"] = known["combined"]
    for name, one in lines.items():
        reader = nginx.Reader(CLOCK, (text,))
        found = [seen for line in one for seen in reader.take(line)]
        assert (told(found), reader.malformed) == (known[name], 0), name
        assert recent(found, since)
        assert all(map(nginx.recognises, one)) is (name in ("combined", "syslog")), name
