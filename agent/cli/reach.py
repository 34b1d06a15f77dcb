"""``gateproof reach``: the exact sets of addresses that pass, and that are stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from agent.catalog import NO_NAMES, read
from agent.cli.files import STANDARD, write
from agent.cli.inputs import snapshot_of
from agent.errors import UsageError
from agent.judge.reach import Prover, Question
from agent.model.intervals import address_value

if TYPE_CHECKING:
    import argparse

PROTOCOLS: Final = {"tcp": 6, "udp": 17}


def run(arguments: argparse.Namespace) -> int:
    """Print one JSON object with the sets."""
    if not 0 <= arguments.dport <= 0xFFFF:
        raise UsageError("--dport is a number from 0 to 65535")
    question = Question(
        arguments.family,
        PROTOCOLS[arguments.proto],
        arguments.dport,
        arguments.in_iface,
        _source(arguments),
        arguments.out_iface,
    )
    prover = Prover(read(snapshot_of(arguments), NO_NAMES))
    write(orjson.dumps(prover.reach(question).to_json()) + b"\n", STANDARD)
    return 0


def _source(arguments: argparse.Namespace) -> int | None:
    if arguments.src is None:
        return None
    try:
        family, value = address_value(arguments.src)
    except ValueError as error:
        raise UsageError(f"--src: {error}") from error
    if family != arguments.family:
        raise UsageError(f"--src {arguments.src} is not an address of IPv{arguments.family}")
    return value
