"""e2guardian and our reading of its files answer alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form, Proxy
from agent.proxies import e2guardian
from agent.proxies.e2guardian.options import HARMLESS, MODELLED, OPEN
from tests.daemons.e2guardian import SHIPPED, Config, disagreements, shipped
from tests.daemons.internet import needs
from tests.daemons.snapshots import snapshot
from tests.daemons.web import web

pytestmark = pytest.mark.daemons
DOCUMENTED = (Path(SHIPPED, "e2guardian.conf"), Path(SHIPPED, "e2guardianf1.conf"))
INSTALLED = pytest.mark.skipif(not DOCUMENTED[0].exists(), reason="needs e2guardian: packaging/test --install-peers")
RUNNING = {"name": "e2guardian", "pid": 7, "arguments": ["/usr/sbin/e2guardian"], "listeners": []}
MAIN = f"preauthstoryboard = '{SHIPPED}/preauth.story'\n"
GROUP = f"storyboard = '{SHIPPED}/examplef1.story'\n"


@pytest.mark.parametrize("first", range(0, 40, 10))
@needs("e2guardian", "unshare", "nft")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    outcomes: set[str] = set()
    with web() as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world, outcomes), config.files
    assert outcomes >= {
        "connect allowed", "connect denied", "get allowed", "get denied", "http allowed", "http denied", "tls allowed",
        "tls dropped",
    }  # fmt: skip


@INSTALLED
def test_every_documented_option_is_in_one_table() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTED)
    named = set(re.findall(r"^#? ?([a-z][a-z0-9_]+) ?=", text, re.MULTILINE)) - {"on", "off"}
    assert len(named) > 140
    tables = (MODELLED, HARMLESS, OPEN.keys())
    assert {name: sum(name in table for table in tables) for name in named} == dict.fromkeys(named, 1)


def read(main: str = "", group: str = "", files: dict[str, str | bytes] | None = None) -> Proxy:
    here: dict[str, str | bytes] = {
        **shipped(),
        f"{SHIPPED}/e2guardian.conf": MAIN + main,
        f"{SHIPPED}/e2guardianf1.conf": GROUP + group,
        **(files or {}),
    }
    (found,) = e2guardian.read(snapshot(here, [RUNNING]), frozenset({"livechat.com", "chat.livechat.com"})).proxies
    return found


def fate(proxy: Proxy, form: Form = Form.CONNECT, name: str = "chat.livechat.com") -> tuple[Act, str]:
    """What becomes of a request, and why that is open."""
    course = next(one.course(form) for one in proxy.doors if one.course(form) is not None)
    assert course is not None
    port = 443 if form in (Form.CONNECT, Form.TLS) else 80
    ways = walk(course, Ask(form, name, port, client=address_value("10.0.0.7")), {"first page": True})
    acts = {way.ruling.act for way in ways}
    because = [way.ruling.because for way in ways] + [one.because for way in ways for one in way.open_by]
    return (acts.pop() if len(acts) == 1 else Act.OPEN), " ".join(because)


def listed(option: str, name: str, *lines: str) -> tuple[str, dict[str, str | bytes]]:
    """A list, and the line that defines it."""
    return f"{option} = 'name={name},path=/{name}'\n", {f"/{name}": "\n".join((*lines, ""))}


@INSTALLED
@pytest.mark.parametrize(
    ("option", "name", "line", "act"),
    [
        ("sitelist", "banned", "livechat.com", Act.DENY),
        ("sitelist", "banned", ".livechat.com", Act.ALLOW),
        ("sitelist", "banned", ".com", Act.DENY),
        ("sitelist", "grey", "livechat.com", Act.ALLOW),
        ("urllist", "banned", "livechat.com", Act.ALLOW),
        ("regexpboollist", "banned", "^chat\\.", Act.DENY),
        ("regexpboollist", "banned", "^live", Act.ALLOW),
        ("sitelist", "nobody-asks-for-it", "livechat.com", Act.ALLOW),
    ],
)
def test_lists_stop_tunnels(option: str, name: str, line: str, act: Act) -> None:
    group, files = listed(option, name, line)
    proxy = read(group=group, files=files)
    assert fate(proxy)[0] is act
    assert not proxy.gaps


@INSTALLED
def test_the_line_that_decides_is_named() -> None:
    group, files = listed("sitelist", "banned", "# words", "other.com", "livechat.com")
    course = read(group=group, files=files).doors[0].course(Form.CONNECT)
    assert course is not None
    (way,) = walk(course, Ask(Form.CONNECT, "chat.livechat.com", 443))
    assert (way.source and (way.source.artifact, way.source.line)) == ("files/banned", 3)


STORY = f".Include<{SHIPPED}/common.story>\n"


@INSTALLED
@pytest.mark.parametrize(
    ("main", "group", "files", "form", "reason"),
    [
        ("frobnicate = on\n", "", {}, Form.CONNECT, "unknown option frobnicate"),
        ("usexforwardedfor = on\n", "", {}, Form.CONNECT, "clients say their own addresses"),
        (
            "authplugin = '/a'\n",
            "",
            {"/a": "plugname = 'proxy-basic'\n"},
            Form.GET,
            "it depends on who the client says",
        ),
        ("filtergroups = 2\n", "", {}, Form.CONNECT, "e2guardianf2.conf: not in this snapshot"),
        ("", "reportinglevel = -1\n", {}, Form.GET, "reports nothing"),
        ("", ".Include</g>\n", {"/g": ".Include</g>\n"}, Form.GET, "too many files include each other"),
        ("", "storyboard = '/s'\n", {"/s": "function(checkrequest)\nif(fullmoon) setblock\n"}, Form.GET, "fullmoon"),
        ("", "storyboard = '/s'\n", {"/s": "nonsense\n"}, Form.GET, "nonsense is not understood"),
        ("", "storyboard = '/s'\n", {"/s": ".Include</s>\n"}, Form.GET, "too many files include each other"),
        (
            "",
            "storyboard = '/s'\n",
            {"/s": "function(checkrequest)\nif(true) checkrequest\n"},
            Form.GET,
            "does not end",
        ),
        ("", "storyboard = '/not-there'\n", {}, Form.GET, "/not-there: not in this snapshot"),
        (
            "",
            "sitelist = 'name=banned,path=/b'\n",
            {"/b": "#time: 9 0 17 0 01234\ncom\nlivechat.com\n"},
            Form.CONNECT,
            "some times",
        ),
        (
            "",
            "sitelist = 'name=banned,path=/b'\n",
            {"/b": ".Include</b>\nlivechat.com\n"},
            Form.CONNECT,
            "too many lists",
        ),
        ("", "sitelist = 'name=banned,path=/b'\n", {"/b": ".Include</b>\n" * 9}, Form.CONNECT, "too many lists"),
        ("", "storyboard = '/s'\n", {"/s": ".Include</s>\n" * 9}, Form.GET, "too many files include each other"),
        ("", ".Include</g>\n" * 9, {"/g": ".Include</g>\n" * 9}, Form.GET, "too many files include each other"),
        ("", "urllist = 'name=banned,path=/b'\n", {"/b": "livechat.com/page\n"}, Form.GET, "path of the URL"),
        ("", "regexpboollist = 'name=banned,path=/b'\n", {"/b": "(chat\n"}, Form.CONNECT, "a group is not closed"),
        (
            "",
            "fileextlist = 'name=bannedextension,path=/b'\n",
            {"/b": ".js\n"},
            Form.GET,
            "files that pages are made of",
        ),
        ("", "mimelist = 'name=bannedmime,path=/b'\n", {"/b": "text/html\n"}, Form.GET, "the type of the page"),
        ("", "regexpreplacelist = 'name=change,path=/b'\n", {"/b": '"a"->"b"\n'}, Form.GET, "the whole URL"),
        ("weightedphrasemode = 2\n", "bannedphraselist = '/b'\n", {"/b": "<chat>\n"}, Form.GET, "the words on them"),
    ],
)
def test_what_cannot_be_followed_leaves_names_open(
    main: str, group: str, files: dict[str, str | bytes], form: Form, reason: str
) -> None:
    act, because = fate(read(main, group, files), form)
    assert act is Act.OPEN
    assert reason in because


@INSTALLED
@pytest.mark.parametrize("form", [Form.CONNECT, Form.GET])
def test_what_no_storyboard_marks_is_not_passed_on(form: Form) -> None:
    files: dict[str, str | bytes] = {"/s": STORY + "function(checkrequest)\nif(true) true\nfunction(checkresponse)\n"}
    assert fate(read(group="storyboard = '/s'\n", files=files), form)[0] is Act.DROP
    files = {"/s": STORY + "function(checkrequest)\nif(true) setgrey\n"}
    assert fate(read(group="storyboard = '/s'\n", files=files), form)[0] is Act.ALLOW


@INSTALLED
def test_what_it_tells_other_proxies_leaves_its_own_doors_as_they_are() -> None:
    found = read("icapport = 1344\n")
    assert "icapport" in found.gaps[0].reason
    assert fate(found)[0] is Act.ALLOW


@INSTALLED
def test_a_file_name_that_is_only_downloaded_does_not_matter() -> None:
    group, files = listed("fileextlist", "bannedextension", ".exe", ".iso")
    assert fate(read(group=group, files=files), Form.GET)[0] is Act.ALLOW


@INSTALLED
@pytest.mark.parametrize(
    ("name", "line", "remedy"),
    [
        ("exception", "*.livechat.com", "livechat.com"),
        ("exception", ".livechat.com", "livechat.com"),
        ("exception", "www.livechat.com", "livechat.com"),
        ("exception", "https://livechat.com/", "livechat.com"),
        ("banned", "livechat.com/page", "livechat.com"),
        ("exception", "livechat.com:443", "livechat.com"),
    ],
)
def test_lines_that_do_not_mean_what_they_look_like(name: str, line: str, remedy: str) -> None:
    group, files = listed("sitelist", name, line)
    assert [one.remedy for one in read(group=group, files=files).mistakes] == [remedy]


@INSTALLED
def test_a_line_that_another_list_lets_pass_is_never_asked() -> None:
    banned, one = listed("sitelist", "banned", "chat.livechat.com")
    exception, other = listed("sitelist", "exception", "livechat.com")
    (found,) = read(group=banned + exception, files=one | other).mistakes
    assert found.remedy == "take livechat.com out of /exception"


@INSTALLED
def test_bytes_of_another_encoding_do_not_matter_in_comments() -> None:
    group, files = listed("sitelist", "banned")
    proxy = read(group=group, files=files | {"/banned": b"# caf\xe9\nlivechat.com\n"})
    assert fate(proxy)[0] is Act.DENY


@INSTALLED
def test_a_million_sites_are_searched() -> None:
    group, files = listed("sitelist", "banned")
    lines = b"".join(b"site%d.example.org\n" % number for number in range(1_000_000))
    proxy = read(group=group, files=files | {"/banned": lines + b".com\n"})
    assert fate(proxy)[0] is Act.DENY
