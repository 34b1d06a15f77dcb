"""``python -m agent`` is ``gateproof``."""

from __future__ import annotations

from agent.cli import command

command()
