"""``gateproof trace``: one verdict for each flow, in order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson

from agent.catalog import NO_NAMES, read
from agent.cli.files import called, opened
from agent.cli.inputs import snapshot_of
from agent.errors import Malformed
from agent.judge.flow import read_flow
from agent.judge.trace import Tracer

if TYPE_CHECKING:
    import argparse

OK, TROUBLE = 0, 2


def run(arguments: argparse.Namespace) -> int:
    """Answer every flow; a line that is no flow gets ``unknown`` with the reason, and the status is 2."""
    tracer = Tracer(read(snapshot_of(arguments), NO_NAMES))
    first, bad = "", 0
    with opened(arguments.flows) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                answer = tracer.answer(read_flow(line, number)).to_json()
            except Malformed as error:
                answer = {"verdict": "unknown", "why": [str(error)]}
                first, bad = first or str(error), bad + 1
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()
    if bad:
        others = f" (and {bad - 1} more)" if bad > 1 else ""
        sys.stderr.write(f"gateproof: {called(arguments.flows)}: {first}{others}\n")
        return TROUBLE
    return OK
