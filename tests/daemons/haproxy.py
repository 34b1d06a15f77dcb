"""Random configurations for HAProxy, and what we and it make of requests."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from agent.model.proxy import Act, Form
from agent.proxies import haproxy
from tests.daemons import origins
from tests.daemons.origins import (
    EXPLICIT,
    FIXED,
    certificate,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemons.web import Web

world = origins.world
"""What the program is compared in."""
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "xlivechat.com", "text.com", "www.text.com",
    "helpdesk.com", "livechat.com.example.org", "other.net",
)  # fmt: skip
WORDS = (
    "livechat.com", ".livechat.com", "LiveChat.com", "api.livechat.com", "text.com", ".text.com", "chat.com", "www.",
    "helpdesk.com", "com", "api", "*.livechat.com", "livechat", "net", "\\.text.com", "livechat.com:443",
)  # fmt: skip
NETWORKS = ("127.1.0.0/24", "127.1.7.9", "127.0.0.0/8", "10.0.0.0/8", "::1", "127.1.0.5", "127.1.7.0/255.255.255.0")
TCP = ("one", "two", "text.com")
HTTP = ("one-h", "two-h", "bk_livechat.com")
LOOPS = ("one", "one-h")
"""Backends with servers by which the proxy may speak to itself."""
SAFE = tuple(name for name in (*TCP, *HTTP) if name not in LOOPS)
REGEXES = (
    "^livechat\\.com$", "(^|\\.)livechat\\.com$", "'^(www\\.)?text\\.com$'", "LiveChat", "^a+pi\\.", "[xyz]live", '"t.xt"',
)  # fmt: skip


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        root.mkdir(parents=True, exist_ok=True)
        self.acls: list[str] = []
        self.http = self.random.random() < 0.3
        self.ssl = self.random.random() < 0.25
        lines = [
            "global",
            "  maxconn 100 # few",
            f"  setenv SUFFIX {self.random.choice(('livechat.com', 'text.com'))}",
            f"defaults base{' '}",
            f"  mode {'http' if self.http else 'tcp'}",
            "  timeout connect 1s",
            "  retries 0",
            "  timeout client 5s",
            "  timeout server 5s",
            "  timeout tarpit 50ms",
        ]
        lines += self._resolvers()
        kinds = {
            "tls": self.ssl and self.random.random() < 0.7,
            "web": self.http or self.random.random() < 0.6,
            "explicit": self.random.random() < 0.7,
        }
        lines += self._frontend("tls", 9443, http=kinds["tls"], ssl=self.ssl)
        lines += self._frontend("web", 9080, http=kinds["web"])
        lines += self._frontend("explicit", EXPLICIT, http=kinds["explicit"])
        backends = [line for name in (*TCP, *HTTP) for line in self._backend(name)]
        self.main = f"{root}/haproxy.cfg"
        self.argv = ["haproxy", "-db", "-f", self.main]
        how = self.random.randrange(4)
        if how == 0:
            self.files[f"{root}/d/10-backends.cfg"] = "\n".join((*backends, ""))
            self.files[f"{root}/d/README"] = "this is no configuration\n"
            self.argv += ["-f", f"{root}/d"]
        elif how == 1:
            self.files[f"{root}/more"] = "\n".join((*backends, ""))
            self.argv += ["--", f"{root}/more"]
        else:
            lines += backends
        self.files[self.main] = "\n".join((*lines, ""))

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _resolvers(self) -> list[str]:
        return ["resolvers dns", "  nameserver one 127.0.0.11:53", "  hold valid 10s"]

    def _frontend(self, name: str, port: int, *, http: bool, ssl: bool = False) -> list[str]:
        random = self.random
        bind = f"  bind 127.0.0.1:{port}" + (f" ssl crt {certificate(self.root.parent)}" if ssl else "")
        if random.random() < 0.05:
            bind += " accept-proxy"
        listen = random.random() < 0.25
        lines = [f"{'listen' if listen else 'frontend'} {name}", bind, f"  mode {'http' if http else 'tcp'}"]
        raw = not http and not ssl
        if not http and random.random() < 0.9:
            lines.append("  tcp-request inspect-delay 500ms")
        lines += self._acls(raw=raw, http=http, ssl=ssl, port=port)
        if random.random() < 0.2:
            lines.append(
                f"  tcp-request connection {random.choice(('reject', 'accept', 'reject', 'accept', 'silent-drop'))} {random.choice(('if', 'unless'))} {{ src {random.choice(NETWORKS)} }}"
            )
        rules = []
        for _ in range(random.randrange(4)):
            condition = self._condition(raw=raw, http=http, ssl=ssl, port=port)
            if http and random.random() < 0.75:
                action = random.choice(
                    (
                        "deny",
                        "deny deny_status 404",
                        "allow",
                        "reject",
                        "tarpit",
                        "return status 200",
                        "redirect location /away",
                        "set-header Host www.text.com",
                        "set-header User-Agent webhook",
                        "set-path /other",
                        "del-header User-Agent",
                        "set-var(txn.x) req.hdr(host),lower",
                        "set-var(txn.x) str(text.com)",
                    )
                )
                rules.append(f"  http-request {action} {condition}")
            else:
                action = random.choice(("reject", "reject", "accept", "set-var(txn.x) str(text.com)"))
                rules.append(f"  tcp-request content {action} {condition}")
        if raw and random.random() < 0.7:
            rules.insert(0, "  tcp-request content accept if { req_ssl_hello_type 2 }")
        if random.random() < 0.3:
            place = "http-request" if http else "tcp-request content"
            what = "hdr(host),host_only" if http else random.choice(("req.ssl_sni", "req.ssl_sni,lower"))
            rules.append(f"  {place} do-resolve(txn.ip,dns,ipv4) {what}")
            rules.append(
                f"  {place} set-dst var(txn.ip)" + random.choice(("", " if { var(txn.ip) -m found }", " if TRUE"))
            )
        lines += rules
        for _ in range(random.randrange(3)):
            target = self._target(port, http=http)
            if random.random() < 0.3:
                subject = self._subject(raw=raw, http=http)
                target = random.choice(
                    (f"%[{subject},lower,{self._map(port)}]", f"%[{subject}]", f"bk_%[{subject},lower]")[
                        : 3 if port != EXPLICIT else 2
                    ]
                )
            lines.append(f"  use_backend {target} {self._condition(raw=raw, http=http, ssl=ssl, port=port)}")
        if http and random.random() < 0.15:
            lines.append(f"  redirect prefix /away {self._condition(raw=raw, http=http, ssl=ssl, port=port)}")
        if listen and random.random() < 0.7:
            lines.append(f"  server own {FIXED[0]}:80")
        else:
            lines.append(
                f"  default_backend {self._target(port, http=http)}" if random.random() < 0.85 else "  # nowhere"
            )
        return lines

    def _acls(self, *, raw: bool, http: bool, ssl: bool, port: int) -> list[str]:
        random = self.random
        lines: list[str] = []
        self.acls = []
        for _ in range(random.randrange(5)):
            acl = random.choice(("ok", "bad", "Known", "here"))
            line = f"  acl {acl} {self._test(raw=raw, http=http, ssl=ssl, port=port)}"
            self.acls.append(acl)
            if random.random() < 0.2:
                condition, other = random.choice(
                    (("streq(a,a)", "0"), ("1 && !defined(HAPROXY_MWORKER)", "1"), ("version_atleast(2.4)", "1"))
                )
                lines += [f".if {condition}", line, f".elif {other}", "  nonsense", ".else", "  more of it", ".endif"]
            else:
                lines.append(line)
        return lines

    def _target(self, port: int, *, http: bool) -> str:
        """A backend that a frontend may have: one for HTTP takes no others."""
        names = HTTP if http or self.random.random() < 0.1 else TCP
        left = [name for name in names if port != EXPLICIT or name not in LOOPS]
        return self.random.choice((*left, *left[:1]))

    def _backend(self, name: str) -> list[str]:
        random = self.random
        http = name in HTTP
        lines = [f"backend {name}", f"  mode {'http' if http else 'tcp'}"]
        if random.random() < 0.3:
            self.acls = ["ours"]
            lines.append(f"  acl ours {self._test(raw=not http, http=http, ssl=False, port=9080)}")
            action = random.choice(
                ("http-request deny", "http-request reject") if http else ("tcp-request content reject",)
            )
            lines.append(f"  {action} {self._condition(raw=not http, http=http, ssl=False, port=9080)}")
        server = random.choice(
            (
                *(("0.0.0.0",) * 6 + ("*",) if name in LOOPS else ()),  # noqa: S104 - where the client wanted to go
                "0.0.0.0:443",
                "0.0.0.0:80",
                f"{FIXED[0]}:443",
                f"{FIXED[1]}:80",
                f"ipv4@{FIXED[0]}:80",
            )
        )
        how = random.randrange(9)
        if how == 0 and name in LOOPS:
            lines.append("  option transparent")
        elif how == 3:
            lines += [
                f"  server first {FIXED[0]}:443 weight 0",
                f"  server second {server}",
                f"  use-server first if {{ src {random.choice(NETWORKS)} }}",
            ]
        elif how == 1:
            lines.append(f"  server off {server} disabled")
        elif how == 2:
            lines += [f"  server off {FIXED[0]}:443 backup", f"  server on {server}"]
        else:
            lines.append(f"  server s {server}")
        return lines

    def _map(self, port: int = EXPLICIT) -> str:
        random = self.random
        way = random.choice(("map", "map_str", "map_end", "map_beg", "map_dom", "map_sub"))
        path = f"{self.root}/map{len(self.files)}"
        rows = [
            f"{random.choice(('', '  '))}{random.choice(WORDS[:13])}{random.choice((' ', '   '))}{random.choice(('none', *SAFE) if port == EXPLICIT else ('none', *TCP, *HTTP))}"
            for _ in range(random.randrange(1, 6))
        ]
        self.files[path] = "\n".join(("# names", "", *rows, ""))
        return f"{way}({path}{random.choice(('', ',two', ',text.com'))})"

    def _subject(self, *, raw: bool, http: bool) -> str:
        return (
            self.random.choice(("hdr(host)", "req.hdr(host)", "hdr(Host),host_only", "req.hdr(host),field(1,:)"))
            if http or not raw
            else self.random.choice(("req.ssl_sni", "req_ssl_sni", "req.ssl_sni", "req.hdr(host)"))
        )

    def _words(self, most: int = 3) -> str:
        return " ".join(self.random.choice(WORDS) for _ in range(self.random.randrange(1, most + 1)))

    def _test(self, *, raw: bool, http: bool, ssl: bool, port: int) -> str:
        random = self.random
        fold = random.choice(("", "", "-i "))
        subject = self._subject(raw=raw, http=http)
        if ssl and random.random() < 0.3:
            subject = "ssl_fc_sni"
        match random.randrange(14):
            case 0 | 1 | 2 | 3:
                way = random.choice(("str", "end", "end", "beg", "sub", "dom", "dir", "reg"))
                if way == "reg":
                    return f"{subject} {fold}-m reg {random.choice(REGEXES)} {random.choice(REGEXES)}"
                return f"{subject} {fold}-m {way} {random.choice(('', '-- '))}{self._words()}"
            case 4:
                path = f"{self.root}/list{len(self.files)}"
                rows = [
                    random.choice(("", " ", "# ")) + random.choice(WORDS) + random.choice(("", "", "", " ", "\r"))
                    for _ in range(random.randrange(1, 7))
                ]
                self.files[path] = "\n".join((*rows, ""))
                if random.random() < 0.2:
                    self.files[path] = "\n".join(f"{row} key {row}" for row in rows) + "\n"
                    return f"{subject} {fold}-M -m {random.choice(('str', 'end', 'sub'))} -f {path}"
                return f"{subject} {fold}-m {random.choice(('str', 'end', 'sub'))} -f {path} {random.choice(('', 'text.com'))}"
            case 5:
                return f"src {random.choice(NETWORKS)} {random.choice(('', NETWORKS[0]))}"
            case 6:
                return (
                    f"dst_port {random.choice(('443', '80', 'ge 100', '1:90', 'lt 443'))}"
                    if port != EXPLICIT
                    else "always_false"
                )
            case 7:
                return f"{random.choice(('hdr_end', 'hdr_beg', 'hdr_dom', 'hdr_sub'))}(host) {fold}{self._words()}"
            case 8:
                return (
                    f"method {random.choice(('GET', 'POST', 'CONNECT', 'GET HEAD'))}"
                    if http
                    else "req_ssl_hello_type 1"
                )
            case 9:
                return f"hdr(user-agent) {fold}-m {random.choice(('sub', 'beg'))} {random.choice(('webhook', 'Mozilla', 'livechat', 'bot'))}"
            case 10:
                return random.choice(("always_true", "always_false", "ssl_fc", "src 127.0.0.0/8", "req.proto_http"))
            case 11:
                return f"{subject},lower,{self._map()} -m {random.choice(('str two-h bk_livechat.com', 'found', 'str two text.com'))}"
            case 12:
                return "var(txn.x) -m " + random.choice(("found", "str text.com", "end livechat.com"))
            case _:
                return f"{subject} -m {random.choice(('str', 'end'))} \"${{SUFFIX}}\" 'text.com'"

    def _condition(self, **kind: object) -> str:
        random = self.random
        if random.random() < 0.08:
            return ""
        terms = []
        for _ in range(random.randrange(1, 4)):
            if self.acls and random.random() < 0.6:
                term = random.choice(self.acls)
            elif random.random() < 0.2:
                term = random.choice(("TRUE", "FALSE", "LOCALHOST", "METH_GET", "HTTP"))
            else:
                term = f"{{ {self._test(**kind)} }}"  # type: ignore[arg-type] # the same flags
            terms.append(random.choice(("", "", "!", "! ")) + term)
            terms.append(random.choice(("", "", "or", "||")))
        terms.pop()
        return f"{random.choice(('if', 'if', 'unless'))} {' '.join(terms)}"


def disagreements(config: Config, made: Web, outcomes: set[Act] | None = None) -> list[str]:
    """Where the program and our reading differ; raises RuntimeError where it does not start."""
    return origins.disagreements(
        haproxy.KIND,
        config,
        made,
        {form: NAMES[:: 1 if form in (Form.TLS, Form.HTTP) else 2] for form in origins.PORTS},
        outcomes,
    )
