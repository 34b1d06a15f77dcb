"""Programs in other network namespaces that NAT leads clients to, as published ports of containers do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from agent.host.inside import open_to_read
from tests.daemons.internet import needs
from tests.daemons.test_audit import GATEPROOF, verdicts
from tests.kernel.needs import gateway

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.daemons
NET = f"10.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""The bridge's network: the containers of a test that runs beside this one are on the same host, at other addresses."""
CONTAINER = (
    "unshare -n sleep 60 & inner=$!\ntrap 'kill $inner' EXIT\n"
    'until [ "$(readlink /proc/$inner/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done\n'
    "ip link add br0 type veth peer name eth0 netns $inner\n"
    f"ip addr add {NET}.1/24 dev br0; ip link set br0 up\n"
    f"nsenter -t $inner -n sh -c 'ip link set lo up; ip addr add {NET}.2/24 dev eth0; ip link set eth0 up;"
    f" ip route add default via {NET}.1'\n"
)  # fmt: skip
PUBLISHED = (
    "nft 'add table ip nat; add chain ip nat prerouting { type nat hook prerouting priority -100; };"
    f" add rule ip nat prerouting fib daddr type local udp dport 53 dnat to {NET}.2:53'\n"
)


def audited(folder: Path, lines: str, nat: str = PUBLISHED) -> dict[str, Any]:
    """The report of a gateway with a dnsmasq in a container."""
    config = folder / "dnsmasq.conf"
    config.write_text(f"no-resolv\nno-hosts\nserver=198.51.100.53\n{lines}\n")
    with gateway() as shell:
        done = shell(
            f"{CONTAINER}{nat}"
            f"nsenter -t $inner -n setpriv --pdeathsig KILL dnsmasq -k --conf-file={config} --user=root --pid-file= & daemon=$!\n"
            "trap 'kill $daemon $inner' EXIT\n"
            "for _ in $(seq 200); do ! nsenter -t $inner -n ss -Hlun 'sport = :53' | grep -q . || break; sleep 0.05; done\n"
            f"{GATEPROOF} audit --format json || [ $? = 1 ]"
        )
        assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@needs("dnsmasq", "nft")
def test_a_resolver_in_a_container_is_on_the_road(tmp_path: Path) -> None:
    report = audited(tmp_path, "address=/livechat.com/#")
    assert verdicts(report)[4] == "blocked"
    assert verdicts(report, "*.helpdesk.com")[4] == "allowed"
    found = {one["subject"]["name"]: one for one in report["findings"] if one["zone"] == "lan0"}
    (line,) = found["*.livechat.com"]["locus"][:1]
    assert line["artifact"].endswith(f"/root{tmp_path}/dnsmasq.conf")
    assert line["line"] == 4


@needs("dnsmasq", "nft")
def test_a_container_that_nobody_is_led_to_is_no_business_of_ours(tmp_path: Path) -> None:
    report = audited(tmp_path, "address=/livechat.com/#\nbogus-nxdomain=23.0.0.0/8", nat="")
    assert verdicts(report)[4] == "allowed"
    assert not [gap for gap in report["gaps"] if "dnsmasq" in gap["subject"]]


@needs("dnsmasq", "nft")
def test_what_cannot_be_read_of_a_container_names_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("server=1.1.1.1\n")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    report = audited(tmp_path, f"conf-file={tmp_path}/linked")
    assert verdicts(report)[4] == "unknown"
    (gap,) = [gap for gap in report["gaps"] if gap["subject"].startswith("dnsmasq in ")]
    assert "a link in a container is not followed" in gap["reason"]


def test_no_link_leads_out_of_a_container(tmp_path: Path) -> None:
    root = f"/proc/{os.getpid()}/root"
    (tmp_path / "plain").write_text("here")
    (tmp_path / "linked").symlink_to(tmp_path / "plain")
    (tmp_path / "folder").symlink_to(tmp_path)
    with os.fdopen(open_to_read(f"{root}{tmp_path}/plain")) as file:
        assert file.read() == "here"
    for name in ("linked", "folder/plain"):
        with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
            open_to_read(f"{root}{tmp_path}/{name}")


def test_what_a_program_of_another_namespace_looks_like() -> None:
    from agent.host.processes import _addresses, _addresses_6, _container  # noqa: PLC0415 - what is inside

    trie = "  +-- 172.17.0.0/16 2 0 2\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n"
    assert _addresses(trie) == {"172.17.0.2"}
    interfaces = (
        "fe80000000000000000000000000000a 02 40 20 80 eth0\nfd000000000000000000000000000002 02 40 00 80 eth0\n"
    )
    assert _addresses_6(interfaces) == {"fd00::2"}
    assert _container("0::/system.slice/docker-0123456789abcdef0123456789abcdef.scope\n") == "docker-0123456789ab"
    assert _container("") == ""
