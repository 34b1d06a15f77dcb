"""Facts of recorded hosts: network, services, hosts files, proxy settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from agent import catalog
from agent.errors import Irregular
from agent.judge.zones import find_zones, uplinks
from agent.kind import Kind, Piece
from agent.model.resolver import Fate
from agent.snapshot import Artifact, Snapshot, Status

if TYPE_CHECKING:
    from agent.model.gateway import Gateway

ADDR = [
    {"ifname": "lo", "ifindex": 1, "flags": ["LOOPBACK", "UP"],
     "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
    {"ifname": "lan0", "ifindex": 2, "flags": ["UP"],
     "addr_info": [{"family": "inet", "local": "192.168.7.1", "prefixlen": 24, "scope": "global"}]},
    {"ifname": "wan0", "ifindex": 3, "flags": ["UP"],
     "addr_info": [{"family": "inet", "local": "198.51.100.2", "prefixlen": 24, "scope": "global"}]},
]  # fmt: skip
ROUTES = [
    {"dst": "default", "gateway": "198.51.100.1", "dev": "wan0", "flags": []},
    {"dst": "192.168.7.0/24", "dev": "lan0", "flags": []},
    {"dst": "10.8.0.0/16", "gateway": "192.168.7.9", "dev": "lan0", "flags": []},
    {"type": "local", "dst": "192.168.7.1", "dev": "lan0", "table": "local", "flags": []},
    {"type": "blackhole", "dst": "203.0.113.0/24", "flags": []},
]


def gateway(**files: str | list[Any]) -> Gateway:
    base: dict[str, Any] = {
        "ip-addr.json": ADDR,
        "ip-route4.json": ROUTES,
        "files/proc/sys/net/ipv4/ip_forward": "1\n",
    }
    artifacts = {}
    for name, content in (base | files).items():
        data = content if isinstance(content, str) else json.dumps(content)
        artifacts[name] = Artifact(name, Status.OK, data.encode())
    return catalog.read(Snapshot(datetime(2026, 1, 1, tzinfo=UTC), {}, artifacts), frozenset({"livechat.com"}))


def test_zones_and_uplinks_are_found() -> None:
    network = gateway().network
    assert uplinks(network, 4) == {"wan0"}
    assert uplinks(network, 6) == frozenset()
    lan, host = find_zones(network)
    assert (lan.name, host.interface) == ("lan0", None)
    clients = lan.source_addresses(4)
    assert clients is not None
    assert 0xC0A80714 in clients
    assert 0x0A080101 in clients, "what is routed through the interface"
    assert 0xC0A80701 not in clients, "the gateway's own address"


def test_a_host_that_does_not_forward_has_no_client_zones() -> None:
    found = gateway(**{"files/proc/sys/net/ipv4/ip_forward": "0\n"})
    assert [zone.name for zone in find_zones(found.network)] == ["host"]


def test_foreign_json_is_a_gap_and_no_road_is_known() -> None:
    found = gateway(**{"ip-addr.json": "Usage: ip [ OPTIONS ] OBJECT"})
    assert not found.network.known
    assert any(gap.subject == "network" for gap in found.gaps)


def test_hosts_entries_of_interest() -> None:
    found = gateway(**{"files/etc/hosts": "127.0.0.1 localhost\n0.0.0.0 api.livechat.com x # no\nbad line\n"})
    (entry,) = found.hosts
    assert (entry.name, entry.address, entry.source.line) == ("api.livechat.com", 0, 2)
    unused = gateway(**{"files/etc/hosts": "0.0.0.0 api.livechat.com\n", "files/etc/nsswitch.conf": "hosts: dns\n"})
    assert not unused.hosts


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("files/etc/environment", 'https_proxy="http://proxy:3128"\nno_proxy=a.example,.b\n',
         [("https", "http://proxy:3128", ("a.example", ".b"), "environment")]),
        ("files/etc/profile.d/proxy.sh", "export HTTP_PROXY=http://p:1 https_proxy=$HTTP_PROXY\n",
         [("http", "http://p:1", (), "environment")]),
        ("files/etc/apt/apt.conf", 'Acquire::http::Proxy "http://apt:3142";\n', [("http", "http://apt:3142", (), "apt")]),
        ("files/etc/environment", "# http_proxy=http://p:1\n", []),
    ],
)  # fmt: skip
def test_proxy_settings(name: str, text: str, expected: list[tuple[Any, ...]]) -> None:
    found = gateway(**{name: text}).proxy_settings
    assert [(one.scheme.value, one.url, one.no_proxy, one.audience) for one in found] == expected


def test_services() -> None:
    squid = {
        "name": "squid",
        "pid": 7,
        "arguments": ["squid", "-f", "/srv/squid.conf"],
        "listeners": [{"proto": "tcp", "address": "::", "port": 3128}],
    }
    files: dict[str, str | list[Any]] = {"processes.json": [squid], "files/etc/ufw/ufw.conf": "ENABLED=yes\n"}
    found = gateway(**files).services
    assert [(one.name, one.role, one.config_file) for one in found] == [
        ("squid", "proxy", "/srv/squid.conf"),
        ("ufw", "firewall-manager", "/etc/ufw/ufw.conf"),
    ]


def test_what_is_installed_and_idle_is_mentioned_and_not_judged() -> None:
    files: dict[str, str | list[Any]] = {"processes.json": [], "files/etc/squid/squid.conf": "http_access deny all\n"}
    assert gateway(**files).notes == (
        "squid is installed, but neither runs nor starts at boot: /etc/squid/squid.conf was not judged",
    )
    enabled = {"files/etc/systemd/system/multi-user.target.wants/squid.service": "[Unit]\n"}
    assert not gateway(**files, **enabled).notes


def test_rules_that_nobody_can_list_are_a_gap() -> None:
    artifacts = {
        "nft.json": Artifact("nft.json", Status.ABSENT, detail="nft is not installed"),
        "files/proc/modules": Artifact("files/proc/modules", Status.OK, b"nf_tables 1 0 - Live\n"),
    }
    found = catalog.read(Snapshot(datetime(2026, 1, 1, tzinfo=UTC), {}, artifacts), frozenset())
    assert any("nf_tables" in gap.reason for gap in found.firewall.gaps)


def test_a_resolver_that_cannot_be_read_leaves_names_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may take a reader that gave up for a resolver that lets everything pass."""

    def broken(_snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
        raise Irregular("too large")

    kind = Kind("unbound", lambda _: (), broken)
    monkeypatch.setattr(catalog, "_found", lambda: (("agent.resolvers", kind), ("agent.proxies", kind)))
    found = gateway()
    (resolver,) = found.resolvers
    assert resolver.views[0].answer("livechat.com", 4)[0].fate is Fate.UNKNOWN
    assert [str(gap) for gap in found.gaps] == ["unbound: too large"] * 2
