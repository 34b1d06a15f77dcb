"""``gateproof check-config``: whether the configuration and the packs it names are right."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from agent.cli.settings import configured_packs, found_packs, settings_of, suppressions_of
from agent.config import DEFAULT_FILE, duration_text

if TYPE_CHECKING:
    import argparse

    from agent.config import Settings


def run(arguments: argparse.Namespace) -> int:
    """Say what the settings come to; raises ConfigError for the first thing that is wrong."""
    settings = settings_of(arguments)
    packs = configured_packs(found_packs(settings), settings)
    held = suppressions_of(settings)
    where = arguments.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else f"no {DEFAULT_FILE}, so the defaults")
    zones = ", ".join(f"{zone.name} ({zone.interface})" for zone in settings.zone) or "as found on the host"
    sys.stdout.write(
        f"{where}: right\n"
        f"  packs     {', '.join(pack.name for pack in packs) or 'none'}\n"
        f"  zones     {zones}\n"
        f"  uplinks   {', '.join(settings.uplinks) or 'as found on the host'}\n"
        f"  schedule  every {duration_text(settings.schedule.every)}, "
        f"up to {duration_text(settings.schedule.jitter)} later\n"
        f"  observe   {_observed(settings)}\n"
        f"  suppress  {len(held)} in {settings.suppressions.file}\n"
        f"  state     {settings.state_dir}\n"
        f"  fail on   {settings.fail_on.value}\n"
    )
    return 0


def _observed(settings: Settings) -> str:
    observe = settings.observe
    if not observe.enabled:
        return "no"
    where = ", ".join(observe.interfaces) or "interfaces where clients are, and uplinks"
    return f"{where}; {'with' if observe.companions else 'without'} companions"
