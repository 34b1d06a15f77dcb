"""Random configurations for dnsmasq, and what we and it say about names."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from agent.resolvers import dnsmasq
from tests.daemons.answers import agree
from tests.daemons.internet import UPSTREAMS, Internet
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from pathlib import Path


DOMAINS = (
    "com", "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "chat.com", "xlivechat.com",
    "helpdesk.com", "www.helpdesk.com", "text.com", "t.com", "LiveChat.com", "example.org", "at.com",
)  # fmt: skip
NAMES = (
    *dict.fromkeys(name.lower() for name in DOMAINS if "." in name),
    "new.livechat.com", "new.api.livechat.com", "b.a.api.livechat.com", "bapi.livechat.com", "flivechat.com",
    "new.chat.com", "new.helpdesk.com", "new.text.com", "alias.test", "new.alias.test", "host.test", "two.host.test",
    "context.com", "new.context.com", "that.com", "CDN.livechat.com", "other.example.net",
)  # fmt: skip
FIXED = ("10.1.1.1", "10.1.1.2", "203.0.113.9", "127.0.0.1", "fd00::1", "2001:db8:1::5", "#", "", "0.0.0.0")  # noqa: S104 - a blocking answer


class Config:
    """The files of one random configuration: paths below ``root`` to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = Random(seed)
        self.root = root
        self.files: dict[str, str] = {}
        hosts = self._hosts()
        lines = [line for _ in range(self.random.randrange(1, 12)) for line in self._lines()]
        lines = [
            line
            for at, line in enumerate(lines)
            if not line.startswith("cname") or line.split("=")[1].split(",")[0] not in str(lines[:at])
        ]
        self.random.shuffle(lines)
        inner = (
            [lines.pop() for _ in range(self.random.randrange(len(lines) + 1))] if self.random.random() < 0.4 else []
        )
        head = [
            "port=53",
            "listen-address=127.0.0.1",
            "bind-interfaces",
            "no-hosts",
            f"addn-hosts={self.path('hosts')}",
        ]
        servers = self.random.sample(UPSTREAMS, self.random.choice((0, 1, 1, 1, 2)))
        if self.random.random() < 0.3:
            head.append(f"resolv-file={self.path('resolv.conf')}")
            self.files[self.path("resolv.conf")] = "".join(f"nameserver {one}\n" for one in servers)
        else:
            head += ["no-resolv", *(f"server={one}" for one in servers)]
        if any(line.startswith("filter") for line in lines + inner):
            head.append("cache-size=0")  # else an answer that is kept for one family changes that for the other
        if inner:
            how = self.random.randrange(3)
            if how == 0:
                head.append(f"conf-file={self.path('more.conf')}")
                self.files[self.path("more.conf")] = "\n".join(inner) + "\n"
            else:
                head.append(f"conf-dir={self.path('d')}" + (",*.conf" if how == 2 else ",.bak"))
                self.files[self.path("d/a.conf")] = "\n".join(inner) + "\n"
                self.files[self.path("d/b.conf.bak" if how == 1 else "d/README")] = "address=/com/10.66.66.66\n"
                self.files[self.path("d/.hidden.conf")] = "address=/com/10.66.66.66\n"
        self.files[self.path("hosts")] = hosts
        self.main = self.path("dnsmasq.conf")
        self.files[self.main] = "\n".join(head + lines) + "\n"

    @property
    def argv(self) -> tuple[str, ...]:
        return ("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "--log-facility=-", "-C", self.main)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self) -> None:
        from pathlib import Path  # noqa: PLC0415

        for path, text in self.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")

    def _hosts(self) -> str:
        names = self.random.sample((*NAMES, "plain"), self.random.randrange(4))
        return (
            "".join(f"{self.random.choice(FIXED[:6])}\t{name} # here\n" for name in names)
            + "# end\nnot-an-address x.com\n"
        )

    def _domain(self) -> str:
        name = self.random.choice(DOMAINS)
        return self.random.choice(("", "", "", "", ".", "*", "*.", "*")) + name

    def _lines(self) -> list[str]:
        domains = "/".join(self._domain() for _ in range(self.random.choice((1, 1, 1, 2))))
        upstream = self.random.choice(UPSTREAMS)
        match self.random.randrange(12):
            case 0 | 1 | 2:
                return [f"address=/{domains}/{self.random.choice(FIXED)}"]
            case 3 | 4:
                return [f"server = /{domains}/{self.random.choice((upstream, upstream, f'{upstream}#53', '#', ''))}"]
            case 5:
                return [
                    self.random.choice((f"local=/{domains}/", f"local=/{domains}/", "local=//", f"server=//{upstream}"))
                ]
            case 6:
                return [f'host-record=host.test,two.host.test,"{self.random.choice(FIXED[:6])}"  # why not']
            case 7:
                return [
                    f"cname=alias.test,{self.random.choice(('host.test', 'livechat.com', 'nowhere.test', NAMES[0]))}"
                ]
            case 8:
                return [
                    self.random.choice(("filter-AAAA", "filter-A", "domain-needed", "bogus-priv", "localise-queries"))
                ]
            case 9:
                return [f"txt-record={self.random.choice(NAMES)},words"]
            case 10:
                return (
                    [f"address=/#/{self.random.choice(('10.7.7.7', '#', 'fd00::7'))}"]
                    if self.random.random() < 0.3
                    else []
                )
            case _:
                return [f"address=/{domains}/10.2.2.2", f"server=/{domains}/{upstream}"]


def disagreements(config: Config, world: Internet) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    config.write()
    program = {"name": "dnsmasq", "pid": 7, "arguments": list(config.argv), "listeners": []}
    taken = snapshot(dict(config.files), [program])
    piece = dnsmasq.read(taken, frozenset())
    assert not list(dnsmasq.wants(taken)), "every file was there"
    assert not piece.gaps, piece.gaps
    ((view,),) = (one.views for one in piece.resolvers)
    found = []
    with world.running(config.argv):
        for name in NAMES:
            for family in (4, 6):
                ours, rule = view.answer(name.lower(), family)
                theirs = world.ask(name, family)
                if not agree(ours, family, theirs):
                    found.append(f"{name} IPv{family}: {theirs}; we say {ours} by {rule and rule.source}")
    return found
