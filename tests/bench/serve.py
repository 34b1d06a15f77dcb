"""The API with ten thousand open findings, on one core: ``python -m tests.bench serve``.

Beside it, in the same run and asked by the same client: a plain aiohttp server that says hello, and nginx that gives
the same bytes from a file. The client has another core, where there is one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.store import Store
from tests.bench.processes import environment
from tests.bench.store import START, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FINDINGS: Final = 10_000
SECONDS: Final = 4.0
CONNECTIONS: Final = 16
RUNS: Final = 9
IDLE: Final = 1_000
LEAST_RATE, MOST_SNAPSHOT, MOST_HEALTH = 3_000, 0.150, 0.100
"""Requests a second; seconds; seconds."""
PATIENCE: Final = 30.0
HELLO: Final = """\
import sys
from aiohttp import web
async def hello(request): return web.Response(text="ok")
app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""
NGINX: Final = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; keepalive_requests 10000000;
  server {{ listen 127.0.0.1:{port}; root {folder}/static; }}
}}
"""


class Asking(asyncio.Protocol):
    """One connection that asks the same again as soon as it is answered with a head alone, or some bytes."""

    def __init__(self, request: bytes, seen: list[int]) -> None:
        self._request = request
        self._seen = seen
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if b"\r\n\r\n" in data and self._transport is not None:  # answers of one packet
            self._seen[0] += 1
            self._transport.write(self._request)


class Rate(NamedTuple):
    """Requests a second, of the clock and of the server's own CPU."""

    wall: float
    cpu: float


def spent(process: int) -> float:
    """Seconds of CPU of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _rate(port: int, request: bytes, process: int) -> Rate:
    loop, seen = asyncio.get_running_loop(), [0]
    made = [await loop.create_connection(lambda: Asking(request, seen), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.5)
    began, before, cpu = time.perf_counter(), seen[0], spent(process)
    await asyncio.sleep(SECONDS)
    number, took, used = seen[0] - before, time.perf_counter() - began, spent(process) - cpu
    for transport, _ in made:
        transport.abort()
    return Rate(number / took, number / used if used else 0.0)


def rate(port: int, request: bytes, process: int) -> Rate:
    return asyncio.run(_rate(port, request, process))


def asked(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")).encode()


def fetched(port: int, request: bytes) -> tuple[float, bytes]:
    """Seconds until the last byte of an answer whose connection then closes, and all of it."""
    began = time.perf_counter()
    parts = []
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(request)
        while part := one.recv(1 << 20):
            parts.append(part)
    return time.perf_counter() - began, b"".join(parts)


def median(port: int, request: bytes) -> float:
    return statistics.median(fetched(port, request)[0] for _ in range(RUNS))


def healths(port: int, number: int) -> list[float]:
    """Seconds of single requests for ``/healthz``, each with a connection of its own."""
    return sorted(fetched(port, asked("/healthz", "Connection: close"))[0] for _ in range(number))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def started(argv: Sequence[str], port: int) -> Iterator[int]:
    """A server on the first core; gives its process."""
    pinned = ("taskset", "-c", "0", *argv) if len(os.sched_getaffinity(0)) > 1 else argv
    process = subprocess.Popen(pinned, stderr=subprocess.DEVNULL, env=environment())
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline, f"{argv[0]} does not listen"
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def crowd(port: int) -> Iterator[None]:
    """Many who send a byte now and then, and never a whole request."""
    made = []
    try:
        for _ in range(IDLE):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(b"GET /v1/findings HTTP/1.1\r\nX-Slow: ")
            made.append(one)
        yield
    finally:
        for one in made:
            one.close()


def main() -> None:
    """Print a table; ends with 1 where a limit is passed."""
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Store(folder) as store:
            store.record(report(0), START)
        port, rows, failed = free_port(), [], False
        serve = (sys.executable, "-P", "-m", "agent", "serve", "--state-dir", name, "--listen", f"127.0.0.1:{port}")
        if len(cores) > 1:
            os.sched_setaffinity(0, cores - {0})
        with started(serve, port) as process:
            _, whole = fetched(port, asked("/v1/findings?format=jsonl", "Connection: close"))
            tag = next(line for line in whole.split(b"\r\n") if line.startswith(b"ETag")).decode().partition(": ")[2]
            matching = asked("/v1/findings?format=jsonl", f"If-None-Match: {tag}")
            known = rate(port, matching, process)
            rows.append(("304 of the snapshot", f"{known.wall:.0f}/s", f"{known.cpu:.0f} per s of CPU"))
            health = rate(port, asked("/healthz"), process)
            rows.append(("/healthz", f"{health.wall:.0f}/s", f"{health.cpu:.0f} per s of CPU"))
            before = spent(process)
            plain = median(port, asked("/v1/findings?format=jsonl", "Connection: close"))
            used = (spent(process) - before) / RUNS
            rows.append(
                ("snapshot, NDJSON", f"{plain * 1e3:.0f} ms", f"{len(whole) >> 20} MiB, {used * 1e3:.0f} ms of CPU")
            )
            for what, path, headers in (
                ("snapshot, JSON", "/v1/findings", ()),
                ("snapshot, gzip", "/v1/findings?format=jsonl", ("Accept-Encoding: gzip",)),
                ("snapshot, OCSF", "/v1/findings?format=ocsf", ()),
                ("1000 events", "/v1/events?limit=1000", ()),
            ):
                request = asked(path, "Connection: close", *headers)
                size = len(fetched(port, request)[1])
                rows.append((what, f"{median(port, request) * 1e3:.0f} ms", f"{size >> 10} KiB"))
            alone = healths(port, 200)
            with crowd(port):
                crowded = healths(port, 200)
            rows.append(
                ("/healthz alone, worst of 200", f"{alone[-1] * 1e3:.1f} ms", f"median {alone[100] * 1e3:.1f} ms")
            )
            rows.append(
                (f"  beside {IDLE} slow clients", f"{crowded[-1] * 1e3:.1f} ms", f"median {crowded[100] * 1e3:.1f} ms")
            )
            peak = next(
                line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM")
            )
            rows.append(("peak memory", f"{int(peak.split()[1]) >> 10} MiB", ""))
            failed = known.wall < LEAST_RATE or plain > MOST_SNAPSHOT or crowded[-1] > MOST_HEALTH
        with started((sys.executable, "-c", HELLO, str(port)), port) as process:
            hello = rate(port, asked("/"), process)
            rows.append(("aiohttp alone, hello", f"{hello.wall:.0f}/s", f"{hello.cpu:.0f} per s of CPU"))
        if nginx := shutil.which("nginx"):
            (folder / "static").mkdir()
            (folder / "static" / "findings").write_bytes(whole.partition(b"\r\n\r\n")[2])
            folder.chmod(0o755)
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
            with started((nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")), port) as process:
                head = fetched(port, asked("/findings", "Connection: close"))[1].split(b"\r\n")
                tag = next(line for line in head if line.startswith(b"ETag")).decode().partition(": ")[2]
                static = rate(port, asked("/findings", f"If-None-Match: {tag}"), process)
                rows.append(("nginx, 304 of a file", f"{static.wall:.0f}/s", f"{static.cpu:.0f} per s of CPU"))
                rows.append(
                    (
                        "nginx, the same bytes",
                        f"{median(port, asked('/findings', 'Connection: close')) * 1e3:.0f} ms",
                        "",
                    )
                )
    for row in rows:
        print(f"{row[0]:<30} {row[1]:>12}   {row[2]}")
    print(f"{FINDINGS} open findings, medians of {RUNS}, {time.strftime('%Y-%m-%d')}")
    sys.exit(failed)
