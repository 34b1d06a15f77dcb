"""``gateproof run`` on a router with real clients: the tap beside it, its end and return, and what it keeps of secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.observe.confine import MACHINES
from agent.store.evidence import load
from tests.kernel.needs import ROOT, kernel
from tests.observe.tap_cables import CLIENT, OTHER, OWN, WORLD, router
from tests.observe.test_tap import NAME, _children, _until_watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernel.netns import Namespace
    from tests.observe.tap_cables import Router

pytestmark = kernel

PATIENCE = 40
CONFIG = '[serve]\nenabled = false\n[schedule]\nevery = "1h"\njitter = "0s"\n[observe]\ncompanions = true\n'
SERVER = "203.0.113.1"


@pytest.fixture
def laid() -> Iterator[Router]:
    with router(nat=True) as made:
        yield made


@contextmanager
def daemon(inside: Namespace, folder: Path, config: str = CONFIG) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon, in a folder of its own; ended by its id, its tap with it."""
    (folder / "gateproof.toml").write_text(config)
    argv = [sys.executable, "-m", "agent", "run", "--config", str(folder / "gateproof.toml"), "--state-dir"]
    with inside.entered(), (folder / "log").open("ab") as log:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        running = subprocess.Popen((*argv, str(folder / "state")), cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def until(true: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.05)


def tap_of(running: subprocess.Popen[bytes]) -> int:
    """The process that watches; 0 for none."""
    for child in _children(running.pid):
        if b"agent.observe.resident" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return 0


def status_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def is_confined(running: subprocess.Popen[bytes]) -> bool:
    tap = tap_of(running)
    return bool(tap) and status_of(tap)["NoNewPrivs"] == "1" and status_of(tap)["CapEff"].strip("0") == ""


def questions(folder: Path) -> int:
    file = folder / "state" / "evidence.json"
    return load(file).visibility.dns if file.exists() else 0


def test_it_watches_without_rights_comes_back_and_ends_with_the_daemon(laid: Router, tmp_path: Path) -> None:
    with daemon(laid.gateway, tmp_path) as running:
        _until_watching(laid.gateway, 3)
        until(lambda: is_confined(running), tmp_path)
        first = tap_of(running)
        if os.uname().machine in MACHINES:
            until(lambda: status_of(first)["Seccomp"] == "2", tmp_path)
        until((tmp_path / "state" / "evidence.json").exists, tmp_path)
        laid.ask(laid.clients, NAME, 5)
        time.sleep(0.3)
        assert int(status_of(first)["VmHWM"].split()[0]) < 40 << 10
        assert int(status_of(first)["VmRSS"].split()[0]) < 40 << 10
        # another configuration: it begins anew, and what it has seen is kept
        running.send_signal(signal.SIGHUP)
        until(lambda: questions(tmp_path) == 5 and tap_of(running) not in {0, first}, tmp_path)
        until(lambda: is_confined(running), tmp_path)
        _until_watching(laid.gateway, 3)
        # a crash: told, and begun anew
        second = tap_of(running)
        os.kill(second, signal.SIGKILL)
        until(lambda: tap_of(running) not in {0, second}, tmp_path)
        until(lambda: is_confined(running), tmp_path)
        assert b"ended with SIGKILL" in (tmp_path / "log").read_bytes()
        until(
            lambda: (tmp_path / "log").read_text().count("watching lan0 (clients), lan1 (clients), wan0 (own)") == 3,
            tmp_path,
        )
        laid.ask(laid.clients, NAME, 3)
        time.sleep(0.3)
        third = tap_of(running)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0
        assert not Path(f"/proc/{third}").exists()
    assert questions(tmp_path) == 8
    assert b"Traceback" not in (tmp_path / "log").read_bytes()
    assert (tmp_path / "state" / "evidence.json").stat().st_mode & 0o777 == 0o640


def test_it_ends_when_the_daemon_is_killed(laid: Router, tmp_path: Path) -> None:
    with daemon(laid.gateway, tmp_path) as running:
        until(lambda: is_confined(running), tmp_path)
        tap = tap_of(running)
        running.kill()
        running.wait()
        until(lambda: not Path(f"/proc/{tap}").exists(), tmp_path)


def test_interfaces_that_come_are_watched(laid: Router, tmp_path: Path) -> None:
    with daemon(laid.gateway, tmp_path) as running:
        _until_watching(laid.gateway, 3)
        until(lambda: is_confined(running), tmp_path)
        laid.ask(laid.clients, NAME, 2)
        time.sleep(0.3)
        laid.gateway.run(("ip", "link", "delete", "lan0"))
        laid.gateway.run(("ip", "link", "add", "lan0", "type", "veth", "peer", "lan0", "netns", laid.clients.path))
        laid.gateway.run(("sh", "-c", "ip address add 192.168.7.1/24 dev lan0; ip link set lan0 up"))
        laid.clients.run(
            (
                "sh",
                "-c",
                f"ip link set lan0 up; ip address add {CLIENT}/24 dev lan0; ip route add default via 192.168.7.1",
            )
        )
        until(lambda: b"the interfaces are others now" in (tmp_path / "log").read_bytes(), tmp_path)
        _until_watching(laid.gateway, 3)
        until(lambda: is_confined(running), tmp_path)
        laid.ask(laid.clients, NAME, 3)
        time.sleep(0.3)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0
    assert questions(tmp_path) == 5


def test_it_goes_on_without_the_right_to_watch(laid: Router, tmp_path: Path) -> None:
    (tmp_path / "gateproof.toml").write_text(CONFIG)
    argv = ("setpriv", "--bounding-set", "-net_raw", sys.executable, "-m", "agent", "run", "--config")
    with laid.gateway.entered(), (tmp_path / "log").open("ab") as log:
        running = subprocess.Popen(
            (*argv, str(tmp_path / "gateproof.toml"), "--state-dir", str(tmp_path / "state")),
            cwd=tmp_path,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    try:
        until(lambda: b"not observing until" in (tmp_path / "log").read_bytes(), tmp_path)
        until(lambda: b"audit: " in (tmp_path / "log").read_bytes(), tmp_path)
        time.sleep(1)
        assert (tmp_path / "log").read_bytes().count(b"needs CAP_NET_RAW") == 1
        assert not tap_of(running)
    finally:
        running.terminate()
        assert running.wait(PATIENCE) == 0


# ---- privacy ----

SECRET = "planted"  # noqa: S105 - what must not be found
HTTP = r"""
import http.server, ssl, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"planted-payload-of-the-server"
        self.send_response(200, "planted-reason")
        self.send_header("Set-Cookie", "planted-cookie=1")
        self.send_header("Server", "planted-server")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST
    def log_message(self, *_): pass
plain = http.server.ThreadingHTTPServer(("203.0.113.1", 80), Handler)
tls = http.server.ThreadingHTTPServer(("203.0.113.1", 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(sys.argv[1], sys.argv[2])
tls.socket = context.wrap_socket(tls.socket, server_side=True)
threading.Thread(target=tls.serve_forever, daemon=True).start()
print("ready", flush=True)
plain.serve_forever()
"""


@contextmanager
def web_server(world: Namespace, folder: Path) -> Iterator[None]:
    """A web server whose certificate names what nobody may know."""
    key, certificate = folder / "server.key", folder / "server.crt"
    # who signed it is shown, as that tells who decrypts; whom it is for is not
    authority = ("-CA", str(folder / "server.ca.crt"), "-CAkey", str(folder / "server.ca.key"))
    names = f"subjectAltName=DNS:{SECRET}-san.net,DNS:{NAME}"
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj")
    made: tuple[tuple[str, ...], ...] = (
        ("/O=Interceptor", "-keyout", authority[3], "-out", authority[1]),
        (f"/CN={SECRET}-subject/O={SECRET} organisation", "-addext", names, *authority, "-keyout", str(key), "-out",
         str(certificate)),
    )  # fmt: skip
    for argv in made:
        subprocess.run((*make, *argv), check=True, capture_output=True)
    with world.entered():
        running = subprocess.Popen(
            (sys.executable, "-c", HTTP, str(certificate), str(key)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield
    finally:
        running.kill()
        running.wait()
        running.stdout.close()  # type: ignore[union-attr]  # it is a pipe


def traffic(laid: Router) -> None:
    """Everything that people do not want to be known, on the wire."""
    for who in (laid.clients, laid.others):
        laid.ask(who, NAME, 2)
        laid.ask(who, f"{SECRET}-name.net", 2)  # beside a required name, but of two clients
        for host in (NAME, f"{SECRET}-host.net"):
            for scheme in ("http", "https"):
                who.run((
                    "curl", "-sk", "-m", "10", "-o", "/dev/null", "--resolve", f"{host}:443:{SERVER}", "--resolve",
                    f"{host}:80:{SERVER}", "-A", f"{SECRET}-agent/1", "-b", f"{SECRET}-cookie=1", "-u",
                    f"{SECRET}-user:{SECRET}-password", "-e", f"http://{SECRET}-referer.net/", "-d",
                    f"{SECRET}-payload", f"{scheme}://{host}/{SECRET}-path?{SECRET}-query=1",
                ))  # fmt: skip
        who.run((
            "curl", "-s", "-m", "10", "-o", "/dev/null", "--resolve", f"{NAME}:80:{SERVER}", "-A",
            "LiveChat webhook/1.0", "-d", f"{SECRET}-payload", f"http://{NAME}/{SECRET}-hook",
        ))  # fmt: skip


def found_in(folder: Path) -> dict[str, list[str]]:
    """What of the secrets is in which file."""
    secrets = [SECRET, CLIENT, OTHER, OWN, "192.168.7.", "192.168.8."]
    found: dict[str, list[str]] = {}
    for file in sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("server.")):
        text = file.read_bytes()
        for secret in secrets:
            if secret.encode() in text:
                found.setdefault(file.name, []).append(secret)
    return found


def test_nothing_that_was_planted_is_in_any_file_of_the_daemon(laid: Router, tmp_path: Path) -> None:
    with web_server(laid.world, tmp_path), daemon(laid.gateway, tmp_path) as running:
        _until_watching(laid.gateway, 3)
        until(lambda: is_confined(running), tmp_path)
        traffic(laid)
        time.sleep(0.5)
        running.send_signal(signal.SIGHUP)
        until(lambda: questions(tmp_path) > 0, tmp_path)
        until(lambda: is_confined(running), tmp_path)
        tap = tap_of(running)
        os.kill(tap, signal.SIGSEGV)  # no core is left behind
        until(lambda: tap_of(running) not in {0, tap}, tmp_path)
        until(lambda: b"audit: " in (tmp_path / "log").read_bytes(), tmp_path)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0
    observed = load(tmp_path / "state" / "evidence.json")
    assert observed.visibility.named >= 4
    assert observed.visibility.dns >= 8
    assert {one.agent: one.statuses for one in observed.webhooks} == {"LiveChat webhook/1.0": ((200, 2),)}
    assert observed.domains[0].outcomes
    assert not observed.companions
    # the audit names the interfaces' own networks: what was configured, nobody's address
    audited = ("findings", "gateproof.db")
    found = {name: secrets for name, secrets in found_in(tmp_path).items() if not name.startswith(audited)}
    assert found == {}
    for name in ("findings.json", "findings.jsonl", "gateproof.db"):
        data = (tmp_path / "state" / name).read_bytes()
        assert SECRET.encode() not in data
        assert CLIENT.encode() not in data
    assert not list(tmp_path.rglob("core*"))


def test_nothing_that_was_planted_is_in_what_observe_writes(laid: Router, tmp_path: Path) -> None:
    (tmp_path / "gateproof.toml").write_text(CONFIG)
    argv = (sys.executable, "-m", "agent", "observe", "--config", str(tmp_path / "gateproof.toml"), "--format", "jsonl")
    files = ("--evidence", str(tmp_path / "evidence.json"), "--output", str(tmp_path / "seen.jsonl"))
    with web_server(laid.world, tmp_path):
        with laid.gateway.entered(), (tmp_path / "log").open("wb") as log:
            running = subprocess.Popen((*argv, *files), cwd=ROOT, stdout=log, stderr=log)
        try:
            _until_watching(laid.gateway, 3)
            traffic(laid)
            time.sleep(0.5)
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE) == 0
        finally:
            running.kill()
            running.wait()
    records = [orjson.loads(line) for line in (tmp_path / "seen.jsonl").read_bytes().splitlines()]
    assert any(one["type"] == "outcome" for one in records)
    assert any(one.get("event") == "certificate" for one in records)
    found = found_in(tmp_path)
    # networks of clients are what it shows in place of their addresses
    assert set(found.pop("seen.jsonl", [])) <= {"192.168.7.", "192.168.8."}
    assert found == {}
    assert WORLD in (tmp_path / "seen.jsonl").read_text()
