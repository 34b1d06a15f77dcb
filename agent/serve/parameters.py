"""What may stand in queries and paths."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agent.model.vocabulary import Severity
from agent.serve.route import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UID: Final = r"^[0-9a-f]{32}$"
PACK: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
CURSOR: Final = r"^[0-9a-f]{1,32}-[0-9]{1,18}$"
STATUSES: Final = ("open", "suppressed", "resolved")
EVERY_STATUS: Final = "all"


def choice(name: str, words: Sequence[str], text: str, *, many: bool = False) -> Parameter:
    """One of these words, or some."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return Parameter(name=name, text=text, schema={"type": "string", "enum": list(words)}, read=read, many=many)


def number(name: str, least: int, most: int, default: int, text: str) -> Parameter:
    """A whole number within bounds."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name=name, text=text, schema=schema, read=read)


def matching(name: str, pattern: str, what: str, text: str, *, many: bool = False) -> Parameter:
    """Text of a form."""
    form = re.compile(pattern)

    def read(value: str) -> str:
        if len(value) > 64 or not form.fullmatch(value):
            raise ValueError(f"must be {what}")
        return value

    return Parameter(
        name=name, text=text, schema={"type": "string", "pattern": pattern, "maxLength": 64}, read=read, many=many
    )


def time(name: str, text: str) -> Parameter:
    """A time of RFC 3339."""
    return Parameter(name=name, text=text, schema={"type": "string", "format": "date-time"}, read=_time)


TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:(\d\d)(\.\d{1,30})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _time(value: str) -> datetime:
    # a plus that nobody wrote as %2B has become a space
    value = re.sub(r" (?=\d\d:\d\d$)", "+", value)
    form = TIME.fullmatch(value)
    if form is None:
        raise ValueError("must be a time of RFC 3339, for example 2026-11-26T00:00:00Z")
    if form[1] == "60":  # a leap second
        value = f"{value[: form.start(1)]}59{value[form.end(1) :]}"
    if form[2]:
        value = value.replace(form[2], form[2][:7], 1)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("is no time that there is") from error


STATUS: Final = choice("status", (*STATUSES, EVERY_STATUS), "Default: open and suppressed.", many=True)
SEVERITY: Final = choice("severity", tuple(Severity), "Default: every severity.", many=True)
SOURCE: Final = choice("source", ("config", "observed", "probe"), "What told of it; default: every source.", many=True)
PACK_NAME: Final = matching("pack", PACK, "the name of a pack", "Default: every pack, and none.", many=True)


def of_form(names: Sequence[str]) -> Parameter:
    """``format``, which comes before the header Accept."""
    return choice("format", names, "The form of the answer; it comes before what Accept says.")


READ_UID: Final[Callable[[str], str]] = matching("uid", UID, "32 hexadecimal digits", "").read
