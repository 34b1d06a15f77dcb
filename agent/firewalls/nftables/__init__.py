"""nftables, from ``nft -j list ruleset``: rules first, then the elements of the sets that rules look at.

A set may have a million elements, and a listing of everything would have to hold them all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.firewalls.nftables.read import parse
from agent.firewalls.nftables.setlist import sets_that_matter
from agent.kind import Kind, Piece
from agent.model.source import Gap, Source
from agent.snapshot import Command, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

ARTIFACT = "nft.json"
REMEDY = "run as root, or with CAP_NET_ADMIN"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """One terse listing of everything; then each set that a rule names."""
    if ARTIFACT not in snapshot.artifacts:
        yield Want(ARTIFACT, Command(("nft", "-j", "-t", "list", "ruleset")), REMEDY)
        return
    listing = snapshot.artifacts[ARTIFACT]
    if listing.status is Status.OK:
        try:
            named = sets_that_matter(listing.data)
        except Malformed:  # reading it says so
            return
        for one in named:
            if one.artifact not in snapshot.artifacts:
                yield Want(
                    one.artifact, Command(("nft", "-j", "list", one.kind, one.family, one.table, one.name)), REMEDY
                )


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """All tables; a listing that could not be had, or is cut off, is a gap."""
    artifact = snapshot.get(ARTIFACT)
    if artifact.status is Status.ABSENT:
        return Piece()
    if artifact.status is not Status.OK:
        return Piece(gaps=(Gap("nftables", artifact.trouble, Source(ARTIFACT, ""), artifact.remedy or REMEDY),))
    try:
        tables, gaps = parse(artifact.data, ARTIFACT, snapshot.artifacts)
    except Malformed as error:
        return Piece(gaps=(Gap("nftables", str(error), Source(ARTIFACT, ""), "take the snapshot again"),))
    return Piece(tables=tables, gaps=gaps)


def recognise(data: bytes) -> str | None:
    """Tell nft's JSON by its first key."""
    return ARTIFACT if data.lstrip()[:1] == b"{" and b'"nftables"' in data[:200] else None


KIND = Kind("nftables", wants, read, recognise=recognise)
