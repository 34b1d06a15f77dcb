"""``gateproof run``: the daemon, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent import daemon

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Run until told to end; the state folder of the command line comes before the configuration's."""
    config = Path(arguments.config) if arguments.config else None
    state = Path(arguments.state_dir) if arguments.state_dir else None
    return daemon.run(config, state, listen=arguments.listen, once=arguments.once)
