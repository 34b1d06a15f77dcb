"""Random configurations for Unbound, and what we and it say about names."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from agent.model.intervals import Intervals, address_value
from agent.resolvers import unbound
from tests.daemons.answers import agree
from tests.daemons.internet import UPSTREAMS, Internet
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from pathlib import Path

DOMAINS = (
    ".", "com", "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com",
    "www.helpdesk.com", "LiveChat.com.", "x.y.helpdesk.com", "text.com",
)  # fmt: skip
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "helpdesk.com", "www.helpdesk.com",
    "y.helpdesk.com", "x.y.helpdesk.com", "text.com", "new.livechat.com", "new.api.livechat.com", "CDN.livechat.com",
    "b.a.api.livechat.com", "new.helpdesk.com", "new.text.com", "chatbot.com", "other.example.net",
)  # fmt: skip
TYPES = (
    "static", "static", "redirect", "redirect", "transparent", "typetransparent", "inform", "refuse", "inform_redirect",
    "always_transparent", "always_refuse", "always_nxdomain", "always_nodata", "always_null", "noview", "nodefault",
)  # fmt: skip
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
BLOCKS = ("127.0.0.0/8", "127.0.0.0/24", "127.0.1.0/24", "127.0.2.0/24", "127.0.2.9/32", "127.1.0.0/16")


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.main = f"{root}/unbound.conf"
        self.tags = self.random.random() < 0.3
        lines = [
            "server:", "interface: 127.0.0.1", "interface: ::1", "port: 53", "do-daemonize: no", 'chroot: ""', 'username: ""',
            'pidfile: ""', "use-syslog: no", "do-not-query-localhost: no", "verbosity: 0", 'module-config: "respip iterator"',
        ]  # fmt: skip
        if self.tags:
            lines.append('define-tag: "one two"')
        zones = self._zones(tags=self.tags)
        inner = (
            [zones.pop() for _ in range(self.random.randrange(len(zones) + 1))] if self.random.random() < 0.3 else []
        )
        lines += zones
        self.files = {}
        if inner:
            self.files[f"{root}/d/more.conf"] = "\n".join((*inner, "")) + "\t# the end"
            lines.append(
                f'include: "{root}/d/*.conf"' if self.random.random() < 0.5 else f"include: {root}/d/more.conf"
            )
        views = [f"v{number}" for number in range(self.random.choice((0, 0, 1, 2)))]
        lines += self._clients(views)
        for view in views:
            lines += [
                "view:",
                f'  name: "{view}"',
                f"  view-first: {self.random.choice(('yes', 'no'))}",
                *self._zones(tags=False),
            ]
        lines += self._forwards()
        for number in range(self.random.choice((0, 0, 1, 2))):
            lines += self._policy(f"rpz{number}.test", f"{root}/rpz{number}.zone")
        self.files[self.main] = "\n".join((*lines, ""))

    @property
    def argv(self) -> tuple[str, ...]:
        return ("unbound", "-d", "-c", self.main)

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _zones(self, *, tags: bool) -> list[str]:
        random = self.random
        lines: list[str] = []
        taken: set[str] = set()
        for _ in range(random.randrange(6)):
            name = random.choice(DOMAINS[1:] if random.random() < 0.9 else DOMAINS)
            if name.lower().rstrip(".") in taken:
                continue
            taken.add(name.lower().rstrip("."))
            kind = random.choice(TYPES)
            lines.append(
                random.choice(
                    ('local-zone: "{0}" {1}', "local-zone: {0} {1} # words", "local-zone:\n  '{0}'\n  {1}")
                ).format(name, kind)
            )
            if tags and kind != "nodefault" and random.random() < 0.4:
                lines.append(f'local-zone-tag: {name} "{random.choice(("one", "two", "one two"))}"')
            if "redirect" in kind and random.random() < 0.8:
                lines.append(f'local-data: "{name} {self._value()}"')
            if tags and kind != "nodefault" and random.random() < 0.2:
                lines.append(f"local-zone-override: {name} {random.choice(BLOCKS)} {random.choice(TYPES[:11])}")
        for _ in range(random.randrange(4)):
            name = random.choice(NAMES)
            inside_redirect = any(
                "redirect" in line and line.split()[1].strip("\"'").lower().rstrip(".") in name.lower()
                for line in lines
            )
            if not inside_redirect and name.lower() not in str(lines).lower():
                lines.append(f'local-data: "{name}. {self._value()}"')
                if random.random() < 0.3 and "CNAME" not in lines[-1]:
                    lines.append(f'local-data: "{name} 60 IN A 10.9.9.{random.randrange(9)}"')
        return lines

    def _policy(self, name: str, path: str) -> list[str]:
        random = self.random
        records = [f"$ORIGIN {name}." if random.random() < 0.5 else "; no origin", "$TTL 60"]
        records.append(
            "@ SOA localhost. root.localhost. (1 ; words\n 2 3 4 5)"
            if random.random() < 0.5
            else "@ SOA a. b. 1 2 3 4 5"
        )
        for _ in range(random.randrange(1, 9)):
            owner = random.choice((*DOMAINS[1:], *NAMES, "k.com", "zz.org")).rstrip(".")
            owner = random.choice(("", "", "*.")) + owner if random.random() < 0.95 else "*"
            value = random.choice(
                (
                    "CNAME .",
                    "CNAME .",
                    "CNAME *.",
                    "CNAME rpz-passthru.",
                    "CNAME rpz-tcp-only.",
                    "A 10.5.5.5",
                    "AAAA fd00::5",
                    "CNAME free.example.org.",
                    "TXT words",
                    "CNAME *.garden.example.",
                )
            )
            records.append(
                f"{owner}{random.choice(('', f'.{name}.'))} {random.choice(('', '60 ', '1h IN '))}{value}"
                + random.choice(("", " ; why"))
            )
            if value.startswith("A ") and random.random() < 0.4:
                records.append("\tA 10.5.5.6")
        self.files[path] = "\n".join((*records, ""))
        lines = ["rpz:", f"  name: {name}", f'  zonefile: "{path}"']
        if random.random() < 0.2:
            lines.append(f"  rpz-action-override: {random.choice(('nxdomain', 'nodata', 'passthru', 'disabled'))}")
        if self.tags and random.random() < 0.5:
            lines.append('  tags: "one"')
        return lines

    def _value(self) -> str:
        return self.random.choice(
            ("A 10.1.1.1", "IN A 10.1.1.2", "300 IN AAAA fd00::1", "A 0.0.0.0", "CNAME free.example.org", "TXT words")
        )

    def _clients(self, views: list[str]) -> list[str]:
        random = self.random
        lines = []
        for block in random.sample(BLOCKS, random.randrange(4)):
            if block != BLOCKS[0] and random.random() < 0.5:
                lines.append(f"access-control: {block} {random.choice(('allow', 'allow_snoop', 'refuse'))}")
            if views and random.random() < 0.7:
                lines.append(f"access-control-view: {block} {random.choice(views)}")
            if self.tags and random.random() < 0.7:
                lines.append(f'access-control-tag: {block} "{random.choice(("one", "two", "one two"))}"')
                if random.random() < 0.4:
                    lines.append(
                        f"access-control-tag-action: {block} {random.choice(('one', 'two'))} {random.choice(TYPES[:11])}"
                    )
                if random.random() < 0.4:
                    lines.append(f'access-control-tag-data: {block} {random.choice(("one", "two"))} "A 10.8.8.8"')
        return lines

    def _forwards(self) -> list[str]:
        lines = ["forward-zone:", ' name: "."', f" forward-addr: {UPSTREAMS[0]}"]
        for name in self.random.sample(DOMAINS[1:6], self.random.randrange(3)):
            kind = self.random.choice(("forward", "forward", "stub"))
            lines += [f"{kind}-zone:", f" name: {name}", f" {kind}-addr: {self.random.choice(UPSTREAMS[1:])}@53"]
        return lines


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    taken = snapshot(config.files, [{"name": "unbound", "pid": 7, "arguments": list(config.argv), "listeners": []}])
    piece = unbound.KIND.read(taken, frozenset())
    assert not piece.gaps, piece.gaps
    (resolver,) = piece.resolvers
    found: list[str] = []
    with world.running(config.argv):
        for client in CLIENTS:
            (view,) = resolver.views_of(4, Intervals.single(address_value(client)[1]))
            for name in NAMES:
                for family in (4, 6):
                    ours, rule = view.answer(name.lower(), family)
                    theirs = world.ask(name, family, client=client, timeout=0.3)
                    if not agree(ours, family, theirs):
                        found.append(f"{client} {name} IPv{family}: {theirs}; we say {ours} by {rule and rule.source}")
    return found
