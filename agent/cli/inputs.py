"""What is audited: this host, a recorded snapshot, or bare dumps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import __version__
from agent.catalog import recognise
from agent.cli.files import called, opened
from agent.errors import UsageError
from agent.snapshot import Artifact, Snapshot, Status, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

MAX_DUMP: Final = 512 << 20
"""Bytes; the largest rulesets we know (a million set elements as JSON) are a tenth of it."""
KNOWN: Final = "`nft -j list ruleset`, iptables-save, ip6tables-save, ipset save, `pfctl -sr` or `pfctl -sn`"


def snapshot_of(arguments: argparse.Namespace) -> Snapshot:
    """The snapshot that the arguments ask for; raises UsageError or SnapshotError with one line."""
    if arguments.snapshot:
        return load(Path(arguments.snapshot))
    if arguments.ruleset:
        return bare_snapshot(arguments.ruleset)
    return live_snapshot()


def live_snapshot() -> Snapshot:
    """A snapshot of this host, now."""
    from agent.collect import collect  # noqa: PLC0415 - a recorded host needs none of what asking this one takes
    from agent.host.live import LiveHost  # noqa: PLC0415 - likewise

    return collect(LiveHost(), datetime.now(UTC))


def bare_snapshot(files: Sequence[str]) -> Snapshot:
    """A snapshot of nothing but dumps, recognised by their content; raises UsageError with one line."""
    artifacts: dict[str, Artifact] = {}
    places: dict[str, str] = {}
    for file in files:
        with opened(file) as dump:
            data = dump.read(MAX_DUMP + 1)
        if len(data) > MAX_DUMP:
            raise UsageError(f"{called(file)}: larger than {MAX_DUMP >> 20} MiB")
        name = recognise(data)
        if name is None:
            what = "empty" if not data.strip() else "no dump that gateproof knows"
            raise UsageError(f"{called(file)} line 1: {what}; give the output of {KNOWN}")
        if name in artifacts:
            raise UsageError(f"{called(file)}: of the same kind as {places[name]} ({name}); give one of each kind")
        artifacts[name], places[name] = Artifact(name, Status.OK, data), called(file)
    return Snapshot(datetime.now(UTC), {"agent_version": __version__}, artifacts)
