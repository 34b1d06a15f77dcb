"""Pi-hole, as the source of its FTL says (no package of it can be installed where these tests run).

Sources: github.com/pi-hole/FTL, src/dnsmasq_interface.c, src/database/gravity-db.c, src/regex.c;
github.com/pi-hole/docs, docs/ftldns/blockingmode.md, docs/database/domain-database/groups.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from agent.model.intervals import Intervals, address_text, address_value
from agent.model.resolver import Fate
from agent.resolvers import pihole
from agent.resolvers.pihole.options import HARMLESS, MODELLED, OPEN, is_in
from agent.snapshot import Artifact, Rows, Snapshot, Status
from tests.daemons.snapshots import snapshot
from tests.resolvers.documented import PIHOLE_5, PIHOLE_6
from tests.resolvers.gravity import artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agent.model.resolver import Resolver
    from tests.resolvers.gravity import Statement

RUNNING: Final = {"name": "pihole-FTL", "pid": 7, "arguments": ["pihole-FTL", "no-daemon"], "listeners": []}
INSIDE: Final = "no-resolv\nhostsdir=/etc/pihole/hosts\nserver=9.9.9.9\nlocal=/lan/\n"
FILES_6: Final = {"/etc/pihole/pihole.toml": "", "/etc/pihole/dnsmasq.conf": INSIDE, "/etc/hosts": ""}
HOSTS: Final = {"/etc/pihole/hosts/custom.list": "10.9.8.7 crm.livechat.com\n"}
NULL: Final = "0.0.0.0"  # noqa: S104 - an answer
INTEREST: Final = frozenset({"livechat.com", "mask.icloud.com"})


def taken(folder: Path, statements: Iterable[Statement], files: dict[str, str | bytes] | None = None) -> Snapshot:
    made = snapshot({**FILES_6, **HOSTS, **(files or {})}, [RUNNING])
    return replace(made, artifacts={**made.artifacts, **{one.name: one for one in artifacts(folder, statements)}})


def read(folder: Path, statements: Iterable[Statement] = (), toml: str = "") -> Resolver:
    (found,) = pihole.read(taken(folder, statements, {"/etc/pihole/pihole.toml": toml}), INTEREST).resolvers
    return found


def answer(found: Resolver, name: str, family: int = 4, client: str = "192.168.1.2") -> str:
    """The fate, or the addresses."""
    of, value = address_value(client)
    (view,) = found.views_of(of, Intervals.single(value))
    outcome, _ = view.answer(name, family)
    if outcome.fate is Fate.ADDRESSES:
        return ",".join(address_text(value, family) for family, value in sorted(outcome.addresses))
    return str(outcome.fate)


def listed(kind: int, domain: str) -> Statement:
    return "INSERT INTO domainlist (type, domain) VALUES (?, ?)", (kind, domain)


def in_gravity(domain: str, adlist: int = 1) -> Statement:
    return "INSERT INTO gravity VALUES (?, ?)", (domain, adlist)


def in_antigravity(domain: str) -> Statement:
    return "INSERT INTO antigravity VALUES (?, 2)", (domain,)


ALLOW, DENY, ALLOW_REGEX, DENY_REGEX = range(4)
CASES: Final[tuple[tuple[tuple[Statement, ...], dict[str, str]], ...]] = (
    ((), {"livechat.com": "passed-on", "crm.livechat.com": "10.9.8.7", "x.lan": "passed-on"}),
    ((in_gravity("livechat.com"),), {"livechat.com": NULL, "cdn.livechat.com": "passed-on"}),
    ((in_gravity("||livechat.com^"),), {"livechat.com": NULL, "a.cdn.livechat.com": NULL}),
    ((in_gravity("||com^"),), {"livechat.com": NULL}),
    ((in_gravity("notlivechat.com"), in_gravity("LIVECHAT.com")), {"livechat.com": "passed-on"}),
    (
        (in_gravity("||livechat.com^"), in_antigravity("@@||cdn.livechat.com^")),
        {"cdn.livechat.com": "passed-on", "a.cdn.livechat.com": "passed-on", "www.livechat.com": NULL},
    ),
    (
        (in_gravity("livechat.com"), in_antigravity("livechat.com"), listed(DENY_REGEX, "^livechat\\.com$")),
        {"livechat.com": "passed-on"},
    ),
    ((in_gravity("||livechat.com^"), "UPDATE info SET value = 0 WHERE property = 'abp_domains'"), {"livechat.com": "passed-on"}),
    ((in_gravity("livechat.com"), "UPDATE adlist SET enabled = 0 WHERE id = 1"), {"livechat.com": "passed-on"}),
    ((in_gravity("livechat.com"), 'UPDATE "group" SET enabled = 0 WHERE id = 0'), {"livechat.com": "passed-on"}),
    ((in_gravity("livechat.com"), "DELETE FROM adlist_by_group"), {"livechat.com": "passed-on"}),
    ((in_gravity("livechat.com"), listed(ALLOW, "livechat.com")), {"livechat.com": "passed-on"}),
    ((in_gravity("crm.livechat.com"),), {"crm.livechat.com": NULL}),
    ((listed(DENY, "livechat.com"), listed(ALLOW_REGEX, "(^|\\.)livechat\\.com$")), {"livechat.com": "passed-on"}),
    ((listed(DENY, "livechat.com"), in_antigravity("livechat.com")), {"livechat.com": NULL}),
    ((listed(DENY, "livechat.com"), "UPDATE domainlist SET enabled = 0"), {"livechat.com": "passed-on"}),
    ((listed(DENY_REGEX, "(\\.|^)LiveChat\\.com$"),), {"livechat.com": NULL, "a.livechat.com": NULL}),
    ((listed(DENY_REGEX, "chat\\.com$"),), {"livechat.com": NULL, "a.livechat.com": NULL}),
    ((listed(DENY_REGEX, "\\.livechat\\.com$"),), {"livechat.com": "passed-on", "a.livechat.com": NULL}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=nxdomain"),), {"livechat.com": "nxdomain"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=NODATA"),), {"livechat.com": "nodata"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=refused"),), {"livechat.com": "refused"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=NONE"),), {"livechat.com": "dropped"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=10.1.2.3"),), {"livechat.com": "10.1.2.3"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=93.184.216.34"),), {"livechat.com": "alias"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=CNAME,block.example"),), {"livechat.com": "alias"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;reply=CNAME"),), {"livechat.com": "passed-on"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;nonsense"),), {"livechat.com": "passed-on"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;querytype=MX"),), {"livechat.com": "passed-on"}),
    ((listed(DENY_REGEX, "^livechat\\.com$;querytype=NOTHING"),), {"livechat.com": "passed-on"}),
    ((listed(DENY_REGEX, "\\.livechat\\.com$;invert"),), {"livechat.com": NULL, "a.livechat.com": "passed-on"}),
    (
        (listed(DENY, "a.livechat.com"), listed(ALLOW_REGEX, "^a\\.livechat\\.com$;invert"), in_gravity("||livechat.com^")),
        {"livechat.com": "passed-on", "a.livechat.com": NULL, "b.livechat.com": "passed-on"},
    ),
    ((listed(DENY_REGEX, "^ad[0-9]+\\.cdn\\.livechat\\.com$"),), {"livechat.com": "passed-on", "ad1.cdn.livechat.com": NULL}),
    ((listed(ALLOW_REGEX, "^ad[0-9]+\\.cdn\\.livechat\\.com$"),), {"ad1.cdn.livechat.com": "passed-on"}),
    (
        (listed(ALLOW_REGEX, "^[a-z]*\\.livechat\\.com$"), in_gravity("cdn.livechat.com"), in_gravity("www.livechat.com")),
        {"cdn.livechat.com": "passed-on", "www.livechat.com": "passed-on", "a.livechat.com": "passed-on"},
    ),
    ((listed(DENY_REGEX, "(a|b)*c"),), {"livechat.com": NULL}),
    ((), {"mask.icloud.com": "nxdomain", "x.mask.icloud.com": "passed-on"}),
    ((listed(ALLOW, "mask.icloud.com"),), {"mask.icloud.com": "unknown"}),
)  # fmt: skip


@pytest.mark.parametrize(("statements", "answers"), CASES)
def test_lists(tmp_path: Path, statements: tuple[Statement, ...], answers: dict[str, str]) -> None:
    found = read(tmp_path, statements)
    assert not found.gaps
    assert {name: answer(found, name) for name in answers} == answers


@pytest.mark.parametrize(
    ("options", "families"),
    [
        ("A", {4}),
        ("AAAA", {6}),
        ("!AAAA", {4}),
        ("!A,AAAA", set()),
        ("A,AAAA", {4, 6}),
        ("A,A,AAAA", {6}),
        ("!MX", {4, 6}),
    ],
)
def test_an_expression_may_be_for_some_types_of_questions(tmp_path: Path, options: str, families: set[int]) -> None:
    found = read(tmp_path, [listed(DENY_REGEX, f"^livechat\\.com$;querytype={options}")])
    assert {family for family in (4, 6) if answer(found, "livechat.com", family) != "passed-on"} == families


@pytest.mark.parametrize(
    ("mode", "ipv4", "ipv6"),
    [
        ('mode = "NULL"', NULL, "::"),
        ('mode = "NXDOMAIN"', "nxdomain", "nxdomain"),
        ('mode = "NODATA"', "nodata", "nodata"),
        ('mode = "IP_NODATA_AAAA"', NULL, "nodata"),
        ('mode = "IP"\n[dns.reply.blocking]\nforce4 = true\nIPv4 = "10.0.0.53"', "10.0.0.53", "::"),
        ('mode = "IP"\n[dns.reply.blocking]\nforce4 = true\nIPv4 = "93.184.216.34"', "alias", "::"),
        ('mode = "IP"\n[dns.reply.blocking]\nforce4 = false\nIPv4 = "10.0.0.53"', NULL, "::"),
        ("active = false", "passed-on", "passed-on"),
    ],
)
def test_how_blocked_names_are_answered(tmp_path: Path, mode: str, ipv4: str, ipv6: str) -> None:
    found = read(tmp_path, [in_gravity("livechat.com")], f"[dns.blocking]\n{mode}\n")
    assert [answer(found, "livechat.com", family) for family in (4, 6)] == [ipv4, ipv6]


def test_special_domains_can_be_switched_off(tmp_path: Path) -> None:
    found = read(tmp_path, toml="[dns.specialDomains]\niCloudPrivateRelay = false\n")
    assert answer(found, "mask.icloud.com") == "passed-on"


def test_aliases_in_answers_are_looked_at_unless_that_is_switched_off(tmp_path: Path) -> None:
    blocked = in_gravity("cdn.livechat.com")
    assert any(
        "cdn.livechat.com" in names for stage in read(tmp_path, [blocked]).views[0].chain for names in stage.sets
    )
    assert not read(tmp_path, [blocked], "[dns]\nCNAMEdeepInspect = false\n").views[0].chain


GROUPS: Final[tuple[Statement, ...]] = (
    in_gravity("livechat.com"),
    "INSERT INTO \"group\" (id, name) VALUES (1, 'office'), (2, 'free'), (3, 'off')",
    'UPDATE "group" SET enabled = 0 WHERE id = 3',
    "INSERT INTO client (id, ip) VALUES (1, '192.168.0.0/16'), (2, '192.168.1.0/24'), (3, '192.168.1.7')",
    "INSERT INTO client (id, ip) VALUES (4, '10.0.0.0/8'), (5, 'fd00::/8'), (6, '172.16.0.0/12'), (7, '0.0.0.0/0')",
    "UPDATE client_by_group SET group_id = 2 WHERE client_id IN (2, 7)",
    "UPDATE client_by_group SET group_id = 3 WHERE client_id = 4",
    "DELETE FROM client_by_group WHERE client_id = 6",
    "INSERT INTO client_by_group VALUES (3, 1)",
)


@pytest.mark.parametrize(
    ("client", "blocked"),
    [
        ("192.168.2.1", True),
        ("192.168.1.1", False),
        ("192.168.1.7", True),
        ("10.1.1.1", False),
        ("fd00::1", True),
        ("172.16.1.1", False),
        ("8.8.8.8", True),
        ("fe80::1", True),
    ],
)
def test_the_closest_block_of_addresses_says_the_groups_of_a_client(tmp_path: Path, client: str, blocked: bool) -> None:
    found = read(tmp_path, GROUPS)
    assert not found.gaps
    assert answer(found, "livechat.com", 4, client) == (NULL if blocked else "passed-on")


@pytest.mark.parametrize("who", ["AA:BB:CC:DD:EE:FF", "laptop.lan", ":eth0"])
def test_clients_that_only_the_network_knows_leave_open_what_differs_for_them(tmp_path: Path, who: str) -> None:
    statements: tuple[Statement, ...] = (
        in_gravity("livechat.com"),
        in_gravity("cdn.livechat.com", adlist=2),
        "INSERT INTO \"group\" (id, name) VALUES (1, 'kids')",
        "UPDATE adlist_by_group SET group_id = 1 WHERE adlist_id = 2",
        ("INSERT INTO client (id, ip) VALUES (1, ?), (2, '10.0.0.0/8')", (who,)),
    )
    alike = read(tmp_path, statements)
    assert (answer(alike, "cdn.livechat.com"), alike.gaps) == ("passed-on", ())
    found = read(tmp_path, (*statements, "INSERT INTO client_by_group VALUES (1, 1)"))
    assert answer(found, "livechat.com") == NULL
    assert answer(found, "cdn.livechat.com") == "unknown"
    assert answer(found, "cdn.livechat.com", 4, "10.1.1.1") == "passed-on"
    assert [who in gap.reason for gap in found.gaps] == [True]


def test_a_client_of_whom_only_more_is_said_leaves_other_names_alone(tmp_path: Path) -> None:
    statements: tuple[Statement, ...] = (
        in_gravity("cdn.livechat.com", adlist=2),
        "INSERT INTO \"group\" (id, name) VALUES (1, 'kids')",
        "UPDATE adlist_by_group SET group_id = 1 WHERE adlist_id = 2",
        "INSERT INTO client (id, ip) VALUES (1, 'AA:BB:CC:DD:EE:FF')",
        "INSERT INTO client_by_group VALUES (1, 1)",
    )
    found = read(tmp_path, statements, "[dns.specialDomains]\niCloudPrivateRelay = false\n")
    assert [answer(found, name) for name in ("livechat.com", "cdn.livechat.com")] == ["passed-on", "unknown"]


def test_version_5_is_read_from_its_own_files(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/etc/pihole/pihole-FTL.conf": "#; comment\nBLOCKINGMODE=NXDOMAIN\nBLOCK_ICLOUD_PR=false\nPRIVACYLEVEL=0\n",
        "/etc/pihole/setupVars.conf": "BLOCKING_ENABLED=true\nPIHOLE_DNS_1=9.9.9.9\n",
        "/etc/dnsmasq.conf": "conf-dir=/etc/dnsmasq.d\n",
        "/etc/dnsmasq.d/01-pihole.conf": "addn-hosts=/etc/pihole/custom.list\nno-resolv\nserver=9.9.9.9\n",
        "/etc/pihole/custom.list": "10.9.8.7 crm.livechat.com\n",
    }
    made = taken(tmp_path, [in_gravity("livechat.com"), "DROP TABLE antigravity"], files)
    toml = Artifact("files/etc/pihole/pihole.toml", Status.ABSENT)
    made = replace(made, artifacts={**made.artifacts, toml.name: toml})
    (found,) = pihole.read(made, INTEREST).resolvers
    assert not found.gaps
    assert [answer(found, name) for name in ("livechat.com", "crm.livechat.com", "mask.icloud.com", "a.livechat.com")] == [
        "nxdomain", "10.9.8.7", "passed-on", "passed-on",
    ]  # fmt: skip
    setup = Artifact("files/etc/pihole/setupVars.conf", Status.OK, b"BLOCKING_ENABLED=false\n")
    (found,) = pihole.read(replace(made, artifacts={**made.artifacts, setup.name: setup}), INTEREST).resolvers
    assert answer(found, "livechat.com") == "passed-on"


WRITTEN: Final = """
hostsdir=/etc/pihole/hosts
no-resolv
port=53
server=9.9.9.9
server=2620:fe::fe#53
cache-size=10000
localise-queries
log-queries=extra
log-async
log-facility=/var/log/pihole/pihole.log
bogus-priv
domain-needed
expand-hosts
dnssec
trust-anchor=.,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
host-record=router.lan,192.168.0.1
use-stale-cache=3600
interface=eth0
bind-interfaces
rev-server=192.168.0.0/24,192.168.0.1
server=/fritz.box/192.168.0.1
server=//192.168.0.1
local=/lan/
domain=lan
dhcp-authoritative
dhcp-leasefile=/etc/pihole/dhcp.leases
dhcp-range=192.168.0.50,192.168.0.99,255.255.255.0,24h
dhcp-option=option:router,192.168.0.1
dhcp-rapid-commit
dhcp-host=00:11:22:33:44:55,192.168.0.7,laptop
cname=www.lan,router.lan
server=/test/
server=/onion/
cache-rr=ANY
dumpmask=0xFFFF
dumpfile=/tmp/x.pcap
filter-rr=ANY
address=/ads.livechat.com/0.0.0.0
"""
"""What FTL 6 may write for the dnsmasq inside (``write_dnsmasq_config``), and a line of the owner's."""


def test_what_ftl_writes_for_the_dnsmasq_inside_is_understood(tmp_path: Path) -> None:
    made = taken(tmp_path, [in_gravity("www.livechat.com")], {"/etc/pihole/dnsmasq.conf": WRITTEN})
    (found,) = pihole.read(made, INTEREST).resolvers
    assert not found.gaps
    names = ("www.livechat.com", "ads.livechat.com", "crm.livechat.com", "livechat.com")
    assert [answer(found, name) for name in names] == [NULL, NULL, "10.9.8.7", "passed-on"]
    (view,) = found.views
    assert view.answer("livechat.com", 4)[0].upstreams >= {"9.9.9.9#53", "2620:fe::fe#53"}


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("[dns", "not understood"),
        ("[dns]\nfrobnicate = 1\n", "dns.frobnicate: unknown setting"),
        ("[misc]\nprivacylevel = 3\n", "questions are not looked at"),
        ('[files]\ngravity = "/srv/other.db"\n', "/srv/other.db, table"),
    ],
)
def test_what_is_not_followed_leaves_answers_open(tmp_path: Path, toml: str, reason: str) -> None:
    found = read(tmp_path, toml=toml)
    assert reason in str(found.gaps[0])
    assert answer(found, "livechat.com") == "unknown"


@pytest.mark.parametrize("damaged", [b"", b"id\nx", b"\xff\xfe\t\x00", b"ip\tid\nlivechat.com"])
@pytest.mark.parametrize("table", ["group", "client", "gravity", "domainlist"])
def test_a_table_that_is_another_leaves_answers_open(tmp_path: Path, damaged: bytes, table: str) -> None:
    made = taken(tmp_path, [in_gravity("livechat.com")])
    broken = Artifact(f"rows/etc/pihole/gravity.db/{table}", Status.OK, damaged)
    (found,) = pihole.read(replace(made, artifacts={**made.artifacts, broken.name: broken}), INTEREST).resolvers
    if table != "client" or damaged != b"ip\tid\nlivechat.com":
        assert answer(found, "livechat.com") == "unknown"
        assert "has no column" in found.gaps[0].reason


def test_the_database_is_asked_for_and_where_the_settings_say(tmp_path: Path) -> None:
    wanted = {
        want.ask.table: want.ask.path
        for want in pihole.wants(snapshot(dict(FILES_6), [RUNNING]))
        if isinstance(want.ask, Rows)
    }
    assert wanted["gravity"] == "/etc/pihole/gravity.db"
    files = {**FILES_6, "/etc/pihole/pihole.toml": '[files]\ngravity = "/srv/g.db"\n'}
    assert {one.ask.path for one in pihole.wants(snapshot(files, [RUNNING])) if isinstance(one.ask, Rows)} == {
        "/srv/g.db"
    }
    assert not list(pihole.wants(taken(tmp_path, ())))


def test_where_nothing_runs_nothing_is_read(tmp_path: Path) -> None:
    made = replace(taken(tmp_path, ()), artifacts={})
    assert not pihole.read(made, INTEREST).resolvers


def test_every_documented_setting_is_in_one_table() -> None:
    names = PIHOLE_6.split() + PIHOLE_5.split()
    assert len(names) > 120
    tables = (MODELLED, HARMLESS, frozenset(OPEN))
    assert {name: sum(is_in(name, table) for table in tables) for name in names} == dict.fromkeys(names, 1)
