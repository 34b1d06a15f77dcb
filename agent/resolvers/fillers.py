"""Resolvers that fill sets of the packet filter from names: dnsmasq's ``nftset``/``ipset``, Unbound's ``ipset``.

Sources: dnsmasq(8); unbound.conf(5), "IPset Options".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY, Kind, Piece
from agent.model.naming import FilledSet
from agent.model.source import Source
from agent.resolvers import dnsmasq
from agent.snapshot import Files, Want
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

DNSMASQ: Final = (
    "/etc/dnsmasq.conf",
    "/etc/dnsmasq.d/*",
    "/tmp/etc/dnsmasq.conf.*",  # noqa: S108 - where OpenWrt keeps it; it is only read
    "/var/etc/dnsmasq.conf.*",
)
ABOUT_SETS: Final = frozenset({"nftset", "ipset", "cache-size", "max-cache-ttl"})
UNBOUND: Final = ("/etc/unbound/unbound.conf", "/etc/unbound/unbound.conf.d/*.conf")
_FILL: Final = re.compile(r"\s*(nftset|ipset)\s*=\s*/(?P<domains>.*)/(?P<sets>[^/]*?)\s*(?:#\s.*)?$")
_CACHE: Final = re.compile(r"\s*cache-size\s*=\s*(\d{1,9})\b")
_LONGEST: Final = re.compile(r"\s*max-cache-ttl\s*=\s*(\d{1,9})\b")
_UNBOUND_SET: Final = re.compile(r"\s*name-v([46]):\s*\"?(?P<set>[^\s\"#]+)")
_UNBOUND_ZONE: Final = re.compile(r"\s*local-zone:\s*\"?(?P<zone>[^\s\"]+?)\.?\"?\s+ipset\b")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The configuration files of both."""
    if not any(name.startswith("files/etc/dnsmasq") for name in snapshot.artifacts):
        for pattern in (*DNSMASQ, *UNBOUND):
            yield Want("files", Files(pattern), "run as root")


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """All sets that are filled, in the order of the files."""
    names = sorted(name for name in snapshot.artifacts if name.startswith("files/"))
    named = _named(snapshot)
    of_dnsmasq = [
        snapshot.artifacts[name] for name in names if name in named or re.search(r"/etc/dnsmasq(\.conf|\.d/)", name)
    ]
    unbound = [snapshot.artifacts[name] for name in names if name.startswith("files/etc/unbound/")]
    kept = _kept(of_dnsmasq)
    found = [replace(one, kept=kept) for artifact in of_dnsmasq for one in _dnsmasq(artifact)]
    return Piece(filled_sets=(*found, *_unbound(unbound)))


def _named(snapshot: Snapshot) -> frozenset[str]:
    """The files of dnsmasq elsewhere that say something about sets, by the command lines of those that run."""
    programs = present(snapshot, dnsmasq.NAME, dnsmasq.DEFAULT)
    if not programs:
        return frozenset()
    from agent.resolvers.dnsmasq.files import load  # noqa: PLC0415 - most hosts have none

    options = (one for program in programs for one in load(snapshot, program, NOBODY).options)
    return frozenset(one.source.artifact for one in options if one.name in ABOUT_SETS)


def _dnsmasq(artifact: Artifact) -> Iterator[FilledSet]:
    """``nftset=/a/b/4#inet#fw4#chat,6#inet#fw4#chat6`` and ``ipset=/a/chat,chat6``."""
    for number, line in enumerate(artifact.text.splitlines(), 1):
        match = _FILL.match(line)
        if match is None:
            continue
        domains = tuple(name.strip().lower().strip(".") for name in match["domains"].split("/"))
        source = Source(artifact.name, line.strip(), number)
        for target in match["sets"].split(","):
            if match[1] == "ipset":
                yield FilledSet(target.strip(), "ipset", domains, source)
                continue
            family = re.match(r"([46])#", target.strip())
            *table, name = re.sub(r"^[46]#", "", target.strip()).split("#")
            if len(table) in (1, 2):  # without a family it is ip, as for nft itself
                place = " ".join(table if len(table) == 2 else ("ip", *table))
                yield FilledSet(name, place, domains, source, int(family[1]) if family else None)


def _kept(artifacts: list[Artifact]) -> int | None:
    """How long dnsmasq answers from its cache at most, which fills no set; None: as long as answers say."""
    limits = []
    for artifact in artifacts:
        for line in artifact.text.splitlines():
            if size := _CACHE.match(line):
                limits += [] if int(size[1]) else [0]
            elif longest := _LONGEST.match(line):
                limits.append(int(longest[1]))
    return min(limits, default=None)


def _unbound(artifacts: list[Artifact]) -> Iterator[FilledSet]:
    """The clause ``ipset:`` names the sets, ``local-zone: x ipset`` the names that go there."""
    zones: list[str] = []
    sets: list[tuple[str, int, Source]] = []
    for artifact in artifacts:
        for number, line in enumerate(artifact.text.splitlines(), 1):
            if zone := _UNBOUND_ZONE.match(line):
                zones.append(zone["zone"].lower())
            elif filled := _UNBOUND_SET.match(line):
                sets.append((filled["set"], int(filled[1]), Source(artifact.name, line.strip(), number)))
    for name, family, source in sets:
        yield FilledSet(name, "ipset", tuple(zones), source, family)


KIND = Kind("fillers", wants, read)
