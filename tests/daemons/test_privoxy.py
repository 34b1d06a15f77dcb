"""Privoxy and our reading of its files do the same with requests."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.model.course import Ask, Decision, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form, Names
from agent.proxies import privoxy
from agent.proxies.privoxy.globs import names
from agent.proxies.privoxy.lines import lines
from agent.proxies.privoxy.options import ACTIONS, HARMLESS, HARMLESS_ACTIONS, MODELLED, OPEN, OPEN_ACTIONS
from agent.proxies.privoxy.urls import port_list
from agent.snapshot.redact import redact
from tests.daemons.internet import needs
from tests.daemons.own_names import asking
from tests.daemons.privoxy import PROXY, Config, disagreements, world
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from agent.model.proxy import Proxy

pytestmark = pytest.mark.daemons
MAIN = "/etc/privoxy/config"
RUNNING = {"name": "privoxy", "pid": 7, "arguments": ["/usr/sbin/privoxy", "--user", "privoxy", MAIN], "listeners": []}
INSTALLED = Path("/etc/privoxy")
PROGRAM = Path("/usr/sbin/privoxy")
PROGRAMS = ("privoxy", "unshare", "nft", "openssl")
installed = pytest.mark.skipif(not PROGRAM.exists(), reason="needs privoxy: packaging/test --install-peers")


@pytest.mark.parametrize("first", range(0, 60, 20))
@needs(*PROGRAMS)
def test_random_configurations(first: int, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    with world() as web:
        for seed in range(first, first + 20):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, web, seen), config.files
    assert min(seen[one] for one in ("allow", "deny", "drop", "upstream", "decrypted")) > 5, seen
    assert seen["open"] < 0.1 * seen.total()


@needs(*PROGRAMS)
@pytest.mark.parametrize(
    "text",
    [
        "{+frobnicate}\n/\n", "{+block{x}\n/\n", "/\n", "{+block{x}}\n/[\n", "{+block{x}}\nPCRE-HOST-PATTERN:(\n",
        "{+https-inspection{x}}\n/\n", "{+redirect}\n/\n", "{{alias}}\nx\n", "{{frob}}\n", "{{alias}}\n{{settings}}\n",
        "{{settings}}\nfor-privoxy-version=3.0.99\n", "{ +block{x} \n", "{{alias}}\n a = +b\n", "{{alias}\n",
        "{+block{x}}\nother.example.com/[\n", "{+filter{x}}\n/(\n",
    ],
)  # fmt: skip
def test_what_keeps_the_program_from_starting_is_a_gap(text: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"confdir {tmp_path}\nactionsfile a\nlisten-address 127.0.0.1:8118\n")
    (tmp_path / "a").write_text(text)
    argv = asking(("privoxy", "--no-daemon", f"{tmp_path}/config"), tmp_path)
    with world() as web, pytest.raises(RuntimeError, match="Fatal error"), web.running(argv, PROXY[1]):
        pass
    found = read("actionsfile a\n", {"/etc/privoxy/a": text})
    (gap,) = found.gaps
    assert gap.source is not None
    assert gap.source.artifact == "files/etc/privoxy/a"
    assert gap.source.line
    (way,) = decide(found, Form.CONNECT, "livechat.com")
    assert way.ruling.act is Act.OPEN


@installed
def test_every_documented_directive_is_in_one_table() -> None:
    text = (INSTALLED / "config").read_text()
    headings = re.findall(r"^#  \d+\.\d+\. (.*)$", text, re.MULTILINE)
    named = {
        one for heading in headings for one in re.findall(r"\b[a-z]+(?:-[a-z0-9]+)*\b", heading.rpartition(":")[2])
    }
    named -= {"and"}
    named |= set(re.findall(r"^#?([a-z]+(?:-[a-z0-9]+)+) +\S", text, re.MULTILINE))  # those of Windows have no heading
    assert len(named) > 65
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


@installed
def test_every_action_of_the_program_is_in_one_table() -> None:
    named = {one.decode() for one in re.findall(rb"\0\+([a-z]+(?:-[a-z]+)*)(?=\0)", PROGRAM.read_bytes())}
    assert len(named) > 40
    tables = (ACTIONS, HARMLESS_ACTIONS, OPEN_ACTIONS.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)
    assert named == ACTIONS | HARMLESS_ACTIONS | OPEN_ACTIONS.keys()


def read(
    config: str | bytes, files: dict[str, str | bytes] | None = None, interest: tuple[str, ...] = ("livechat.com",)
) -> Proxy:
    taken = snapshot({MAIN: config, **(files or {})}, [RUNNING])
    (found,) = privoxy.read(taken, frozenset(interest)).proxies
    return found


def acting(actions: str, config: str = "", interest: tuple[str, ...] = ("livechat.com",)) -> Proxy:
    return read(f"actionsfile a\n{config}", {"/etc/privoxy/a": actions}, interest)


def decide(found: Proxy, form: Form, name: str, port: int = 443, **known: bool) -> tuple[Decision, ...]:
    course = found.doors[0].course(form)
    assert course is not None
    return walk(course, Ask(form, name, port, client=(4, 0x7F000001)), known)


def act(found: Proxy, name: str, form: Form = Form.CONNECT) -> Act:
    (way,) = decide(found, form, name)
    return way.ruling.act


AS_INSTALLED = (
    "livechat.com",
    "cdn.livechat.com",
    "sales.liveperson.net",
    "metrics.torproject.org",
    "adserver.livechat.com",
)


@needs(*PROGRAMS)
def test_the_files_as_installed_are_understood_and_agree(tmp_path: Path) -> None:
    names_of = [one.name for one in INSTALLED.iterdir() if one.suffix in (".action", ".filter")] + ["config"]
    files: dict[str, str | bytes] = {f"/etc/privoxy/{name}": (INSTALLED / name).read_bytes() for name in names_of}
    (found,) = privoxy.read(
        snapshot(files, [RUNNING]), frozenset({"livechat.com", "liveperson.net", "torproject.org"})
    ).proxies
    assert not found.gaps
    (tmp_path / "config").write_text(
        (INSTALLED / "config")
        .read_text()
        .replace("[::1]:8118", "127.0.0.2:8118")
        .replace("logdir /var/log/privoxy", f"logdir {tmp_path}")
    )
    with world() as web, web.running(asking(("privoxy", "--no-daemon", f"{tmp_path}/config"), tmp_path), PROXY[1]):
        for name in AS_INSTALLED:
            reply = web.ask(Form.CONNECT, name, 443, PROXY)
            assert {one.ruling.act is Act.DENY for one in decide(found, Form.CONNECT, name)} == {not reply.reached}, (
                name
            )
            page = web.ask(Form.GET, name, 80, PROXY)
            ways = decide(found, Form.GET, name, 80, path=False, **{"other path": False})
            assert {one.ruling.act is Act.DENY for one in ways} == {not page.reached}, name


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("livechat.com", "livechat.com", "www.livechat.com"),
        (".livechat.com", "livechat.com", "mylivechat.com"),
        (".livechat.com", "a.b.livechat.com", "livechat.com.org"),
        ("*.livechat.com", "www.livechat.com", "livechat.com"),
        ("*.livechat.com", "www.livechat.com", "a.b.livechat.com"),
        ("livechat.", "livechat.evil.org", "www.livechat.com"),
        (".livechat.", "a.livechat.com", "livechats.com"),
        ("ad[a-c5]?.", "adb7.com", "adx7.com"),
        ("a*b.com", "aXbXb.com", "aXbc.com"),
        ("*[0-9].com", "ad7.com", "ad.com"),
        ("PCRE-HOST-PATTERN:^live.*", "livechat.com", "www.livechat.com"),
    ],
)
def test_host_patterns(pattern: str, fits: str, does_not: str) -> None:
    found = acting(f"{{+block{{x}}}}\n{pattern}\n", interest=())
    assert act(found, fits.lower()) is Act.DENY
    assert act(found, does_not) is Act.ALLOW


def test_a_star_overlooks_what_begins_before_the_place_where_the_rest_did_not_fit() -> None:
    # *aab fits aab, and not aaab: what depends on that is left open
    assert not isinstance(names("*aab.com"), Names)
    assert isinstance(names("*bca*.com"), Names)


@pytest.mark.parametrize(
    ("text", "ports", "others"),
    [("443", (443,), (80,)), ("80,8000-8002", (80, 8001), (443, 8003)), ("8000-", (65535,), (80,)), ("", (), (1, 443))],
)
def test_lists_of_ports(text: str, ports: tuple[int, ...], others: tuple[int, ...]) -> None:
    found = port_list(text)
    assert all(one in found for one in ports)
    assert not any(one in found for one in others)


def test_the_last_pattern_that_fits_decides() -> None:
    found = acting("{+block{x}}\n.livechat.com\n{-block}\ncdn.livechat.com\n")
    assert act(found, "cdn.livechat.com") is Act.ALLOW
    assert act(found, "www.livechat.com") is Act.DENY
    (mistake,) = acting("{+block{x}}\n.com\n{-block}\nlivechat.com\n").mistakes
    assert mistake.what == "livechat.com does not fit names below livechat.com"
    assert mistake.remedy == ".livechat.com"
    assert not acting("{-block}\nlivechat.com\n.livechat.com\n").mistakes


def test_paths_of_pages_are_open_and_tunnels_have_none() -> None:
    found = acting("{+block{x}}\n.livechat.com/ads\n")
    assert act(found, "livechat.com") is Act.ALLOW
    assert {one.ruling.act for one in decide(found, Form.GET, "livechat.com", 80)} == {Act.ALLOW, Act.DENY}


def test_only_what_is_trusted_is_let_through() -> None:
    found = read("trustfile trust\n", {"/etc/privoxy/trust": "~livechat.com\n"})
    assert act(found, "livechat.com") is Act.ALLOW
    assert act(found, "www.livechat.com") is Act.DENY
    assert found.mistakes


def test_nothing_is_decided_where_it_is_switched_off() -> None:
    assert act(acting("{+block{x}}\n/\n", "toggle 0\n"), "livechat.com") is Act.ALLOW


def test_connections_that_it_looks_into_fail_without_an_authority() -> None:
    found = acting("{+https-inspection}\n.livechat.com\n", "ca-directory /ca\n")
    assert decide(found, Form.CONNECT, "livechat.com")[0].decrypted_by
    assert not decide(found, Form.CONNECT, "helpdesk.com")[0].decrypted_by


def test_a_file_that_is_not_there_leaves_all_open() -> None:
    found = read("actionsfile nowhere.action\n")
    assert "/etc/privoxy/nowhere.action" in str(found.gaps[0])
    assert act(found, "livechat.com") is Act.OPEN


def test_lines_go_on_and_comments_end() -> None:
    text = b"a \\\n  b # c\n# d \\\ne\n f\\#g\n\xff\r\nh\\"
    assert list(lines(text)) == [(1, "a   b"), (4, "e"), (5, "f#g"), (6, "\udcff"), (7, "h")]


def test_long_lists_are_searched_for_the_names_of_interest() -> None:
    listed = "".join(f".ad{number}.example.com\nads{number}.example.net/\n" for number in range(100_000))
    began = time.monotonic()
    found = acting(f"{{+block{{x}}}}\n{listed}cdn.livechat.com\n")
    assert time.monotonic() - began < 5
    (stage,) = [one for one in found.doors[0].course(Form.CONNECT) or () if one.title == "block"]
    assert [rule.source.line for rule in stage.rules] == [200_002]


def test_the_program_says_itself_that_a_configuration_is_fine(tmp_path: Path) -> None:
    if not PROGRAM.exists():
        pytest.skip("needs privoxy: packaging/test --install-peers")
    config = Config(1, tmp_path)
    for path, text in config.files.items():
        Path(path).write_text(text)
    subprocess.run(("privoxy", "--config-test", config.main), check=True, capture_output=True)


def test_secrets_that_were_taken_out_change_nothing() -> None:
    config = "actionsfile a\nforward-socks5 / user:pass7@10.0.0.1:1080 .\n"
    actions = "{+add-header{X-Token: pass7}}\n/\n{+block{x} +add-header{X-Token: pass7}}\ncdn.livechat.com\n"
    for main, some in ((config, actions), (redact(config.encode()), redact(actions.encode()))):
        found = read(main, {"/etc/privoxy/a": some})
        assert not found.gaps
        assert decide(found, Form.CONNECT, "livechat.com")[0].upstream == "10.0.0.1:1080"
        assert act(found, "cdn.livechat.com") is Act.DENY
        assert "pass7" not in str(found)


def test_a_directive_that_nobody_knows_does_nothing() -> None:
    (mistake,) = read("frobnicate 1\nLISTEN-ADDRESS :3128\n").mistakes
    assert mistake.what == "Privoxy knows no directive frobnicate, and ignores it"
    assert mistake.source.line == 1


def test_a_next_proxy_is_judged_by_its_own_address() -> None:
    text = "permit-access 127.0.0.0/8 10.0.0.1\nforward / 10.0.0.1:3128\nforward .x.com 10.0.0.2:3128\n"
    assert act(read(text), "livechat.com") is Act.ALLOW
    assert act(read(text), "a.x.com") is Act.DENY


@needs(*PROGRAMS)
@pytest.mark.parametrize(
    "place",
    [
        "0.0.0.0/0", "127.0.0.0/8", "0.0.0.0/8", "[::]/0", "[::1]", "[::ffff:0.0.0.0]/96", "[::ffff:127.0.0.1]",
        "[7f00:1::]/64", "[7f00:1::]/32", "[7f00::]/24", "[7f00:1:1::]/48", "[::ffff:0.0.0.0]/64",
    ],
)  # fmt: skip
def test_addresses_of_one_family_may_let_in_the_other(place: str, tmp_path: Path) -> None:
    text = f"confdir {tmp_path}\nlisten-address 127.0.0.1:8118\nlisten-address [::1]:8118\npermit-access {place}\n"
    (tmp_path / "config").write_text(text)
    found = read(text)
    course = found.doors[0].course(Form.CONNECT) or ()
    with world() as web, web.running(asking(("privoxy", "--no-daemon", f"{tmp_path}/config"), tmp_path), PROXY[1]):
        for client in ("127.0.0.1", "::1"):
            reply = web.ask(Form.CONNECT, "livechat.com", 443, (client, PROXY[1]), client=client)
            (way,) = walk(course, Ask(Form.CONNECT, "livechat.com", 443, client=address_value(client)))
            assert reply.reached is (way.ruling.act is Act.ALLOW), client
