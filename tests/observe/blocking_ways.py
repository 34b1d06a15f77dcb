"""The ways themselves: what is begun on the gateway, what the client does, and what becomes of the name."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import time
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.message
import dns.rrset
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.daemons.lan import GATEWAY, NAMESERVERS, address, certify, hello
from tests.daemons.squid_files import HELPER, alone
from tests.observe.blocking import NAME, OTHER, Forger, forward
from tests.wire.test_quic import crypto, initial
from tests.wire.test_tls import hello as offered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.observe.blocking import Scene

    Begin = Callable[[Scene], AbstractContextManager[None]]

THERE, ELSEWHERE = address(NAME), address(OTHER)
SEVERAL: Final = tuple(f"host{number}.example.org" for number in range(5))
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""A socket that is closed with it resets its connection."""


class Way(NamedTuple):
    """``truth`` is what becomes of the name at each stage that is reached."""

    title: str
    truth: dict[str, str]
    act: Callable[[Scene], object]
    begin: Begin = lambda _: nullcontext()
    serve: Callable[[socket.socket], None] | None = None
    after: float = 1.5
    """Seconds to wait until all is said."""
    on_the_way: bool = False
    """It happens to packets that are forwarded: seen as well from both sides, and behind NAT."""
    lossy: bool = False
    """Packets are lost by chance: of a connection that gave up for it, `inconclusive` is right as well."""


# ---- what stops it ----


def _loaded(text: str, where: str = "gateway") -> Begin:
    """Rules of nftables."""

    def begin(scene: Scene) -> AbstractContextManager[None]:
        namespace = scene.lan.gateway if where == "gateway" else scene.lan.internet
        namespace.run(("nft", "-f", "-"), text)
        return nullcontext()

    return begin


def _stopped(action: str, port: str = "tcp dport 443") -> Begin:
    return _loaded(forward(f"ip daddr {THERE} {port} {action}"))


def _dead(action: str) -> Begin:
    """The server itself does not take part."""
    rule = f"ip daddr {{ {THERE}, {ELSEWHERE} }} tcp dport 443 {action}"
    return _loaded(f"table inet f {{ chain i {{ type filter hook input priority 0; {rule}; }}\n}}", "internet")


def _matched(target: str) -> Begin:
    """A rule of iptables that looks for the name in the hello."""

    def begin(scene: Scene) -> AbstractContextManager[None]:
        scene.lan.shell(f"iptables -A FORWARD -p tcp --dport 443 -m string --string {NAME} --algo bm -j {target}")
        return nullcontext()

    return begin


def _dnsmasq(line: str) -> Begin:
    def begin(scene: Scene) -> AbstractContextManager[None]:
        file = scene.folder / "dnsmasq.conf"
        file.write_text(
            f"no-resolv\nno-hosts\nserver={NAMESERVERS[0]}\nbind-interfaces\ninterface=lan0\npid-file=\nuser=root\n{line}\n"
        )
        return scene.lan.running(("dnsmasq", "-k", "-C", str(file)), "udp", 53)

    return begin


def _unbound(*lines: str) -> Begin:
    def begin(scene: Scene) -> AbstractContextManager[None]:
        file = scene.folder / "unbound.conf"
        words = (
            f"interface: {GATEWAY}", "access-control: 0.0.0.0/0 allow", "do-daemonize: no", 'chroot: ""', 'username: ""',
            'pidfile: ""', "use-syslog: no", "logfile: /dev/null", 'module-config: "iterator"', "ede: yes", *lines,
        )  # fmt: skip
        server = "".join(f"  {word}\n" for word in words)
        file.write_text(f'server:\n{server}forward-zone:\n  name: "."\n  forward-addr: {NAMESERVERS[0]}\n')
        return scene.lan.running(("unbound", "-d", "-c", str(file)), "udp", 53)

    return begin


def _redirected(port: int) -> str:
    rule = f"iifname lan0 tcp dport 443 redirect to :{port}"
    return f"table ip n {{ chain p {{ type nat hook prerouting priority dstnat; {rule}; }}\n}}"


def _haproxy(action: str) -> Begin:
    """A filter by SNI in front of everything."""

    def begin(scene: Scene) -> AbstractContextManager[None]:
        file = scene.folder / "haproxy.cfg"
        file.write_text(f"""defaults
  mode tcp
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend tls
  bind {GATEWAY}:4443
  tcp-request inspect-delay 2s
  tcp-request content {action} if {{ req_ssl_sni -i -m end livechat.com }}
  tcp-request content accept if {{ req_ssl_hello_type 1 }}
  default_backend out
backend out
  server there {ELSEWHERE}:443
""")
        scene.rules(_redirected(4443))
        return scene.lan.running(("haproxy", "-f", str(file)), "tcp", 4443)

    return begin


def _squid(scene: Scene, lines: str, port: int) -> AbstractContextManager[None]:
    file = scene.folder / "squid.conf"
    file.write_text(
        f"visible_hostname gateway.test\npid_filename none\ncache_log /dev/null\naccess_log none\ncache deny all\ncache_mem 0\n"
        f"pinger_enable off\nshutdown_lifetime 0 seconds\nhosts_file none\nconnect_timeout 2 seconds\n"
        f"dns_nameservers {NAMESERVERS[0]}\nhttp_port {GATEWAY}:3128\n{lines}\n"
    )
    return scene.lan.running(alone(file), "tcp", port)


def _denying(scene: Scene) -> AbstractContextManager[None]:
    return _squid(scene, "acl required dstdomain .livechat.com\nhttp_access deny required\nhttp_access allow all", 3128)


@contextmanager
def _bumping(scene: Scene) -> Iterator[None]:
    """Squid ends the TLS of everybody."""
    with TemporaryDirectory() as folder:  # where its helper, who is nobody, may go
        authority, made = Path(folder) / "authority.pem", Path(folder) / "made"
        certify(authority)
        subprocess.run((HELPER, "-c", "-s", str(made), "-M", "4MB"), check=True, capture_output=True)
        subprocess.run(("chown", "-R", "proxy", folder), check=True)
        scene.rules(_redirected(3130))
        lines = (
            f"https_port 3130 intercept ssl-bump tls-cert={authority} generate-host-certificates=on\n"
            f"sslcrtd_program {HELPER} -s {made} -M 4MB\nsslcrtd_children 1\nsslproxy_cert_error allow all\n"
            "tls_outgoing_options flags=DONT_VERIFY_PEER\nhost_verify_strict off\nhttp_access allow all\nssl_bump bump all"
        )
        with _squid(scene, lines, 3130):
            yield


@contextmanager
def _forging(scene: Scene, make: Callable[[bytes], Iterator[bytes]]) -> Iterator[None]:
    """Something on the way that answers in the name of servers."""
    with Forger(scene.lan.internet, "eth0", make):
        yield


def _back(frame: Ether, ttl: int) -> Ether:
    packet = frame[IP]
    return Ether(src=frame.dst, dst=frame.src) / IP(src=packet.dst, dst=packet.src, ttl=ttl, id=4321)


def _forged_answer(data: bytes) -> Iterator[bytes]:
    frame = Ether(data)
    if UDP in frame and frame[UDP].dport == 53:
        query = dns.message.from_wire(bytes(frame[UDP].payload))
        if query.question[0].name.to_text() == f"{NAME}.":
            reply = dns.message.make_response(query)
            reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "203.0.117.77"))
            yield bytes(_back(frame, 44) / UDP(sport=53, dport=frame[UDP].sport) / Raw(reply.to_wire()))


def _forged_reset(data: bytes) -> Iterator[bytes]:
    frame = Ether(data)
    if TCP in frame and frame[TCP].dport == 443 and NAME.encode() in data:
        seen = frame[TCP]
        reset = TCP(sport=443, dport=seen.sport, flags="RA", seq=seen.ack, ack=seen.seq + len(seen.payload))
        yield bytes(_back(frame, 113) / reset)


# ---- servers ----


def _slow(connection: socket.socket) -> None:
    """Says nothing for a while, and then goes away."""
    with closing(connection), suppress(OSError):
        time.sleep(0.4)
        connection.recv(65535)


def _hung(connection: socket.socket) -> None:
    with closing(connection):
        time.sleep(5)


def _closing(connection: socket.socket) -> None:
    with closing(connection), suppress(OSError):
        connection.recv(65535)


def _resetting(connection: socket.socket) -> None:
    with closing(connection), suppress(OSError):
        connection.recv(65535)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)


def _page(status: str) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            connection.recv(65535)
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    return serve


# ---- what the client does ----


def _visit(scene: Scene, wait: float = 3.0, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
    """Look a name up, go there; and elsewhere."""
    scene.ask(NAME)
    scene.ask(OTHER)
    scene.visit(OTHER, ELSEWHERE, wait)
    scene.visit(NAME, THERE, wait, newest)


def _look_up(scene: Scene, tries: int = 1) -> None:
    """Look names up at the gateway's own resolver."""
    for name in SEVERAL:
        scene.ask(name, GATEWAY)
    scene.ask(NAME, GATEWAY, tries=tries)
    scene.ask(OTHER, GATEWAY)


def _by_proxy(scene: Scene) -> None:
    scene.visit(NAME, THERE, proxy=(GATEWAY, 3128))
    scene.visit(OTHER, ELSEWHERE, proxy=(GATEWAY, 3128))


def _fetch(scene: Scene) -> None:
    scene.fetch(NAME, THERE)


def _fetch_by_proxy(scene: Scene) -> None:
    scene.fetch(NAME, THERE, proxy=(GATEWAY, 3128))


def _quic_first(scene: Scene) -> None:
    """Ask by QUIC, as browsers do, and fall back to TCP."""
    scene.ask(NAME)
    with scene.lan.client.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.connect((THERE, 443))
        for number in range(4):
            with suppress(OSError):
                sock.send(initial(crypto(offered(NAME)), number=number))
            time.sleep(0.3)
    scene.visit(NAME, THERE)


def _often(scene: Scene) -> None:
    """Go there again and again, and elsewhere meanwhile."""
    for number in range(25):
        scene.ask(NAME, tries=2, wait=0.4)
        scene.ask(f"other{number}.example.org", tries=2, wait=0.4)
        scene.visit(NAME, THERE, 2)
        if number % 4 == 0:
            scene.visit(OTHER, ELSEWHERE, 2)


def _go_away(scene: Scene) -> None:
    """Connect, and lose interest: without a word, or in the middle of the hello."""
    scene.ask(NAME)
    for said in (b"", hello(NAME)[:50], b""):
        with scene.lan.client.entered(), closing(socket.create_connection((THERE, 443), 3)) as sock:
            sock.sendall(said)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)


LOSSY: Final = "table inet l { chain f { type filter hook forward priority filter; numgen random mod 100 < 5 drop; }\n}"
WELL: Final = {"dns": "ok", "tls": "ok"}
DEAD: Final = {"dns": "ok", "tcp": "inconclusive"}
MUTE: Final = {"dns": "ok", "tls": "inconclusive"}
SINKHOLE: Final = {"dns": "dns-sinkhole"}
SILENT: Final = {"dns": "ok", "tls": "tls-silent-after-hello"}
PROHIBITED: Final = {"dns": "ok", "tcp": "icmp-prohibited"}
WAYS: Final = (
    Way("nothing stops it", WELL, _visit, on_the_way=True),
    Way("nft resets", {"dns": "ok", "tcp": "tcp-refused"}, _visit, _stopped("reject with tcp reset"), on_the_way=True),
    Way(
        "nft drops",
        {"dns": "ok", "tcp": "tcp-unanswered"},
        partial(_visit, wait=5.0),
        _stopped("drop"),
        on_the_way=True,
    ),
    Way("nft prohibits", PROHIBITED, _visit, _stopped("reject with icmpx admin-prohibited")),
    Way("nft rejects", PROHIBITED, _visit, _stopped("reject")),
    Way("iptables drops the hello", SILENT, partial(_visit, wait=4.0), _matched("DROP"), on_the_way=True),
    Way(
        "iptables resets at the hello",
        {"dns": "ok", "tls": "tcp-reset-after-hello"},
        _visit,
        _matched("REJECT --reject-with tcp-reset"),
        on_the_way=True,
    ),
    Way("dnsmasq answers 0.0.0.0", SINKHOLE, _look_up, _dnsmasq("address=/livechat.com/0.0.0.0")),
    Way("dnsmasq answers with its own address", SINKHOLE, _look_up, _dnsmasq(f"address=/livechat.com/{GATEWAY}")),
    Way("dnsmasq knows no such name", {"dns": "dns-nxdomain"}, _look_up, _dnsmasq("address=/livechat.com/")),
    Way("unbound answers ::", SINKHOLE, _look_up, _unbound('local-zone: "livechat.com" always_null')),
    Way(
        "unbound answers with an inner address",
        SINKHOLE,
        _look_up,
        _unbound('local-zone: "livechat.com" redirect', 'local-data: "livechat.com A 10.9.9.9"'),
    ),
    Way(
        "unbound knows no such name",
        {"dns": "dns-nxdomain"},
        _look_up,
        _unbound('local-zone: "livechat.com" always_nxdomain'),
    ),
    Way("unbound refuses", {"dns": "dns-refused"}, _look_up, _unbound('local-zone: "livechat.com" always_refuse')),
    Way(
        "unbound keeps silent",
        {"dns": "dns-no-answer"},
        partial(_look_up, tries=3),
        _unbound('local-zone: "livechat.com" deny'),
    ),
    Way("HAProxy rejects the name", SILENT, _visit, _haproxy("reject")),
    Way("HAProxy drops the name", SILENT, partial(_visit, wait=4.0), _haproxy("silent-drop")),
    Way(
        "Squid ends TLS",
        {"dns": "ok", "tls": "tls-intercepted"},
        partial(_visit, newest=ssl.TLSVersion.TLSv1_2),
        _bumping,
    ),
    Way("Squid denies CONNECT", {"http": "http-proxy-denied"}, _by_proxy, _denying),
    Way("Squid shows a page", {"http": "http-block-page"}, _fetch_by_proxy, _denying),
    Way("a page says why", {"http": "http-block-page"}, _fetch, serve=_page("451 Unavailable For Legal Reasons")),
    Way(
        "an answer is forged",
        {"dns": "dns-forged"},
        lambda scene: scene.ask(NAME),
        partial(_forging, make=_forged_answer),
        after=2.5,
    ),
    Way(
        "a reset is injected",
        {"dns": "ok", "tls": "reset-injected"},
        _visit,
        partial(_forging, make=_forged_reset),
        _slow,
    ),
    Way(
        "nft drops QUIC",
        {"dns": "ok", "tls": "ok", "quic": "quic-blocked-tcp-ok"},
        _quic_first,
        _stopped("drop", "udp dport 443"),
        after=5.0,
        on_the_way=True,
    ),
    Way("the link loses packets", WELL, _often, _loaded(LOSSY), after=2.5, on_the_way=True, lossy=True),
    Way("the server is dead, its host answers", DEAD, _visit, _dead("reject with tcp reset"), on_the_way=True),
    Way("the server is dead, nobody answers", DEAD, partial(_visit, wait=5.0), _dead("drop"), on_the_way=True),
    Way("the server hangs", MUTE, partial(_visit, wait=3.0), serve=_hung),
    Way("the server closes", MUTE, _visit, serve=_closing),
    Way("the server resets", MUTE, _visit, serve=_resetting),
    Way(
        "the server behind HAProxy is dead",
        MUTE,
        partial(_visit, wait=8.0),
        lambda scene: (_dead("reject with tcp reset")(scene), _haproxy("accept")(scene))[1],
    ),
    Way("the client goes away", {"dns": "ok", "tcp": "inconclusive", "tls": "inconclusive"}, _go_away, serve=_slow),
)
