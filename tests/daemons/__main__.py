"""Random configurations without end: ``python -m tests.daemons --kind unbound --seed 1000 --long 5000``; resumable by seed."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from tests.daemons.internet import internet

HERE = Path(__file__).parent
KINDS = sorted(file.stem for file in HERE.glob("[a-z]*.py") if "def disagreements(" in file.read_text(encoding="utf-8"))


def main() -> int:
    """Compare; 1 where anything disagreed."""
    parser = argparse.ArgumentParser(prog="python -m tests.daemons")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long", type=int, default=1000, metavar="N", help="number of configurations")
    parser.add_argument("--stop", type=int, default=1, help="end after so many that disagree")
    asked = parser.parse_args()
    module = importlib.import_module(f"tests.daemons.{asked.kind}")
    bad = refused = 0
    with getattr(module, "world", internet)() as world:
        for seed in range(asked.seed, asked.seed + asked.long):
            with tempfile.TemporaryDirectory() as folder:
                config = module.Config(seed, Path(folder))
                try:
                    found = module.disagreements(config, world)
                except RuntimeError as error:
                    refused += 1
                    sys.stdout.write(f"seed {seed}: {error}\n")
                    continue
            if found:
                bad += 1
                text = "\n".join(f"--- {path}\n{text}" for path, text in config.files.items())
                sys.stdout.write(f"seed {seed}:\n{text}\n" + "\n".join(found[:6]) + "\n")
                if bad >= asked.stop:
                    break
    sys.stdout.write(f"{asked.kind}: up to seed {seed}, {refused} refused by the program, {bad} disagree\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
