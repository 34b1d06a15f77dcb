"""Random configurations for Squid, and what we and it do with requests."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Final

from agent.model.course import Ask, Decision, walk
from agent.model.intervals import address_text, address_value
from agent.model.proxy import SAME_ADDRESS, Act, Form, Open, leaves
from agent.proxies import squid
from tests.daemons.snapshots import snapshot
from tests.daemons.web import NAMESERVER, Reply, Web, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.model.proxy import Proxy

NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "xlivechat.com", "helpdesk.com",
    "www.helpdesk.com", "text.com", "other.example.net", "API.livechat.com",
)  # fmt: skip
DOMAINS = (
    ".livechat.com", "livechat.com", ".api.livechat.com", "api.livechat.com", "cdn.livechat.com", ".LiveChat.com",
    ".helpdesk.com", "www.helpdesk.com", ".com", "com", "text.com", ".text.com", "*.livechat.com", "livechat.com.",
    "example.net", ".example.net", "none",
)  # fmt: skip
PATTERNS = (
    r"livechat\.com$",
    r"^livechat\.com$",
    r"(^|\.)livechat\.com$",
    r"\.helpdesk\.com$",
    r"text\.com$",
    "API\\.livechat\\.com$",
)
CLIENTS = ("127.0.0.1", "127.1.0.1", "127.1.2.3", "127.2.0.9")
BLOCKS = ("127.0.0.1", "127.1.0.0/16", "127.1.2.0/24", "127.2.0.1-127.2.0.9", "127.0.0.0-127.1.0.0/16", "127.0.0.0/8")
EXPLICIT, PLAIN, TLS = 3128, 3129, 3130
PARENT: Final = ("127.0.0.60", 8080)
BEGIN = f"""
pid_filename none
cache_log /dev/null
access_log none
cache deny all
cache_mem 0
pinger_enable off
shutdown_lifetime 0 seconds
hosts_file none
dns_nameservers {NAMESERVER}
connect_timeout 2 seconds
via off
visible_hostname proxy.test
"""
HELPER: Final = "/usr/lib/squid/security_file_certgen"


def together(entries: list[str]) -> list[str]:
    """Entries that Squid takes together: no domain twice, none before what it is part of."""
    found = {one.lower().strip("."): one for one in entries}
    return sorted(found.values(), key=lambda one: (one[0] != ".", len(one)))


class World(Web):
    """A small web with what Squid needs to decrypt."""

    def __init__(self) -> None:
        super().__init__()
        self.folder.chmod(0o711)
        self.database = self.folder / "certificates"
        subprocess.run((HELPER, "-c", "-s", self.database, "-M", "4MB"), check=True, capture_output=True)
        for path in (self.database, *self.database.rglob("*")):
            shutil.chown(path, "proxy", "proxy")
        self.divert({80: PLAIN, 443: TLS})


@contextmanager
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.close()


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        self.main = self.path("squid.conf")
        self.elements: list[str] = []
        self.nameless: list[str] = []
        """Elements that fit an address without a name."""
        self.bumps = self.random.random() < 0.6
        lines = [line for _ in range(self.random.randrange(2, 8)) for line in self._element()]
        lines += self._access("http_access", self.random.randrange(5))
        if self.random.random() < 0.2:
            lines += self._access("adapted_http_access", 2)
        if self.random.random() < 0.2:
            lines += self._access("miss_access", 2)
        if self.bumps:
            lines += self._bump()
        self.body = lines
        self.files[self.main] = ""

    @property
    def argv(self) -> tuple[str, ...]:
        return ("squid", "-N", "-f", self.main)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self, world: World) -> None:
        from pathlib import Path  # noqa: PLC0415

        pair = f"tls-cert={world.authority} tls-key={world.authority_key} generate-host-certificates=on"
        bump = f" ssl-bump {pair}" if self.bumps else ""
        head = [f"http_port {EXPLICIT}{bump}", f"http_port {PLAIN} intercept name=plain"]
        if self.bumps:
            head += [
                f"https_port {TLS} intercept ssl-bump {pair}",
                f"sslcrtd_program {HELPER} -s {world.database} -M 4MB",
                "sslcrtd_children 2 startup=1 idle=1",
                f"tls_outgoing_options cafile={world.authority}",
                "sslproxy_cert_error allow all",
            ]
        self.files[self.main] = "\n".join((*BEGIN.splitlines(), *head, *self.body, ""))
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _element(self) -> list[str]:
        random = self.random
        name = f"e{len(self.elements)}"
        groups = [one for one in self.elements if random.random() < 0.5]
        text: list[str]
        match random.randrange(12):
            case 0 | 1 | 2 | 3:
                entries = together(random.sample(DOMAINS, random.randrange(1, 5)))
                if "none" in entries:
                    self.nameless.append(name)
                if random.random() < 0.3:
                    path = self.path(f"{name}.list")
                    self.files[path] = "# list\n" + "".join(
                        f"{one}{random.choice(('', ' # why', ' '))}\n" for one in entries
                    )
                    text = [f'dstdomain "{path}"']
                else:
                    text = [f"dstdomain {random.choice(('', '-n '))}{' '.join(entries)}"]
            case 4:
                text = [f"dstdom_regex {random.choice(('-i ', '', '-n '))}{' '.join(random.sample(PATTERNS, 2))}"]
            case 5:
                text = [f"src {' '.join(random.sample(BLOCKS, random.randrange(1, 3)))}"]
            case 6:
                text = [f"dst 127.0.0.{20 + random.randrange(8)}-127.0.0.{28}"]
            case 7:
                text = [
                    random.choice(
                        (
                            "port 443",
                            "port 1-100",
                            "localport 3128",
                            "localport 443",
                            "myportname plain",
                            "myportname 3130",
                        )
                    )
                ]
            case 8:
                text = [
                    random.choice(
                        (
                            "method GET",
                            "method POST HEAD",
                            "method connect",
                            "proto HTTP",
                            "proto HTTPS NONE",
                            "has request",
                        )
                    )
                ]
            case 9:
                text = [f"at_step SslBump{random.randrange(1, 4)}"] if self.bumps else ["transaction_initiator client"]
            case 10:
                entries = together(random.sample(DOMAINS, random.randrange(1, 4)))
                text = [f"ssl::server_name --client-requested {' '.join(entries)}"]
            case _:
                kind = random.choice(("any-of", "all-of"))
                text = [
                    f"{kind} {' '.join(random.choice(('', '!')) + one for one in groups)}" for _ in range(2) if groups
                ]
        if text:
            self.elements.append(name)
        return [f"acl {name} {one}" for one in text]

    def _some(self) -> str:
        chosen = self.random.sample(self.elements, min(len(self.elements), self.random.choice((0, 1, 1, 2))))
        return " ".join(self.random.choice(("", "", "!")) + one for one in chosen or ["all"])

    def _access(self, directive: str, count: int) -> list[str]:
        lines = [f"{directive} {self.random.choice(('allow', 'deny'))} {self._some()}" for _ in range(count)]
        return lines + [f"{directive} {self.random.choice(('allow', 'allow', 'deny'))} all"] * (
            self.random.random() < 0.7
        )

    def _bump(self) -> list[str]:
        random = self.random
        actions = ("peek", "stare", "splice", "bump", "terminate", "peek", "client-first", "server-first", "none")
        return [f"ssl_bump {random.choice(actions)} {self._some()}" for _ in range(random.randrange(1, 5))]


FORMS: Final = ((Form.CONNECT, 443, EXPLICIT), (Form.GET, 80, EXPLICIT), (Form.HTTP, 80, PLAIN), (Form.TLS, 443, TLS))


def asks(config: Config) -> Iterator[tuple[int, Ask]]:
    """What to ask: every form for names and clients."""
    for form, port, door in FORMS:
        if form is Form.TLS and not config.bumps:
            continue
        for name in config.random.sample(NAMES, 4):
            lower = name.lower()
            client = config.random.choice(CLIENTS[1:3] if form in (Form.HTTP, Form.TLS) else CLIENTS)
            method = "POST" if config.random.random() < 0.2 and form is not Form.CONNECT else "GET"
            elsewhere = form in (Form.HTTP, Form.TLS) and config.random.random() < 0.2
            target = "127.0.0.40" if elsewhere else place(lower)[0]
            yield door, Ask(form, lower, port, method, address_value(client), address_value(target))


def agrees(ours: Decision, theirs: Reply) -> bool:
    """Whether what happened is what we foretold."""
    match ours.ruling.act:
        case Act.ALLOW:
            return theirs.reached and theirs.decrypted == bool(ours.decrypted_by)
        case Act.DENY:
            # to a diverted client the page that says so may come without TLS
            return not theirs.reached and (theirs.status >= 400 or "WRONG_VERSION_NUMBER" in theirs.trouble)
        case Act.DROP:
            return theirs.dropped
    return False


def disagreements(config: Config, world: World) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write(world)
    program = {"name": "squid", "pid": 7, "arguments": list(config.argv), "listeners": []}
    taken = snapshot(dict(config.files), [program])
    piece = squid.read(taken, frozenset())
    assert not list(squid.wants(taken)), "every file was there"
    assert not piece.gaps, piece.gaps
    (proxy,) = piece.proxies
    found: list[str] = []
    with world.running(config.argv, EXPLICIT):
        for door, ask in asks(config):
            found += compared(config, proxy, world, door, ask)
    return found


def compared(config: Config, proxy: Proxy, world: World, door: int, ask: Ask) -> Iterator[str]:
    (course,) = (one.course(ask.form) for one in proxy.doors if one.listener.port == door)
    assert course is not None
    assert ask.client is not None
    assert ask.target is not None
    client, target = address_text(ask.client[1], 4), address_text(ask.target[1], 4)
    known = {SAME_ADDRESS: target in place(ask.name)}
    known |= {f"reverse name in {name}": True for name in config.nameless}
    known = {
        one.key: known.get(one.key, False)
        for stage in course
        for rule in stage.rules
        for one in leaves(rule.test)
        if isinstance(one, Open)
    } | known
    ours = walk(course, ask, known)
    theirs = world.ask(
        ask.form, ask.name, ask.port, ("127.0.0.1", door), client=client, target=target, method=ask.method
    )
    if len(ours) != 1 or not agrees(ours[0], theirs):
        said = " | ".join(
            f"{one.ruling.act} decrypted={bool(one.decrypted_by)} {one.open_by} by {one.source}" for one in ours
        )
        yield f"{ask.form} {ask.method} {client} {ask.name} {target}: {theirs[:3]} {theirs.trouble} {theirs.head[:60]!r}; we say {said}; trail {ours[0].trail}"
