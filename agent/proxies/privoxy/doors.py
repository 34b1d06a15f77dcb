"""One Privoxy: its listening sockets, and the stages of each form of request (``chat`` in jcc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.network import Listener
from agent.model.proxy import ALWAYS, DENIED, Act, Door, Form, Proxy, ProxyRule, ProxyStage, Ruling
from agent.model.source import Gap, Source
from agent.proxies.privoxy import DEFAULT, NAME
from agent.proxies.privoxy.actions import entries
from agent.proxies.privoxy.clients import connecting
from agent.proxies.privoxy.config import configuration
from agent.proxies.privoxy.forward import forwarding
from agent.proxies.privoxy.lines import atoi
from agent.proxies.privoxy.mistakes import mistakes
from agent.proxies.privoxy.policy import Policy
from agent.proxies.privoxy.trust import trusted, trusting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.proxies.privoxy.actions import Entry
    from agent.proxies.privoxy.config import Configuration
    from agent.proxies.privoxy.trust import Trusted
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

FORMS: Final = (Form.CONNECT, Form.GET, Form.HTTP)
"""It reads the line of a request first: nothing becomes of TLS that is diverted here."""
LOOKS_UP: Final = frozenset(FORMS)
"""Where diverted pages go their Host header says."""
MAX_FILES: Final = 100
"""Actions files (MAX_AF_FILES)."""
USUAL: Final = "127.0.0.1:8118"


def proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    """One proxy as its files have it."""
    path = _file(program.arguments)
    artifact = following.file(path)
    if artifact is None:
        gap = next(
            iter(following.gaps), Gap(NAME, f"{path} is not there", None, "take the snapshot with gateproof collect")
        )
        return _unknown(program.listeners or (_listener(USUAL),), gap)
    config = configuration(artifact, path)
    sockets = tuple((_listener(one.value), one.source) for one in config.all("listen-address")) or (
        (_listener(USUAL), None),
    )
    found = _policies(config, following, interest)
    if isinstance(found, Gap) or following.gaps:
        gaps = (found,) if isinstance(found, Gap) else following.gaps
        return _unknown([listener for listener, _ in sockets], *gaps)
    acting, listed = found
    course = _Courses(config, acting, listed, following)
    courses = tuple((form, tuple(course.of(form))) for form in FORMS)
    return Proxy(
        NAME,
        tuple(Door(listener, courses, source, looks_up=LOOKS_UP) for listener, source in sockets),
        Source(artifact.name, ""),
        mistakes=tuple(mistakes(config, acting, listed, interest)),
    )


def _policies(
    config: Configuration, following: Following, interest: Interest
) -> tuple[list[Entry], tuple[Trusted, ...]] | Gap:
    """What the actions files and the trust file say; a gap where Privoxy would not start with them."""
    named = [one for one in config.all("actionsfile") if one.value]
    if len(named) > MAX_FILES:
        return Gap(NAME, f"more than {MAX_FILES} actions files", named[MAX_FILES].source)
    read: dict[str, tuple[Entry, ...]] = {}
    listed: tuple[Trusted, ...] = ()
    place = ""
    try:
        for one in named:
            place = config.path(one.value)
            file = following.file(place, one.source)
            if place not in read:
                read[place] = tuple(entries(file, interest)) if file else ()
        trustfile = config.last("trustfile")
        if trustfile:
            place = config.path(trustfile.value)
            file = following.file(place, trustfile.source)
            listed = tuple(trusted(file)) if file else ()
    except Malformed as error:
        return Gap(NAME, f"{place} line {error.line}: {error}", Source(f"files{place}", "", error.line))
    return [entry for one in named for entry in read[config.path(one.value)]], listed


class _Courses:
    """What is asked of a request, in order."""

    def __init__(
        self, config: Configuration, found: list[Entry], listed: tuple[Trusted, ...], following: Following
    ) -> None:
        self._config = config
        self._trusted = listed
        toggle = config.last("toggle")
        self._policy = (
            None if toggle and not toggle.on else Policy(found, client_tags=any(config.all("client-specific-tag")))
        )
        inspects = self._policy is not None and self._policy.any_on("https-inspection")
        self._no_authority = inspects and _absent(config, following, "ca-cert-file", "cacert.crt")
        self._no_trust = inspects and _absent(config, following, "trusted-cas-file", "trustedCAs.pem")

    def of(self, form: Form) -> Iterator[ProxyStage]:
        """All stages of a form of request."""
        yield from connecting(self._config)
        if form is Form.HTTP and not self._config.on("accept-intercepted-requests"):
            switch = self._config.last("accept-intercepted-requests")
            yield ProxyStage("accept-intercepted-requests", (), DENIED, switch.source if switch else None)
        policy = self._policy
        if form is not Form.CONNECT:
            yield from self._judged(pages=True)
        else:
            if policy:
                yield from policy.limit_connect()
            tunnel = tuple(self._judged(pages=False))
            if policy and policy.any_on("https-inspection"):
                opened = (*self._judged(pages=True), *(policy.certificates() if self._no_trust else ()))
                yield from policy.inspection(len(opened) + 1, "no authority" if self._no_authority else "")
                yield from opened
                yield ProxyStage("decrypted", (), Ruling(Act.NEXT, skips=len(tunnel)))
            yield from tunnel

    def _judged(self, *, pages: bool) -> Iterator[ProxyStage]:
        """What decides about a name, or about a page of it."""
        policy = self._policy
        if policy:
            yield from policy.rewriting(pages=pages)
            yield from policy.block(pages=pages)
            trustfile = self._config.last("trustfile")
            if trustfile:
                yield from trusting(self._trusted, trustfile.source, pages=pages)
            yield from policy.redirect(pages=pages)
        yield from forwarding(self._config, policy, pages=pages)


def _absent(config: Configuration, following: Following, name: str, usual: str) -> bool:
    """Whether a file is known not to be there; without a folder nobody knows where it should be."""
    named = config.last(name)
    value = named.value if named else usual
    if not value.startswith("/") and config.last("ca-directory") is None:
        return False
    path = config.path(value, "ca-directory")
    return following.file(path) is None and not any(path in gap.reason for gap in following.gaps)


def _unknown(listeners: list[Listener] | tuple[Listener, ...], *gaps: Gap) -> Proxy:
    """A proxy of which nothing but its sockets is known."""
    first = gaps[0]
    source = first.source or Source("", first.reason)
    stage = ProxyStage("config", (ProxyRule(ALWAYS, Ruling(Act.OPEN, first.reason), source),))
    doors = tuple(Door(one, tuple((form, (stage,)) for form in FORMS), source, looks_up=LOOKS_UP) for one in listeners)
    return Proxy(NAME, doors, first.source, gaps=gaps)


def _listener(text: str) -> Listener:
    """``[address]:port``; without an address all of IPv4."""
    address, _, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    bare = address.strip("[]")
    return Listener("tcp", {"": "0.0.0.0", "localhost": "127.0.0.1"}.get(bare, bare), atoi(port) or 8118)  # noqa: S104


def _file(arguments: tuple[str, ...]) -> str:
    """The file that stands behind all options (privoxy(8))."""
    last = arguments[-1] if len(arguments) > 1 else DEFAULT
    before = arguments[-2] if len(arguments) > 2 else ""
    takes_one = before in ("--pidfile", "--user", "--pre-chroot-nslookup")
    return DEFAULT if last.startswith("--") or takes_one else last
