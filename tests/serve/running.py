"""A server in a process of its own, and a store for it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agent.config import Settings
from agent.model.explanation import Explanation, Hop, RoadTold
from agent.model.report import PolicyOut, Report, Scan, Verdict
from agent.model.source import Source
from agent.model.standing import AUDIT, Check
from agent.model.vocabulary import Reach
from agent.serve.server import Server
from agent.serve.setup import Settled
from agent.serve.site import Site
from agent.serve.sockets import listening, place, place_of
from agent.serve.state import State
from agent.store import Retention, Store
from tests.store.test_lifecycle import HOST, finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.serve.limits import Ceilings

ROOT = Path(__file__).parents[2]
DOMAIN = "*.livechat.com"
TOLD = "stopped by handle 7"
"""Stands in every finding, and must stand in no refusal."""
PATIENCE = 30
SOON = 20.0
"""Seconds in which a test gives up; nothing waits so long."""


def fill(
    folder: Path, names: Sequence[str] = ("a", "b", "c"), at: datetime | None = None, keep: Retention | None = None
) -> None:
    """One audit with these findings."""
    now = at or datetime.now(UTC)
    verdict = Verdict(
        pack="livechat",
        domain=DOMAIN,
        zone="lan0",
        road="direct",
        port="tcp/443",
        family=4,
        verdict=Reach.BLOCKED,
        coverage=0.0,
        because=TOLD,
    )
    report = Report(
        host=HOST,
        scan=Scan(at=now, artifacts={"nft.json": "ok"}),
        policy=[PolicyOut(name="livechat", title="LiveChat", checked="2026-11-01", domains=[DOMAIN])],
        verdicts=[verdict],
        findings=[finding(name, now) for name in names],
        gaps=[],
    )
    hop = Hop("forward", "blocked", TOLD, (Source("nft.json", "drop", handle=7),))
    told = Explanation(DOMAIN, "lan0", (RoadTold("tcp/443 IPv4 direct", "blocked", TOLD, (hop,)),), "blocked")
    with Store(folder, keep) as store:
        store.record(
            report, now, checks=[Check(name=AUDIT, attempted=now, succeeded=now, duration=0.1)], explanations=[told]
        )


@dataclass
class Answer:
    """What curl was told."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Running:
    """A server that runs."""

    folder: Path
    process: subprocess.Popen[str]
    port: int
    scheme: str = "http"
    lines: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.folder / "api.sock"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def curl(self, path: str, *options: str, unix: bool = False) -> Answer:
        """What curl, a program of others, gets."""
        where = f"http://localhost{path}" if unix else f"{self.url}{path}"
        through = ("--unix-socket", str(self.socket)) if unix else ()
        argv = (
            "curl",
            "-sS",
            "-i",
            "--globoff",
            "--path-as-is",
            "--raw",
            "--max-time",
            "20",
            *through,
            *options,
            where,
        )
        done = subprocess.run(argv, capture_output=True, check=False)
        if done.returncode:
            raise ConnectionError(f"curl: {done.returncode}: {done.stderr.decode()}")
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
        if headers.get("transfer-encoding") == "chunked":
            body = _unchunked(body)
        return Answer(int(first.split()[1]), headers, body)

    def wait_for(self, word: str) -> None:
        """Until it has said this."""
        deadline = datetime.now(UTC).timestamp() + PATIENCE
        while not any(word in line for line in self.lines):
            assert datetime.now(UTC).timestamp() < deadline, f"it never said {word!r}: {self.lines}"
            threading.Event().wait(0.02)


def _unchunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return found
        found, body = found + body[: int(size, 16)], body[int(size, 16) + 2 :]
    raise AssertionError("the last chunk is missing")


@contextmanager
def serving(folder: Path, *arguments: str, web_config: str | None = None, scheme: str = "http") -> Iterator[Running]:
    """A server on a free port; ends with the block."""
    extra: tuple[str, ...] = ()
    if web_config is not None:
        (folder / "web.yml").write_text(web_config)
        (folder / "gateproof.toml").write_text(f'[serve]\nweb_config = "{folder}/web.yml"\n')
        extra = ("--config", str(folder / "gateproof.toml"))
    command = (sys.executable, "-P", "-m", "agent", "serve", "--state-dir", str(folder), *extra, *arguments)
    if "--listen" not in arguments:
        command += ("--listen", "127.0.0.1:0")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "PYTHONUNBUFFERED": "1",
        "RUNTIME_DIRECTORY": str(folder),
    }
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd="/")
    running = Running(folder, process, 0, scheme)

    def hear() -> None:
        assert process.stderr is not None
        running.lines.extend(iter(process.stderr.readline, ""))

    hearing = threading.Thread(target=hear, daemon=True)
    hearing.start()
    try:
        running.wait_for("listening on")
        running.port = int(re.findall(r"listening on \S+:(\d+)", "".join(running.lines))[0])
        yield running
        faults = [line for line in running.lines if "fault of gateproof" in line or "Traceback" in line]
        assert not faults, running.lines
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        hearing.join(PATIENCE)
        if process.stderr is not None:
            process.stderr.close()


@contextmanager
def inside(folder: Path, ceilings: Ceilings, web_config: Path | None = None) -> Iterator[tuple[int, Site]]:
    """A server in a thread of this process, with limits that a test can reach."""
    listener = listening(place("127.0.0.1:0"))
    where = place_of(listener)
    ready = threading.Event()
    made: list[Any] = []

    async def serve() -> None:
        state, done = State(folder), asyncio.Event()
        site = Site(state, Settled(folder, web_config, [where]), Settings().schedule.every)
        made.extend((site, asyncio.get_running_loop(), done))
        ready.set()
        try:
            await Server(site, ceilings).serve([listener], done)
        finally:
            state.close()

    running = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    running.start()
    assert ready.wait(SOON)
    site, loop, done = made
    try:
        yield where.port, site
    finally:
        loop.call_soon_threadsafe(done.set)
        running.join(SOON)
        listener.close()
    assert not running.is_alive()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens within a second or two."""
    pause = threading.Event()
    for _ in range(300):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it never happened")
