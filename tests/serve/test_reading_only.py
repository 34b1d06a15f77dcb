"""Nothing can be changed over HTTP, and nobody who reads is in the writer's way."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.serve import tokens
from agent.serve.limits import Ceilings
from agent.serve.route import Route, Scope
from agent.serve.routes import TABLE
from agent.store import Store
from tests.serve.running import ROOT, SOON, Running, fill, inside, serving, until
from tests.serve.test_routes import filled
from tests.store.test_lifecycle import finding, report

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    tokens.create(folder, "one", (Scope.READ,), datetime.now(UTC), None)
    with serving(folder) as running:
        yield running


def state(folder: Path) -> dict[str, str]:
    """A digest of every file; SQLite's own beside the database are no part of what it says."""
    return {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in folder.iterdir()
        if one.is_file() and not one.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda one: str(one.path))
def test_no_method_changes_anything(server: Running, route: Route) -> None:
    path, before = filled(server, route.path), state(server.folder)
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        answer = server.curl(path, "-X", method, "-d", '{"status":"resolved"}', unix=True)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        override = server.curl(path, "-H", f"X-HTTP-Method-Override: {method}", unix=True)
        assert override.status in {200, 404}
    assert state(server.folder) == before


def test_who_does_not_read_on_is_not_in_the_way_of_the_writer(tmp_path: Path) -> None:
    now, names = datetime.now(UTC), [f"n{number}" for number in range(5000)]
    with Store(tmp_path) as store, inside(tmp_path, Ceilings()) as (port, _):
        store.record(report(now, *(finding(name, now) for name in names)), now)
        with socket.create_connection(("127.0.0.1", port), SOON) as stalled:
            stalled.sendall(b"GET /v1/findings HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stalled.recv(10) == b"HTTP/1.1 2"
            later = now + timedelta(minutes=1)
            # raises StateError where it has to wait
            store.record(report(later, *(finding(name, later) for name in names[1:])), later)
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
            client.request("GET", "/v1/findings?status=resolved&format=jsonl")
            assert len(client.getresponse().read().splitlines()) == 1
            client.close()


def test_sockets_are_taken_from_a_service_manager(tmp_path: Path) -> None:
    fill(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        script = 'exec 3<&"$1"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$2" -P -m agent serve --state-dir "$3"'
        argv = ("bash", "-c", script, "start", str(listener.fileno()), sys.executable, str(tmp_path))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(argv, env=environment, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
            client.request("GET", "/healthz")  # the service manager's socket takes it before there is a server
            assert client.getresponse().read() == b"ok\n"
            client.close()
            assert not (tmp_path / "api.sock").exists()
        finally:
            process.terminate()
            process.wait(SOON)


def test_two_servers_do_not_share_a_socket(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as first, serving(tmp_path) as second:
        second.wait_for("another gateproof listens there")
        assert second.curl("/healthz").status == 200
        assert first.curl("/healthz", unix=True).status == 200
        argv = (
            sys.executable,
            "-m",
            "agent",
            "serve",
            "--state-dir",
            str(tmp_path),
            "--listen",
            f"127.0.0.1:{first.port}",
        )
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, "Address already in use" in done.stderr) == (2, True)
    assert not (tmp_path / "api.sock").exists()


def test_a_child_of_the_daemon_has_no_rights_and_ends_with_it(tmp_path: Path) -> None:
    fill(tmp_path)
    code = (
        "import os, subprocess, sys\n"
        "argv = (sys.executable, '-P', '-m', 'agent', 'serve', '--parent', str(os.getpid()), '--listen', '127.0.0.1:0')\n"
        "child = subprocess.Popen((*argv, '--state-dir', sys.argv[1]), stderr=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stderr.readline(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RUNTIME_DIRECTORY": str(tmp_path)}
    with subprocess.Popen(
        (sys.executable, "-c", code, str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as parent:
        assert parent.stdout is not None
        number, _, said = parent.stdout.readline().partition(" ")
        port = int(said.partition("127.0.0.1:")[2].split(",")[0])
        status = (Path("/proc") / number / "status").read_text()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
        client.request("GET", "/v1/findings")
        assert client.getresponse().status == 200
        client.close()
        parent.kill()
    rights = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapPrm", "CapInh"))]
    assert rights == ["0" * 16] * 3
    until(lambda: not (Path("/proc") / number).exists())
