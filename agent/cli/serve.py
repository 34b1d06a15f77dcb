"""``gateproof serve``: the HTTP API alone, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.settings import settings_of
from agent.daemon import Plan, state_folder
from agent.observe.confine import end_with
from agent.serve import server

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end; what the command line says comes before the configuration."""
    if arguments.parent is not None and not end_with(arguments.parent):
        return 0
    settings = settings_of(arguments)
    given = Path(arguments.state_dir) if arguments.state_dir else None
    return server.run(
        state_folder(given, Plan(settings, ())), settings, arguments.listen, confined=arguments.parent is not None
    )
