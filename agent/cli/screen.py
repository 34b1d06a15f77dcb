"""The terminal, where a person is looking at one."""

from __future__ import annotations

import os
import sys

from agent.cli.files import STANDARD
from agent.outputs import Screen

WIDEST = 160
"""Longer lines are hard to follow with the eye."""


def screen_for(output: str) -> Screen | None:
    """Width and colour of the terminal, or None where the output goes elsewhere (NO_COLOR: no-color.org)."""
    if output != STANDARD or not sys.stdout.isatty():
        return None
    import shutil  # noqa: PLC0415 - it brings every compression there is; only a terminal needs it

    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(min(shutil.get_terminal_size().columns, WIDEST), colour)
