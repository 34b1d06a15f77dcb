"""Random configurations for Privoxy, and what we and it do with requests."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form, Open, leaves
from agent.proxies import privoxy
from tests.daemons.own_names import asking
from tests.daemons.snapshots import snapshot
from tests.daemons.socks import socks
from tests.daemons.web import Web, web

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from agent.model.proxy import Proxy, ProxyStage
    from tests.daemons.web import Reply

PROXY = ("127.0.0.1", 8118)
SOCKS = "127.0.0.60"
NEXT = ("127.0.0.50", "127.0.0.51", "127.0.0.52")
"""Where the next proxies are."""
AUTHORITY: Final = "inspector"
"""Name of the files of the authority that Privoxy signs certificates with."""
NAMES = (
    "livechat.com", "www.livechat.com", "cdn.livechat.com", "a.cdn.livechat.com", "mylivechat.com", "livechat.org",
    "helpdesk.com", "www.helpdesk.com", "ads.example.net", "livechat.com.evil.org", "text.com", "ad7.text.com",
)  # fmt: skip
ATTEMPTS = 2
"""On a busy machine a connection may fail that nobody forbids."""
RARE = (
    "+redirect{s@http://@https://@}", "+fast-redirects{simple-check}", "+client-header-tagger{css-requests}",
    "+forward-override{forward-webserver 127.0.0.51:8080}", "+server-header-tagger{content-type}", "+kill-popups",
)  # fmt: skip
ELSEWHERE: Final = "http://text.com/"
CLIENTS = ("127.0.0.1", "127.0.1.1", "127.0.2.9", "127.1.0.1")
HOSTS = (
    "livechat.com", ".livechat.com", "*.livechat.com", ".livechat.", "www.", ".com", "ad*.", "*ads.", ".*chat.com",
    "livechat.*", "*[dt].com", "[a-l]*.", "????.com", ".helpdesk.com", "LiveChat.com", ".", "", ".cdn.", ".*[epu]ad*.",
    "PCRE-HOST-PATTERN:live.*\\.com", "PCRE-HOST-PATTERN:^(www|cdn)\\.", "*.*.com", "cdn.livechat.com", "ads.example.net",
)  # fmt: skip
PORTS = (":443", ":80", ":8443,80", ":1-443", ":8000-", ":")
PATHS = ("", "", "", "/", "/", "/.*", "/x", "/(.*/)?ad", "/.*\\.gif$")
WHO = (
    "127.0.0.0/8", "127.0.0.1", "127.0.1.0/24", "127.0.2.9", "127.1.0.0/16", "10.0.0.0/8", "[::1]", "0.0.0.0/0",
    "localhost", "127.0.1.1/200", "127.0.2.0/24",
)  # fmt: skip
WHERE = ("127.0.0.20", "127.0.0.24/30", "127.0.0.0/24:443", "10.0.0.0/8", "0.0.0.0/0:80", "127.0.0.27:8443")
NEXT_STEPS = (
    "forward .", "forward 127.0.0.50:8080", "forward 127.0.0.51:8080", "forward-socks5 127.0.0.60:1080 .",
    "forward-socks4a 127.0.0.60 .", "forward-socks5 u:p@127.0.0.60:1080 .",
)  # fmt: skip


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.main = f"{root}/config"
        self.inspects = seed % 3 == 0
        self.files: dict[str, str] = {}
        self.guards = seed % 3 == 1
        named = [
            f"{name}.action" for name in ("match-all", "default", "user")[: self.random.randrange(self.inspects, 4)]
        ]
        for name in named:
            self.files[f"{root}/{name}"] = self._actions()
        lines = [
            f"confdir {root}", f"logdir {root}", "templdir /etc/privoxy/templates", "socket-timeout 5",
            "keep-alive-timeout 1", "debug 0", f"ca-directory {root}/CA", "ca-cert-file ca.pem", "ca-key-file ca.key",
            f"trusted-cas-file {root}/CA/trusted.pem",
            *(f"actionsfile {name}  # words" for name in named), "listen-address 127.0.0.1:8118", *self._more(),
        ]  # fmt: skip
        self.files[self.main] = "".join(self._spelled(line) for line in lines)

    @property
    def argv(self) -> tuple[str, ...]:
        return ("privoxy", "--no-daemon", self.main)

    def write(self, world: Web) -> None:
        kept = world.folder / "certificates"  # keys take long to make
        kept.mkdir(exist_ok=True)
        self.files[self.main] += f"certificate-directory {kept}\n"
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")
        (self.root / "CA").mkdir()
        for name in ("pem", "key"):
            (self.root / "CA" / f"ca.{name}").write_bytes((world.folder / f"{AUTHORITY}.{name}").read_bytes())
        (self.root / "CA" / "trusted.pem").write_bytes(world.authority.read_bytes())

    def _spelled(self, line: str) -> str:
        before = self.random.choice(("", "", "", "# words\n", "\n", "  ", "\t", "# goes on \\\n\n"))
        if self.random.random() < 0.1 and " " in line:
            first, _, rest = line.partition(" ")
            line = f"{first} \\\n   {rest}"
        return f"{before}{line}{self.random.choice(('', '', ' ', ' # why'))}\n"

    def _pattern(self) -> str:
        host = self.random.choice(HOSTS)
        port = self.random.choice(PORTS) if self.random.random() < 0.15 else ""
        path = self.random.choice(PATHS)
        return f"{host}{port}{path}" or "/"

    def _actions(self) -> str:
        random = self.random
        lines = ["{{settings}}", "for-privoxy-version=3.0.11"] if random.random() < 0.3 else []
        own = random.random() < 0.4
        if own:
            lines += [
                "{{alias}}",
                "+no = +block{no} +handle-as-image",
                "yes = -block -filter",
                " nothing = yes -redirect",
            ]
        if self.inspects:
            lines += ["{+https-inspection -block}", random.choice(("/", ".com", "www.", "livechat."))]
        for _ in range(random.randrange(1, 6)):
            some = [
                "+block{No \\} way}",
                "-block",
                "+block{x} +handle-as-empty-document",
                "-block{y}",
                "-block",
                "+block",
            ]
            some += [f"+limit-connect{{{one}}}" for one in ("443", "80,8443", "1-100,400-", ",")] + ["-limit-connect"]
            some += ["+hide-referrer{conditional-block}", "+Filter{x} -crunch-if-none-match", "+session-cookies-only"]
            some += [f"+forward-override{{{random.choice(NEXT_STEPS)}}}", "-forward-override"]
            some += [f"+redirect{{{ELSEWHERE}}}", "-redirect"] if random.random() < 0.3 else []
            some += random.sample(RARE, 1) if random.random() < 0.15 else []
            some += ["+no", "yes", "Nothing"] if own else []
            some += ["+https-inspection", "-https-inspection"] if self.inspects else []
            section = " ".join(random.sample(some, random.choice((1, 1, 2))))
            lines.append(random.choice(("{{{}}}", "{{ {} }}", "{{ \\\n{} \\\n}}")).format(section))
            lines += [self._pattern() for _ in range(random.randrange(1, 5))]
            if random.random() < 0.1:
                lines.append(random.choice(("TAG:^x", "NO-REQUEST-TAG:^y", "CLIENT-TAG:^z")))
        return "".join(self._spelled(line) if "{" not in line else f"{line}\n" for line in lines)

    def _more(self) -> list[str]:
        random = self.random
        lines = []
        if self.guards:
            lines += [
                f"{random.choice(('permit-access', 'permit-access', 'deny-access'))} {random.choice(WHO)}"
                + (f" {random.choice(WHERE)}" if random.random() < 0.3 else "")
                for _ in range(random.randrange(1, 4))
            ]
            if random.random() < 0.6:
                lines.insert(0, "permit-access 127.0.0.0/8")
        for _ in range(random.choice((0, 0, 0, 1, 2, 3))):
            kind, *rest = random.choice(NEXT_STEPS).split()
            lines.append(f"{kind} {self._pattern()} {' '.join(rest)}")
        if random.random() < 0.2:
            lines.append(f"trustfile {random.choice((self.root / 'trust', 'trust'))}")
            listed = [random.choice(("~", "~", "+", "")) + self._pattern() for _ in range(random.randrange(1, 5))]
            self.files[f"{self.root}/trust"] = "".join(self._spelled(line) for line in listed)
        if random.random() < 0.1:
            lines.append(f"toggle {random.choice('01')}")
        if random.random() < 0.5:
            lines.append(f"Accept-Intercepted-Requests {random.choice('110')}")
        return lines + random.sample(
            ("enforce-blocks 1", "split-large-forms 1", "frobnicate 7", "hostname proxy.test", "enable-compression 1"),
            2,
        )


def requests(random: Random) -> Iterator[tuple[Form, str, int, str, str]]:
    """Form, name, port, method and client of what is asked."""
    for name in NAMES:
        yield Form.CONNECT, name, 443, "GET", random.choice(CLIENTS[:3])
    for name in random.sample(NAMES, 5):
        yield Form.GET, name, 80, random.choice(("GET", "POST")), random.choice(CLIENTS[:3])
        yield Form.HTTP, name, 80, "GET", CLIENTS[3]
    yield Form.CONNECT, random.choice(NAMES), 8443, "GET", CLIENTS[0]
    yield Form.GET, random.choice(NAMES), 8080, "GET", CLIENTS[1]


def ours(found: Proxy, ask: Ask) -> set[tuple[str, str, bool]]:
    """Every way that we think possible: what happens, the next proxy, and whether it is decrypted."""
    course = found.doors[0].course(ask.form)
    assert course is not None
    # no pattern about paths fits the one that is asked for, and nothing is linked to
    known = {"path": False, "other path": False, "referrer": False}
    known[f"url is {ELSEWHERE}"] = ask.form is not Form.CONNECT and ask.port == 80
    known |= {one.key: False for one in _opens(course) if one.key.endswith(" fits")}
    ways = walk(course, ask, known)
    return {
        (
            _outcome(one.ruling.act),
            one.upstream if one.ruling.act in (Act.ALLOW, Act.NEXT) else "",
            one.decrypted_by is not None,
        )
        for one in ways
    }


def _opens(course: tuple[ProxyStage, ...]) -> Iterator[Open]:
    for stage in course:
        for rule in stage.rules:
            yield from (one for one in leaves(rule.test) if isinstance(one, Open))


def _outcome(act: Act) -> str:
    return "allow" if act in (Act.ALLOW, Act.NEXT) else str(act)


def theirs(reply: Reply, world: Web, name: str) -> tuple[str, str, bool]:
    """What happened, the next proxy, and whether it was decrypted."""
    if not reply.reached:
        return ("deny" if reply.status else "drop"), "", reply.decrypted
    address = reply.server.partition(":")[0]
    if address in (*NEXT, SOCKS):
        return "allow", f"{SOCKS}:1080" if address == SOCKS else reply.server, reply.decrypted
    return ("allow" if address in world.place(name) else "deny"), "", reply.decrypted


@contextmanager
def world() -> Iterator[Web]:
    """The small web, with a SOCKS server and an authority for Privoxy."""
    with web(certified=NAMES) as made, socks(made.namespace, SOCKS):
        made.divert({80: PROXY[1]})
        subprocess.run(
            (
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
                *("-subj", "/CN=inspector.test", "-addext", "basicConstraints=critical,CA:TRUE"),
                *("-keyout", made.folder / f"{AUTHORITY}.key", "-out", made.folder / f"{AUTHORITY}.pem"),
            ),
            check=True,
            capture_output=True,
        )
        yield made


def disagreements(config: Config, world: Web, seen: Counter[str] | None = None) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write(world)
    files = dict.fromkeys((f"{config.root}/CA/ca.pem", f"{config.root}/CA/trusted.pem"), "") | config.files
    taken = snapshot(files, [{"name": "privoxy", "pid": 7, "arguments": list(config.argv), "listeners": []}])
    piece = privoxy.read(taken, frozenset())
    assert not piece.gaps, (piece.gaps, config.files)
    (proxy,) = piece.proxies
    found: list[str] = []
    with world.running(asking(config.argv, config.root), PROXY[1]):
        for form, name, port, method, client in requests(config.random):
            target = address_value(world.place(name)[0])
            said = ours(proxy, Ask(form, name, port, method, address_value(client), target))
            for _ in range(ATTEMPTS):
                reply = world.ask(form, name, port, PROXY, client=client, method=method)
                happened = theirs(reply, world, name)
                if happened in said:
                    break
            if seen is not None:
                seen[happened[0]] += 1
                seen["upstream"] += bool(happened[1])
                seen["decrypted"] += happened[2]
                seen["open"] += len(said) > 1
            if happened not in said:
                found.append(
                    f"{form} {name}:{port} {method} from {client}: {happened} {reply.head[:60]!r} {reply.trouble}; we say {said}"
                )
    return found
