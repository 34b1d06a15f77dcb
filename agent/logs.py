"""The log of what runs for long: lines on standard error, with their priorities where that is the journal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

PRIORITIES: Final = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}
"""Those of syslog(3), as systemd reads them at the beginning of a line (sd-daemon(3))."""


class Journal(logging.Formatter):
    """Lines for the journal, which tells itself whose they are."""

    def format(self, record: logging.LogRecord) -> str:
        """Give each line of a record its priority."""
        priority = PRIORITIES.get(record.levelno, 2)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def begin() -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Journal("%(message)s") if is_journal(2) else logging.Formatter("gateproof: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def trouble(text: str) -> str:
    """One error as a line for standard error."""
    return f"<{PRIORITIES[logging.ERROR]}>{text}\n" if is_journal(2) else f"gateproof: {text}\n"


def is_journal(file: int) -> bool:
    """Whether what is written there goes to the journal (JOURNAL_STREAM, systemd.exec(5))."""
    try:
        found = os.fstat(file)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
