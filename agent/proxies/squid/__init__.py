"""Squid: forward and intercepting proxy (squid.conf, version 5.7).

What reads it is loaded where there is one: that takes as long as reading a hundred rules.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "squid"
DEFAULT: Final = "/etc/squid/squid.conf"
_KID: Final = re.compile(r"squid-(\d+)")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each Squid that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for program in _programs(snapshot):
        from agent.proxies.squid.build import follow  # noqa: PLC0415 - see above

        following = Following.of(snapshot, NAME, program)
        follow(program.option("-f", DEFAULT), following, _macros(program))
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One proxy for each."""
    programs = _programs(snapshot)
    if not programs:
        return Piece()
    from agent.proxies.squid.build import proxy  # noqa: PLC0415 - see above

    names = Interest(interest)
    found: list[tuple[Proxy, tuple[str, ...]]] = []
    for program in programs:
        following = Following.of(snapshot, NAME, program)
        one, notes = proxy(program.option("-f", DEFAULT), following, names, _macros(program))
        one = replace(one, addresses=program.addresses)
        if (one, notes) not in found:
            found.append((one, notes))
    gaps = tuple(dict.fromkeys(gap for one, _ in found for gap in one.gaps))
    notes = tuple(dict.fromkeys(note for _, notes in found for note in notes))
    return Piece(proxies=tuple(one for one, _ in found), gaps=gaps, notes=notes)


def _programs(snapshot: Snapshot) -> tuple[Program, ...]:
    """One for each file and its macros: a master and its workers are one unless the file tells them apart by number."""
    found = present(snapshot, NAME, DEFAULT)
    alike = {(one.addresses, one.option("-f", DEFAULT), *_macros(one).values()): one for one in found}
    return tuple(alike.values())


def _macros(program: Program) -> dict[str, str]:
    """What ``${...}`` stands for: a worker knows its number from ``--kid squid-N``, the only one is number 1."""
    kid = _KID.fullmatch(_kid(program))
    number = kid[1] if kid else "0" if "-N" in program.arguments else "1"
    return {
        "${service_name}": program.option("-n", NAME),
        "${process_name}": f"squid-{number}",
        "${process_number}": number,
    }


def _kid(program: Program) -> str:
    arguments = program.arguments
    at = arguments.index("--kid") if "--kid" in arguments[:-1] else -1
    return arguments[at + 1] if at >= 0 else ""


KIND = Kind(NAME, wants, read)
