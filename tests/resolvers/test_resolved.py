"""systemd-resolved without the program: settings, links and routes, by resolved.conf(5) and systemd-resolved.service(8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from agent.kind import NOBODY
from agent.model.network import Listener
from agent.model.resolver import Fate, Resolver
from agent.resolvers import resolved
from agent.resolvers.resolved.scopes import server
from agent.resolvers.resolved.views import load
from agent.snapshot import Artifact, Files, Snapshot, Status
from agent.snapshot.programs import Program
from tests.daemons.snapshots import snapshot

RUNNING: Final = {
    "name": "systemd-resolve",
    "pid": 7,
    "arguments": ["/lib/systemd/systemd-resolved"],
    "listeners": [{"proto": "udp", "address": f"127.0.0.{last}", "port": 53} for last in (53, 54)],
}
MAIN: Final = "/etc/systemd/resolved.conf"
INTEREST: Final = frozenset({"livechat.com", "corp.example"})


def answered(files: dict[str, str], *programs: dict[str, object]) -> Snapshot:
    """What a host with these files alone would have answered to all that is wanted."""
    taken = snapshot(files, programs)
    for _ in range(5):
        missing = [f"files{want.ask.pattern}" for want in resolved.wants(taken) if isinstance(want.ask, Files)]
        absent = {name: Artifact(name, Status.ABSENT) for name in missing}
        taken = replace(taken, artifacts={**taken.artifacts, **absent})
    return taken


def read(files: dict[str, str]) -> tuple[Resolver, ...]:
    return resolved.read(answered(files, RUNNING), INTEREST).resolvers


def asked(files: dict[str, str], name: str = "livechat.com", family: int = 4) -> set[str] | str:
    """The servers that are asked, or what is answered without any."""
    outcome, _ = read(files)[0].views[0].answer(name, family)
    return set(outcome.upstreams) if outcome.fate is Fate.PASSED_ON else str(outcome.fate)


def resolve(*lines: str) -> str:
    return "\n".join(("[Resolve]", *lines)) + "\n"


@pytest.mark.parametrize(
    ("files", "servers"),
    [
        ({MAIN: resolve("DNS=9.9.9.9 1.1.1.1")}, {"9.9.9.9#53", "1.1.1.1#53"}),
        ({MAIN: resolve("DNS=9.9.9.9", "DNS=1.1.1.1")}, {"9.9.9.9#53", "1.1.1.1#53"}),
        ({MAIN: resolve("DNS=9.9.9.9", "DNS=", "DNS=1.1.1.1")}, {"1.1.1.1#53"}),
        ({MAIN: resolve("DNS=9.9.9.9 \\", "  1.1.1.1")}, {"9.9.9.9#53", "1.1.1.1#53"}),
        ({MAIN: resolve("#DNS=9.9.9.9", "; DNS=8.8.8.8", "DNS=1.1.1.1")}, {"1.1.1.1#53"}),
        ({MAIN: "[Other]\nDNS=9.9.9.9\n" + resolve("FallbackDNS=1.1.1.1")}, {"1.1.1.1#53"}),
        ({MAIN: resolve("DNS=9.9.9.9", "DNSOverTLS=yes")}, {"9.9.9.9#853"}),
        ({MAIN: resolve("DNS=9.9.9.9", "DNSOverTLS=opportunistic")}, {"9.9.9.9#53"}),
        ({MAIN: resolve("DNS=9.9.9.9"), f"{MAIN}.d/a.conf": resolve("DNS=1.1.1.1")}, {"9.9.9.9#53", "1.1.1.1#53"}),
        ({MAIN: resolve("DNS=9.9.9.9"), f"{MAIN}.d/a.conf": resolve("DNS=", "DNS=1.1.1.1")}, {"1.1.1.1#53"}),
        (
            {"/usr/lib/systemd/resolved.conf.d/a.conf": resolve("DNS=9.9.9.9"), f"{MAIN}.d/a.conf": ""},
            set(),
        ),
        (
            {"/run/systemd/resolved.conf.d/b.conf": resolve("DNS="), f"{MAIN}.d/a.conf": resolve("DNS=9.9.9.9", "FallbackDNS=1.1.1.1")},
            {"1.1.1.1#53"},
        ),
        ({"/usr/lib/systemd/resolved.conf": resolve("DNS=9.9.9.9")}, {"9.9.9.9#53"}),
        ({MAIN: "", "/usr/lib/systemd/resolved.conf": resolve("DNS=9.9.9.9")}, set()),
        ({MAIN: "", "/etc/resolv.conf": "nameserver 10.0.0.1\nnameserver 127.0.0.53\n"}, {"10.0.0.1#53"}),
        ({MAIN: resolve("Domains=x.example", "FallbackDNS=1.1.1.1"), "/etc/resolv.conf": "nameserver 10.0.0.1\n"}, {"1.1.1.1#53"}),
        (
            {MAIN: resolve("FallbackDNS="), "/etc/resolv.conf": "# This is /run/systemd/resolve/resolv.conf managed by man:systemd-resolved(8).\nnameserver 10.0.0.1\n"},
            "refused",
        ),
        ({MAIN: resolve("DNS=9.9.9.9", "RefuseRecordTypes=A MX")}, "refused"),
    ],
)  # fmt: skip
def test_servers_of_the_system(files: dict[str, str], servers: set[str] | str) -> None:
    assert asked(files) == servers


def networkd(*lines: str) -> dict[str, str]:
    return {"/run/systemd/netif/links/2": "\n".join(("ADMIN_STATE=configured", "OPER_STATE=routable", *lines))}


BASE: Final = {MAIN: resolve("DNS=9.9.9.9")}
OWN, LINK = {"9.9.9.9#53"}, {"10.0.0.1#53"}


@pytest.mark.parametrize(
    ("lines", "required", "corporate"),
    [
        (("DNS=10.0.0.1",), OWN | LINK, OWN | LINK),
        (("DNS=10.0.0.1", "DOMAINS=corp.example"), OWN | LINK, LINK),
        (("DNS=10.0.0.1", "ROUTE_DOMAINS=corp.example"), OWN, LINK),
        (("DNS=10.0.0.1", "ROUTE_DOMAINS=corp.example", "DNS_DEFAULT_ROUTE=yes"), OWN | LINK, LINK),
        (("DNS=10.0.0.1", "DNS_DEFAULT_ROUTE=no"), OWN, OWN),
        (("DNS=10.0.0.1", "ROUTE_DOMAINS=."), LINK, LINK),
        (("DNS=10.0.0.1", "ROUTE_DOMAINS=com"), LINK, OWN),
        (("DNS=10.0.0.1:5353%eth0#name",), OWN | {"10.0.0.1#5353"}, OWN | {"10.0.0.1#5353"}),
        (("ROUTE_DOMAINS=.",), OWN, OWN),
        (("DNS=10.0.0.1", "OPER_STATE=no-carrier"), OWN, OWN),
        (("DNS=10.0.0.1", "ADMIN_STATE=unmanaged"), OWN, OWN),
        (("DNS=10.0.0.1", "DNS_OVER_TLS=yes"), OWN | {"10.0.0.1#853"}, OWN | {"10.0.0.1#853"}),
    ],
)
def test_links_that_networkd_knows(lines: tuple[str, ...], required: set[str], corporate: set[str]) -> None:
    files = BASE | networkd(*lines)
    assert (asked(files), asked(files, "db.corp.example")) == (required, corporate)


def test_links_that_others_know_count_where_networkd_has_none() -> None:
    others = {"/run/systemd/resolve/netif/2": "SERVERS=10.0.0.2\nDOMAINS=corp.example ~.\nDEFAULT_ROUTE=yes\n"}
    assert asked(BASE | others) == {"10.0.0.2#53"}
    assert asked(BASE | others | networkd("DNS=10.0.0.1")) == OWN | LINK


def test_the_domain_with_most_labels_decides() -> None:
    files = {
        MAIN: resolve("DNS=9.9.9.9", "Domains=~livechat.com ~com"),
        **networkd("DNS=10.0.0.1", "ROUTE_DOMAINS=cdn.livechat.com com"),
    }
    assert [asked(files, name) for name in ("livechat.com", "x.cdn.livechat.com")] == [OWN, LINK]


def test_the_hosts_file_comes_first_and_may_take_addresses_away() -> None:
    files = BASE | {"/etc/hosts": "10.1.1.1 livechat.com\n0.0.0.0 cdn.livechat.com\n"}
    (whole,) = read(files)
    names = ("livechat.com", "cdn.livechat.com", "x.livechat.com")
    assert [str(whole.views[0].answer(name, 4)[0].fate) for name in names] == ["addresses", "nodata", "passed-on"]
    assert [str(whole.views[0].answer(name, 6)[0].fate) for name in names] == ["nodata", "nodata", "passed-on"]
    assert asked({MAIN: resolve("DNS=9.9.9.9", "ReadEtcHosts=no"), "/etc/hosts": files["/etc/hosts"]}) == OWN


@pytest.mark.parametrize(
    ("lines", "listeners"),
    [
        ((), {("udp", "127.0.0.53", 53), ("tcp", "127.0.0.53", 53), ("udp", "127.0.0.54", 53), ("tcp", "127.0.0.54", 53)}),
        (("DNSStubListener=udp",), {("udp", "127.0.0.53", 53), ("udp", "127.0.0.54", 53)}),
        (("DNSStubListener=no",), set()),
        (("DNSStubListener=no", "DNSStubListenerExtra=192.168.1.1"), {("udp", "192.168.1.1", 53), ("tcp", "192.168.1.1", 53)}),
        (("DNSStubListener=no", "DNSStubListenerExtra=udp:192.168.1.1:9953"), {("udp", "192.168.1.1", 9953)}),
        (("DNSStubListener=no", "DNSStubListenerExtra=tcp:[2001:db8::1]:9953"), {("tcp", "2001:db8::1", 9953)}),
        (("DNSStubListener=no", "DNSStubListenerExtra=udp:2001:db8::1"), {("udp", "2001:db8::1", 53)}),
        (("DNSStubListener=no", "DNSStubListenerExtra=192.168.1.1", "DNSStubListenerExtra="), set()),
    ],
)  # fmt: skip
def test_where_it_will_listen(lines: tuple[str, ...], listeners: set[tuple[str, str, int]]) -> None:
    taken = answered({MAIN: resolve(*lines), resolved.UNITS[1]: ""})
    found = load(taken, Program("systemd-resolved", 0), NOBODY).resolver
    assert {(one.proto, one.address, one.port) for one in found.listeners} == listeners


def test_one_that_starts_at_boot_has_the_servers_of_networkds_files() -> None:
    files = {
        MAIN: resolve("DNS=9.9.9.9"),
        resolved.UNITS[1]: "",
        "/etc/systemd/network/lan.network": "[Match]\nName=eth0\n[Network]\nDNS=10.0.0.1\nDomains=corp.example\n",
        "/etc/systemd/network/lan.network.d/more.conf": "[Network]\nDNSDefaultRoute=no\n",
        "/usr/lib/systemd/network/lan.network": "[Network]\nDNS=10.0.0.66\n",
    }
    found = resolved.read(answered(files), INTEREST).resolvers[0].views[0]
    assert [set(found.answer(name, 4)[0].upstreams) for name in ("livechat.com", "x.corp.example")] == [OWN, LINK]


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        ("hosts: files resolve [!UNAVAIL=return] dns", ["127.0.0.53"]),
        ("hosts: files dns resolve", []),
        ("hosts:\tfiles\tmyhostname\tresolve", ["127.0.0.53"]),
        ("hosts: files dns", []),
        ("#hosts: resolve", []),
    ],
)
def test_programs_may_ask_it_without_a_stub(hosts: str, names: list[str]) -> None:
    program = RUNNING | {"listeners": []}
    files = {MAIN: resolve("DNS=9.9.9.9", "DNSStubListener=no"), "/etc/nsswitch.conf": hosts}
    piece = resolved.read(answered(files, program), INTEREST)
    assert [one.address for one in piece.nameservers] == names
    listens = Listener("udp", "127.0.0.53", 53) in piece.resolvers[0].listeners
    assert listens is bool(names)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({MAIN: resolve("DNS=9.9.9.9", "DNSSEC=yes")}, "DNSSEC"),
        ({MAIN: resolve("DNS=9.9.9.9", "DNSSEC=no", "DNSSEC=true")}, "DNSSEC"),
    ],
)
def test_what_is_not_followed_leaves_answers_open(files: dict[str, str], reason: str) -> None:
    assert asked(files) == "unknown"
    assert reason in read(files)[0].gaps[0].reason
    assert asked({MAIN: files[MAIN].replace("yes", "allow-downgrade").replace("true", "no")}) == OWN


def test_what_cannot_be_read_leaves_answers_open() -> None:
    taken = answered(BASE, RUNNING)
    broken = Artifact(f"files{MAIN}", Status.DENIED, detail="permission denied")
    found = resolved.read(replace(taken, artifacts={**taken.artifacts, broken.name: broken}), INTEREST)
    assert found.resolvers[0].views[0].answer("livechat.com", 4)[0].fate is Fate.UNKNOWN
    assert "permission denied" in found.gaps[0].reason


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.2.3.4", "1.2.3.4#53"),
        ("1.2.3.4:99%eth0#a.example", "1.2.3.4#99"),
        ("[fd00::1]:99", "fd00::1#99"),
        ("fd00::1%eth0", "fd00::1#53"),
        ("dns.example", None),
        ("1.2.3.4.5", None),
    ],
)
def test_servers(text: str, found: str | None) -> None:
    assert server(text, over_tls=False) == found
