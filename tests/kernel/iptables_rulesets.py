"""Random rulesets in the syntax of iptables-restore, for both backends and both families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kernel import pools
from tests.kernel.flows import CLIENTS, OWN, PORTS, SERVERS
from tests.kernel.ipset_lists import Sets
from tests.kernel.pools import chance, some
from tests.kernel.topology import LINKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

HOOKS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
OUTWARD = ("FORWARD", "OUTPUT", "POSTROUTING")
INWARD = ("PREROUTING", "INPUT", "FORWARD")
REJECTS = {
    4: ("icmp-port-unreachable", "icmp-host-unreachable", "icmp-admin-prohibited", "icmp-net-prohibited"),
    6: ("icmp6-port-unreachable", "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable"),
}
TCP_FLAGS = (
    "--syn", "! --syn", "--tcp-flags FIN,SYN,RST,ACK SYN", "! --tcp-flags SYN,ACK ACK", "--tcp-flags ALL NONE",
    "--tcp-flags SYN,FIN SYN,FIN", "--tcp-flags ALL SYN", "--tcp-flags RST RST", "--tcp-flags ACK,PSH PSH,ACK",
)  # fmt: skip
STATES = ("NEW", "RELATED,ESTABLISHED", "ESTABLISHED", "INVALID", "NEW,INVALID", "UNTRACKED", "RELATED")


class Writer:
    """Writes the tables of one family."""

    def __init__(self, random: Random, family: int, *, nft: bool, uncertain: bool = False) -> None:
        self.random = random
        self.family = family
        self.nft = nft
        self.uncertain = uncertain
        self.reads_connection = False
        self.sets = Sets(random, family)

    def text(self) -> str:
        """Give the input of iptables-restore: every table, so that nothing of an earlier ruleset stays."""
        return "".join(self._table(table, often) for table, often in (
            ("raw", 0.35), ("mangle", 0.4), ("nat", 0.5), ("filter", 1.0), ("security", 0.08),
        ))  # fmt: skip

    def _table(self, table: str, often: float) -> str:
        random = self.random
        used = chance(random, often)
        called = {f"{table[:3].upper()}{at}": HOOKS[table] for at in range(3)} if used else {}
        if table == "nat":
            called = {}
        lines = [f"*{table}"]
        for hook in HOOKS[table]:
            drops = used and table == "filter" and chance(random, 0.3)
            lines.append(f":{hook} {'DROP' if drops else 'ACCEPT'} [0:0]")
        lines += [f":{name} - [0:0]" for name in called]
        if used:
            names = list(called)
            for at, name in enumerate(names):
                lines += [f"-A {name} {self._rule(table, '', names[at + 1 :])}" for _ in range(random.randint(1, 4))]
            for hook in HOOKS[table]:
                most = {"filter": 7, "nat": 3}.get(table, 2)
                if table == "filter" and chance(random, 0.4):
                    lines.append(f"-A {hook} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
                lines += [f"-A {hook} {self._rule(table, hook, names)}" for _ in range(random.randint(0, most))]
        return "\n".join((*lines, "COMMIT")) + "\n"

    def _rule(self, table: str, hook: str, callees: list[str]) -> str:
        random = self.random
        proto = random.choice((None, None, "tcp", "tcp", "udp", self._icmp, "other")) if chance(random, 0.8) else None
        parts = self._protocol(proto)
        kinds: list[Callable[[str], str]] = [
            self._address, self._address_back, self._interface, self._state, self._mark, self._set,
            self._set, self._range, self._type, self._comment,
        ]  # fmt: skip
        if table in ("raw", "mangle") and hook == "PREROUTING":
            kinds += [self._way_back, self._way_back]
        parts += [kind(hook) for kind in some(random, kinds, 0, 3)]
        if self.uncertain and chance(random, 0.15):
            parts.append(random.choice((
                "-m limit --limit 1000/sec", "-m statistic --mode random --probability 0.5",
                "-m time --timestart 00:00:00 --timestop 12:00:00",
            )))  # fmt: skip
        ported = proto in ("tcp", "udp")
        return " ".join(
            part for part in (*parts, self._target(table, hook, callees, proto=proto, ported=ported)) if part
        )

    @property
    def _icmp(self) -> str:
        return "icmp" if self.family == 4 else "ipv6-icmp"

    # ---- conditions ----

    def _protocol(self, proto: str | None) -> list[str]:
        random = self.random
        if proto is None:
            return []
        if proto == "other":
            name = random.choice(("gre", "esp", "sctp", "udp"))
            return [f"{'! ' if chance(random, 0.3) else ''}-p {name}"]
        out = [f"-p {proto}"]
        if proto == self._icmp:
            word = "--icmp-type" if self.family == 4 else "--icmpv6-type"
            kind = random.choice(("echo-request", "echo-reply", "destination-unreachable", "time-exceeded"))
            if chance(random, 0.7):
                out.append(
                    f"-m {'icmp' if self.family == 4 else 'icmp6'} {'! ' if chance(random, 0.2) else ''}{word} {kind}"
                )
            return out
        negated = "! " if chance(random, 0.2) else ""
        shape = random.randrange(7)
        if shape == 0:
            out.append(f"{negated}--dport {pools.port(random)}")
        elif shape == 1:
            low, high = pools.port_range(random)
            out.append(f"{negated}--dport {low}:{high}")
        elif shape == 2:
            low, high = pools.port_range(random, source=True)
            out.append(f"{negated}--sport {low}:{high}")
        elif shape == 3:
            word = random.choice(("--dports", "--dports", "--sports", "--ports"))
            ports = [str(port) for port in some(random, PORTS, 1, 5)] + (["10000:30000"] if chance(random, 0.3) else [])
            out.append(f"-m multiport {negated}{word} {','.join(ports)}")
        elif shape == 4 and proto == "tcp":
            out.append(random.choice(TCP_FLAGS))
        return out

    def _address(self, _: str) -> str:
        return self._ends(source=False)

    def _address_back(self, _: str) -> str:
        return self._ends(source=True)

    def _ends(self, *, source: bool) -> str:
        random = self.random
        one = (
            pools.prefix(random, self.family) if chance(random, 0.5) else pools.host(random, self.family, source=source)
        )
        if self.family == 4 and chance(random, 0.05):
            one = "192.168.0.10/255.255.0.255"  # a mask that is no prefix
        return f"{'! ' if chance(random, 0.2) else ''}{'-s' if source else '-d'} {one}"

    def _interface(self, hook: str) -> str:
        random = self.random
        # without a hook the chain may be called from anywhere; iptables checks only built-in chains
        ways = ([] if hook in ("OUTPUT", "POSTROUTING") else ["-i"]) + (["-o"] if hook in ("", *OUTWARD) else [])
        name = random.choice((*LINKS, *LINKS, "lan+", "wan+", "l+"))
        return f"{'! ' if chance(random, 0.2) else ''}{random.choice(ways)} {name}"

    def _state(self, _: str) -> str:
        random = self.random
        negated = "! " if chance(random, 0.2) else ""
        kind = random.randrange(8)
        if kind == 0:
            return f"-m state {negated}--state {random.choice(STATES)}"
        if kind == 1:
            return f"-m conntrack --ctdir {random.choice(('ORIGINAL', 'REPLY'))}"
        if kind == 2:
            self.reads_connection = True
            return f"-m conntrack {negated}--ctstate {random.choice(('DNAT', 'SNAT', 'NEW,DNAT'))}"
        return f"-m conntrack {negated}--ctstate {random.choice(STATES)}"

    def _mark(self, _: str) -> str:
        random = self.random
        negated = "! " if chance(random, 0.2) else ""
        value = random.choice((0, *pools.MARKS))
        mask = random.choice(("", "/0xff", "/0xf0", "/0x1"))
        if chance(random, 0.15):
            self.reads_connection = True
            return f"-m connmark {negated}--mark {value:#x}{mask}"
        return f"-m mark {negated}--mark {value:#x}{mask}"

    def _set(self, _: str) -> str:
        return f"-m set {'! ' if chance(self.random, 0.2) else ''}--match-set {self.sets.condition()}"

    def _range(self, _: str) -> str:
        random = self.random
        word = random.choice(("--src-range", "--dst-range"))
        return f"-m iprange {'! ' if chance(random, 0.2) else ''}{word} {random.choice(pools.RANGES[self.family])}"

    def _type(self, hook: str) -> str:
        random = self.random
        word = random.choice(("--dst-type", "--dst-type", "--src-type"))
        limit = ""
        if hook in INWARD and chance(random, 0.15):
            limit = " --limit-iface-in"
        # IPv6 knows no broadcast, and its addrtype refuses the word
        some = "BROADCAST" if self.family == 4 else "MULTICAST"
        kind = random.choice(("LOCAL", "LOCAL", "UNICAST", some, "LOCAL,MULTICAST"))
        return f"-m addrtype {'! ' if chance(random, 0.2) else ''}{word} {kind}{limit}"

    def _way_back(self, _: str) -> str:
        options = some(self.random, ("--loose", "--validmark", "--invert"), 0, 2)
        return " ".join(("-m rpfilter", *options))

    def _comment(self, hook: str) -> str:
        choices = ['-m comment --comment "two words, and -j DROP"', "-m pkttype --pkt-type unicast"]
        if hook in INWARD:
            choices += ["-m devgroup --src-group 0x5", "-m devgroup ! --src-group 0x1/0x1"]
        elif hook in ("OUTPUT", "POSTROUTING"):
            choices += ["-m devgroup --dst-group 0x0", "-m devgroup ! --dst-group 0x7"]
        return self.random.choice(choices)

    # ---- targets ----

    def _target(self, table: str, hook: str, callees: list[str], *, proto: str | None, ported: bool) -> str:
        random = self.random
        if table == "nat":
            return self._nat(hook, ported=ported)
        weights = {"ACCEPT": 30, "DROP": 15, "RETURN": 5, "MARK": 6, "LOG": 2, "": 2}
        if table in ("raw", "mangle"):
            weights |= {"DROP": 3, "MARK": 30, "ACCEPT": 10}
        if table == "filter":
            weights["REJECT"] = 17
        if callees:
            weights |= {"jump": 18, "goto": 6}
        if table == "raw" and hook:
            weights["NOTRACK"] = 6
        kind = random.choices(list(weights), list(weights.values()))[0]
        if kind in ("ACCEPT", "DROP", "RETURN"):
            return f"-j {kind}"
        if kind == "jump":
            return f"-j {random.choice(callees)}"
        if kind == "goto":
            return f"-g {random.choice(callees)}"
        if kind == "LOG":
            return '-j LOG --log-prefix "x: "'
        if kind == "NOTRACK":
            return random.choice(("-j NOTRACK", "-j CT --notrack"))
        if kind == "REJECT":
            if proto == "tcp" and chance(random, 0.4):
                return "-j REJECT --reject-with tcp-reset"
            return (
                "-j REJECT" if chance(random, 0.4) else f"-j REJECT --reject-with {random.choice(REJECTS[self.family])}"
            )
        return self._marking(table) if kind == "MARK" else ""

    def _marking(self, table: str) -> str:
        random = self.random
        value = random.choice(pools.MARKS)
        choices = [f"-j MARK --set-mark {value:#x}", f"-j MARK --set-xmark {value:#x}/0xff", f"-j MARK --or-mark {value:#x}",
                   f"-j MARK --and-mark {value | 0xF00:#x}", f"-j MARK --xor-mark {value:#x}"]  # fmt: skip
        if table != "raw" and chance(random, 0.3):
            choices = [f"-j CONNMARK --set-mark {value:#x}", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark"]
            if (choice := random.choice(choices)).endswith("restore-mark"):
                self.reads_connection = True
            return choice
        return random.choice(choices)

    def _nat(self, hook: str, *, ported: bool) -> str:
        random = self.random
        family = self.family
        if chance(random, 0.12):
            return f"-j {random.choice(('ACCEPT', 'RETURN'))}"
        if hook in ("INPUT", "POSTROUTING"):
            own = OWN[family][random.choice(LINKS)]
            return "-j MASQUERADE" if hook == "POSTROUTING" and chance(random, 0.7) else f"-j SNAT --to-source {own}"
        port = random.choice(PORTS)
        if chance(random, 0.35):
            return f"-j REDIRECT --to-ports {port}" if ported and chance(random, 0.8) else "-j REDIRECT"
        if chance(random, 0.1):
            return f"-j NETMAP --to {'192.168.7.0/24' if family == 4 else 'fd07:7::/64'}"
        targets = [*SERVERS[family], *CLIENTS[family, "lan0"], OWN[family]["lan0"], OWN[family]["wan0"]]
        target = random.choice(targets)
        if ported and chance(random, 0.6):
            return f"-j DNAT --to-destination {f'[{target}]' if family == 6 else target}:{port}"
        return f"-j DNAT --to-destination {target}"
