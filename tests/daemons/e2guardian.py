"""Random configurations for e2guardian, and what we and it say about requests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from agent.model.course import Ask, walk
from agent.model.intervals import address_value
from agent.model.proxy import Act, Form
from agent.proxies import e2guardian
from agent.snapshot import Artifact, Status
from tests.daemons.snapshots import snapshot
from tests.daemons.web import NAMESERVER, web

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.course import Decision
    from tests.daemons.web import Reply, Web

world: Final = web
"""Where configurations are tried."""
SHIPPED: Final = "/etc/e2guardian"
PORT: Final = 8081
DIVERTED_TLS: Final = 8444
NAMES: Final = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "helpdesk.com", "www.helpdesk.com", "notlivechat.com",
    "API.livechat.com", "text.org",
)  # fmt: skip
SITES: Final = (
    "livechat.com", "api.livechat.com", "LiveChat.com", "helpdesk.com", "www.helpdesk.com", "a.api.livechat.com",
    ".livechat.com", "*.livechat.com", "https://livechat.com", "livechat.com:443", "livechat.com/", ".com", ".org", "com",
    "ftp://helpdesk.com", "helpdesk.com:443/", "livechat.com/path", "chat.com", "  api.livechat.com", "text.org # words",
    "helpdesk.com#words", "#livechat.com", "x",
)  # fmt: skip
URLS: Final = (
    "livechat.com", "api.livechat.com/x", "livechat.com/page", "helpdesk.com/", "www.helpdesk.com/page/more",
    "http://livechat.com/page", ".com/page", "text.org/page?query", "HelpDesk.com/Page",
)  # fmt: skip
PATTERNS: Final = (
    "livechat", "^api\\.", "helpdesk\\.com$", "(api|www)\\.", "LiveChat", "^livechat\\.com$", "^[a-z]+\\.org", "chat.com",
    "^livechat\\.com/", "^api.livechat.com/$", "helpdesk.com/page", "ftp://livechat", "^livechat\\.com/p", "/page$",
)  # fmt: skip
LISTS: Final = (
    "banned", "exception", "grey", "localbanned", "localexception", "localgrey", "greyssl", "localgreyssl", "nocheckcert",
    "exceptionfile", "refererexception",
)  # fmt: skip
AGENTS: Final = ("mozilla", "^curl", "Mozilla/5\\.0", "msie|trident")
CLIENTS: Final = ("127.0.0.1", "127.0.1.7", "127.0.2.9")
DIVERTED_CLIENT: Final = "127.1.0.5"
ADDRESSES: Final = (
    "127.0.1.7", "127.0.1.0/24", "127.0.1.0/255.255.255.0", "127.0.1.0-127.0.2.200", "127.1.0.0/16", "127.0.2.9 # words",
    "127.0.0.1", "# 127.0.0.1", "10.0.0.0/8", "127.1.0.5",
)  # fmt: skip
CHANGES: Final = (
    "function(checkblanketblock)\nif(true,,502) return setblock",
    "function(sslcheckblanketblock)\nif(true,,506) return setblock",
    "function(checkrequest)\nif(true) return setexception\nfunction(thttps-checkrequest)\nif(true) return setexception",
    "function(checkrequest)\nif(true,,105) return setblock\nfunction(sslexceptioncheck)\nfunction(localsslcheckrequest)",
    "function(localcheckrequest)\nfunction(localsslrequestcheck)",
    "function(sslcheckmitm)\nif(true) return sslcheckmitmgreyonly",
    "function(exceptioncheck)\nifnot(urlin, exception) returnif setblock",
    "function(bannedcheck)\nif(urlin, banned) setblock\nif(blockset) return true",
    "function(greycheck)\nif(get) return setgrey\nif(post) setblock",
    "function(sslrequestcheck)\nIF(sitein, exception) return setexception # words\nif(sitein, banned) return setblock\nif(true) setgrey",
)  # fmt: skip


class Config:
    """The files of one random configuration: paths to texts."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = random = Random(seed)
        self.root = root
        self.main = f"{root}/e2guardian.conf"
        self.files: dict[str, str] = {}
        self.names = random.sample(NAMES, 4)
        self.groups = random.choice((1, 1, 2, 3))
        self.decrypts = random.random() < 0.3
        self.phrases = random.random() < 0.15
        lines = [
            "# words", "languagedir = '/usr/share/e2guardian/languages'", "language = 'ukenglish'", "loglevel = 0", "logfileformat = 1",
            "filterip = " + random.choice(("", "127.0.0.1")), f"filterports = {PORT}",
            f"transparenthttpsport = {DIVERTED_TLS}", "proxytimeout = 5", "connecttimeout = 5", "proxyexchange = 20",
            "pcontimeout = 5 # seconds", f"filtergroups = {self.groups}", "nodaemon = on", "nologger = on",
            "httpworkers = 20", "maxcontentfiltersize = 256", "maxcontentramcachescansize = 2000",
            "maxcontentfilecachescansize = 20000", f"weightedphrasemode = {2 if self.phrases else 0}", "phrasefiltermode = 2", "daemonuser = 'root'",
            "daemongroup = 'root'", f"pidfilename = '{root}/pid'", f"loglocation = '{root}/access.log'",
            "usecustombannedimage = off", "usecustombannedflash = off",
            f"downloadmanager = '{SHIPPED}/downloadmanagers/default.conf'", f"preauthstoryboard = '{SHIPPED}/preauth.story'",
        ]  # fmt: skip
        if random.random() < 0.15:
            lines += ["proxyip = 127.0.0.30", "proxyport = 8080"]
        if self.decrypts:
            lines += [
                "enablessl = on", f"cacertificatepath = '{root}/ca.pem'", f"caprivatekeypath = '{root}/ca.key'",
                f"certprivatekeypath = '{root}/ca.key'", f"generatedcertpath = '{root}/generated/'",
            ]  # fmt: skip
        for name in ("bannedclient", "exceptionclient"):
            if random.random() < 0.4:
                lines.append(self._list("iplist", name, ADDRESSES, "main"))
        if random.random() < 0.2:
            lines.append(self._list("sitelist", "authexception", SITES, "main"))
        if self.groups > 1:
            lines += self._members()
        self.files[self.main] = "\n".join((*lines, ""))
        self.files[f"{root}/phrases"] = "# words\n<no page says this>\n"
        for number in range(1, self.groups + 1):
            self._group(number)

    @property
    def argv(self) -> tuple[str, ...]:
        """It asks the system's resolver, which a mount namespace makes ours."""
        resolver = f"{self.root}/resolv.conf"
        return (
            "unshare",
            "-m",
            "sh",
            "-c",
            f"mount --bind {resolver} /etc/resolv.conf && exec e2guardian -N -c {self.main}",
        )

    def write(self, place: Web) -> None:
        (self.root / "generated").mkdir(parents=True, exist_ok=True)
        (self.root / "resolv.conf").write_text(f"nameserver {NAMESERVER}\n", encoding="ascii")
        (self.root / "ca.pem").write_bytes(place.authority.read_bytes())
        (self.root / "ca.key").write_bytes(place.authority_key.read_bytes())
        for path, text in self.files.items():
            (self.root / path).write_text(text, encoding="utf-8")

    def _list(self, option: str, name: str, entries: tuple[str, ...], where: str) -> str:
        random = self.random
        path = f"{self.root}/{where}-{name}-{option}-{len(self.files)}"
        lines = [random.choice(entries) for _ in range(random.choice((0, 1, 1, 2, 3)))]
        if random.random() < 0.2:
            more = f"{path}-more"
            self.files[more] = "\n".join((random.choice(entries), "# the end"))
            lines.append(f".Include<{more}>")
        if random.random() < 0.05:
            lines.insert(0, "#time: 0 0 23 59 0123456")
        self.files[path] = random.choice(("\n", "\n", "\r\n")).join(("# words", '#listcategory: "some"', *lines, ""))
        return f"{option} = 'name={name},{random.choice(('', 'messageno=500,', 'messageno=500,logmessageno=501,'))}path={path}'"

    def _members(self) -> list[str]:
        random = self.random
        lines = [f"{name} = {random.randint(1, self.groups)}" for name in ("defaultfiltergroup", "defaulttransparentfiltergroup")
                 if random.random() < 0.5]  # fmt: skip
        for kind in random.sample(("ip", "port"), random.choice((0, 1, 1, 2, 2))):
            plugin, groups = f"{self.root}/{kind}.conf", f"{self.root}/{kind}groups"
            self.files[plugin] = f"# words\nplugname = '{kind}'\n{kind}groups = '{groups}'\n"
            keys = [str(PORT), "9999"] if kind == "port" else [one.partition(" #")[0] for one in ADDRESSES]
            chosen = random.sample(keys, random.choice((1, 2)))
            self.files[groups] = "\n".join(
                (
                    *(
                        f"{key}{random.choice((' = ', '='))}filter{random.randint(1, self.groups + 1)}"
                        for key in chosen
                    ),
                    "",
                )
            )
            lines.append(f"authplugin = '{plugin}'")
        return lines

    def _group(self, number: int) -> None:
        random = self.random
        board = f"{self.root}/f{number}.story"
        changes = random.sample(CHANGES, random.choice((0, 0, 1, 2)))
        self.files[board] = "\n".join(
            (f".Include<{SHIPPED}/common.story>", f".Include<{SHIPPED}/site.story>", *changes, "")
        )
        lines = [f"groupname = 'g{number}'", f"storyboard = '{board}'", "naughtynesslimit = 50", "maxuploadsize = -1"]
        # 5.3.5 ends with a segmentation fault where it has to show a refusal of level 0 in a decrypted connection
        lines.append(f"reportinglevel = {3 if self.decrypts else random.choice((0, 3, 3))}")
        defined = [
            self._list("sitelist", name, SITES, f"f{number}")
            for name in LISTS[: random.choice((2, 4, 11))]
            if random.random() < 0.6
        ]
        if random.random() < 0.4:
            defined.append(self._list("urllist", random.choice(LISTS[:3]), URLS, f"f{number}"))
        if random.random() < 0.4:
            defined.append(self._list("regexpboollist", random.choice(LISTS[:2]), PATTERNS, f"f{number}"))
        defined += [
            self._list("regexpboollist", name, AGENTS, f"f{number}")
            for name in ("banneduseragent", "exceptionuseragent")
            if random.random() < 0.15
        ]
        if random.random() < 0.2:
            defined.append(self._list("fileextlist", "bannedextension", (".exe", ".iso # words", ".MP3"), f"f{number}"))
        if random.random() < 0.1:
            defined.append(f"sitelist = 'name=banned,path={self.root}/not-there'")
        random.shuffle(defined)
        if random.random() < 0.2 and defined:
            self.files[f"{self.root}/more{number}.conf"] = f"{defined.pop()}\n"
            lines.append(f".Include<{self.root}/more{number}.conf>")
        lines += defined
        if self.phrases:
            lines += [f"{kind}phraselist = '{self.root}/phrases'" for kind in ("banned", "weighted", "exception")]
        if self.decrypts and random.random() < 0.7:
            lines += ["sslmitm = on", "mitmcheckcert = off"]
        self.files[f"{self.root}/e2guardianf{number}.conf"] = "\n".join((*lines, ""))


def shipped() -> dict[str, str]:
    """The files of the distribution that configurations name."""
    from pathlib import Path  # noqa: PLC0415

    names = ("common.story", "site.story", "preauth.story", "examplef1.story", "downloadmanagers/default.conf")
    return {f"{SHIPPED}/{name}": Path(SHIPPED, name).read_text(encoding="utf-8") for name in names}


def disagreements(config: Config, place: Web, outcomes: set[str] | None = None) -> list[str]:
    """Where the program and our reading of its files differ; raises RuntimeError where it does not start."""
    config.write(place)
    place.divert({443: DIVERTED_TLS, 80: PORT})
    running = [{"name": "e2guardian", "pid": 7, "arguments": ["e2guardian", "-c", config.main], "listeners": []}]
    taken = snapshot({**shipped(), **config.files}, running)
    gone = f"files{config.root}/not-there"
    taken = replace(taken, artifacts={**taken.artifacts, gone: Artifact(gone, Status.ABSENT)})
    (proxy,) = e2guardian.read(taken, frozenset(name.lower() for name in NAMES)).proxies
    assert not proxy.gaps, proxy.gaps
    found: list[str] = []
    with place.running(config.argv, PORT):
        for form, path, method in ASKED:
            door = next(one for one in proxy.doors if one.course(form) is not None)
            course = door.course(form) or ()
            diverted = form in (Form.TLS, Form.HTTP)
            for client in (DIVERTED_CLIENT,) if diverted else CLIENTS:
                for name in config.names:
                    port = OTHER_PORT.get((form, path), 443 if form in (Form.CONNECT, Form.TLS) else 80)
                    target = address_value(place.place(name.lower())[0])
                    ask = Ask(form, name.lower(), port, method, address_value(client), target)
                    ways = walk(course, ask, {"first page": path == "/", "refererin refererexception": False})
                    ours = {_word(way) for way in ways}
                    asking = partial(
                        place.ask, form, name, port, ("127.0.0.1", PORT), client=client, path=path, method=method
                    )
                    reply = asking()
                    if _answer(reply) not in ours:  # a busy machine lets a program wait
                        reply = asking(timeout=15)
                    if "ConnectionRefused" in reply.trouble:
                        raise RuntimeError(f"e2guardian has ended: {reply}")
                    theirs = _answer(reply)
                    open_by = {one.key.partition(" ")[0] for way in ways for one in way.open_by}
                    if outcomes is not None:
                        outcomes.add(f"{form} {theirs if len(ours) == 1 else 'unsure'}")
                    there = {way.upstream or f"{place.place(name.lower())[0]}:{port}" for way in ways}
                    if reply.reached and place.seen[0].server not in there:
                        found.append(f"{form} {client} {name}: by way of {place.seen[0].server}, not {there}")
                    if theirs not in ours or (len(ours) > 1 and not open_by <= {"path", "time", "content"}):
                        found.append(
                            f"{form} {client} {name} {method} {path}: {reply}; we say {ours} by {ways[0].source}"
                        )
    return found


ASKED: Final = (
    (Form.CONNECT, "/", "GET"), (Form.GET, "/", "GET"), (Form.GET, "/page", "GET"), (Form.GET, "/page", "POST"),
    (Form.TLS, "/", "GET"), (Form.HTTP, "/", "GET"), (Form.CONNECT, "/other", "GET"), (Form.GET, "/other", "GET"),
)  # fmt: skip
"""Forms of requests, paths, methods."""
OTHER_PORT: Final = {(Form.CONNECT, "/other"): 8443, (Form.GET, "/other"): 8080}


def _word(way: Decision) -> str:
    act = {Act.ALLOW: "allowed", Act.DENY: "denied", Act.DROP: "dropped"}.get(way.ruling.act, "open")
    return f"{act}, decrypted" if way.decrypted_by else act


def _answer(reply: Reply) -> str:
    act = "allowed" if reply.reached else "dropped" if reply.dropped else "denied"
    return f"{act}, decrypted" if reply.decrypted else act
