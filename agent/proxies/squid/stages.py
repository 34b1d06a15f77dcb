"""The stages that every request goes through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.model.proxy import DENIED, DROPPED, NEVER, PASS, Act, Ruling
from agent.proxies.squid.access import decided, rules
from agent.proxies.squid.courses import Draft, named
from agent.proxies.squid.logic import none_of
from agent.proxies.squid.moments import Phase
from agent.proxies.squid.peers import SAME, roads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.courses import Go
    from agent.proxies.squid.moments import Moment


def listed(  # noqa: PLR0913 - all but four by name
    config: Configuration,
    moment: Moment,
    directive: str,
    name: str,
    *,
    without: bool = True,
    denied: Ruling = DENIED,
) -> Draft:
    """One access list; ``without`` is what happens where there is none."""
    found = rules(config.all(directive))
    asked = found
    if moment.port.accelerated and not moment.fast:  # nobody logs in to what is taken for a web server (401)
        asked = tuple(config.elements.refused(rule, "deny") for rule in found)
    kept: list[tuple[Test, Ruling | Go, Source]] = []
    for test, rule in decided(asked, config.elements, moment):
        kept.append((config.elements.ended(rule, moment), PASS, rule.source))
        kept.append((test, PASS if rule.allows else denied, rule.source))
    passes = not found[-1].allows if found else without
    certain = tuple(one for one in kept if one[0] != NEVER)
    return Draft(name, directive, certain, PASS if passes else denied, found[-1].source if found else None)


def access(config: Configuration, moment: Moment, prefix: str = "") -> Iterator[Draft]:
    """May the client ask this."""
    yield listed(config, moment, "http_access", f"{prefix}access", without=False)
    for at, doubt in enumerate(config.doubts):
        test = doubt.test(config.elements, moment)
        if test != NEVER:
            title = doubt.source.text.partition(" ")[0] or "squid.conf"
            ruling = Ruling(Act.OPEN, doubt.because)
            yield Draft(f"{prefix}doubt{at}", title, ((test, ruling, doubt.source),))
    if config.all("adapted_http_access"):
        yield listed(config, moment, "adapted_http_access", f"{prefix}adapted")


def verified(config: Configuration, moment: Moment, prefix: str = "") -> Iterator[Draft]:
    """A diverted request is for the server that it went to: 409 where not (``hostHeaderVerifyFailed``).

    Other requests than CONNECT go on to that server unless ``host_verify_strict`` is on.
    """
    strict = config.all("host_verify_strict")
    source = strict[-1].source if strict else config.source
    if moment.phase is Phase.NAMED or config.switch("host_verify_strict", default=False):
        title = "host_verify_strict" if strict else "Host header verification"
        yield Draft(f"{prefix}verified", title, ((none_of(SAME), DENIED, source),))


def forwarded(config: Configuration, moment: Moment, name: str) -> tuple[Draft, ...]:
    """May it be fetched, and from where; the first stage gets the name."""
    drafts: list[Draft] = []
    if config.all("miss_access"):
        drafts.append(listed(config, moment.quick, "miss_access", f"{name}-miss"))
    if config.all("http_reply_access") and not moment.tunnel:
        drafts.append(listed(config, replace(moment, reply=True), "http_reply_access", f"{name}-reply"))
    return named(name, (*drafts, *roads(config, moment, name, pinned=moment.certificate)))


def connected(config: Configuration, moment: Moment, name: str, onward: str) -> tuple[Draft, ...]:
    """May Squid connect to the server before it answers the client; a client that it may not waits in vain."""
    drafts: list[Draft] = []
    if config.all("miss_access"):
        drafts.append(listed(config, moment.quick, "miss_access", f"{name}-miss", denied=DROPPED))
    return named(name, (*drafts, *roads(config, moment, name, onward)))
