"""Rules without a program to list them: the kernel filters, and nobody here can say what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.source import Gap, Source
from agent.snapshot import Files, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

MODULES: Final = "/proc/modules"
NAMES: Final = {"/proc/net/ip_tables_names": "iptables", "/proc/net/ip6_tables_names": "ip6tables"}
"""The legacy tables that exist, one a line."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """What the kernel says of itself."""
    for path in (MODULES, *NAMES):
        if f"files{path}" not in snapshot.artifacts:
            yield Want("files", Files(path), "run as root")


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """A gap for each filter that is in use but cannot be listed."""
    gaps = []
    modules = {line.split(" ")[0] for line in snapshot.get(f"files{MODULES}").text.splitlines()}
    asked = "nft.json" in snapshot.artifacts
    if asked and "nf_tables" in modules and snapshot.get("nft.json").status is Status.ABSENT:
        reason = "the kernel has nf_tables loaded, but nft is not installed to list its rules"
        gaps.append(Gap("nftables", reason, Source(f"files{MODULES}", "nf_tables"), "install nftables"))
    for path, program in NAMES.items():
        names = snapshot.get(f"files{path}").text.split()
        dumps = (f"{program}-legacy.txt", f"{program}.txt")
        unlisted = all(snapshot.get(dump).status is Status.ABSENT for dump in dumps)
        if names and unlisted and dumps[0] in snapshot.artifacts:
            reason = f"the kernel has legacy tables ({', '.join(names)}), but {program}-legacy-save is not installed"
            gaps.append(Gap(program, reason, Source(f"files{path}", ""), "install iptables"))
    return Piece(gaps=tuple(gaps))


KIND = Kind("firewall-presence", wants, read)
