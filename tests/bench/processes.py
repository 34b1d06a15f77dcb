"""What whole processes take."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 3
ROOT = Path(__file__).parents[2]


class Spent(NamedTuple):
    """Medians of one process: seconds, seconds of its own CPU, and its peak in MiB."""

    wall: float
    cpu: float
    peak: float


def environment(place: Path = ROOT) -> dict[str, str]:
    """As after an installation of the packages there: compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(place), "PYTHONPYCACHEPREFIX": tempfile.gettempdir() + "/gateproof-bench-cache"}


def measure(argv: Sequence[str], place: Path = ROOT) -> Spent:
    """Run a process some times, with the packages there; what its own children spend does not count."""
    code = (
        "import json, os, resource, subprocess, sys, time; began = time.perf_counter()\n"
        "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "_, _, used = os.wait4(child.pid, 0)\n"
        "print(json.dumps([time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
    )
    found = []
    for _ in range(RUNS):
        done = subprocess.run(
            (sys.executable, "-c", code, *argv), capture_output=True, check=True, cwd=place, env=environment(place)
        )
        found.append(json.loads(done.stdout))
    return Spent(*(statistics.median(column) for column in zip(*found, strict=True)))
