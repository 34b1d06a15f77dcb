"""Clients behind two LAN interfaces, a gateway, and the world behind two uplinks.

Only the gateway has addresses. The far ends are bare cables with a packet socket on each, so that clients
can send from any address and every destination can be reached: the links have no ARP.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.kernel.netns import Namespace

LANS = ("lan0", "lan1")
WANS = ("wan0", "wan1")
LINKS = LANS + WANS
MAC = {name: bytes((2, 0, 0, 0, 0, number)) for number, name in enumerate(LINKS, 1)}
FAR_MAC = {name: bytes((2, 0, 0, 0, 1, number)) for number, name in enumerate(LINKS, 1)}

ADDRESSES = {
    "lan0": ("192.168.7.1/24", "fd07:7::1/64"),
    "lan1": ("192.168.8.1/24", "fd07:8::1/64"),
    "wan0": ("203.0.113.2/30", "2001:db8:a::2/64"),
    "wan1": ("198.51.100.2/30", "2001:db8:b::2/64"),
}
ROUTED_MARK = 0x77
"""Packets with this mark leave by wan1."""

ROUTES = f"""\
route add default via 203.0.113.1 dev wan0
route add 23.32.0.0/11 via 198.51.100.1 dev wan1
route add unreachable 192.0.2.0/25
route add blackhole 192.0.2.128/25
route add default via 198.51.100.1 dev wan1 table 100
rule add fwmark {ROUTED_MARK:#x} lookup 100
"""
ROUTES_6 = f"""\
route add default via 2001:db8:a::1 dev wan0
route add 2600:1400::/24 via 2001:db8:b::1 dev wan1
route add unreachable 2001:db8:dead::/49
route add blackhole 2001:db8:dead:8000::/49
route add default via 2001:db8:b::1 dev wan1 table 100
rule add fwmark {ROUTED_MARK:#x} lookup 100
"""

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "1000000",
    "net/ipv4/icmp_msgs_burst": "1000000",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/accept_ra": "0",
}


GROUPS = {"lan0": 5, "lan1": 5, "wan0": 0, "wan1": 7}


@dataclass(frozen=True, slots=True)
class Topology:
    """The three namespaces; the far end of ``lan0`` is called ``lan0`` too, in ``clients``."""

    clients: Namespace
    gateway: Namespace
    servers: Namespace

    def far(self, link: str) -> Namespace:
        """Give the namespace of a link's far end."""
        return self.clients if link in LANS else self.servers

    def close(self) -> None:
        """Take it all down."""
        for namespace in (self.clients, self.gateway, self.servers):
            namespace.close()


def build() -> Topology:
    """Make the namespaces, cables, addresses and routes."""
    topology = Topology(Namespace(), Namespace(), Namespace())
    with topology.gateway.entered():
        _set_sysctls(SYSCTLS)
    for namespace in (topology.clients, topology.servers):
        with namespace.entered():
            _set_sysctls({"net/ipv6/conf/default/disable_ipv6": "1", "net/ipv6/conf/all/disable_ipv6": "1"})
    lines = ["link set lo up"]
    for link in LINKS:
        lines += [
            (
                f"link add {link} address {_text(MAC[link])} arp off type veth"
                f" peer name {link} address {_text(FAR_MAC[link])} arp off netns {topology.far(link).path}"
            ),
            f"link set {link} group {GROUPS[link]} up",
        ]
    topology.gateway.run(("ip", "-batch", "-"), "\n".join(lines))
    for namespace, links in ((topology.clients, LANS), (topology.servers, WANS)):
        namespace.run(("ip", "-batch", "-"), "".join(f"link set {link} up\n" for link in links))
    addresses = [
        f"address add {address} dev {link}{' nodad' if ':' in address else ''}\n"
        for link in LINKS
        for address in ADDRESSES[link]
    ]
    topology.gateway.run(("ip", "-batch", "-"), "".join(addresses) + ROUTES)
    topology.gateway.run(("ip", "-6", "-batch", "-"), ROUTES_6)
    return topology


def _text(mac: bytes) -> str:
    return mac.hex(":")


def _set_sysctls(values: dict[str, str]) -> None:
    for name, value in values.items():
        file = Path("/proc/sys", name)
        if file.exists():  # some belong to newer kernels, or are not per namespace in older ones
            file.write_text(value)
