"""Whole processes, timed beside a bare interpreter in the same run: ``python -m tests.bench [RULES]...``."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

RUNS = 5
ROOT = Path(__file__).parents[2]
SIZES = (1000, 10_000)


def host(folder: Path, rules: int) -> Path:
    """A recorded gateway of so many rules: the shipped one, with a long list of addresses in front."""
    from agent.model.intervals import address_text  # noqa: PLC0415 - the measured processes start first
    from agent.snapshot import Artifact, Snapshot, Status, load, save  # noqa: PLC0415

    recorded = load(ROOT / "tests" / "gateways" / "egress-allow-list")
    document = json.loads(recorded.get("nft.json").data)
    random = Random(7)
    listed = []
    for number in range(rules):
        prefix = {"prefix": {"addr": address_text(random.getrandbits(32) & ~0xFF, 4), "len": 24}}
        left = {"payload": {"protocol": "ip", "field": "daddr"}}
        expr = [{"match": {"op": "==", "left": left, "right": prefix}}, {"drop": None}]
        rule = {"family": "inet", "table": "filter", "chain": "forward", "handle": 1000 + number, "expr": expr}
        listed.append({"rule": rule})
    at = next(i for i, one in enumerate(document["nftables"]) if one.get("rule", {}).get("chain") == "forward")
    document["nftables"][at:at] = listed
    artifacts = dict(recorded.artifacts)
    artifacts["nft.json"] = Artifact("nft.json", Status.OK, json.dumps(document).encode())
    place = folder / f"host-{rules}"
    save(Snapshot(recorded.taken_at, recorded.host, artifacts), place)
    return place


def environment() -> dict[str, str]:
    """As after an installation: compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": tempfile.gettempdir() + "/gateproof-bench-cache"}


def measure(argv: list[str]) -> tuple[float, float]:
    """Median wall seconds and peak resident MiB of a process."""
    walls = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(argv, capture_output=True, check=False, env=environment())
        walls.append(time.perf_counter() - began)
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peak = subprocess.run((sys.executable, "-c", code, *argv), capture_output=True, text=True, check=True)
    return statistics.median(walls), int(peak.stdout) / 1024


def main() -> None:
    """Print a table: median wall time, ratio to a bare interpreter, peak memory."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    gateproof = [sys.executable, "-m", "agent"]
    with tempfile.TemporaryDirectory() as folder:
        hosts = {size: str(host(Path(folder), size)) for size in sizes}
        rows = [
            ("bare interpreter", [sys.executable, "-c", "pass"]),
            ("gateproof --version", [*gateproof, "--version"]),
        ]
        rows += [
            (f"audit of {size} rules", [*gateproof, "audit", "--snapshot", recorded])
            for size, recorded in hosts.items()
        ]
        question = ["--in-iface", "lan1", "--src", "192.168.8.7", "--proto", "tcp", "--dport", "443"]
        rows += [
            (f"reach over {size} rules", [*gateproof, "reach", *question, "--snapshot", recorded])
            for size, recorded in hosts.items()
        ]
        bare = 0.0
        print(f"{'':<24} {'wall ms':>8} {'ratio':>6} {'MiB':>6}   (median of {RUNS})")
        for name, argv in rows:
            wall, peak = measure(argv)
            bare = bare or wall
            print(f"{name:<24} {wall * 1000:8.0f} {wall / bare:6.1f} {peak:6.0f}")
    print(f"own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
