"""The proxy that this host's own programs are told to use, and the names for which they are told not to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from agent.judge.namespace import parts
from agent.judge.opinion import Opinion
from agent.judge.relay import joined
from agent.judge.wording import listed
from agent.model.network import ProxyScheme
from agent.model.record import record
from agent.model.resolver import NameSet, Scope
from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.gateway import Gateway
    from agent.model.network import ProxySetting
    from agent.model.requirement import PortNeed, Requirement

TITLE: Final = "proxy setting"
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks": 1080, "socks5": 1080, "socks5h": 1080, "socks4": 1080}
OBEYED: Final = ("environment", "systemd")
"""Audiences that mean the host's programs at large; apt's settings are apt's."""
DIALECTS: Final = ("curl", "wget", "Python", "Go")
"""Programs and languages that read no_proxy; Java does not: it has http.nonProxyHosts of its own."""


@record
class OwnProxy:
    """The proxy that a setting names."""

    address: str
    """Host and port as the setting names them."""
    opinion: Opinion
    beside: bool = False
    """Some programs, or for some names, go directly."""


def own_proxy(gateway: Gateway, requirement: Requirement, port: PortNeed) -> OwnProxy | None:
    """The proxy that this host's programs use for a requirement; None: they go directly."""
    setting = _setting(gateway, port)
    exempt = _exemptions(setting, requirement, port) if setting else {}
    if setting is None or all(one is True for one in exempt.values()):
        return None
    sources = (setting.source,)
    split = urlsplit(setting.url if "://" in setting.url else f"http://{setting.url}")
    try:
        number = split.port or DEFAULT_PORTS.get(split.scheme, 80)
    except ValueError:
        number = 0
    if not split.hostname or not number:
        because = f"the proxy setting cannot be read: {setting.source}"
        return OwnProxy(setting.url, Opinion(TITLE, Reach.UNKNOWN, because, sources))
    address = joined(split.hostname, number)
    beside = any(one is not False for one in exempt.values())
    aside = f", but {_told(exempt)}" if beside else ""
    because = f"programs here use the proxy {address}{aside}: {setting.source}"
    return OwnProxy(address, Opinion(TITLE, Reach.ALLOWED, because, sources), beside)


def _setting(gateway: Gateway, port: PortNeed) -> ProxySetting | None:
    """The setting that applies to a port, if any."""
    if port.proto != "tcp":
        return None
    wanted = {80: ProxyScheme.HTTP, 443: ProxyScheme.HTTPS}.get(port.port)
    for scheme in (wanted, ProxyScheme.ALL):
        for setting in gateway.proxy_settings:
            if setting.scheme is scheme and setting.audience in OBEYED and setting.url:
                return setting
    return None


def _exemptions(setting: ProxySetting, requirement: Requirement, port: PortNeed) -> dict[str, bool | tuple[str, ...]]:
    """For each dialect whether all names of a requirement are exempt, or none, or which."""
    found: dict[str, bool | tuple[str, ...]] = {}
    for dialect in DIALECTS:
        sets = [one for entry in setting.no_proxy for one in exempt(entry, dialect, port.port)]
        pieces = parts(requirement, sets)
        some = tuple(piece.text for piece in pieces if any(piece.sample in one for one in sets))
        found[dialect] = some if 0 < len(some) < len(pieces) else bool(some)
    return found


def exempt(entry: str, dialect: str, port: int) -> Iterator[NameSet]:
    """The names that an entry of no_proxy exempts as one dialect reads it.

    Sources: curl_proxy noproxy.c; wget's sufmatch() in host.c (1.21); urllib.request.proxy_bypass_environment();
    golang.org/x/net/http/httpproxy. An address or a network exempts no name.
    """
    text = entry.strip().lower()
    if text == "*":
        if dialect != "wget":
            yield NameSet(Scope.SUBTREE, "")
        return
    host, colon, number = text.partition(":")
    if colon:
        if dialect != "Go" or number != str(port):  # Python compares with a port that the URL spells out
            return
        text = host
    starred = text.startswith("*.")
    if dialect == "Go" and starred:
        text = text[1:]
    bare = text.lstrip(".") if dialect == "Python" else text.removeprefix(".")
    if not bare or "*" in bare:
        return
    if dialect == "curl":
        bare = bare.rstrip(".")
    below = text.startswith(".") and dialect in ("wget", "Go")
    yield NameSet(Scope.BELOW if below else Scope.SUBTREE, bare)


def _told(exempt: dict[str, bool | tuple[str, ...]]) -> str:
    """Who goes directly, for which names."""
    by_names: dict[bool | tuple[str, ...], list[str]] = {}
    for dialect, names in exempt.items():
        if names is not False:
            by_names.setdefault(names, []).append(dialect)
    phrases = []
    for names, dialects in by_names.items():
        who = "all of them" if len(dialects) == len(exempt) else " and ".join(dialects)
        phrases.append(f"{who} directly" + ("" if isinstance(names, bool) else f" to {listed(list(names))}"))
    return "; ".join(phrases)
