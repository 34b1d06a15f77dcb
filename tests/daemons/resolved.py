"""Random configurations for systemd-resolved, and what we and it say about names.

It runs with folders of its own in place of the system's, and links whose state networkd would have written.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from agent.model.resolver import Fate
from agent.resolvers import resolved
from agent.snapshot import Artifact, Files, Status
from tests.daemons.answers import agree
from tests.daemons.internet import UPSTREAMS, Answer, Internet
from tests.daemons.snapshots import snapshot
from tests.kernel.netns import ProgramFailed

if TYPE_CHECKING:
    from agent.model.resolver import Outcome
    from agent.snapshot import Snapshot

PROGRAM: Final = os.environ.get("GATEPROOF_RESOLVED", "/lib/systemd/systemd-resolved")
"""The program; where it must not be installed, its package can be unpacked elsewhere."""
USER: Final = "systemd-resolve"
DOMAINS: Final = ("com", "livechat.com", "api.livechat.com", "helpdesk.com", ".", "example.org")
NAMES: Final = (
    "livechat.com", "www.livechat.com", "api.livechat.com", "a.api.livechat.com", "www.helpdesk.com", "xlivechat.com",
    "host.example", "other.example.net",
)  # fmt: skip
LINKS: Final = {2: "10.5.0.1/24", 3: "10.6.0.1/24"}
"""Numbers of the links of which something is said, and an address for each."""
OTHERS: Final = {4: "10.7.0.1/24", 5: "10.8.0.1/24"}
"""Where all links are down, nobody is asked."""
PATIENCE: Final = 6.0
"""Seconds; it waits five for a server before it asks again."""
SCRIPT: Final = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
cp -r "$1/run/." /run/
mkdir -p /run/systemd/resolve && chown -R {user}: /run/systemd/resolve
mount --bind "$1/etc/systemd" /etc/systemd
for file in hosts resolv.conf; do mount --bind "$1/etc/$file" "/etc/$file"; done
exec "$2"
"""


class Config:
    """The files of one random configuration: paths of the system to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files = {"/etc/hosts": self._hosts(), "/etc/resolv.conf": self._resolv_conf()}
        settings = self._settings()
        head = (
            "[Resolve]\nLLMNR=no\nMulticastDNS=no\nCache=no\nDNSStubListener=no\nDNSStubListenerExtra=udp:127.0.0.1\n"
        )
        snippets = self.random.randrange(3)
        self.files["/etc/systemd/resolved.conf"] = head + self._lines(settings, first=True)
        for _ in range(snippets):
            folder = self.random.choice(("/etc", "/run"))
            name = self.random.choice(("10-a.conf", "20-b.conf"))
            self.files[f"{folder}/systemd/resolved.conf.d/{name}"] = "[Resolve]\n" + self._lines(settings, first=False)
        for number in LINKS:
            if self.random.random() < 0.5:
                self.files[f"/run/systemd/netif/links/{number}"] = self._of_networkd()
            if self.random.random() < 0.3:
                self.files[f"/run/systemd/resolve/netif/{number}"] = self._of_others()

    def _hosts(self) -> str:
        lines = ["127.0.0.1 localhost"]
        for _ in range(self.random.randrange(3)):
            address = self.random.choice(("10.1.1.1", "10.1.1.2", "0.0.0.0", "fd00::1", "::"))  # noqa: S104 - hosts that are blocked
            lines.append(f"{address}\t{self.random.choice(NAMES)} # here")
        return "\n".join(lines) + "\n"

    def _resolv_conf(self) -> str:
        servers = self.random.sample(UPSTREAMS, self.random.randrange(2))
        return "".join(f"nameserver {one}\n" for one in servers) + self.random.choice(("", "search helpdesk.com\n"))

    def _servers(self) -> str:
        some = self.random.sample(UPSTREAMS, self.random.choice((1, 1, 2)))
        return " ".join(one + self.random.choice(("", "", ":53", "#dns.example", ":53#dns.example")) for one in some)

    def _domains(self) -> str:
        some = self.random.sample(DOMAINS, self.random.choice((0, 1, 1, 2)))
        return " ".join(("~" if one == "." else self.random.choice(("", "~"))) + one for one in some)

    def _settings(self) -> list[str]:
        keys = ["FallbackDNS", "DNS", "Domains", "ReadEtcHosts"]
        return [key for key in keys if key == "FallbackDNS" or self.random.random() < 0.5]

    def _lines(self, keys: list[str], *, first: bool) -> str:
        lines = []
        for key in keys:
            if not first and self.random.random() < 0.5:
                continue
            match key:
                case "FallbackDNS" | "DNS":
                    lines.append(f"{key}={self._servers()}")
                case "Domains":
                    lines.append(f"{key} = {self._domains()}")
                case _:
                    lines.append(f"{key}={self.random.choice(('yes', 'no', 'nonsense'))}")
            if self.random.random() < 0.15:
                lines.append(f"{key}=")
        return "\n".join(lines) + "\n# end\n"

    def _of_networkd(self) -> str:
        lines = [f"ADMIN_STATE={self.random.choice(('configured', 'configured', 'unmanaged'))}"]
        lines.append(f"OPER_STATE={self.random.choice(('routable', 'routable', 'degraded', 'no-carrier'))}")
        if self.random.random() < 0.8:
            lines.append(f"DNS={self._servers()}")
        domains = self._domains().split()
        lines.append("DOMAINS=" + " ".join(one for one in domains if not one.startswith("~")))
        lines.append("ROUTE_DOMAINS=" + " ".join(one[1:] for one in domains if one.startswith("~")))
        lines.append(self.random.choice(("", "", "DNS_DEFAULT_ROUTE=yes", "DNS_DEFAULT_ROUTE=no")))
        return "\n".join(lines) + "\n"

    def _of_others(self) -> str:
        lines = [f"SERVERS={self._servers().split('#')[0]}", f"DOMAINS={self._domains()}"]
        lines.append(self.random.choice(("", "DEFAULT_ROUTE=yes", "DEFAULT_ROUTE=no")))
        return "\n".join(lines) + "\n"

    @property
    def argv(self) -> tuple[str, ...]:
        return ("unshare", "-m", "sh", "-euc", SCRIPT.format(user=USER), "sh", str(self.root), PROGRAM)

    def write(self) -> None:
        for path, text in self.files.items():
            file = Path(f"{self.root}{path}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (self.root / "run").mkdir(exist_ok=True)
        for folder in (self.root, *self.root.rglob("*")):
            folder.chmod(0o755 if folder.is_dir() else 0o644)


def make_links(world: Internet) -> None:
    """A pair of links with addresses, once."""
    try:
        world.namespace.run(("ip", "link", "show", "pair2"))
    except ProgramFailed:
        for pair in (("pair2", "pair3"), ("pair4", "pair5")):
            world.namespace.run(("ip", "link", "add", pair[0], "type", "veth", "peer", "name", pair[1]))
        for number, address in (LINKS | OTHERS).items():
            world.namespace.run(("ip", "addr", "add", address, "dev", f"pair{number}"))
            world.namespace.run(("ip", "link", "set", f"pair{number}", "up"))


def foretold(ours: Outcome, family: int, theirs: Answer) -> bool:
    """Whether an answer is the one that we foretold; a failure may be one or the other code."""
    if ours.fate is Fate.REFUSED:
        return theirs.rcode in ("REFUSED", "SERVFAIL", "TIMEOUT")
    return agree(ours, family, theirs)


def answered(files: dict[str, str], program: dict[str, object]) -> Snapshot:
    """What a host with these files alone would have answered to all that is wanted."""
    taken = snapshot(files, [program])
    for _ in range(5):
        missing = [f"files{want.ask.pattern}" for want in resolved.wants(taken) if isinstance(want.ask, Files)]
        if not missing:
            break
        absent = {name: Artifact(name, Status.ABSENT) for name in missing}
        taken = replace(taken, artifacts={**taken.artifacts, **absent})
    return taken


def expected(config: Config) -> dict[tuple[str, int], Outcome]:
    """What we say of all names."""
    program = {"name": "systemd-resolve", "pid": 7, "arguments": [PROGRAM], "listeners": []}
    piece = resolved.read(answered(config.files, program), frozenset())
    assert not piece.gaps, piece.gaps
    ((view,),) = (one.views for one in piece.resolvers)
    return {(name, family): view.answer(name, family)[0] for name in NAMES for family in (4, 6)}


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    make_links(world)
    found = []
    with world.running(config.argv, probe="localhost"):
        for (name, family), ours in expected(config).items():
            theirs = world.ask(name, family, timeout=PATIENCE)
            if theirs.rcode == "TIMEOUT" and ours.fate is not Fate.REFUSED:  # a busy machine
                theirs = world.ask(name, family, timeout=PATIENCE)
            if not foretold(ours, family, theirs):
                found.append(f"{name} IPv{family}: {theirs}; we say {ours}")
    return found
