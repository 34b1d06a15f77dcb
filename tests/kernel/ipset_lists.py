"""Random ipsets of every type that this kernel has, in the syntax of ``ipset restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kernel import pools
from tests.kernel.flows import PORTS
from tests.kernel.pools import chance
from tests.kernel.topology import LINKS

if TYPE_CHECKING:
    from random import Random

DIRECTIONS = {
    "hash:ip": 1, "hash:net": 1, "hash:ip,port": 2, "hash:net,port": 2, "hash:ip,port,ip": 3, "hash:ip,port,net": 3,
    "hash:net,iface": 2, "bitmap:port": 1, "bitmap:ip": 1, "list:set": 1,
}  # fmt: skip
"""Types, and how many of ``src`` and ``dst`` a rule names for them."""


class Sets:
    """Makes sets as rules ask for them."""

    def __init__(self, random: Random, family: int) -> None:
        self._random = random
        self._family = family
        self._made: dict[str, list[str]] = {}

    def text(self) -> str:
        """Give everything that was asked for, as input for ``ipset restore``."""
        return "".join(f"{line}\n" for lines in self._made.values() for line in lines)

    def condition(self) -> str:
        """Give a ``--match-set`` condition, and make its set."""
        random = self._random
        kinds = [kind for kind in DIRECTIONS if self._family == 4 or kind != "bitmap:ip"]
        kind = random.choice(kinds)
        name = self._named(kind)
        words = [random.choice(("src", "dst", "dst")) for _ in range(DIRECTIONS[kind])]
        if kind == "hash:net,iface":
            words[1] = "src"  # the incoming interface: there is one at every hook that matters
        if kind == "bitmap:port":
            words = ["dst"]
        return f"{name} {','.join(words)}"

    def _named(self, kind: str) -> str:
        name = f"{kind.replace(':', '_').replace(',', '_')}_{self._random.randrange(2)}_{self._family}"
        if name not in self._made:
            lines = self._lines(name, kind)  # makes the members of a list first
            self._made[name] = lines
        return name

    def _lines(self, name: str, kind: str) -> list[str]:
        random = self._random
        if kind == "list:set":
            members = list(dict.fromkeys(self._named(random.choice(("hash:ip", "hash:net"))) for _ in range(2)))
            return [f"create {name} list:set", *(f"add {name} {member}" for member in members)]
        head = f"create {name} {kind}"
        if kind.startswith("hash"):
            head += f" family {'inet' if self._family == 4 else 'inet6'}"
            head += " timeout 0" if chance(random, 0.15) else ""
            head += " counters" if chance(random, 0.15) else ""
        elif kind == "bitmap:port":
            head += " range 0-65535"
        else:
            head += " range 192.168.0.0/16"
        elements = (self._element(kind) for _ in range(random.randint(2, 7)))
        return [head, *(f"add {name} {element} -exist" for element in elements)]

    def _element(self, kind: str) -> str:
        random = self._random
        family = self._family
        address = pools.host(random, family, source=chance(random, 0.5))
        net = random.choice(pools.PREFIXES[family] if chance(random, 0.7) else pools.HOSTS[family])
        proto = random.choice(("tcp:", "tcp:", "udp:", "sctp:", ""))
        port = f"{proto}{random.choice(PORTS)}"
        if chance(random, 0.1):
            port = "icmp:8/0" if family == 4 else "icmpv6:128/0"
        elif chance(random, 0.1):
            port = random.choice(("gre:0", "esp:0"))
        nomatch = " nomatch" if chance(random, 0.2) else ""
        match kind:
            case "hash:ip":
                return address
            case "hash:net":
                return net + nomatch
            case "hash:ip,port":
                return f"{address},{port}"
            case "hash:net,port":
                return f"{net},{port}{nomatch}"
            case "hash:ip,port,ip":
                return f"{address},{port},{pools.host(random, family, source=False)}"
            case "hash:ip,port,net":
                return f"{address},{port},{net}{nomatch}"
            case "hash:net,iface":
                return f"{net},{random.choice(LINKS)}{nomatch}"
            case "bitmap:port":
                return str(random.choice(PORTS)) if chance(random, 0.7) else "1000-30000"
            case _:
                return random.choice(("192.168.7.10", "192.168.7.0/25", "192.168.8.0/24", "192.168.7.130"))
