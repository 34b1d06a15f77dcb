"""A proxy decrypts the TLS connections to a required domain.

Why it matters: the service is delivered by a content delivery network over TLS that is negotiated with the
browser. A certificate of the proxy's own breaks clients that pin, apps with trust stores of their own, and
WebSockets that the proxy does not understand; and what people write in chats can be read on the gateway.
Instead: splice the names of the service: let the proxy look at the name and pass the bytes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.names import apex_of
from agent.model.vocabulary import Severity, from_zone
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.judgement import Judgement

EXCEPTIONS = {
    "squid": "acl spliced ssl::server_name .{apex}, and ssl_bump splice spliced behind `ssl_bump peek step1`",
    "privoxy": "{{ -https-inspection }} with the pattern .{apex} at the end of user.action",
    "e2guardian": "{apex} in the list nocheckcertsitelist and in greysslsitelist, so that it is not intercepted",
}
"""Proxy to what leaves one domain alone."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each domain and zone."""
    found: dict[tuple[str, str], list[Judgement]] = {}
    for one in case.judgements:
        if one.decrypted_by:
            found.setdefault((one.requirement.pattern, one.zone), []).append(one)
    for (domain, zone), some in found.items():
        sources = tuple(dict.fromkeys(source for one in some for source in one.decrypted_by))
        kind = next((one.by for one in some if one.by), "") or _kind(case, some)
        advice = EXCEPTIONS.get(kind, "").format(apex=apex_of(domain))
        yield Hit(
            f"TLS to {domain} is decrypted {from_zone(zone)}: {sources[0]}",
            ("domain", domain),
            sources,
            f"Let the proxy pass it on unread{': ' if advice else ''}{advice}.",
            tool=kind,
            zone=zone,
            pack=some[0].requirement.pack,
            roads=frozenset(one.road for one in some),
            families=frozenset(one.family for one in some),
            ports=frozenset(one.port.text for one in some),
        )


def _kind(case: Case, some: list[Judgement]) -> str:
    """The proxy whose rule it is."""
    files = {source.artifact for one in some for source in one.decrypted_by}
    return next(
        (proxy.kind for proxy in case.gateway.proxies if proxy.source and proxy.source.artifact in files),
        case.gateway.proxies[0].kind if case.gateway.proxies else "",
    )


RULE = Rule("required-domain-decrypted", "TLS to a required domain is decrypted", Severity.HIGH, find)
