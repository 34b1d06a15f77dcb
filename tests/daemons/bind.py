"""Random configurations for BIND, and what we and it say about names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rrset
from dns.rdatatype import AAAA, A

from agent.model.intervals import Intervals, address_value
from agent.model.resolver import Fate, Outcome, View
from agent.resolvers import bind
from agent.snapshot import Artifact, Status
from tests.daemons.answers import agree
from tests.daemons.internet import TYPES, UPSTREAMS, Answer, addresses_of
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    {"addr_info": [{"local": "127.0.0.1", "prefixlen": 8}, {"local": "::1", "prefixlen": 128}], "flags": ["UP"], "ifname": "lo"}
]
DOMAINS = (
    "com", "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com",
    "www.helpdesk.com", "LiveChat.com", "x.y.helpdesk.com", "text.com", "cdn.net", "deep.cdn.net", "akadns.org",
)  # fmt: skip
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com", "www.helpdesk.com",
    "y.helpdesk.com", "x.y.helpdesk.com", "text.com", "new.livechat.com", "new.api.livechat.com", "www.LiveChat.com",
    "b.a.api.livechat.com", "chatbot.com", "other.example.net", "edge.cdn.net",
)  # fmt: skip
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
BLOCKS = ("127.0.0.0/8", "127/8", "127.0.0.0/24", "127.0.1.0/24", "127.0.2.0/24", "127.0.2.9", "127.1/16", "10.0.0.0/8")


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


def taken(files: dict[str, str | bytes], arguments: list[str]) -> Snapshot:
    """What gateproof would have collected."""
    found = snapshot(files, [{"name": "named", "pid": 7, "arguments": arguments, "listeners": []}])
    interfaces = Artifact("ip-addr.json", Status.OK, json.dumps(ADDRESSES).encode())
    return type(found)(found.taken_at, found.host, {**found.artifacts, "ip-addr.json": interfaces})


def foretold(view: View, name: str, family: int) -> Outcome:
    """What becomes of a question when its answer is that of this internet."""
    found = view.way(name, family)
    follower = replace(view, stages=(*view.chain, view.stages[-1])) if view.chain else view
    let_through = found.let_through
    for _ in ALIASES:
        if found.outcome.fate is not Fate.PASSED_ON or name not in ALIASES:
            break
        name = ALIASES[name]
        found = (replace(view, stages=view.stages[-1:]) if let_through else follower).way(name, family)
        let_through = let_through or found.let_through
    outcome = found.outcome
    if name in ALIASES or not found.met:
        return outcome  # others are not asked for its addresses
    last, _ = replace(view, stages=view.stages[-1:]).answer(name, family)
    changes = {_by_address(found.met, server.partition("#")[0], family) for server in last.upstreams or UPSTREAMS}
    if changes == {None}:
        return outcome
    assert len(changes) == 1, "whom it asks is left open, and that matters"
    changed = changes.pop()
    return last if changed.fate is Fate.GOES_ON else changed


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
        self.outcomes: set[str] = set()
        random = self.random
        policies = [f"rpz{number}.test" for number in range(random.choice((0, 1, 1, 2, 3)))]
        lines = [
            "options {", f'  directory "{root}";', "  pid-file none; session-keyfile none; lock-file none;",
            f'  managed-keys-directory "{root}"; listen-on {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};',
            "  dnssec-validation no; empty-zones-enable no;", *self._forwarders(),
        ]  # fmt: skip
        if policies:
            lines += self._response_policy(policies)
        lines += ["};", "controls { };", *self._zones(policies)]
        self.files[self.main] = "\n".join((*lines, ""))

    @property
    def argv(self) -> tuple[str, ...]:
        return ("named", "-f", "-u", "root", "-c", self.main)

    def write(self) -> None:
        """Put the files where the program finds them."""
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _forwarders(self) -> list[str]:
        return [f"  forwarders {{ {UPSTREAMS[0]}; }};", "  forward only;"]

    def _response_policy(self, names: list[str]) -> list[str]:
        random = self.random
        zones = []
        for name in names:
            policy = ""
            if random.random() < 0.25:
                policy = " policy " + random.choice(
                    ("given", "disabled", "passthru", "drop", "nxdomain", "nodata", "tcp-only", "no-op", "cname walled.test")
                )
            zones.append(f'zone "{name}"{policy};')
        return [f"  response-policy {{ {' '.join(zones)} }};"]

    def _zones(self, policies: list[str]) -> list[str]:
        lines = []
        for name in policies:
            self.files[f"{self.root}/{name}.db"] = self._policy(name)
            lines.append(f'zone "{name}" {{ type primary; file "{name}.db"; }};')
        return lines

    def _policy(self, name: str) -> str:
        random = self.random
        records = [f"$ORIGIN {name}." if random.random() < 0.5 else "; no origin", "$TTL 60"]
        records += ["@ SOA localhost. root.localhost. (1 ; words\n 2 3 4 5)", "@ NS localhost."]
        seen: set[str] = set()
        for _ in range(random.randrange(1, 9)):
            owner = random.choice((*DOMAINS, *NAMES, "k.com", "zz.org"))
            owner = random.choice(("", "", "*.")) + owner if random.random() < 0.95 else "*"
            if random.random() < 0.2:
                owner = random.choice(("24.0.100.51.198.rpz-ip", "32.11.100.51.198.rpz-ip", "48.zz.db8.2001.rpz-ip", "128.b.zz.db8.2001.rpz-ip"))
            elif random.random() < 0.1:
                owner = random.choice(("24.0.1.0.127.rpz-client-ip", "8.0.0.0.127.rpz-client-ip", "32.9.2.0.127.rpz-client-ip"))
            if owner.lower() in seen:
                continue
            seen.add(owner.lower())
            value = random.choice(
                (
                    "CNAME .", "CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-tcp-only.", "CNAME rpz-drop.", "A 10.5.5.5",
                    "AAAA fd00::5", "CNAME free.example.org.", "TXT words", "CNAME *.garden.example.",
                )
            )  # fmt: skip
            records.append(
                f"{owner}{random.choice(('', f'.{name}.'))} {random.choice(('', '60 ', '1h IN '))}{value}"
                + random.choice(("", " ; why"))
            )
            if value.startswith("A ") and random.random() < 0.4:
                records.append("\tA 10.5.5.6")
        return "\n".join((*records, ""))


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    piece = bind.read(taken(dict(config.files), list(config.argv)), frozenset())
    assert not piece.gaps, piece.gaps
    (resolver,) = piece.resolvers
    found: list[str] = []
    with world.running(config.argv):
        for client in CLIENTS:
            view = seen(resolver, client)
            for name in NAMES:
                for family in (4, 6):
                    ours = foretold(view, name.lower(), family)
                    theirs = world.ask(name, family, client=client, timeout=0.3)
                    config.outcomes.add(ours.fate)
                    if not agree(ours, family, theirs):
                        found.append(f"{client} {name} IPv{family}: {theirs}; we say {ours}")
    return found


def seen(resolver: Resolver, client: str) -> View:
    """The view of one client."""
    family, value = address_value(client)
    (view,) = resolver.views_of(family, Intervals.single(value))
    return view


__all__ = ["Answer", "Config", "disagreements"]
