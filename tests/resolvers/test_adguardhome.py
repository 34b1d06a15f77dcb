"""AdGuard Home, as its source and documentation say (no package of it can be installed where these tests run).

Sources: github.com/AdguardTeam/AdGuardHome, internal/filtering, internal/dnsforward; github.com/AdguardTeam/urlfilter,
rules, dnsengine.go; adguard-dns.io/kb/general/dns-filtering-syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from agent.model.intervals import Intervals, address_text, address_value
from agent.model.resolver import AddressList, Fate, RuleList
from agent.resolvers import adguardhome
from agent.resolvers.adguardhome.options import HARMLESS, MODELLED, OPEN, is_in
from agent.resolvers.adguardhome.patterns import expression, names_of
from agent.snapshot import Files
from tests.daemons.snapshots import snapshot
from tests.resolvers.documented import ADGUARD_HOME

if TYPE_CHECKING:
    from agent.model.resolver import Resolver

NULL: Final = "0.0.0.0"  # noqa: S104 - an answer
PROGRAM: Final = "/opt/AdGuardHome/AdGuardHome"
RUNNING: Final = {"name": "AdGuardHome", "pid": 7, "arguments": [PROGRAM, "-s", "run"], "listeners": []}
YAML: Final = "/opt/AdGuardHome/AdGuardHome.yaml"
INTEREST: Final = frozenset({"livechat.com", "www.google.com"})
BASE: Final = {"dns": {"upstream_dns": ["9.9.9.9"]}, "filtering": {"filtering_enabled": True}}


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one | {
        key: merged(one.get(key, {}), value) if isinstance(value, dict) else value for key, value in other.items()
    }


def read(
    settings: dict[str, Any] | None = None, files: dict[str, str] | None = None, interest: frozenset[str] = INTEREST
) -> Resolver:
    document = yaml.safe_dump(merged(BASE, settings or {}), sort_keys=False)
    made = snapshot({"/etc/hosts": "", YAML: document, **(files or {})}, [RUNNING])
    (found,) = adguardhome.read(made, interest).resolvers
    return found


def listed(*lines: str, **settings: Any) -> Resolver:
    """With lines as a list that is switched on."""
    one = {
        "filters": [
            {"enabled": True, "id": 5, "name": "list", "url": "https://lists.example"},
            {"enabled": False, "id": 6},
        ]
    }
    return read(merged(one, settings), {"/opt/AdGuardHome/data/filters/5.txt": "\n".join(lines)})


def answer(found: Resolver, name: str, family: int = 4, client: str = "192.168.1.2") -> str:
    of, value = address_value(client)
    (view,) = found.views_of(of, Intervals.single(value))
    outcome, _ = view.answer(name, family)
    if outcome.fate is Fate.ADDRESSES:
        return ",".join(address_text(value, family) for family, value in sorted(outcome.addresses))
    return str(outcome.fate)


ON, PASSES = {"livechat.com": NULL}, {"livechat.com": "passed-on"}
CASES: Final[tuple[tuple[tuple[str, ...], dict[str, str]], ...]] = (
    ((), PASSES),
    (("||livechat.com^",), {"livechat.com": NULL, "a.b.livechat.com": NULL}),
    (("||LiveChat.com^",), ON),
    (("||com^",), ON),
    (("||livechat.com^|",), ON),
    (("||livechat.com/",), ON),
    (("||livechat.com/*",), ON),
    (("||livechat.com|",), PASSES),
    (("||livechat.com/path^",), PASSES),
    (("||livechat.com:443^",), PASSES),
    (("|livechat.com^",), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("|livechat.com|",), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("://livechat.com^",), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("https://livechat.com^",), PASSES),
    (("livechat.com",), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("livechat.com # why", "a.livechat.com#x"), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("livechat.com^",), {"livechat.com": NULL, "a.livechat.com": NULL}),
    (("chat.com^",), {"livechat.com": NULL, "a.livechat.com": NULL}),
    ((".livechat.com^",), {"livechat.com": "passed-on", "a.livechat.com": NULL}),
    (("*.livechat.com^",), {"livechat.com": "passed-on", "a.livechat.com": NULL}),
    (("||*.livechat.com^",), {"livechat.com": "passed-on", "a.livechat.com": NULL}),
    (("-x.livechat.com^",), {"livechat.com": "passed-on", "a-x.livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("/^livechat\\.com$/",), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (("/(^|\\.)livechat\\.com$/",), {"livechat.com": NULL, "a.livechat.com": NULL}),
    (("/ad[0-9]\\.livechat\\.com$/",), {"livechat.com": "passed-on", "ad1.livechat.com": NULL}),
    (("*",), PASSES),
    (("||",), PASSES),
    (("127.0.0.1 livechat.com www.livechat.com # x",), {"livechat.com": "127.0.0.1", "www.livechat.com": "127.0.0.1"}),
    (("10.1.1.1 livechat.com", "10.1.1.2 livechat.com"), {"livechat.com": "10.1.1.1,10.1.1.2"}),
    (("93.184.216.34 livechat.com",), {"livechat.com": "alias"}),
    (("0.0.0.0 LiveChat.com",), PASSES),
    (("! ||livechat.com^", "# livechat.com", "livechat.com##.ad", "livechat.com$$script"), PASSES),
    (("0.0.0.0 livechat.com ## why",), ON),
    (("||livechat.com^$third-party",), PASSES),
    (("||livechat.com^$domain=x.example",), PASSES),
    (("||livechat.com^$script",), PASSES),
    (("||livechat.com^$~script",), ON),
    (("||livechat.com^$frobnicate",), PASSES),
    (("||livechat.com^$important,frobnicate",), PASSES),
    (("||livechat.com^", "@@||livechat.com^"), PASSES),
    (("||livechat.com^", "@@||cdn.livechat.com^"), {"livechat.com": NULL, "a.cdn.livechat.com": "passed-on"}),
    (("||livechat.com^$important", "@@||livechat.com^"), ON),
    (("||livechat.com^$important", "@@||livechat.com^$important"), PASSES),
    (("0.0.0.0 livechat.com", "@@||livechat.com^"), PASSES),
    (("||livechat.com^", "||livechat.com^$badfilter"), PASSES),
    (("||livechat.com^$important", "||livechat.com^$badfilter"), ON),
    (("||livechat.com^", "||livechat.com^$badfilter", "||cdn.livechat.com^$badfilter"), {"livechat.com": "unknown"}),
    (("*$denyallow=com|net",), PASSES),
    (("*$denyallow=net|org",), ON),
    (("||livechat.com^$denyallow=cdn.livechat.com",), {"livechat.com": NULL, "x.cdn.livechat.com": "passed-on"}),
    (("||livechat.com^$denyallow=~x.com",), PASSES),
    (
        ("@@||livechat.com^$denyallow=cdn.livechat.com", "||livechat.com^"),
        {"livechat.com": "passed-on", "cdn.livechat.com": NULL},
    ),
    (("||livechat.com^$dnsrewrite=10.1.2.3",), {"livechat.com": "10.1.2.3"}),
    (("||livechat.com^$dnsrewrite=10.1.2.3", "@@||livechat.com^"), {"livechat.com": "10.1.2.3"}),
    (("||livechat.com^$dnsrewrite=10.1.2.3", "@@||livechat.com^$dnsrewrite"), PASSES),
    (("||livechat.com^$dnsrewrite=10.1.2.3", "@@||livechat.com^$dnsrewrite=10.1.2.3"), PASSES),
    (("||livechat.com^$dnsrewrite=10.1.2.3", "@@||livechat.com^$dnsrewrite=10.1.2.4"), {"livechat.com": "unknown"}),
    (("||livechat.com^$dnsrewrite=10.1.2.3", "||livechat.com^$dnsrewrite=10.1.2.4"), {"livechat.com": "10.1.2.3,10.1.2.4"}),
    (("||livechat.com^$dnsrewrite=NOERROR;A;10.1.2.3",), {"livechat.com": "10.1.2.3"}),
    (("||livechat.com^$dnsrewrite=NOERROR;AAAA;::1",), {"livechat.com": "nodata"}),
    (("||livechat.com^$dnsrewrite=NOERROR;TXT;hello",), {"livechat.com": "nodata"}),
    (("||livechat.com^$dnsrewrite=REFUSED",), {"livechat.com": "refused"}),
    (("||livechat.com^$dnsrewrite=NXDOMAIN;;",), {"livechat.com": "nxdomain"}),
    (("||livechat.com^$dnsrewrite=SERVFAIL;;",), {"livechat.com": "refused"}),
    (("||livechat.com^$dnsrewrite=other.example",), {"livechat.com": "alias"}),
    (("||livechat.com^$dnsrewrite=livechat.com",), {"livechat.com": "passed-on", "a.livechat.com": "alias"}),
    (("||livechat.com^$dnsrewrite=a;b",), PASSES),
    (("||livechat.com^$dnsrewrite=WHAT",), PASSES),
)  # fmt: skip


@pytest.mark.parametrize(("lines", "answers"), CASES)
def test_lines_of_lists(lines: tuple[str, ...], answers: dict[str, str]) -> None:
    found = listed(*lines)
    assert not found.gaps
    assert {name: answer(found, name) for name in answers} == answers
    mine = read({"user_rules": list(lines)})
    assert {name: answer(mine, name) for name in answers} == answers


@pytest.mark.parametrize(
    ("types", "families"),
    [("A", {4}), ("AAAA", {6}), ("~A", {6}), ("A|AAAA", {4, 6}), ("~A|~AAAA", set()), ("MX", set()), ("none", set())],
)
def test_a_rule_may_be_for_some_types_of_questions(types: str, families: set[int]) -> None:
    found = listed(f"||livechat.com^$dnstype={types}")
    assert {family for family in (4, 6) if answer(found, "livechat.com", family) != "passed-on"} == families


@pytest.mark.parametrize(
    ("settings", "adblock", "hosts"),
    [
        ({"blocking_mode": "default"}, (NULL, "::"), ("10.0.0.1", "::")),
        ({"blocking_mode": "null_ip"}, (NULL, "::"), (NULL, "::")),
        ({"blocking_mode": "nxdomain"}, ("nxdomain", "nxdomain"), ("nxdomain", "nxdomain")),
        ({"blocking_mode": "refused"}, ("refused", "refused"), ("refused", "refused")),
        (
            {"blocking_mode": "custom_ip", "blocking_ipv4": "10.9.9.9", "blocking_ipv6": "fd00::9"},
            ("10.9.9.9", "fd00::9"),
            ("10.9.9.9", "fd00::9"),
        ),
        ({"protection_enabled": False}, ("passed-on", "passed-on"), ("passed-on", "passed-on")),
        ({"filtering_enabled": False}, ("passed-on", "passed-on"), ("passed-on", "passed-on")),
    ],
)
@pytest.mark.parametrize("group", ["dns", "filtering"])
def test_how_blocked_names_are_answered(
    settings: dict[str, Any], adblock: tuple[str, str], hosts: tuple[str, str], group: str
) -> None:
    base = {"filtering": {"filtering_enabled": None}} if group == "dns" else {}
    found = listed("||livechat.com^", **merged(base, {group: settings}))
    assert tuple(answer(found, "livechat.com", family) for family in (4, 6)) == adblock
    found = listed("10.0.0.1 livechat.com", **merged(base, {group: settings}))
    assert tuple(answer(found, "livechat.com", family) for family in (4, 6)) == hosts


def test_rules_that_rewrite_work_without_protection() -> None:
    found = listed("||livechat.com^$dnsrewrite=10.1.2.3", filtering={"protection_enabled": False})
    assert answer(found, "livechat.com") == "10.1.2.3"


def test_a_list_of_what_is_allowed_wins_over_all_rules() -> None:
    settings = {
        "filters": [{"enabled": True, "id": 5}],
        "whitelist_filters": [{"enabled": True, "id": 7}],
        "filtering": {"safebrowsing_enabled": True, "rewrites": [{"domain": "crm.livechat.com", "answer": "10.1.1.1"}]},
    }
    files = {
        "/opt/AdGuardHome/data/filters/5.txt": "||livechat.com^$important\n||livechat.com^$dnsrewrite=1.2.3.4\n",
        "/opt/AdGuardHome/data/filters/7.txt": "||livechat.com^\n",
    }
    found = read(settings, files)
    assert answer(found, "livechat.com") == "passed-on"
    assert answer(found, "crm.livechat.com") == "10.1.1.1"
    assert answer(found, "www.google.com") == "unknown"


REWRITES: Final = (
    ([("livechat.com", "10.1.1.1")], {"livechat.com": ("10.1.1.1", "nodata"), "a.livechat.com": ("passed-on", "passed-on")}),
    ([("*.livechat.com", "10.1.1.1")], {"livechat.com": ("passed-on", "passed-on"), "a.b.livechat.com": ("10.1.1.1", "nodata")}),
    (
        [("*.livechat.com", "10.1.1.1"), ("a.livechat.com", "10.1.1.2"), ("*.b.livechat.com", "10.1.1.3")],
        {"a.livechat.com": ("10.1.1.2", "nodata"), "x.b.livechat.com": ("10.1.1.3", "nodata"), "c.livechat.com": ("10.1.1.1", "nodata")},
    ),
    ([("*.livechat.com", "10.1.1.1"), ("a.livechat.com", "a.livechat.com")], {"a.livechat.com": ("passed-on", "passed-on"), "b.livechat.com": ("10.1.1.1", "nodata")}),
    ([("*.livechat.com", "*.livechat.com"), ("*.com", "10.1.1.1")], {"a.livechat.com": ("passed-on", "passed-on")}),
    ([("*.livechat.com", "10.1.1.1"), ("a.livechat.com", "A")], {"a.livechat.com": ("passed-on", "nodata")}),
    ([("livechat.com", "other.example")], {"livechat.com": ("alias", "alias")}),
    ([("livechat.com", "other.example"), ("other.example", "10.1.1.1")], {"livechat.com": ("10.1.1.1", "alias")}),
    ([("livechat.com", "a.livechat.com"), ("a.livechat.com", "livechat.com")], {"livechat.com": ("passed-on", "passed-on")}),
    ([("livechat.com", "a.livechat.com"), ("a.livechat.com", "b.livechat.com"), ("b.livechat.com", "a.livechat.com")], {"livechat.com": ("unknown", "unknown")}),
    ([("*.livechat.com", "a.livechat.com")], {"a.livechat.com": ("passed-on", "passed-on"), "b.livechat.com": ("alias", "alias")}),
    ([("livechat.com", "10.1.1.1"), ("livechat.com", "fd00::1"), ("livechat.com", "10.1.1.2")], {"livechat.com": ("10.1.1.1,10.1.1.2", "fd00::1")}),
)  # fmt: skip


@pytest.mark.parametrize(("rewrites", "answers"), REWRITES)
def test_rewrites(rewrites: list[tuple[str, str]], answers: dict[str, tuple[str, str]]) -> None:
    entries = [{"domain": domain, "answer": said} for domain, said in rewrites]
    found = listed("@@||livechat.com^$important", filtering={"rewrites": entries})
    assert {name: tuple(answer(found, name, family) for family in (4, 6)) for name in answers} == answers
    off = [one | {"enabled": False} for one in entries]
    assert answer(read({"filtering": {"rewrites": off}}), next(iter(answers))) == "passed-on"
    off_altogether = {"filtering": {"rewrites": entries, "rewrites_enabled": False}}
    assert answer(read(off_altogether), next(iter(answers))) == "passed-on"


def test_the_hosts_file_comes_before_the_lists() -> None:
    files = {"/etc/hosts": "10.5.5.5 livechat.com\n"}
    rule = {"user_rules": ["||livechat.com^"]}
    assert [answer(read(rule, files), "livechat.com", family) for family in (4, 6)] == ["10.5.5.5", "nodata"]
    assert answer(read(merged(rule, {"dns": {"hostsfile_enabled": False}}), files), "livechat.com") == NULL


@pytest.mark.parametrize(
    ("blocked", "answers"),
    [
        ("livechat.com", {"livechat.com": "dropped", "a.livechat.com": "passed-on"}),
        ("||livechat.com^", {"livechat.com": "dropped", "a.livechat.com": "dropped"}),
        ("*.livechat.com", {"livechat.com": "passed-on", "a.livechat.com": "unknown"}),
    ],
)
def test_hosts_to_which_access_is_refused(blocked: str, answers: dict[str, str]) -> None:
    found = read({"dns": {"blocked_hosts": ["version.bind", blocked]}})
    if blocked.startswith("*"):
        assert answer(found, "a.livechat.com") in ("unknown", "dropped")
    else:
        assert {name: answer(found, name) for name in answers} == answers


@pytest.mark.parametrize(
    ("settings", "fates"),
    [
        ({"allowed_clients": ["192.168.1.0/24", "10.0.0.1"]}, ("passed-on", "passed-on", "dropped")),
        ({"disallowed_clients": ["192.168.1.0/24", "kitchen"]}, ("dropped", "passed-on", "passed-on")),
        ({"allowed_clients": ["10.0.0.0/8"], "disallowed_clients": ["10.0.0.1"]}, ("dropped", "passed-on", "dropped")),
        ({"allowed_clients": ["laptop"]}, ("dropped", "dropped", "dropped")),
    ],
)
def test_clients_that_get_answers(settings: dict[str, Any], fates: tuple[str, ...]) -> None:
    found = read({"dns": settings})
    assert tuple(answer(found, "livechat.com", 4, who) for who in ("192.168.1.9", "10.0.0.1", "172.16.1.1")) == fates


def client(name: str, *ids: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "ids": list(ids),
        "use_global_settings": True,
        "use_global_blocked_services": True,
        **settings,
    }


def test_rules_for_some_clients() -> None:
    clients = [
        client("Frank's, laptop", "192.168.1.5", tags=["device_laptop"]),
        client("lan", "192.168.1.0/24", tags=["user_child"]),
    ]
    settings = {
        "clients": {"persistent": clients},
        "user_rules": [
            "||a.livechat.com^$client=192.168.1.0/24",
            "||b.livechat.com^$client=~192.168.1.0/24",
            "||c.livechat.com^$client='Frank\\'s\\, laptop'",
            "||d.livechat.com^$ctag=device_laptop|device_phone",
            "||e.livechat.com^$ctag=~user_child",
            "||f.livechat.com^$client=10.0.0.7|~10.0.0.8",
        ],
    }
    found = read(settings)
    assert not found.gaps
    blocked = {
        who: "".join(letter for letter in "abcdef" if answer(found, f"{letter}.livechat.com", 4, who) != "passed-on")
        for who in ("192.168.1.5", "192.168.1.6", "10.0.0.7", "10.0.0.8", "10.0.0.9")
    }
    assert blocked == {"192.168.1.5": "acde", "192.168.1.6": "a", "10.0.0.7": "bef", "10.0.0.8": "be", "10.0.0.9": "be"}


def test_clients_with_settings_of_their_own() -> None:
    clients = [
        client("free", "192.168.1.5", use_global_settings=False, filtering_enabled=False),
        client("watched", "192.168.1.6", use_global_settings=False, filtering_enabled=True, parental_enabled=True),
        client("served", "192.168.1.7", use_global_blocked_services=False, blocked_services={"ids": ["tiktok"]}),
        client("elsewhere", "192.168.1.8", upstreams=["10.0.0.53:5353"]),
    ]
    found = read({"clients": {"persistent": clients}, "user_rules": ["||livechat.com^"]})
    names = ("livechat.com", "www.google.com")
    assert {who: [answer(found, name, 4, f"192.168.1.{who}") for name in names] for who in (5, 6, 7, 8, 9)} == {
        5: ["passed-on", "passed-on"], 6: [NULL, "unknown"], 7: [NULL, "unknown"], 8: [NULL, "passed-on"], 9: [NULL, "passed-on"],
    }  # fmt: skip
    (view,) = found.views_of(4, Intervals.single(address_value("192.168.1.8")[1]))
    assert view.answer("www.google.com", 4)[0].upstreams == {"10.0.0.53#5353"}


@pytest.mark.parametrize("identity", ["aa:bb:cc:dd:ee:ff", "my-phone"])
def test_clients_that_only_the_network_knows_leave_open_what_differs_for_them(identity: str) -> None:
    rules = ["||livechat.com^", "||www.google.com^$client=kid"]
    alike = read({"clients": {"persistent": [client("other", identity)]}, "user_rules": rules})
    assert (answer(alike, "www.google.com"), alike.gaps) == ("passed-on", ())
    found = read({"clients": {"persistent": [client("kid", identity)]}, "user_rules": rules})
    assert (answer(found, "www.google.com"), answer(found, "livechat.com")) == ("unknown", NULL)
    assert len(found.gaps) == 1
    inside = {
        "clients": {"persistent": [client("kid", identity)]},
        "user_rules": rules,
        "dns": {"allowed_clients": ["192.168.0.0/16"]},
    }
    assert [answer(read(inside), "www.google.com", 4, who) for who in ("192.168.1.2", "10.0.0.1")] == [
        "unknown",
        "dropped",
    ]


def test_an_unknown_client_that_is_not_filtered_leaves_open_what_others_may_not_ask() -> None:
    free = client("free", "aa:bb:cc:dd:ee:ff", use_global_settings=False, filtering_enabled=False)
    found = read(
        {
            "clients": {"persistent": [free]},
            "user_rules": ["||cdn.livechat.com^", "||a.livechat.com^$dnsrewrite=10.1.1.1"],
        }
    )
    names = ("livechat.com", "cdn.livechat.com", "a.livechat.com")
    assert [answer(found, name) for name in names] == ["passed-on", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"filtering": {"safebrowsing_enabled": True}}, "a remote service decides"),
        ({"dns": {"parental_enabled": True}}, "a remote service decides"),
        ({"dns": {"blocked_services": ["tiktok"]}}, "services are blocked"),
        ({"filtering": {"blocked_services": {"ids": ["tiktok"]}}}, "services are blocked"),
        ({"frobnicate": 1}, "frobnicate: unknown setting"),
        ({"filters": [{"enabled": True, "id": 9}]}, "9.txt"),
        ({"dns": {"upstream_dns_file": "up.txt"}}, "/opt/AdGuardHome/up.txt"),
    ],
)
def test_what_is_not_followed_leaves_answers_open(settings: dict[str, Any], reason: str) -> None:
    found = read(merged({"user_rules": ["||a.livechat.com^"]}, settings))
    (view,) = found.views
    outcome, _ = view.answer("livechat.com", 4)
    assert outcome.fate is Fate.UNKNOWN
    assert reason in outcome.because
    assert answer(found, "a.livechat.com") == NULL


def test_safe_search_is_about_search_engines() -> None:
    found = read({"filtering": {"safe_search": {"enabled": True}}})
    assert (answer(found, "www.google.com"), answer(found, "livechat.com")) == ("unknown", "passed-on")


def test_aaaa_can_be_switched_off() -> None:
    found = read({"dns": {"aaaa_disabled": True}})
    assert [answer(found, "livechat.com", family) for family in (4, 6)] == ["passed-on", "nodata"]


@pytest.mark.parametrize(
    ("lines", "name", "servers"),
    [
        (["9.9.9.9", "tls://dns.example", "# x"], "livechat.com", {"9.9.9.9#53", "tls://dns.example"}),
        (["9.9.9.9", "[/livechat.com/]10.0.0.1"], "a.livechat.com", {"10.0.0.1#53"}),
        (["9.9.9.9", "[/com/]10.0.0.1", "[/livechat.com/]#"], "livechat.com", {"9.9.9.9#53"}),
        (["9.9.9.9", "[/*.livechat.com/]10.0.0.1"], "livechat.com", {"9.9.9.9#53"}),
        (["9.9.9.9", "[/x.com/livechat.com/]10.0.0.1 10.0.0.2:5353"], "livechat.com", {"10.0.0.1#53", "10.0.0.2#5353"}),
        (["[::1]:5353", "::1", "udp://9.9.9.9:53"], "livechat.com", {"::1#5353", "::1#53", "9.9.9.9#53"}),
        (["9.9.9.9", "[//]10.0.0.1"], "livechat.com", {"9.9.9.9#53"}),
    ],
)
def test_whom_questions_are_passed_on_to(lines: list[str], name: str, servers: set[str]) -> None:
    for found in (
        read({"dns": {"upstream_dns": lines}}),
        read({"dns": {"upstream_dns_file": "up.txt"}}, {"/opt/AdGuardHome/up.txt": "\n".join(lines)}),
    ):
        assert found.views[-1].answer(name, 4)[0].upstreams == servers


def test_answers_with_blocked_addresses() -> None:
    found = listed("||1.2.3.4^", "|9.8.7.6|", "@@||1.2.3.4^", "5.5.5.5", dns={"bogus_nxdomain": ["8.8.4.0/24"]})
    (view,) = found.views
    blocked, bogus = (stage for stage in view.stages if isinstance(stage, AddressList))
    assert [address_value(text)[1] in blocked.rules[0].addresses for text in ("1.2.3.4", "9.8.7.6", "5.5.5.5", "25.5.5.55", "5.5.5.6")] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert (bogus.rules[0].outcome.fate, 0x08080401 in bogus.rules[0].addresses) == (Fate.NXDOMAIN, True)


def test_aliases_in_answers_are_filtered() -> None:
    found = listed("||cdn.livechat.com^", "||livechat.com^$dnsrewrite=1.2.3.4")
    rules = [rule for stage in found.views[0].chain if isinstance(stage, RuleList) for rule in stage.rules]
    assert {rule.names.text for rule in rules} == {"cdn.livechat.com"}


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (
            ["./AdGuardHome", "-c", "/etc/agh.yaml", "-w", "/var/lib/agh"],
            {"/etc/agh.yaml", "/var/lib/agh/data/filters/5.txt"},
        ),
        (["/srv/agh/AdGuardHome"], {"/srv/agh/AdGuardHome.yaml", "/srv/agh/data/filters/5.txt"}),
        (["AdGuardHome", "--config=x.yaml", "--work-dir=/srv/y"], {"/srv/y/x.yaml", "/srv/y/data/filters/5.txt"}),
    ],
)
def test_files_are_found_where_the_command_line_says(arguments: list[str], files: set[str]) -> None:
    settings, _ = sorted(files, key=lambda path: path.endswith(".txt"))
    document = yaml.safe_dump({"filters": [{"enabled": True, "id": 5}], "dns": {"hostsfile_enabled": False}})
    program = RUNNING | {"arguments": arguments}
    first = {want.ask.pattern for want in adguardhome.wants(snapshot({}, [program])) if isinstance(want.ask, Files)}
    assert first == {settings}
    then = {
        want.ask.pattern
        for want in adguardhome.wants(snapshot({settings: document}, [program]))
        if isinstance(want.ask, Files)
    }
    assert {settings} | then == files


@pytest.mark.parametrize("text", ["", "[", "- 1", "a: &a [*a]\nb: *c", "\x00", "d: 2025-99-99", "? {}\n: 1"])
def test_settings_that_are_not_understood_leave_all_open(text: str) -> None:
    made = snapshot({YAML: text}, [RUNNING])
    (found,) = adguardhome.read(made, INTEREST).resolvers
    assert answer(found, "livechat.com") == "unknown"
    assert found.gaps


def test_lists_are_searched_and_lines_keep_their_numbers() -> None:
    lines = [f"||ad{number}.example^" for number in range(5000)] + ["||livechat.com^"]
    found = listed(*lines)
    _, rule = found.views[0].answer("livechat.com", 4)
    assert rule
    assert str(rule.source) == "/opt/AdGuardHome/data/filters/5.txt line 5001: ||livechat.com^"
    own = read({"user_rules": ["! mine", "||livechat.com^"]})
    _, rule = own.views[0].answer("livechat.com", 4)
    assert rule
    assert rule.source
    assert rule.source.line == yaml.safe_dump(merged(BASE, {"user_rules": []}), sort_keys=False).count("\n") + 2


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("||ads.", "^(.+\\.)?ads\\."),
        ("||ads*^", "^(.+\\.)?ads.*$"),
        ("||a*b^", "^(.+\\.)?a.*b$"),
        ("/ads.", "^ads\\."),
        ("ads", "ads"),
        ("|ads*", "^ads"),
        ("ads~x", None),
        ("||ads^x", None),
        ("bücher.example^", None),
    ],
)
def test_patterns_as_regular_expressions(pattern: str, regex: str | None) -> None:
    assert expression(pattern) == regex
    assert names_of(pattern)[1], "each is decided"


def test_every_documented_setting_is_in_one_table() -> None:
    names = ADGUARD_HOME.split()
    assert len(names) > 100
    tables = (MODELLED, HARMLESS, frozenset(OPEN))
    assert {name: sum(is_in(name, table) for table in tables) for name in names} == dict.fromkeys(names, 1)
