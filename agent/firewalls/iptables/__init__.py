"""iptables of both backends and families, from iptables-save, with its sets from ``ipset save``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.iptables import ipset
from agent.firewalls.iptables.read import read as read_dump
from agent.kind import Kind, Piece
from agent.model.firewall import Table, Tool
from agent.model.source import Gap, Source
from agent.snapshot import Artifact, Command, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

DUMPS: Final = {
    "iptables-legacy.txt": ("iptables-legacy-save", Tool.IPTABLES_LEGACY, 4),
    "ip6tables-legacy.txt": ("ip6tables-legacy-save", Tool.IPTABLES_LEGACY, 6),
    "iptables-nft.txt": ("iptables-nft-save", Tool.IPTABLES_NFT, 4),
    "ip6tables-nft.txt": ("ip6tables-nft-save", Tool.IPTABLES_NFT, 6),
}
PLAIN: Final = {"iptables.txt": ("iptables-save", 4), "ip6tables.txt": ("ip6tables-save", 6)}
"""For hosts that have just one backend, without its name."""
REMEDY: Final = "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_DAC_READ_SEARCH"
IPV6: Final = re.compile(rb"(?m)^-A .*(-[sd] [0-9a-f]*:[0-9a-f:]*[/ ]|ipv6-icmp|icmp6)")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The dumps of both backends; the plain programs only where those are not there."""
    for name, (program, _, _) in DUMPS.items():
        if name not in snapshot.artifacts:
            yield Want(name, Command((program,)), REMEDY)
    if ipset.ARTIFACT not in snapshot.artifacts:
        yield Want(ipset.ARTIFACT, Command(("ipset", "save")), REMEDY)
    if all(snapshot.get(name).status is Status.ABSENT and name in snapshot.artifacts for name in DUMPS):
        for name, (program, _) in PLAIN.items():
            if name not in snapshot.artifacts:
                yield Want(name, Command((program,)), REMEDY)


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """All tables of all dumps; what could not be read is a gap."""
    gaps: list[Gap] = []
    sets: dict[str, ipset.IpSet] = {}
    listing = snapshot.get(ipset.ARTIFACT)
    if listing.status is Status.OK:
        try:
            sets = ipset.parse(listing.text)
        except Malformed as error:
            gaps.append(_gap("ipset", ipset.ARTIFACT, str(error), error.line))
    tables: list[Table] = []
    for name, tool, family in _dumps(snapshot):
        artifact = snapshot.get(name)
        if artifact.status is Status.ABSENT:
            continue
        if artifact.status is not Status.OK:
            # it stumbles over native tables; where nft lists all, `merge` says which table is not understood
            if tool is not Tool.IPTABLES_NFT or snapshot.get("nft.json").status is not Status.OK:
                gaps.append(_unreadable(artifact))
            continue
        try:
            found, more = read_dump(artifact.text, tool, family, name, sets)
        except Malformed as error:
            gaps.append(_gap(name.partition(".")[0], name, str(error), error.line))
            continue
        tables.extend(found)
        gaps.extend(more)
    return Piece(tables=tuple(tables), gaps=tuple(gaps))


def _dumps(snapshot: Snapshot) -> Iterable[tuple[str, Tool, int]]:
    for name, (_, tool, family) in DUMPS.items():
        yield name, tool, family
    for name, (_, family) in PLAIN.items():
        nft = b"nf_tables" in snapshot.get(name).data[:200]
        yield name, Tool.IPTABLES_NFT if nft else Tool.IPTABLES_LEGACY, family


def _unreadable(artifact: Artifact) -> Gap:
    reason = f"{artifact.status}: {artifact.detail}" if artifact.detail else str(artifact.status)
    return Gap(artifact.name.partition(".")[0], reason, Source(artifact.name, ""), artifact.remedy or REMEDY)


def _gap(subject: str, artifact: str, reason: str, line: int | None) -> Gap:
    return Gap(subject, reason, Source(artifact, "", line), "take the dump again")


def recognise(data: bytes) -> str | None:
    """Tell a dump by its header, else by its first lines."""
    head = data[:4096]
    if re.match(rb"\s*create \S+ \w+:\w+", head):
        return ipset.ARTIFACT
    if not re.search(rb"(?m)^\*(filter|nat|mangle|raw|security)\s*$", head):
        return None
    six = b"ip6tables" in head[:200] or (b"iptables" not in head[:200] and IPV6.search(data) is not None)
    backend = "nft" if b"nf_tables" in head[:200] or b"-nft-save" in head[:200] else "legacy"
    return f"ip{'6' if six else ''}tables-{backend}.txt"


KIND = Kind("iptables", wants, read, recognise)
