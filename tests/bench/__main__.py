"""Whole processes, timed beside a bare interpreter and nft in the same run: ``python -m tests.bench [RULES]...``.

``python -m tests.bench lists`` is about long lists of names (``lists.py``), ``wire`` about packets (``wire.py``),
``store`` about findings that all change (``store.py``), ``serve`` about the HTTP API (``serve.py``).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.bench.processes import RUNS, Spent, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
SIZES = (1000, 10_000)
WIDE = 100
NARROW = 10_000
ELEMENTS = 1_000_000
Expr = list[dict[str, Any]]


def address(random: Random, length: int) -> str:
    value = random.getrandbits(32) & (0xFFFFFFFF << 32 - length)
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def to(right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": right}}


def prefix(random: Random, length: int) -> dict[str, Any]:
    return {"prefix": {"addr": address(random, length), "len": length}}


def flat(count: int) -> list[Expr]:
    """A deny-list: each rule one prefix, a few for some ports or from one interface only."""
    random = Random(7)
    rules: list[Expr] = []
    for number in range(count):
        expr: Expr = [to(prefix(random, random.choice((20, 24, 32))))]
        if number % 10 == 0:
            left = {"payload": {"protocol": "tcp", "field": "dport"}}
            expr.append({"match": {"op": "==", "left": left, "right": {"set": [80, 443]}}})
        if number % 25 == 3:
            expr.insert(0, {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lan0"}})
        rules.append([*expr, {"drop": None} if number % 3 else {"accept": None}])
    return rules


def wide_and_narrow() -> list[Expr]:
    """Wide rules of which nobody knows whether they match, in front of many narrow ones."""
    random = Random(7)
    limit = {"limit": {"rate": 5, "per": "second"}}
    wide: list[Expr] = [[to(prefix(random, random.choice((1, 2, 3, 4)))), limit, {"drop": None}] for _ in range(WIDE)]
    return wide + [[to(prefix(random, 24)), {"drop": None}] for _ in range(NARROW)]


def sources() -> list[Expr]:
    """A rule for each of a thousand clients."""
    random = Random(7)
    left = {"payload": {"protocol": "ip", "field": "saddr"}}
    return [
        [{"match": {"op": "==", "left": left, "right": f"192.168.{7 + at // 250}.{at % 250 + 1}"}}, to(prefix(random, 24)), {"drop": None}]
        for at in range(1000)
    ]  # fmt: skip


def nft(rules: list[Expr], elements: Sequence[str] = ()) -> bytes:
    """A listing with these rules for forwarded packets, and a set of addresses."""
    place = {"family": "inet", "table": "filter"}
    objects: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "filter", "handle": 1}},
        {"set": {"family": "inet", "name": "bad", "table": "filter", "type": "ipv4_addr", "handle": 2} | ({"elem": list(elements)} if elements else {})},
        {"chain": place | {"name": "forward", "handle": 3, "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
    ]  # fmt: skip
    for handle, expr in enumerate(rules, 10):
        objects.append({"rule": place | {"chain": "forward", "handle": handle, "expr": expr}})
    return json.dumps({"nftables": objects}).encode()


def legacy(count: int) -> bytes:
    random = Random(7)
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    for number in range(count):
        length = random.choice((20, 24, 32))
        ports = " -p tcp -m tcp --dport 443" if number % 10 == 0 else ""
        lines.append(f"-A FORWARD -d {address(random, length)}/{length}{ports} -j {'DROP' if number % 3 else 'ACCEPT'}")
    return "\n".join((*lines, "COMMIT", "")).encode()


def host(folder: Path, name: str, artifact: str, listing: bytes) -> str:
    """A recorded gateway with other rules."""
    from agent.snapshot import Artifact, Snapshot, Status, load, save  # noqa: PLC0415 - the measured processes start first

    recorded = load(ROOT / "tests" / "gateways" / "egress-allow-list")
    artifacts = dict(recorded.artifacts) | {"nft.json": Artifact("nft.json", Status.OK, nft([]))}
    artifacts[artifact] = Artifact(artifact, Status.OK, listing)
    place = folder / name.replace(" ", "-")
    save(Snapshot(recorded.taken_at, recorded.host, artifacts), place)
    return str(place)


def listed_by_nft(listing: Path) -> Spent | None:
    """What nft itself takes to list these rules as JSON, in a namespace of its own; None where it cannot be had."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        return None
    timer = "import os, sys, time; began = time.perf_counter(); code = os.system('nft -j list ruleset >/dev/null'); print(time.perf_counter() - began)"
    script = f'nft -j -f {listing} && exec {sys.executable} -c "$0"'
    done = subprocess.run(("unshare", "-n", "sh", "-c", script, timer), capture_output=True, text=True, check=False)
    return Spent(float(done.stdout), 0, 0) if done.returncode == 0 and done.stdout else None


def main() -> None:
    """Print a table: wall time, own CPU, ratio to a bare interpreter, peak memory."""
    if sys.argv[1:] == ["lists"]:
        from tests.bench import lists  # noqa: PLC0415 - the measured processes start first

        lists.main()
        return
    if sys.argv[1:2] == ["wire"]:
        from tests.bench import wire  # noqa: PLC0415 - likewise

        wire.main()
        return
    if sys.argv[1:2] == ["serve"]:
        from tests.bench import serve  # noqa: PLC0415 - likewise

        serve.main()
        return
    if sys.argv[1:2] == ["store"]:
        from tests.bench import store  # noqa: PLC0415 - likewise

        store.main()
        return
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    gateproof = [sys.executable, "-m", "agent"]
    random = Random(7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elements = sorted({address(random, 32) for _ in range(ELEMENTS)})
        hosts = {
            **{f"audit, {size} nft rules": host(folder, f"nft {size}", "nft.json", nft(flat(size))) for size in sizes},
            **{
                f"audit, {size} iptables rules": host(folder, f"legacy {size}", "iptables-legacy.txt", legacy(size))
                for size in sizes
            },
            "audit, wide over narrow": host(folder, "wide", "nft.json", nft(wide_and_narrow())),
            "audit, 1000 sources": host(folder, "sources", "nft.json", nft(sources())),
            "audit, a million elements": host(folder, "set", "nft.json", nft([[to("@bad"), {"drop": None}]], elements)),
        }
        rows = [
            ("bare interpreter", [sys.executable, "-c", "pass"]),
            ("gateproof --version", [*gateproof, "--version"]),
        ]
        rows += [(what, [*gateproof, "audit", "--snapshot", place]) for what, place in hosts.items()]
        bare = 0.0
        print(f"{'':<28} {'wall s':>7} {'CPU s':>7} {'ratio':>6} {'MiB':>5}   (medians of {RUNS})")
        for what, argv in rows:
            spent = measure(argv)
            bare = bare or spent.wall
            print(
                f"{what:<28} {spent.wall:7.2f} {spent.cpu:7.2f} {spent.wall / bare:6.1f} {spent.peak:5.0f}", flush=True
            )
        for size in sizes:
            listing = folder / "listing.json"
            listing.write_bytes(nft(flat(size)))
            itself = listed_by_nft(listing)
            if itself is not None:
                print(f"{f'nft -j list, {size} rules':<28} {itself.wall:7.2f}")
    print(f"own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
