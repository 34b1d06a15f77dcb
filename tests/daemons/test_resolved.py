"""systemd-resolved and our reading of its files answer alike.

It must not be installed where it would take the names of the machine over; GATEPROOF_RESOLVED names an unpacked one.
"""

from __future__ import annotations

import gzip
import os
import pwd
import re
from pathlib import Path

import dns.message
import dns.query
import pytest

from agent.model.resolver import Fate
from agent.resolvers.resolved.options import HARMLESS, MODELLED, OPEN
from agent.resolvers.resolved.scopes import STUBS
from tests.daemons.internet import internet
from tests.daemons.resolved import PATIENCE, PROGRAM, USER, Config, disagreements, expected

MANUAL = Path(PROGRAM).parents[2] / "usr/share/man/man5/resolved.conf.5.gz"
HERE = os.geteuid() == 0 and Path(PROGRAM).is_file() and any(one.pw_name == USER for one in pwd.getpwall())

pytestmark = [
    pytest.mark.daemons,
    pytest.mark.skipif(not HERE, reason="needs root and systemd-resolved: GATEPROOF_RESOLVED=PATH"),
]


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet() as world:
        for seed in range(first, first + 20):
            folder = tmp_path / str(seed)
            folder.mkdir()
            config = Config(seed, folder)
            assert not disagreements(config, world), config.files


def test_both_stubs_know_the_hosts_file(tmp_path: Path) -> None:
    config = Config(0, tmp_path)
    config.files = {
        "/etc/hosts": "10.1.1.1 livechat.com\n",
        "/etc/resolv.conf": "",
        "/etc/systemd/resolved.conf": "[Resolve]\nLLMNR=no\nMulticastDNS=no\nDNSStubListenerExtra=udp:127.0.0.1\n",
    }
    config.write()
    with internet() as world, world.running(config.argv, probe="localhost"), world.namespace.entered():
        for stub in STUBS:
            reply = dns.query.udp(dns.message.make_query("livechat.com", "A"), stub, timeout=PATIENCE)
            assert [record.address for answer in reply.answer for record in answer] == ["10.1.1.1"]


def test_the_sample_has_every_outcome(tmp_path: Path) -> None:
    said = [outcome for seed in range(60) for outcome in expected(Config(seed, tmp_path)).values()]
    assert {one.fate for one in said} == {Fate.PASSED_ON, Fate.ADDRESSES, Fate.NODATA, Fate.REFUSED}
    ways = {one.upstreams for one in said}
    assert len([one for one in ways if len(one) == 1]) == 3
    assert len(ways) > 5


@pytest.mark.skipif(not MANUAL.is_file(), reason="needs its manual page")
def test_every_documented_option_is_in_one_table() -> None:
    named = re.findall(r"^\\fI(\w+)=\\fR$", gzip.decompress(MANUAL.read_bytes()).decode(), re.MULTILINE)
    assert len(named) > 10
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)
