"""Random configurations for Knot Resolver, and what we and it say about names."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from agent.model.intervals import Intervals, address_value
from agent.resolvers import knot_resolver
from agent.snapshot import Artifact, Status
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
    "www.helpdesk.com", "LiveChat.com", "x.y.helpdesk.com", "text.com", "pop.cdn.example", "edge.cdn.example",
)  # fmt: skip
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com", "www.helpdesk.com",
    "y.helpdesk.com", "x.y.helpdesk.com", "text.com", "static.text.com", "new.livechat.com", "new.api.livechat.com",
    "CDN.livechat.com", "b.a.api.livechat.com", "new.helpdesk.com", "pop.cdn.example", "chatbot.com",
)  # fmt: skip
INTEREST = frozenset(name.lower() for name in NAMES) | frozenset(ALIASES) | frozenset(ALIASES.values())
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
BLOCKS = ("127.0.1.0/24", "127.0.2.9", "127.0.2.0/23", "127.1.0.0/16", "127.0.0.0/8", "::/0")
PATTERNS = (
    r"\4text\3com",
    r"chat",
    r"^\3new",
    r"\3api\8livechat\3com\0",
    "[a-c]pi",
    r"%a%d",
    r"\8l.*\3com%z$",
    "^.chatbot",
)
END = (
    "PASS", "DENY", "DENY", "REFUSE", "DROP", "TC", "DENY_MSG('not here')", "DENY_MSG()", "STUB('127.0.0.12')",
    "FORWARD('127.0.0.13@53')", "FORWARD({'127.0.0.12'})", "QTRACE", "FLAGS({'NO_MINIMIZE'})",
    "ANSWER({ [kres.type.A] = { rdata = kres.str2ip('10.6.6.6'), ttl = 5 } })",
    "ANSWER({ [kres.type.AAAA] = { rdata = { kres.str2ip('fd00::6'), kres.str2ip('fd00::7') } } }, true)",
    "ANSWER({}, true)",
)  # fmt: skip


class Config:
    """The files of one random configuration: paths below ``root`` to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        self.main = f"{root}/kresd.conf"
        lines = [line for _ in range(random.randrange(1, 7)) for line in self._lines()]
        tail = random.choice(
            (
                f"policy.add(policy.all(policy.FORWARD('{UPSTREAMS[0]}')))",
                f"policy.add(policy.suffix(policy.STUB('{UPSTREAMS[0]}'), {{todname('.')}}))",
                f"policy.add(policy.all(policy.FORWARD({{ '{UPSTREAMS[0]}@53' }})))",
            )
        )
        hints = [line for _ in range(random.randrange(3)) for line in self._hints()]
        if any(word in line for line in lines for word in ("PASS", "TC", " pass", "rpz(")):
            # without servers to ask, an alias of the same zone is taken as it comes in the answer
            hints = [line for line in hints if "cdn.example" not in line and "hosts" not in line]
        reroute = f"policy.add(policy.all(policy.REROUTE({{ ['198.51.100.{random.choice((11, 12))}/32'] = '10.0.0.7' }})), true)"
        head = [
            "-- a comment",
            "net.listen('127.0.0.1', 53, { kind = 'dns' })",
            "trust_anchors.remove('.')",
            random.choice(
                (
                    "modules = { 'hints > iterate', 'view', 'stats' }",
                    "modules = {\n  'hints',  -- names\n  view = true;\n}",
                    "modules.load('hints > iterate')\nmodules.load 'view'",
                )
            ),
            "cache.size = 10*MB",
            "policy.add(policy.all(policy.FLAGS('NO_CACHE')))",  # else an alias is followed where another was looked up
            f"hints.root({{ ['k.root-servers.net.'] = '{UPSTREAMS[0]}' }})",
        ]
        self.files[self.main] = "\n".join(
            (
                *head,
                *hints,
                *lines,
                *(
                    (reroute,)
                    if random.random() < 0.4 and not hints and not any(line.startswith("view") for line in lines)
                    else ()
                ),
                tail,
                "",
            )
        )

    @property
    def argv(self) -> tuple[str, ...]:
        return ("kresd", "-n", "-c", self.main, str(self.root))

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _action(self) -> str:
        return f"policy.{self.random.choice(END)}"

    def _names(self) -> str:
        some = self.random.sample(DOMAINS[1:], self.random.choice((1, 1, 2)))
        if self.random.random() < 0.3:
            quoted = ", ".join(f'"{name}"' for name in some)
            return f"policy.todnames({{{quoted}}})"
        return "{" + ", ".join(f"todname('{name}{self.random.choice(('', '.'))}')" for name in some) + "}"

    def _rule(self) -> str:
        random = self.random
        match random.randrange(10):
            case 0 | 1 | 2 | 3:
                return f"policy.suffix({self._action()}, {self._names()})"
            case 4:
                return f"policy.suffix_common({self._action()}, {{todname('helpdesk.com'), todname('livechat.com')}}, todname('com'))"
            case 5 | 6:
                return f"policy.domains({self._action()}, {self._names()})"
            case 7:
                return f"policy.pattern({self._action()}, '{random.choice(PATTERNS)}')"
            case _:
                return self._zone()

    def _zone(self) -> str:
        random = self.random
        path = self.path(f"rpz{len(self.files)}.zone")
        records = ["$ORIGIN rpz.test.", "@ 60 IN SOA a. b. 1 2 3 4 5 ; words"]
        if random.random() < 0.3:
            records = ["rpz.test. 60 IN SOA a. b. (1 2 ; words", " 3 4 5)", "$ORIGIN rpz.test."]
        for _ in range(random.randrange(1, 8)):
            owner = random.choice((*DOMAINS, *NAMES))
            owner = random.choice(("", "", "*.")) + owner
            value = random.choice(
                (
                    "CNAME .", "CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-drop.", "CNAME rpz-tcp-only.",
                    "A 10.5.5.5", "AAAA fd00::5", "CNAME free.example.org.", "TXT words",
                )
            )  # fmt: skip
            records.append(f"{owner} {random.choice(('60', '60 IN', '1h IN'))} {value}{random.choice(('', ' ; why'))}")
        records.append("32.11.100.51.198.rpz-ip 60 CNAME .")
        self.files[path] = "\n".join((*records, ""))
        action = f"policy.{random.choice(END[:-5])}"
        name = random.choice((path, path.rpartition("/")[2]))
        return f"policy.rpz({action}, '{name}'{random.choice(('', ', false'))})"

    def _lines(self) -> list[str]:
        random = self.random
        kind = random.random()
        if kind < 0.6:
            rule = self._rule()
            return random.choice(([f"policy.add({rule})"], [f"local rule = {rule}", "policy.add(rule)"]))
        if kind < 0.85:
            rule = random.choice((f"policy.all({self._action()})", self._rule(), self._rule()))
            return [f"view:addr('{random.choice(BLOCKS)}', {rule})"]
        if kind < 0.92:
            action = random.choice(("DENY", "REFUSE"))
            return [f"policy.add(policy.suffix(policy.{action}, {self._names()}), true)"]
        rule = random.choice(
            ("qname = text.com deny", "qname = api.livechat.com pass", f"qname = helpdesk.com forward {UPSTREAMS[1]}")
        )
        return ["modules.load('daf')", f"daf.add '{rule}'"]

    def _hints(self) -> list[str]:
        random = self.random
        name = random.choice((*NAMES, "edge.cdn.example"))
        address = random.choice(("10.1.1.1", "fd00::1", "10.1.1.2"))
        match random.randrange(6):
            case 0:
                return [f"hints['{name}'] = '{address}'"]
            case 1:
                return [f"hints.set('{name} {address}')", f"hints.set('{name} 10.1.1.9')"]
            case 2:
                path = self.path(f"hosts{len(self.files)}")
                self.files[path] = f"# names\n{address}\t{name} plain # here\n\n10.1.1.4 {random.choice(NAMES)}\n"
                return [f"hints.{random.choice(('config', 'add_hosts'))}('{path}')"]
            case 3:
                return ["hints.use_nodata(false)", f"hints['{name}'] = '{address}'"]
            case 4:
                return [f"hints.set('{name} {address}')", f"hints.del('{name}')"]
            case _:
                return [f"hints['{name}'] = '{address}' -- here"]


def collected(files: Mapping[str, str | bytes], argv: tuple[str, ...]) -> Snapshot:
    """A snapshot of a resolver that runs with these files."""
    taken = snapshot(files, [{"name": "kresd", "pid": 7, "arguments": list(argv), "listeners": []}])
    gone = f"files{knot_resolver.UNIT}"
    return replace(taken, artifacts={gone: Artifact(gone, Status.ABSENT), **taken.artifacts})


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    taken = collected(config.files, config.argv)
    assert not list(knot_resolver.KIND.wants(taken)), "every file was there"
    piece = knot_resolver.KIND.read(taken, INTEREST)
    assert not piece.gaps, piece.gaps
    (resolver,) = piece.resolvers
    found: list[str] = []
    with world.running(config.argv, probe="ready.example"):
        for client in CLIENTS:
            (view,) = resolver.views_of(4, Intervals.single(address_value(client)[1]))
            for name in NAMES:
                for family in (4, 6):
                    ours, rule = followed(view, name.lower(), family, ALIASES)
                    theirs = world.ask(name, family, client=client, timeout=3.0)
                    if theirs.rcode == "SERVFAIL":  # what DROP answers
                        theirs = Answer("TIMEOUT")
                    if not agree(ours, family, theirs):
                        found.append(f"{client} {name} IPv{family}: {theirs}; we say {ours} by {rule and rule.source}")
    return found
