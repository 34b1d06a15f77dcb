"""PAC files: what they say for required names, and that they can do no harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import Malformed
from agent.host.pac import run
from agent.judge.pac import choices_of
from agent.judge.verdicts import judge
from agent.model.proxy import ALLOWED, DENIED, Form, Names, Proxy, ProxyRule
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.model.vocabulary import Reach
from agent.proxies import pac
from tests.daemons.snapshots import snapshot
from tests.judge.test_roads import NEED, home, squid

pytest.importorskip("pacparser", reason="pacparser is built for x86-64 alone")

INTEREST = frozenset({"livechat.com"})
ASKED = [("https://api.livechat.com/", "api.livechat.com")]
SPLIT = """\
// everything but the chat goes by the proxy
function FindProxyForURL(url, host) {
    if (isPlainHostName(host) || dnsDomainIs(host, ".corp.example")) return "DIRECT";
    if (shExpMatch(host, "cdn.livechat.com")) return "DIRECT";
    if (url.substring(0, 5) == "http:") return "PROXY 10.0.0.9:8080; DIRECT";
    return "PROXY 192.168.7.1:3128";
}
"""


def script(body: str) -> str:
    return f"function FindProxyForURL(url, host) {{ {body} }}"


def test_names_that_a_script_mentions_are_asked_about_one_by_one() -> None:
    (found,) = pac.read(snapshot({"/var/www/html/wpad.dat": SPLIT}, []), INTEREST).pacs
    for name, port, way in (
        ("livechat.com", 443, "PROXY 192.168.7.1:3128"),
        ("api.livechat.com", 443, "PROXY 192.168.7.1:3128"),
        ("cdn.livechat.com", 443, "DIRECT"),
        ("new.cdn.livechat.com", 443, "PROXY 192.168.7.1:3128"),
        ("api.livechat.com", 80, "PROXY 10.0.0.9:8080; DIRECT"),
    ):
        rule = found.rule(name, port)
        assert rule
        assert rule.ways == (way,), name


def test_the_same_script_by_another_name_is_one() -> None:
    files = {"/var/www/html/wpad.dat": SPLIT, "/var/www/html/proxy.pac": SPLIT, "/var/www/html/index.html": "x"}
    assert len(pac.read(snapshot(files, []), INTEREST).pacs) == 1


@pytest.mark.parametrize(
    ("body", "ways", "depends"),
    [
        ('return isInNet(host, "23.32.0.0", "255.224.0.0") ? "DIRECT" : "PROXY a:1";', 2, "the server's address"),
        ('return isInNet(dnsResolve(host), "10.0.0.0", "255.0.0.0") ? "DIRECT" : "PROXY a:1";', 1, ""),
        ('return weekdayRange("MON", "FRI") ? "DIRECT" : "PROXY a:1";', 2, "the time of day"),
        ('return isInNet(myIpAddress(), "10.0.0.0", "255.0.0.0") ? "DIRECT" : "PROXY a:1";', 2, "the client's address"),
        ('return isResolvable(host) ? "DIRECT" : "PROXY a:1";', 1, ""),
        (
            'return timeRange(8, 18) && myIpAddress() == "10.20.30.40" ? "DIRECT" : "PROXY a:1";',
            2,
            "the client's address and the time of day",
        ),
    ],
)
def test_what_an_answer_depends_on(body: str, ways: int, depends: str) -> None:
    (found,) = run(script(body), ASKED)
    assert (len(found.ways), found.depends_on) == (ways, depends)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("while (true) {}", "longer than 200 ms"),
        (script("while (true) {}"), "longer than 200 ms"),
        (script("var a = []; while (true) a.push(a.join());"), "longer than 200 ms|memory|signal"),
        (script("return FindProxyForURL(url, host);"), "stack"),
        (script("throw 'no';"), "no"),
        ("function FindProxyForURL(", "SyntaxError"),
        ("var nothing = 1;", "FindProxyForURL"),
        ("\x00\xff not a script", "SyntaxError|FindProxyForURL|null character"),
        ("x" * (2 << 20), "larger than"),
    ],
)
def test_a_script_that_gives_no_answer_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        run(text, ASKED)


def test_a_script_without_an_answer_is_a_gap_and_leaves_the_domain_open() -> None:
    piece = pac.read(snapshot({"/var/www/html/proxy.pac": script("while (1) {}")}, []), INTEREST)
    (gap,) = piece.gaps
    assert "/var/www/html/proxy.pac: an answer takes longer than 200 ms" in str(gap)
    judged = judge(replace(home(), pacs=piece.pacs), (NEED,)).judgements
    assert {one.verdict for one in judged if one.zone == "lan0" and one.family == 4} == {Reach.UNKNOWN}


def test_the_network_is_not_there() -> None:
    """The library's own look-ups, kept before ours take their place, get nothing."""
    kept = "return String(this.constructor) + dnsResolve('localhost');"
    (found,) = run(script(kept), ASKED)
    assert "127.0.0.1" not in str(found.ways)


WHOLE = Names((NameSet(Scope.SUBTREE, "livechat.com"),))
LIST = Source("files/etc/squid/squid.conf", "http_access allow chat", 3)


@pytest.mark.parametrize(
    ("answer", "label", "verdict"),
    [
        ("PROXY 192.168.7.1:3128", "proxy:192.168.7.1:3128", Reach.ALLOWED),
        ("DIRECT", "direct", Reach.BLOCKED),
        ("PROXY 10.0.0.9:8080", "proxy:10.0.0.9:8080", Reach.BLOCKED),
        ("PROXY 10.0.0.9:8080; PROXY 192.168.7.1:3128", "proxy:10.0.0.9:8080", Reach.ALLOWED),
        ("FTP nonsense", "direct", Reach.BLOCKED),
        ("PROXY proxy.corp.example:3128", "proxy:proxy.corp.example:3128", Reach.UNKNOWN),
    ],
)
def test_the_road_that_a_script_chooses(answer: str, label: str, verdict: Reach) -> None:
    """Direct connections are closed here, and with them those to proxies elsewhere."""
    piece = pac.read(snapshot({"/srv/www/proxy.pac": script(f'return "{answer}";')}, []), INTEREST)
    proxy: Proxy = squid(Form.CONNECT, ProxyRule(WHOLE, ALLOWED, LIST), otherwise=DENIED)
    one = replace(home(proxy, forward=False), pacs=piece.pacs)
    (found,) = [judged for judged in judge(one, (NEED,)).judgements if judged.zone == "lan0" and judged.family == 4]
    assert (found.road, found.verdict) == (label, verdict), found.because


def test_answers_as_browsers_read_them() -> None:
    assert choices_of("PROXY a:1; SOCKS5 b; HTTPS c ; DIRECT;") == ("a:1", "b:1080", "c:443", "direct")
    assert choices_of("proxy [2001:db8::1]:3128") == ("[2001:db8::1]:3128",)
    assert choices_of("undefined") == ()
