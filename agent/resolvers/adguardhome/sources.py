"""What AdGuard Home's settings name: its lists, the hosts file, a file of servers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from agent.model.source import Gap
from agent.resolvers.adguardhome import lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.resolvers.adguardhome.lists import Lists
    from agent.resolvers.adguardhome.settings import Settings
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

NAME: Final = "adguardhome"
HOSTS: Final = "/etc/hosts"
MAX_LISTS: Final = 1000


class Sources:
    """The files, and what their lists say about the names of interest, once that is asked."""

    def __init__(self, settings: Settings, following: Following, folder: str, interest: Interest) -> None:
        self._settings = settings
        self._following = following
        self._folder = folder.rstrip("/")
        self.gaps = [Gap(NAME, f"{key}: {why}", settings.source(key)) for key, why in settings.doubts()]
        self._interest = interest
        self._allowing = tuple(self._files("whitelist_filters"))
        self._blocking = (*self._own_rules(), *self._files("filters"))
        read_hosts = settings.yes(settings.get("dns.hostsfile_enabled"), otherwise=True)
        self.hosts = following.file(HOSTS) if read_hosts else None
        self.upstreams = self._upstreams_in_file()

    @cached_property
    def allowing(self) -> Lists:
        """What is allowed whatever else is said."""
        return lists.read(self._allowing, self._interest)

    @cached_property
    def blocking(self) -> Lists:
        """What is blocked or rewritten, and the exceptions."""
        return lists.read(self._blocking, self._interest)

    def _own_rules(self) -> Iterator[tuple[str, bytes, int]]:
        """The rules in the settings, which have a line each, as a list of its own."""
        rules = self._settings.texts(self._settings.get("user_rules"))
        if rules:
            place = self._settings.source("user_rules:")
            data = "\n".join(rule.replace("\n", " ") for rule in rules).encode(errors="replace")
            yield place.artifact, data, place.line or 0

    def _files(self, key: str) -> Iterator[tuple[str, bytes, int]]:
        """The lists that are switched on, where AdGuard Home keeps them."""
        listed = self._settings.tables(self._settings.get(key))
        if len(listed) > MAX_LISTS:
            self.gaps.append(Gap(NAME, f"more than {MAX_LISTS} {key}", self._settings.source(key)))
        for one in listed[:MAX_LISTS]:
            if self._settings.yes(one.get("enabled"), otherwise=False) and isinstance(one.get("id"), int):
                path = f"{self._folder}/data/filters/{one['id']}.txt"
                source = self._settings.source(str(one.get("name") or one["id"]), f"id: {one['id']}")
                file = self._following.file(path, source)
                if file is not None:
                    yield file.name, file.data, 0

    def _upstreams_in_file(self) -> Artifact | None:
        path = str(self._settings.get("dns.upstream_dns_file") or "")
        full = path if path.startswith("/") else f"{self._folder}/{path}"
        return self._following.file(full, self._settings.source("upstream_dns_file")) if path else None
