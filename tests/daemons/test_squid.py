"""Squid and our reading of its files treat requests alike."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from ssl import TLSVersion
from typing import TYPE_CHECKING

import pytest

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form
from agent.proxies import squid
from agent.proxies.squid.directives import HARMLESS, MODELLED, OPEN
from agent.proxies.squid.elements import GROUPS, TYPES
from agent.proxies.squid.elements import OPEN as OPEN_TYPES
from agent.proxies.squid.requests import ADDRESSES
from tests.daemons.internet import needs
from tests.daemons.snapshots import snapshot
from tests.daemons.squid import World, disagreements, outcomes, world
from tests.daemons.squid_files import ACCELERATED, BEGIN, Config, alone
from tests.kernel.needs import PATH, gateway

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
    sample = [Config(seed, tmp_path / str(seed)) for seed in range(CONFIGURATIONS)]
    assert {options for one in sample for options in one.accelerated} == set(ACCELERATED)
    found = {one for config in sample for one in outcomes(config)}
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
shutdown_lifetime 0 seconds
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
            f"setpriv --pdeathsig KILL {' '.join(alone(config))} &\ndaemon=$!\ntrap 'kill $daemon' EXIT\n"
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
    assert found["*.livechat.com"]["verdict"] == "allowed", found["*.livechat.com"]
    assert found["*.chatbot.com"]["verdict"] == "partial", "staff are let through"
    assert found["*.helpdesk.com"]["verdict"] == "partial", "the * stands for itself"
    (decided,) = found["*.chatbot.com"]["decided_by"]
    assert (decided["line"], decided["text"]) == (10, "http_access deny bad !staff")
    mistaken = next(one for one in report["findings"] if one["rule"]["id"] == "name-list-mistake")
    assert "the * of *.helpdesk.com stands for itself" in mistaken["summary"]


@pytest.mark.parametrize(
    "line",
    [
        "acl x dstdomain -i .foo.com", "acl x port http", "acl x port 80-", "acl x port 443,80", "acl x localport 70000",
        "acl x unknowntype y", "acl x ssl::server_name -i a.com", "acl x any-of nope", "acl x proxy_auth REQUIRED",
        "acl x at_step SslBump4", "acl x src -n 1.1.1.1", "acl x dst -n -x 1.1.1.1", f"acl {'n' * 64} src all",
        "acl x dstdomain a.x.com .x.com", "acl x dstdomain x.com .x.com",
        "acl x dstdomain .x.com x.com", "acl x src all\nacl x dst all", "http_access allow nope", "http_access allow !!all",
        "http_access allow later\nacl later src all", "ssl_bump foo all", "ssl_bump allow all\nssl_bump peek all",
        "http_port", "http_port foo", "http_port 99999", "https_port 3130 intercept tls-cert=/x", "bogus on", "endif",
        "http_port 3131 defaultsite=a.com", "http_port 3131 vport=80 accel", "http_port 3131 allow-direct",
        "http_port 3131 accel intercept", "http_port 3131 vhost intercept", "http_port 3131 tproxy accel",
        "if true", "if maybe\nendif", "include /nonexistent", "include /dev/null # why", f"acl x dstdomain {' a.com' * 1400}", "include /nonexistent/*.conf",
        "configuration_includes_quoted_values on\nacl x dstdomain a*b",
        'configuration_includes_quoted_values on\nacl x dstdomain "a',
    ],
)  # fmt: skip
@needs("squid")
def test_what_squid_does_not_start_with_is_open(line: str, tmp_path: Path) -> None:
    assert taken(line, tmp_path) == (False, False)


@pytest.mark.parametrize(
    "line",
    [
        "acl x dstdomain", "acl x dstdomain -- -foo.com", "acl x dstdom_regex -ni foo", "acl x dstdom_regex -i -n foo",
        "acl x dstdom_regex (", "acl x dstdomain .x.com a.x.com", "acl x any-of", "acl X src all\nhttp_access deny x",
        "acl all src 10.0.0.1", "acl manager proto cache_object", "http_access", "http_access allow", "http_access permit all",
        "http_access allow ALL", "http_access allow all all #c", "ssl_bump peek", "http_port [::1]:3129", "miss_access allow all",
        "http_port 3131 accel vport=0", "http_port 3131 accel defaultsite= no-vhost", "http_port 3131 intercept vhost",
        "http_port 3131 no-vhost accel",
        "  acl  x\tsrc\t1.1.1.1  ", "acl x dstdomain .x.\\\n# between\ncom", "dns_v4_first on", "if 1 = 2\nbogus\nendif",
        "if false\nif true\nelse\nbogus\nendif\nendif", "cache_peer a parent 80 0 no-query", "acl x time MTWHF 9:00-17:00",
        "configuration_includes_quoted_values on\nacl x dstdomain \".x.com\" '.y.com' # c",
    ],
)  # fmt: skip
@needs("squid")
def test_what_squid_takes_is_read(line: str, tmp_path: Path) -> None:
    assert taken(line, tmp_path) == (True, True)


def taken(line: str, folder: Path) -> tuple[bool, bool]:
    """Whether Squid and we take a line."""
    text = f"pid_filename none\ncache_log /dev/null\naccess_log none\nhttp_port 13128\n{line}\n"
    main = folder / "squid.conf"
    main.write_text(text)
    done = subprocess.run(("squid", "-k", "parse", "-f", main), capture_output=True, check=False, env={"PATH": PATH})
    program = {"name": "squid", "pid": 7, "arguments": ["squid", "-f", str(main)], "listeners": []}
    (ours,) = squid.read(snapshot({str(main): text}, [program]), frozenset()).proxies
    return done.returncode == 0, not ours.gaps


ADDRESS_WORDS = (
    "0/0", "0.0.0.0/0", "::/0", "0.0.0.0/1", "ipv6", "ipv6 0/0", "0/0 ipv6", "::1 0/0", "::1 all", "::1 0.0.0.0/1",
    "::/0 0/0", "2000::/3 0/0", "127.1.0.1 ::/0", "::/1 127.1.0.1", "::/1 0/0", "127.1", "127.1.0.1/32 all",
    "127.1.0.0-127.1.0.255/24", "127.0.0.5-127.1.0.9/255.255.0.0", "127.1.0.0/16 127.0.0.0/8", "127.0.0.0/8 127.1.0.0/16",
)  # fmt: skip


@needs("squid", "nft", "openssl")
def test_lists_of_addresses(tmp_path: Path, modern: World) -> None:
    main = tmp_path / "squid.conf"
    for words in ADDRESS_WORDS:
        text = f"{BEGIN}http_port 3128\nacl x src {words}\nhttp_access deny x\nhttp_access allow all\n"
        main.write_text(text)
        program = {"name": "squid", "pid": 7, "arguments": ["squid", "-N", "-f", str(main)], "listeners": []}
        (ours,) = squid.read(snapshot({str(main): text}, [program]), frozenset()).proxies
        course = ours.doors[0].course(Form.GET)
        assert course is not None
        with modern.running(alone(main), 3128):
            for client, proxy in (("127.1.0.1", "127.0.0.1"), ("127.2.0.9", "127.0.0.1"), ("::1", "::1")):
                theirs = modern.ask(Form.GET, "text.com", 80, (proxy, 3128), client=client)
                ways = walk(course, Ask(Form.GET, "text.com", 80, client=address_value(client)))
                assert [way.ruling.act is Act.ALLOW for way in ways] == [theirs.reached], (words, client)
