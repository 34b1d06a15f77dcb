"""One Squid as the model has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY
from agent.model.proxy import Proxy
from agent.model.source import Gap, Source
from agent.proxies.squid.access import LISTS, of_line, rules
from agent.proxies.squid.acls import acls
from agent.proxies.squid.configuration import Configuration
from agent.proxies.squid.doors import door
from agent.proxies.squid.elements import Elements
from agent.proxies.squid.lines import PROGRAM, lines
from agent.proxies.squid.mistakes import mistakes
from agent.proxies.squid.ports import ports
from agent.proxies.squid.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.names import Interest
    from agent.snapshot.following import Following

HELPERS: Final = frozenset({"ecap_service", "icap_service", "store_id_program", "url_rewrite_program"})
"""Directives of programs that may note things about requests."""


def follow(path: str, following: Following, macros: Mapping[str, str]) -> None:
    """Ask for all files that a configuration names."""
    found, _ = lines(path, following, macros)
    acls(found, following, NOBODY)


def proxy(
    path: str, following: Following, interest: Interest, macros: Mapping[str, str]
) -> tuple[Proxy, tuple[str, ...]]:
    """Read a configuration file and all that it names; what an administrator should know comes with it."""
    source = Source(following.artifact(path), "")
    found, refused = lines(path, following, macros)
    elements, trouble = acls(found, following, interest)
    refused = (*refused, *trouble, *refusals(found, elements))
    http_access = rules(line for line in found if line.name == "http_access")
    later = tuple(rule for line in found if line.name in LISTS - {"http_access"} for rule in of_line(line))
    helped = any(line.name in HELPERS for line in found)
    config = Configuration(found, Elements(elements, http_access, later, helped=helped), refused, source)
    listening = tuple(ports(found))
    blurred = tuple(Gap(PROGRAM, port.trouble, port.source) for port in listening if port.trouble)
    read = Proxy(
        PROGRAM,
        tuple(door(config, port) for port in listening),
        source,
        tuple(f"{word}#53" for line in config.all("dns_nameservers") for word in line.texts()),
        mistakes=mistakes(config, listening, interest),
        gaps=tuple(dict.fromkeys((*following.gaps, *(doubt.gap for doubt in config.doubts), *blurred))),
    )
    users = (acl.name for acl in elements.values() if acl.type == "proxy_auth")
    return read, tuple(f"users are taken to log in to Squid ({path}: acl {name})" for name in users)
