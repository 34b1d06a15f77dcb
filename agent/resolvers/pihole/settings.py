"""What Pi-hole is told in files: version 6 in pihole.toml, version 5 in pihole-FTL.conf and setupVars.conf."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.resolvers.pihole.options import doubt_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

TOML: Final = "/etc/pihole/pihole.toml"
FTL_CONF: Final = "/etc/pihole/pihole-FTL.conf"
SETUP_VARS: Final = "/etc/pihole/setupVars.conf"
GRAVITY: Final = "/etc/pihole/gravity.db"
MAX_DEPTH: Final = 8
FROM_5: Final = {
    "BLOCKINGMODE": "dns.blocking.mode", "CNAME_DEEP_INSPECT": "dns.CNAMEdeepInspect",
    "MOZILLA_CANARY": "dns.specialDomains.mozillaCanary", "BLOCK_ICLOUD_PR": "dns.specialDomains.iCloudPrivateRelay",
    "GRAVITYDB": "files.gravity", "BLOCKING_ENABLED": "dns.blocking.active", "BLOCK_IPV4": "dns.reply.blocking.IPv4",
    "BLOCK_IPV6": "dns.reply.blocking.IPv6", "REPLY_ADDR4": "dns.reply.blocking.IPv4",
    "REPLY_ADDR6": "dns.reply.blocking.IPv6",
}  # fmt: skip
"""Settings of version 5 by what version 6 calls them."""


@record
class Settings:
    """What the files say, by the names of version 6; what they do not say is as FTL has it by itself."""

    values: Mapping[str, str]
    sources: Mapping[str, Source]
    version: int
    gaps: tuple[Gap, ...]

    def yes(self, key: str) -> bool:
        """Whether something is switched on; all that is asked about is by itself."""
        return self.values.get(key, "true").lower() not in ("false", "no", "0")

    @property
    def mode(self) -> str:
        """How questions for blocked names are answered."""
        return self.values.get("dns.blocking.mode", "NULL").upper().replace("_", "-")

    @property
    def gravity(self) -> str:
        """The database."""
        return self.values.get("files.gravity", GRAVITY)

    def own_address(self, family: int) -> tuple[int, int] | None:
        """The address for blocked names, where it is set."""
        if self.version > 5 and self.values.get(f"dns.reply.blocking.force{family}", "false") != "true":
            return None
        found = as_address(self.values.get(f"dns.reply.blocking.IPv{family}", ""))
        return found if found and found[0] == family else None


def settings(following: Following) -> Settings:
    """Read the files there are; pihole.toml stands for version 6."""
    toml = following.file(TOML)
    if toml is not None:
        return _version_6(toml)
    gaps: list[Gap] = []
    values: dict[str, str] = {}
    sources: dict[str, Source] = {}
    ftl = following.file(FTL_CONF)
    found = list(_assignments(ftl)) if ftl else []
    for key, value, source in found:
        if doubt := doubt_about(key, value):
            gaps.append(Gap("pihole", f"{key}: {doubt}", source))
    path = next((value for key, value, _ in found if key == "SETUPVARSFILE" and value), SETUP_VARS)
    setup = following.file(path)
    found += [one for one in _assignments(setup) if one[0] == "BLOCKING_ENABLED"] if setup else []
    for key, value, source in found:
        if name := FROM_5.get(key):
            values.setdefault(name, value)
            sources.setdefault(name, source)
    return Settings(values, sources, 5, tuple(gaps))


def _assignments(artifact: Artifact) -> Iterator[tuple[str, str, Source]]:
    """Lines ``KEY=value``; the first of a key counts (``parse_FTLconf``)."""
    for number, line in enumerate(artifact.text.split("\n"), 1):
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            yield key.strip(), value.strip(), Source(artifact.name, line.strip(), number)


def _version_6(artifact: Artifact) -> Settings:
    """FTL writes the whole file anew at each start, with what its environment says."""
    try:
        document = tomllib.loads(artifact.text)
        values = dict(_flat(document, "", 0))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Settings({}, {}, 6, (Gap("pihole", f"{TOML} is not understood: {error}", Source(artifact.name, "")),))
    sources = dict(_places(artifact))
    gaps = [
        Gap("pihole", f"{key}: {doubt}", sources.get(key, Source(artifact.name, key)))
        for key, value in values.items()
        if (doubt := doubt_about(key, value))
    ]
    return Settings(values, sources, 6, tuple(gaps))


def _flat(table: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flat(value, f"{prefix}{key}.", depth + 1)
        else:
            yield prefix + key, str(value).lower() if isinstance(value, bool) else str(value)


def _places(artifact: Artifact) -> Iterator[tuple[str, Source]]:
    """Where each setting stands, as FTL lays the file out."""
    group = ""
    for number, line in enumerate(artifact.text.split("\n"), 1):
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            group = text.strip("[]") + "."
        elif "=" in text and not text.startswith("#"):
            yield (
                group + text.partition("=")[0].strip(),
                Source(artifact.name, text.partition("###")[0].strip(), number),
            )
