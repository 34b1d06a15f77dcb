"""All dumps of one host to one piece of the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.iptables import ipset
from agent.firewalls.iptables.listings import DUMPS, PLAIN, REMEDY, SETS, backend
from agent.firewalls.iptables.read import read as read_dump
from agent.kind import Piece
from agent.model.firewall import Table, Tool
from agent.model.source import Gap, Source
from agent.snapshot import Artifact, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Snapshot

CHANGED: Final = re.compile(r"--(?:add|del)-set (\S+) ")
UNLISTED: Final = re.compile(r"(?m)^# Table `(\w+)' (is incompatible|contains incompatible base-chains)")
"""What iptables-nft-save prints about tables with chains and rules that only nft can list."""


def read(snapshot: Snapshot) -> Piece:
    """All tables of all dumps; what could not be read is a gap."""
    tables: list[Table] = []
    gaps: list[Gap] = []
    nft_lists = snapshot.get("nft.json").status is Status.OK
    dumps = list(_dumps(snapshot, gaps, nft_lists=nft_lists))
    changed = frozenset(name for artifact, _, _ in dumps for name in CHANGED.findall(artifact.text))
    sets, why_no_sets = _sets(snapshot, changed, gaps)
    for artifact, tool, family in dumps:
        text = artifact.text
        try:
            found, more = read_dump(text, tool, family, artifact.name, sets, why_no_sets=why_no_sets)
        except Malformed as error:
            gaps.append(_gap(artifact.name, error))
            continue
        tables.extend(found)
        gaps.extend(more)
        if not nft_lists:
            gaps.extend(_unlisted(text, artifact.name, family))
    return Piece(tables=tuple(tables), gaps=tuple(gaps))


def _dumps(snapshot: Snapshot, gaps: list[Gap], *, nft_lists: bool) -> Iterator[tuple[Artifact, Tool, int]]:
    """Yield the dumps that were taken, with backend and family; ``gaps`` gets those that could not be."""
    listed: list[tuple[str, Tool | None, int]] = [(name, tool, family) for name, (_, tool, family) in DUMPS.items()]
    listed += [(name, None, family) for name, (_, family) in PLAIN.items()]
    for name, tool, family in listed:
        artifact = snapshot.get(name)
        if artifact.status is Status.OK:
            yield artifact, tool or backend(artifact.data), family
        # it stumbles over native tables; where nft lists all, `merge` says which table is not understood
        elif artifact.status is not Status.ABSENT and not (tool is Tool.IPTABLES_NFT and nft_lists):
            reason = artifact.trouble
            source = Source(artifact.name, "")
            gaps.append(Gap(_subject(artifact.name), reason, source, artifact.remedy or REMEDY))


def _sets(snapshot: Snapshot, changed: frozenset[str], gaps: list[Gap]) -> tuple[dict[str, ipset.IpSet], str]:
    """The sets of the host, and why a set may be missing among them."""
    listing = snapshot.get(SETS)
    if listing.status is not Status.OK:
        detail = f", {listing.detail}" if listing.detail else ""
        remedy = f"; {listing.remedy or REMEDY}" if listing.status is Status.DENIED else ""
        return {}, f"ipset save is {listing.status}{detail}{remedy}"
    try:
        return ipset.parse(listing.text, changed), "ipset does not list it"
    except Malformed as error:
        gaps.append(_gap(SETS, error))
        return {}, f"ipset save: {error}"


def _unlisted(text: str, artifact: str, family: int) -> Iterator[Gap]:
    for table, what in UNLISTED.findall(text):
        source = Source(artifact, f"# Table `{table}' {what}")
        subject = f"{'ip' if family == 4 else 'ip6'} {table}"
        yield Gap(subject, "has chains or rules that only nft can list", source, "install nftables")


def _gap(artifact: str, error: Malformed) -> Gap:
    return Gap(_subject(artifact), str(error), Source(artifact, "", error.line), "take the dump again")


def _subject(artifact: str) -> str:
    return artifact.removesuffix(".txt")
