"""Squid and our reading of its files treat requests alike."""

from __future__ import annotations

import re
from pathlib import Path
from ssl import TLSVersion
from typing import TYPE_CHECKING

import pytest

from agent.model.proxy import Form
from agent.proxies.squid.directives import HARMLESS, MODELLED, OPEN
from agent.proxies.squid.elements import GROUPS, TYPES
from agent.proxies.squid.elements import OPEN as OPEN_TYPES
from tests.daemons.internet import needs
from tests.daemons.squid import Config, World, disagreements, outcomes, world

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
    tables = (TYPES.keys(), GROUPS, OPEN_TYPES.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)
