"""Squid's files: what is understood, what stays open, and what somebody got wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import SAME_ADDRESS, Act, Form, Names
from agent.model.resolver import NameSet, Scope
from agent.practice.exceptions import proxy_exception
from agent.proxies import squid
from agent.snapshot import Files
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.course import Decision
    from agent.model.proxy import Proxy

MAIN = "/etc/squid/squid.conf"
RUNNING = {"name": "squid", "pid": 7, "arguments": ["/usr/sbin/squid", "--foreground", "-sYC"], "listeners": []}
KID = {
    "name": "squid",
    "pid": 9,
    "arguments": ["(squid-1)", "--kid", "squid-1", "--foreground", "-sYC"],
    "listeners": [],
}
INTEREST = frozenset({"livechat.com", "text.com"})
CLIENT, SERVER = address_value("192.168.7.20"), address_value("23.40.1.2")


def read(text: str | bytes, files: Mapping[str, str | bytes] | None = None) -> Proxy:
    (found,) = squid.read(snapshot({MAIN: text, **(files or {})}, [RUNNING, KID]), INTEREST).proxies
    return found


def asked(
    found: Proxy, form: Form = Form.CONNECT, name: str = "api.livechat.com", known: Mapping[str, bool] | None = None
) -> tuple[Decision, ...]:
    course = next(course for door in found.doors if (course := door.course(form)) is not None)
    port = 80 if form in (Form.GET, Form.HTTP) else 443
    return walk(course, Ask(form, name, port, client=CLIENT, target=SERVER), known)


def acts(text: str, form: Form = Form.CONNECT) -> set[Act]:
    return {one.ruling.act for one in asked(read(text), form)}


ALLOW = "http_port 3128\nhttp_access allow all\n"


def test_master_and_worker_are_one_squid() -> None:
    assert len(squid.read(snapshot({MAIN: ALLOW}, [RUNNING, KID]), INTEREST).proxies) == 1


def test_workers_read_the_file_by_their_number() -> None:
    kids = [{**KID, "pid": pid, "arguments": [f"(squid-{pid})", "--kid", f"squid-{pid}"]} for pid in (1, 2)]
    text = "if ${process_number} = 2\nhttp_port 4128\nelse\nhttp_port 3128\nendif\nhttp_access allow all\n"
    found = squid.read(snapshot({MAIN: text}, kids), INTEREST).proxies
    assert [door.listener.port for one in found for door in one.doors] == [3128, 4128]


@pytest.mark.parametrize("arguments", [["squid", "-f", "/srv/a.conf"], ["squid", "-N", "-f/srv/a.conf"]])
def test_the_file_that_the_command_line_names(arguments: list[str]) -> None:
    programs = [{**RUNNING, "arguments": arguments}]
    asks = [want.ask for want in squid.wants(snapshot({}, programs))]
    assert Files("/srv/a.conf") in asks


@pytest.mark.parametrize(
    ("written", "address", "gaps"),
    [("3128", "::", 0), ("192.168.7.1:3128", "192.168.7.1", 0), ("[fd00::1]:3128", "fd00::1", 0),
     ("localhost:3128", "127.0.0.1", 0), ("gw.example.org:3128", "::", 1)],
)  # fmt: skip
def test_where_it_listens(written: str, address: str, gaps: int) -> None:
    found = read(f"http_port {written}\nhttp_access allow all\n")
    assert (found.doors[0].listener.address, len(found.gaps)) == (address, gaps)


def test_without_any_rule_nobody_may_ask() -> None:
    assert acts("http_port 3128\n") == {Act.DENY}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{ALLOW}include {MAIN}\n", "includes are nested too deeply"),
        (f"{ALLOW}include /etc/squid/gone.conf\n", "/etc/squid/gone.conf: not in this snapshot"),
        (f"{ALLOW}include more.conf\n", "where more.conf is depends on where Squid was started"),
        (f"{ALLOW}include !/bin/rules\n", "a program writes the configuration"),
        (f"{ALLOW}frobnicate on\n", "the directive frobnicate is not known"),
        (f"{ALLOW}http_access deny nobody\n", "acl nobody is not defined"),
        (f"{ALLOW}http_access deny later\nacl later src all\n", "acl later is not defined"),
        (f"{ALLOW}https_port 3130 intercept tls-cert=/x\n", "a diverted https_port has no ssl-bump"),
        (f"{ALLOW}ssl_bump allow localhost\nssl_bump bump all\n", "ssl_bump has words of version 3.1"),
        (f"{ALLOW}acl x\n", "an acl without name or type"),
        (f"{ALLOW}acl x src 10.0.0.0/8\nacl x dst 10.0.0.0/8\n", "acl x has two types: src and dst"),
        (f"{ALLOW}acl x dstdomain api.livechat.com .livechat.com\n", "acl x lists api.livechat.com and .livechat.com"),
        (f"{ALLOW}if maybe\nendif\n", "a condition is not understood: maybe"),
        (f"{ALLOW}if true\n", "if without endif"),
        (f"{ALLOW}else\n", "else without if"),
        (f"configuration_includes_quoted_values on\n{ALLOW}http_access allow a*b\n", "not alphanumeric without quotes"),
        (f'configuration_includes_quoted_values on\n{ALLOW}http_access allow "x\n', "a quote is not closed"),
        (f'{ALLOW}acl x dstdomain "/etc/squid/list"\nhttp_access deny x\n', None),
        (f"{ALLOW}url_rewrite_program /usr/bin/filter\n", "a program may send requests elsewhere"),
        (f"{ALLOW}icap_enable on\nicap_service s reqmod_precache icap://[::1]/\n", "an adaptation service"),
        (f"{ALLOW}hosts_file /etc/squid/hosts\n", "names get their addresses from a file of Squid's own"),
        (f"{ALLOW}client_ip_max_connections 4\n", "clients with more connections are dropped"),
    ],
)
def test_what_cannot_be_followed_leaves_names_open(text: str, reason: str | None) -> None:
    found = read(text)
    if reason is None:  # behind a line that lets all through
        assert {one.ruling.act for one in asked(found)} == {Act.ALLOW}
        assert found.gaps
    else:
        assert {one.ruling.act for one in asked(found)} == {Act.OPEN}
        assert any(reason in gap.reason for gap in found.gaps), found.gaps


@pytest.mark.parametrize(
    "text",
    [
        f"{ALLOW}url_rewrite_program /usr/bin/filter\nurl_rewrite_access deny all\n",
        f"{ALLOW}url_rewrite_program none\n",
        f"{ALLOW}icap_service s reqmod_precache icap://[::1]/\n",
        f"{ALLOW}icap_enable on\nicap_service s reqmod_precache icap://[::1]/\nadaptation_access s deny all\n",
        f"{ALLOW}request_header_access Host deny all\nreply_body_max_size 10 KB\n",
        f"{ALLOW}delay_pools 1\ndelay_class 1 1\ndeny_info TCP_RESET all\n",
        f"{ALLOW}client_ip_max_connections 500\nhosts_file none\nhosts_file /etc/hosts\n",
    ],
)
def test_what_concerns_no_tunnel_leaves_it_as_it_is(text: str) -> None:
    assert acts(text) == {Act.ALLOW}


def test_headers_and_sizes_matter_to_pages() -> None:
    assert acts(f"{ALLOW}request_header_access Host deny all\n", Form.GET) == {Act.OPEN}
    assert acts(f"{ALLOW}reply_body_max_size 10 KB\n", Form.GET) == {Act.OPEN}
    assert acts(f"{ALLOW}reply_body_max_size 100 MB\nrequest_header_access Via deny all\n", Form.GET) == {Act.ALLOW}


def test_of_a_long_list_only_what_touches_the_names_is_kept() -> None:
    names = "\n".join(f".host{number}.example.com" for number in range(200_000))
    found = read(
        'http_port 3128\nacl x dstdomain "/l"\nhttp_access deny x\nhttp_access allow all\n',
        {"/l": f"{names}\n.cdn.livechat.com # why\n.COM \n"},
    )
    tests = [rule.test for stage in found.doors[0].courses[0][1] for rule in stage.rules]
    (kept,) = (test for test in tests if isinstance(test, Names))
    assert {(one.scope, one.text) for one in kept.sets if isinstance(one, NameSet)} == {
        (Scope.SUBTREE, "cdn.livechat.com"),
        (Scope.SUBTREE, "com"),
    }


@pytest.mark.parametrize(
    "path", ['"/etc/squid/a b.conf"', "'/etc/squid/a b.conf'", "/etc/squid/1.conf /etc/squid/2.conf"]
)
def test_names_of_included_files(path: str) -> None:
    deny = "http_access deny all\n"
    files = {"/etc/squid/a b.conf": deny, "/etc/squid/1.conf": "", "/etc/squid/2.conf": deny}
    assert {
        one.ruling.act for one in asked(read(f"http_port 3128\ninclude {path}\nhttp_access allow all\n", files))
    } == {Act.DENY}


def test_a_list_that_is_missing_opens_only_its_own_element() -> None:
    text = 'http_port 3128\nacl x dstdomain "/etc/squid/list"\nhttp_access deny x\nhttp_access allow all\n'
    assert acts(text) == {Act.ALLOW, Act.DENY}


def test_bytes_of_another_encoding() -> None:
    found = read(
        b'http_port 3128\n# caf\xe9\nacl x dstdomain "/l"\nhttp_access allow x\n', {"/l": b"\xff\xfe\n.livechat.com\n"}
    )
    assert [one.ruling.act for one in asked(found)] == [Act.ALLOW]


@pytest.mark.parametrize("pattern", ["(" * 5000, "a{1,9999}{1,9999}", "(a|a)*" * 2000, "\\(x\\)\\1", "[", "*"])
def test_absurd_patterns_end(pattern: str) -> None:
    text = f"http_port 3128\nacl x dstdom_regex {pattern}\nhttp_access deny x\nhttp_access allow all\n"
    assert acts(text) & {Act.ALLOW, Act.OPEN}


def test_groups_of_groups_end() -> None:
    chain = "".join(f"acl g{at + 1} any-of g{at} !g{at}\n" for at in range(2000))
    text = f"http_port 3128\nacl g0 dstdomain .livechat.com\n{chain}http_access deny g2000\nhttp_access allow all\n"
    assert acts(text) == {Act.ALLOW, Act.DENY}
    assert acts(text.replace("deny g2000", "deny g9")) == {Act.DENY}
    assert acts(f"http_port 3128\nacl a any-of all\nacl a any-of a a a\nhttp_access allow {'!' * 5000}a\n")


def test_groups_that_hold_each_other_end() -> None:
    groups = "acl a any-of all\nacl a any-of a\nacl b all-of b\n"
    assert acts(f"http_port 3128\n{groups}http_access deny b\nhttp_access allow all\n")


def test_users_of_a_zone_log_in_and_those_by_name_are_open() -> None:
    users = "auth_param basic program /x\nacl in proxy_auth REQUIRED\nacl one proxy_auth anna\n"
    text = f"http_port 3128\n{users}http_access allow in\n"
    assert acts(text) == {Act.ALLOW}
    notes = squid.read(snapshot({MAIN: text}, [RUNNING]), INTEREST).notes
    assert notes[0] == "users are taken to log in to Squid (/etc/squid/squid.conf: acl in)"
    assert acts(f"http_port 3128\n{users}http_access allow one\n") == {Act.ALLOW, Act.DENY}


def test_who_is_decrypted_was_asked_to_log_in_by_the_connect_or_never() -> None:
    text = "http_port 3128 ssl-bump tls-cert=/x\nauth_param basic program /x\nacl in proxy_auth REQUIRED\nssl_bump bump all\n"
    assert acts(f"{text}http_access allow in\n") == {Act.ALLOW}
    assert acts(f"{text}http_access allow CONNECT\nhttp_access allow in\nhttp_access deny all\n") == {Act.DENY}


BUMPS = (
    "http_port 3128\nhttps_port 3130 intercept ssl-bump tls-cert=/x\nacl s1 at_step SslBump1\nssl_bump peek s1\n"
    "acl mine ssl::server_name .livechat.com\n"
)


def test_tls_is_decrypted_for_all_but_a_list() -> None:
    found = read(f"{BUMPS}ssl_bump splice mine\nssl_bump bump all\nhttp_access allow all\n")
    same = {SAME_ADDRESS: True}
    assert [one.decrypted_by for one in asked(found, Form.TLS, known=same)] == [None]
    (other,) = asked(found, Form.TLS, "www.example.org", known=same)
    assert other.decrypted_by is not None
    assert other.decrypted_by.text == "ssl_bump bump all"


def test_diverted_tls_is_refused_where_squid_finds_another_address() -> None:
    found = read(f"{BUMPS}ssl_bump splice all\nhttp_access allow all\n")
    assert {one.ruling.act for one in asked(found, Form.TLS)} == {Act.ALLOW, Act.DENY}
    assert {one.ruling.act for one in asked(found, Form.TLS, known={SAME_ADDRESS: True})} == {Act.ALLOW}


def test_diverted_tls_without_rules_is_decrypted() -> None:
    found = read("https_port 3130 intercept ssl-bump tls-cert=/x\nhttp_access allow all\n")
    (way,) = asked(found, Form.TLS)
    assert (way.ruling.act, way.decrypted_by) == (Act.ALLOW, found.doors[0].source)


def test_of_diverted_connections_the_address_may_be_listed_among_names() -> None:
    text = f'{BUMPS}ssl_bump splice all\nacl x dstdomain -n "/l"\nhttp_access deny x\nhttp_access allow all\n'
    found = read(text, {"/l": "www.example.org\n23.40.1.2 # theirs\n"})
    assert [one.ruling.act for one in asked(found, Form.TLS)] == [Act.DENY]


@pytest.mark.parametrize(
    ("pattern", "open_"), [("facebook", False), ("^(ads|track)[.]", False), ("face", True), (".", True)]
)
def test_patterns_of_urls_that_no_address_fits(pattern: str, open_: bool) -> None:
    text = f"{BUMPS}ssl_bump splice all\nacl x url_regex -i {pattern}\nhttp_access deny x s1\nhttp_access allow all\n"
    same = {SAME_ADDRESS: True}
    assert (len(asked(read(text), Form.TLS, known=same)) > 1) is open_


@pytest.mark.parametrize(
    ("port", "act", "upstream"),
    [
        ("80 accel", Act.ALLOW, "10.0.0.5:8000"),
        ("80 accel allow-direct", Act.ALLOW, "10.0.0.5:8000"),
        ("80 accel no-vhost defaultsite=other.example.org", Act.DENY, ""),
        ("80 accel no-vhost", Act.DENY, ""),
        ("80 accel no-vhost vport", Act.OPEN, ""),
        ("80 intercept vhost", Act.OPEN, ""),
        ("80 accel vport=8080", Act.DENY, ""),
    ],
)
def test_a_web_server_asks_its_peers(port: str, act: Act, upstream: str) -> None:
    peer = "cache_peer 10.0.0.5 parent 8000 0 no-query originserver\nminimum_direct_rtt 0\nminimum_direct_hops 0\n"
    allowed = "acl mine dstdomain .livechat.com\nacl web port 80\nhttp_access allow mine web\n"
    (found,) = asked(read(f"http_port {port}\n{peer}{allowed}"), Form.HTTP)
    assert (found.ruling.act, found.upstream) == (act, upstream)


def test_a_web_server_without_peers_asks_the_server_itself_only_where_it_may() -> None:
    assert acts("http_port 80 accel\nhttp_access allow all\n", Form.HTTP) == {Act.DENY}
    found = read("http_port 80 accel allow-direct\nhttp_access allow all\n")
    assert {one.ruling.act for one in asked(found, Form.HTTP)} == {Act.ALLOW}
    assert found.doors[0].hands_on
    assert Form.HTTP in found.doors[0].looks_up
    assert found.doors[0].course(Form.GET) is None, "nobody asks it for other servers"


def test_a_web_server_with_tls_decrypts() -> None:
    (found,) = asked(read("https_port 443 accel allow-direct tls-cert=/c.pem\nhttp_access allow all\n"), Form.TLS)
    assert found.decrypted_by is not None
    assert found.decrypted_by.line == 1


def test_nobody_logs_in_to_a_web_server() -> None:
    login = "auth_param basic program /x\nacl users proxy_auth REQUIRED\nacl any-one any-of users\n"
    text = f"http_port 80 accel allow-direct\n{login}http_access allow "
    assert acts(f"{text}users\nhttp_access allow all\n", Form.HTTP) == {Act.DENY}
    assert acts(f"{text}all\n", Form.HTTP) == {Act.ALLOW}
    assert acts(f"{text}any-one\n", Form.HTTP) == {Act.ALLOW, Act.DENY}


PEERS = "cache_peer 10.0.0.5 parent 3128 {}\ncache_peer 10.0.0.6 parent 3128 {}\nnever_direct allow all\n"


@pytest.mark.parametrize(
    ("options", "upstreams"),
    [("0 no-query", {"10.0.0.5:3128"}), ("0", {"10.0.0.5:3128"}), ("3130", {"10.0.0.5:3128", "10.0.0.6:3128"})],
)
def test_of_peers_that_are_asked_first_the_one_that_answers_first_is_taken(options: str, upstreams: set[str]) -> None:
    found = read(ALLOW + PEERS.format(options, options))
    assert {one.upstream for one in asked(found, Form.GET)} == upstreams
    assert {one.upstream for one in asked(found, Form.CONNECT)} == {"10.0.0.5:3128"}, "tunnels are not asked about"


def test_a_web_server_as_peer_gets_no_tunnels() -> None:
    peers = "cache_peer 10.0.0.5 parent 80 0 no-query originserver\nnever_direct allow all\n"
    assert acts(ALLOW + peers) == {Act.DENY}
    assert acts(ALLOW + peers, Form.GET) == {Act.ALLOW}


DENY = "http_access deny all\n"


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("acl x dstdomain *.livechat.com", "the * of *.livechat.com stands for itself", ".livechat.com"),
        ("acl x dstdomain livechat.com.", "no name is like livechat.com.", "acl x dstdomain livechat.com"),
        ("acl x dstdomain https://api.livechat.com/", "more than a name", "acl x dstdomain api.livechat.com"),
        ("acl x dstdomain livechat.com", "names below livechat.com are not meant", "acl x dstdomain .livechat.com"),
        ("acl x dstdomain www.livechat.com", "names below livechat.com are not meant", ".livechat.com"),
        ("acl x dstdomain .livechat.com livechat.com", "Squid does not start", "Take .livechat.com out of acl x"),
        (r"acl x dstdom_regex livechat.com$", "stands for any character", r"(^|\.)livechat\.com$"),
        (r"acl x dstdom_regex livechat\.com", "such as livechat.com.example", r"(^|\.)livechat\.com$"),
        (r"acl x dstdom_regex livechat\.com$", "such as notlivechat.com", r"(^|\.)livechat\.com$"),
        ("acl x src 10.1.0.0/16 10.0.0.0/8", "Squid ignores 10.0.0.0/8", "Put 10.0.0.0/8 before"),
        ('acl x dstdomain "/l" .text.com', "reads nothing behind a file: .text.com", "acl x dstdomain .text.com"),
        ("acl x dst 192.168.7.0/24", "clients are meant by src", "acl x src 192.168.7.0/24"),
        ('acl x dstdomain "/two"', "a line of a list is one name", "livechat.com\ntext.com"),
    ],
)
def test_mistakes_are_told_with_a_remedy(text: str, what: str, remedy: str) -> None:
    files = {"/l": ".livechat.com", "/two": "livechat.com text.com\n"}
    found = read(f"http_port 3128\n{text}\nhttp_access allow x\n{DENY}", files).mistakes
    assert any(what in one.what and remedy in one.remedy for one in found), found


@pytest.mark.parametrize(
    "text",
    [
        "acl x dstdomain .livechat.com api.example.org .text.com",
        r"acl x dstdom_regex (^|\.)livechat\.com$",
        "acl x src 10.0.0.0/8 10.1.0.0/16 192.168.0.0/16",
        "acl x dstdomain *.example.org",
    ],
)
def test_what_is_right_is_no_mistake(text: str) -> None:
    assert read(f"http_port 3128\n{text}\nhttp_access allow x\n{DENY}").mistakes == ()


def test_a_name_is_allowed_too_late() -> None:
    text = "acl bad dstdomain .livechat.com\nacl good dstdomain .api.livechat.com\n"
    (found,) = read(f"http_port 3128\n{text}http_access deny bad\nhttp_access allow good\n{DENY}").mistakes
    assert "api.livechat.com is allowed too late" in found.what
    assert found.remedy == "Put http_access allow good before http_access deny bad"
    assert found.names == ("livechat.com",)


def test_a_name_is_asked_for_too_early() -> None:
    text = f"{BUMPS}ssl_bump splice all\nacl good dstdomain .livechat.com\nhttp_access allow good\n{DENY}"
    found = read(text)
    assert {one.ruling.act for one in asked(found, Form.TLS)} == {Act.ALLOW, Act.DENY}
    assert "before their name is read" in found.mistakes[0].what


@pytest.mark.parametrize(
    ("before", "mistaken"),
    [("CONNECT", False), ("lan CONNECT", False), ("all", False), ("other CONNECT", True), ("!CONNECT", True)],
)
def test_a_name_is_not_asked_for_where_a_line_before_lets_the_same_clients_in(before: str, mistaken: bool) -> None:
    clients = "acl lan src 192.168.7.0/24\nacl other src 192.168.8.0/24\nacl good dstdomain .livechat.com\n"
    rules = f"http_access allow {before}\nhttp_access allow lan good\n{DENY}"
    found = read(f"{BUMPS}ssl_bump splice all\n{clients}{rules}")
    assert any("before their name is read" in one.what for one in found.mistakes) is mistaken


@pytest.mark.parametrize(
    ("before", "line", "form", "stopped"),
    [
        (f"{BUMPS}http_access allow all\n", "ssl_bump terminate all\n", Form.TLS, Act.DROP),
        ("http_port 3128\n", DENY, Form.CONNECT, Act.DENY),
    ],
)
def test_what_we_advise_lets_the_name_pass(before: str, line: str, form: Form, stopped: Act) -> None:
    advice = proxy_exception("squid", "*.livechat.com", line).removesuffix(" before it").replace(", and ", "\n")
    for lines, act in ((line, stopped), (f"{advice}\n{line}", Act.ALLOW)):
        ways = asked(read(before + lines), form, known={SAME_ADDRESS: True})
        assert {one.ruling.act for one in ways} == {act}


WORDS = st.sampled_from(
    [
        "http_port 3128", "https_port 3130 intercept ssl-bump", "http_port 3129 intercept", "acl x", "dstdomain", "src", "dst",
        "dstdom_regex", "url_regex", "ssl::server_name", "any-of x x", "at_step SslBump2", "port 1-", "http_access", "allow x",
        "deny all", "ssl_bump", "peek", "bump all", "terminate x", "cache_peer a parent 80 0", "name=a", "never_direct",
        "always_direct deny x", "miss_access", '"/l"', "'/l'", 'parameters("/l")', "include /l", "include /c", "if 1 = 1",
        "else", "endif", "configuration_includes_quoted_values on", "\\", "#", "\n", "\r\n", "\0", "-i", "+i", "-n", "--", "!x",
        "10.0.0.0/8", "10.1.0.0-10.0.0.0/8", "::/0", "ipv4", "9" * 5000, "(" * 100, "a{1,9999}", "[", "\xff", "\u0663",
        ".livechat.com", "*.livechat.com", "proxy_auth REQUIRED", "auth_param", "url_rewrite_program x", "icap_enable on",
        "icap_service", "reply_body_max_size", "tls_outgoing_options", "tcp_outgoing_mark", "${process_number}", " ", "\t",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join), st.lists(WORDS, max_size=25).map("\n".join)
)


@given(TEXTS, TEXTS)
def test_whatever_stands_in_the_files_has_an_end(main: str, listed: str) -> None:
    files: dict[str, str | bytes] = {"/l": listed, "/c": main}
    text = main.encode(errors="surrogateescape")
    taken = snapshot({MAIN: text, **files}, [RUNNING])
    list(squid.wants(taken))
    for proxy in squid.read(taken, INTEREST).proxies:
        for door in proxy.doors:
            for form, course in door.courses:
                assert walk(course, Ask(form, "cdn.livechat.com", 443, client=CLIENT, target=SERVER))


@pytest.mark.parametrize(("step", "act"), [(1, Act.ALLOW), (2, Act.DROP), (3, Act.ALLOW)])
def test_the_server_is_connected_to_at_step_two(step: int, act: Act) -> None:
    text = f"{BUMPS}acl s at_step SslBump{step}\nmiss_access deny s\nmiss_access allow all\nhttp_access allow all\n"
    found = asked(read(f"{text}ssl_bump peek all\n"), Form.TLS, known={SAME_ADDRESS: True})
    assert {one.ruling.act for one in found} == {act}
