"""What words for addresses and interfaces stand for: tables, interface groups, an interface's own addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.expression import IntervalTable, NamedSet, UnknownTable
from agent.model.intervals import Intervals, address_value, name_value, prefix_interval

if TYPE_CHECKING:
    from agent.model.intervals import Interval

TITLE: Final = "inet pf"
_TABLE: Final = re.compile(r"table <([^>]+)>")
_LINK: Final = re.compile(r"(\S+): flags=")
_INET: Final = re.compile(r"\s+inet (\S+) netmask (0x[0-9a-f]+|\S+)")
_INET6: Final = re.compile(r"\s+inet6 ([0-9a-f:.]+)(?:%\S+)? prefixlen (\d+)")
_GROUPS: Final = re.compile(r"\s+groups: (.+)")
_OWN: Final = re.compile(r"\(?([A-Za-z][\w.]*)(?::(network|0))?\)?")


class Hosts:
    """The tables and interfaces of one gateway; what was not listed is unknown."""

    def __init__(self, tables: str, interfaces: str) -> None:
        self._tables = _tables(tables)
        self._groups: dict[str, list[str]] = {}
        self._addresses: dict[str, list[tuple[int, int, int]]] = {}
        self._read_interfaces(interfaces)
        self._known: dict[tuple[str, int], NamedSet] = {}

    def _read_interfaces(self, text: str) -> None:
        """Family, address and prefix length of each interface, and its groups."""
        name = ""
        for line in text.splitlines():
            if link := _LINK.match(line):
                name = link[1]
                self._addresses[name] = []
            elif four := _INET.match(line):
                mask = int(four[2], 16) if four[2].startswith("0x") else address_value(four[2])[1]
                self._addresses[name].append((4, address_value(four[1])[1], mask.bit_count()))
            elif six := _INET6.match(line):
                self._addresses[name].append((6, address_value(six[1])[1], int(six[2])))
            elif groups := _GROUPS.match(line):
                for group in groups[1].split():
                    self._groups.setdefault(group, []).append(name)

    def interfaces(self, word: str) -> Intervals | None:
        """The names that ``on word`` means: an interface, a group, or all of a driver; None where unknown.

        A word that ends in no digit is a group, or a driver's name for all of its interfaces.
        """
        if word in self._addresses or re.search(r"\d$", word):
            return Intervals.single(name_value(word))
        if not self._addresses:
            return None
        driver = re.compile(rf"{re.escape(word)}\d+")
        names = {*self._groups.get(word, ()), *filter(driver.fullmatch, self._addresses)}
        return Intervals.of((name_value(name), name_value(name)) for name in names)

    def families(self, word: str) -> tuple[int, ...]:
        """The families that an address word may stand for."""
        try:
            return (prefix_interval(word.partition("-")[0])[0],)
        except ValueError:
            return (4, 6)

    def members(self, word: str, family: int) -> Intervals | NamedSet | str:
        """The addresses of one family that a word stands for; as text why that cannot be known."""
        if word in ("no-route", "urpf-failed") or word.startswith("route"):
            return word
        if word.startswith("<"):
            return self._table(word.strip("<>"), family)
        first, dash, last = word.partition("-")
        try:
            if dash:
                return Intervals.span(address_value(first)[1], address_value(last)[1])
            return Intervals.span(*prefix_interval(word)[1])
        except ValueError:
            return self._own(word, family)

    def _table(self, name: str, family: int) -> NamedSet:
        known = self._known.get((name, family))
        if known is None:
            entries = self._tables.get(name)
            elements = (
                UnknownTable(f"table <{name}> is not listed")
                if entries is None
                else IntervalTable(_most_specific(entries, family))
            )
            known = self._known[name, family] = NamedSet(elements, name, TITLE, family)
        return known

    def _own(self, word: str, family: int) -> Intervals | str:
        """``(em0)``, ``(em0:network)``, ``self``: the addresses of this host."""
        match = _OWN.fullmatch(word)
        names = self._named(match[1]) if match else []
        if match is None or not names:
            return f"the addresses of {word} are not listed"
        pairs = []
        for name in names:
            for one, address, length in self._addresses[name]:
                if one == family:
                    rest = (1 << (32 if family == 4 else 128) - length) - 1 if match[2] == "network" else 0
                    pairs.append((address & ~rest, address | rest))
                    if match[2] == "0":
                        break
        return Intervals.of(pairs)

    def _named(self, word: str) -> list[str]:
        if word == "self":
            return list(self._addresses)
        return [word] if word in self._addresses else self._groups.get(word, [])


def _tables(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if header := _TABLE.fullmatch(line.strip()):
            name = header[1]
            found[name] = []
        elif line.strip() and name:
            found[name].append(line.strip())
    return found


def _most_specific(entries: list[str], family: int) -> Intervals:
    """A table's members: of all entries that hold an address the narrowest counts, and it may be negated."""
    sized: list[tuple[int, bool, Interval]] = []
    for entry in entries:
        text = entry.removeprefix("!").strip()
        try:
            one, (low, high) = prefix_interval(text)
        except ValueError:
            continue
        if one == family:
            sized.append((high - low, entry.startswith("!"), (low, high)))
    if not any(negated for _, negated, _ in sized):
        return Intervals.of(interval for _, _, interval in sized)
    found = Intervals()
    for _, negated, interval in sorted(sized, reverse=True):
        found = found - Intervals.span(*interval) if negated else found | Intervals.span(*interval)
    return found
