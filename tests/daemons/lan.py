"""A gateway between a client and an internet, each in a network namespace of its own, with real packets between them.

::

    client 192.168.7.20 --- lan0 192.168.7.1 (gateway) wan0 198.51.100.2 --- 198.51.100.1 (internet)

In the internet every name has an address of 203.0.112.0/20, and each of these answers on the ports of the web.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from tests.daemons.internet import daemon
from tests.kernel.needs import PATH, ROOT
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

GATEWAY: Final = "192.168.7.1"
CLIENT: Final = "192.168.7.20"
NAMESERVERS: Final = ("9.9.9.9", "198.51.100.53")
"""Name servers in the internet (see BEYOND)."""
PORTS: Final = (80, 443)
PATIENCE: Final = 3.0
"""Seconds that the client waits for anything."""
REACHED: Final = b"reached"
HIDDEN: Final = 'mount -t tmpfs none /etc/systemd/system; exec "$0" "$@"'
LINKS: Final = """
ip link set lo up
ip link add lan0 address 02:00:00:00:07:01 type veth peer name eth0 address 02:00:00:00:07:14 netns {client}
ip link add wan0 address 02:00:00:00:64:02 type veth peer name eth0 address 02:00:00:00:64:01 netns {internet}
ip addr add 192.168.7.1/24 dev lan0
ip addr add 198.51.100.2/24 dev wan0
ip link set lan0 up
ip link set wan0 up
ip route add default via 198.51.100.1
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.lan0.rp_filter=1 net.ipv4.conf.wan0.rp_filter=1
"""
IPV6: Final = """
ip -6 addr add 2001:db8:7::1/64 dev lan0 nodad
ip -6 addr add 2001:db8:1::2/64 dev wan0 nodad
ip -6 route add default via 2001:db8:1::1
sysctl -qw net.ipv6.conf.all.forwarding=1
"""
BEHIND: Final = """
ip link set lo up
ip addr add 192.168.7.20/24 dev eth0
ip -6 addr add 2001:db8:7::20/64 dev eth0 nodad
ip link set eth0 up
ip route add default via 192.168.7.1
ip -6 route add default via 2001:db8:7::1
"""
BEYOND: Final = """
ip link set lo up
ip addr add 198.51.100.1/24 dev eth0
ip -6 addr add 2001:db8:1::1/64 dev eth0 nodad
ip link set eth0 up
ip route add 192.168.7.0/24 via 198.51.100.2
ip -6 route add 2001:db8:7::/64 via 2001:db8:1::2
ip route add local 203.0.112.0/20 dev lo
ip addr add 9.9.9.9/32 dev lo
ip addr add 198.51.100.53/32 dev lo
"""


def address(name: str) -> str:
    """The address of a name in this internet: one of 203.0.112.0 … 203.0.127.255."""
    number = zlib.crc32(name.lower().encode())
    return f"203.0.{112 + number % 16}.{number // 16 % 254 + 1}"


class Lan:
    """The three namespaces, and the servers of the internet."""

    def __init__(self, *, ipv6: bool = False, serve: Callable[[socket.socket], None] | None = None) -> None:
        self.client, self.gateway, self.internet = Namespace(), Namespace(), Namespace()
        links = LINKS.format(client=self.client.path, internet=self.internet.path)
        self.shell(links + (IPV6 if ipv6 else ""))
        self.client.run(("sh", "-euc", BEHIND))
        self.internet.run(("sh", "-euc", BEYOND))
        self._sockets: list[socket.socket] = []
        with self.internet.entered():
            web = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in PORTS]
            names = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in NAMESERVERS]
        for one in web:
            threading.Thread(target=_accept, args=(one, serve or _serve), daemon=True).start()
        for one, own in zip(names, NAMESERVERS, strict=True):
            one.bind((own, 53))
            threading.Thread(target=_resolve, args=(one,), daemon=True).start()
        self._sockets += [*web, *names]

    def shell(self, script: str) -> str:
        """What a script prints on the gateway; raises ProgramFailed."""
        return self.gateway.run(("sh", "-euc", script))

    @contextmanager
    def running(self, argv: Sequence[str], proto: str, port: int) -> Iterator[None]:
        """A program on the gateway, from when it listens until it has ended; raises RuntimeError with its words."""
        listening = ("ss", "-Hln", f"--{proto}", f"sport = :{port}")
        with daemon(self.gateway, argv, lambda: bool(self.gateway.run(listening))):
            yield

    def gateproof(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run gateproof on the gateway, where no program is enabled: those of this machine's packages are."""
        argv = ("unshare", "--mount", "sh", "-euc", HIDDEN, sys.executable, "-m", "agent", *arguments)
        environment = {**os.environ, "PATH": PATH, "PYTHONPATH": str(ROOT)}
        with self.gateway.entered():
            return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, env=environment)

    # ---- the client ----

    def look_up(self, name: str, server: str) -> tuple[str, ...]:
        """The IPv4 addresses that the client is given for a name; none where there is no answer."""
        with self.client.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.settimeout(PATIENCE)
            sock.sendto(dns.message.make_query(name, "A").to_wire(), (server, 53))
            try:
                reply = dns.message.from_wire(sock.recv(65535))
            except OSError:
                return ()
        return tuple(one.address for part in reply.answer for one in part if part.rdtype == dns.rdatatype.A)

    def secure(self, name: str, to: str) -> bool:
        """Whether a server gets the TLS hello for a name that the client sends to an address."""
        return self._asked((to, 443), hello(name))

    def plain(self, name: str, to: str) -> bool:
        """Whether a server gets the request for a name that the client sends to an address."""
        return self._asked((to, 80), request("GET / HTTP/1.1", name))

    def tunnel(self, name: str, proxy: tuple[str, int]) -> bool:
        """Whether a server gets the TLS hello that the client sends through an explicit proxy."""
        return self._asked(proxy, request(f"CONNECT {name}:443 HTTP/1.1", f"{name}:443"), hello(name))

    def _asked(self, to: tuple[str, int], *words: bytes) -> bool:
        """Whether the last words are answered by a server of the internet."""
        with self.client.entered():
            try:
                with closing(socket.create_connection(to, PATIENCE)) as sock:
                    *first, last = words
                    for one in first:
                        sock.sendall(one)
                        if b" 200 " not in sock.recv(65535).partition(b"\r\n")[0]:
                            return False
                    sock.sendall(last)
                    found = b""
                    while REACHED not in found and (more := sock.recv(65535)):
                        found += more
                    return REACHED in found
            except OSError:
                return False

    def close(self) -> None:
        """End the servers and let the namespaces go."""
        for one in self._sockets:
            one.close()
        for namespace in (self.client, self.gateway, self.internet):
            namespace.close()


@contextmanager
def lan(*, ipv6: bool = False, serve: Callable[[socket.socket], None] | None = None) -> Iterator[Lan]:
    """A gateway with a client and an internet for one test; ``serve`` says what its servers do with a connection."""
    made = Lan(ipv6=ipv6, serve=serve)
    try:
        yield made
    finally:
        made.close()


def certify(file: Path) -> None:
    """Make a certificate with its key, as Squid wants one for TLS that it never ends."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(file))
    made = subprocess.run(("openssl", "req", "-x509", *key, "-subj", "/CN=gateway"), capture_output=True, check=True)
    with file.open("ab") as both:
        both.write(made.stdout)


def hello(name: str) -> bytes:
    """A TLS ClientHello with a server name, as this machine's OpenSSL writes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake needs an answer")


def request(line: str, host: str, headers: Sequence[str] = ("User-Agent: Mozilla/5.0", "Connection: close")) -> bytes:
    """An HTTP request without a body."""
    return "\r\n".join((line, f"Host: {host}", *headers, "", "")).encode()


def _accept(listening: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    """Say that the server was reached, whatever comes: a proxy that splices passes on what is no TLS."""
    with closing(connection):
        try:
            connection.settimeout(PATIENCE)
            if connection.recv(65535):
                length = b"Content-Length: %d" % len(REACHED)
                connection.sendall(b"\r\n".join((b"HTTP/1.1 200 OK", length, b"Connection: close", b"", REACHED)))
        except OSError:
            return


def _resolve(listening: socket.socket) -> None:
    while True:
        try:
            data, client = listening.recvfrom(65535)
            query = dns.message.from_wire(data)
            question = query.question[0]
            reply = dns.message.make_response(query, recursion_available=True)
            if question.rdtype == dns.rdatatype.A:
                there = address(question.name.to_text(omit_final_dot=True))
                reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", there))
            listening.sendto(reply.to_wire(), client)
        except dns.exception.DNSException:
            continue
        except OSError:
            return
