"""Random native nftables rulesets: what administrators write, and every corner that the judge models."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING

from tests.kernel import pools
from tests.kernel.flows import CLIENTS, OWN, PORTS, SERVERS
from tests.kernel.pools import chance, some
from tests.kernel.topology import LINKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

FAMILIES = {"inet": (4, 6), "ip": (4,), "ip6": (6,)}
ADDRESS_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
KEYWORD = {4: "ip", 6: "ip6"}
FILTER_CHAINS = ("c0", "c1", "c2")
NO_REJECT = ("postrouting", "ingress")
PRIORITIES = ("filter", "filter", "filter - 5", "filter + 10", "1")
PRIORITY = {
    "raw": -300, "mangle": -150, "dstnat": -100, "-100": -100, "-50": -50, "-10": -10, "filter - 5": -5, "filter": 0,
    "1": 1, "filter + 10": 10, "srcnat": 100, "100": 100, "srcnat + 50": 150,
}  # fmt: skip
TCP_FLAGS = (
    "syn", "!= syn", "& (fin | syn | rst | ack) == syn", "& (fin | syn | rst | ack) != syn", "{ syn, syn | ack }",
    "& (syn | ack) == syn | ack", "syn,ack", "! syn", "& (fin | rst) != 0x0", "== 0x0", "& syn == 0", "ack",
    "!= { syn, ack }", "& (ecn | cwr) == ecn | cwr",
)  # fmt: skip
CT_STATES = (
    "new", "established,related", "established", "related", "invalid", "untracked", "!= established",
    "!= established,related", "{ new, established }", "new,invalid", "!= { new, untracked }", "!= new",
    "& (established | related) != 0", "& new == 0", "! established",
)  # fmt: skip
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "gre", "esp", "sctp")


@dataclass(slots=True)
class Place:
    """Where a rule is being written: the chain's hook (none for chains that others jump to) and what may be used."""

    hook: str
    callees: tuple[str, ...] = ()
    uncertain: bool = False


@dataclass(slots=True)
class _Parts:
    family: int | None
    transport: str = ""
    texts: list[str] = field(default_factory=list)


class Writer:
    """Writes one table."""

    def __init__(self, random: Random, family: str, name: str, *, uncertain: bool = False, shift: int = 0) -> None:
        self.random = random
        self.family = family
        self.name = name
        self.families = FAMILIES.get(family, (4, 6))
        self.uncertain = uncertain
        self.shift = shift
        """Added to every priority, to stay clear of chains whose order relative to these cannot be known."""
        self.reads_connection = False
        """Reads the mark or status of a connection, which a flow in the middle of one does not tell."""
        self.sets: dict[str, str] = {}

    # ---- the table ----

    def table(self) -> str:
        """Give the text of a table with sets, chains to jump to, and base chains."""
        called = [
            self._chain(name, Place("", FILTER_CHAINS[at + 1 :]), self.random.randint(1, 5))
            for at, name in enumerate(FILTER_CHAINS)
        ]
        bases = [self._base(*spec) for spec in self._specs()]
        body = [*self.sets.values(), *called]
        self.random.shuffle(bases)
        return f"table {self.family} {self.name} {{\n" + "\n".join((*body, *bases)) + "\n}\n"

    def _specs(self) -> list[tuple[str, str, str, str]]:
        """Name, type, hook and priority of the base chains."""
        out = [("forward", "filter", "forward", self.random.choice(PRIORITIES))]
        for hook, often in (("input", 0.6), ("output", 0.45)):
            if chance(self.random, often):
                out.append((hook, "filter", hook, self.random.choice(PRIORITIES)))
        optional = (
            ("forward2", "filter", "forward", self.random.choice(PRIORITIES), 0.25),
            ("mangle_pre", "filter", "prerouting", "mangle", 0.25),
            ("raw_pre", "filter", "prerouting", "raw", 0.25),
            ("pre", "filter", "prerouting", "filter", 0.15),
            ("late_pre", "filter", "prerouting", "-50", 0.1),
            ("raw_out", "filter", "output", "raw", 0.1),
            ("route_out", "route", "output", "mangle", 0.15),
            ("post", "filter", "postrouting", self.random.choice(("mangle", "srcnat + 50")), 0.15),
            ("to_server", "nat", "prerouting", self.random.choice(("dstnat", "dstnat", "-10")), 0.35),
            ("dnat_out", "nat", "output", "-100", 0.2),
            ("from_host", "nat", "postrouting", "srcnat", 0.3),
            ("snat_in", "nat", "input", "100", 0.05),
        )
        for name, kind, hook, priority, often in optional:
            if chance(self.random, often):
                out.append((name, kind, hook, priority))
        return out

    def _base(self, name: str, kind: str, hook: str, priority: str) -> str:
        main = hook in ("forward", "input", "output") and kind == "filter" and "raw" not in name
        policy = "drop" if main and chance(self.random, 0.35) else "accept"
        number = PRIORITY[priority] + self.shift
        head = f"    type {kind} hook {hook} priority {number}; policy {policy};\n"
        if kind == "nat":
            rules = [self._nat_rule(hook) for _ in range(self.random.randint(1, 4))]
            return self._wrapped(name, head, rules)
        callees = () if hook in NO_REJECT or kind == "route" else FILTER_CHAINS
        place = Place(hook, callees, self.uncertain)
        rules = [] if main else [self._marking_rule(place) for _ in range(self.random.randint(0, 3))]
        if main and chance(self.random, 0.4):
            rules.append(
                self.random.choice(
                    (
                        "ct state established,related accept",
                        "ct state vmap { established : accept, related : accept, invalid : drop }",
                    )
                )
            )
        rules += [self._rule(place) for _ in range(self.random.randint(1, 7 if main else 3))]
        return self._wrapped(name, head, rules)

    def _chain(self, name: str, place: Place, count: int) -> str:
        return self._wrapped(name, "", [self._rule(place) for _ in range(count)])

    @staticmethod
    def _wrapped(name: str, head: str, rules: list[str]) -> str:
        return f"  chain {name} {{\n{head}" + "".join(f"    {rule}\n" for rule in rules) + "  }"

    # ---- rules ----

    def _rule(self, place: Place) -> str:
        parts = self._conditions(place)
        if chance(self.random, 0.16):
            return " ".join((*parts.texts, self._vmap(parts, place)))
        if place.uncertain and chance(self.random, 0.15):
            parts.texts.append(
                self.random.choice(
                    (
                        "limit rate 1000/second",
                        "limit rate over 1000/second",
                        "numgen random mod 2 == 0",
                        'meta hour "00:00"-"12:00"',
                    )
                )
            )
        effect = self.random.choice(("", "", "", "counter", 'log prefix "x "')) if chance(self.random, 0.3) else ""
        return " ".join(part for part in (*parts.texts, effect, self._statement(parts, place)) if part)

    def _marking_rule(self, place: Place) -> str:
        parts = self._conditions(place)
        return " ".join((*parts.texts, self._mark_statement(parts, place)))

    def _conditions(self, place: Place) -> _Parts:
        random = self.random
        parts = _Parts(random.choice((None, *self.families)))
        kinds: list[Callable[[_Parts, Place], str]] = [
            self._address, self._address, self._transport, self._transport, self._interface, self._state,
            self._mark, self._route_type, self._meta, self._concatenation, self._header,
        ]  # fmt: skip
        for kind in some(random, kinds, 0 if chance(random, 0.1) else 1, 3):
            if text := kind(parts, place):
                parts.texts.append(text)
        return parts

    def _address(self, parts: _Parts, _: Place) -> str:
        random = self.random
        parts.family = family = parts.family or random.choice(self.families)
        if parts.transport in ("icmp", "icmpv6") and (parts.transport == "icmp") != (family == 4):
            return ""
        source = chance(random, 0.4)
        key = f"{KEYWORD[family]} {'saddr' if source else 'daddr'}"
        negated = "!= " if chance(random, 0.2) else ""
        shape = random.randrange(6)
        if shape == 0:
            return f"{key} {negated}{pools.host(random, family, source=source)}"
        if shape == 1:
            return f"{key} {negated}{pools.prefix(random, family)}"
        if shape == 2:
            return f"{key} {negated}{random.choice(pools.RANGES[family])}"
        if shape == 3:
            return f"{key} {negated}@{self._address_set(family)}"
        if shape == 4:
            return f"{key} {negated}{{ {', '.join(some(random, pools.HOSTS[family], 1, 8))} }}"
        if family == 4 and chance(random, 0.3):
            return f"{key} & 255.255.255.0 {'!=' if negated else '=='} 192.168.7.0"
        return f"{key} {negated}{{ {', '.join(_disjoint(some(random, pools.PREFIXES[family], 1, 4)))} }}"

    def _transport(self, parts: _Parts, _: Place) -> str:
        random = self.random
        if parts.transport == "proto":
            return ""
        kinds = ["tcp", "tcp", "tcp", "udp", "th", "proto"]
        kinds += [
            name
            for name, family in (("icmp", 4), ("icmpv6", 6))
            if family in self.families and parts.family in (None, family)
        ]
        kind = parts.transport or random.choice(kinds)
        negated = "!= " if chance(random, 0.2) else ""
        if kind == "proto":
            return self._protocol(parts, negated)
        parts.transport = kind
        if kind in ("icmp", "icmpv6"):
            parts.family = 4 if kind == "icmp" else 6
            types = ("echo-request", "echo-reply", "destination-unreachable", "time-exceeded")
            if chance(random, 0.2):
                return f"{kind} code {negated}0"
            if chance(random, 0.3):
                return f"{kind} type {negated}{{ {', '.join(some(random, types, 1, 3))} }}"
            return f"{kind} type {negated}{random.choice(types)}"
        if kind == "tcp" and chance(random, 0.3):
            return f"tcp flags {random.choice(TCP_FLAGS)}"
        source = chance(random, 0.15)
        key = f"{'meta l4proto { tcp, udp } ' if kind == 'th' else ''}{kind} {'sport' if source else 'dport'}"
        shape = random.randrange(4)
        if shape == 0:
            return f"{key} {negated}{pools.port(random, source=source)}"
        if shape == 1:
            low, high = pools.port_range(random, source=source)
            return f"{key} {negated}{low}-{high}"
        if shape == 2:
            return f"{key} {negated}@{self._port_set()}"
        ports = [str(port) for port in some(random, PORTS, 1, 4)]
        return f"{key} {negated}{{ {', '.join([*ports, '10000-30000'] if chance(random, 0.3) else ports)} }}"

    def _protocol(self, parts: _Parts, negated: str) -> str:
        random = self.random
        key = random.choice(("meta l4proto", "protocol"))
        if key == "protocol":
            parts.family = parts.family or random.choice(self.families)
            key = "ip protocol" if parts.family == 4 else "ip6 nexthdr"
        parts.transport = "proto"  # nft refuses the header of another protocol behind this
        if chance(random, 0.5):
            return f"{key} {negated}{random.choice(PROTOCOLS)}"
        return f"{key} {negated}{{ {', '.join(some(random, PROTOCOLS, 2, 4))} }}"

    def _interface(self, _: _Parts, place: Place) -> str:
        random = self.random
        outward = place.hook in ("forward", "output", "postrouting") or chance(random, 0.1)
        key = "oif" if outward and (place.hook in ("output", "postrouting") or chance(random, 0.5)) else "iif"
        negated = "!= " if chance(random, 0.2) else ""
        shape = random.randrange(5)
        if shape == 0:
            return f"{key} {negated}{{ {', '.join(some(random, LINKS, 1, 3))} }}"
        if shape == 1:
            return f'{key}name {negated}"{random.choice(pools.LINK_PATTERNS)}"'
        if shape == 2:
            return f"{key}name {negated}{{ {', '.join(some(random, (*LINKS, 'lo', 'ppp0'), 1, 3))} }}"
        if shape == 3:
            return f"{key} {negated}{random.choice(LINKS)}"
        return f"{key}name {negated}{random.choice(LINKS)}"

    def _state(self, parts: _Parts, _place: Place) -> str:
        random = self.random
        kind = random.randrange(12)
        if kind < 9:
            return f"ct state {random.choice(CT_STATES)}"
        if kind == 9:
            return f"ct direction {random.choice(('original', 'reply', '!= reply'))}"
        self.reads_connection = True
        if kind == 10:
            if chance(random, 0.5):
                parts.family = family = parts.family or random.choice(self.families)
                negated = "!= " if chance(random, 0.3) else ""
                where = f"ct original {KEYWORD[family]} {random.choice(('saddr', 'daddr'))}"
                return f"{where} {negated}{random.choice(pools.HOSTS[family])}"
            return f"ct status {random.choice(('dnat', '& dnat == 0', '& (dnat | snat) != 0', '! dnat'))}"
        return self._mark_match("ct mark")

    def _mark(self, _: _Parts, __: Place) -> str:
        if chance(self.random, 0.15):
            self.reads_connection = True
            return self._mark_match("ct mark")
        return self._mark_match("meta mark")

    def _mark_match(self, key: str) -> str:
        random = self.random
        values = [f"{value:#x}" for value in some(random, pools.MARKS, 1, 3)]
        if chance(random, 0.4):
            values[0] = "0x0"
        shapes = (
            values[0], f"!= {values[0]}", f"{{ {', '.join(values)} }}", f"& 0xf0 == {random.choice(('0x10', '0x0'))}",
            f"& 0x1 != {random.choice(('0x1', '0x0'))}", "0x1-0x1f", "!= 0x1-0x1f",
        )  # fmt: skip
        return f"{key} {random.choice(shapes)}"

    def _route_type(self, _: _Parts, place: Place) -> str:
        random = self.random
        if place.hook in ("prerouting", "input", "forward") and chance(random, 0.3):
            return random.choice((
                "fib saddr . iif oif exists", "fib saddr . iif oif missing", 'fib daddr oifname "wan0"',
                'fib saddr oifname != "lan0"', "fib daddr . iif type local", "fib daddr oif wan1",
            ))  # fmt: skip
        key = random.choice(("daddr", "daddr", "saddr"))
        return f"fib {key} type {random.choice(('local', '!= local', 'unicast', '{ local, broadcast, multicast }', '!= unicast'))}"

    def _meta(self, parts: _Parts, _: Place) -> str:
        group = f"{self.random.choice(('iifgroup', 'oifgroup'))} {self.random.choice(('5', '!= 5', '0', '{ 5, 7 }'))}"
        choices = ["meta pkttype unicast", "meta pkttype != { broadcast, multicast }", group]
        if self.family == "inet" and parts.family is None and parts.transport not in ("icmp", "icmpv6"):
            parts.family = self.random.choice((4, 6))
            choices += [f"meta nfproto {'ipv4' if parts.family == 4 else 'ipv6'}"] * 3
        return self.random.choice(choices)

    def _header(self, parts: _Parts, _: Place) -> str:
        """Fragments and extension headers, which the packets we send are not and have not."""
        parts.family = family = parts.family or self.random.choice(self.families)
        if parts.transport in ("icmp", "icmpv6") and (parts.transport == "icmp") != (family == 4):
            return ""
        if family == 4:
            return self.random.choice(("ip frag-off & 0x1fff != 0", "ip frag-off & 0x3fff == 0", "ip version 4"))
        header = self.random.choice(("hbh", "frag", "rt", "dst"))
        return self.random.choice((f"exthdr {header} exists", f"exthdr {header} missing", "frag id 5", "ip6 version 6"))

    def _concatenation(self, parts: _Parts, _: Place) -> str:
        random = self.random
        if parts.transport:
            return ""
        parts.family = family = parts.family or random.choice(self.families)
        parts.transport = proto = random.choice(("tcp", "tcp", "udp"))
        word = KEYWORD[family]
        negated = "!= " if chance(random, 0.15) else ""
        shape = random.randrange(5)
        if shape == 0:
            return f"{word} daddr . {proto} dport {negated}{{ {', '.join(self._pairs(family))} }}"
        if shape == 1:
            return f"{word} daddr . {proto} dport {negated}@{self._pair_set(family)}"
        parts.transport = "" if shape > 2 else proto
        if shape == 2:
            elements = {
                f"{pools.host(random, family, source=True)} . {random.choice(SERVERS[family])} . {random.choice(PORTS)}"
                for _ in range(6)
            }
            return f"{word} saddr . {word} daddr . {proto} dport {negated}{{ {', '.join(sorted(elements))} }}"
        if shape == 3:
            elements = {f"{random.choice(LINKS)} . {pools.host(random, family, source=True)}" for _ in range(6)}
            return f"iifname . {word} saddr {negated}{{ {', '.join(sorted(elements))} }}"
        elements = {
            f"{pools.host(random, family, source=False)} . {random.choice(('tcp', 'udp', 'esp'))}" for _ in range(6)
        }
        parts.transport = "proto"
        return f"{word} daddr . meta l4proto {negated}{{ {', '.join(sorted(elements))} }}"

    # ---- statements ----

    def _statement(self, parts: _Parts, place: Place) -> str:
        random = self.random
        weights = {"accept": 30, "drop": 17, "return": 4, "continue": 2, "mark": 8, "nothing": 3}
        if place.hook not in NO_REJECT:
            weights["reject"] = 18
        if place.callees:
            weights |= {"jump": 18, "goto": 6}
        kind = random.choices(list(weights), list(weights.values()))[0]
        if kind in ("accept", "drop", "return", "continue"):
            return kind
        if kind == "nothing":
            return "counter"
        if kind == "mark":
            return self._mark_statement(parts, place)
        if kind == "reject":
            return self._reject(parts)
        return f"{kind} {random.choice(place.callees)}"

    def _reject(self, parts: _Parts) -> str:
        random = self.random
        kinds = ["reject"]
        # a rule that names another protocol contradicts a reset
        # nft 1.0.6 loses `meta nfproto` in front of a reset when it lists the rule
        if parts.transport in ("", "tcp") and parts.family is None:
            kinds.append("reject with tcp reset")
        if 4 in self.families and parts.family in (None, 4) and parts.transport != "icmpv6":
            kinds.append(
                "reject with icmp " + random.choice(("host-unreachable", "admin-prohibited", "net-unreachable"))
            )
        if 6 in self.families and parts.family in (None, 6) and parts.transport != "icmp":
            kinds.append("reject with icmpv6 " + random.choice(("no-route", "admin-prohibited", "addr-unreachable")))
        if self.family == "inet" and parts.family is None:
            kinds.append("reject with icmpx " + random.choice(("port-unreachable", "admin-prohibited")))
        return random.choice(kinds)

    def _mark_statement(self, parts: _Parts, place: Place) -> str:
        random = self.random
        mark = f"{random.choice(pools.MARKS):#x}"
        choices = [f"meta mark set {mark}"] * 4 + [
            f"meta mark set mark | {mark}", f"meta mark set mark & 0xf | {mark}", f"meta mark set mark ^ {mark}",
        ]  # fmt: skip
        if "raw" not in place.hook:
            choices += [f"ct mark set {mark}", "ct mark set mark"]
        if parts.family is not None and chance(random, 0.5):
            word = KEYWORD[parts.family]
            marked = {pools.host(random, parts.family, source=True): random.choice(pools.MARKS) for _ in range(5)}
            elements = ", ".join(f"{key} : {value:#x}" for key, value in marked.items())
            choices.append(f"meta mark set {word} saddr map {{ {elements} }}")
        if place.hook in ("prerouting", "output") and chance(random, 0.15):
            return "notrack"
        if chance(random, 0.12):
            self.reads_connection = True
            return "meta mark set ct mark"
        return random.choice(choices)

    def _vmap(self, parts: _Parts, place: Place) -> str:
        random = self.random
        shape = random.randrange(7)
        family = parts.family or random.choice(self.families)
        word = KEYWORD[family]
        if parts.transport in ("icmp", "icmpv6") and (parts.transport == "icmp") != (family == 4):
            shape = 3
        if shape == 0 and parts.transport in ("", "tcp"):
            keys = [str(port) for port in some(random, PORTS, 2, 5)]
            return f"tcp dport vmap {self._verdicts([*keys, '10000-20000'], place)}"
        if shape == 1:
            keys = _disjoint(some(random, pools.PREFIXES[family], 2, 4))
            return f"{word} daddr vmap {self._verdicts(keys, place)}"
        if shape == 2:
            return f"{word} saddr vmap {self._verdicts(some(random, pools.HOSTS[family], 3, 9), place)}"
        if shape == 4 and not parts.transport:
            return f"meta l4proto vmap {self._verdicts(some(random, PROTOCOLS, 2, 4), place)}"
        if shape == 5:
            return f"ct state vmap {self._verdicts(['established', 'related', 'invalid', 'new'], place)}"
        if shape == 6 and parts.transport in ("", "tcp"):
            keys = self._pairs(family)
            return f"{word} daddr . tcp dport vmap {self._verdicts(keys, place)}"
        if place.hook in ("forward", "output", "postrouting") and chance(random, 0.5):
            keys = [
                f"{first} . {second}"
                for first, second in zip(some(random, LINKS, 3, 4), some(random, LINKS, 3, 4), strict=False)
            ]
            return f"iifname . oifname vmap {self._verdicts(keys, place)}"
        return f"iifname vmap {self._verdicts(some(random, LINKS, 2, 4), place)}"

    def _verdicts(self, keys: list[str], place: Place) -> str:
        random = self.random
        weights = {"accept": 30, "drop": 20, "return": 5, "continue": 8}
        weights |= {f"jump {name}": 10 for name in place.callees} | {f"goto {name}": 4 for name in place.callees}
        drawn = random.choices(list(weights), list(weights.values()), k=len(keys))
        return "{ " + ", ".join(f"{key} : {verdict}" for key, verdict in zip(keys, drawn, strict=True)) + " }"

    def _nat_rule(self, hook: str) -> str:
        random = self.random
        place = Place(hook)
        parts = self._conditions(place)
        while parts.transport not in ("tcp", "udp") and chance(random, 0.7):
            parts = self._conditions(place)
        ported = parts.transport in ("tcp", "udp")
        family = parts.family or random.choice(self.families)
        if parts.transport in ("icmp", "icmpv6"):
            family = 4 if parts.transport == "icmp" else 6
        verdict = self._nat_statement(hook, family, ported=ported)
        return " ".join((*parts.texts, verdict))

    def _nat_statement(self, hook: str, family: int, *, ported: bool) -> str:
        random = self.random
        if chance(random, 0.12):
            return random.choice(("accept", "return"))
        word = f" {KEYWORD[family]}" if self.family == "inet" else ""
        if hook in ("postrouting", "input"):
            own = OWN[family][random.choice(LINKS)]
            return "masquerade" if hook == "postrouting" and chance(random, 0.7) else f"snat{word} to {own}"
        to_port = random.choice(PORTS)
        if chance(random, 0.35):
            return f"redirect to :{to_port}" if ported and chance(random, 0.8) else "redirect"
        targets = [*SERVERS[family], *CLIENTS[family, "lan0"], OWN[family]["lan0"], OWN[family]["wan0"]]
        if chance(random, 0.2):
            elements = ", ".join(f"{key} : {random.choice(targets)}" for key in some(random, SERVERS[family], 2, 5))
            return f"dnat{word} to {KEYWORD[family]} daddr map {{ {elements} }}"
        target = random.choice(targets)
        if ported and chance(random, 0.6):
            return f"dnat{word} to {f'[{target}]' if family == 6 else target}:{to_port}"
        return f"dnat{word} to {target}"

    # ---- sets ----

    def _address_set(self, family: int) -> str:
        name = f"a{family}_{self.random.randrange(2)}"
        if name not in self.sets:
            elements = some(self.random, pools.HOSTS[family], 1, 6)
            flags = ""
            if chance(self.random, 0.7):
                flags = "flags interval; auto-merge; "
                elements += some(self.random, pools.PREFIXES[family][:-3], 0, 3) + some(
                    self.random, pools.RANGES[family], 0, 1
                )
            elif chance(self.random, 0.3):
                flags = "flags timeout; timeout 1h; "
            self.sets[name] = (
                f"  set {name} {{ type {ADDRESS_TYPE[family]}; {flags}elements = {{ {', '.join(elements)} }}; }}"
            )
        return name

    def _port_set(self) -> str:
        name = f"ports_{self.random.randrange(2)}"
        if name not in self.sets:
            elements = [str(port) for port in some(self.random, PORTS, 1, 4)] + ["30000-65535"]
            self.sets[name] = (
                f"  set {name} {{ type inet_service; flags interval; elements = {{ {', '.join(elements)} }}; }}"
            )
        return name

    def _pair_set(self, family: int) -> str:
        name = f"pairs{family}"
        if name not in self.sets:
            elements = [
                f"{one} . {port}"
                for one, port in zip(
                    _disjoint(some(self.random, pools.PREFIXES[family], 1, 5)),
                    ("1-1023", "443", "80-8080", "53", "0-65535"),
                    strict=False,
                )
            ]
            self.sets[name] = (
                f"  set {name} {{ type {ADDRESS_TYPE[family]} . inet_service; flags interval;"
                f" elements = {{ {', '.join(elements)} }}; }}"
            )
        return name

    def _pairs(self, family: int) -> list[str]:
        return sorted(
            {f"{pools.host(self.random, family, source=False)} . {self.random.choice(PORTS)}" for _ in range(8)}
        )


def _disjoint(prefixes: list[str]) -> list[str]:
    """Leave out prefixes that overlap an earlier one: nftables refuses them in one set."""
    out: list[str] = []
    for one in prefixes:
        if not any(ip_network(one).overlaps(ip_network(other)) for other in out):
            out.append(one)
    return out
