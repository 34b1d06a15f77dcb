"""One Squid as the model has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import Proxy
from agent.model.source import Source
from agent.proxies.squid.acls import acls
from agent.proxies.squid.configuration import Configuration
from agent.proxies.squid.doors import door
from agent.proxies.squid.elements import Elements
from agent.proxies.squid.lines import PROGRAM, lines
from agent.proxies.squid.ports import ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.names import Interest
    from agent.snapshot.following import Following


def proxy(path: str, following: Following, interest: Interest, macros: Mapping[str, str]) -> Proxy:
    """Read a configuration file and all that it names."""
    source = Source(f"files{path}", "")
    found, refused = lines(path, following, macros)
    elements, trouble = acls(found, following, interest)
    config = Configuration(found, Elements(elements), (*refused, *trouble), source)
    return Proxy(
        PROGRAM,
        tuple(door(config, port) for port in ports(found)),
        source,
        tuple(f"{word}#53" for line in config.all("dns_nameservers") for word in line.texts()),
        gaps=tuple(dict.fromkeys((*following.gaps, *(doubt.gap for doubt in config.doubts)))),
    )
