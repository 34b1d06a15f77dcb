"""``gateproof findings``: those that are kept, listed, shown or exported; and a decision to live with some of them."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter

from agent.cli.files import write
from agent.cli.settings import settings_of, suppressions_of
from agent.config import DURATION, SECONDS
from agent.daemon import Plan, state_folder
from agent.errors import UsageError
from agent.model.report import Finding
from agent.outputs import exporter
from agent.outputs.text.kept import listing, page
from agent.store import Reader
from agent.store.reading import Filter
from agent.strict import read_bytes
from agent.suppressions import exists

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from agent.config import Settings

FINDING: Final = TypeAdapter(Finding)
EVERY: Final = frozenset({"open", "suppressed", "resolved"})
UID: Final = 32
"""Digits of a whole one."""
MODE: Final = 0o644
"""Of a new file of suppressions: the daemon, which has no rights of its own, reads it too."""
PATIENCE: Final = 10.0
"""Seconds to wait for another one that writes there."""


def run(arguments: argparse.Namespace) -> int:
    """Do it; raises UsageError, ConfigError or StateError."""
    settings = settings_of(arguments)
    {"list": _list, "show": _show, "export": _export, "suppress": _suppress}[arguments.action](arguments, settings)
    return 0


def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.format != "text":
        write(b"".join(exporter(arguments.format)(_kept(arguments, settings))), arguments.output)
        return
    found = _kept(arguments, settings)
    held = len(_kept(arguments, settings, "suppressed")) if arguments.status == "open" else 0
    write(listing(found, held), arguments.output)


def _show(arguments: argparse.Namespace, settings: Settings) -> None:
    one = _one(arguments, settings, arguments.uid)
    write(orjson.dumps(one, option=orjson.OPT_UTC_Z) + b"\n" if arguments.format == "json" else page(one), "-")


def _export(arguments: argparse.Namespace, settings: Settings) -> None:
    write(b"".join(exporter(arguments.format)(_kept(arguments, settings))), arguments.output)


def _suppress(arguments: argparse.Namespace, settings: Settings) -> None:
    # where the file is a link, what it leads to is replaced, and the link stays
    path = Path(os.path.realpath(arguments.file or settings.suppressions.file))
    there = replace(settings, suppressions=replace(settings.suppressions, file=path))
    now = datetime.now(UTC)
    lines = [f"{name} = {_quoted(value)}" for name, value in _scope(arguments, settings).items()]
    lines += [f"owner = {_quoted(arguments.owner)}", f"reason = {_quoted(arguments.reason)}"]
    lines += [f"made = {now:%Y-%m-%dT%H:%M:%SZ}", f"expires = {_until(arguments, now)}"]
    entry = "\n".join(("[[suppress]]", *lines, "")).encode()
    with _alone(path.parent):
        before = read_bytes(path) if exists(path) else b""
        gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
        after = before + gap + entry
        if suppressions_of(there, after)[-1].expires <= now:
            raise UsageError(f"--{'until' if arguments.until else 'for'}: has passed already")
        write(after, str(path), MODE)
    hint = "" if arguments.file else "; `systemctl reload gateproof` makes it count"
    sys.stderr.write(f"gateproof: {path}: written{hint}\n")


def _scope(arguments: argparse.Namespace, settings: Settings) -> dict[str, str]:
    """What is suppressed: all that was named; of one finding, all that tells people which it is."""
    named = {name: getattr(arguments, name) for name in ("rule", "domain", "zone", "locus")}
    scope = {name: value for name, value in named.items() if value is not None}
    if arguments.uid is None:
        return scope
    if scope:
        raise UsageError("name a finding, or a scope by --rule, --domain, --zone and --locus; not both")
    one = _one(arguments, settings, arguments.uid)
    scope = {"rule": one.rule.id}
    if one.subject.kind == "domain":
        scope["domain"] = one.subject.name
    if one.zone is not None:
        scope["zone"] = one.zone
    return scope | {"uid": one.uid}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One decision at a time: of two that are written at once, one would be lost. Raises UsageError."""
    try:
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)  # whatever the umask: the daemon must get there
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be used: {error.strerror}") from error
    try:
        end = time.monotonic() + PATIENCE
        while not _locked(handle):
            if time.monotonic() > end:  # anybody who may read a folder may lock it for ever
                raise UsageError(f"{folder}: locked by another program; try again")
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
    try:
        return orjson.dumps(text).decode().replace("\x7f", "\\u007f")
    except orjson.JSONEncodeError as error:
        raise UsageError(f"{text!r}: is not UTF-8 text") from error


def _kept(arguments: argparse.Namespace, settings: Settings, only: str = "") -> list[Finding]:
    """Those that were asked for, or of those the ones of another status, most severe first."""
    wanted_status = only or arguments.status
    status = EVERY if wanted_status == "all" else frozenset({wanted_status})
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
    uid = uid.lower()
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
