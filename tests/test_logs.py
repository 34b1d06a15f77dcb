"""The log: words for a terminal, and lines with priorities for the journal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import logging
from agent import logs
logs.begin()
logging.getLogger("gateproof").info("read again")
logging.getLogger("gateproof").warning("not read")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("gateproof").exception("a fault")
"""


def logged(file: Path, stream: str | None) -> list[str]:
    """What a process logs to a file, where the journal is said to be there."""
    environment = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    with file.open("w") as log:
        if stream is not None:
            found = os.fstat(log.fileno())
            environment["JOURNAL_STREAM"] = stream.format(device=found.st_dev, inode=found.st_ino)
        subprocess.run((sys.executable, "-c", SCRIPT), stderr=log, check=True, env=environment)
    return file.read_text().splitlines()


@pytest.mark.parametrize("stream", [None, "", "1:2", "{device}:0", "nonsense"])
def test_words_for_a_terminal(tmp_path: Path, stream: str | None) -> None:
    lines = logged(tmp_path / "log", stream)
    assert lines[:3] == ["gateproof: read again", "gateproof: not read", "gateproof: a fault"]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_each_line_for_the_journal_has_its_priority(tmp_path: Path) -> None:
    lines = logged(tmp_path / "log", "{device}:{inode}")
    assert lines[:3] == ["<6>read again", "<4>not read", "<3>a fault"]
    assert all(line.startswith("<3>") for line in lines[2:])


def test_what_ends_a_program_is_an_error_in_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        found = os.fstat(log.fileno())
        environment = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        argv = (sys.executable, "-m", "agent", "check-config", "--config", str(tmp_path / "none"))
        assert subprocess.run(argv, stderr=log, check=False, env=environment).returncode == 2
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.startswith(f"<3>{tmp_path / 'none'}: ")
