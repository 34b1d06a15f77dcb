"""Block lists at the size that people have them, audited as whole processes beside the programs that read them.

Each list stands in a recorded gateway whose clients ask the program that reads it; some of its lines are about required
names, which the report has to name. ``dnsmasq --test`` reads no hosts file and ``unbound-checkconf`` no policy zone:
there the program itself is started, until it answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import yaml

from agent.resolvers.pihole.gravity import TABLES
from agent.snapshot import Artifact, Snapshot, Status, load, save
from agent.snapshot.programs import ARTIFACT
from agent.snapshot.table import artifact_name
from tests.bench.processes import ROOT, RUNS, Spent, environment, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENTRIES: Final = 1_000_000
CPU_LIMIT, PEAK_LIMIT = 5.0, 400.0
"""Seconds of own CPU, and MiB."""
REQUIRED: Final = ("api.livechat.com", "cdn.livechatinc.com", "telemetry.helpdesk.com", "t.chatbot.com")
"""Names in each list that the audit must not miss."""
PIHOLE: Final = {
    "group": ("0\t1\tDefault",),
    "domainlist": (),
    "domainlist_by_group": (),
    "adlist": ("1\t1\thttps://lists.example/1",),
    "adlist_by_group": ("1\t0",),
    "client": (),
    "client_by_group": (),
    "info": ("version\t20", "abp_domains\t1"),
    "antigravity": (),
}


ANSWERS: Final = (
    "unshare",
    "--net",
    "sh",
    "-c",
    'ip link set lo up; exec "$0" -m tests.bench.answers "$@"',
    sys.executable,
)
"""In front of a resolver: run it until it answers."""


class Case(NamedTuple):
    """A list, the program that reads it, and what that program is asked to do beside us; files by path."""

    what: str
    program: str
    arguments: tuple[str, ...]
    port: int
    files: Mapping[str, str]
    rows: Mapping[str, str] = {}
    beside: tuple[str, ...] = ()
    """With ``{folder}`` in front of paths; empty where the program is not to be had."""


def names(count: int) -> Iterator[str]:
    """Names as lists have them: sorted by nothing, each once, and the required ones among them."""
    random = Random(7)
    places = {count * (at + 1) // (len(REQUIRED) + 1): name for at, name in enumerate(REQUIRED)}
    words = ("ads", "track", "pixel", "metrics", "cdn", "beacon")
    for number in range(count):
        yield places.get(number) or f"{random.choice(words)}{number:x}.site{random.randrange(200_000)}.example"


def cases() -> Iterator[Case]:
    """Every list, one at a time: two in memory would be measured as well."""
    yield Case(
        "dnsmasq, hosts file",
        "dnsmasq",
        ("dnsmasq",),
        53,
        {
            "/etc/dnsmasq.conf": "no-resolv\nno-hosts\nserver=9.9.9.9\naddn-hosts={folder}/etc/blocked.hosts\n",
            "/etc/blocked.hosts": "".join(f"0.0.0.0 {name}\n" for name in names(ENTRIES)),
        },
        beside=(*ANSWERS, "dnsmasq", "-k", "-C", "{folder}/etc/dnsmasq.conf", "--user=root", "--pid-file="),
    )
    yield Case(
        "dnsmasq, address=",
        "dnsmasq",
        ("dnsmasq",),
        53,
        {
            "/etc/dnsmasq.conf": "no-resolv\nno-hosts\nserver=9.9.9.9\nconf-file={folder}/etc/blocked.conf\n",
            "/etc/blocked.conf": "".join(f"address=/{name}/\n" for name in names(ENTRIES)),
        },
        beside=("dnsmasq", "--test", "-C", "{folder}/etc/dnsmasq.conf"),
    )
    zone = "$TTL 3600\n@ SOA localhost. root.localhost. 1 3600 900 604800 300\n@ NS localhost.\n"
    zone += "".join(f"{name} CNAME .\n" for name in names(ENTRIES))
    unbound = (
        'server:\n chroot: ""\n username: ""\n pidfile: ""\n use-syslog: no\n interface: 0.0.0.0\n'
        ' access-control: 0.0.0.0/0 allow\n module-config: "respip iterator"\n'
        "rpz:\n name: block.example\n zonefile: {folder}/etc/block.zone\n"
    )
    yield Case(
        "unbound, RPZ",
        "unbound",
        ("unbound", "-d"),
        53,
        {"/etc/unbound/unbound.conf": unbound, "/etc/block.zone": zone},
        beside=(*ANSWERS, "unbound", "-d", "-c", "{folder}/etc/unbound/unbound.conf"),
    )
    named = (
        'options { directory "/var/cache/bind"; recursion yes; response-policy { zone "block.example"; }; };\n'
        'zone "block.example" { type primary; file "{folder}/etc/block.zone"; };\n'
    )
    yield Case(
        "named, RPZ",
        "named",
        ("named", "-f"),
        53,
        {"/etc/bind/named.conf": named, "/etc/block.zone": zone},
        beside=("named-checkzone", "block.example", "{folder}/etc/block.zone"),
    )
    del zone
    yield Case(
        "Pi-hole, gravity of two million",
        "pihole-FTL",
        ("/usr/bin/pihole-FTL", "-f"),
        53,
        {
            "/etc/pihole/pihole.toml": '[dns]\nupstreams = ["9.9.9.9"]\n',
            "/etc/pihole/dnsmasq.conf": "no-resolv\nserver=9.9.9.9\n",
        },
        {name: "".join(f"{row}\n" for row in rows) for name, rows in PIHOLE.items()}
        | {"gravity": "".join(f"{name}\t1\n" for name in names(2 * ENTRIES))},
    )
    squid = (
        "visible_hostname gateway\nhttp_port 3128\ncache_log /dev/null\npid_filename none\n"
        'acl blocked dstdomain "{folder}/etc/squid/blocked.list"\nhttp_access deny blocked\nhttp_access allow all\n'
    )
    yield Case(
        "squid, dstdomain",
        "squid",
        ("squid", "-N"),
        3128,
        {
            "/etc/squid/squid.conf": squid,
            "/etc/squid/blocked.list": "".join(f".{name}\n" for name in names(ENTRIES)),
        },
        beside=("squid", "-k", "parse", "-f", "{folder}/etc/squid/squid.conf"),
    )
    home = {
        "dns": {"bind_hosts": ["0.0.0.0"], "port": 53, "upstream_dns": ["9.9.9.9"]},  # noqa: S104 - read, not bound
        "filtering": {"protection_enabled": True, "filtering_enabled": True},
        "filters": [{"enabled": True, "id": 1, "url": "https://lists.example/1.txt", "name": "list"}],
        "schema_version": 29,
    }
    yield Case(
        "AdGuard Home, filter",
        "AdGuardHome",
        ("/opt/AdGuardHome/AdGuardHome", "-s", "run"),
        53,
        {
            "/opt/AdGuardHome/AdGuardHome.yaml": yaml.safe_dump(home),
            "/opt/AdGuardHome/data/filters/1.txt": "! list\n" + "".join(f"||{name}^\n" for name in names(ENTRIES)),
        },
    )


def snapshot(case: Case, folder: Path) -> Path:
    """A recorded gateway whose clients ask a program with that list."""
    recorded = load(ROOT / "tests" / "gateways" / "egress-allow-list")
    proto = "tcp" if case.port == 3128 else "udp"
    listener = {"proto": proto, "address": "0.0.0.0", "port": case.port}  # noqa: S104 - read, not bound
    program = {
        "name": case.program,
        "pid": 7,
        "arguments": list(case.arguments),
        "namespace": "",
        "listeners": [listener],
    }
    answers = {ARTIFACT: json.dumps([program]), "nft.json": json.dumps({"nftables": []})}
    answers |= {f"files{path}": text.replace("{folder}", "", 2) for path, text in case.files.items()}
    for table, rows in case.rows.items():
        columns = "\t".join(TABLES[table])
        answers[artifact_name("/etc/pihole/gravity.db", table)] = f"{columns}\n{rows}"
    artifacts = {name: Artifact(name, Status.OK, text.encode()) for name, text in answers.items()}
    place = folder / "snapshot"
    save(Snapshot(recorded.taken_at, recorded.host, dict(recorded.artifacts) | artifacts), place)
    return place


def itself(case: Case, folder: Path) -> Spent | None:
    """What the program takes to read the same list; None where it is not to be had."""
    names = [one for one in case.beside if shutil.which(one) and "/" not in one]
    if not case.beside or not names or (case.beside[0] == "unshare" and os.geteuid() != 0):
        return None
    for path, text in case.files.items():
        file = Path(f"{folder}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{folder}", str(folder), 2), encoding="utf-8")
    return measure([one.replace("{folder}", str(folder)) for one in case.beside])


def overlooked(place: Path) -> list[str]:
    """The required names of the list that the audit does not stop."""
    argv = (sys.executable, "-m", "agent", "audit", "--format", "json", "--snapshot", str(place))
    report = json.loads(subprocess.run(argv, capture_output=True, check=False, env=environment()).stdout)
    told = {one["because"] for one in report["verdicts"] if one["verdict"] in ("partial", "blocked")}
    return [name for name in REQUIRED if not any(name in because for because in told)]


def main() -> None:
    """Print a table: what an audit takes, whether that is within the limits, and what the program itself takes."""
    print(f"limits: {CPU_LIMIT:g} s of CPU, {PEAK_LIMIT:g} MiB; {ENTRIES} entries; medians of {RUNS}")
    print(f"{'':<32} {'wall s':>7} {'CPU s':>7} {'MiB':>5}   {'itself: wall':>12} {'CPU s':>7} {'MiB':>5}")
    over = []
    for case in cases():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)
            place = snapshot(case, folder)
            spent = measure([sys.executable, "-m", "agent", "audit", "--snapshot", str(place)])
            if gone := overlooked(place):
                over.append(f"{case.what}: does not find {', '.join(gone)}")
            other = itself(case, folder)
        line = f"{case.what:<32} {spent.wall:7.2f} {spent.cpu:7.2f} {spent.peak:5.0f}"
        beside = f"   {other.wall:12.2f} {other.cpu:7.2f} {other.peak:5.0f}" if other else f"   {'-':>12}"
        print(line + beside, flush=True)
        if spent.cpu > CPU_LIMIT or spent.peak > PEAK_LIMIT:
            over.append(f"{case.what}: {spent.cpu:.2f} s, {spent.peak:.0f} MiB")
    print("missed: " + "; ".join(over) if over else "all within the limits")
    print(time.strftime("%Y-%m-%d"))
