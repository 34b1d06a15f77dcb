"""System-wide proxy settings: environment files, profile scripts, systemd's manager, apt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.network import ProxyScheme, ProxySetting
from agent.model.source import Gap, Source
from agent.snapshot import Command, Files, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

SYSTEMD: Final = "systemd-environment.txt"
PATTERNS: Final = (
    "/etc/environment",
    "/etc/profile.d/*.sh",
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/*",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
)
SCHEMES: Final = {
    "http_proxy": ProxyScheme.HTTP, "https_proxy": ProxyScheme.HTTPS, "all_proxy": ProxyScheme.ALL,
    "ftp_proxy": ProxyScheme.FTP,
}  # fmt: skip
_ASSIGNMENT: Final = re.compile(r"(?i)(?:^|[\s\"';])((?:http|https|ftp|all|no)_proxy)=(\"[^\"]*\"|'[^']*'|[^\s;\"']*)")
_APT: Final = re.compile(r"(?i)^\s*Acquire::(http|https|ftp)::proxy(?:::\S+)?\s+\"([^\"]*)\"\s*;")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files, and systemd's own environment."""
    if SYSTEMD not in snapshot.artifacts:
        yield Want(SYSTEMD, Command(("systemctl", "show-environment")))
        for pattern in PATTERNS:
            yield Want("files", Files(pattern), "run as root")


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """All settings, in the order of the artifacts; a file that may not be read is a gap."""
    settings: list[ProxySetting] = []
    gaps: list[Gap] = []
    for artifact, audience in _artifacts(snapshot):
        if artifact.status is Status.OK:
            reader = _apt_settings if audience == "apt" else _assignments
            settings.extend(reader(artifact, audience))
        elif artifact.status is Status.DENIED:
            gaps.append(Gap("proxy settings", artifact.detail, Source(artifact.name, ""), artifact.remedy))
    return Piece(proxy_settings=tuple(settings), gaps=tuple(gaps))


def _artifacts(snapshot: Snapshot) -> Iterator[tuple[Artifact, str]]:
    for prefix, audience in (
        ("files/etc/environment", "environment"),
        ("files/etc/profile.d/", "environment"),
        (SYSTEMD, "systemd"),
        ("files/etc/systemd/system.conf", "systemd"),
        ("files/etc/apt/apt.conf", "apt"),
    ):
        for artifact in snapshot.under(prefix):
            yield artifact, audience


def _assignments(artifact: Artifact, audience: str) -> Iterator[ProxySetting]:
    found: list[tuple[ProxyScheme, str, Source]] = []
    exempt: tuple[str, ...] = ()
    for number, line in enumerate(artifact.text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in _ASSIGNMENT.finditer(line):
            name, value = match[1].lower(), match[2].strip("\"'")
            if name == "no_proxy":
                exempt = tuple(part for part in re.split(r"[,\s]+", value) if part)
            elif value.startswith("$"):
                continue  # a shell variable: $http_proxy again
            else:
                found.append((SCHEMES[name], value, Source(artifact.name, line.strip(), number)))
    for scheme, url, source in found:
        yield ProxySetting(scheme, url, exempt, audience, source)


def _apt_settings(artifact: Artifact, audience: str) -> Iterator[ProxySetting]:
    for number, line in enumerate(artifact.text.splitlines(), 1):
        if match := _APT.match(line):
            url = "" if match[2].upper() == "DIRECT" else match[2]
            source = Source(artifact.name, line.strip(), number)
            yield ProxySetting(ProxyScheme(match[1].lower()), url, (), audience, source)


KIND = Kind("proxy-environment", wants, read)
