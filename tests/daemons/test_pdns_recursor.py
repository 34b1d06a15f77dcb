"""PowerDNS Recursor and our reading of its files answer alike."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model.intervals import Intervals, address_value
from agent.model.network import Listener
from agent.model.resolver import Fate, NameSet, Resolver, View
from agent.resolvers import pdns_recursor
from agent.resolvers.pdns_recursor.options import DEFAULTS, HARMLESS, MODELLED, OPEN, OTHER_VERSIONS
from agent.snapshot import Artifact, Status
from agent.snapshot.programs import ARTIFACT, unit_of
from tests.daemons.answers import followed
from tests.daemons.internet import ALIASES, aliased, internet, needs
from tests.daemons.pdns_recursor import CLIENTS, NAMES, Config, collected, disagreements

pytestmark = pytest.mark.daemons
COUNT = 60
INSTALLED = Path("/etc/powerdns/recursor.conf")


@pytest.mark.parametrize("first", range(0, COUNT, 10))
@needs("pdns_recursor")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with internet(aliased) as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


def test_the_random_configurations_have_every_outcome() -> None:
    seen: dict[Fate, int] = {}
    for seed in range(COUNT):
        config = Config(seed, Path(f"/{seed}"))
        (found,) = pdns_recursor.KIND.read(
            collected(config.files, config.argv, str(config.root)), frozenset()
        ).resolvers
        for client in CLIENTS:
            for name in NAMES:
                outcome, _ = followed(seen_by(found, client), name.lower(), 4, ALIASES)
                seen[outcome.fate] = seen.get(outcome.fate, 0) + 1
    assert {fate for fate, times in seen.items() if times > 20} >= {
        Fate.PASSED_ON, Fate.ADDRESSES, Fate.NXDOMAIN, Fate.NODATA, Fate.DROPPED,
    }  # fmt: skip


@needs("pdns_recursor")
def test_every_setting_of_the_program_is_in_one_table() -> None:
    done = subprocess.run(("pdns_recursor", "--config=default"), capture_output=True, text=True, check=False)
    said = dict(re.findall(r"^# ([a-z0-9-]+)=(.*)$", done.stdout + done.stderr, re.MULTILINE))
    assert len(said) > 180
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in said} == dict.fromkeys(said, 1)
    assert not OTHER_VERSIONS & said.keys()
    assert {name: said[name] for name in DEFAULTS if name in said} == {
        name: value for name, value in DEFAULTS.items() if name in said
    }


def read(files: dict[str, str | bytes], *arguments: str) -> Resolver:
    argv = ("pdns_recursor", "--config-dir=/r", *arguments)
    (found,) = pdns_recursor.KIND.read(collected(files, argv, "/r"), frozenset({"livechat.com"})).resolvers
    return found


def seen_by(found: Resolver, client: str) -> View:
    family, value = address_value(client)
    (view,) = found.views_of(family, Intervals.single(value))
    return view


def configured(conf: str = "", lua: str = "", *records: str, **more: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {f"/{name}": text for name, text in more.items()}
    files["/r/recursor.conf"] = f"allow-from=\n{conf}\n" + ("lua-config-file=/l.lua\n" if lua else "")
    files["/l.lua"] = lua
    files["/z"] = "\n".join(("$ORIGIN z.", "@ SOA a. b. 1 2 3 4 5", *records, ""))
    return files


@pytest.mark.skipif(not INSTALLED.exists(), reason="needs pdns_recursor: packaging/test --install-peers")
def test_what_the_package_installs_is_followed() -> None:
    files: dict[str, str | bytes] = {str(one): one.read_bytes() for one in (INSTALLED, INSTALLED.with_suffix(".lua"))}
    taken = collected(files, ("pdns_recursor",), "/etc/powerdns")
    nothing = "files/etc/powerdns/recursor.d/*.conf"
    taken = replace(taken, artifacts={**taken.artifacts, nothing: Artifact(nothing, Status.ABSENT)})
    assert not list(pdns_recursor.KIND.wants(taken))
    (found,) = pdns_recursor.KIND.read(taken, frozenset({"livechat.com"})).resolvers
    assert not found.gaps
    assert found.listeners == (Listener("udp", "127.0.0.1", 53),)
    assert seen_by(found, "127.0.0.1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_what_is_enabled_is_read_before_it_runs() -> None:
    files: dict[str, str | bytes] = {
        "/etc/powerdns/recursor.conf": "allow-from=10.0.0.0/8\n",
        unit_of("pdns-recursor"): "",
    }
    taken = collected(files, (), "/etc/powerdns")
    taken = replace(taken, artifacts={**taken.artifacts, ARTIFACT: Artifact(ARTIFACT, Status.OK, b"[]")})
    (found,) = pdns_recursor.KIND.read(taken, frozenset()).resolvers
    assert seen_by(found, "10.0.0.1").serves


def test_clients_that_nobody_lets_in_are_dropped() -> None:
    found = read({"/r/recursor.conf": "allow-from=192.168.7.0/24, !192.168.7.9\n"})
    assert seen_by(found, "192.168.7.8").serves
    assert not seen_by(found, "192.168.7.9").serves
    assert not seen_by(found, "127.0.0.1").serves
    assert seen_by(read({"/r/recursor.conf": ""}), "10.1.2.3").serves
    assert not seen_by(read({"/r/recursor.conf": ""}), "203.0.113.1").serves


def test_a_list_of_nobody_lets_everybody_in() -> None:
    assert seen_by(read({"/r/recursor.conf": "allow-from=\n"}), "203.0.113.1").serves
    assert seen_by(read({"/r/recursor.conf": "allow-from-file=/a\n", "/a": "# nobody\n"}), "203.0.113.1").serves
    missing = seen_by(read({"/r/recursor.conf": "allow-from-file=/a\n"}), "203.0.113.1")
    assert missing.answer("livechat.com", 4)[0].fate is Fate.UNKNOWN


def test_where_it_listens_before_it_runs() -> None:
    found = read({"/r/recursor.conf": "local-address=0.0.0.0, [::1]:5300 ::\nlocal-port=54\n"})
    assert found.listeners == (Listener("udp", "0.0.0.0", 54), Listener("udp", "::1", 5300), Listener("udp", "::", 54))  # noqa: S104 - read, not bound


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ("frobnicate=1", "unknown setting frobnicate"),
        ("lua-dns-script=/x.lua", "a Lua script changes questions and answers"),
        ("forward-zones=livechat.com", "livechat.com has no ="),
        ("forward-zones=livechat.com=ns.example", "ns.example is no address"),
        ("forward-zones+=livechat.com=1.1.1.1", "forward-zones is added to, but has no value before"),
        ("auth-zones=livechat.com=/not/there", "/not/there: not in this snapshot"),
        ("auth-zones=livechat.com=/b", "zone livechat.com: line 1: a parenthesis is not closed"),
        ("forward-zones-file=/b", "line 1 has no ="),
        ("allow-from=nonsense", "nonsense"),
        ("dont-query=23.0.0.0/8", "servers in 23.0.0.0/8 are not asked"),
        ("include-dir=/nowhere", "/nowhere/*.conf: not in this snapshot"),
    ],
)
def test_settings_that_are_not_followed_leave_names_open(conf: str, reason: str) -> None:
    found = read({"/r/recursor.conf": f"{conf}\n", "/b": "x ("})
    outcome, _ = seen_by(found, "127.0.0.1").answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert any(reason in str(gap) for gap in found.gaps)


@pytest.mark.parametrize(
    ("lua", "records", "reason"),
    [
        ("rpzPrimary('1.2.3.4', 'z')", (), "a policy zone comes from another server, and is not saved (dumpFile)"),
        ("rpzMaster({'1.2.3.4'}, 'y', {dumpFile = '/z'})", (), "line 1: the zone is called z, not y"),
        ("rpzPrimary('1.2.3.4', 'z', {dumpFile = '/none'})", (), "/none: not in this snapshot"),
        ("\nif x then rpzFile('/z') end", (), "line 2: a Lua program decides"),
        ("for i = 1, 2 do end\nreturn", (), "line 1: a Lua program decides"),
        ("rpzFile('/z' .. x)", (), "line 1: rpzFile: what it is given is computed"),
        ("rpzFile('/z', {defpol = x})", (), "line 1: defpol is not known"),
        ("rpzFile('/z', {defpol = Policy.Custom})", (), "defpol=Policy.Custom needs defcontent"),
        ("rpzFile('/other')", (), "/other: not in this snapshot"),
        ("dofile('/x.lua')", (), "dofile: a Lua file is run"),
        ("x = y or rpzFile('/z')", (), "line 1: rpzFile is called within something else"),
        ("frob()", (), "frob: a function that is not known"),
        ("rpzFile(", (), "line 1: the end instead of a value"),
        ("rpzFile('/z')", ("x.com CNAME .", "x.com CNAME ."), "line 4: x.com.z has two actions"),
        ("rpzFile('/z', {defpol=Policy.NODATA})", ("24.0.8.8.8.rpz-ip A 1.2.3.4", "\tA 1.2.3.5"), "has two actions"),
        (
            "rpzFile('/z', {defpol=Policy.NODATA})",
            ("x.com A 1.2.3.4", "\tA 1.2.3.5"),
            "line 4: x.com.z has two actions",
        ),
        ("rpzFile('/z')", ("x.com. CNAME .",), "line 3: x.com is not in the zone z"),
        ("rpzFile('/z')", ("livechat.com A nonsense",), "line 3: not an address"),
        ("rpzFile('/z')", ("24.1.rpz-ip CNAME .",), "line 3: not a block of addresses"),
        ("rpzFile('/z')", ("$INCLUDE other",), "line 3: $INCLUDE is not followed"),
        ("rpzFile('/s')", (), "the zone has no SOA record"),
    ],
)
def test_policies_that_are_not_followed_leave_names_open(lua: str, records: tuple[str, ...], reason: str) -> None:
    found = read(configured("", lua, *records, s="; empty"))
    outcome, _ = seen_by(found, "127.0.0.1").answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert any(reason in str(gap) for gap in found.gaps), found.gaps


def test_bytes_of_another_encoding_do_not_matter_in_comments() -> None:
    found = read({"/r/recursor.conf": b"# caf\xe9\nforward-zones=livechat.com=1.1.1.1\n"})
    assert not found.gaps
    assert seen_by(found, "::1").answer("www.livechat.com", 4)[0].upstreams == {"1.1.1.1#53"}


def test_a_file_in_yaml_is_open() -> None:
    found = read({"/r/recursor.conf": "", "/r/recursor.yml": "incoming: {}\n"})
    assert "YAML" in str(found.gaps[0])


def test_names_that_are_looked_up_depend_on_their_servers() -> None:
    view = seen_by(read(configured("", "rpzFile('/z')", "ns.bad.example.rpz-nsdname CNAME .")), "::1")
    assert "name servers" in view.answer("livechat.com", 4)[0].because
    forwarded = configured("forward-zones-recurse=.=1.1.1.1", "rpzFile('/z')", "ns.bad.example.rpz-nsdname CNAME .")
    assert seen_by(read(forwarded), "::1").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_a_zone_that_lets_a_name_through_leaves_it_to_those_before() -> None:
    files = configured(
        "", "rpzFile('/before')rpzFile('/z')", "livechat.com CNAME rpz-passthru.", "24.0.9.9.9.rpz-ip CNAME ."
    )
    files["/before"] = "before. SOA a. b. 1 2 3 4 5\n24.0.8.8.8.rpz-ip.before. CNAME .\n"
    view = seen_by(read(files), "::1")
    way = view.way("livechat.com", 4)
    rule = way.rule
    assert way.outcome.fate is Fate.PASSED_ON
    assert [str(one.source) for one in way.met] == ["/before line 2: 24.0.8.8.8.rpz-ip.before. CNAME ."]
    assert len(view.way("helpdesk.com", 4).met) == 2
    assert len(view.by_alias(rule)) == 1
    assert len(view.by_alias(None)) == 2


def test_kept_answers_leave_others_open_where_some_clients_have_a_policy() -> None:
    triggers = ("32.7.7.168.192.rpz-client-ip CNAME .",)
    view = seen_by(read(configured("", "rpzFile('/z')", *triggers)), "192.168.7.8")
    assert "answers are kept" in view.answer("livechat.com", 4)[0].because
    apart = configured("disable-packetcache=yes", "rpzFile('/z')", *triggers)
    assert seen_by(read(apart), "192.168.7.8").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON
    assert seen_by(read(apart), "192.168.7.7").answer("livechat.com", 4)[0].fate is Fate.NXDOMAIN


def test_clients_that_ask_for_others_are_open() -> None:
    found = read({"/r/recursor.conf": "proxy-protocol-from=127.0.0.1\n"})
    assert "proxy-protocol-from" in seen_by(found, "127.0.0.1").answer("livechat.com", 4)[0].because
    assert seen_by(found, "127.0.0.2").answer("livechat.com", 4)[0].fate is Fate.PASSED_ON


def test_long_policy_zones_are_searched_for_the_names_of_interest() -> None:
    records = [f"ad{number}.example CNAME ." for number in range(5000)]
    found = read(configured("", "rpzFile('/z')", *records, "cdn.livechat.com CNAME ."))
    sets = [one for stage in seen_by(found, "::1").stages for one in stage.sets]
    names = {one.text for one in sets if isinstance(one, NameSet) and one.text}
    assert names == {"cdn.livechat.com"}
