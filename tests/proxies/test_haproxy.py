"""What we read in files of HAProxy, by examples; tests/daemons holds it against the program."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from agent.errors import Malformed
from agent.model.course import Ask, walk
from agent.model.proxy import Act, Form
from agent.proxies import haproxy
from agent.proxies.haproxy.blocks import holds
from agent.proxies.haproxy.expressions import Call, Expression, expression, format_parts
from agent.proxies.haproxy.sections import named_files
from agent.proxies.haproxy.words import words_of
from agent.snapshot import Files
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from agent.model.course import Decision
    from agent.model.proxy import Proxy

RUNNING = {"name": "haproxy", "pid": 7, "arguments": ["haproxy", "-f", "/h.cfg"], "listeners": []}
NAMES = frozenset({"livechat.com", "api.livechat.com", "text.com"})
SERVER = (4, 0xC6336401)
FILTER = """
defaults
    mode tcp
frontend filter
    bind :8443 transparent
    tcp-request inspect-delay 5s
    acl known req.ssl_sni -i -m end .livechat.com
    acl known req.ssl_sni -i -m str -f /names
    tcp-request content reject unless known
    default_backend out
backend out
    server there 0.0.0.0:443
"""


def read(text: str, listed: str | bytes = "", interest: frozenset[str] = NAMES) -> Proxy:
    (found,) = haproxy.read(
        snapshot({"/h.cfg": text, "/names": listed, "/spaced": "\ntext.com \n"}, [RUNNING]), interest
    ).proxies
    return found


def ways(
    found: Proxy, form: Form = Form.TLS, name: str = "livechat.com", door: int = 0, **more: object
) -> tuple[Decision, ...]:
    course = found.doors[door].course(form)
    assert course is not None
    more.setdefault("target", SERVER)
    return walk(course, Ask(form, name, 80 if form in (Form.HTTP, Form.GET) else 443, **more))  # type: ignore[arg-type]  # fields by name


def act(found: Proxy, *asked: object, **more: object) -> Act:
    (way,) = ways(found, *asked, **more)  # type: ignore[arg-type]  # likewise
    return way.ruling.act


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a  b\tc # d", ("a", "b", "c")),
        (r"a\ b \# \" \'", ("a b", "#", '"', "'")),
        (r"'a b' \"c d\"e".replace("\\", ""), ("a b", "c de")),
        (r"'a\.b' a\.b a\\b \x41\t", ("a\\.b", "a\\.b", "a\\b", "A\t")),
        ('"$X" $X ${X} "${X}y" "${NO-z}"', ("v w", "$X", "${X}", "v wy", "z")),
        ('"${X[*]}" \'$X\' "\\$X"', ("v", "w", "$X", "$X")),
        ("''", ("",)),
    ],
)
def test_words(line: str, words: tuple[str, ...]) -> None:
    assert words_of(line, {"X": "v w"}).words == words


@pytest.mark.parametrize("line", ["'a", '"a', '"$"', "x " * 65])
def test_lines_that_the_program_refuses(line: str) -> None:
    with pytest.raises(Malformed):
        words_of(line, {})


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("", False), ("0", False), ("7", True), ("defined(A)", True), ("!defined(A)", False), ("defined(HAPROXY_MWORKER)", False),
        ("streq(a,a)", True), ("strneq(a,a)", False), ("streq(a,b) || 1 && !0", True), ("version_atleast(2.4)", True),
        ("version_atleast(2.7)", False), ("version_before(2.6.13)", True), ("!(1 && 0) && (1)", True),
    ],
)  # fmt: skip
def test_conditions_of_blocks(condition: str, value: bool) -> None:
    assert holds(condition, {"A": ""}) is value


@pytest.mark.parametrize(
    "condition", ["feature(OPENSSL)", "(1", "what", "!" * 100, "version_atleast(2.4-dev1)", "defined(B)"]
)
def test_conditions_that_are_not_known(condition: str) -> None:
    with pytest.raises(Malformed):
        holds(condition, {})


def test_expressions() -> None:
    found, end = expression(r'hdr(host),regsub("(a,b)\"",x,g),lower -m')
    assert found == Expression(Call("hdr", ("host",)), (Call("regsub", ('(a,b)"', "x", "g")), Call("lower")))
    assert end == len(r'hdr(host),regsub("(a,b)\"",x,g),lower')
    assert list(format_parts("a%%b%[src]%{+Q}[dst,lower]c")) == [
        "a", "%", "b", Expression(Call("src")), Expression(Call("dst"), (Call("lower"),)), "c",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a(b", ",", "", "f(a),,"])
def test_expressions_that_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        expression(text)


def test_the_command_line_names_files_in_order() -> None:
    line = ("haproxy", "-Ws", "-f", "/a", "-p", "/run/x", "-sf", "1", "2", "-f", "/b", "--", "/c", "/d")
    assert named_files(line) == ("/a", "/b", "/c", "/d")


def test_a_filter_by_the_name_in_the_hello() -> None:
    found = read(FILTER, "text.com\n# no\n  chat.com\r\n")
    assert not found.gaps
    assert act(found, Form.TLS, "api.livechat.com") is Act.ALLOW
    assert act(found, Form.TLS, "text.com") is Act.ALLOW
    assert act(found, Form.TLS, "livechat.com") is Act.DROP
    (way,) = ways(found, Form.TLS, "livechat.com")
    assert way.source
    assert way.source.text == "tcp-request content reject unless known"


def test_servers_of_ipv6_are_only_seen_by_transparent_sockets() -> None:
    six = (6, 1 << 100)
    assert act(read(FILTER), name="api.livechat.com", target=six) is Act.ALLOW
    found = read(FILTER.replace(" transparent", ""))
    assert act(found, name="api.livechat.com") is Act.ALLOW
    assert act(found, name="api.livechat.com", target=six) is Act.DROP


def test_a_master_and_its_workers_are_one_proxy() -> None:
    taken = snapshot({"/h.cfg": FILTER, "/names": ""}, [RUNNING, RUNNING | {"pid": 8}])
    assert len(haproxy.read(taken, NAMES).proxies) == 1


def test_without_a_delay_chance_decides() -> None:
    found = read(FILTER.replace("inspect-delay", "content accept if FALSE #"))
    assert {way.ruling.act for way in ways(found, name="api.livechat.com")} == {Act.ALLOW, Act.DROP}


AGENTS = """
frontend web
    mode http
    bind :8080
    acl hook hdr(user-agent) -i -m sub webhook
    http-request {rule}
    default_backend out
backend out
    mode http
    server up proxy.example:3128
"""


@pytest.mark.parametrize(
    ("rule", "hook", "browser"),
    [
        ("deny if hook", Act.DENY, Act.ALLOW),
        ("deny unless hook", Act.ALLOW, Act.DENY),
        ("deny if { hdr(user-agent) -m reg ^LiveChat }", Act.DENY, Act.ALLOW),
        ("deny if { req.hdr(User-Agent),lower -m beg livechat }", None, None),
    ],
)
def test_user_agents(rule: str, hook: Act | None, browser: Act | None) -> None:
    found = read(AGENTS.replace("{rule}", rule))
    for agent, expected in (("LiveChat webhook/1.0", hook), ("Mozilla/5.0", browser)):
        got = ways(found, Form.GET, agents=(agent,))
        assert {way.ruling.act for way in got} == ({expected} if expected else {Act.ALLOW, Act.DENY})
        assert all(way.upstream == "proxy.example:3128" for way in got if way.ruling.act is Act.ALLOW)


NOT_FOLLOWED = """
frontend web
    mode http
    bind :8080
    {line}
    default_backend out
backend out
    mode http
    server up 192.0.2.1:80
"""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("filter spoe engine e config f", "another program decides"),
        ("http-request lua.decide", "a script decides"),
        ("http-response deny if { status 200 }", "answers are refused"),
        ("frobnicate yes", "frobnicate is not understood"),
        ("http-request deny if { src -f /gone }", "the list /gone is not followed"),
        ('http-request deny if { hdr(host) -m str "$NAME" }', "NAME is not known"),
        ("http-request deny if nobody", "no ACL is called nobody"),
        ("http-request deny if { nbsrv(out) lt 1 }", "nbsrv depends on more than the configuration"),
        ("http-request deny if { sc_http_req_rate(0) gt 9 }", "sc_http_req_rate depends on more"),
        ("http-request deny if { hdr(host) -m reg (a)\\1 }", "the regular expression"),
        ("use_backend %[lua.where]", "lua.where depends on more than the configuration"),
    ],
)
def test_what_is_not_followed_leaves_requests_open(line: str, reason: str) -> None:
    found = read(NOT_FOLLOWED.replace("{line}", line))
    got = ways(found, Form.HTTP)
    assert len(got) > 1 or got[0].ruling.act is Act.OPEN
    said = [one.because for way in got for one in way.open_by] + [way.ruling.because for way in got]
    assert any(reason in text for text in said), said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frontend f\n bind :1 'x\n", "a quote is not closed"),
        ("frontend f\n bind nonsense\n", "nonsense is no address with a port"),
        ("bind :80\n", "bind stands before any section"),
        ("frontend f from nobody\n bind :1\n", "there is no defaults nobody"),
        (".if feature(X)\nfrontend f\n bind :1\n.endif\n", "feature(X) is not known here"),
        (".if 1\nfrontend f\n", "an .if is not closed"),
        ("frontend f\n bind :1\n use_backend gone if TRUE\n", "there is no backend gone"),
    ],
)
def test_what_cannot_be_read_is_a_gap(text: str, reason: str) -> None:
    found = read(text)
    assert any(reason in gap.reason for gap in found.gaps), found.gaps


def test_blocks_choose_lines() -> None:
    text = '.if defined(HAPROXY_MWORKER)\n.else\nglobal\n setenv P 81\n.endif\nfrontend f\n bind ":$P"\n'
    assert [door.listener.port for door in read(text).doors] == [81]
    text = 'global\n setenv P 81\n.if 0\nfrontend g\n bind :1\n.elif 1\nfrontend f\n bind ":$P"\n.else\nfrontend h\n bind :2\n.endif\n'
    assert [door.listener.port for door in read(text).doors] == [81]


def test_rules_of_named_defaults_come_first() -> None:
    text = (
        "defaults d\n mode http\n acl bad hdr(host) livechat.com\n http-request deny if bad\n"
        "frontend f from d\n bind :80-81\n default_backend b\nbackend b from d\n server s 192.0.2.1:80\n"
    )
    found = read(text)
    assert [door.listener.port for door in found.doors] == [80, 81]
    assert act(found, Form.HTTP, "livechat.com") is Act.DENY
    assert act(found, Form.HTTP, "text.com") is Act.ALLOW


def test_names_that_are_looked_up_have_their_servers() -> None:
    text = (
        "resolvers dns\n nameserver a 192.0.2.53:53\n"
        "listen l\n mode http\n bind :80\n http-request do-resolve(txn.ip,dns,ipv4) hdr(host),host_only\n"
        " http-request set-dst var(txn.ip)\n server s 0.0.0.0:80\n"
    )
    found = read(text)
    assert found.nameservers == ("192.0.2.53#53",)
    assert found.families == frozenset({4})
    assert act(found, Form.GET, "livechat.com") is Act.ALLOW


MISTAKEN = "frontend f\n bind :1\n tcp-request inspect-delay 5s\n acl a {acl}\n tcp-request content reject unless a\n"


@pytest.mark.parametrize(
    ("acl", "what", "remedy"),
    [
        ("req.ssl_sni *.livechat.com", "* is no wildcard", "req.ssl_sni -m end .livechat.com"),
        (
            "req.ssl_sni -m end livechat.com",
            "also fits other domains, as notlivechat.com",
            "req.ssl_sni -m str livechat.com",
        ),
        ("req.ssl_sni -m end .livechat.com", "does not fit livechat.com itself", "req.ssl_sni -m str livechat.com"),
        ("req.ssl_sni LiveChat.com", "names come in lower case", "-i LiveChat.com"),
        ("req.ssl_sni livechat.com.", "without a dot at the end", "livechat.com"),
        ("req.ssl_sni .livechat.com", "fits no name without -m end", "-m end .livechat.com"),
        ("req.hdr(host) livechat.com:443", "leave usual ports out", "livechat.com"),
        ("req.ssl_sni -m sub livechat.com", "also fits names of others", "-m end .livechat.com"),
        ("req.ssl_sni -m reg livechat.com$", "stands for any character", r"'livechat\.com$'"),
        ("req.ssl_sni -f /names", "* is no wildcard", "-m end .livechat.com"),
        ("req.ssl_sni -f /spaced", "the spaces at the end of the line", "text.com without"),
    ],
)
def test_mistakes(acl: str, what: str, remedy: str) -> None:
    (found,) = read(MISTAKEN.format(acl=acl), "# list\n*.livechat.com\n").mistakes
    assert what in found.what
    assert remedy in found.remedy
    assert found.names
    assert found.source.line == (2 if "-f" in acl else 4)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("tcp-request content reject if nobody", "no ACL is called nobody"),
        ("tcp-request content reject if { req.ssl_sni text.com }", "before the client has sent its hello"),
        ("tcp-request inspect-delay 5\n use_backend b if { req.ssl_sni text.com }", "5 milliseconds"),
        ("mode http\n use_backend b if { req.ssl_sni text.com }", "never there"),
    ],
)
def test_mistakes_of_order(line: str, what: str) -> None:
    found = read(f"frontend f\n bind :1\n {line}\nbackend b\n server s 192.0.2.1:443\n").mistakes
    assert any(what in one.what for one in found), found


def test_lists_are_searched_for_the_names_of_interest() -> None:
    data = b"".join(b"ad%d.example.net\n" % number for number in range(1_000_000)) + b"text.com\n"
    began = time.monotonic()
    found = read(FILTER, data)
    assert time.monotonic() - began < 20
    assert act(found, Form.TLS, "text.com") is Act.ALLOW
    assert act(found, Form.TLS, "livechat.com") is Act.DROP


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_gaps_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray((FILTER + AGENTS + NOT_FOLLOWED).encode())
    for _ in range(chance.randrange(1, 30)):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = bytes(
            chance.choices(b"\n\"'{}()%[]!$\\#,.:|\xff\x00 ab", k=chance.randrange(4))
        )
    found = read(data.decode("latin-1"), bytes(data))
    for door in found.doors:
        for form, course in door.courses:
            assert walk(course, Ask(form, "livechat.com", 443))


@pytest.mark.parametrize("condition", [")", "&&", "²", "1 &&", "defined()"])
def test_conditions_of_signs_alone_are_not_known(condition: str) -> None:
    with pytest.raises(Malformed):
        holds(condition, {})


@pytest.mark.parametrize(
    "line", ["acl", "acl a", "use_backend", "http-request", "http-request deny if", "stats uri", "bind"]
)
def test_lines_without_words_harm_nobody(line: str) -> None:
    assert ways(read(NOT_FOLLOWED.replace("{line}", line)), Form.HTTP)


def test_what_is_asked_for() -> None:
    empty = snapshot({}, [RUNNING])
    assert [want.ask for want in haproxy.wants(empty)] == [Files("/h.cfg")]
    taken = snapshot({"/h.cfg": FILTER + ' use_backend %[req.ssl_sni,map(/map)]\n bind "$X"\n'}, [RUNNING])
    assert {want.ask for want in haproxy.wants(taken)} == {Files("/names"), Files("/etc/default/haproxy")}
    assert not list(haproxy.wants(snapshot({}, [])))[1:]
