"""The proxy that this host's own programs are told to use."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.judge.opinion import Opinion
from agent.model.names import apex_of
from agent.model.network import ProxyScheme
from agent.model.record import record
from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from agent.model.gateway import Gateway
    from agent.model.network import ProxySetting
    from agent.model.requirement import PortNeed, Requirement

DEFAULT_PORTS = {"http": 80, "https": 443, "socks": 1080, "socks5": 1080, "socks5h": 1080, "socks4": 1080}
TITLE = "proxy setting"
OBEYED = ("environment", "systemd")
"""Audiences that mean the host's programs at large; apt's settings are apt's."""


@record
class OwnProxy:
    """The proxy that a setting names."""

    address: str
    """Host and port as the setting names them."""
    opinion: Opinion


def own_proxy(gateway: Gateway, requirement: Requirement, port: PortNeed) -> OwnProxy | None:
    """The proxy that this host's programs use for a requirement; None: they go directly."""
    setting = _setting(gateway, requirement, port)
    if setting is None:
        return None
    sources = (setting.source,)
    parts = urlsplit(setting.url if "://" in setting.url else f"http://{setting.url}")
    try:
        number = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    except ValueError:
        number = 0
    if not parts.hostname or not number:
        because = f"the proxy setting cannot be read: {setting.source}"
        return OwnProxy(setting.url, Opinion(TITLE, Reach.UNKNOWN, because, sources))
    address = f"[{parts.hostname}]:{number}" if ":" in parts.hostname else f"{parts.hostname}:{number}"
    because = f"programs here use the proxy {address}: {setting.source}"
    return OwnProxy(address, Opinion(TITLE, Reach.ALLOWED, because, sources))


def _setting(gateway: Gateway, requirement: Requirement, port: PortNeed) -> ProxySetting | None:
    """The setting that applies, if any: by scheme, unless no_proxy exempts the whole domain."""
    if port.proto != "tcp":
        return None
    wanted = {80: ProxyScheme.HTTP, 443: ProxyScheme.HTTPS}.get(port.port)
    for scheme in (wanted, ProxyScheme.ALL):
        for setting in gateway.proxy_settings:
            if setting.scheme is scheme and setting.audience in OBEYED and setting.url:
                return None if _exempt(setting.no_proxy, requirement) else setting
    return None


def _exempt(no_proxy: tuple[str, ...], requirement: Requirement) -> bool:
    """Whether every name of the requirement is exempt, in the dialect that curl, Python and Go share."""
    apex = apex_of(requirement.pattern)
    for entry in no_proxy:
        suffix = entry.strip().lower().removeprefix("*").lstrip(".")
        if entry.strip() == "*" or (suffix and (apex == suffix or apex.endswith("." + suffix))):
            return True
    return False
