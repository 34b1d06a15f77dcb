"""AdGuardHome.yaml. What older versions have under ``dns``, newer ones have under ``filtering``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from agent.errors import Malformed
from agent.model.intervals import as_address, prefix_interval
from agent.model.record import record
from agent.model.source import Source
from agent.resolvers.adguardhome.options import doubt_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.intervals import Interval
    from agent.snapshot import Artifact

MAX_SIZE: Final = 16 << 20
"""Bytes; AdGuard Home's own rules are in the file, but not the lists."""
MAX_KEYS: Final = 10_000
MAX_DEPTH: Final = 5


@record
class Client:
    """A client of whom there are settings."""

    name: str
    blocks: tuple[tuple[int, Interval], ...]
    elusive: bool
    """Whether it may also be known by what an audit cannot know: a hardware address, a name of its own."""
    tags: tuple[str, ...]
    filtered: bool | None
    """None where it is as for all, as with the next ones."""
    watched: bool | None
    """Whether a remote service is asked about names."""
    services: tuple[str, ...] | None
    upstreams: tuple[str, ...]
    source: Source


class Settings:
    """What the file says. Raises Malformed where it is not YAML."""

    def __init__(self, artifact: Artifact) -> None:
        if len(artifact.data) > MAX_SIZE:
            raise Malformed(f"{artifact.name} has more than {MAX_SIZE >> 20} MiB")
        try:
            document = yaml.safe_load(artifact.data)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise Malformed(f"{artifact.name} is not understood: {str(error).splitlines()[0]}") from error
        if not isinstance(document, dict):
            raise Malformed(f"{artifact.name} has no settings")
        self._document: dict[Any, Any] = document
        self._artifact = artifact

    def get(self, *keys: str) -> Any:
        """Give the value of the first of some settings that is there: ``filtering.blocking_mode``."""
        for key in keys:
            at: Any = self._document
            for part in key.split("."):
                at = at.get(part) if isinstance(at, dict) else None
            if at is not None:
                return at
        return None

    def of_filtering(self, key: str) -> Any:
        """Give a setting about filtering."""
        return self.get(f"filtering.{key}", f"dns.{key}")

    def yes(self, value: Any, *, otherwise: bool) -> bool:
        """Whether something is switched on."""
        return value if isinstance(value, bool) else otherwise

    def texts(self, value: Any) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(str(one) for one in value) if isinstance(value, list) else ()

    def tables(self, value: Any) -> tuple[dict[str, Any], ...]:
        """A list of groups of settings."""
        return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()

    def source(self, text: str, hint: str = "") -> Source:
        """Where some text stands, if it is there as it is; ``hint`` is what to look for instead."""
        at = self._artifact.data.find((hint or text).encode())
        return Source(self._artifact.name, text, self._artifact.data.count(b"\n", 0, at) + 1 if at >= 0 else None)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Settings that are not followed, and why that matters."""
        for count, (key, value) in enumerate(_flat(self._document, "", 0)):
            if count > MAX_KEYS:
                yield "settings", f"more than {MAX_KEYS}"
                return
            if why := doubt_about(key, value):
                yield key, why

    @property
    def services(self) -> tuple[str, ...]:
        """Services that are blocked for all."""
        return self._services(self.of_filtering("blocked_services"))

    def _services(self, value: Any) -> tuple[str, ...]:
        return self.texts(value.get("ids") if isinstance(value, dict) else value)

    def clients(self) -> Iterator[Client]:
        """The clients with settings of their own."""
        listed = self.get("clients.persistent")
        for one in self.tables(listed if listed is not None else self.get("clients")):
            ids = self.texts(one.get("ids"))
            blocks = tuple(block for text in ids if (block := block_of(text)))
            own = not self.yes(one.get("use_global_settings"), otherwise=True)
            filtered = self.yes(one.get("filtering_enabled"), otherwise=False)
            watched = any(
                self.yes(one.get(key), otherwise=False) for key in ("parental_enabled", "safebrowsing_enabled")
            )
            services = self._services(one.get("blocked_services"))
            own_services = not self.yes(one.get("use_global_blocked_services"), otherwise=True)
            name = str(one.get("name", ""))
            yield Client(
                name,
                blocks,
                len(blocks) < len(ids),
                self.texts(one.get("tags")),
                filtered if own else None,
                watched if own else None,
                services if own_services else None,
                self.texts(one.get("upstreams")),
                self.source(f"client {name}", name),
            )


def block_of(text: str) -> tuple[int, Interval] | None:
    """Family and addresses of an address or a block of them."""
    try:
        return prefix_interval(text) if "/" in text or as_address(text) else None
    except ValueError:
        return None


def _flat(table: dict[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Settings by whole name; what is in lists belongs to the setting that has them."""
    for key, value in table.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flat(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", value
