"""What we read in files of nginx, by examples; tests/daemons holds it against the program."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from agent.model.course import Ask, walk
from agent.model.proxy import Act, Form
from agent.proxies import nginx
from agent.proxies.nginx.files import Start, is_master, started
from agent.proxies.nginx.syntax import Tokens
from agent.snapshot import Files
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from agent.model.course import Decision
    from agent.model.proxy import Proxy

RUNNING = {
    "name": "nginx",
    "pid": 7,
    "arguments": ["nginx: master process /usr/sbin/nginx -c /n/n.conf"],
    "listeners": [],
}
WORKER = RUNNING | {"pid": 8, "arguments": ["nginx: worker process"]}
NAMES = frozenset({"livechat.com", "api.livechat.com", "text.com"})
FILTER = """
stream {
    map $ssl_preread_server_name $to {
        hostnames;
        include names;
        ~^[a-z]+\\.example\\.org$ $ssl_preread_server_name:443;
        default "";
    }
    resolver 192.0.2.53 [2001:db8::53]:5353 ipv6=off;
    server { listen 8443; ssl_preread on; proxy_pass $to; }
}
"""
LISTED = ".livechat.com $ssl_preread_server_name:443;\ntext.com fixed.example:443;\n"


def read(text: str, listed: str | bytes = "", interest: frozenset[str] = NAMES) -> Proxy:
    (found,) = nginx.KIND.read(snapshot({"/n/n.conf": text, "/n/names": listed}, [RUNNING, WORKER]), interest).proxies
    return found


def ways(found: Proxy, form: Form = Form.TLS, name: str = "livechat.com", **more: object) -> tuple[Decision, ...]:
    course = found.doors[0].course(form)
    assert course is not None
    return walk(course, Ask(form, name, 443 if form is Form.TLS else 80, **more))  # type: ignore[arg-type]  # fields by name


def act(found: Proxy, form: Form, name: str, **more: object) -> Act:
    (way,) = ways(found, form, name, **more)
    return way.ruling.act


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b;# c\nd", ["a", "b", ";", "d"]),
        (r"""a "b c" 'd;' e\;f g\ h;""", ["a", "b c", "d;", r"e\;f", r"g\ h", ";"]),
        (r"""a "b\"c" d\\e \. \t;""", ["a", 'b"c', "d\\e", r"\.", "\t", ";"]),
        ("a ${b}c{d;}", ["a", "${b}c", "{", "d", ";", "}"]),
        ("a#b;", ["a#b", ";"]),
    ],
)
def test_tokens(text: str, words: list[str]) -> None:
    tokens = Tokens("x", text)
    found = []
    while (word := tokens.next())[0] or not word[2]:
        found.append(word[0])
    assert found == words


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["nginx"], Start("/etc/nginx/nginx.conf", "/usr/share/nginx", "")),
        (["nginx", "-p", "/p", "-c", "x.conf", "-g", "daemon off;"], Start("/p/x.conf", "/p", "daemon off;")),
        (
            ["nginx: master process nginx -g daemon on; master_process on;"],
            Start("/etc/nginx/nginx.conf", "/usr/share/nginx", "daemon on; master_process on;"),
        ),
        (
            ["nginx:", "master", "process", "nginx", "-g", "daemon", "on;"],
            Start("/etc/nginx/nginx.conf", "/usr/share/nginx", "daemon on;"),
        ),
    ],
)
def test_command_lines(arguments: list[str], start: Start) -> None:
    assert is_master(arguments)
    assert started(arguments) == start


@pytest.mark.parametrize("arguments", [["nginx: worker process is shutting down"], ["nginx:", "worker", "process"]])
def test_workers(arguments: list[str]) -> None:
    assert not is_master(arguments)


def test_a_filter_by_the_name_in_the_hello() -> None:
    found = read(FILTER, LISTED)
    assert not found.gaps
    assert found.nameservers == ("192.0.2.53#53", "2001:db8::53#5353")
    assert found.families == frozenset({4})
    assert act(found, Form.TLS, "api.livechat.com") is Act.ALLOW
    assert act(found, Form.TLS, "livechat.com") is Act.ALLOW
    assert act(found, Form.TLS, "www.example.org") is Act.ALLOW
    assert act(found, Form.TLS, "xlivechat.com") is Act.DROP
    assert act(found, Form.HTTP, "livechat.com") is Act.DROP
    (way,) = ways(found, name="text.com")
    assert way.upstream == "fixed.example:443"


def test_without_a_resolver_names_are_not_found() -> None:
    assert act(read(FILTER.replace("resolver ", "#"), LISTED), Form.TLS, "livechat.com") is Act.DROP


HTTP = """
events {{ }}
http {{
    resolver 192.0.2.53;
    map $http_user_agent $hook {{ default 0; ~*webhook 1; }}
    geo $inside {{ default 0; 192.168.0.0/16 1; 192.168.7.0/24 0; }}
    server {{
        listen 8080 default_server;
        {line}
        location / {{ proxy_pass http://$host$request_uri; }}
    }}
}}
"""
CLIENT = {"7": (4, 0xC0A80705), "8": (4, 0xC0A80805)}


@pytest.mark.parametrize(
    ("line", "hook", "browser"),
    [
        ("if ($hook) { return 403; }", Act.DENY, Act.ALLOW),
        ("if ($hook = 0) { return 444; }", Act.ALLOW, Act.DROP),
        ("if ($http_user_agent !~* (webhook|bot)) { return 403; }", Act.ALLOW, Act.DENY),
        ('set $no "$hook$inside"; if ($no = 10) { return 403; }', Act.DENY, Act.ALLOW),
    ],
)
def test_user_agents(line: str, hook: Act, browser: Act) -> None:
    found = read(HTTP.format(line=line))
    for agent, expected in (("LiveChat webhook/1.0", hook), ("Mozilla/5.0", browser)):
        assert act(found, Form.GET, "livechat.com", agents=(agent,), client=CLIENT["7"]) is expected


@pytest.mark.parametrize(
    ("line", "seven", "eight"),
    [
        ("allow 192.168.7.0/24; deny all;", Act.ALLOW, Act.DENY),
        ("deny 192.168.7.5; allow all;", Act.DENY, Act.ALLOW),
        ("if ($inside) { return 403; }", Act.ALLOW, Act.DENY),
        ("deny all; satisfy any; auth_basic x;", Act.ALLOW, Act.ALLOW),
        ("deny all; auth_basic x;", Act.DENY, Act.DENY),
        ("return 403; allow all;", Act.DENY, Act.DENY),
    ],
)
def test_clients(line: str, seven: Act, eight: Act) -> None:
    found = read(HTTP.format(line=line))
    assert act(found, Form.HTTP, "livechat.com", client=CLIENT["7"]) is seven
    assert act(found, Form.HTTP, "livechat.com", client=CLIENT["8"]) is eight
    assert act(found, Form.CONNECT, "livechat.com") is Act.DENY


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("limit_req zone=x;", "whether limit_req is reached"),
        ("auth_request /ask;", "what auth_request asks decides"),
        ("frobnicate on;", "frobnicate is not understood"),
        ("ssl_verify_client on;", "whether the client has a certificate"),
        ("if ($cookie_a) { return 403; }", "$cookie_a depends on more than the configuration"),
        ("if (-f $request_filename) { return 403; }", "the condition depends on more than the configuration"),
        ("rewrite ^ /x last;", "sent to another location"),
        ("error_page 403 = @x; return 403;", "error_page sends 403 elsewhere"),
        ("try_files $uri @x;", "try_files is not followed"),
        (r"if ($host ~ (a)\1) { return 403; }", "the regular expression"),
    ],
)
def test_what_is_not_followed_leaves_requests_open(line: str, reason: str) -> None:
    got = ways(read(HTTP.format(line=line)), Form.HTTP)
    assert len(got) > 1 or got[0].ruling.act is Act.OPEN
    said = [one.because for way in got for one in way.open_by] + [way.ruling.because for way in got]
    assert any(reason in text for text in said), said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http { server { listen 80;", "the block of server is not closed"),
        ("http { } }", "unexpected }"),
        ('http { a "b;', "a quote is not closed"),
        ("include /gone;", "/gone: not in this snapshot"),
        ("include n.conf;", "too many files include each other"),
        ("http { server { listen what; } }", "what is no address with a port"),
        ("http { server { frobnicate; } }", "frobnicate is not understood"),
        ("a " * 5, "a directive is not ended"),
        ("x {" * 200, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_a_gap(text: str, reason: str) -> None:
    found = read(text)
    assert any(reason in gap.reason for gap in found.gaps), found.gaps


MISTAKEN = "stream {{ map $ssl_preread_server_name $to {{ {keys} }} resolver 192.0.2.1;\nserver {{ listen 443; {on} proxy_pass $to; }} }}"


@pytest.mark.parametrize(
    ("keys", "what", "remedy"),
    [
        ("*.livechat.com x:1;", "is no wildcard in a map without hostnames", "hostnames;"),
        (".livechat.com x:1;", "is no wildcard in a map without hostnames", "hostnames;"),
        ("hostnames; *.livechat.com x:1;", "does not fit livechat.com itself", ".livechat.com x:1;"),
        ("hostnames; livechat.com. x:1;", "it ends in a dot", "livechat.com x:1;"),
        ("livechat.com:443 x:1;", "it has a port", "livechat.com x:1;"),
        ("~^livechat.com$ x:1;", "stands for any character", '"~^livechat\\.com$"'),
        ("~^LiveChat x:1;", "names come in lower case", "~*^LiveChat"),
    ],
)
def test_mistakes(keys: str, what: str, remedy: str) -> None:
    (found,) = read(MISTAKEN.format(keys=keys, on="ssl_preread on;")).mistakes
    assert what in found.what
    assert found.remedy == remedy
    assert found.names
    assert found.source.line == 1


def test_mistakes_of_the_whole() -> None:
    text = MISTAKEN.format(keys="default $ssl_preread_server_name:443;", on="").replace("resolver", "#")
    assert [one.remedy for one in read(text).mistakes] == ["ssl_preread on;", "resolver 127.0.0.1;"]
    text = "http { server { listen 80; server_name text.com; } server { listen 80; server_name text.com; } }"
    (found,) = read(text).mistakes
    assert "is ignored here" in found.what


def test_lists_are_searched_for_the_names_of_interest() -> None:
    data = b"".join(b"ad%d.example.net x:1;\n" % number for number in range(1_000_000)) + LISTED.encode()
    began = time.monotonic()
    found = read(FILTER, data)
    assert time.monotonic() - began < 20
    assert not found.gaps
    assert act(found, Form.TLS, "livechat.com") is Act.ALLOW
    assert act(found, Form.TLS, "other.org") is Act.DROP


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_gaps_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray((FILTER + HTTP.format(line="if ($hook) { return 403; } allow 127.0.0.0/8;")).encode())
    for _ in range(chance.randrange(1, 20)):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = bytes(
            chance.choices(b"\n\"'{};()[]$\\#~*.:\xff\x00 ab", k=chance.randrange(4))
        )
    found = read(data.decode("latin-1"), bytes(data))
    for door in found.doors:
        for form, course in door.courses:
            assert walk(course, Ask(form, "livechat.com", 443))


@pytest.mark.parametrize("line", ["if { return 403; }", "if () { return 403; }", "return;", "set;", "rewrite;", "map;"])
def test_directives_without_words_harm_nobody(line: str) -> None:
    assert ways(read(HTTP.format(line=line)), Form.HTTP)


def test_what_is_asked_for() -> None:
    assert [want.ask for want in nginx.KIND.wants(snapshot({}, [RUNNING, WORKER]))] == [Files("/n/n.conf")]
    taken = snapshot({"/n/n.conf": "include modules/*.conf; " + FILTER}, [RUNNING])
    assert {want.ask for want in nginx.KIND.wants(taken)} == {Files("/n/modules/*.conf"), Files("/n/names")}
