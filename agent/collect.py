"""Asks a host for all that the kinds want to know."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from agent import __version__, catalog
from agent.snapshot import Artifact, Snapshot, Status

if TYPE_CHECKING:
    from datetime import datetime

    from agent.snapshot import Want

MAX_ROUNDS: Final = 10
"""Answers may raise new questions (included files); real hosts need two rounds."""
PURPOSE: Final = b"gateproof host id v1:"


class Host(Protocol):
    """Whoever answers questions."""

    def answer(self, want: Want) -> tuple[Artifact, ...]:
        """Give the artifacts that answer one question."""
        ...


def collect(host: Host, now: datetime) -> Snapshot:
    """Take a snapshot; a host that raises new questions for ever is cut off, and that is an artifact."""
    artifacts: dict[str, Artifact] = {}
    facts = identity()
    asked: set[Want] = set()
    for _ in range(MAX_ROUNDS):
        new = [want for want in catalog.wants(Snapshot(now, facts, artifacts)) if want not in asked]
        if not new:
            return Snapshot(now, facts, artifacts)
        for want in dict.fromkeys(new):
            asked.add(want)
            for artifact in host.answer(want):
                artifacts[artifact.name] = artifact
    detail = f"questions were left after {MAX_ROUNDS} rounds"
    artifacts["collect"] = Artifact("collect", Status.FAILED, detail=detail)
    return Snapshot(now, facts, artifacts)


def identity() -> dict[str, str]:
    """Facts about this host; the id is derived from the machine id and cannot be turned back into it."""
    machine = _first_line("/etc/machine-id") or platform.node()
    return {
        "id": hashlib.sha256(PURPOSE + machine.encode()).hexdigest()[:32],
        "name": platform.node(),
        "os": _os_name(),
        "kernel": platform.release(),
        "agent_version": __version__,
    }


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
