"""Compare kernel and judge over thousands of random rulesets: ``python -m tests.kernel --long 2000``.

Ends with status 1 at the first disagreements; start again with ``--seed`` where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.kernel.compare import Comparison
from tests.kernel.rulesets import FLAVOURS, make

PER_TOPOLOGY = 200


def main() -> int:
    """Run; 0 when all agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel", description=__doc__)
    parser.add_argument("--long", type=int, default=200, metavar="N", help="rulesets for each flavour")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed")
    parser.add_argument("--flavour", choices=sorted(FLAVOURS), action="append", help="default: all")
    parser.add_argument("--stop", type=int, default=1, metavar="K", help="stop after this many disagreements")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the rulesets of disagreements")
    arguments = parser.parse_args()
    found = 0
    for flavour in arguments.flavour or FLAVOURS:
        fates: Counter[str] = Counter()
        began = time.monotonic()
        for start in range(arguments.seed, arguments.seed + arguments.long, PER_TOPOLOGY):
            found += _stretch(
                flavour,
                range(start, min(start + PER_TOPOLOGY, arguments.seed + arguments.long)),
                fates,
                arguments.stop - found,
                arguments.output,
            )
            spent = time.monotonic() - began
            count = sum(fates.values())
            shares = ", ".join(f"{name} {number / count:.0%}" for name, number in sorted(fates.items()))
            print(
                f"{flavour}: up to seed {start + PER_TOPOLOGY - 1}, {count} flows ({shares}), {spent:.0f} s, {found} disagreements",
                flush=True,
            )
            if found >= arguments.stop:
                return 1
    return 1 if found else 0


def _stretch(flavour: str, seeds: range, fates: Counter[str], limit: int, folder: Path) -> int:
    """Compare a stretch of seeds in one topology; gives the number of disagreements."""
    comparison = Comparison()
    found = 0
    try:
        for seed in seeds:
            trial = comparison.trial(make(flavour, seed))
            fates.update("local" if fate.local else fate.verdict for fate in trial.fates)
            differing = trial.disagreements()
            if differing:
                file = folder / f"{flavour}-{seed}.rules"
                file.write_text(str(trial.ruleset))
                print(*differing, f"  ruleset {file}", sep="\n", flush=True)
            found += len(differing)
            if found >= limit:
                break
    finally:
        comparison.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
