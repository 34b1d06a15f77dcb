"""tinyproxy and our reading of its files do the same with requests."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from agent.model.course import Ask, Decision, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form, Proxy
from agent.proxies import tinyproxy
from agent.proxies.tinyproxy.options import HARMLESS, MODELLED, OPEN, WRITTEN
from agent.snapshot.redact import redact
from tests.daemons.internet import needs
from tests.daemons.own_names import asking
from tests.daemons.snapshots import snapshot
from tests.daemons.tinyproxy import PROXY, Config, disagreements, world

pytestmark = pytest.mark.daemons
MAIN = "/etc/tinyproxy/tinyproxy.conf"
RUNNING = {"name": "tinyproxy", "pid": 7, "arguments": ["/usr/bin/tinyproxy"], "listeners": []}
SHIPPED = Path(MAIN)
MANUAL = Path("/usr/share/man/man5/tinyproxy.conf.5.gz")
PROGRAMS = ("tinyproxy", "unshare", "nft", "openssl")


@pytest.mark.parametrize("first", range(0, 60, 20))
@needs(*PROGRAMS)
def test_random_configurations(first: int, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    with world() as web:
        for seed in range(first, first + 20):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, web, seen), config.files
    assert min(seen[one] for one in ("allow", "deny", "upstream")) > 20
    assert seen["open"] < 0.1 * seen.total()


@needs(*PROGRAMS)
@pytest.mark.parametrize(
    "line",
    [
        "Port 70000", "Port 0x22b8", "Allow 127.0.0.1 # why", " # why", "Listen localhost", "Allow 10.0.0.0/255.0.0.0",
        "Frobnicate yes", 'Filter "/nowhere/at/all"', "LogLevel Loud", 'StatHost ""', "Allow 127.0.0.1\r", "User",
    ],
)  # fmt: skip
def test_what_keeps_the_program_from_starting_is_a_gap(line: str, tmp_path: Path) -> None:
    text = f"Port 8888\n{line}\n"
    (tmp_path / "conf").write_text(text, encoding="utf-8", newline="")
    with (
        world() as web,
        pytest.raises(RuntimeError),
        web.running(asking(("tinyproxy", "-d", "-c", str(tmp_path / "conf")), tmp_path), 8888),
    ):
        pass
    found = read(text)
    (gap,) = found.gaps
    assert gap.source is not None
    assert gap.source.line == 2 or "/nowhere" in gap.reason
    (way,) = decide(found, Form.CONNECT, "livechat.com")
    assert way.ruling.act is Act.OPEN


@pytest.mark.skipif(not MANUAL.exists(), reason="needs tinyproxy: packaging/test --install-peers")
def test_every_documented_directive_is_in_one_table() -> None:
    page = subprocess.run(("zcat", str(MANUAL)), capture_output=True, text=True, check=True).stdout
    named = {one.lower() for one in re.findall(r"\\fB([A-Za-z]+)\\fR", page)} & set(WRITTEN)
    named |= {one.lower() for one in re.findall(r"^#?([A-Z][A-Za-z]+) \S+$", SHIPPED.read_text(), re.MULTILINE)}
    assert len(named) > 35
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)
    assert set(WRITTEN) == MODELLED | HARMLESS | OPEN.keys()


def read(
    text: str | bytes, files: dict[str, str | bytes] | None = None, names: frozenset[str] = frozenset({"livechat.com"})
) -> Proxy:
    (found,) = tinyproxy.read(snapshot({MAIN: text, **(files or {})}, [RUNNING]), names).proxies
    return found


def decide(found: Proxy, form: Form, name: str, port: int = 443, client: str = "127.0.0.1") -> tuple[Decision, ...]:
    course = found.doors[0].course(form)
    assert course is not None
    return walk(course, Ask(form, name, port, client=address_value(client)))


@pytest.mark.skipif(not SHIPPED.exists(), reason="needs tinyproxy: packaging/test --install-peers")
def test_the_configuration_as_installed_is_understood() -> None:
    found = read(SHIPPED.read_bytes())
    assert not found.gaps
    assert decide(found, Form.CONNECT, "livechat.com")[0].ruling.act is Act.ALLOW
    assert decide(found, Form.CONNECT, "livechat.com", client="192.168.7.9")[0].ruling.act is Act.DENY
    assert [str(one.listener.port) for one in found.doors] == ["8888", "8888"]


def test_nothing_becomes_of_tls_that_is_diverted_to_it() -> None:
    assert read("Port 8888\n").doors[0].course(Form.TLS) is None


@pytest.mark.parametrize(
    ("lines", "filtered", "what"),
    [
        ("", "*.livechat.com", "whose first star stands for itself"),
        ("FilterDefaultDeny Yes", r"^livechat\.com$", "does not fit names below livechat.com"),
        ("FilterDefaultDeny Yes\nFilterType fnmatch", "*.livechat.com", "does not fit livechat.com itself"),
        ("FilterDefaultDeny Yes", r"livechat\.com", "also fits names of others that only contain"),
        ("FilterDefaultDeny Yes", r"livechat\.com$", "also fits names of others that only end like"),
        ("", r"chat\.com$", "fits livechat.com, which only contains it"),
        ("FilterType fnmatch", "LiveChat.com", "its capitals count"),
    ],
)
def test_lines_that_do_not_mean_what_they_seem_to(lines: str, filtered: str, what: str) -> None:
    found = read(f'Port 8888\nFilter "/f"\n{lines}\n', {"/f": f"{filtered}\n"})
    (mistake,) = found.mistakes
    assert what in mistake.what
    assert mistake.source.line == 1


def test_what_the_remedies_say_is_no_mistake() -> None:
    found = read('Port 8888\nFilter "/f"\nFilterDefaultDeny Yes\n', {"/f": "\\(^\\|\\.\\)livechat\\.com$\n"})
    assert not found.mistakes
    assert decide(found, Form.CONNECT, "cdn.livechat.com")[0].ruling.act is Act.ALLOW
    assert decide(found, Form.CONNECT, "livechat.com.evil.example")[0].ruling.act is Act.DENY


def test_lines_may_make_up_for_each_other() -> None:
    text = (
        'Port 8888\nFilter "/f"\nFilterDefaultDeny Yes\nUpstream none "livechat.com"\nUpstream none ".livechat.com"\n'
    )
    assert not read(text, {"/f": "^livechat\\.com$\n\\.livechat\\.com$\n"}).mistakes


def test_an_upstream_for_a_domain_forgets_its_apex() -> None:
    found = read('Port 8888\nUpstream http 10.0.0.1:3128 ".livechat.com"\n')
    assert decide(found, Form.CONNECT, "a.livechat.com")[0].upstream == "10.0.0.1:3128"
    assert not decide(found, Form.CONNECT, "livechat.com")[0].upstream
    assert "livechat.com itself" in found.mistakes[0].what


def test_long_lists_are_searched_for_the_names_of_interest() -> None:
    lines = "".join(f"ad{number}\\.example\\.com$\nads{number}.example.net\n" for number in range(100_000))
    began = time.monotonic()
    found = read('Port 8888\nFilter "/f"\n', {"/f": f"{lines}^cdn\\.livechat\\.com$\n"})
    assert time.monotonic() - began < 5
    (stage,) = [one for one in found.doors[0].course(Form.CONNECT) or () if one.title == "Filter"]
    assert [rule.source.line for rule in stage.rules] == [200_001]


def test_bytes_of_another_encoding_fit_no_name() -> None:
    found = read(b'Port 8888\n# caf\xe9\nFilter "/f"\n', {"/f": b"caf\xe9\n^live\n"})
    assert not found.gaps
    assert decide(found, Form.CONNECT, "livechat.com")[0].ruling.act is Act.DENY
    assert decide(found, Form.CONNECT, "chatbot.com")[0].ruling.act is Act.ALLOW


@pytest.mark.parametrize("port", ["8888", "08888"])
def test_a_leading_zero_makes_a_number_octal(port: str) -> None:
    assert bool(read(f"Port {port}\n").gaps) is port.startswith("0")


def test_nobody_is_served_where_no_client_may_be() -> None:
    found = read("Port 8888\nMaxClients 0\n")
    assert decide(found, Form.CONNECT, "livechat.com")[0].ruling.act is Act.DROP
    assert PROXY[1] == found.doors[0].listener.port


def test_options_may_stand_in_one_word() -> None:
    running = RUNNING | {"arguments": ["tinyproxy", "-dc", "/x.conf"]}
    (found,) = tinyproxy.read(snapshot({"/x.conf": "Port 3128\nBind 192.0.2.1\n"}, [running]), frozenset()).proxies
    assert found.doors[0].listener.port == 3128
    assert found.families == {4}


def test_secrets_that_were_taken_out_change_nothing() -> None:
    text = 'Port 8888\nBasicAuth user pass7\nUpstream http user:pass7@10.0.0.1:3128 ".livechat.com"\n'
    for found in (read(text), read(redact(text.encode()))):
        assert not found.gaps
        assert decide(found, Form.CONNECT, "a.livechat.com")[0].upstream == "10.0.0.1:3128"
        assert "pass7" not in str(found)


def test_a_line_about_another_domain_says_nothing_of_names_below() -> None:
    found = read(
        'Port 8888\nFilter "/f"\n', {"/f": "doubleclick\\.net\nads\nivechat.com\n^www\\.livechat\nchat\\.com$\n"}
    )
    (stage,) = [one for one in found.doors[0].course(Form.CONNECT) or () if one.title == "Filter"]
    assert [rule.source.line for rule in stage.rules] == [2, 3, 4, 5]


def test_what_follows_a_name_in_a_url_is_open_for_that_name() -> None:
    found = read('Port 8888\nFilter "/f"\nFilterURLs Yes\n', {"/f": "^http://ads\\..*/x\n"})
    assert {one.ruling.act for one in decide(found, Form.GET, "ads.livechat.com", 80)} == {Act.ALLOW, Act.DENY}
    assert {one.ruling.act for one in decide(found, Form.GET, "cdn.livechat.com", 80)} == {Act.ALLOW}
    assert {one.ruling.act for one in decide(found, Form.CONNECT, "ads.livechat.com")} == {Act.ALLOW}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("ConnectPort 0443", "is read as the octal number 291"),
        ("FilterURLs Yes\nFilterURLs No", "FilterURLs No does not take back what line 2 switches on"),
        ("Allow 10.0.0.0/33", "10.0.0.0/33 is no address, and the line is left out"),
    ],
)
def test_lines_that_say_something_else_to_the_program(line: str, what: str) -> None:
    (mistake,) = read(f"Port 8888\n{line}\n").mistakes
    assert what in mistake.what
