"""Random configurations for tinyproxy, and what we and it do with requests."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form
from agent.proxies import tinyproxy
from tests.daemons.own_names import asking
from tests.daemons.snapshots import snapshot
from tests.daemons.socks import socks
from tests.daemons.web import Web, web

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from agent.model.proxy import Proxy
    from tests.daemons.web import Reply

PROXY = ("127.0.0.1", 8888)
SOCKS = "127.0.0.60"
NEXT = ("127.0.0.50", "127.0.0.51", "127.0.0.52")
"""Where the next proxies are."""
NAMES = (
    "livechat.com", "www.livechat.com", "cdn.livechat.com", "a.cdn.livechat.com", "mylivechat.com", "livechat.org",
    "helpdesk.com", "www.helpdesk.com", "ads.example.net", "xlivechat.com.evil.org", "text.com",
)  # fmt: skip
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
WHO = (
    "127.0.0.0/8", "127.0.0.1", "127.0.1.0/24", "127.0.2.9", "127.1.0.0/16", "10.0.0.0/8", "::1", "::/0", "0.0.0.0/0",
    "localhost", "127.0.1.1/33", "127.1", "::ffff:127.0.0.0/120", "127.0.2.0/24",
)  # fmt: skip
BASIC = (
    r"^livechat\.com$", r"livechat\.com$", r"\.livechat\.com$", "livechat.com", "*.livechat.com", r".*\.livechat\.com$",
    r"^www\.", r"\(^\|\.\)helpdesk\.com$", "ads", r"^[a-l].*\.org$", "chat", "LiveChat", r"^cdn\..*$", r"text\.com",
    r"\(www\|cdn\)\.livechat", "he\\{1,2\\}lp", ".", "^$", r"\#x", "com$",
)  # fmt: skip
EXTENDED = (
    r"^livechat\.com$", r"(^|\.)livechat\.com$", r"\.livechat\.com$", "(www|cdn)\\.", "^[a-h]", "ads?", "chat{1}", "LiveChat",
    r"^.+\.help(desk)?\.com$", "^text", r"\.(org|net)$", "a|b{3}", "^(.*\\.)?helpdesk.com",
)  # fmt: skip
GLOB = (
    "*.livechat.com", "livechat.com", "*livechat.com", "www.*", "*.org", "ads.*", "[a-h]*", "?ext.com", "*", "Livechat.com",
    "*chat*", "[!l]*", "*.*.com",
)  # fmt: skip
URLS = (
    r"^http://livechat\.com/", r":443$", "^http://", r"livechat\.com", r"livechat\.com:443$", r":80/", r"^cdn", r":8080",
    "/[a-z]", "^http://[^/]*helpdesk",
)  # fmt: skip
SITES = (
    ".livechat.com", "livechat.com", "cdn.livechat.com", ".com", ".", "HELPDESK.com", "10.0.0.0/8", "::/0", ".org", "com",
    "127.0.0.0/255.0.0.0",
)  # fmt: skip
ATTEMPTS = 2
"""On a busy machine a connection may fail that nobody forbids."""
OPEN = ("open", "")
LOGIN = "Proxy-Authorization: Basic dTpw"


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.main = f"{root}/tinyproxy.conf"
        self.files: dict[str, str] = {}
        self.reversed = False
        lines = ["Port 8888", "Timeout 5", 'LogFile "/dev/null"' if self.random.random() < 0.5 else "LogLevel Critical"]
        lines += self._clients() + self._filter(f"{root}/filter") + self._upstreams() + self._more()
        self.random.shuffle(lines)
        text = "".join(self._spelled(line) for line in lines)
        self.files[self.main] = text if self.random.random() < 0.7 else text.rstrip("\n")

    @property
    def argv(self) -> tuple[str, ...]:
        return ("tinyproxy", "-d", "-c", self.main)

    def write(self) -> None:
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _spelled(self, line: str) -> str:
        word, _, rest = line.partition(" ")
        word = self.random.choice((word, word, word.lower(), word.upper()))
        before = self.random.choice(("", "", "", "# words\n", "\n", "  ", "\t"))
        return f"{before}{word}{self.random.choice((' ', '  ', chr(9)))}{rest}{self.random.choice(('', '', ' '))}\n"

    def _clients(self) -> list[str]:
        count = self.random.choice((0, 0, 1, 2, 3))
        lines = [f"{self.random.choice(('Allow', 'Allow', 'Deny'))} {self.random.choice(WHO)}" for _ in range(count)]
        return [*lines, "Allow 127.0.0.0/8"] if lines and self.random.random() < 0.6 else lines

    def _filter(self, path: str) -> list[str]:
        random = self.random
        if random.random() < 0.35:
            return []
        lines = [f'Filter "{path}"']
        kind = random.choice(("bre", "bre", "ere", "fnmatch"))
        if kind != "bre" or random.random() < 0.3:
            lines.append("FilterExtended Yes" if kind == "ere" and random.random() < 0.4 else f"FilterType {kind}")
        by_url = random.random() < 0.25
        for word, chance in (("FilterDefaultDeny", 0.4), ("FilterCaseSensitive", 0.3)):
            if random.random() < chance:
                lines.append(f"{word} {random.choice(('Yes', 'yes', 'On', 'No', 'off'))}")
        if by_url:
            lines.append("FilterURLs On")
        pool = {"bre": BASIC, "ere": EXTENDED, "fnmatch": GLOB}[kind]
        if by_url and kind != "fnmatch":
            pool = (*URLS, *pool[:4])
        written = []
        for _ in range(random.randrange(6)):
            entry = random.choice(pool)
            written.append(
                random.choice(("{}", "{}", "{}", "  {}  ", "{}# why", "{} more", "# {}", "\n{}")).format(entry)
            )
        self.files[path] = "\n".join(written) + random.choice(("", "\n"))
        return lines

    def _upstreams(self) -> list[str]:
        random = self.random
        lines = []
        for _ in range(random.choice((0, 0, 0, 1, 2, 3))):
            where = f' "{random.choice(SITES)}"'
            if random.random() < 0.35:
                lines.append(f"Upstream none{where}")
                continue
            kind, place = random.choice(
                (
                    ("http", "127.0.0.50:8080"),
                    ("http", "127.0.0.51:8080"),
                    ("http", "u:p@127.0.0.52:8080"),
                    ("socks5", f"{SOCKS}:1080"),
                    ("socks4", f"{SOCKS}:1080"),
                    ("http", "0.0.0.0:0"),
                    ("HTTP", "127.0.0.53:8080"),
                )
            )
            lines.append(f"Upstream {kind} {place}{where if random.random() < 0.7 else ''}")
        return lines

    def _more(self) -> list[str]:
        random = self.random
        lines = []
        if random.random() < 0.3:
            lines += [f"ConnectPort {port}" for port in random.sample(("443", "8443", "0", "0443", "563"), 2)]
        if random.random() < 0.15:
            lines.append(f'StatHost "{random.choice((*NAMES, "LiveChat.com"))}"')
        if random.random() < 0.15:
            lines.append("BasicAuth u p")
        if random.random() < 0.2:
            self.reversed = True
            path, url = random.choice(
                (
                    ("/", "http://text.com/"),
                    ("/x/", "http://text.com/"),
                    ("/", "http://livechat.com"),
                    ("/", "text.com"),
                )
            )
            lines.append(f'ReversePath "{path}" "{url}"')
            lines.append(f"ReverseOnly {random.choice(('yes', 'no'))}")
        lines += random.sample(
            (
                "XTinyproxy Yes", 'ViaProxyName "x"', "DisableViaHeader Yes", 'AddHeader "X-A" "b c"', "MaxClients 20",
                "BindSame yes", "Bind 127.0.0.7", 'Anonymous "Host"', "MinSpareServers 2", 'ErrorFile 403 "/nowhere"',
                "Listen 127.0.0.1", "User root",
            ),
            random.randrange(4),
        )  # fmt: skip
        return lines


def requests(random: Random) -> Iterator[tuple[Form, str, int, str, str]]:
    """Form, name, port, method and client of what is asked."""
    for name in NAMES:
        yield Form.CONNECT, name, 443, "GET", random.choice(CLIENTS[:3])
    for name in random.sample(NAMES, 5):
        yield Form.GET, name, 80, random.choice(("GET", "POST")), random.choice(CLIENTS[:3])
        yield Form.HTTP, name, 80, "GET", CLIENTS[3]
    yield Form.CONNECT, random.choice(NAMES), 8443, "GET", CLIENTS[0]
    yield Form.GET, random.choice(NAMES), 8080, "GET", CLIENTS[1]


def ours(found: Proxy, ask: Ask) -> set[tuple[str, str]]:
    """Every way that we think possible: what happens, and the next proxy."""
    course = found.doors[0].course(ask.form)
    assert course is not None
    ways = walk(course, ask, {"path /x/": False})
    return {(_outcome(one.ruling.act), one.upstream if one.ruling.act is Act.ALLOW else "") for one in ways}


def _outcome(act: Act) -> str:
    return "allow" if act in (Act.ALLOW, Act.NEXT) else str(act)


def theirs(reply: Reply, name: str, world: Web) -> tuple[str, str]:
    """What happened, and the next proxy."""
    if not reply.reached:
        # a page in place of a tunnel is no TLS; and what of a POST is not read ends the connection with a reset
        answered = reply.status or "WRONG_VERSION" in reply.trouble or "ConnectionReset" in reply.trouble
        return ("deny", "") if answered else ("drop", "")
    address = reply.server.partition(":")[0]
    if not any(f"\r\nHost: {name}" in one.head for one in world.seen):
        return "deny", ""  # another site was asked
    if address in (*NEXT, SOCKS):
        return "allow", f"{SOCKS}:1080" if address == SOCKS else reply.server
    return ("allow", "") if address in world.place(name) else ("deny", "")


@contextmanager
def world() -> Iterator[Web]:
    """The small web, with a SOCKS server."""
    with web() as made, socks(made.namespace, SOCKS):
        made.divert({80: PROXY[1]})
        yield made


def disagreements(config: Config, world: Web, seen: Counter[str] | None = None) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    taken = snapshot(config.files, [{"name": "tinyproxy", "pid": 7, "arguments": list(config.argv), "listeners": []}])
    piece = tinyproxy.read(taken, frozenset())
    assert not piece.gaps, (piece.gaps, config.files)
    (proxy,) = piece.proxies
    found: list[str] = []
    with world.running(asking(config.argv, config.root), PROXY[1]):
        for form, name, port, method, client in requests(config.random):
            headers = () if form is Form.HTTP else (LOGIN,)
            said = ours(proxy, Ask(form, name, port, method, client=address_value(client)))
            for _ in range(ATTEMPTS):
                reply = world.ask(form, name, port, PROXY, client=client, method=method, headers=headers)
                happened = theirs(reply, name, world)
                if happened in said or OPEN in said:
                    break
            if seen is not None:
                seen[happened[0]] += 1
                seen["upstream"] += bool(happened[1])
                seen["open"] += len(said) > 1 or OPEN in said
            if happened not in said and OPEN not in said:
                found.append(
                    f"{form} {name}:{port} {method} from {client}: {happened} {reply.status} {reply.trouble}; we say {said}"
                )
    return found
