"""Pi-hole's database of lists, groups and clients (``gravity.db.sql``; ``gravity-db.c`` of FTL).

An entry counts for a client where both are in one group that is switched on. Entries of lists are whole names; those
written ``||name^`` are names with all below them. Only entries that touch the names of interest become objects.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import prefix_interval
from agent.model.record import record
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.snapshot import Rows
from agent.snapshot.table import columns_of, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.intervals import Interval
    from agent.model.names import Interest
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

TABLES: Final = {
    "group": ("id", "enabled", "name"),
    "domainlist": ("id", "type", "domain", "enabled"),
    "domainlist_by_group": ("domainlist_id", "group_id"),
    "adlist": ("id", "enabled", "address"),
    "adlist_by_group": ("adlist_id", "group_id"),
    "client": ("id", "ip"),
    "client_by_group": ("client_id", "group_id"),
    "info": ("property", "value"),
    "gravity": ("domain", "adlist_id"),
    "antigravity": ("domain", "adlist_id"),
}
"""What is read of the database."""
ALLOWS: Final = "antigravity"
"""Version 5 has no such table."""
EXACT_ALLOW, EXACT_DENY, REGEX_ALLOW, REGEX_DENY = "0", "1", "2", "3"
DEFAULT: Final = frozenset({"0"})
"""The group of clients of whom nothing is said."""


@record
class Entry:
    """A line of a list, for the clients of some groups."""

    text: str
    groups: frozenset[str]
    source: Source

    def names(self) -> NameSet:
        """What an entry of gravity or antigravity is about."""
        if self.text.endswith("^"):
            return NameSet(Scope.SUBTREE, self.text.removeprefix("@@").removeprefix("||").removesuffix("^"))
        return NameSet(Scope.EXACT, self.text)


@record
class Client:
    """Somebody of whom the database speaks; ``block`` is None where only the network can say who it is."""

    text: str
    block: tuple[int, Interval] | None
    groups: frozenset[str]
    source: Source


class Gravity:
    """The database; an attribute for each list, in the order in which FTL looks."""

    def __init__(self, tables: Mapping[str, Artifact], interest: Interest) -> None:
        self._tables = tables
        self._interest = interest
        self._enabled = frozenset(row["id"] for _, row in self._rows("group") if row["enabled"] == "1")
        self._adlists = {row["id"]: row.get("address", "") for _, row in self._rows("adlist") if row["enabled"] == "1"}
        self._groups_of_lists = self._grouped("adlist_by_group", "adlist_id")
        self._with_trees = any(
            row["property"] == "abp_domains" and row["value"] not in ("", "0") for _, row in self._rows("info")
        )
        domains = list(self._domains())
        self.exact_allow, self.exact_deny, self.regex_allow, self.regex_deny = (
            tuple(entry for kind, entry in domains if kind == wanted)
            for wanted in (EXACT_ALLOW, EXACT_DENY, REGEX_ALLOW, REGEX_DENY)
        )
        self.antigravity = tuple(self._listed(ALLOWS, "@@||"))
        self.gravity = tuple(self._listed("gravity", "||"))

    def _rows(self, table: str, words: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
        return rows(self._tables[table], words) if table in self._tables else iter(())

    def _grouped(self, table: str, key: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for _, row in self._rows(table):
            found[row[key]].add(row["group_id"])
        return found

    def _domains(self) -> Iterator[tuple[str, Entry]]:
        groups = self._grouped("domainlist_by_group", "domainlist_id")
        for number, row in self._rows("domainlist"):
            mine = self._enabled & groups[row["id"]]
            regex = row["type"] in (REGEX_ALLOW, REGEX_DENY)
            if row["enabled"] == "1" and mine and (regex or self._holds(row["domain"])):
                what = "regular expression" if regex else "domain"
                yield row["type"], Entry(row["domain"], mine, self._source("domainlist", number, what, row["domain"]))

    def _holds(self, name: str) -> bool:
        """Whether an exact entry is of interest; FTL asks for names in small letters."""
        return name == name.lower() and self._interest.holds(name)

    def _listed(self, table: str, mark: str) -> Iterator[Entry]:
        """The entries of lists, with the list's address; of the same name for the same groups one is enough."""
        seen: set[tuple[str, frozenset[str]]] = set()
        for number, row in self._rows(table, self._words(mark)):
            text = row["domain"]
            groups = self._enabled & self._groups_of_lists.get(row["adlist_id"], set())
            if row["adlist_id"] not in self._adlists or not groups or (text, groups) in seen:
                continue
            tree = text.startswith(mark) and text.endswith("^")
            name = text[len(mark) : -1] if tree else text
            if (
                self._interest.touches(name) and name == name.lower()
                if tree and self._with_trees
                else self._holds(text)
            ):
                seen.add((text, groups))
                yield Entry(text, groups, self._source(table, number, self._adlists[row["adlist_id"]], text))

    def _words(self, mark: str) -> tuple[str, ...]:
        """What a line must contain to be of interest: one of the names, or a tree above one."""
        above = {name.split(".", depth)[-1] for name in self._interest.names for depth in range(1, name.count(".") + 1)}
        return (*self._interest.names, *(f"{mark}{name}^" for name in sorted(above)))

    def _source(self, table: str, number: int, what: str, text: str) -> Source:
        return Source(self._tables[table].name, f"{text} ({what})", number)

    def clients(self) -> tuple[Client, ...]:
        """Those of whom something is said, in the order of their numbers."""
        groups = self._grouped("client_by_group", "client_id")
        found = []
        for number, row in self._rows("client"):
            if row["ip"].endswith("/0"):
                continue  # it fits with no bits, which FTL takes for not at all
            mine = frozenset(groups[row["id"]]) & self._enabled
            source = self._source("client", number, "client", row["ip"])
            found.append(Client(row["ip"], _block(row["ip"]), mine, source))
        return tuple(found)


def tables(path: str, following: Following, named_by: Source) -> dict[str, Artifact]:
    """The tables that are there; a gap where one is missing that must be. Raises Malformed where it is another."""
    asked = {
        name: following.rows(Rows(path, name, columns), None if name in (ALLOWS, "info") else named_by)
        for name, columns in TABLES.items()
    }
    found = {name: artifact for name, artifact in asked.items() if artifact}
    for name, artifact in found.items():
        if lacking := set(TABLES[name]) - set(columns_of(artifact)):
            raise Malformed(f"{artifact.name} has no column {min(lacking)}")
    return found


def _block(text: str) -> tuple[int, Interval] | None:
    """Addresses as ``subnet_match`` reads them; hardware addresses, names and interfaces are none."""
    try:
        return prefix_interval(text.strip())
    except ValueError:
        return None
