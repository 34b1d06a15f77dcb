"""Random configurations for nginx, and what we and it make of requests."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from agent.proxies import nginx
from tests.daemons import origins
from tests.daemons.origins import (
    DEAD,
    EXPLICIT,
    FIXED,
    certificate,
)

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.proxy import Act
    from tests.daemons.web import Web

world = origins.world
"""What the program is compared in."""
NAMES = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "xlivechat.com", "text.com", "www.text.com",
    "helpdesk.com", "livechat.example.org", "other.net",
)  # fmt: skip
KEYS = (
    "livechat.com", "*.livechat.com", ".livechat.com", "LiveChat.com", "api.livechat.com", "*.api.livechat.com",
    "text.com", ".text.com", "livechat.*", "www.text.*", "helpdesk.com.", "*.com", "*.net",
)  # fmt: skip
REGEXES = (
    r"~^(www\.)?text\.com$", r"~*LIVECHAT", r"'~^a.+\.com$'", r"~livechat\.com$", r"~LiveChat", r'"~^[a-z]{4}\.com$"', r"~^.+\.net",
)  # fmt: skip
NETWORKS = ("127.1.0.0/24", "127.1.7.9", "127.0.0.0/8", "10.0.0.0/8", "::1", "127.1.0.5", "all")


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        root.mkdir(parents=True, exist_ok=True)
        self.streamed = self.random.random() < 0.7
        lines = ["# a proxy", "user root;", "error_log /dev/null;", f"pid {root}/pid;", "worker_processes 1;"]
        lines += ["include modules/*.conf;", "events { worker_connections 64; }"]
        self.files[f"{root}/modules/stream.conf"] = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
        if self.streamed:
            lines += self._stream()
        lines += self._http()
        self.main = f"{root}/nginx.conf"
        self.files[self.main] = "\n".join((*lines, ""))
        self.argv = ["nginx", "-e", "/dev/null", "-c", self.main, "-g", "daemon off; master_process off;"]

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _stream(self) -> list[str]:
        random = self.random
        lines = ["stream {"]
        for number in range(2):
            lines += self._map("$ssl_preread_server_name", f"$to{number}", self._towards_stream)
        lines += ["  upstream one {", f"    server {FIXED[0]}:443;", "  }"]
        lines += ["  upstream two {", f"    server {FIXED[0]}:443 down;", f"    server {FIXED[1]}:443;", "  }"]
        if random.random() < 0.7:
            lines.append("  resolver 127.0.0.11 ipv6=off;")
        lines += self._access(0.2)
        lines.append("  server {")
        lines.append(
            f"    listen 127.0.0.1:9443{random.choice(('', '', ' proxy_protocol') if random.random() < 0.2 else ('',))};"
        )
        if random.random() < 0.9:
            lines.append("    ssl_preread on;")
        lines += self._access(0.3)
        passed = random.choice(
            (
                "$to0", "$to0", "$to1", "$to1", "$ssl_preread_server_name:443", "${ssl_preread_server_name}:$server_port",
                "one", "two", f"{FIXED[1]}:80", "$ssl_preread_server_name",
            )
        )  # fmt: skip
        lines.append(f"    proxy_pass {passed};" if random.random() < 0.92 else "    return refused;")
        return [*lines, "  }", "}"]

    def _towards_stream(self) -> str:
        return self.random.choice(
            (
                "$ssl_preread_server_name:443",
                "$ssl_preread_server_name:443",
                "one",
                "two",
                '""',
                f"{FIXED[0]}:443",
                "none",
                DEAD,
            )
        )

    def _towards_http(self) -> str:
        return self.random.choice(("0", "1", '""', "text.com", "one"))

    def _map(self, source: str, target: str, value: object) -> list[str]:
        random = self.random
        give = value if callable(value) else lambda: str(value)
        lines = [f"  map {source} {target} {{"]
        hostnames = random.random() < 0.7
        if hostnames:
            lines.append("    hostnames;")
        rows = [f"    {key} {give()};" for key in _apart(random.sample(KEYS, random.randrange(5)))]
        rows += [f"    {key} {give()}; # why" for key in random.sample(REGEXES, random.randrange(3))]
        random.shuffle(rows)
        if random.random() < 0.6:
            rows.append(f"    default {give()};")
        if random.random() < 0.3:
            path = f"{self.root}/map{len(self.files)}"
            self.files[path] = "\n".join((*rows, ""))
            rows = [f"    include {random.choice((path, path.rpartition('/')[2]))};"]
        if random.random() < 0.2:
            rows.append("    volatile;")
        return [*lines, *rows, "  }"]

    def _access(self, chance: float) -> list[str]:
        random = self.random
        if random.random() > chance:
            return []
        return [
            f"    {random.choice(('allow', 'deny'))} {random.choice(NETWORKS)};" for _ in range(random.randrange(1, 4))
        ]

    def _http(self) -> list[str]:
        random = self.random
        lines = ["http {", "  access_log off;", "  proxy_connect_timeout 1s;"]
        lines += [
            f"  {one}_temp_path {self.root}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ]
        lines += self._map("$host", "$flag", self._towards_http)
        lines += ["  map $http_user_agent $bot {", "    default 0;", "    ~*webhook 1;", '    "Mozilla/5.0" "";', "  }"]
        lines += ["  geo $inside {", "    default 0;", "    127.1.0.0/16 1;", "    127.1.7.0/24 0;", "  }"]
        lines += ["  upstream one {", f"    server {FIXED[0]}:80;", "  }"]
        if random.random() < 0.8:
            lines.append("  resolver 127.0.0.11 ipv6=off;")
        lines += self._access(0.15)
        for port in (9080, EXPLICIT, *(() if self.streamed else (9443,))):
            names = random.sample(KEYS, 5)
            for number in range(random.choice((1, 1, 2, 3))):
                lines += self._server(
                    port,
                    names[number * 2 : number * 2 + random.randrange(1, 3)],
                    default=number == 1 and random.random() < 0.3,
                )
        return [*lines, "}"]

    def _server(self, port: int, names: list[str], *, default: bool) -> list[str]:
        random = self.random
        ssl = port == 9443
        chosen = " default_server" if default else ""
        lines = ["  server {", f"    listen 127.0.0.1:{port}{' ssl' if ssl else ''}{chosen};"]
        if ssl:
            lines += [
                f"    ssl_certificate {certificate(self.root.parent)};",
                f"    ssl_certificate_key {certificate(self.root.parent)};",
            ]
            if random.random() < 0.15:
                lines.append("    ssl_reject_handshake on;")
        if random.random() < 0.8:
            named = [name.rstrip(".") for name in names] + (
                [random.choice(REGEXES[:1] + REGEXES[2:])] if random.random() < 0.4 else []
            )
            lines.append(f"    server_name {' '.join(named)};")
        lines.append(f"    set $mine {random.choice((0, 0, 1))};")
        lines += self._access(0.2)
        lines += [line for _ in range(random.randrange(2)) for line in self._code()]
        for path in random.sample(("/", "= /", "^~ /", "/never"), random.choice((0, 1, 1, 1))) or []:
            lines.append(f"    location {path} {{")
            lines += [line for _ in range(random.randrange(3)) for line in self._code()]
            lines += self._access(0.25)
            if random.random() < 0.9:
                lines.append(f"    proxy_pass {self._passed()};")
            lines.append("    }")
        return [*lines, "  }"]

    def _passed(self) -> str:
        return self.random.choice(
            (
                "http://$host", "http://$http_host$request_uri", "http://$host$request_uri", "$scheme://$host:80",
                "http://one", f"http://{FIXED[1]}:80/x", "http://$host:80$uri", "http://$flag",
            )
        )  # fmt: skip

    def _code(self) -> list[str]:
        random = self.random
        end = random.choice(
            (
                "return 403;",
                "return 403;",
                "return 444;",
                "return 200 'no';",
                "return 301 http://away/;",
                "break;",
                "set $mine 1;",
            )
        )
        test = random.choice(
            (
                "$host = livechat.com", "$host != 'text.com'", r"$host ~* \.livechat\.com$", "$http_user_agent ~* (webhook|bot)",
                "$http_user_agent !~ Mozilla", "$flag", "$bot", "$inside", "$flag = 1", "$request_method = POST", "$mine",
                r"$http_host ~ '^[a-z]+\.com$'", "$server_port = 9080", "$remote_addr = 127.1.0.5",
            )
        )  # fmt: skip
        if "return" in end and random.random() < 0.15:
            return [f"    {end}"]
        return [f"    if ({test}) {{", f"      {end}", "    }"]


def _apart(keys: list[str]) -> list[str]:
    """Keys of which nginx takes no two for the same."""
    kept: list[str] = []
    seen: set[str] = set()
    for key in keys:
        bare = key.lower()
        alike = {bare, bare.removeprefix("."), f"*{bare}"} if bare.startswith(".") else {bare}
        if not alike & seen:
            kept.append(key)
            seen |= alike
    return kept


def disagreements(config: Config, made: Web, outcomes: set[Act] | None = None) -> list[str]:
    """Where the program and our reading differ; raises RuntimeError where it does not start."""
    return origins.disagreements(nginx.KIND, config, made, dict.fromkeys(origins.PORTS, NAMES), outcomes)
