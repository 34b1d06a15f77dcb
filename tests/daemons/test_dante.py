"""Dante and our reading of its file answer alike."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form, Proxy
from agent.proxies import dante
from agent.proxies.dante.options import TABLES, entry
from tests.daemons.dante import Config, disagreements
from tests.daemons.internet import needs
from tests.daemons.snapshots import snapshot
from tests.daemons.web import web

pytestmark = pytest.mark.daemons
MANUAL = Path("/usr/share/man/man5/danted.conf.5.gz")
HEAD = "internal: 10.0.0.1 port = 1080\nexternal: 192.0.2.1\nsocksmethod: none\n"
EVERYBODY = "client pass { from: 0/0 to: 0/0 }\n"


@pytest.mark.parametrize("first", range(0, 40, 10))
@needs("danted", "unshare")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    outcomes: set[str] = set()
    with web() as world:
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world, outcomes), config.files
    assert outcomes >= {"allowed", "denied", "dropped"}


NOT_KEYWORDS = {
    "bsdauth", "dns-any", "gssapi", "no-route", "none", "pam.address", "pam.any", "pam.username", "rfc931", "system-any",
    "username",
}  # fmt: skip
"""Values that the manual sets like keywords."""


@pytest.mark.skipif(not MANUAL.exists(), reason="needs the manual of dante-server: packaging/test --install-peers")
def test_every_documented_keyword_is_in_one_table() -> None:
    text = gzip.decompress(MANUAL.read_bytes()).decode()
    named = set(re.findall(r"^\.(?:IP|TP|B) *\\fB([a-z][\w.<>-]*)\\fP", text, re.MULTILINE)) - NOT_KEYWORDS
    named = {re.sub(r"^ip_tos", "external.ip.ip_tos", one) for one in named}
    assert len(named) > 50
    listed = {name: entry(name.replace("<loglevel>", "info")) for name in named}
    assert {name: sum(one in table for table in TABLES) for name, one in listed.items()} == dict.fromkeys(named, 1)


def read(text: str, interest: frozenset[str] = frozenset({"livechat.com"})) -> Proxy:
    running = [
        {"name": "danted", "pid": 7, "arguments": ["/usr/sbin/danted", "-D"], "listeners": []},
        {"name": "danted", "pid": 8, "arguments": ["danted: request-chil"], "listeners": []},
    ]
    (found,) = dante.read(snapshot({"/etc/danted.conf": text}, running), interest).proxies
    return found


def fate(text: str, name: str = "chat.livechat.com", port: int = 443) -> tuple[Act, str]:
    """What becomes of a connection, and why that is open."""
    course = read(text).doors[0].course(Form.SOCKS)
    assert course is not None
    ways = walk(course, Ask(Form.SOCKS, name, port, client=address_value("10.0.0.7")))
    acts = {way.ruling.act for way in ways}
    because = [way.ruling.because for way in ways] + [one.because for way in ways for one in way.open_by]
    return (acts.pop() if len(acts) == 1 else Act.OPEN), " ".join(because)


@pytest.mark.parametrize(
    ("rules", "act"),
    [
        ("", Act.DROP),
        (EVERYBODY, Act.DENY),
        (EVERYBODY + "socks pass { from: 0/0 to: .livechat.com }\n", Act.ALLOW),
        (EVERYBODY + "socks pass { from: 0/0 to: livechat.com:443 }\n", Act.DENY),
        (EVERYBODY + "socks pass { from: 0/0 to: .livechat.com port = 80 }\n", Act.DENY),
        (EVERYBODY + "socks pass { from: 0/0 to: .livechat.com port: 80 }\n", Act.ALLOW),
        (EVERYBODY + "socks block { from: 0/0 to: .vechat.com }\nsocks pass { from: 0/0 to: 0/0 }\n", Act.DENY),
        (EVERYBODY + "socks block { from: 10.9.0.0/16 to: 0/0 }\nsocks pass { from: 0/0 to: 0/0 }\n", Act.ALLOW),
        ("client pass { from: 0/0 to: 10.0.0.2/32 }\nsocks pass { from: 0/0 to: 0/0 }\n", Act.DROP),
        (EVERYBODY + "pass {\n from: 0/0 to: 0/0\n command: udpassociate\n}\n", Act.DENY),
    ],
)
def test_the_first_rule_that_fits_decides(rules: str, act: Act) -> None:
    assert fate(HEAD + rules)[0] is act


PASS = EVERYBODY + "socks pass {\n from: 0/0 to: 0/0\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + "frobnicate: yes\n", "line 4: unknown keyword frobnicate"),
        (HEAD + "client pass { from: 10.0.0.1 to: 0/0 }\n", "10.0.0.1 lacks a netmask"),
        (HEAD + "client pass { to: 0/0 from: 0/0 }\n", "without one from: and one to: after it"),
        (HEAD + "client pass { from: 0/0 to: 0/0\n", "line 5: a } is missing"),
        (HEAD + EVERYBODY + "socksmethod: none\n", "settings stand before all rules"),
        (HEAD + "socks pass { from: 0/0 to: x.com port 443 }\n", "write port = 443"),
        (HEAD + "socks pass { from: 0/0 to: 0/0 protocol: tcp command: connect }\n", "protocol knows no comman"),
        (HEAD + "socks pass { from: 0/0 to: 0/0\n log: error to: 0/0 }\n", "log knows no t"),
        (HEAD + "}\n", "line 4: not understood"),
        (HEAD + "socks pass { from: 0/0 to: x.com port = 70000 }\n", "no port: 70000"),
        (HEAD + "route { from: eth0 to: 0/0 via: 10.0.0.9 port = 1080 }\n", "interfaces are not supported"),
        (HEAD + "\r\n", "not understood"),
        ("socksmethod: none\n", "no internal address"),
        (HEAD + PASS + " user: joe\n}\n", "user: joe"),
        (HEAD + PASS + " session.max: 10\n}\n", "only so many connections"),
        (HEAD + PASS + " libwrap: deny\n}\n", "libwrap: deny"),
        (HEAD + PASS + " proxyprotocol: socks_v4\n}\n", "proxyprotocol: socks_v4"),
        (HEAD + PASS + " internal.tcp.tcp_md5sig: 1\n}\n", "an option of clients' connections"),
        (HEAD + "libwrap.hosts_access: yes\n" + PASS + "}\n", "looks at who the client is"),
        (HEAD + "srchost: nodnsunknown\n" + PASS + "}\n", "looks at who the client is"),
        (HEAD + "resolveprotocol: fake\n" + PASS + "}\n", "names are left to another proxy"),
        (HEAD.replace("none", "username") + PASS + "}\n", "clients have to log in"),
        (HEAD + "client pass { from: office.example to: 0/0 }\n", "compared with office.example"),
        (
            HEAD + EVERYBODY + "socks block { from: 0/0 to: other.example }\n" + PASS + "}\n",
            "shares one with other.example",
        ),
        (HEAD + EVERYBODY + "socks pass { from: 0/0 to: 0/0 port = rtelnet }\n", "service rtelnet is not known"),
        (
            HEAD + EVERYBODY + "socks block { from: 0/0 to: 10.0.0.0/8 }\n" + PASS + "}\n",
            "target's address is not known",
        ),
    ],
)
def test_what_cannot_be_followed_leaves_names_open(text: str, reason: str) -> None:
    act, because = fate(text)
    assert act is Act.OPEN
    assert reason in because


def test_a_route_leads_to_the_next_server() -> None:
    text = HEAD + PASS + "}\nroute {\n from: 0/0 to: .livechat.com via: 10.0.0.9 port = 1081\n}\n"
    course = read(text).doors[0].course(Form.SOCKS)
    assert course is not None
    client = address_value("10.0.0.7")
    assert walk(course, Ask(Form.SOCKS, "livechat.com", 443, client=client))[0].upstream == "10.0.0.9:1081"
    assert not walk(course, Ask(Form.SOCKS, "other.com", 443, client=client))[0].upstream


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("pass { from: 0/0 to: *.livechat.com }", "to: .livechat.com"),
        ("pass { from: 0/0 to: livechat.com:443 }", "to: livechat.com port = 443"),
        ("pass { from: 0/0 to: .livechat.com. }", "to: .livechat.com"),
        ("pass { from: 0/0 to: livechat.com }", "to: .livechat.com"),
        ("block { from: 0/0 to: livechat.com }", "to: .livechat.com"),
        ("pass { from: 0/0 to: .livechat.com port: 443 }", "port = 443"),
        ("block { from: 0/0 to: .com }\nsocks pass { from: 0/0 to: .livechat.com }", "move this rule before line 4"),
    ],
)
def test_names_that_do_not_mean_what_they_look_like(place: str, remedy: str) -> None:
    interest = frozenset({"livechat.com", "chat.livechat.com"})
    assert remedy in [one.remedy for one in read(f"{HEAD}socks {place}\n", interest).mistakes]


def test_names_of_no_interest_make_no_mistakes() -> None:
    assert not read(HEAD + "socks pass { from: 0/0 to: *.example.org }\n").mistakes


def test_bytes_of_another_encoding_do_not_matter_in_comments() -> None:
    running = [{"name": "danted", "pid": 7, "arguments": ["danted", "-f/x.conf"], "listeners": []}]
    data = b"# caf\xe9\n" + HEAD.encode() + PASS.encode() + b"}\n"
    (found,) = dante.read(snapshot({"/x.conf": data}, running), frozenset()).proxies
    assert not found.gaps


def test_families_are_those_of_the_external_addresses() -> None:
    """An interface that is not known may have both."""
    assert read(HEAD).families == {4}
    assert read(HEAD.replace("192.0.2.1", "2001:db8::1")).families == {6}
    assert read("external.protocol: ipv6\n" + HEAD.replace("192.0.2.1", "eth7")).families == {6}
