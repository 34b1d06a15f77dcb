"""What Squid and we do with requests under random configurations."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from ssl import TLSVersion
from typing import TYPE_CHECKING, Final

from agent.model.course import BROWSERS, Ask, Decision, walk
from agent.model.intervals import address_text, address_value
from agent.model.proxy import SAME_ADDRESS, Act, Form, Open, leaves
from agent.proxies import squid
from tests.daemons.snapshots import snapshot
from tests.daemons.squid_files import EXPLICIT, HELPER, PLAIN, SECURE_SITE, SITE, TLS, Config
from tests.daemons.web import Reply, Web, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Proxy, ProxyStage

__all__ = ["Config", "disagreements", "world"]

NAMES: Final = (
    "livechat.com", "api.livechat.com", "a.api.livechat.com", "cdn.livechat.com", "xlivechat.com", "helpdesk.com",
    "www.helpdesk.com", "text.com", "other.example.net", "secure-api.livechat.com",
)  # fmt: skip
CLIENTS: Final = ("127.0.0.1", "127.1.0.1", "127.1.2.3", "127.2.0.9")
VISITORS: Final = "127.3.0.0/16"
"""Clients whose connections are led to where Squid is a web server."""
LOGGED_IN: Final = (f"User-Agent: {BROWSERS[0]}", "Proxy-Authorization: Basic YW5uYTp4")


class World(Web):
    """A small web with what Squid needs to decrypt."""

    def __init__(self, newest: TLSVersion = TLSVersion.TLSv1_3) -> None:
        super().__init__(newest=newest)
        self.folder.chmod(0o711)
        self.database = self.folder / "certificates"
        subprocess.run((HELPER, "-c", "-s", self.database, "-M", "4MB"), check=True, capture_output=True)
        for path in (self.database, *self.database.rglob("*")):
            shutil.chown(path, "proxy", "proxy")
        self.divert({80: PLAIN, 443: TLS})
        self.divert({80: SITE, 443: SECURE_SITE}, VISITORS)


@contextmanager
def world(newest: TLSVersion = TLSVersion.TLSv1_3) -> Iterator[World]:
    """A small web for one test."""
    made = World(newest)
    try:
        yield made
    finally:
        made.close()


# ---- requests ----

FORMS: Final = (
    (Form.CONNECT, 443, EXPLICIT), (Form.GET, 80, EXPLICIT), (Form.HTTP, 80, PLAIN), (Form.TLS, 443, TLS),
    (Form.HTTP, 80, SITE), (Form.TLS, 443, SECURE_SITE),
)  # fmt: skip
SPELLED: Final = re.compile(r"path of (.*) (True|False)", re.DOTALL)
UNSURE: Final = ("certificate in", "address in", "near", "peername", "pinned to", "login before")
"""Tests that this configuration leaves open: either way may be Squid's."""


def asks(config: Config) -> Iterator[tuple[int, Ask]]:
    """What to ask: every form for names and clients."""
    random = config.random
    for form, port, door in FORMS:
        if (door == TLS and not config.bumps) or (door in (SITE, SECURE_SITE) and not config.accelerated):
            continue
        diverted = door in (PLAIN, TLS)
        visited = door in (SITE, SECURE_SITE)
        for name in random.sample(NAMES, 4):
            client = "127.3.0.9" if visited else random.choice(CLIENTS[1:3] if diverted else CLIENTS)
            method = "POST" if random.random() < 0.2 and form is not Form.CONNECT else "GET"
            target = "127.0.0.40" if diverted and random.random() < 0.2 else place(name)[0]
            yield door, Ask(form, name, port, method, address_value(client), address_value(target))


def settled(course: tuple[ProxyStage, ...], ask: Ask, config: Config, newest: TLSVersion, door: int) -> dict[str, bool]:
    """How the tests turn out here that configuration leaves open."""
    assert ask.target is not None
    known = {
        SAME_ADDRESS: address_text(ask.target[1], 4) in place(ask.name),
        "TLS 1.3": newest is TLSVersion.TLSv1_3,
        **{f"reverse name in {name}": True for name in config.nameless},
    }
    options = dict(zip((SITE, SECURE_SITE), config.accelerated, strict=False)).get(door, "")
    site = options.partition("defaultsite=")[2].partition(" ")[0] if "no-vhost" in options else ""
    own = options.partition("vport")[2].partition(" ")[0].replace("=", ":")
    url = f"{'http' if ask.port == 80 else 'https'}://{site or ask.name}{own}/"
    for one in (leaf for stage in course for rule in stage.rules for leaf in leaves(rule.test)):
        if not isinstance(one, Open) or (config.fixed.get(one.key) or one.key).startswith(UNSURE):
            continue
        if config.fixed.get(one.key, "").startswith("rep_mime_type"):
            known[one.key] = True
        else:
            pattern = SPELLED.fullmatch(one.key)
            fits = pattern and re.search(pattern[1], url, re.IGNORECASE if pattern[2] == "True" else 0)
            known.setdefault(one.key, bool(fits) or one.key.startswith("path in"))
    return known


def agrees(ours: Decision, theirs: Reply, ask: Ask) -> bool:
    """Whether what happened is what we foretold."""
    assert ask.target is not None
    match ours.ruling.act:
        case Act.ALLOW:
            host, _, port = (ours.upstream or f"{address_text(ask.target[1], 4)}:{ask.port}").partition(":")
            server = f"{host if host[0].isdecimal() else place(host)[0]}:{port}"
            return theirs.server == server and theirs.decrypted == bool(ours.decrypted_by)
        case Act.DENY:
            # to a diverted client the page that says so may come without TLS
            return not theirs.reached and (theirs.status >= 400 or "WRONG_VERSION_NUMBER" in theirs.trouble)
        case Act.DROP:
            return theirs.dropped
        case Act.OPEN:
            at = f"{address_text(ask.target[1], 4)}:{theirs.server.partition(':')[2]}"
            return theirs.server == at and ours.ruling.because == f"the server is asked at port {at.partition(':')[2]}"
    return False


def read(config: Config, world: World | None) -> Proxy:
    """What we make of the files."""
    config.compose(world)
    program = {"name": "squid", "pid": 7, "arguments": list(config.argv), "listeners": []}
    taken = snapshot(dict(config.files), [program])
    piece = squid.read(taken, frozenset())
    assert not list(squid.wants(taken)), "every file was there"
    assert not piece.gaps, piece.gaps
    (proxy,) = piece.proxies
    return proxy


def disagreements(config: Config, world: World) -> list[str]:
    """Where the program and our reading of its files say different things; raises RuntimeError where it does not start."""
    proxy = read(config, world)
    config.write()
    found: list[str] = []
    with world.running(config.argv, EXPLICIT):
        for door, ask in asks(config):
            ours = decisions(config, proxy, world.newest, door, ask)
            theirs = request(world, door, ask)
            if not any(agrees(one, theirs, ask) for one in ours):
                said = " | ".join(f"{one.ruling.act} {one.upstream} {one.decrypted_by} by {one.source}" for one in ours)
                found.append(f"{ask.form} {ask.method} {ask.name} {ask}: {theirs}; we say {said}; {ours[0].trail}")
    return found


def outcomes(config: Config) -> Iterator[tuple[Form, str]]:
    """What we say becomes of requests, in words."""
    proxy = read(config, None)
    for door, ask in asks(config):
        for one in decisions(config, proxy, TLSVersion.TLSv1_3, door, ask):
            yield ask.form, f"{one.ruling.act}{' decrypted' * bool(one.decrypted_by)}"
            yield ask.form, f"{one.ruling.act}{' upstream' * bool(one.upstream)}"


def decisions(config: Config, proxy: Proxy, newest: TLSVersion, door: int, ask: Ask) -> tuple[Decision, ...]:
    """Every way that we say a request may go here."""
    (course,) = (one.course(ask.form) for one in proxy.doors if one.listener.port == door)
    assert course is not None
    return walk(course, ask, settled(course, ask, config, newest, door))


def request(world: World, door: int, ask: Ask) -> Reply:
    """What becomes of it."""
    assert ask.client is not None
    assert ask.target is not None
    return world.ask(
        ask.form,
        ask.name,
        ask.port,
        ("127.0.0.1", door),
        client=address_text(ask.client[1], 4),
        target=address_text(ask.target[1], 4),
        method=ask.method,
        headers=LOGGED_IN if ask.form is Form.GET else LOGGED_IN[:1],
        connect_headers=LOGGED_IN,
    )
