"""pf of FreeBSD, OpenBSD, OPNsense and pfSense, from what pfctl prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.source import Gap, Source
from agent.snapshot import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Artifact, Snapshot, Want

RULES: Final = "pf.txt"
"""``pfctl -a '*' -P -sr``"""
NAT: Final = "pf-nat.txt"
"""``pfctl -a '*' -P -sn``"""
TABLES: Final = "pf-tables.txt"
"""``table <name>`` before the output of ``pfctl -t name -T show``, for each name of ``pfctl -sT``."""
INTERFACES: Final = "ifconfig.txt"
"""``ifconfig -a``"""
REMEDY: Final = "run collect.sh as root"
_RULE: Final = re.compile(rb"\s*(?:pass|block|match|scrub|anchor|antispoof)\s")
_TRANSLATION: Final = re.compile(rb"\s*(?:no )?(?:nat|rdr|binat)(?:-anchor)?\s")


def wants(_: Snapshot) -> Iterable[Want]:
    """Nothing of a Linux host: collect.sh asks where there is a pfctl."""
    return ()


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """Two tables, with the chains rdr and nat, in and out; none where pf was not asked. Raises Malformed."""
    given = {name: snapshot.get(name) for name in (RULES, NAT, TABLES, INTERFACES)}
    if all(one.status is Status.ABSENT for one in (given[RULES], given[NAT])):
        return Piece()
    from agent.firewalls.pf.read import Reader  # noqa: PLC0415 - no Linux host needs it
    from agent.firewalls.pf.words import lines_of  # noqa: PLC0415 - likewise

    gaps = tuple(_gap(one) for one in given.values() if one.status not in (Status.OK, Status.ABSENT))
    if given[RULES].status is Status.ABSENT:
        gap = Gap("pf", "translations without filter rules", Source(NAT, ""), "give the output of pfctl -sr as well")
        gaps += (gap,)
    reader = Reader(lines_of(given[RULES].text), lines_of(given[NAT].text), given[TABLES].text, given[INTERFACES].text)
    return Piece(tables=(reader.translations(NAT), reader.filters(RULES)), gaps=gaps)


def _gap(artifact: Artifact) -> Gap:
    return Gap("pf", artifact.trouble, Source(artifact.name, ""), artifact.remedy or REMEDY)


def recognise(data: bytes) -> str | None:
    """Tell rules and translations by their first line, tables by their header."""
    first = next((line for line in data[:65536].splitlines() if line.strip() and not line.startswith(b"#")), b"")
    if _TRANSLATION.match(first + b" "):
        return NAT
    if re.match(rb"table <[^>]+>$", first):
        return TABLES
    return RULES if _RULE.match(first + b" ") else None


KIND = Kind("pf", wants, read, (RULES,), recognise)
