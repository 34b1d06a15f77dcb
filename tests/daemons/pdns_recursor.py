"""Random configurations for PowerDNS Recursor, and what we and it say about names."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from agent.model.intervals import Intervals, address_value
from agent.model.resolver import Fate
from agent.resolvers import pdns_recursor
from agent.snapshot import Artifact, Status
from agent.snapshot.programs import unit_of
from tests.daemons.answers import agree, followed
from tests.daemons.internet import ALIASES, UPSTREAMS, Answer, Internet, aliased
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.snapshot import Snapshot

REPLY = aliased
DOMAINS = (
    "com", "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com",
    "www.helpdesk.com", "LiveChat.com", "x.y.helpdesk.com", "text.com", "cdn.example", "pop.cdn.example",
    "edge.cdn.example",
)  # fmt: skip
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com", "www.helpdesk.com",
    "y.helpdesk.com", "x.y.helpdesk.com", "text.com", "static.text.com", "new.livechat.com", "new.api.livechat.com",
    "CDN.livechat.com", "b.a.api.livechat.com", "new.helpdesk.com", "pop.cdn.example", "chatbot.com",
)  # fmt: skip
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
BLOCKS = ("24.0.1.0.127", "32.9.2.0.127", "16.0.0.1.127", "23.0.2.0.127")
"""Of clients, but for that of which every test asks whether the program is there."""
ANSWERS = (
    "32.11.100.51.198", "24.0.100.51.198", "32.12.100.51.198", "128.11.zz.db8.2001", "32.zz.db8.2001", "28.16.100.51.198",
)  # fmt: skip


class Config:
    """The files of one random configuration: paths below ``root`` to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        lines = [
            "local-address=127.0.0.1",
            "# comment",
            f"  socket-dir = {root}" if random.random() < 0.5 else f"socket-dir={root} # here",
            "dnssec=off",
            "dont-query=",
            "write-pid=no",
            "disable-packetcache=yes",
            "security-poll-suffix=",
            "qname-minimization=no",  # else the addresses of names above count for those below (see views.py)
            *(("dns64-prefix=64:ff9b::/96",) if random.random() < 0.2 else ()),
            f"threads={random.choice((1, 1, 2))}",
            f"serve-rfc1918={random.choice(('yes', 'no'))}",
            *self._allowed(),
            *self._forwards(),
            *self._served(),
            *self._hosts(),
        ]
        more = [lines.pop() for _ in range(random.randrange(4))] if random.random() < 0.4 else []
        if more:
            lines.append(f"include-dir={self.path('more')}")
            more.reverse()
            self.files[self.path("more/b.conf")] = "\n".join(more) + "\n"
            self.files[self.path("more/A.conf")] = "allow-from=10.0.0.0/8\nforward-zones=text.com=127.0.0.13\n"
            self.files[self.path("more/.hidden.conf")] = "forward-zones=livechat.com=127.0.0.13\n"
            if not any(line.startswith("allow-from=") for line in more):
                more = ["allow-from=127.0.0.0/8, 10.0.0.0/8", *more]
            if not any(line.startswith("forward-zones=") for line in more):
                more = ["forward-zones=", *more]
            self.files[self.path("more/b.conf")] = "\n".join(more) + "\n"
        lua = [line for _ in range(random.choice((0, 1, 1, 2, 3))) for line in self._policy()]
        if lua or random.random() < 0.3:
            lines.append(f"lua-config-file={self.path('config.lua')}")
            self.files[self.path("config.lua")] = "-- policies\n--[[ long\n comment ]]\n" + "\n".join(lua) + "\n"
        self.extra = random.choice(((), (), (), (f"--forward-zones=text.com={UPSTREAMS[2]}",), ("--allow-from+=::1",)))
        if "allow-from=" in (*lines, *more):
            self.extra = ()  # nothing to add to
        if not any("rpz-client-ip" in text for text in self.files.values()) and random.random() < 0.5:
            lines.remove("disable-packetcache=yes")  # kept answers are everybody's
        self.files[self.path("recursor.conf")] = "\n".join(lines) + "\n"

    @property
    def argv(self) -> tuple[str, ...]:
        return ("pdns_recursor", f"--config-dir={self.root}", "--daemon=no", *self.extra)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _allowed(self) -> list[str]:
        match self.random.randrange(5):
            case 0:
                return []
            case 1:
                return ["allow-from=10.0.0.0/8", "allow-from+=127.0.0.0/8, !127.0.2.0/24"]
            case 2:
                self.files[self.path("allowed")] = "127.0.0.0/16\n# 127.1.0.0/16\n10.0.0.0/8 # home\n"
                return [f"allow-from-file={self.path('allowed')}"]
            case 3:
                return ["allow-from=127.0.0.0/24, 127.0.2.9, \\\n  127.1.0.0/16"]
            case _:
                return ["allow-from="]

    def _forwards(self) -> list[str]:
        random = self.random
        lines = [f"forward-zones-recurse={random.choice(('.', '.', '')) or '.'}={UPSTREAMS[0]}"]
        some = random.sample(DOMAINS[1:10], random.randrange(3))
        if some:
            pairs = [f"{name}={random.choice(UPSTREAMS[1:])}{random.choice(('', ':53'))}" for name in some]
            lines.append(f"forward-zones={random.choice((', ', ' ', ',')).join(pairs)}")
        if random.random() < 0.3:
            name = random.choice(DOMAINS[1:10])
            self.files[self.path("forwards")] = (
                f"# by name\n\n+{name}.={UPSTREAMS[1]} # there\n ^+x.{name} = {UPSTREAMS[2]}\n"
            )
            lines.append(f"forward-zones-file={self.path('forwards')}")
        return lines

    def _served(self) -> list[str]:
        random = self.random
        if random.random() > 0.3:
            return []
        zone = random.choice(("livechat.com", "helpdesk.com", "text.com"))
        records = ["@ 60 IN SOA a. b. 1 2 3 4 5", "@ NS ns.example."]
        for _ in range(random.randrange(5)):
            owner = random.choice(("@", "api", "*.api", "y", "new", "*", f"cdn.{zone}."))
            records.append(f"{owner} {random.choice(('A 10.1.1.1', 'AAAA fd00::1', 'TXT words', 'A 203.0.113.7'))}")
        if random.random() < 0.4:
            records.append("www CNAME pop.cdn.example.")
        self.files[self.path("served")] = "$TTL 60\n" + "\n".join(records) + "\n"
        return [f"auth-zones={zone}={self.path('served')}"]

    def _hosts(self) -> list[str]:
        random = self.random
        if random.random() > 0.3:
            return []
        text = "".join(
            f"{random.choice(('10.3.3.3', 'fd00::3', '203.0.113.9'))} {name} plain\n"
            for name in random.sample(NAMES, 2)
        )
        self.files[self.path("hosts")] = f"# names\n{text}nonsense text.com\n"
        lines = ["export-etc-hosts=yes", f"etc-hosts-file={self.path('hosts')}"]
        return [*lines, "export-etc-hosts-search-suffix=helpdesk.com"] if random.random() < 0.5 else lines

    def _policy(self) -> list[str]:
        random = self.random
        name = f"rpz{len(self.files)}.test"
        path = self.path(f"{name}.zone")
        options = [f'policyName="{name}"']
        defpol = ""
        if random.random() < 0.25:
            defpol = random.choice(("NXDOMAIN", "NODATA", "NoAction", "Custom", "Truncate"))
            options.append(f"defpol=Policy.{defpol}")
            if defpol == "Custom":
                options.append("defcontent='free.example.org', defttl=5")
            if random.random() < 0.5:
                options.append(f"defpolOverrideLocalData={random.choice(('true', 'false'))}")
        options += random.sample(("maxTTL=60", "zoneSizeHint = 100", 'tags={"one", "two"}', "overridesGettag=false"), 1)
        self.files[path] = self._zone(name, again=defpol in ("", "Custom"))
        call = f'rpzFile("{path}", {{{", ".join(options)}}})'
        if random.random() < 0.2:  # nobody is there to send it; it begins with what was saved
            options += [f"seedFile='{path}'", f"dumpFile='{path}'", "refresh=600"]
            server = random.choice(('"127.0.0.99"', '{"127.0.0.99", "127.0.0.98"}'))
            return [f'{random.choice(("rpzPrimary", "rpzMaster"))}({server}, "{name}.", {{{", ".join(options)}}})']
        return [random.choice((call, f"local path = '{path}'\nrpzFile(path, {{ {'; '.join(options)} }}) -- here"))]

    def _zone(self, name: str, *, again: bool) -> str:
        random = self.random
        origin = [f"$ORIGIN {name}."] if random.random() < 0.5 else []
        end = "" if origin else f".{name}."
        first = (
            "@ 60 IN SOA localhost. root.localhost. (1 ; words\n 2 3 4 5)"
            if origin
            else f"{name}. 60 IN SOA a. b. 1 2 3 4 5"
        )
        records = [*origin, "$TTL 60", first]
        owners: dict[str, str] = {}
        for _ in range(random.randrange(1, 9)):
            kind = random.random()
            if kind < 0.72:
                owner = random.choice((*DOMAINS, *NAMES)).lower()
                owner = random.choice(("", "", "*.")) + owner if random.random() < 0.95 else "*"
            elif kind < 0.82:
                owner = f"{random.choice(BLOCKS)}.rpz-client-ip"
            elif kind < 0.94:
                owner = f"{random.choice(ANSWERS)}.rpz-ip"
            elif kind < 0.97:
                owner = f"{random.choice(('32.12.0.0.127', '24.0.1.0.127'))}.rpz-nsip"
            else:
                owner = "ns.elsewhere.example.rpz-nsdname"
            value = random.choice(
                (
                    "CNAME .",
                    "CNAME .",
                    "CNAME *.",
                    "CNAME rpz-passthru.",
                    "CNAME rpz-passthru.",
                    "CNAME rpz-tcp-only.",
                    "A 10.5.5.5",
                    "AAAA fd00::5",
                    "CNAME free.example.org.",
                    "CNAME pop.cdn.example.",
                    "TXT words",
                    "CNAME *.garden.example.",
                    "CNAME rpz-future.",
                    "CNAME rpz-drop.",
                )
            )
            if owner in owners or (value.endswith("drop.") and (owner == "*" or owner.endswith("ip"))):
                continue
            if "pop." in value and (owner == "*" or owner.endswith(("cdn.example", "ip"))):
                continue  # an alias of itself
            owners[owner] = value
            records.append(
                f"{owner}{end} {random.choice(('', '60 ', '60 IN '))}{value}" + random.choice(("", " ; why"))
            )
            if again and value.startswith("A ") and not owner.endswith("ip") and random.random() < 0.4:
                records.append("\tA 10.5.5.6")
        return "\n".join((*records, ""))


def collected(files: Mapping[str, str | bytes], argv: tuple[str, ...], root: str) -> Snapshot:
    """A snapshot of a recursor that runs with these files."""
    taken = snapshot(files, [{"name": "pdns_recursor", "pid": 7, "arguments": list(argv), "listeners": []}])
    gone = (f"files{root}/recursor.yml", f"files{unit_of('pdns-recursor')}")
    return replace(taken, artifacts={**{name: Artifact(name, Status.ABSENT) for name in gone}, **taken.artifacts})


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    taken = collected(config.files, config.argv, str(config.root))
    assert not list(pdns_recursor.KIND.wants(taken)), "every file was there"
    piece = pdns_recursor.KIND.read(taken, frozenset())
    assert not piece.gaps, piece.gaps
    (resolver,) = piece.resolvers
    found: list[str] = []
    with world.running(config.argv):
        for client in CLIENTS:
            (view,) = resolver.views_of(4, Intervals.single(address_value(client)[1]))
            for name in NAMES if view.serves else NAMES[:2]:
                for family in (4, 6):
                    ours, rule = followed(view, name.lower(), family, ALIASES)
                    theirs = world.ask(name, family, client=client, timeout=0.12 if ours.fate is Fate.DROPPED else 3.0)
                    if theirs.rcode in ("14", "SERVFAIL"):  # where a trigger for a server sends it to TCP
                        theirs = Answer("TIMEOUT")
                    if not agree(ours, family, theirs):
                        found.append(f"{client} {name} IPv{family}: {theirs}; we say {ours} by {rule and rule.source}")
    return found
