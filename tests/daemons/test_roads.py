"""Roads through real programs: what an audit on the gateway says is what becomes of a client's packets."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.daemons.internet import needs
from tests.daemons.lan import GATEWAY, Lan, address, certify, lan
from tests.daemons.squid_files import alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.daemons, needs("squid", "dnsmasq", "nft", "openssl", "ip")]
LISTED, UNLISTED = "api.livechat.com", "api.chatbot.com"
"""Names of a domain that the proxies here let pass, and of one that they do not."""
PROXY = (GATEWAY, 3128)
BY_PROXY = f"proxy:{GATEWAY}:3128"
TRANSPARENT = "transparent-proxy"
RULES = f"""
visible_hostname gateway.test
pid_filename none
cache_log /dev/null
access_log none
cache deny all
cache_mem 0
pinger_enable off
shutdown_lifetime 0 seconds
hosts_file none
connect_timeout 2 seconds
http_port {GATEWAY}:3128
acl lan src 192.168.7.0/24
acl services dstdomain .livechat.com
acl services_tls ssl::server_name .livechat.com
acl step1 at_step SslBump1
"""
EXPLICIT = "http_access allow lan services\nhttp_access deny all\n"
DIVERTED = """
http_port 3129 {way}
https_port 3130 {way} ssl-bump tls-cert={certificate} generate-host-certificates=off
http_access allow lan CONNECT
http_access allow lan services
http_access deny all
ssl_bump peek step1
ssl_bump splice services_tls
ssl_bump terminate all
"""
REDIRECT = """
table inet nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "lan0" tcp dport 80 redirect to :3129
    iifname "lan0" tcp dport 443 redirect to :3130
  }
}
"""
TPROXY = """
table inet divert {
  chain prerouting {
    type filter hook prerouting priority mangle;
    iifname "wan0" meta l4proto tcp socket transparent 1 meta mark set 1 accept
    iifname "lan0" tcp dport 80 tproxy ip to :3129 meta mark set 1 accept
    iifname "lan0" tcp dport 443 tproxy ip to :3130 meta mark set 1 accept
  }
}
"""
CLOSED = """
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    udp dport 53 accept
  }
}
"""
FORCED_DNS = """
table ip forced {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "lan0" udp dport 53 redirect
  }
}
"""
BY_NAME = """
table inet filter {{
  set named {{
    type ipv4_addr
  }}
  chain forward {{
    type filter hook forward priority filter; policy {policy};
    ct state established,related accept
    udp dport 53 accept
    ip daddr @named {action}
  }}
}}
"""
NO_WAY_OUT = """
table inet filter {
  chain output {
    type filter hook output priority filter;
    oifname "wan0" tcp dport 443 drop
  }
}
"""


class Gateway(NamedTuple):
    """A network, and what is to be started on its gateway."""

    network: Lan
    folder: Path
    running: ExitStack

    @property
    def certificate(self) -> str:
        return f"{self.folder}/gateway.pem"

    def load(self, rules: str) -> None:
        self.network.gateway.run(("nft", "-f", "-"), rules)

    def squid(self, lines: str, port: int = 3128) -> None:
        """Start Squid, with a certificate for diverted connections."""
        certify(self.folder / "gateway.pem")
        config = self.folder / "squid.conf"
        config.write_text(f"{RULES}{lines}", encoding="utf-8")
        self.running.enter_context(self.network.running(alone(config, port), "tcp", port))

    def dnsmasq(self, lines: str = "") -> None:
        config = self.folder / "dnsmasq.conf"
        config.write_text(f"no-resolv\nno-hosts\nserver=198.51.100.53\n{lines}\n", encoding="utf-8")
        argv = ("dnsmasq", "-k", f"--conf-file={config}", "--user=root", "--pid-file=")
        self.running.enter_context(self.network.running(argv, "udp", 53))

    def verdicts(self, name: str, port: str = "tcp/443") -> dict[str, tuple[str, tuple[str, ...]]]:
        """Verdict and stages for each road of the clients over IPv4."""
        done = self.network.gateproof("audit", "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        domain = f"*.{name.partition('.')[2]}"
        return {
            one["road"]: (one["verdict"], tuple(one["blocked_at"]))
            for one in report["verdicts"]
            if (one["zone"], one["family"], one["port"], one["domain"]) == ("lan0", 4, port, domain)
        }


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with lan() as network, ExitStack() as running:
        yield Gateway(network, tmp_path, running)


def test_without_anything_the_client_reaches_the_internet(gateway: Gateway) -> None:
    assert gateway.network.look_up(LISTED, "9.9.9.9") == (address(LISTED),)
    assert gateway.network.secure(LISTED, address(LISTED))
    assert gateway.network.plain(LISTED, address(LISTED))
    assert gateway.verdicts(LISTED) == {"direct": ("allowed", ())}


@pytest.mark.parametrize(("way", "rules"), [("intercept", REDIRECT), ("tproxy", TPROXY)])
def test_a_transparent_proxy_lets_through_what_its_list_has(way: str, rules: str, gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(rules)
    network.shell("ip rule add fwmark 1 lookup 100; ip route add local default dev lo table 100")
    gateway.dnsmasq()
    gateway.squid(DIVERTED.format(way=way, certificate=gateway.certificate) + f"dns_nameservers {GATEWAY}\n", port=3130)
    for port in ("tcp/443", "tcp/80"):
        assert gateway.verdicts(LISTED, port)[TRANSPARENT] == ("allowed", ())
        assert gateway.verdicts(UNLISTED, port)[TRANSPARENT] == ("blocked", ("proxy",))
    assert network.look_up(LISTED, GATEWAY) == (address(LISTED),)
    assert network.secure(LISTED, address(LISTED))
    assert network.plain(LISTED, address(LISTED))
    assert not network.secure(UNLISTED, address(UNLISTED))
    assert not network.plain(UNLISTED, address(UNLISTED))


def test_a_transparent_proxy_with_other_answers_than_its_clients_is_unknown(gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(REDIRECT)
    gateway.squid(
        DIVERTED.format(way="intercept", certificate=gateway.certificate) + "dns_nameservers 9.9.9.9\n", port=3130
    )
    assert gateway.verdicts(LISTED)[TRANSPARENT] == ("unknown", ())
    assert gateway.verdicts(LISTED, "tcp/80")[TRANSPARENT] == ("allowed", ())
    elsewhere = address("another name")
    assert network.secure(LISTED, address(LISTED))
    assert not network.secure(LISTED, elsewhere), "Squid takes it for forged"
    assert network.plain(LISTED, elsewhere)


def test_a_transparent_proxy_that_the_packet_filter_keeps_clients_from(gateway: Gateway) -> None:
    gateway.load(REDIRECT)
    gateway.load("table inet filter { chain input { type filter hook input priority 0; tcp dport 3130 drop; }; }")
    gateway.squid(DIVERTED.format(way="intercept", certificate=gateway.certificate), port=3130)
    assert gateway.verdicts(LISTED) == {
        "direct": ("blocked", ("firewall",)),
        BY_PROXY: ("allowed", ()),
    }
    assert not gateway.network.secure(LISTED, address(LISTED))


def test_an_explicit_proxy_beside_a_closed_direct_road(gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(CLOSED)
    gateway.squid(f"{EXPLICIT}dns_nameservers 9.9.9.9\n")
    assert gateway.verdicts(LISTED) == {"direct": ("blocked", ("firewall",)), BY_PROXY: ("allowed", ())}
    assert gateway.verdicts(UNLISTED) == {"direct": ("blocked", ("firewall",)), BY_PROXY: ("blocked", ("proxy",))}
    assert network.tunnel(LISTED, PROXY)
    assert not network.tunnel(UNLISTED, PROXY)
    assert not network.secure(LISTED, address(LISTED))


@pytest.mark.parametrize("program", ["dnsmasq", "unbound"])
def test_forced_dns_blocks_a_name_whomever_clients_ask(program: str, gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(FORCED_DNS)
    if program == "dnsmasq":
        gateway.dnsmasq("address=/chatbot.com/#")
    else:
        config = gateway.folder / "unbound.conf"
        config.write_text(
            'server:\n chroot: ""\n username: ""\n pidfile: ""\n use-syslog: no\n interface: 0.0.0.0\n'
            " access-control: 192.168.7.0/24 allow\n module-config: iterator\n local-zone: chatbot.com always_nxdomain\n"
            "forward-zone:\n name: .\n forward-addr: 198.51.100.53\n"
        )
        gateway.running.enter_context(network.running(("unbound", "-d", "-c", str(config)), "udp", 53))
    assert gateway.verdicts(UNLISTED) == {"direct": ("blocked", ("dns",))}
    assert gateway.verdicts(LISTED) == {"direct": ("allowed", ())}
    assert address(UNLISTED) not in network.look_up(UNLISTED, "9.9.9.9")
    assert network.look_up(LISTED, "9.9.9.9") == (address(LISTED),)


def test_a_proxy_whose_own_packets_are_dropped(gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(NO_WAY_OUT)
    gateway.squid(f"{EXPLICIT}dns_nameservers 9.9.9.9\n")
    assert gateway.verdicts(LISTED)[BY_PROXY] == ("blocked", ("firewall",))
    assert gateway.verdicts(UNLISTED)[BY_PROXY] == ("blocked", ("firewall", "proxy"))
    assert gateway.verdicts(LISTED, "tcp/80")[BY_PROXY] == ("allowed", ())
    assert not network.tunnel(LISTED, PROXY)
    assert network.secure(LISTED, address(LISTED)), "the direct road is open"


def test_a_proxy_whose_resolver_blocks_a_name(gateway: Gateway) -> None:
    network = gateway.network
    gateway.dnsmasq("address=/livechat.com/#\nlisten-address=127.0.0.1\nbind-interfaces")
    gateway.squid(f"{EXPLICIT}dns_nameservers 127.0.0.1\n")
    assert gateway.verdicts(LISTED) == {"direct": ("allowed", ()), BY_PROXY: ("blocked", ("dns",))}
    assert not network.tunnel(LISTED, PROXY)
    assert network.secure(LISTED, address(LISTED)), "clients ask others"


@pytest.mark.parametrize(("policy", "action"), [("drop", "accept"), ("accept", "drop")])
def test_a_set_that_dnsmasq_fills_holds_what_a_client_has_asked_for(policy: str, action: str, gateway: Gateway) -> None:
    network = gateway.network
    gateway.load(BY_NAME.format(policy=policy, action=action))
    gateway.dnsmasq("nftset=/livechat.com/api.helpdesk.com/4#inet#filter#named")
    stopped = ("blocked", ("firewall",))
    within, without = (("allowed", ()), stopped) if action == "accept" else (stopped, ("allowed", ()))
    assert gateway.verdicts(LISTED) == {"direct": within}
    assert gateway.verdicts(UNLISTED) == {"direct": without}
    assert gateway.verdicts("www.helpdesk.com") == {"direct": ("partial", ("firewall",))}
    for name in (LISTED, UNLISTED):
        assert network.look_up(name, GATEWAY) == (address(name),)
    assert gateway.verdicts(LISTED) == {"direct": within}, "what the set holds just now says nothing"
    assert network.secure(LISTED, address(LISTED)) is (action == "accept")
    assert network.secure(UNLISTED, address(UNLISTED)) is (action == "drop")


@needs("ipset", "iptables-nft")
def test_an_ipset_that_dnsmasq_fills(gateway: Gateway) -> None:
    network = gateway.network
    network.shell(
        "ipset create named hash:ip\n"
        "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -m set --match-set named dst -j ACCEPT\n"
        "iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
    )
    gateway.dnsmasq("ipset=/livechat.com/named")
    assert gateway.verdicts(LISTED) == {"direct": ("allowed", ())}
    assert gateway.verdicts(UNLISTED) == {"direct": ("blocked", ("firewall",))}
    for name in (LISTED, UNLISTED):
        assert network.look_up(name, GATEWAY) == (address(name),)
    assert network.secure(LISTED, address(LISTED))
    assert not network.secure(UNLISTED, address(UNLISTED))


def test_a_set_is_not_filled_for_clients_that_ask_others(gateway: Gateway) -> None:
    gateway.load(BY_NAME.format(policy="drop", action="accept"))
    gateway.dnsmasq("nftset=/livechat.com/4#inet#filter#named\nlisten-address=127.0.0.1\nbind-interfaces")
    assert gateway.verdicts(LISTED) == {"direct": ("blocked", ("firewall",))}
    assert not gateway.network.secure(LISTED, address(LISTED))


def test_explain_prints_the_stages_behind_the_one_that_stops(gateway: Gateway) -> None:
    gateway.load(NO_WAY_OUT)
    gateway.dnsmasq("address=/livechat.com/#")
    gateway.squid(f"http_access deny services\n{EXPLICIT}dns_nameservers 127.0.0.1\n")
    done = gateway.network.gateproof("explain", f"{LISTED}:443", "--from", "lan0")
    assert done.returncode == 1, done.stderr
    road = done.stdout[done.stdout.index(BY_PROXY) :]
    stages = ("http_access deny services", "address=/livechat.com/#", "tcp dport 443 drop")
    assert [one for one in stages if one in " ".join(road.split())] == list(stages)
