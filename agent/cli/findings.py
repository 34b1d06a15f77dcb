"""``gateproof findings``: those that are kept, listed, shown or exported; and a decision to live with some of them."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter

from agent.cli.files import write
from agent.cli.settings import settings_of
from agent.config import DURATION, SECONDS
from agent.daemon import Plan, state_folder
from agent.errors import ConfigError, UsageError
from agent.model.report import Finding
from agent.outputs import exporter
from agent.outputs.text.kept import listing, page
from agent.practice import find_rules
from agent.store import Reader
from agent.store.reading import Filter
from agent.suppressions import parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from agent.config import Settings

FINDING: Final = TypeAdapter(Finding)
EVERY: Final = frozenset({"open", "suppressed", "resolved"})
UID: Final = 32
"""Digits of a whole one."""


def run(arguments: argparse.Namespace) -> int:
    """Do it; raises UsageError, ConfigError or StateError."""
    settings = settings_of(arguments)
    {"list": _list, "show": _show, "export": _export, "suppress": _suppress}[arguments.action](arguments, settings)
    return 0


def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    found = _kept(arguments, settings)
    if arguments.format == "text":
        write(listing(found), arguments.output)
    else:
        write(b"".join(exporter(arguments.format)(found)), arguments.output)


def _show(arguments: argparse.Namespace, settings: Settings) -> None:
    one = _one(arguments, settings, arguments.uid)
    write(orjson.dumps(one, option=orjson.OPT_UTC_Z) + b"\n" if arguments.format == "json" else page(one), "-")


def _export(arguments: argparse.Namespace, settings: Settings) -> None:
    write(b"".join(exporter(arguments.format)(_kept(arguments, settings))), arguments.output)


def _suppress(arguments: argparse.Namespace, settings: Settings) -> None:
    path = Path(arguments.file) if arguments.file else settings.suppressions.file
    now = datetime.now(UTC)
    named = {name: getattr(arguments, name) for name in ("rule", "domain", "zone", "locus")}
    scope = {name: value for name, value in named.items() if value is not None}
    if arguments.uid:
        if scope:
            raise UsageError("name a finding, or a scope by --rule, --domain, --zone and --locus; not both")
        scope = {"uid": _one(arguments, settings, arguments.uid).uid}
    entry = {**scope, "owner": arguments.owner, "reason": arguments.reason}
    lines = [f"{name} = {_quoted(value)}" for name, value in entry.items()]
    lines += [f"made = {now:%Y-%m-%dT%H:%M:%SZ}", f"expires = {_until(arguments, now)}"]
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    after = f"{before.rstrip()}\n\n[[suppress]]\n".lstrip() + "\n".join(lines) + "\n"
    rules = frozenset(rule.id for rule, _ in find_rules())
    parse(after.encode(), str(path), settings.suppressions.longest, rules, now)
    write(after.encode(), str(path))
    sys.stderr.write(f"gateproof: {path}: written; `systemctl reload gateproof` makes it count\n")


def _until(arguments: argparse.Namespace, now: datetime) -> str:
    if arguments.until:
        try:
            return date.fromisoformat(arguments.until).isoformat()
        except ValueError as error:
            raise UsageError(f"--until {arguments.until}: must be a date like 2026-12-31") from error
    match = DURATION.fullmatch(arguments.duration)
    if match is None:
        raise UsageError(f"--for {arguments.duration}: must be a time like 12h or 30d")
    return f"{now + timedelta(seconds=int(match[1]) * SECONDS[match[2]]):%Y-%m-%dT%H:%M:%SZ}"


def _quoted(text: str) -> str:
    """A string of TOML."""
    made = orjson.dumps(text).decode().replace("\x7f", "\\u007f")
    if tomllib.loads(f"a = {made}")["a"] != text:
        raise UsageError(f"{text!r} cannot be written as TOML")
    return made


def _kept(arguments: argparse.Namespace, settings: Settings) -> list[Finding]:
    """Those that were asked for, most severe first."""
    status = EVERY if arguments.status == "all" else frozenset({arguments.status})
    severity = frozenset({arguments.severity}) if arguments.severity else frozenset[str]()
    wanted = Filter(status=status, severity=severity)
    reader = _reader(arguments, settings)
    try:
        with reader.snapshot(wanted) as (_, chunks):
            found = [FINDING.validate_python(_document(body)) for chunk in chunks for body in chunk]
    finally:
        reader.close()
    return sorted(found, key=lambda one: (-one.severity.rank, one.rule.id, one.zone or "", one.uid))


def _one(arguments: argparse.Namespace, settings: Settings, uid: str) -> Finding:
    """The finding whose uid begins so; raises UsageError."""
    reader = _reader(arguments, settings)
    try:
        if len(uid) == UID and (body := reader.finding(uid)) is not None:
            return FINDING.validate_python(_document(body))
        with reader.snapshot(Filter(status=EVERY)) as (_, chunks):
            bodies = [body for chunk in chunks for body in chunk]
    finally:
        reader.close()
    found = [one for body in bodies if str((one := _document(body))["uid"]).startswith(uid)]
    if len(found) != 1:
        count = f"{len(found)} findings have" if found else "no finding has"
        raise UsageError(f"{count} a uid that begins with {uid!r}; `gateproof findings list` shows them")
    return FINDING.validate_python(found[0])


def _document(body: bytes) -> Mapping[str, object]:
    """A finding as it was written, without what a newer gateproof may have added."""
    known = {one.name for one in fields(Finding)}
    return {name: value for name, value in orjson.loads(body).items() if name in known}


def _reader(arguments: argparse.Namespace, settings: Settings) -> Reader:
    given = Path(arguments.state_dir) if arguments.state_dir else None
    return Reader(state_folder(given, Plan(settings, ())))
