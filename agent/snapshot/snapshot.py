"""The values: Want (a question), Artifact (its answer), Snapshot (all answers of one host)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


class Status(StrEnum):
    """What became of a question to the host."""

    OK = "ok"
    ABSENT = "absent"
    """The program or file is not there: a fact, not a fault."""
    DENIED = "denied"
    FAILED = "failed"
    TIMEOUT = "timeout"


@record
class Command:
    """Run a program with fixed arguments and keep its standard output."""

    argv: tuple[str, ...]


@record
class Files:
    """Read a file, or all files that match a glob pattern; each becomes an artifact ``files/<path>``."""

    pattern: str


@record
class Processes:
    """Programs of the given names that run here, with arguments and listening sockets, as JSON."""

    names: tuple[str, ...]


@record
class Rows:
    """Columns of one table of an SQLite database: an artifact ``rows/<path>/<table>`` (see agent/snapshot/table.py)."""

    path: str
    table: str
    columns: tuple[str, ...]
    """Those that the table lacks are left out."""


Ask = Command | Files | Processes | Rows


@record
class Want:
    """One question to the host; ``name`` is the artifact's name (for Files: the prefix ``files``)."""

    name: str
    ask: Ask
    remedy: str = ""
    """What an administrator can do when it is denied, for example ``run as root``."""


@record
class Artifact:
    """One answer. ``data`` is empty unless ``status`` is ``ok``; ``detail`` is one line for people."""

    name: str
    status: Status
    data: bytes = b""
    detail: str = ""
    remedy: str = ""

    @property
    def unread(self) -> bool:
        """Whether there is something that could not be read; what is absent is known."""
        return self.status not in {Status.OK, Status.ABSENT}

    @property
    def trouble(self) -> str:
        """Why there is no answer: the status, and the detail where there is one."""
        return f"{self.status}: {self.detail}" if self.detail else str(self.status)

    @property
    def text(self) -> str:
        """The answer as UTF-8 text; undecodable bytes are replaced."""
        return self.data.decode("utf-8", errors="replace")


@record
class Snapshot:
    """All answers of one host at one time."""

    taken_at: datetime
    host: Mapping[str, str]
    """``id`` (hash of the machine id), ``name``, ``os``, ``kernel``, ``agent_version``."""
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    def get(self, name: str) -> Artifact:
        """Give the artifact, or one with status ``absent`` where it was never asked for."""
        return self.artifacts.get(name) or Artifact(name, Status.ABSENT, detail="not in this snapshot")

    def under(self, prefix: str) -> Iterator[Artifact]:
        """Yield the artifacts whose name begins with ``prefix``, by name."""
        for name in sorted(self.artifacts):
            if name.startswith(prefix):
                yield self.artifacts[name]
