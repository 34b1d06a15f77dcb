"""A small internet in a namespace of its own: name servers that answer every question, each with its own addresses."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from tests.kernel.needs import PATH
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dns.message import Message

UPSTREAMS = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
TYPES = {4: "A", 6: "AAAA"}
PATIENCE = 40.0
"""Seconds for a program to begin to answer."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark of tests that start these programs as root in a namespace."""
    gone = [name for name in programs if shutil.which(name, path=PATH) is None]
    reason = "needs root" if os.geteuid() != 0 else f"needs {', '.join(gone)}: packaging/test --install-peers"
    return pytest.mark.skipif(os.geteuid() != 0 or bool(gone), reason=reason)


class Answer(NamedTuple):
    """What a resolver said: a response code, and addresses."""

    rcode: str
    addresses: frozenset[str] = frozenset()


def addresses_of(upstream: str) -> dict[int, str]:
    """The addresses that one name server gives to every name: documentation prefixes of both families."""
    last = upstream.rpartition(".")[2]
    return {4: f"198.51.100.{last}", 6: f"2001:db8::{last}"}


def echo(query: Message, upstream: str) -> Message:
    """Answer every name with the server's own addresses."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.flags |= dns.flags.AA
    question = query.question[0]
    family = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
    if family:
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", TYPES[family], addresses_of(upstream)[family]))
    return reply


@contextmanager
def daemon(namespace: Namespace, argv: Sequence[str], ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a namespace, from when it is ready until it has ended; raises RuntimeError with its words."""
    with tempfile.TemporaryFile() as words:
        with namespace.entered():
            started = subprocess.Popen(
                ("setpriv", "--pdeathsig", "KILL", *argv),
                stdout=words,
                stderr=words,
                env={**os.environ, "PATH": PATH},
            )
        try:
            deadline = time.monotonic() + PATIENCE
            while not ready():
                if started.poll() is not None or time.monotonic() > deadline:
                    words.seek(0)
                    said = words.read().decode(errors="replace")
                    raise RuntimeError(f"{argv[0]} does not answer: {said[-2000:]}")
                time.sleep(0.01)
            yield started
        finally:
            started.kill()
            started.wait()


ALIASES = {
    "cdn.livechat.com": "edge.cdn.example",
    "edge.cdn.example": "pop.cdn.example",
    "www.helpdesk.com": "pop.cdn.example",
    "static.text.com": "static.other.example",
}
"""What names stand for on the name servers of ``aliased``."""


def aliased(query: Message, upstream: str) -> Message:
    """Answer as ``echo``, with aliases on the way."""
    reply = echo(query, upstream)
    name = query.question[0].name
    while target := ALIASES.get(name.to_text(omit_final_dot=True).lower()):
        alias = dns.rrset.from_text(name, 60, "IN", "CNAME", f"{target}.")
        name = alias[0].target
        addresses = [
            dns.rrset.from_rdata_list(name, 60, list(one)) for one in reply.answer if one.rdtype != alias.rdtype
        ]
        reply.answer = [*(one for one in reply.answer if one.rdtype == alias.rdtype), alias, *addresses]
    return reply


class Internet:
    """The namespace, and what runs in it."""

    def __init__(self, reply: Callable[[Message, str], Message] = echo) -> None:
        self.namespace = Namespace()
        self.namespace.run(("ip", "link", "set", "lo", "up"))
        self._reply = reply
        self._sockets: list[socket.socket] = []
        with self.namespace.entered():
            for upstream in UPSTREAMS:
                listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                listening.bind((upstream, 53))
                self._sockets.append(listening)
                threading.Thread(target=self._serve, args=(listening, upstream), daemon=True).start()

    def _serve(self, listening: socket.socket, upstream: str) -> None:
        while True:
            try:
                data, client = listening.recvfrom(65535)
                listening.sendto(self._reply(dns.message.from_wire(data), upstream).to_wire(), client)
            except dns.exception.DNSException:
                continue
            except OSError:
                return

    def ask(self, name: str, family: int, client: str = "127.0.0.1", timeout: float = 2.0) -> Answer:
        """Ask the resolver on 127.0.0.1 for addresses, as some client; no answer is the code TIMEOUT."""
        query = dns.message.make_query(name, TYPES[family])
        with self.namespace.entered():
            try:
                reply, _ = dns.query.udp_with_fallback(query, "127.0.0.1", timeout=timeout, source=client)
            except dns.exception.Timeout:
                return Answer("TIMEOUT")
        found = frozenset(
            record.address
            for answer in reply.answer
            for record in answer
            if answer.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
        )
        return Answer(dns.rcode.to_text(reply.rcode()), found)

    @contextmanager
    def running(self, argv: Sequence[str], probe: str = "ready.test") -> Iterator[None]:
        """A resolver on 127.0.0.1 port 53, from when it answers until it has ended; raises RuntimeError with its words."""
        with daemon(self.namespace, argv, lambda: self.ask(probe, 4, timeout=0.1).rcode != "TIMEOUT"):
            yield

    def close(self) -> None:
        """End the name servers and let the namespace go."""
        for one in self._sockets:
            one.close()
        self.namespace.close()


@contextmanager
def internet(reply: Callable[[Message, str], Message] = echo) -> Iterator[Internet]:
    """A small internet for one test."""
    made = Internet(reply)
    try:
        yield made
    finally:
        made.close()
