"""Random configurations for Dante, and what we and it say about connections."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form
from agent.proxies import dante
from tests.daemons.snapshots import snapshot
from tests.daemons.web import NAMESERVER, web

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.course import Decision
    from tests.daemons.web import Reply, Web

DOMAINS: Final = (
    ".livechat.com", "livechat.com", "api.livechat.com", ".api.livechat.com", ".com", ".chat.com", ".", ".LiveChat.com",
    ".text.org", "*.livechat.com", ".livechat.com.", "livechat.com:443", "helpdesk.com", ".helpdesk.com", "www.text.org",
)  # fmt: skip
NETWORKS: Final = (
    "0/0", "0/0", "0.0.0.0/0", "::/0", "127.0.0.20/30", "127.0.0.22/32", "127.0.0.24/29", "10.0.0.0/8", "2001:db8::/32", "lo",
)  # fmt: skip
SOURCES: Final = (
    "0/0", "0/0", "0.0.0.0/0", "127.0.1.0/24", "127.0.0.0/16", "127.1.0.0/16", "127.0.0.1/32", "::/0", "lo",
    "0/0 port 1-65535", "0.0.0.0/0 port ge 1024",
)  # fmt: skip
PORTS: Final = (
    "", "", "", "", " port = 443", " port eq https", " port = http", " port 1-1024", " port ne 443", " port != 80", " port lt 443",
    " port <= 443", " port gt 80", " port >= 443", " port : 80", " port 80 - 443",
)  # fmt: skip
NAMES: Final = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "helpdesk.com", "www.text.org", "notlivechat.com",
    "secure.helpdesk.com", "API.livechat.com",
)  # fmt: skip
CLIENTS: Final = ("127.0.0.1", "127.0.1.7", "127.1.0.9")
LOOPBACK: Final = '[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"},{"local":"::1"}]}]'
PORT: Final = 1080
NO_REVERSE: Final = {f"reverse name in {one.lower()}": False for one in DOMAINS}
"""No address has a name of its own here."""
UPSTREAM: Final = "127.0.0.30"
world: Final = web
"""Where configurations are tried."""


class Config:
    """One random file."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.main = f"{root}/danted.conf"
        random = self.random
        # the processes of one danted end a little after their mother: the next one has another port
        self.port = 10_000 + seed % 10_000 if seed % 10 else PORT
        self.names = random.sample(NAMES, 6)
        self.free = random.random() < 0.8
        """Nobody ever logs in."""
        lines = [
            random.choice(("logoutput: stderr", "logoutput: syslog stderr # both", "errorlog: stderr")),
            random.choice(self._internals()),
            "external: " + random.choice(("127.0.0.1", "lo")),
            "socksmethod: none" if self.free else "socksmethod: none username",
            "user.privileged: root",
            "user.unprivileged: root",
            "timeout.connect: 5",
        ]
        if random.random() < 0.3:
            lines.append("clientmethod: none")
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            lines += self._client()
        if random.random() < 0.6:
            lines += ["client pass {", "\tfrom: 0/0 to: 0/0", "}"]
        for _ in range(random.randrange(6)):
            lines += self._socks()
        if random.random() < 0.5:
            lines += ["socks pass { # the rest", "  from: 0/0", "  to: 0.0.0.0/0", "}"]
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            lines += self._route()
        self.files = {self.main: "\n".join((*lines, ""))}

    @property
    def argv(self) -> tuple[str, ...]:
        """Dante asks the system's resolver, which a mount namespace makes ours."""
        resolver = f"{self.root}/resolv.conf"
        return (
            "unshare",
            "-mpf",
            "--kill-child",
            "sh",
            "-c",
            f"mount --bind {resolver} /etc/resolv.conf && exec danted -f {self.main}",
        )

    def write(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "resolv.conf").write_text(f"nameserver {NAMESERVER}\n", encoding="ascii")
        for path, text in self.files.items():
            (self.root / path).write_text(text, encoding="utf-8")

    def _internals(self) -> tuple[str, ...]:
        if self.port == PORT:
            return ("internal: 127.0.0.1 port = 1080", "internal: 127.0.0.1", "internal:  lo port = socks")
        return (f"internal: 127.0.0.1 port = {self.port}", f"internal: lo port: {self.port}")

    def _client(self) -> list[str]:
        random = self.random
        verdict = random.choice(("pass", "pass", "block"))
        target = random.choice(
            ("0/0", "0/0", "0.0.0.0/0", "127.0.0.0/24", f"127.0.0.1/32 port = {self.port}", "10.0.0.0/8", "::/0")
        )
        lines = [f"client {verdict} {{", f"  from: {random.choice(SOURCES)} to: {target}"]
        if random.random() < 0.3:
            lines.append("  log: connect disconnect error")
        return [*lines, "}"]

    def _socks(self) -> list[str]:
        random = self.random
        verdict = random.choice(("socks pass", "socks block", "socks  block", "pass", "block"))
        place = random.choice(DOMAINS if random.random() < 0.75 else NETWORKS)
        lines = [
            f"{verdict} {{" + random.choice(("", "  # words { in } here")),
            f"  from: {random.choice(SOURCES)}",
            f"  to: {place}{random.choice(PORTS)}" + random.choice(("", "", " # why", "\t")),
        ]
        more = [
            "  command: connect", "  command: bind udpassociate", "  protocol: tcp", "  protocol: udp", "  protocol: tcp udp",
            "  proxyprotocol: socks_v4 socks_v5", "  log: error", "  timeout.io: 60", "  command: connect\n  protocol: tcp",
            "  socksmethod: none",
        ]  # fmt: skip
        if random.random() < 0.4:
            lines.insert(random.choice((1, 3)), random.choice(more if self.free else more[:-1]))
        return [*lines, "}"] if random.random() < 0.7 else [*lines[:-1], f"{lines[-1]}\n}}"]

    def _route(self) -> list[str]:
        random = self.random
        via = random.choice((f"{UPSTREAM} port = 8080", f"{UPSTREAM} port = 8080", "direct"))
        place = random.choice((*DOMAINS[:11], "0/0", "0.0.0.0/0"))
        source = random.choice([one for one in SOURCES if one != "lo"])
        lines = ["route {", f"  from: {source} to: {place}{random.choice(PORTS)} via: {via}"]
        if via != "direct":
            lines.append("  proxyprotocol: http_v1.0")
        if random.random() < 0.3:
            lines.append(random.choice(("  command: connect", "  protocol: udp", "  protocol: tcp", "  method: none")))
        return [*lines, "}"]


def disagreements(config: Config, world: Web, outcomes: set[str] | None = None) -> list[str]:
    """Where the program and our reading of its file differ; raises RuntimeError where it does not start."""
    config.write()
    taken = snapshot(
        config.files, [{"name": "danted", "pid": 7, "arguments": ["danted", "-f", config.main], "listeners": []}]
    )
    taken.artifacts["ip-addr.json"] = snapshot({"/": LOOPBACK}, []).artifacts["files/"]  # type: ignore[index]  # a dict in tests
    (proxy,) = dante.read(taken, frozenset(name.lower() for name in NAMES)).proxies
    assert not proxy.gaps, proxy.gaps
    course = proxy.doors[0].course(Form.SOCKS)
    assert course is not None
    found: list[str] = []
    with world.running(config.argv, config.port):
        for client in CLIENTS:
            for name in config.names:
                for port in (80, 443):
                    target = address_value(world.place(name.lower())[0])
                    ask = Ask(Form.SOCKS, name.lower(), port, client=address_value(client), target=target)
                    ways = walk(course, ask, NO_REVERSE)
                    ours = {_word(way) for way in ways}
                    asking = partial(world.ask, Form.SOCKS, name, port, ("127.0.0.1", config.port), client=client)
                    reply = asking()
                    if _answer(reply) not in ours:  # a busy machine lets a program wait
                        reply = asking(timeout=15)
                    if "ConnectionRefused" in reply.trouble:
                        raise RuntimeError(f"danted has ended: {reply}")
                    theirs = _answer(reply)
                    if outcomes is not None:
                        outcomes |= {theirs if len(ours) == 1 else "unsure"}
                    shared = any("same address" in one.key for way in ways for one in way.open_by)
                    if reply.reached and world.seen[0].server not in {
                        way.upstream or _direct(world, ask) for way in ways
                    }:
                        found.append(f"{client} {name}:{port}: by way of {world.seen[0].server}, not {ways}")
                    if theirs not in ours or (len(ours) > 1 and not shared):
                        found.append(f"{client} {name}:{port}: {reply}; we say {ours} by {ways[0].source}")
    return found


def _direct(world: Web, ask: Ask) -> str:
    """Where a connection without another proxy leads."""
    return f"{world.place(ask.name)[0]}:{ask.port}"


def _word(way: Decision) -> str:
    return {Act.ALLOW: "allowed", Act.DENY: "denied", Act.DROP: "dropped"}.get(way.ruling.act, "open")


def _answer(reply: Reply) -> str:
    if reply.reached:
        return "allowed"
    return "dropped" if reply.dropped else "denied"
