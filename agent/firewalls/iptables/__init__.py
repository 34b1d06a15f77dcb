"""iptables of both backends and families, from iptables-save, with its sets from ``ipset save``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables.listings import DUMPS, HEADER, PLAIN, REMEDY, SETS, backend
from agent.kind import Kind, Piece
from agent.model.firewall import Tool
from agent.snapshot import Command, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

TABLE: Final = re.compile(rb"(?m)^\*(filter|nat|mangle|raw|security)\s*$")
LISTING: Final = re.compile(rb"\s*-P (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) [A-Z]+\s")
"""How ``iptables -S`` begins."""
IPV6: Final = re.compile(rb"(?m)^-A .*(-[sd] [0-9a-f]*:[0-9a-f:]*[/ ]|ipv6-icmp|icmpv6|icmp6)")
SETS_HEAD: Final = re.compile(rb"\s*create \S+ (hash|bitmap|list):[a-z]")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The dumps of both backends; the plain programs only where those are not there."""
    for name, (program, _, _) in DUMPS.items():
        if name not in snapshot.artifacts:
            yield Want(name, Command((program,)), REMEDY)
    if SETS not in snapshot.artifacts:
        yield Want(SETS, Command(("ipset", "save")), REMEDY)
    if all(snapshot.get(name).status is Status.ABSENT and name in snapshot.artifacts for name in DUMPS):
        for name, (program, _) in PLAIN.items():
            if name not in snapshot.artifacts:
                yield Want(name, Command((program,)), REMEDY)


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """All tables of all dumps; what could not be read is a gap."""
    if all(snapshot.get(name).status is Status.ABSENT for name in (*DUMPS, *PLAIN, SETS)):
        return Piece()
    from agent.firewalls.iptables import dumps  # noqa: PLC0415 - a dozen modules, where there is something to read

    return dumps.read(snapshot)


def recognise(data: bytes) -> str | None:
    """Tell a dump by its header, else by its first lines and its addresses."""
    head = data[:4096]
    if SETS_HEAD.match(head):
        return SETS
    header = HEADER.search(head)
    if header is None and TABLE.search(head) is None and LISTING.match(head) is None:
        return None
    six = header[1] == b"ip6" if header else IPV6.search(data) is not None
    kind = "nft" if backend(data) is Tool.IPTABLES_NFT else "legacy"
    return f"ip{'6' if six else ''}tables-{kind}.txt"


KIND = Kind("iptables", wants, read, recognise=recognise)
