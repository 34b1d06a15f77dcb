"""Reads ``suppressions.toml``: decisions to live with findings for a while, as people write them."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from agent.config import duration_text
from agent.errors import ConfigError
from agent.model.limits import STRICT
from agent.model.record import record
from agent.model.suppression import Entry
from agent.strict import parse_toml, read_bytes, suggest, validate

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta
    from pathlib import Path


@record(kw_only=True)
class Book:
    """The whole file."""

    __pydantic_config__: ClassVar = STRICT
    suppress: tuple[Entry, ...] = field(default_factory=tuple)


def parse(data: bytes, where: str, longest: timedelta, rules: Collection[str], now: datetime) -> tuple[Entry, ...]:
    """Decisions from TOML; raises ConfigError with the file, the entry, and what to do."""
    found = validate(Book, parse_toml(data, where)).suppress
    for number, one in enumerate(found, 1):
        place = f"{where}: suppress {number} ({one.title})"
        begin = one.made if one.made is not None and one.made < now else now
        if one.expires - begin > longest:
            raise ConfigError(
                f"{place}: expires later than {duration_text(longest)} from {'`made`' if one.made else 'now'}:"
                " decide again then, or raise `longest` under [suppressions]"
            )
        if one.rule is not None and one.rule not in rules:
            raise ConfigError(f"{place}: no rule {one.rule!r}{suggest(one.rule, sorted(rules))}")
    return found


def load(path: Path, longest: timedelta, rules: Collection[str], now: datetime | None = None) -> tuple[Entry, ...]:
    """Decisions of a file, none where there is no file; raises ConfigError."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:  # there, but not for us: what it holds back would open
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(read_bytes(path), str(path), longest, rules, now or datetime.now(UTC))
