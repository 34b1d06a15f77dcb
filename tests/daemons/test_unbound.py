"""Unbound and our reading of its files answer alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.judge.fates import fate
from agent.judge.namespace import parts
from agent.model.gateway import Gateway
from agent.model.intervals import Intervals, address_value
from agent.model.requirement import Requirement
from agent.model.resolver import Fate, Resolver, View
from agent.resolvers import unbound
from agent.resolvers.unbound.options import CLAUSES, HARMLESS, MODELLED, OPEN
from tests.daemons.internet import UPSTREAMS, aliased, internet, needs
from tests.daemons.snapshots import snapshot
from tests.daemons.unbound import Config, disagreements

pytestmark = pytest.mark.daemons
RUNNING = {"name": "unbound", "pid": 7, "arguments": ["/usr/sbin/unbound", "-d", "-p"], "listeners": []}
DOCUMENTED = Path("/usr/share/doc/unbound/examples/unbound.conf")


@pytest.mark.parametrize("first", range(0, 120, 10))
@needs("unbound")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet() as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


@pytest.mark.skipif(not DOCUMENTED.exists(), reason="needs unbound: packaging/test --install-peers")
def test_every_documented_attribute_is_in_one_table() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    named = set(re.findall(r"^\s*(?:# ?)?([a-z0-9][a-z0-9-]+):(?:\s|$)", text, re.MULTILINE)) - NOT_ATTRIBUTES
    assert len(named) > 230
    tables = (MODELLED, HARMLESS, OPEN.keys(), CLAUSES)
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


NOT_ATTRIBUTES = {"fields", "default", "example", "http", "https", "note", "file"}
"""Words of prose in front of a colon."""


def read(files: dict[str, str | bytes]) -> Resolver:
    (found,) = unbound.KIND.read(snapshot(files, [RUNNING]), frozenset({"livechat.com"})).resolvers
    return found


def seen(found: Resolver, client: str) -> View:
    family, value = address_value(client)
    (view,) = found.views_of(family, Intervals.single(value))
    return view


def test_clients_that_nobody_lets_in_are_refused() -> None:
    found = read({"/etc/unbound/unbound.conf": "server:\naccess-control: 192.168.7.0/24 allow\n"})
    assert seen(found, "192.168.7.9").serves
    assert not seen(found, "192.168.8.9").serves
    assert seen(found, "::1").serves


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("server:\n  }\n", "line 2 is not understood"),
        ("server:\n  local-zone: x.com\n", "line 2: local-zone lacks a value"),
        ("port: 53\n", "line 1: port stands before any clause"),
        ("server:\n  frobnicate: yes\n", "unknown attribute frobnicate"),
        ("server:\n  include: /etc/unbound/unbound.conf\n", "too many files include each other"),
        ("server:\n  include: /etc/unbound/not-there.conf\n", "/etc/unbound/not-there.conf: not in this snapshot"),
        ('server:\n  module-config: "python iterator"\n', "a module decides that is not followed"),
        ("server:\n  response-ip: 23.0.0.0/8 deny\n", "answers with some public addresses are changed"),
        ("server:\n  local-zone: livechat.com newfangled\n", "local-zone type newfangled"),
        ("server:\n  access-control: nonsense allow\n", "nonsense"),
        ("auth-zone:\n  name: livechat.com\n", "livechat.com is served from a file"),
        ('server:\n  local-data: ""\n  port: dns\n', "not a port: dns"),
    ],
)
def test_what_cannot_be_followed_leaves_names_open(text: str, reason: str) -> None:
    found = read({"/etc/unbound/unbound.conf": text})
    outcome, _ = seen(found, "127.0.0.1").answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert reason in outcome.because


def test_bytes_of_another_encoding_do_not_matter_in_comments() -> None:
    found = read({"/etc/unbound/unbound.conf": b"server:\n# caf\xe9\nlocal-zone: livechat.com static\n"})
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN


def test_a_view_that_only_takes_a_built_in_zone_away_has_none_of_its_own() -> None:
    text = (
        "server:\n local-zone: com static\n access-control-view: 127.0.0.0/8 v\n"
        "view:\n name: v\n local-zone: 10.in-addr.arpa nodefault\n"
    )
    found = read({"/etc/unbound/unbound.conf": text})
    assert seen(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN


def zone(*records: str) -> dict[str, str | bytes]:
    text = "\n".join(("@ SOA a. b. 1 2 3 4 5", *records, ""))
    return {"/etc/unbound/unbound.conf": "rpz:\n name: p.\n zonefile: /p.zone\n", "/p.zone": text}


def test_what_stands_before_a_name_elsewhere_says_which_wildcard_it_gets() -> None:
    wild = zone("* CNAME .", "*.livechat.com CNAME rpz-passthru.", "longer-name.com CNAME .")
    assert seen(read(wild), "::1").answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN
    # k.com comes before livechat.com in Unbound's order, shares com with it, and there is no *.com
    beside = zone("* CNAME .", "k.com CNAME .")
    assert seen(read(beside), "::1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (("24.0.0.8.8.rpz-ip CNAME .",), "rpz-ip: answers with some public addresses are changed"),
        (("ns.example.rpz-nsdname CNAME .",), "rpz-nsdname: names are judged by their name servers"),
        (("32.1.7.168.192.rpz-client-ip CNAME rpz-passthru.",), "rpz-client-ip: clients are told apart"),
        (("$INCLUDE other",), "$INCLUDE is not followed"),
        (("livechat.com",), "a record has no type"),
        (("livechat.com CNAME (",), "a parenthesis is not closed"),
        (("livechat.com.other. CNAME .",), "is not in the zone p"),
        (("livechat.com A nonsense",), "line 2"),
    ],
)
def test_policies_that_are_not_followed_leave_names_open(records: tuple[str, ...], reason: str) -> None:
    outcome, _ = seen(read(zone(*records)), "::1").answer("chatbot.livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert reason in outcome.because


def test_answers_with_private_addresses_are_no_matter() -> None:
    found = read(zone("16.0.0.168.192.rpz-ip CNAME .", "48.zz.fd00.rpz-ip CNAME ."))
    assert seen(found, "::1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


ALONE = """server:
 chroot: ""
 username: ""
 pidfile: ""
 use-syslog: no
 interface: 127.0.0.1
 do-not-query-localhost: no
 module-config: "respip iterator"
 define-tag: "one"
"""


@pytest.mark.parametrize(
    ("record", "more", "blocked"),
    [
        ("*.cdn.example CNAME .", "", True),
        ("*.cdn.example CNAME *.", "", True),
        ("*.cdn.example CNAME rpz-drop.", "", True),
        ("*.cdn.example CNAME rpz-tcp-only.", "", True),
        ("*.cdn.example A 23.0.0.1", "", True),
        ("*.cdn.example CNAME free.example.org.", "", True),
        ("*.cdn.example CNAME .", ' tags: "one"', True),
        ("*.cdn.example A 10.5.5.5", " rpz-action-override: nxdomain", True),
        ("*.cdn.example CNAME .", " rpz-action-override: passthru", False),
        ("*.cdn.example CNAME .", " rpz-action-override: disabled", False),
        ("*.cdn.example CNAME .\nedge.cdn.example CNAME rpz-passthru.\npop.cdn.example CNAME rpz-passthru.", "", False),
        ("*.cdn.example CNAME .\ncdn.livechat.com CNAME rpz-passthru.", "", False),
        ("cdn.example CNAME .", "", False),
    ],
)
@needs("unbound")
def test_aliases_in_answers_meet_policies_while_they_are_not_in_the_cache(
    record: str, more: str, blocked: bool, tmp_path: Path
) -> None:
    main, zone = str(tmp_path / "unbound.conf"), str(tmp_path / "zone")
    files = {
        zone: f"$TTL 60\n@ SOA a. b. 1 2 3 4 5\n{record}\n",
        main: f"{ALONE}forward-zone:\n name: .\n forward-addr: {UPSTREAMS[0]}\nrpz:\n name: z\n zonefile: {zone}\n{more}\n",
    }
    for path, text in files.items():
        Path(path).write_text(text, encoding="utf-8")
    need = Requirement(
        "p", "cdn.livechat.com", (), aliases=(("cdn.livechat.com", ("edge.cdn.example", "pop.cdn.example")),)
    )
    interest = frozenset({"cdn.livechat.com", "edge.cdn.example", "pop.cdn.example"})
    program = {"name": "unbound", "pid": 7, "arguments": ["unbound", "-d", "-c", main], "listeners": []}
    (resolver,) = unbound.KIND.read(snapshot(files, [program]), interest).resolvers
    (part,) = parts(need, ())
    found = fate(Gateway(), resolver, seen(resolver, "127.0.0.1"), need, part, 4)
    assert (found.stopped is not None, found.partly) == (blocked, blocked)
    with internet(aliased) as world, world.running(["unbound", "-d", "-c", main]):
        answers = [world.ask("cdn.livechat.com", 4, timeout=0.5).addresses for _ in range(4)]
    assert (not answers[0]) is blocked
    assert answers[3] or "tcp-only" in record, "every alias is in the cache"
