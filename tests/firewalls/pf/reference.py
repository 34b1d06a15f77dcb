"""pf as pf.conf(5) tells it, rule by rule: the last match decides, quick ends it; anchors are evaluated in place.

Written from the manual page alone, over its own small rules; shares nothing with the reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection."""

    src: str
    dst: str
    proto: str
    sport: int
    dport: int


@dataclass(frozen=True)
class PfRule:
    """A filter rule, an anchor with rules, or a translation."""

    action: str
    direction: str = ""
    quick: bool = False
    iface: str = ""
    family: str = ""
    proto: str = ""
    src: str = "any"
    dst: str = "any"
    port: tuple[str, int, int] | None = None
    flags: str = ""
    target: tuple[str, int] | None = None
    inner: tuple[PfRule, ...] = field(default=())

    def text(self) -> str:
        words = [self.action]
        words += [self.direction] if self.direction else []
        words += ["quick"] if self.quick else []
        words += ["on", self.iface] if self.iface else []
        words += [self.family] if self.family else []
        words += ["proto", self.proto] if self.proto else []
        if (self.src, self.dst, self.port) == ("any", "any", None):
            words.append("all")
        else:
            words += ["from", self.src, "to", self.dst]
        if self.port:
            operator, low, high = self.port
            ranged = {":": f"{low}:{high}", "><": f"{low} >< {high}", "<>": f"{low} <> {high}"}
            words += ["port", ranged.get(operator, f"{operator} {low}")]
        if self.action == "pass":
            words += ["flags", self.flags, "keep state"] if self.flags else ["keep state"]
        if self.target:
            address, port = self.target
            words += ["->", address, *(("port", str(port)) if port else ())]
        line = " ".join(words)
        if self.action.startswith("anchor"):
            return "\n".join((line + " {", *("  " + one.text() for one in self.inner), "}"))
        return line


Tables = dict[str, tuple[str, ...]]


class Pf:
    """One gateway with two interfaces."""

    def __init__(self, rules: list[PfRule], mappings: list[PfRule], tables: Tables) -> None:
        self.rules, self.mappings, self.tables = rules, mappings, tables

    def forward(self, packet: Packet, came: str, leaves: str) -> str:
        """``pass``, ``block drop`` or ``block return`` for a packet from one interface to the other."""
        rdr = next((one for one in self.mappings if self.matches(one, packet, "in", came)), None)
        if rdr is not None and rdr.target:
            packet = replace(packet, dst=rdr.target[0], dport=rdr.target[1] or packet.dport)
        if rdr is None or rdr.action != "rdr pass":
            verdict = self.filter(packet, "in", came)
            if verdict != "pass":
                return verdict
        return self.filter(packet, "out", leaves)

    def filter(self, packet: Packet, direction: str, iface: str) -> str:
        last, _ = self.evaluate(self.rules, packet, direction, iface)
        return last.action if last else "pass"

    def evaluate(
        self, rules: tuple[PfRule, ...] | list[PfRule], packet: Packet, direction: str, iface: str
    ) -> tuple[PfRule | None, bool]:
        """The last rule that matched, and whether the walk is over."""
        last: PfRule | None = None
        for rule in rules:
            if not self.matches(rule, packet, direction, iface):
                continue
            if not rule.action.startswith("anchor"):
                last = rule
                if rule.quick:
                    return last, True
                continue
            inner, over = self.evaluate(rule.inner, packet, direction, iface)
            last = inner or last
            if over or (inner and rule.quick):
                return last, True
        return last, False

    def matches(self, rule: PfRule, packet: Packet, direction: str, iface: str) -> bool:
        if rule.direction and rule.direction != direction:
            return False
        if rule.iface and (rule.iface.removeprefix("! ") == iface) == rule.iface.startswith("!"):
            return False
        version = ip_address(packet.dst).version
        if rule.family and rule.family != {4: "inet", 6: "inet6"}[version]:
            return False
        if rule.proto and rule.proto != packet.proto:
            return False
        if not (self.host(rule.src, packet.src) and self.host(rule.dst, packet.dst)):
            return False
        return rule.port is None or (packet.proto in ("tcp", "udp") and compare(rule.port, packet.dport))

    def host(self, word: str, address: str) -> bool:
        if word == "any":
            return True
        negated, word = word.startswith("! "), word.removeprefix("! ")
        if word.startswith("<"):
            return self.in_table(self.tables[word.strip("<>")], address) != negated
        network = ip_network(word)
        if network.version != ip_address(address).version:
            return False  # a rule with an address is about that family only
        return (ip_address(address) in network) != negated

    @staticmethod
    def in_table(entries: tuple[str, ...], address: str) -> bool:
        """The narrowest entry that holds the address counts."""
        fitting = [
            (network.prefixlen, not entry.startswith("!"))
            for entry in entries
            if (network := ip_network(entry.removeprefix("!"))).version == ip_address(address).version
            and ip_address(address) in network
        ]
        return max(fitting)[1] if fitting else False


def compare(port: tuple[str, int, int], value: int) -> bool:
    operator, low, high = port
    return {
        "=": value == low,
        "!=": value != low,
        "<": value < low,
        ">=": value >= low,
        ":": low <= value <= high,
        "><": low < value < high,
        "<>": value < low or value > high,
    }[operator]
