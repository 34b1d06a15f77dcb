"""Squid and our reading of its files treat requests alike."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from ssl import TLSVersion
from typing import TYPE_CHECKING

import pytest

from agent.model.proxy import Form
from agent.proxies.squid.directives import HARMLESS, MODELLED, OPEN
from agent.proxies.squid.elements import GROUPS, TYPES
from agent.proxies.squid.elements import OPEN as OPEN_TYPES
from agent.proxies.squid.requests import ADDRESSES
from tests.daemons.internet import needs
from tests.daemons.squid import Config, World, disagreements, outcomes, world
from tests.kernel.needs import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.daemons
DOCUMENTED = Path("/etc/squid/squid.conf")
CONFIGURATIONS, CHUNK = 160, 20


@pytest.fixture(scope="module")
def modern() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.mark.parametrize("first", range(0, CONFIGURATIONS, CHUNK))
@needs("squid", "nft", "openssl")
def test_random_configurations(first: int, tmp_path: Path, modern: World) -> None:
    for seed in range(first, first + CHUNK):
        config = Config(seed, tmp_path / str(seed))
        assert not disagreements(config, modern), config.files


@needs("squid", "nft", "openssl")
def test_random_configurations_where_servers_show_their_certificate(tmp_path: Path) -> None:
    with world(TLSVersion.TLSv1_2) as older:
        for seed in range(1000, 1000 + CHUNK):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, older), config.files


def test_the_sample_reaches_every_outcome(tmp_path: Path) -> None:
    found = {one for seed in range(CONFIGURATIONS) for one in outcomes(Config(seed, tmp_path / str(seed)))}
    for form in (Form.CONNECT, Form.TLS):
        assert {
            (form, "allow"), (form, "allow decrypted"), (form, "allow upstream"), (form, "deny"), (form, "drop"),
        } <= found  # fmt: skip
    for form in (Form.GET, Form.HTTP):
        assert {(form, "allow"), (form, "allow upstream"), (form, "deny")} <= found


@pytest.mark.skipif(not DOCUMENTED.exists(), reason="needs squid: packaging/test --install-peers")
def test_every_documented_directive_is_in_one_table() -> None:
    named = set(re.findall(r"^#  TAG: (\S+)", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(named) > 350
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


@pytest.mark.skipif(not DOCUMENTED.exists(), reason="needs squid: packaging/test --install-peers")
def test_every_documented_type_of_acl_is_in_one_table() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    named = set(re.findall(r"^#\s*acl aclname ([a-z0-9_:-]+)", text, re.MULTILINE)) - {"acltype"}
    assert len(named) > 50
    tables = (TYPES.keys(), ADDRESSES.keys(), GROUPS, OPEN_TYPES.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


AUDITED = """http_port 3128
pid_filename none
cache_log /dev/null
access_log none
pinger_enable off
acl staff src 192.168.7.128/25
acl mine dstdomain .livechat.com *.helpdesk.com
acl bad dstdomain .chatbot.com
http_access deny bad !staff
http_access allow mine
http_access allow staff
http_access deny all
"""


@needs("squid", "nft", "ip")
def test_an_audit_names_the_line_that_denies_a_domain(tmp_path: Path) -> None:
    config = tmp_path / "squid.conf"
    config.write_text(AUDITED)
    with gateway() as shell:
        done = shell(
            f"setpriv --pdeathsig KILL squid -N -f {config} &\ndaemon=$!\ntrap 'kill $daemon' EXIT\n"
            "for _ in $(seq 200); do ! ss -Hltn 'sport = :3128' | grep -q . || break; sleep 0.05; done\n"
            f"{sys.executable} -m agent audit --format json || [ $? = 1 ]"
        )
        assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = {
        one["domain"]: one
        for one in report["verdicts"]
        if (one["zone"], one["port"], one["family"], one["road"]) == ("lan0", "tcp/443", 4, "proxy:192.168.7.1:3128")
    }
    assert found["*.livechat.com"]["verdict"] == "allowed"
    assert found["*.chatbot.com"]["verdict"] == "partial", "staff are let through"
    assert found["*.helpdesk.com"]["verdict"] == "partial", "the * stands for itself"
    (decided,) = found["*.chatbot.com"]["decided_by"]
    assert (decided["line"], decided["text"]) == (9, "http_access deny bad !staff")
    mistaken = next(one for one in report["findings"] if one["rule"]["id"] == "name-list-mistake")
    assert "the * of *.helpdesk.com stands for itself" in mistaken["summary"]
