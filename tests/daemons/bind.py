"""Random configurations for BIND, and what we and it say about names."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rrset
from dns.rdatatype import AAAA, A

from agent.model.intervals import Intervals, address_value
from agent.model.resolver import AddressList, Fate, Outcome, RuleList, View
from agent.resolvers import bind
from agent.snapshot import Artifact, Status
from tests.daemons.answers import agree
from tests.daemons.internet import PATIENCE, TYPES, addresses_of
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dns.message import Message

    from agent.model.resolver import AddressRule, Resolver
    from agent.snapshot import Snapshot
    from tests.daemons.internet import Internet

ALIASES = {
    "www.livechat.com": "edge.cdn.net",
    "edge.cdn.net": "deep.cdn.net",
    "cdn.livechat.com": "livechat.com.akadns.org",
    "www.helpdesk.com": "api.livechat.com",
}
"""Aliases in the answers of the internet, whoever is asked."""
ADDRESSES = [
    {
        "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}, {"local": "::1", "prefixlen": 128}],
        "flags": ["UP"],
        "ifname": "lo",
    }
]
DOMAINS = (
    "com", "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com",
    "www.helpdesk.com", "LiveChat.com", "x.y.helpdesk.com", "text.com", "cdn.net", "deep.cdn.net", "akadns.org",
)  # fmt: skip
ZONES = sorted({name.lower() for name in DOMAINS})
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com", "www.helpdesk.com",
    "y.helpdesk.com", "x.y.helpdesk.com", "text.com", "new.livechat.com", "new.api.livechat.com", "www.LiveChat.com",
    "b.a.api.livechat.com", "chatbot.com", "other.example.net", "edge.cdn.net",
)  # fmt: skip
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
BLOCKS = ("127.0.0.0/8", "127/8", "127.0.0.0/24", "127.0.1.0/24", "127.0.2.0/24", "127.0.2.9", "127.1/16", "10.0.0.0/8")
HEAD = ("$TTL 60", "@ SOA localhost. root.localhost. (1 ; words\n 2 3 4 5)", "@ NS localhost.")
ADDRESS_TRIGGERS = (
    "24.0.100.51.198.rpz-ip", "32.11.100.51.198.rpz-ip", "32.12.100.51.198.rpz-ip", "48.zz.db8.2001.rpz-ip",
    "128.11.zz.db8.2001.rpz-ip", "8.0.0.0.10.rpz-ip", "24.11.100.51.198.rpz-ip",
)  # fmt: skip
CLIENT_TRIGGERS = (
    "24.0.0.0.127.rpz-client-ip",
    "8.0.0.0.127.rpz-client-ip",
    "32.9.2.0.127.rpz-client-ip",
    "24.0.1.0.127.rpz-client-ip",
)
ACTIONS = (
    "CNAME .", "CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-tcp-only.", "CNAME rpz-drop.", "A 10.5.5.5",
    "AAAA fd00::5", "CNAME free.example.org.", "TXT words", "CNAME *.garden.example.", "CNAME text.com.", "CNAME *.livechat.com.",
)  # fmt: skip
ROOT = ("127.0.0.13",)
"""Whom it asks where it is told no servers: that of the hints, which answers all questions itself."""
TRIES = 3
OPEN_ENDS = ("is known already", "a disabled policy zone has triggers", "is not loaded: ")
"""What depends on more than the configuration."""
PASSED = Outcome(Fate.PASSED_ON)


def reply(query: Message, upstream: str) -> Message:
    """Answer with aliases, and with the server's own addresses."""
    answer = dns.message.make_response(query, recursion_available=True)
    answer.flags |= dns.flags.AA
    question = query.question[0]
    family = {A: 4, AAAA: 6}.get(question.rdtype)
    name = question.name
    while family and (target := ALIASES.get(name.to_text(omit_final_dot=True).lower())):
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", f"{target}."))
        name = dns.name.from_text(target)
    if family:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", TYPES[family], addresses_of(upstream)[family]))
    return answer


def taken(files: dict[str, str | bytes], arguments: list[str], *gone: str) -> Snapshot:
    """What gateproof would have collected."""
    found = snapshot(files, [{"name": "named", "pid": 7, "arguments": arguments, "listeners": []}])
    more = {"ip-addr.json": Artifact("ip-addr.json", Status.OK, json.dumps(ADDRESSES).encode())}
    for path in gone:
        more[f"files{path}"] = Artifact(f"files{path}", Status.ABSENT)
    return replace(found, artifacts={**found.artifacts, **more})


def foretold(view: View, name: str, family: int) -> Outcome:
    """What becomes of a question when the answers of others are those of this internet."""
    last = view.stages[-1] if view.chain else None
    if isinstance(last, RuleList) and last.rules[:1] and last.rules[0].outcome.fate is Fate.NODATA:
        rest = RuleList(tuple(rule for rule in last.rules if rule.outcome.fate is not Fate.NODATA))
        end = foretold(replace(view, stages=(*view.stages[:-1], rest)), name, family)
        kept = end.fate is Fate.PASSED_ON and family in last.rules[0].families
        return last.rules[0].outcome if kept else end  # left out of what is found in the end
    found = view.way(name, family)
    asking = replace(view, stages=view.stages[-1:])
    follower = replace(view, stages=(*view.chain, view.stages[-1])) if view.chain else view
    unpoliced = replace(follower, stages=(*view.chain_let_through, *view.stages[-1:]), chain=view.chain_let_through)
    let_through = False
    for _ in range(len(ALIASES) + 2):
        let_through = let_through or found.let_through
        outcome = found.outcome
        if view.chain and not outcome.here:
            passed, _ = asking.answer(name, family)
            servers = [one.partition("#")[0] for one in passed.upstreams or ROOT]
            if _fails(view, name, family, servers):
                return Outcome(Fate.FAILED)
            changes = {None if name in ALIASES else _by_address(found.met, server, family) for server in servers}
            assert len(changes) == 1, "whom it asks is left open, and that matters"
            if changed := changes.pop():
                outcome = asking.answer(name, family)[0] if changed.fate is Fate.GOES_ON else changed
        if outcome.fate is Fate.ALIAS and outcome.target not in ("", name):
            end = foretold(follower if outcome.here and not let_through else unpoliced, outcome.target, family)
            return outcome if end.fate is Fate.PASSED_ON else end
        if outcome.here or outcome.fate is not Fate.PASSED_ON or name not in ALIASES:
            return outcome
        name = ALIASES[name]
        found = (unpoliced if let_through else follower).way(name, family)
    raise AssertionError("aliases lead round in a circle")


def _fails(view: View, name: str, family: int, servers: Sequence[str]) -> bool:
    """Whether the answer of others counts as none."""
    if replace(view, stages=view.chain_let_through, otherwise=PASSED).answer(name, family)[0] != PASSED:
        return False  # it is served here
    for stage in view.failing:
        if isinstance(stage, AddressList):
            met = stage.met_by(name, family)
            if name not in ALIASES and any(_by_address(met, server, family) for server in servers):
                return True
        elif name in ALIASES and stage.find(ALIASES[name], family):
            return True
    return False


def _by_address(met: Sequence[AddressRule], server: str, family: int) -> Outcome | None:
    """What the first rule says about the addresses that a server gives."""
    _, value = address_value(addresses_of(server)[family])
    return next((one.outcome for one in met if one.family == family and value in one.addresses), None)


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.main = f"{root}/named.conf"
        self.files: dict[str, str] = {}
        random = self.random
        self.policies = [f"rpz{number}.test" for number in range(random.choice((0, 1, 1, 2, 3)))]
        for name in self.policies:
            self.files[f"{root}/db/{name}"] = self._policy(name)
        lines = [
            "options {", f'  directory "{root}";', "  pid-file none; session-keyfile none; lock-file none;",
            f'  managed-keys-directory "{root}"; listen-on {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};',
            "  dnssec-validation no; empty-zones-enable no; servfail-ttl 0;",
        ]  # fmt: skip
        self.forwards = random.random() < 0.8
        if self.forwards:
            lines.append(f"  forwarders {{ 127.0.0.11; }}; forward {random.choice(('only', 'first'))};")
        self.shared: list[str] = []
        views = random.random() < 0.35
        self.denied = self._denied()
        inside = [*self._access(), *self.denied]
        if self.policies:
            inside += self._response_policy()
        lines += [f"  {line}" for line in inside] + [random.choice(("};", "} ;")), "controls { };"]
        lines += ["acl inner { 127.0.1.0/24; !127.0.2.9; 127.0.2.0/24; };", 'acl "outer" { !inner; 127/8; };']
        if not views and "deny" not in str(lines) and random.random() < 0.2:
            lines.append(f'plugin query "filter-aaaa.so" {{ filter-aaaa-on-v4 yes; filter-aaaa {self._list()} }};')
        if views:
            lines += self._view("one", f"match-clients {self._list()}")
            lines += self._view("two", "match-clients { 127.0.0.0/16; }; match-destinations { localhost; }")
        else:
            lines += self._zones()
        self.log = root / "log"
        self.reloads = len(self.policies) * (2 if views else 1)
        lines.append(f'logging {{ channel kept {{ file "{self.log}"; }}; category default {{ kept; }}; }};')
        self.files[self.main] = "\n".join((*lines, ""))

    @property
    def argv(self) -> tuple[str, ...]:
        return ("named", "-f", "-u", "root", "-c", self.main)

    def write(self) -> None:
        """Put the files where the program finds them."""
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def wait(self) -> None:
        """Until the program has taken in its zones and policies: it answers before."""
        deadline = time.monotonic() + PATIENCE
        said = ""
        while said.count(": reload done") < self.reloads or "all zones loaded" not in said:
            assert time.monotonic() < deadline, said
            time.sleep(0.01)
            said = self.log.read_text(encoding="utf-8", errors="replace")

    def _list(self) -> str:
        random = self.random
        elements = random.sample(
            (*BLOCKS, "inner", "outer", "localhost", "localnets", "none", "{ !127.0.2.9; 127.0.2.0/24; }"),
            random.randrange(1, 4),
        )
        marked = [random.choice(("", "", "", "! ", "!")) + one for one in elements]
        return f"{{ {'; '.join((*marked, random.choice(('any', '127.0.0.1'))))}; }};"

    def _access(self) -> list[str]:
        random = self.random
        lists = ("allow-query", "allow-recursion", "allow-query-cache")
        lines = [f"{name} {self._list()}" for name in lists if random.random() < 0.12]
        if random.random() < 0.1:
            lines.append("recursion no;")
        if random.random() < 0.1:
            lines.append("blackhole { 127.1.0.0/16; };")
        return lines

    def _denied(self) -> list[str]:
        random = self.random
        lines = []
        if random.random() < 0.1:
            but = random.choice(("", ' except-from { "livechat.com"; }'))
            lines.append(f"deny-answer-addresses {{ 198.51.100.0/24; }}{but};")
        if self.forwards and random.random() < 0.1:
            lines.append('deny-answer-aliases { "cdn.net"; };')
        return lines

    def _response_policy(self) -> list[str]:
        random = self.random
        zones = []
        for name in random.sample(self.policies, len(self.policies)):
            policy = random.choice(
                (
                    "given",
                    "disabled",
                    "passthru",
                    "drop",
                    "nxdomain",
                    "nodata",
                    "tcp-only",
                    "no-op",
                    "cname walled.test",
                )
            )
            text = self.files[f"{self.root}/db/{name}"]
            if policy == "drop" and ("\n*" in text or "client-ip" in text):
                policy = "nxdomain"  # the program shall answer the first question
            words = f" policy {policy}" if random.random() < 0.25 else ""
            words += random.choice(("", "", " log no", " recursive-only no", " max-policy-ttl 5"))
            zones.append(f"zone {random.choice((name, chr(34) + name + chr(34)))}{words};")
        waits = not any("deny" in line for line in self.denied) and random.random() < 0.3
        after = (
            " qname-wait-recurse no"
            if waits
            else random.choice(
                ("", "", " qname-wait-recurse yes", " break-dnssec yes", " recursive-only no", " nsip-enable no")
            )
        )
        return [f"response-policy {{ {' '.join(zones)} }}{after};"]

    def _view(self, name: str, match: str) -> list[str]:
        inside = self._zones()
        if self.random.random() < 0.3:
            inside.append(
                self.random.choice(("recursion no;", "forwarders { 127.0.0.12; };", "allow-recursion { any; };"))
            )
        return [f'view "{name}" {{', f"  {match.rstrip(';')};", *(f"  {line}" for line in inside), "};"]

    def _zones(self) -> list[str]:
        """Zones for policies, served ones and forwarded ones; some in a file that is included."""
        random = self.random
        primary = random.choice(("primary", "master"))
        lines = [f'zone "{name}" {{ type {primary}; file "db/{name}"; }};' for name in self.policies]
        lines += [self._zone(name) for name in random.sample(ZONES, random.choice((0, 0, 1, 2, 3)))]
        if random.random() < 0.15:
            path = f"{self.root}/db/redirect"
            self.files[path] = "\n".join(
                (*HEAD, ("*" if self.policies else random.choice(("*", "*.com"))) + " A 10.7.7.7", "")
            )
            lines.append('zone "." { type redirect; file "db/redirect"; };')
        if not self.forwards:
            self.files[f"{self.root}/db/hints"] = ". 60 NS ns.root.test.\nns.root.test. 60 A 127.0.0.13\n"
            lines.append('zone "." { type hint; file "db/hints"; };')
        for name in self.shared:
            text = str(lines).lower()
            free = not any(start + name + end in text for start, end in (('"', '"'), ('"', "."), ("zone ", " ")))
            if free and random.random() < 0.5:
                lines.append(f'zone "{name}" {{ in-view "one"; }};')
        random.shuffle(lines)
        taken = [lines.pop() for _ in range(random.randrange(len(lines) + 1))] if random.random() < 0.3 else []
        if taken:
            number = len(self.files)
            self.files[f"{self.root}/inc{number}/a.conf"] = "\n".join(taken[:1]) + "\n/* the\nend */"
            self.files[f"{self.root}/inc{number}/b.conf"] = "\n".join(taken[1:]) + "\t# the end"
            lines.append(f'include "{random.choice((str(self.root) + "/", ""))}inc{number}/*.conf";')
        return lines

    def _zone(self, name: str) -> str:
        random = self.random
        kind = random.choice(("primary", "primary", "primary", "forward", "static-stub", "gone"))
        if kind == "static-stub" and name in (*NAMES, *ALIASES.values()):
            kind = "forward"  # at the top of a stub zone it looks at names in all policies before addresses
        match kind:
            case "primary":
                path = f"db/{name}-{len(self.files)}"
                self.files[f"{self.root}/{path}"] = self._contents(name)
                alone = " forwarders { };" if " NS ns" not in self.files[f"{self.root}/{path}"] else ""
                self.shared.append(name)
                more = random.choice(("", "", alone, f" allow-query {self._list()}"))
                return f'zone "{name}" IN {{ type master; file "{path}";{more} }};'
            case "forward":
                port = random.choice(("", " port 53"))
                return f'zone "{name.upper()}." {{ type forward; forwarders{port} {{ 127.0.0.12{random.choice(("", " port 53"))}; }}; }};'
            case "static-stub":
                own = random.choice(("", " forwarders { };"))
                return f"zone {name} {{ type static-stub; server-addresses {{ 127.0.0.13; }};{own} }}; // stub"
            case _:
                return f'zone "{name}" {{ type primary; file "db/gone"; }};'

    def _contents(self, name: str) -> str:
        random = self.random
        records = [*HEAD, "@ A 10.3.3.3"][: random.choice((4, 5, 5))]
        seen = {"@"}
        for _ in range(random.randrange(6)):
            inside = [
                one.lower().removesuffix(f".{name}") for one in (*DOMAINS, *NAMES) if one.lower().endswith(f".{name}")
            ]
            owner = random.choice(("", "", "*.")) + random.choice((*inside, "x", "new"))
            if owner in seen:
                continue
            seen.add(owner)
            value = random.choice(
                (
                    "A 10.4.4.4",
                    "A 10.4.4.4",
                    "AAAA fd00::4",
                    "CNAME edge.cdn.net.",
                    "CNAME text.com.",
                    "CNAME @",
                    "TXT words",
                    "NS ns.elsewhere.test.",
                )
            )
            cut = value.startswith("NS")
            if not (cut and (owner.startswith("*") or not self.forwards)):  # the root knows no names of servers
                records.append(f"{owner} {value}")
        return "\n".join((*records, ""))

    def _policy(self, name: str) -> str:
        random = self.random
        records = [f"$ORIGIN {name}." if random.random() < 0.5 else "; no origin", *HEAD]
        seen: set[str] = set()
        for _ in range(random.randrange(1, 9)):
            owner = random.choice((*DOMAINS, *NAMES, "k.com", "zz.org"))
            owner = random.choice(("", "", "*.")) + owner if random.random() < 0.95 else "*"
            if random.random() < 0.2:
                owner = random.choice(ADDRESS_TRIGGERS)
            elif random.random() < 0.1:
                owner = random.choice(CLIENT_TRIGGERS)
            value = random.choice(ACTIONS)
            if owner in ADDRESS_TRIGGERS and value == ACTIONS[-1]:
                continue  # what becomes of it depends on names that no question has
            if owner.lower() in seen or (owner in ("*", *CLIENT_TRIGGERS[:2]) and "drop" in value):
                continue
            seen.add(owner.lower())
            records.append(
                f"{owner}{random.choice(('', f'.{name}.'))} {random.choice(('', '60 ', '1h IN '))}{value}"
                + random.choice(("", " ; why"))
            )
            if value.startswith("A ") and random.random() < 0.4:
                records.append("\tA 10.5.5.6")
        if random.random() < 0.05:
            records.append(random.choice(("livechat.com A 10.5.5", "a_b.com A 10.5.5.5", "@ A 10.0.0.1\n@ CNAME x.")))
        return "\n".join((*records, ""))


def questions() -> Iterator[tuple[str, str, int]]:
    """Who asks for which name and family."""
    return product(CLIENTS, NAMES, (4, 6))


def expected(config: Config) -> dict[tuple[str, str, int], Outcome]:
    """What we say to every question."""
    piece = bind.KIND.read(taken(dict(config.files), list(config.argv), f"{config.root}/db/gone"), frozenset())
    assert not piece.gaps, piece.gaps
    (resolver,) = piece.resolvers
    views = {client: seen(resolver, client) for client in CLIENTS}
    return {
        (client, name, family): foretold(views[client], name.lower(), family) for client, name, family in questions()
    }


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    found: list[str] = []
    ours = expected(config)
    with world.running(config.argv):
        config.wait()
        for client, name, family in questions():
            outcome = ours[client, name, family]
            patience = 0.1 if outcome.fate is Fate.DROPPED else 3.0
            for _ in range(TRIES):  # a policy may need a moment more; on a busy machine others answer late
                theirs = world.ask(name, family, client=client, timeout=patience)
                depends = outcome.fate is Fate.UNKNOWN and any(words in outcome.because for words in OPEN_ENDS)
                if depends or agree(outcome, family, theirs):
                    break
                time.sleep(0.2)
            else:
                found.append(f"{client} {name} IPv{family}: {theirs}; we say {outcome}")
    return found


def seen(resolver: Resolver, client: str) -> View:
    """The view of one client."""
    family, value = address_value(client)
    (view,) = resolver.views_of(family, Intervals.single(value))
    return view
