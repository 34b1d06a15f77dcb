"""Knot Resolver and our reading of its files answer alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model.intervals import Intervals, address_value
from agent.model.network import Listener
from agent.model.resolver import Fate, Resolver, View
from agent.resolvers import knot_resolver
from agent.resolvers.knot_resolver.names import pattern_of
from agent.resolvers.knot_resolver.options import HARMLESS, MODELLED, MODULES, MODULES_OPEN, OPEN
from agent.snapshot import Artifact, Status
from agent.snapshot.programs import ARTIFACT
from tests.daemons.answers import followed
from tests.daemons.internet import ALIASES, aliased, internet, needs
from tests.daemons.knot_resolver import CLIENTS, INTEREST, NAMES, Config, collected, disagreements
from tests.daemons.snapshots import snapshot

pytestmark = pytest.mark.daemons
COUNT = 60
INSTALLED = Path("/usr/lib/x86_64-linux-gnu/knot-resolver/kres_modules")
here = pytest.mark.skipif(not INSTALLED.exists(), reason="needs kresd: packaging/test --install-peers")


@pytest.mark.parametrize("first", range(0, COUNT, 10))
@needs("kresd")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet(aliased) as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


def test_the_random_configurations_have_every_outcome() -> None:
    seen: dict[Fate, int] = {}
    for seed in range(COUNT):
        config = Config(seed, Path(f"/{seed}"))
        (found,) = knot_resolver.KIND.read(collected(config.files, config.argv), INTEREST).resolvers
        for client in CLIENTS:
            for name in NAMES:
                outcome, _ = followed(seen_by(found, client), name.lower(), 4, ALIASES)
                seen[outcome.fate] = seen.get(outcome.fate, 0) + 1
    assert {fate for fate, times in seen.items() if times > 20} >= {
        Fate.PASSED_ON, Fate.ADDRESSES, Fate.NXDOMAIN, Fate.NODATA, Fate.DROPPED, Fate.REFUSED,
    }  # fmt: skip


@here
def test_every_module_is_in_one_table() -> None:
    named = {one.stem for one in INSTALLED.iterdir() if one.suffix in (".lua", ".so")}
    assert len(named) > 20
    assert {name: sum(name in table for table in (MODULES, MODULES_OPEN)) for name in named} == dict.fromkeys(named, 1)


@here
def test_everything_that_the_policy_module_offers_is_in_one_table() -> None:
    text = (INSTALLED / "policy.lua").read_text(encoding="utf-8")
    named = {f"policy.{name}" for name in re.findall(r"^(?:function )?policy\.(\w+)", text, re.MULTILINE)}
    assert len(named) > 25
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


def read(text: str, *more: str, **files: str) -> Resolver:
    every: dict[str, str | bytes] = {f"/k/{name}": one for name, one in files.items()}
    every["/k/kresd.conf"] = text
    argv = ("kresd", "-n", "-c", "/usr/lib/knot-resolver/distro-preconfig.lua", "-c", "/k/kresd.conf", "/k", *more)
    (found,) = knot_resolver.KIND.read(collected(every, argv), frozenset({"livechat.com"})).resolvers
    return found


def seen_by(found: Resolver, client: str = "127.0.0.1") -> View:
    family, value = address_value(client)
    (view,) = found.views_of(family, Intervals.single(value))
    return view


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("policy.add(", "line 1: the end instead of a value"),
        ("\nfor _, x in pairs(y) do policy.add(x) end", "line 2: a program decides"),
        ("policy.add(function (req, query) return policy.DENY end)", "line 1: a rule is computed"),
        ("policy.add(policy.suffix(policy.DENY, names))", "line 1: a name in a rule is computed"),
        ("policy.add(policy.suffix(policy.FROB, {todname('x')}))", "line 1: the action policy.FROB is not followed"),
        ("policy.add(policy.suffix(policy.FORWARD('ns.example'), {todname('x')}))", "ns.example is no address"),
        ("policy.add(policy.rpz(policy.DENY, '/k/none'))", "/k/none: not in this snapshot"),
        ("policy.add(policy.rpz(policy.DENY, 'broken'))", "line 1: a parenthesis is not closed (line 2)"),
        ("policy.add(policy.rpz(policy.FLAGS('NO_CACHE'), 'zone'))", "after which the next rule has its say"),
        ("policy.add(policy.slice(f, policy.DENY))", "line 1: policy.slice is called within something else"),
        ("policy.add(policy.pattern(policy.DENY, '%b()'))", "the pattern is not followed"),
        ("policy.add(policy.all(policy.DROP), true)", "a rule for afterwards is not followed"),
        ("policy.add(policy.all(policy.REROUTE({['1.0.0.0/8'] = '10.0.0.0'})))", "policy.REROUTE is not followed here"),
        ("x = policy.add(policy.all(policy.PASS)).id", "line 1: policy.add is called within something else"),
        ("print(policy.add(policy.all(policy.PASS)))", "line 1: policy.add is called within something else"),
        ("cache.size = f() * MB", "line 1: f is called within something else"),
        ("map('policy.add(x)')", "map: code is run"),
        ("policy.del(1)", "policy.del: a rule is taken away"),
        ("policy.rules = {}", "policy.rules is set by a program"),
        ("view:addr('10.0.0.0/8', policy.all(policy.DENY))", "view:addr is used before the module is loaded"),
        ("modules = {'view'}\nview:addr('x', policy.all(policy.DENY))", "line 2: 'x'"),
        ("modules = {'view'}\nview:tsig('key', policy.all(policy.DENY))", "clients are told apart by their keys"),
        ("modules = {'view < policy'}", "module view is put into an order of its own"),
        ("modules = {'etcd'}", "module etcd: the configuration comes from a server"),
        ("modules = {renumber = {{'1.0.0.0/8', '10.0.0.0'}}}", "addresses in answers are changed"),
        ("modules = {'frob'}", "module frob is not known"),
        ("modules = {'hints'}\nhints.set(x)", "line 2: a hint is computed"),
        ("modules = {'hints'}\nhints.config('hosts')", "line 2 ends what is read of the file"),
        ("modules = {'daf'}\ndaf.add('src = 10.0.0.0/8 deny')", "a rule of the module daf is not followed"),
        ("frob()", "frob is not known"),
    ],
)
def test_what_is_not_followed_leaves_names_open(text: str, reason: str) -> None:
    zone = "@ SOA a. b. 1 2 3 4 5\nlivechat.com CNAME .\n"
    found = read(text, broken="@ SOA a. b. 1 2 3 4 5\nx (", zone=zone, hosts="10.0.0.1 x\nnonsense y\n")
    outcome, _ = seen_by(found).answer("livechat.com", 4)
    assert any(reason in str(gap) for gap in found.gaps), found.gaps
    assert outcome.fate is Fate.UNKNOWN


def test_what_the_package_installs_is_followed() -> None:
    found = read("""
        net.listen('127.0.0.1', 53, { kind = 'dns' })
        net.listen('127.0.0.1', 853, { kind = 'tls' })
        net.listen('::1', 53, { kind = 'dns', freebind = true })
        modules = {
            'hints > iterate',  -- Allow loading /etc/hosts or custom root hints
            'stats',            -- Track internal statistics
            'predict',          -- Prefetch expiring/frequent records
        }
        cache.size = 100 * MB
    """)
    assert not found.gaps
    assert found.listeners == (Listener("udp", "127.0.0.1", 53), Listener("udp", "::1", 53))
    assert seen_by(found).answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_what_is_enabled_is_read_before_it_runs() -> None:
    taken = collected({knot_resolver.DEFAULT: "net.listen('10.0.0.1')", knot_resolver.UNIT: ""}, ())
    taken = replace(taken, artifacts={**taken.artifacts, ARTIFACT: Artifact(ARTIFACT, Status.OK, b"[]")})
    (found,) = knot_resolver.KIND.read(taken, frozenset()).resolvers
    assert found.listeners == (Listener("udp", "10.0.0.1", 53),)


def test_instances_that_are_alike_are_one() -> None:
    programs = [{"name": "kresd", "pid": pid, "arguments": ["kresd", "-n"], "listeners": []} for pid in (7, 8)]
    taken = snapshot({knot_resolver.DEFAULT: ""}, programs)
    assert len(knot_resolver.KIND.read(taken, frozenset()).resolvers) == 1


def test_without_a_word_it_listens_on_this_host_alone() -> None:
    assert read("").listeners == (Listener("udp", "127.0.0.1", 53), Listener("udp", "::1", 53))


def test_clients_of_nested_blocks_go_through_the_rules_of_both() -> None:
    found = read("""
        modules = {'view'}
        view:addr('10.1.0.0/16', policy.suffix(policy.PASS, {todname('livechat.com')}))
        view:addr('10.0.0.0/8', policy.all(policy.REFUSE))
    """)
    assert seen_by(found, "10.1.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON
    assert seen_by(found, "10.1.0.1").answer("text.com", 4)[0].fate is Fate.REFUSED
    assert seen_by(found, "10.2.0.1").answer("livechat.com", 4)[0].fate is Fate.REFUSED
    assert seen_by(found, "10.2.0.1").source
    assert seen_by(found, "192.168.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_clients_of_whom_nothing_is_answered_are_no_clients() -> None:
    found = read("""
        modules.load('view')
        view:addr('10.0.0.0/8', policy.all(policy.PASS))
        view:addr('0.0.0.0/0', policy.all(policy.DROP))
        policy.add(policy.all(policy.FORWARD('1.1.1.1')))
    """)
    assert seen_by(found, "10.0.0.1").serves
    assert not seen_by(found, "192.168.0.1").serves


def test_what_stands_before_a_rule_that_is_not_followed_is_certain() -> None:
    before = "policy.add(policy.suffix(policy.DENY, {todname('livechat.com')}))"
    computed = "policy.add(function (req, query) return policy.PASS end)"
    assert seen_by(read(f"{before}\n{computed}")).answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN
    assert seen_by(read(f"{computed}\n{before}")).answer("livechat.com", 4)[0].fate is Fate.UNKNOWN


def test_modules_may_be_set_one_by_one() -> None:
    found = read("modules.hints = '/k/hosts'\nmodules.stats = true\n", hosts="10.0.0.1 livechat.com\n")
    assert not found.gaps
    assert seen_by(found).answer("livechat.com", 4)[0].addresses == {(4, 0x0A000001)}


def test_a_pattern_is_exact_for_a_name_and_open_for_names_below() -> None:
    view = seen_by(read(r"policy.add(policy.pattern(policy.DENY, '\3bad'))"))
    assert view.answer("livechat.com", 4)[0].fate is Fate.PASSED_ON
    assert "pattern" in view.answer("x.livechat.com", 4)[0].because
    view = seen_by(read(r"policy.add(policy.pattern(policy.DENY, 'chat\3com'))"))
    assert view.answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN
    assert view.answer("x.livechat.com", 4)[0].fate is Fate.NXDOMAIN


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a.c", "xabcx", True),
        ("^b", "ab", False),
        ("[%a-]+%d?$", "x-y1", True),
        ("[^a-c]", "abc", False),
        ("[]x]", "]", True),
        ("%.", "a", False),
        ("a-b", "aab", True),
        ("x*", "", True),
    ],
)
def test_patterns_of_lua(pattern: str, text: str, found: bool) -> None:
    made = pattern_of(pattern)
    assert made
    assert bool(made.search(text)) is found


@pytest.mark.parametrize("pattern", ["%1", "%b()", "%f[a]", "(a)", "[a", "[%z", "%"])
def test_patterns_that_have_no_expression(pattern: str) -> None:
    assert pattern_of(pattern) is None


def test_addresses_that_are_changed_are_said() -> None:
    view = seen_by(read("policy.add(policy.all(policy.REROUTE({['1.2.3.4/32'] = '10.0.0.7'})), true)"))
    (rule,) = view.way("livechat.com", 4).met
    assert rule.outcome.addresses == {(4, 0x0A000007)}


def test_files_lie_where_it_runs() -> None:
    zone = "@ SOA a. b. 1 2 3 4 5\nlivechat.com CNAME .\n"
    found = read("policy.add(policy.rpz(policy.REFUSE, 'zone'))", zone=zone)
    outcome, rule = seen_by(found).answer("livechat.com", 4)
    assert outcome.fate is Fate.REFUSED
    assert rule
    assert rule.source
    assert (rule.source.artifact, rule.source.line) == ("files/k/zone", 2)
