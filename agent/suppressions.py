"""Reads ``suppressions.toml``: decisions to live with findings for a while, as people write them."""

from __future__ import annotations

import stat
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from agent.config import duration_text
from agent.errors import ConfigError
from agent.model.limits import STRICT
from agent.model.record import record
from agent.model.suppression import NEVER, Entry
from agent.strict import parse_toml, read_bytes, suggest, validate, wrong

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

ELSEWHERE: Final = frozenset({"companion-domain-unlisted"})
"""Rules about domains that are in no pack."""
DAY: Final = timedelta(days=1)


@record(kw_only=True)
class Book:
    """The whole file."""

    __pydantic_config__: ClassVar = STRICT
    suppress: tuple[Entry, ...] = field(default_factory=tuple)


def parse(  # noqa: PLR0913, PLR0917 - a file, and all that it is held against
    data: bytes,
    where: str,
    longest: timedelta,
    rules: Collection[str],
    now: datetime,
    domains: Collection[str] | None = None,
) -> tuple[Entry, ...]:
    """Decisions from TOML, in its order; raises ConfigError with file, line, key and what to do.

    ``rules`` are the ids that there are, ``domains`` those of all packs; None where they are not known.
    """
    document = parse_toml(data, where)
    found = validate(Book, document).suppress
    for number, one in enumerate(found):
        place = ("suppress", number)
        if one.expires > _latest(one, longest, now):
            raise wrong(
                document,
                (*place, "expires"),
                f"is later than {duration_text(longest)} from {'`made`' if one.made else 'now'}:"
                " decide again then, or raise `longest` under [suppressions]",
            )
        if one.rule in NEVER:
            raise wrong(document, (*place, "rule"), "is about suppressions themselves, and is never held back")
        if one.rule is not None and one.rule not in rules:
            raise wrong(document, (*place, "rule"), f"names no rule: {one.rule}{suggest(one.rule, rules)}")
        if domains is not None and one.domain is not None and not _known(one, domains):
            raise wrong(document, (*place, "domain"), f"is in no pack: {one.domain}{suggest(one.domain, domains)}")
    return found


def load(
    path: Path,
    longest: timedelta,
    rules: Collection[str],
    now: datetime | None = None,
    domains: Collection[str] | None = None,
) -> tuple[Entry, ...]:
    """Decisions of a file, none where there is no file; raises ConfigError as ``parse`` does."""
    if not exists(path):
        return ()
    return parse(read_bytes(path), str(path), longest, rules, now or datetime.now(UTC), domains)


def exists(path: Path) -> bool:
    """Whether there is a file; raises ConfigError for one that nobody should go by.

    A group may be let in: that is somebody's decision. Everybody is not, as anybody could then hide any finding.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # there, but not for us: what it holds back would open
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if stat.S_ISREG(found.st_mode) and found.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{path}: anybody may write to it, and so hide findings; chmod o-w {path}")
    return True


def _latest(one: Entry, longest: timedelta, now: datetime) -> datetime:
    """The last moment at which it may lapse: the end of that day, as decisions are made for days."""
    latest = (min(one.made, now) if one.made else now) + longest
    midnight = latest.replace(hour=0, minute=0, second=0, microsecond=0)
    return latest if latest == midnight else midnight + DAY


def _known(one: Entry, domains: Collection[str]) -> bool:
    """Whether a pack has its domain; one finding, or a rule about other domains, may name any."""
    return one.uid is not None or one.rule in ELSEWHERE or one.domain in domains
