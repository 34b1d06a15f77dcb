"""Configurations with bytes that are not what they should be: gaps, never a crash."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agent.model.source import Gap
from agent.resolvers import knot_resolver, pdns_recursor
from tests.daemons import knot_resolver as knot_configurations
from tests.daemons import pdns_recursor as pdns_configurations

if TYPE_CHECKING:
    from agent.snapshot import Snapshot

ROOT = "/q"
PIECES = (
    b"(",
    b")",
    b"{",
    b'"',
    b"'",
    b"\\",
    b"=",
    b"#",
    b"..",
    b"\0",
    b"\xff",
    b"\n",
    b" ",
    b"--",
    b"[[",
    b"$INCLUDE",
)


def damaged(text: str, random: Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(data) + 1)
        match random.randrange(3):
            case 0:
                del data[at : at + random.randrange(1, 20)]
            case 1:
                data[at:at] = random.choice(PIECES)
            case _:
                data[at:at] = data[: random.randrange(40)]
    return bytes(data)


def taken(kind: str, config: Any, files: dict[str, str | bytes]) -> Snapshot:
    if kind == "pdns_recursor":
        return pdns_configurations.collected(files, config.argv, ROOT)
    return knot_configurations.collected(files, config.argv)


@pytest.mark.parametrize("kind", ["pdns_recursor", "knot_resolver"])
def test_damaged_files_are_read_or_open(kind: str) -> None:
    configurations = pdns_configurations if kind == "pdns_recursor" else knot_configurations
    reader = (pdns_recursor if kind == "pdns_recursor" else knot_resolver).KIND
    for seed in range(150):
        random = Random(seed)
        config = configurations.Config(seed, Path(ROOT))
        files: dict[str, str | bytes] = {path: damaged(text, random) for path, text in config.files.items()}
        snapshot = taken(kind, config, files)
        assert all(want.name == "files" for want in reader.wants(snapshot))
        piece = reader.read(snapshot, frozenset({"livechat.com"}))
        assert all(isinstance(gap, Gap) and gap.reason for gap in piece.gaps)
        for view in piece.resolvers[0].views:
            outcome, _ = view.answer("x.livechat.com", 4)
            assert outcome.fate
