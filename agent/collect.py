"""Asks a host for all that the kinds want to know."""

from __future__ import annotations

import hashlib
import platform
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from agent import __version__, catalog
from agent.model.standing import COLLECT, Check
from agent.snapshot import Artifact, Snapshot, Status

if TYPE_CHECKING:
    from datetime import datetime

    from agent.snapshot import Want

MAX_ROUNDS: Final = 10
"""Answers may raise new questions (included files); real hosts need two rounds."""
MOST: Final = 3
"""Troubles of one kind that are told in words."""
PURPOSE: Final = b"gateproof host id v1:"


class Host(Protocol):
    """Whoever answers questions."""

    def answer(self, want: Want) -> tuple[Artifact, ...]:
        """Give the artifacts that answer one question."""
        ...


@dataclass(slots=True)
class Asking:
    """How it went with the questions of one kind."""

    seconds: float = 0.0
    troubles: dict[str, Artifact] = field(default_factory=dict)
    """What could not be read, by name."""


def collect(host: Host, now: datetime, asking: dict[str, Asking] | None = None) -> Snapshot:
    """Take a snapshot; a host that raises new questions for ever is cut off, and that is an artifact.

    ``asking`` gets how it went, by kind; what several kinds want to know counts for each of them.
    """
    artifacts: dict[str, Artifact] = {}
    facts = identity()
    answered: dict[Want, tuple[float, tuple[Artifact, ...]]] = {}
    noted: set[tuple[str, Want]] = set()
    kept: defaultdict[str, Asking] = defaultdict(Asking)
    for _ in range(MAX_ROUNDS):
        known = Snapshot(now, facts, dict(artifacts))
        new = [(kind.name, want) for kind in catalog.kinds() for want in kind.wants(known)]
        new = [one for one in dict.fromkeys(new) if one not in noted]
        if not new:
            if asking is not None:
                asking.update(kept)
            return known
        for name, want in new:
            noted.add((name, want))
            if want not in answered:
                began = time.monotonic()
                found = host.answer(want)
                answered[want] = time.monotonic() - began, found
                artifacts |= {one.name: one for one in found}
            seconds, found = answered[want]
            kept[name].seconds += seconds
            kept[name].troubles |= {one.name: one for one in found if one.unread}
    detail = f"questions were left after {MAX_ROUNDS} rounds"
    artifacts["collect"] = Artifact("collect", Status.FAILED, detail=detail)
    return Snapshot(now, facts, artifacts)


def checks(asking: dict[str, Asking], at: datetime) -> tuple[Check, ...]:
    """What is remembered of the questions of each kind."""
    return tuple(
        Check(
            name=f"{COLLECT}{name}",
            attempted=at,
            succeeded=None if one.troubles else at,
            duration=one.seconds,
            trouble="; ".join(
                f"{artifact.name}: {artifact.trouble}" for artifact in list(one.troubles.values())[:MOST]
            ),
            unknown=Counter(artifact.status.value for artifact in one.troubles.values()),
        )
        for name, one in sorted(asking.items())
    )


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
