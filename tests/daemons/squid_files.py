"""Random configurations for Squid."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from tests.daemons.web import NAMESERVER

if TYPE_CHECKING:
    from tests.daemons.squid import World

DOMAINS: Final = (
    ".livechat.com", "livechat.com", ".api.livechat.com", "api.livechat.com", "cdn.livechat.com", ".LiveChat.com",
    ".helpdesk.com", "www.helpdesk.com", ".com", "com", "text.com", ".text.com", "*.livechat.com", "livechat.com.",
    "example.net", ".example.net", "none", "..text.com", "https://text.com", "livechat.com/",
)  # fmt: skip
PATTERNS: Final = (
    r"livechat\.com$", r"^livechat\.com$", r"(^|\.)livechat\.com$", r"\.helpdesk\.com$", r"text\.com", "live.hat",
    r"API\.livechat\.com$", "^(api|cdn)[.]", "[a-k]+desk", "(broken", r"chat\.com$|desk\.com$", "^[^.]+$", "^.*chat.*$",
)  # fmt: skip
URLS: Final = (
    "livechat", r"^http://[^/]*text\.com", "^https:", r"^api\.livechat\.com:443$", "/$", "desk.com/", "CONNECT",
)  # fmt: skip
BLOCKS: Final = (
    "127.0.0.1", "127.1.0.0/16", "127.1.2.0/24", "127.2.0.1-127.2.0.9", "127.0.0.0-127.1.0.0/16", "127.0.0.0/8",
    "127.1.0.0/255.255.255.0", "::1", "all", "ipv6", "127.1", "0/0",
)  # fmt: skip
FIXED: Final = (
    "port 443", "port 1-100", "port 80 8000-9000", "localport 3128", "localport 443", "myportname plain",
    "myportname 3130", "myportname 127.0.0.1:3128", "method GET", "method POST HEAD", "method CONNECT", "proto HTTP", "proto HTTPS NONE", "has request",
    "has response", "transaction_initiator client", "connections_encrypted", "browser Mozilla", "browser -i firefox",
    "browser curl/", "req_header User-Agent Mozilla/5", "req_header User-Agent -i FIREFOX", "req_header Host ^api.livechat",
    "req_header Host -i CHAT.com$", "req_header host :443$", "note other yes", "note -m other yes", "urlpath_regex ^/$", "annotate_client seen=yes", "annotate_transaction seen=yes", "rep_mime_type -i text/plain", "at_step SslBump1",
    "at_step SslBump2", "at_step SslBump3", "dst -n 127.0.0.20-127.0.0.23", "peername up", "urllogin .", "localip 127.0.0.1",
    "proxy_auth REQUIRED",
)  # fmt: skip
EXPLICIT, PLAIN, TLS, SITE, SECURE_SITE = 3128, 3129, 3130, 3131, 3132
ACCELERATED: Final = (
    "accel", "accel allow-direct", "accel allow-direct", "accel vport=8080", "accel no-vhost", "accel defaultsite=text.com",
    "accel no-vhost defaultsite=text.com", "accel no-vhost defaultsite=www.helpdesk.com allow-direct", "vhost allow-direct",
    "accel vport=8443 no-vhost defaultsite=text.com allow-direct",
)  # fmt: skip
"""Options of a port where Squid is a web server."""
UP, OTHER = "127.0.0.60", "127.0.0.61"
"""Next proxies."""
BEGIN: Final = f"""
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
LOGIN: Final = "/usr/lib/squid/basic_fake_auth"
HELPER: Final = "/usr/lib/squid/security_file_certgen"


def alone(config: str | Path, port: int = EXPLICIT) -> tuple[str, ...]:
    """The command of a Squid whose shared memory no other test touches: that has the name of the service."""
    return ("squid", "-N", "-n", f"t{os.getpid()}p{port}", "-f", str(config))


def together(entries: list[str]) -> list[str]:
    """Entries that Squid takes together: no domain twice, none before what it is part of."""
    found = {one.lower().strip("."): one for one in entries}
    return sorted(found.values(), key=lambda one: (one[0] != ".", len(one)))


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        self.main = self.path("squid.conf")
        self.bumps = self.random.random() < 0.6
        self.accelerated = self.random.sample(ACCELERATED, 2) if self.random.random() < 0.3 else []
        """The options of the ports where Squid is a web server: without and with TLS."""
        self.nameless: list[str] = []
        """Elements that fit an address without a name."""
        self.fixed: dict[str, str] = {}
        """What elements of one kind test, by the keys that they have where they are open."""
        self._elements: list[str] = []
        lines = [line for _ in range(self.random.randrange(2, 9)) for line in self._element()]
        lines += self._access("http_access", self.random.randrange(5))
        for directive in ("adapted_http_access", "miss_access", "http_reply_access"):
            if self.random.random() < 0.15:
                lines += self._access(directive, 2)
        lines += self._peers()
        if self.random.random() < 0.1:
            lines.append("host_verify_strict on")
        if self.bumps:
            lines += self._bump()
        self.body = self._spread(lines)
        if any("proxy_auth" in line for line in lines):
            self.body[:0] = [f"auth_param basic program {LOGIN}", "auth_param basic children 1"]

    @property
    def argv(self) -> tuple[str, ...]:
        return alone(self.main)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def compose(self, world: World | None) -> None:
        """Put the main file together; without a world its certificates are nowhere."""
        authority, key, database = (world.authority, world.authority_key, world.database) if world else ("", "", "")
        pair = f"tls-cert={authority} tls-key={key} generate-host-certificates=on"
        bump = f" ssl-bump {pair}" if self.bumps else ""
        head = [f"http_port 127.0.0.1:{EXPLICIT}{bump}", f"http_port {PLAIN} intercept name=plain"]
        if self.bumps:
            head += [
                f"https_port {TLS} intercept ssl-bump {pair}",
                f"sslcrtd_program {HELPER} -s {database} -M 4MB",
                "sslcrtd_children 2 startup=1 idle=1",
            ]
        head += [f"tls_outgoing_options cafile={authority}", "sslproxy_cert_error allow all"]
        if self.accelerated:
            plain, secure = self.accelerated
            head.append(f"http_port 127.0.0.1:{SITE} {plain}")
            head.append(f"https_port 127.0.0.1:{SECURE_SITE} {secure} {pair}")
        self.files[self.main] = "\n".join((*BEGIN.splitlines(), *head, *self.body, ""))

    def write(self) -> None:
        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    # ---- elements ----

    def _element(self) -> list[str]:
        random = self.random
        name = f"e{len(self._elements)}"
        match random.randrange(12):
            case 0 | 1 | 2:
                entries = together(random.sample(DOMAINS, random.randrange(1, 5)))
                self.nameless += [name] * ("none" in entries)
                lines = self._listed(name, "dstdomain", random.choice(("", "", "-n ")), entries)
            case 3 | 4:
                patterns, option = random.sample(PATTERNS, random.randrange(1, 4)), random.choice(("", "-n ", "-i "))
                self.nameless += [name] * (option != "-n " and "^[^.]+$" in patterns)
                lines = self._listed(name, "dstdom_regex", option, patterns)
            case 5:
                patterns = random.sample(PATTERNS, random.randrange(1, 3))
                lines = self._listed(name, "ssl::server_name_regex", "--client-requested ", patterns)
            case 6:
                entries = together(random.sample(DOMAINS, random.randrange(1, 4)))
                option = random.choice(("--client-requested ", "--client-requested ", "--server-provided ", ""))
                lines = self._listed(name, "ssl::server_name", option, entries)
            case 7:
                lines = self._listed(name, "src", "", random.sample(BLOCKS, random.randrange(1, 4)))
            case 8:
                lines = [f"acl {name} url_regex {random.choice(('', '-i '))}{' '.join(random.sample(URLS, 2))}"]
            case 9 | 10:
                self.fixed[f"acl {name}"] = random.choice(FIXED)
                lines = [f"acl {name} {self.fixed[f'acl {name}']}"]
            case _:
                lines = self._group(name)
        if lines:
            self._elements.append(name)
        return lines

    def _listed(self, name: str, kind: str, option: str, entries: list[str]) -> list[str]:
        """An element in one line, several, or with a file; or with quotes."""
        random = self.random
        text = "\n".join(f"{one}{random.choice(('', ' # why', ' ', chr(13)))}" for one in ("# list", *entries, ""))
        match random.randrange(6):
            case 0:
                self.files[self.path(f"{name}.list")] = text
                return [f'acl {name} {kind} {option}"{self.path(f"{name}.list")}" behind.it.com']
            case 1:
                return [f"acl {name} {kind} {option}{one}" for one in entries]
            case 2 if kind in ("dstdomain", "src"):
                self.files[self.path(f"{name}.list")] = "\n".join(f'"{one}"' for one in entries)
                quoted = "configuration_includes_quoted_values"
                parameters = f'parameters("{self.path(f"{name}.list")}")'
                return [f"{quoted} on", f"acl {name} {kind} {option}{parameters}", f"{quoted} off"]
            case 3:
                return [f"acl {name} {kind} {option}{' '.join(entries)}  # {random.choice(DOMAINS)}"]
            case _:
                return [f"acl {name} {kind} {option}{' '.join(entries)}"]

    def _group(self, name: str) -> list[str]:
        random = self.random
        members = [one for one in self._elements if random.random() < 0.5]
        kind = random.choice(("any-of", "all-of"))
        return [
            f"acl {name} {kind} {' '.join(random.choice(('', '!')) + one for one in members)}"
            for _ in range(2)
            if members
        ]

    # ---- rules ----

    def _some(self) -> str:
        chosen = self.random.sample(self._elements, min(len(self._elements), self.random.choice((0, 1, 1, 2))))
        names = [self.random.choice((one, one, one.upper())) for one in chosen or ["all"]]
        return " ".join(self.random.choice(("", "", "!")) + one for one in names)

    def _access(self, directive: str, count: int) -> list[str]:
        random = self.random
        lines = [f"{directive} {random.choice(('allow', 'deny'))} {self._some()}" for _ in range(count)]
        return lines + [f"{directive} {random.choice(('allow', 'allow', 'deny'))} all"] * (random.random() < 0.7)

    def _bump(self) -> list[str]:
        random = self.random
        actions = ("peek", "stare", "splice", "bump", "terminate", "peek", "client-first", "server-first", "none")
        return [f"ssl_bump {random.choice(actions)} {self._some()}" for _ in range(random.randrange(1, 5))]

    def _peers(self) -> list[str]:
        random = self.random
        if random.random() < (0.3 if self.accelerated else 0.7):
            return []
        origin = random.choice(("", "", " originserver"))
        lines = [f"cache_peer {UP} parent 8080 0 no-query no-digest name=up{origin}"]
        if random.random() < 0.4:
            lines.append(f"cache_peer {OTHER} parent 8080 0 no-query no-digest default")
        if random.random() < 0.5:
            lines += self._access("cache_peer_access up", 1)
        for directive in ("always_direct", "never_direct"):
            if random.random() < 0.5:
                lines += self._access(directive, 1)
        if random.random() < 0.7:
            lines += ["minimum_direct_rtt 0", "minimum_direct_hops 0"]
        if random.random() < 0.3:
            lines.append(random.choice(("prefer_direct on", "nonhierarchical_direct off")))
        return lines

    # ---- files ----

    def _spread(self, lines: list[str]) -> list[str]:
        """The same lines, some of them in other files, in conditions, or continued."""
        random = self.random
        if random.random() < 0.3:
            begin, end = sorted(random.sample(range(len(lines) + 1), 2)) if lines else (0, 0)
            middle = lines[begin:end]
            self.files[self.path("d/10.conf")] = "\r\n".join((*middle[: len(middle) // 2], ""))
            self.files[self.path("d/20.conf")] = "\n".join((*middle[len(middle) // 2 :], "", "# the end"))
            self.files[self.path("d/30.bak")] = "http_access nonsense\n"
            lines = [*lines[:begin], f"include {self.path('d/*.conf')}", *lines[end:]]
        if random.random() < 0.2:
            number = random.choice(("${process_number} = 0", "true", " 1=1"))
            lines = [f"if {number}", *lines, "else", "http_access deny all", "endif"]
        found = []
        for line in lines:
            at = line.rfind(" ")
            if random.random() < 0.1 and "parameters" not in line:
                found += [f"{line[: at + 1]}\\", random.choice(("# between", "")), f"\t{line[at + 1 :]}"]
            else:
                found.append(f"  {line}" if random.random() < 0.1 else line)
        return found
