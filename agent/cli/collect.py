"""``gateproof collect``: a snapshot of this host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.inputs import live_snapshot
from agent.snapshot import Status, save

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Save a snapshot; what could not be read is in it as such, and named on standard error."""
    snapshot = live_snapshot()
    save(snapshot, Path(arguments.output))
    answers = [snapshot.artifacts[name] for name in sorted(snapshot.artifacts)]
    for one in answers:
        if one.status not in (Status.OK, Status.ABSENT):
            remedy = f"; {one.remedy}" if one.remedy else ""
            sys.stderr.write(f"gateproof: {one.name}: {one.status}: {one.detail}{remedy}\n")
    read = sum(one.status is Status.OK for one in answers)
    sys.stdout.write(f"{arguments.output}: a snapshot of {snapshot.host['name']}, {read} answers\n")
    return 0
