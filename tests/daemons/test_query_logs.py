"""What dnsmasq, Unbound and BIND write of questions, and what their lines are read as."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from agent.logline import Clock
from agent.model.observation import Dns, Observation
from agent.resolvers.bind import log as bind
from agent.resolvers.dnsmasq import log as dnsmasq
from agent.resolvers.unbound import log as unbound
from tests.daemons.internet import TYPES, UPSTREAMS, Internet, aliased, internet, needs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.daemons
CLIENT: Final = "127.0.2.9"
NAMES: Final = ("www.livechat.com", "CDN.livechat.com", "blocked.test")
ADDRESSES: Final = {"A": "198.51.100.11", "AAAA": "2001:db8::11"}
CHAIN: Final = ("cdn.livechat.com", "edge.cdn.example", "pop.cdn.example")
PATIENCE: Final = 5.0


class Reader(Protocol):
    malformed: int

    def take(self, line: bytes) -> list[Observation]: ...


def asked(world: Internet, argv: Sequence[str], log: Path, last: bytes) -> list[bytes]:
    """Ask for every name as a client, and give the lines of the log once the last question is answered there."""
    with world.running(argv):
        for name in NAMES:
            for family in (4, 6):
                world.ask(name, family, client=CLIENT)
        deadline = time.monotonic() + PATIENCE
        while last not in log.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        return log.read_bytes().splitlines()


def told(reader: Reader, lines: list[bytes], event: str) -> list[Observation]:
    """What is read of the client's questions, or of the answers to them."""
    found = [one for line in lines for one in reader.take(line)]
    assert reader.malformed == 0
    now = time.time()
    assert all(now - 60 < one.timestamp < now + 1 for one in found)
    mine = [one for one in found if CLIENT in (one.src_ip, one.dest_ip)]
    return [one for one in mine if isinstance(one.message, Dns) and one.message.event == event]


def questions(found: list[Observation]) -> list[tuple[str | None, str | None]]:
    return [(one.message.qname, one.message.qtype) for one in found if isinstance(one.message, Dns)]


ALL: Final = [(name.lower(), kind) for name in NAMES for kind in TYPES.values()]


@pytest.mark.parametrize("extra", [False, True])
@needs("dnsmasq")
def test_dnsmasq(extra: bool, tmp_path: Path) -> None:
    log, config = tmp_path / "dnsmasq.log", tmp_path / "dnsmasq.conf"
    config.write_text(
        "port=53\nlisten-address=127.0.0.1\nbind-interfaces\nno-hosts\nno-resolv\naddress=/blocked.test/\n"
        f"server={UPSTREAMS[0]}\nlog-queries{'=extra' * extra}\nlog-facility={log}\n"
    )
    argv = ("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "-C", str(config))
    with internet(aliased) as world:
        lines = asked(world, argv, log, b"query[AAAA] blocked.test")
    assert sum(map(dnsmasq.recognises, lines)) >= len(ALL) * 2
    assert questions(told(dnsmasq.Reader(Clock(time.time)), lines, "query")) == ALL
    answers = told(dnsmasq.Reader(Clock(time.time)), lines, "response")
    assert questions(answers) == ALL
    for one in answers:
        message = one.message
        assert isinstance(message, Dns)
        assert (one.dest_port is not None) == extra
        assert message.rcode == ("NXDOMAIN" if message.qname == "blocked.test" else "NOERROR")
        assert message.cname_chain == (CHAIN if message.qname == CHAIN[0] else ())
        found = [(record.name, record.data) for record in message.answers if record.type != "CNAME"]
        owner = CHAIN[-1] if message.qname == CHAIN[0] else message.qname
        assert found == ([] if message.rcode == "NXDOMAIN" else [(owner, ADDRESSES[message.qtype or ""])])


@needs("dnsmasq")
def test_dnsmasq_that_says_why(tmp_path: Path) -> None:
    log, config = tmp_path / "dnsmasq.log", tmp_path / "dnsmasq.conf"
    config.write_text(
        "port=53\nlisten-address=127.0.0.1\nbind-interfaces\nno-hosts\nno-resolv\n"
        f"log-queries=extra\nlog-facility={log}\n"
    )
    argv = ("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "-C", str(config))
    with internet(aliased) as world:
        lines = asked(world, argv, log, b"query[AAAA] blocked.test")
    answers = told(dnsmasq.Reader(Clock(time.time)), lines, "response")
    assert questions(answers) == ALL
    for one in answers:
        assert isinstance(one.message, Dns)
        assert one.message.rcode == "REFUSED"
        # RFC 8914 §4.15: it has nobody to ask
        assert [error.info_code for error in one.message.ede] == [14]


def unbound_lines(tmp_path: Path, *options: str) -> list[bytes]:
    log, config = tmp_path / "unbound.log", tmp_path / "unbound.conf"
    config.write_text(
        "server:\n interface: 127.0.0.1\n port: 53\n do-daemonize: no\n chroot: ''\n username: ''\n pidfile: ''\n"
        f" use-syslog: no\n logfile: '{log}'\n do-not-query-localhost: no\n module-config: 'iterator'\n"
        " access-control: 127.0.0.0/8 allow\n local-zone: blocked.test always_nxdomain\n local-zone: test transparent\n"
        + "".join(f" {one}: yes\n" for one in options)
        + f"forward-zone:\n name: '.'\n forward-addr: {UPSTREAMS[0]}\n"
    )
    with internet(aliased) as world:
        return asked(world, ("unbound", "-d", "-c", str(config)), log, b"blocked.test. AAAA IN")


@pytest.mark.parametrize("more", [(), ("log-time-ascii",), ("log-tag-queryreply",)])
@needs("unbound")
def test_unbound(more: tuple[str, ...], tmp_path: Path) -> None:
    lines = unbound_lines(tmp_path, "log-queries", "log-replies", "log-local-actions", *more)
    assert all(map(unbound.recognises, lines))
    assert questions(told(unbound.Reader(Clock(time.time)), lines, "query")) == ALL
    answers = told(unbound.Reader(Clock(time.time)), lines, "response")
    assert questions(answers) == ALL
    rcodes = [one.message.rcode for one in answers if isinstance(one.message, Dns)]
    assert rcodes == ["NOERROR"] * 4 + ["NXDOMAIN"] * 2


@needs("unbound")
def test_unbound_where_only_local_zones_speak(tmp_path: Path) -> None:
    lines = unbound_lines(tmp_path, "log-local-actions")
    answers = told(unbound.Reader(Clock(time.time)), lines, "response")
    assert questions(answers) == ALL[-2:]
    assert all(isinstance(one.message, Dns) and one.message.rcode == "NXDOMAIN" for one in answers)
    assert all(one.dest_port for one in answers)


@needs("named")
def test_bind(tmp_path: Path) -> None:
    log, config = tmp_path / "queries.log", tmp_path / "named.conf"
    log.touch()
    config.write_text(
        f'options {{ directory "{tmp_path}"; listen-on {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; forward only;\n'
        f"forwarders {{ {UPSTREAMS[0]}; }}; querylog yes; dnssec-validation no; pid-file none; session-keyfile none;\n"
        'allow-query { any; }; allow-recursion { any; }; response-policy { zone "policy"; } qname-wait-recurse no; };\n'
        f'logging {{ channel q {{ file "{log}"; print-time yes; print-category yes; print-severity yes; }};\n'
        "category queries { q; }; category query-errors { q; }; category rpz { q; }; }; controls { };\n"
        'zone "policy" { type primary; file "policy.zone"; };\n'
    )
    (tmp_path / "policy.zone").write_text("$TTL 60\n@ SOA a. b. 1 2 3 4 5\n NS a.\nblocked.test CNAME .\n")
    with internet(aliased) as world:
        lines = asked(world, ("named", "-f", "-c", str(config)), log, b"blocked.test IN AAAA")
    assert all(bind.recognises(line) for line in lines if b" (blocked.test)" in line)
    found = told(bind.Reader(Clock(time.time)), lines, "query")
    assert questions(found) == ALL
    assert all(one.dest_ip == "127.0.0.1" and one.transport == "udp" and one.src_port for one in found)
    answers = told(bind.Reader(Clock(time.time)), lines, "response")
    assert questions(answers) == ALL[-2:]
    assert all(isinstance(one.message, Dns) and one.message.rcode == "NXDOMAIN" for one in answers)
