"""Captures and live traffic, read beside the programs that people use: ``python -m tests.bench wire [SEED]``.

Captures are those of ``make_captures.py``, which is kept beside the project: a gateway's mix, and handshakes alone.
nfstream runs where GATEPROOF_NFSTREAM names a Python that has it, tshark where it is installed. Live, tcpreplay plays
the mix between two namespaces at rising rates.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.observe.filters import ETHERNET, expression
from tests.bench.processes import ROOT, environment, measure
from tests.observe.tap_cables import cable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.observe.tap_cables import Cable

MAKER: Final = ROOT.parent / "shared" / "bench" / "make_captures.py"
SIZES: Final = {"mix": 1_200_000, "ctrl": 300_000}
NFSTREAM: Final = """
import sys
from nfstream import NFStreamer
if __name__ == "__main__":
    for flow in NFStreamer(source=sys.argv[1], n_dissections=20, statistical_analysis=False): pass
"""
FIELDS: Final = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport",
    "udp.dstport", "dns.id", "dns.qry.name", "dns.a", "dns.flags.rcode", "tls.handshake.extensions_server_name",
    "tls.handshake.type", "http.host", "http.response.code", "icmp.type",
)  # fmt: skip
RATES: Final = (25_000, 50_000, 75_000, 100_000, 150_000, 200_000)
"""Packets in a second."""
SECONDS: Final = 8


class Live(NamedTuple):
    """What one program took of what passed."""

    packets: int
    drops: int
    cpu: float
    peak: float


# ---- captures ----


def compiled(folder: Path) -> Path | None:
    """A copy of the packages with compiled decoders; None where nothing can be compiled."""
    argv = (sys.executable, str(ROOT / "packaging" / "compile.py"), str(folder))
    return folder if subprocess.run(argv, capture_output=True, check=False).returncode == 0 else None


def programs(path: Path, folder: Path, fast: Path | None) -> dict[str, tuple[Sequence[str], Path]]:
    """The commands that read a capture, and where their packages are."""
    replay = (sys.executable, "-m", "agent", "replay", str(path), "--filter", "live", "--format", "jsonl")
    found: dict[str, tuple[Sequence[str], Path]] = {
        "tcpdump -r": (("tcpdump", "-r", str(path), "-w", "/dev/null"), ROOT)
    }
    if fast is not None:
        found["gateproof, compiled"] = ((*replay, "--output", "/dev/null"), fast)
    found["gateproof, not compiled"] = ((*replay, "--output", "/dev/null"), ROOT)
    if python := os.environ.get("GATEPROOF_NFSTREAM"):
        script = folder / "flows.py"
        script.write_text(NFSTREAM)
        found["nfstream"] = ((python, str(script), str(path)), ROOT)
    if shutil.which("tshark"):
        fields = [word for field in FIELDS for word in ("-e", field)]
        found["tshark -T fields"] = (("tshark", "-n", "-r", str(path), "-T", "fields", *fields), ROOT)
    return found


def read(folder: Path, seed: str) -> Path:
    """Measure all programs on both captures; the mix, to be played."""
    fast = compiled(folder / "compiled")
    for kind, count in SIZES.items():
        path = folder / f"{kind}.pcap"
        subprocess.run((sys.executable, MAKER, kind, path, str(count), seed), check=True, stdout=subprocess.DEVNULL)
        print(f"{kind}, {count} packets{'':<12} {'wall s':>7} {'CPU s':>7} {'MiB':>5}  ours is faster by")
        spent = {name: measure(argv, place) for name, (argv, place) in programs(path, folder, fast).items()}
        ours = spent["gateproof, compiled" if fast is not None else "gateproof, not compiled"]
        for name, one in spent.items():
            print(
                f"  {name:<30} {one.wall:7.2f} {one.cpu:7.2f} {one.peak:5.0f}  {one.wall / ours.wall:6.2f}", flush=True
            )
    return folder / "mix.pcap"


# ---- live ----


def live(path: Path, fast: Path | None) -> None:
    """Play the mix at rising rates, and let each program watch it alone."""
    print(f"{'live, packets in a second':<32} {'packets':>9} {'drops':>7} {'CPU s per million':>18} {'MiB':>5}")
    for rate in RATES:
        dropped = False
        for name, place in (("tcpdump -w", None), ("gateproof observe", fast or ROOT)):
            with cable() as laid:
                idle = _watched(laid, place, lambda: time.sleep(2))
                took = _watched(laid, place, partial(_play, laid, path, rate))
            million = (took.cpu - idle.cpu) / max(1, rate * SECONDS) * 1e6
            print(
                f"  {f'{rate}, {name}':<30} {took.packets:>9} {took.drops:>7} {million:>18.2f} {took.peak:>5.0f}",
                flush=True,
            )
            dropped = dropped or bool(name == "tcpdump -w" and took.drops)
        if dropped:
            return


def _play(laid: Cable, path: Path, rate: int) -> None:
    count = str(rate * SECONDS)
    argv = (
        "tcpreplay",
        "-q",
        "-i",
        "lan0",
        "--pps",
        str(rate),
        "--limit",
        count,
        "-l",
        "0",
        "--preload-pcap",
        str(path),
    )
    laid.far.run(argv)


def _watched(laid: Cable, place: Path | None, act: Callable[[], object]) -> Live:
    """What a program takes and spends while something happens."""
    output = Path(tempfile.mkstemp()[1])
    if place is None:
        argv = ["tcpdump", "-n", "-i", "lan0", "-B", "4096", "-w", "/dev/null", expression(ETHERNET)]
    else:
        argv = [
            sys.executable,
            "-m",
            "agent",
            "observe",
            "--interface",
            "lan0",
            "--format",
            "jsonl",
            "--output",
            str(output),
        ]
    with laid.near.entered():
        child = subprocess.Popen(argv, stderr=subprocess.PIPE, env=environment(place or ROOT), cwd=place or ROOT)
    time.sleep(2)
    act()
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    words = child.stderr.read().decode() if child.stderr is not None else ""
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    if child.stderr is not None:
        child.stderr.close()
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    if place is None:
        packets, drops = (_number(words, what) for what in ("received by filter", "dropped by kernel"))
        return Live(packets, drops, cpu, peak)
    last = json.loads(output.read_bytes().splitlines()[-1])
    output.unlink()
    counted = last["interfaces"]["lan0"]
    return Live(counted["packets"], counted["drops"], cpu, peak)


def _number(words: str, what: str) -> int:
    """What tcpdump counted, as it says at its end."""
    found = re.search(rf"(\d+) packets? {what}", words)
    if found is None:
        raise SystemExit(f"tcpdump does not say what was {what}: {words}")
    return int(found[1])


def main() -> None:
    """Measure, and print tables."""
    if not MAKER.exists():
        raise SystemExit(f"needs {MAKER.name} beside the project")
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mix = read(folder, seed)
        live(mix, folder / "compiled" if (folder / "compiled").exists() else None)


if __name__ == "__main__":
    main()
