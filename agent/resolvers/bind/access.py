"""Who may ask what: access lists, and which stand in for those not set (``configure_view`` in ``named/server.c``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.record import record
from agent.resolvers.bind.addresses import EVERY, FAMILIES, NOBODY, Addresses, Lists
from agent.resolvers.bind.understood import filter_of

if TYPE_CHECKING:
    from agent.resolvers.bind.statements import Block
    from agent.resolvers.bind.zones import Zone

YES: Final = frozenset({"yes", "true", "1"})


@record
class Access:
    """What the clients of one view may do."""

    cache: Addresses
    """Who gets answers of other servers that are known already."""
    recursion: Addresses
    """For whom other servers are asked."""
    without_six: Addresses
    """Who gets no IPv6 addresses of names that have others."""
    without_four: Addresses
    """Likewise for IPv4."""


class Reader:
    """Access lists of one configuration."""

    def __init__(self, lists: Lists, block: Block, options: Block) -> None:
        self.lists = lists
        self._block = block
        self._options = options
        self.listening = {4: self._listening("listen-on", 4), 6: self._listening("listen-on-v6", 6)}

    def _listening(self, name: str, family: int) -> Intervals:
        said = tuple(self._options.all(name))
        return Intervals.union(self.lists.of(one.block)[family] for one in said) if said else EVERY[family]

    def access(self, own: Block) -> Access:
        """Give what clients of a view may do."""
        four, six = self._filters(own)
        if own.text("recursion", self._options.text("recursion", "yes")).lower() not in YES:
            return Access(NOBODY, NOBODY, four, six)
        cache = self._first(own, "allow-query-cache", "allow-recursion", "allow-query")
        recursion = self._first(own, "allow-recursion", "allow-query-cache", "allow-query")
        near = self.lists.near if cache is None or recursion is None else NOBODY
        return Access(
            _both(near if cache is None else cache, self._asked(own, "allow-query-cache-on")),
            _both(near if recursion is None else recursion, self._asked(own, "allow-recursion-on")),
            four,
            six,
        )

    def of_zone(self, zone: Zone) -> Addresses:
        """Give who may ask for names of a zone."""
        said = zone.block.get("allow-query")
        allowed = self.lists.of(said.block) if said else self._first(zone.own, "allow-query")
        on = zone.block.get("allow-query-on")
        return _both(
            EVERY if allowed is None else allowed,
            self.lists.asked(on.block, self.listening) if on else self._asked(zone.own, "allow-query-on"),
        )

    def matching(self, own: Block) -> Addresses:
        """Give whose questions a view answers."""
        match = own.get("match-clients")
        destinations = own.get("match-destinations")
        return _both(
            self.lists.of(match.block) if match else EVERY,
            self.lists.asked(destinations.block, self.listening) if destinations else EVERY,
        )

    def _first(self, own: Block, *names: str) -> Addresses | None:
        """The first of some lists that is set."""
        for name in names:
            if said := own.get(name) or self._options.get(name):
                return self.lists.of(said.block)
        return None

    def _asked(self, own: Block, name: str) -> Addresses:
        said = own.get(name) or self._options.get(name)
        return self.lists.asked(said.block, self.listening) if said else EVERY

    def _filters(self, own: Block) -> tuple[Addresses, Addresses]:
        """Clients of the filter plugins, which keep back addresses of one family (filter-aaaa(8))."""
        found = {"filter-aaaa": dict(NOBODY), "filter-a": dict(NOBODY)}
        for plugin in (*self._block.all("plugin"), *own.all("plugin")):
            kind, block = filter_of(plugin), plugin.block
            listed = block.get(kind)
            whom = self.lists.of(listed.block) if listed else EVERY
            for family in FAMILIES:
                if kind in found and block.text(f"{kind}-on-v{family}", "no").lower() in (*YES, "break-dnssec"):
                    found[kind][family] = whom[family]
        return found["filter-aaaa"], found["filter-a"]


def _both(one: Addresses, other: Addresses) -> Addresses:
    return {family: one[family] & other[family] for family in FAMILIES}
