"""From packets on a real router to findings: what the gateway itself stops, and what somebody behind it does."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import dns.message
import dns.query
import dns.rrset
import orjson

from agent.store.evidence import load
from tests.kernel.needs import ROOT, kernel
from tests.observe.tap_cables import router
from tests.observe.test_tap import NAME, _command, _until_watching
from tests.observe.test_tap_daemon import daemon, is_confined, tap_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.netns import Namespace
    from tests.observe.tap_cables import Router

pytestmark = kernel

LISTED, MISSING, RESOLVER = "8.30.1.1", "8.31.1.1", "8.30.9.9"
CONFIG = '[schedule]\nevery = "10s"\njitter = "0s"\n'
RULES = """
table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        udp dport 53 accept
        ip daddr 8.30.0.0/16 tcp dport { 80, 443 } accept
    }
}
"""


@contextmanager
def world(inside: Namespace) -> Iterator[None]:
    """A resolver that gives both addresses, and a server at each that says hello to nobody in particular."""
    ended = threading.Event()
    opened = []
    for address in (LISTED, MISSING, RESOLVER):
        inside.run(("ip", "address", "add", f"{address}/32", "dev", "lo"))
    with inside.entered():
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.bind((RESOLVER, 53))
        resolver.settimeout(0.1)
        for address in (LISTED, MISSING):
            server = socket.create_server((address, 443))
            opened.append(server)

    def answer() -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                data, source = resolver.recvfrom(4096)
                reply = dns.message.make_response(dns.message.from_wire(data))
                reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", LISTED, MISSING))
                resolver.sendto(reply.to_wire(), source)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for one in (resolver, *opened):
            one.close()


def visits(laid: Router) -> None:
    """A client asks for the name and connects to what it is told; what is dropped it tries for three seconds."""
    with laid.clients.entered():
        for _ in range(3):
            dns.query.udp(dns.message.make_query(NAME, "A"), RESOLVER, timeout=5)
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.settimeout(0.0)
            one.connect_ex((MISSING, 443))
            waiting.append(one)
    threading.Event().wait(8)
    for one in waiting:
        one.close()


def findings(folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / "state" / "findings.json"
    known = orjson.loads(file.read_bytes())["findings"] if file.exists() else []
    return {one["rule"]["id"]: one for one in known if one["source"] == "observed" and one["zone"] == "lan0"}


def test_what_real_packets_show_becomes_findings(tmp_path: Path) -> None:
    with router(nat=True) as laid, world(laid.world):
        laid.gateway.run(("nft", "-f", "-"), RULES)
        with daemon(laid.gateway, tmp_path, CONFIG) as running:
            _until_watching(laid.gateway, 3)
            until(lambda: is_confined(running), tmp_path)
            visits(laid)
            tap = tap_of(running)
            running.send_signal(signal.SIGHUP)  # evidence is handed over each minute, and at the end
            until(lambda: tap_of(running) not in {0, tap}, tmp_path)
            until(lambda: "web-allow-list-incomplete" in findings(tmp_path), tmp_path)
            running.send_signal(signal.SIGTERM)
            assert running.wait(40) == 0
    (domain,) = load(tmp_path / "state" / "evidence.json").domains
    assert {one.address: one.answered for one in domain.addresses} == {LISTED: True, MISSING: True}
    found = findings(tmp_path)
    assert "covers 50 % of the 2 addresses that *.livechat.com had" in found["web-allow-list-incomplete"]["summary"]
    assert found["web-allow-list-incomplete"]["severity"] == "high"
    blocked = found["required-domain-observed-blocked"]
    assert blocked["blocked_at"] == ["firewall"]
    assert blocked["port"] == ["tcp/443"]
    assert "policy drop" in {source["text"] for source in blocked["locus"]}


UPSTREAM = f"""
table ip provider {{
    chain input {{
        type filter hook input priority filter; policy accept;
        ip daddr {MISSING} tcp dport 443 reject with icmp type admin-prohibited
    }}
}}
"""


def test_what_a_provider_forbids_contradicts_the_configuration(tmp_path: Path) -> None:
    evidence, report = tmp_path / "evidence.json", tmp_path / "report.json"
    with router(nat=True) as laid, world(laid.world):
        laid.world.run(("nft", "-f", "-"), UPSTREAM)
        running = _command(laid.gateway, "--evidence", str(evidence))
        _until_watching(laid.gateway, 3)
        visits(laid)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        assert running.returncode == 0
        with laid.gateway.entered():
            audit = (sys.executable, "-m", "agent", "audit", "--format", "json", "--output", str(report), "--evidence")
            assert subprocess.run((*audit, str(evidence)), cwd=ROOT, check=False).returncode == 1
    said = {one["rule"]["id"]: one for one in orjson.loads(report.read_bytes())["findings"] if one["zone"] == "lan0"}
    assert "web-allow-list-incomplete" not in said
    contradiction = said["evidence-contradicts-configuration"]
    assert contradiction["summary"] == (
        "tcp/443 to *.livechat.com from lan0 should be allowed, but 3 of 3 connections ended in icmp-prohibited"
    )
    assert contradiction["family"] == [4]
    blocked = said["required-domain-observed-blocked"]
    assert blocked["locus"] == []
    assert "a device behind this gateway stops it" in blocked["remedy"]["text"]
