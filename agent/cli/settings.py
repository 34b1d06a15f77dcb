"""The settings and packs that the arguments ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings, load_settings
from agent.errors import ConfigError, UsageError
from agent.packs import FoundPack, Pack, find_packs, select

if TYPE_CHECKING:
    import argparse

    from agent.model.suppression import Entry


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of ``--config`` or of the default file; raises ConfigError."""
    return load_settings(Path(arguments.config) if arguments.config else None)


def found_packs(settings: Settings) -> tuple[FoundPack, ...]:
    """All packs, with the operator's from the configured folder; raises ConfigError."""
    return find_packs(settings.pack_folder)


def packs_of(arguments: argparse.Namespace, settings: Settings) -> tuple[Pack, ...]:
    """The packs of ``--pack``, else of the configuration, else all; raises UsageError or ConfigError."""
    found = found_packs(settings)
    return select(found, arguments.pack) if arguments.pack else configured_packs(found, settings)


def configured_packs(found: tuple[FoundPack, ...], settings: Settings) -> tuple[Pack, ...]:
    """The packs that the configuration names, else all; raises ConfigError."""
    try:
        return select(found, settings.packs)
    except UsageError as error:
        raise ConfigError(f"the configuration's `packs`: {error}") from error


def suppressions_of(settings: Settings, data: bytes | None = None) -> tuple[Entry, ...]:
    """Decisions to live with findings: those of the configured file, or of ``data`` as if it stood there.

    Raises ConfigError.
    """
    from agent.practice import find_rules  # noqa: PLC0415 - most hosts have no such file
    from agent.strict import read_bytes  # noqa: PLC0415 - likewise
    from agent.suppressions import exists, parse  # noqa: PLC0415 - likewise

    where = settings.suppressions
    if not exists(where.file) and data is None:
        return ()
    rules = frozenset(rule.id for rule, _ in find_rules())
    domains = frozenset(one.pattern for found in found_packs(settings) for one in found.pack.requirements())
    text = read_bytes(where.file) if data is None else data
    return parse(text, str(where.file), where.longest, rules, datetime.now(UTC), domains)
