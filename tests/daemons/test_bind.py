"""BIND and our reading of its files answer alike."""

from __future__ import annotations

import gzip
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.model.resolver import Fate, NameSet, Resolver
from agent.resolvers import bind
from agent.resolvers.bind.options import HARMLESS, MODELLED, OPEN
from agent.snapshot import Artifact, Files, Status
from agent.snapshot.programs import unit_of
from tests.daemons.bind import Config, disagreements, expected, reply, seen, taken
from tests.daemons.internet import internet, needs
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.kind import Piece

pytestmark = pytest.mark.daemons
MANUAL = Path("/usr/share/man/man5/named.conf.5.gz")
OPTIONS = 'options { directory "/d"; forwarders { 198.51.100.53; }; };\n'
SOA = "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\n"
SAMPLE = 120
"""Random configurations, from seed 0."""


@pytest.mark.parametrize("first", range(0, SAMPLE, 10))
@needs("named")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet(reply) as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


def test_the_sample_covers_every_outcome(tmp_path: Path) -> None:
    met = {outcome.fate for seed in range(SAMPLE) for outcome in expected(Config(seed, tmp_path)).values()}
    assert met - {Fate.UNKNOWN} == set(Fate) - {Fate.UNKNOWN, Fate.GOES_ON}


@pytest.mark.skipif(not MANUAL.exists(), reason="needs bind9 with its manual pages: packaging/test --install-peers")
def test_every_documented_statement_is_in_one_table() -> None:
    text = gzip.decompress(MANUAL.read_bytes()).decode().replace("\\-", "-")
    named = set(re.findall(r"^\t*([a-z0-9][a-z0-9-]*)(?= [<({\[]| [a-z]+;|;)", text, re.MULTILINE)) - {"the"}
    assert len(named) > 340
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


def read(files: dict[str, str | bytes], *gone: str, arguments: tuple[str, ...] = ("named",)) -> Piece:
    return bind.KIND.read(taken(files, list(arguments), *gone), frozenset({"livechat.com"}))


def only(files: dict[str, str | bytes], *gone: str, arguments: tuple[str, ...] = ("named",)) -> Resolver:
    (found,) = read(files, *gone, arguments=arguments).resolvers
    return found


def config(text: str) -> dict[str, str | bytes]:
    return {"/etc/bind/named.conf": OPTIONS + text}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("view v {\n", "line 3: the file ends too early"),
        ("zone x }\n", "line 2: a semicolon is missing"),
        ("acl a { 10/8 }\n;", "line 2: a semicolon is missing"),
        (";\n", "line 2: a statement is empty"),
        ('zone "x\n', "line 2: not a word"),
        ("acl a { /* 10/8; };\n", "line 2: not a word"),
        ("{" * 200, "line 2: too many braces inside each other"),
        ('include "/etc/bind/named.conf";\n', "/etc/bind/named.conf includes itself"),
        ('include "/etc/bind/not-there.conf";\n', "/etc/bind/not-there.conf: not in this snapshot"),
        ('include "/etc/bind/*.local";\n', "/etc/bind/*.local: not in this snapshot"),
        ("zone x.livechat.com { };\nzone x.livechat.com. { };\n", "zone x.livechat.com stands there twice"),
        ("options { };\n", "options stands there twice"),
        ("frobnicate yes;\n", "line 2: unknown statement frobnicate"),
        ("view v { match-clients { nobody-knows; }; };\n", "not an address nor an acl: nobody-knows"),
        ("view v { match-clients { 10.0.0.1/8; }; };\n", "not an address nor an acl: 10.0.0.1/8"),
        ("view v { match-clients { a; }; };\nacl a { b; };\nacl b { a; };\n", "acl a holds itself"),
        ("view v { match-clients { geoip country DE; }; };\n", "not an address nor an acl: geoip country DE"),
        ('plugin query "other.so" { };\n', "a plugin decides that is not followed: other.so"),
        ('view v { response-policy { zone "p"; }; };\n', "policy zone p is not a primary or secondary zone"),
        ("view v { catalog-zones { zone c; }; };\n", "another zone says which zones there are"),
        ("view v { check-names response fail; };\n", "answers with names that are not those of hosts"),
        ("view v { dns64 64:ff9b::/96 { exclude { any; }; }; };\n", "addresses are replaced by others"),
        (
            'trust-anchors { livechat.com. static-key 257 3 5 "x"; };\n',
            "answers fail where keys of a zone are not these",
        ),
    ],
)
def test_what_cannot_be_followed_leaves_names_open(text: str, reason: str) -> None:
    found = only(config(text))
    assert any(reason in str(gap) for gap in found.gaps), found.gaps
    assert all(
        view.answer("livechat.com", 4)[0].fate in (Fate.UNKNOWN, Fate.REFUSED, Fate.FAILED) for view in found.views
    )


@pytest.mark.parametrize(
    ("zone", "records", "reason"),
    [
        ("type secondary; primaries { 192.0.2.1; };", None, "its records are in no file"),
        ('type secondary; file "z";', SOA.encode(), "in named's own form: set masterfile-format text"),
        ('type primary; file "z";', b"\0\0\0\2\0\0", "in named's own form: set masterfile-format text"),
        ('type primary; file "z"; allow-update { any; };', SOA.encode(), "changes of it are in /d/z.jnl"),
        ('type primary; file "z";', (SOA + "$INCLUDE other\n").encode(), "line 4: $INCLUDE is not followed"),
        (
            'type primary; file "z";',
            (SOA + "$GENERATE 1-9 a$ A 10.0.0.$\n").encode(),
            "line 4: $GENERATE is not followed",
        ),
        ('type primary; file "z";', (SOA + "livechat.com CNAME (\n").encode(), "line 4: a parenthesis is not closed"),
        ("type mirror;", None, "a zone of type mirror"),
        ("type delegation-only;", None, "a zone of type delegation-only"),
    ],
)
def test_zones_that_are_not_known_leave_their_names_open(zone: str, records: bytes | None, reason: str) -> None:
    files = config(f'zone "livechat.com" {{ {zone} }};\n') | ({"/d/z": records} if records else {})
    gone = () if "jnl" in reason else ("/d/z.jnl",)
    outcome, _ = seen(only(files, *gone), "127.0.0.1").answer("api.livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert reason in outcome.because


def policy(records: str, settings: str = "", options: str = "") -> Resolver:
    text = f'options {{ directory "/d"; response-policy {{ zone "p" {settings}; }} {options}; }};\n'
    return only({"/etc/bind/named.conf": text + 'zone "p" { type primary; file "p"; };\n', "/d/p": SOA + records})


def test_names_beside_a_wildcard_hide_it() -> None:
    assert seen(policy("* CNAME .\n"), "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN
    found = policy("* CNAME .\nother.com CNAME .\n")  # now there is com, and no *.com
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


@pytest.mark.parametrize("trigger", ["ns.example.com.rpz-nsdname", "32.53.2.0.192.rpz-nsip"])
def test_name_servers_are_not_known(trigger: str) -> None:
    found = policy(f"{trigger} CNAME .\napi.livechat.com CNAME .\n")
    outcome, _ = seen(found, "127.0.0.1").answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert trigger in outcome.because
    assert seen(found, "127.0.0.1").answer("api.livechat.com", 4)[0].fate is Fate.NXDOMAIN
    off = policy(f"{trigger} CNAME .\n", "nsip-enable no nsdname-enable no")
    assert seen(off, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_policies_whose_file_is_wrong_or_gone_have_no_effect() -> None:
    text = 'options { directory "/d"; response-policy { zone p; }; };\nzone p { type primary; file "p"; };\n'
    files: dict[str, str | bytes] = {"/etc/bind/named.conf": text}
    gone = only(files, "/d/p")
    assert seen(gone, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON
    denied = only(files)
    assert seen(denied, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.UNKNOWN
    without_servers = only(files | {"/d/p": "@ SOA a. b. 1 2 3 4 5\nlivechat.com CNAME .\n"})
    assert seen(without_servers, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_servers_of_a_policy_zone_without_addresses_keep_it_from_being_loaded() -> None:
    head = "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS ns.in\nlivechat.com CNAME .\n"
    text = 'options { directory "/d"; response-policy { zone p; }; };\nzone p { type primary; file "p"; };\n'
    files: dict[str, str | bytes] = {"/etc/bind/named.conf": text}
    for more, fate in (("", Fate.PASSED_ON), ("ns.in A 192.0.2.1\n", Fate.NXDOMAIN), ("in NS a.\n", Fate.NXDOMAIN)):
        found = only(files | {"/d/p": head + more})
        assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is fate


def test_without_a_directory_nobody_knows_where_files_are() -> None:
    text = 'zone livechat.com { type primary; file "z"; };\n'
    found = only({"/etc/bind/named.conf": text}, "/z")
    outcome, _ = seen(found, "127.0.0.1").answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert "in the folder that named was started in" in outcome.because


def test_clients_are_in_one_view_each() -> None:
    records = "".join(
        f"32.{number}.7.168.192.rpz-client-ip CNAME {'.' if number % 2 else '*.'}\n" for number in range(99)
    )
    found = policy(records)
    assert len(found.views) == 4  # NXDOMAIN, NODATA, neither, and who is refused
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON
    assert seen(found, "192.168.7.3").answer("livechat.com", 4)[0].fate is Fate.REFUSED


def test_aliases_meet_policies_and_addresses_as_names_do() -> None:
    found = seen(policy("cdn.livechat.com CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n"), "127.0.0.1")
    assert [rule.outcome.fate for rule in found.way("livechat.com", 4).met] == [Fate.NXDOMAIN]
    (rule,) = [each for stage in found.chain if (each := stage.find("cdn.livechat.com", 4))]
    assert rule.outcome.fate is Fate.NXDOMAIN


def test_a_name_that_is_let_through_passes_by_addresses_of_later_zones() -> None:
    found = seen(policy("livechat.com CNAME rpz-passthru.\n24.0.2.0.192.rpz-ip CNAME .\n"), "127.0.0.1")
    way = found.way("livechat.com", 4)
    assert (way.outcome.fate, way.met, way.let_through) == (Fate.PASSED_ON, (), True)


def test_files_of_keys_are_nobodys_business() -> None:
    assert not only(config('include "/etc/bind/rndc.key";\n')).gaps


def test_walled_gardens_are_followed_into_zones_that_nobody_asked_about() -> None:
    text = 'options { directory "/d"; response-policy { zone p; }; };\nzone p { type primary; file "p"; };\n'
    files: dict[str, str | bytes] = {
        "/etc/bind/named.conf": text + 'zone garden { type primary; file "garden"; };\n',
        "/d/p": SOA + "livechat.com CNAME walled.garden.\n*.livechat.com CNAME *.garden.\n",
        "/d/garden": SOA + "walled CNAME in\nin A 10.9.9.9\n*.com A 10.8.8.8\n",
    }
    view = seen(only(files), "127.0.0.1")
    assert view.answer("livechat.com", 4)[0].addresses == {(4, 0x0A090909)}
    assert view.answer("api.livechat.com", 4)[0].addresses == {(4, 0x0A080808)}
    assert view.answer("api.livechat.com", 6)[0].fate is Fate.NODATA


def test_zones_of_other_views_are_seen() -> None:
    text = (
        'view one { match-clients { 127.0.0.1; }; zone livechat.com { type primary; file "z"; }; };\n'
        "view two { zone livechat.com { in-view one; }; recursion no; };\n"
    )
    found = only(config(text) | {"/d/z": SOA + "@ A 10.1.1.1\n"})
    assert seen(found, "127.0.9.9").answer("livechat.com", 4)[0].addresses == {(4, 0x0A010101)}


def test_copies_of_zones_are_read_where_they_are_text() -> None:
    text = 'zone livechat.com { type slave; file "z"; masters { 192.0.2.1; }; masterfile-format text; };\n'
    found = only(config(text) | {"/d/z": SOA + "@ A 10.1.1.1\n"}, "/d/z.jnl")
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].addresses == {(4, 0x0A010101)}


def test_the_address_that_is_asked_decides_where_views_differ_by_it() -> None:
    text = "view one { match-destinations { 127.0.0.1; }; recursion no; };\nview two { };\n"
    assert seen(only(config(text)), "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.REFUSED
    other = text.replace("127.0.0.1", "192.0.2.1")
    assert seen(only(config(other)), "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_servers_that_are_not_to_be_asked_are_no_upstreams() -> None:
    bogus = config("server 198.51.100.53 { bogus yes; };\n")
    assert seen(only(bogus), "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.UNKNOWN


def test_the_command_line_names_file_root_and_port() -> None:
    files: dict[str, str | bytes] = {"/jail/etc/other.conf": 'include "more.conf";', "/jail/more.conf": "options { };"}
    found = only(files, arguments=("named", "-4f", "-u", "bind", "-t/jail", "-c", "/etc/other.conf", "-p", "5353"))
    assert not found.gaps
    assert {(one.address, one.port) for one in found.listeners} == {("0.0.0.0", 5353), ("::", 5353)}  # noqa: S104


def test_one_that_starts_at_boot_is_not_asked_where_others_listen() -> None:
    other = {"name": "dnsmasq", "pid": 9, "arguments": ["dnsmasq"]}
    socket = {"proto": "udp", "address": "192.168.7.1", "port": 53}
    boot = Artifact(f"files{unit_of('named')}", Status.OK)
    for port, left in ((53, set()), (5353, {4, 6})):
        socket = {"proto": "udp", "address": "192.168.7.1", "port": port}
        found = snapshot(config(""), [{**other, "listeners": [socket]}])
        found = replace(found, artifacts={**found.artifacts, boot.name: boot})
        (resolver,) = bind.KIND.read(found, frozenset({"livechat.com"})).resolvers
        assert {6 if ":" in one.address else 4 for one in resolver.listeners} == left


def test_bytes_of_another_encoding_do_not_matter_in_comments() -> None:
    text = (
        b'// caf\xe9\noptions { directory "/d"; }; /* \xff */ # \xfe\nzone livechat.com { type primary; file "z"; };\n'
    )
    found = only({"/etc/bind/named.conf": text, "/d/z": SOA.encode() + b"; \xff\n@ A 10.0.0.9\n"})
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].addresses == {(4, 0x0A000009)}


def wanted(files: dict[str, str | bytes]) -> Iterator[str]:
    taken_now = snapshot(files, [{"name": "named", "pid": 7, "arguments": ["named"], "listeners": []}])
    return (one.ask.pattern for one in bind.KIND.wants(taken_now) if isinstance(one.ask, Files))


def test_it_asks_for_the_files_of_all_zones_and_their_journals() -> None:
    text = (
        'options { directory "/d"; };\ninclude "more/*.conf";\nzone a.com { type primary; file "/db/a"; };\n'
        'zone . { type hint; file "/usr/share/dns/root.hints"; };\n'
        'view v { zone b.com { type slave; file "b"; masters { 192.0.2.1; }; }; };\n'
    )
    assert set(wanted({"/etc/bind/named.conf": text})) == {"/d/more/*.conf", "/db/a", "/d/b", "/d/b.jnl"}


def test_long_lists_of_zones_and_policies_are_searched() -> None:
    zones = "".join(f'zone "ad{number}.example" {{ type primary; file "null"; }};\n' for number in range(50_000))
    records = "".join(f"ad{number}.example CNAME .\n" for number in range(100_000)) + "cdn.livechat.com CNAME .\n"
    text = (
        f'{zones}options {{ directory "/d"; response-policy {{ zone p; }}; }};\nzone p {{ type primary; file "p"; }};\n'
    )
    begin = time.monotonic()
    found = only({"/etc/bind/named.conf": text, "/d/p": SOA + records})
    assert time.monotonic() - begin < 20
    view = seen(found, "127.0.0.1")
    sets = [names for stage in view.stages for names in stage.sets]
    mentioned = {names.text for names in sets if isinstance(names, NameSet)}
    assert mentioned == {"com", "livechat.com", "cdn.livechat.com"}
    assert view.answer("cdn.livechat.com", 6)[0].fate is Fate.NXDOMAIN
