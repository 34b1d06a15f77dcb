"""Programs in containers: their files are those of the container, and they listen at its addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent import catalog
from agent.facts.services import JUDGED, PROGRAMS
from agent.snapshot import Files
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from agent.model.proxy import Proxy
    from agent.model.resolver import Resolver

ROOT, ADDRESS = "/proc/7/root", "172.17.0.2"
FILES = {
    "squid": "http_port 3128\nhttp_access allow all\n",
    "haproxy": "defaults\n timeout client 1s\nfrontend f\n bind :443\n mode tcp\n",
    "nginx": "events {}\nstream { server { listen 443; proxy_pass 192.0.2.1:443; } }\n",
    "tinyproxy": "Port 8888\n",
    "privoxy": "listen-address :8118\n",
    "danted": "internal: 0.0.0.0 port = 1080\nexternal: 0.0.0.0\nclientmethod: none\nsocksmethod: none\n",
    "named": "options { recursion yes; };\n",
    "unbound": "server:\n interface: 0.0.0.0\n",
    "dnsmasq": "no-resolv\n",
    "pdns_recursor": "local-address=0.0.0.0\n",
    "kresd": "net.listen('0.0.0.0')\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_program_in_a_container_is_read_and_found_there(name: str) -> None:
    role, _, file = PROGRAMS[name]
    assert role in JUDGED
    program = {
        "name": name,
        "pid": 7,
        "arguments": [name],
        "namespace": "net:[4026532007]",
        "listeners": [],
        "root": ROOT,
        "addresses": [ADDRESS],
        "container": "docker-0123456789ab",
    }
    asked = {one.ask.pattern for one in catalog.wants(snapshot({}, [program])) if isinstance(one.ask, Files)}
    assert f"{ROOT}{file}" in asked
    taken = snapshot({file: "not the container's", f"{ROOT}{file}": FILES[name]}, [program])
    pieces = [kind.read(taken, frozenset({"livechat.com"})) for kind in catalog.kinds()]
    found: list[Proxy | Resolver] = []
    for piece in pieces:
        found += [*piece.proxies, *piece.resolvers]
    assert found
    for one in found:
        assert one.addresses == (ADDRESS,)
        assert one.source is None or one.source.artifact in (f"files{ROOT}{file}", "processes.json")
