"""Next proxies: ``forward`` and its kind in the main file, and the action ``forward-override`` (filters.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import DENIED, PASS, Act, AllOf, ProxyRule, ProxyStage, Ruling
from agent.proxies.privoxy.clients import going, reaching, tells_servers_apart
from agent.proxies.privoxy.lines import atoi
from agent.proxies.privoxy.policy import placed
from agent.proxies.privoxy.urls import url_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.privoxy.config import Configuration
    from agent.proxies.privoxy.policy import Policy

HTTP_PORT: Final = 8000
SOCKS_PORT: Final = 1080
SOCKS: Final = ("forward-socks4", "forward-socks4a", "forward-socks5", "forward-socks5t")


def forwarding(config: Configuration, policy: Policy | None, *, pages: bool) -> tuple[ProxyStage, ...]:
    """The stages; an action that fits comes before all lines of the main file, and then servers' addresses count."""
    last = tuple(going(config))
    by_line: list[ProxyRule] = []
    for one in reversed(list(config.all("forward", *SOCKS))):
        words = one.words
        if len(words) != (2 if one.name == "forward" else 3):
            continue
        try:
            url = url_pattern(words[0])
        except Malformed:
            continue  # as Privoxy does
        test = None if url.tag else placed(url, pages=pages)
        upstream = _upstream([one.name, *words[1:]])
        if test is not None and upstream is not None:
            by_line += _rules(config, test, upstream, one.source, 0)
    lines = (ProxyStage("forward", tuple(by_line)),) if by_line else ()
    by_action: list[ProxyRule] = []
    for test, value, source in policy.decisions("forward-override", pages=pages) if policy else ():
        upstream = None if value is None else _upstream(value.split())
        if value is None:
            by_action.append(ProxyRule(test, PASS, source))
        elif upstream is None:
            because = f"forward-override{{{value}}} is not understood"
            by_action.append(ProxyRule(test, Ruling(Act.OPEN, because), source))
        else:
            by_action += _rules(config, test, upstream, source, len(lines))
    actions = (ProxyStage("forward-override", tuple(by_action)),) if by_action else ()
    return (*actions, *lines, *last)


def _rules(config: Configuration, test: Test, upstream: str, source: Source, skips: int) -> Iterator[ProxyRule]:
    """What becomes of a request that is for a next proxy: its address counts instead of the server's."""
    apart = tells_servers_apart(config)
    ruling = Ruling(Act.NEXT, skips=skips + (1 if upstream and apart else 0), upstream=upstream)
    if not upstream or not apart:
        yield ProxyRule(test, ruling, source)
        return
    for who, permitted, line in reaching(config, upstream):
        yield ProxyRule(AllOf((test, who)), ruling if permitted else DENIED, source if permitted else line)
    yield ProxyRule(test, DENIED, source)


def _upstream(words: list[str]) -> str | None:
    """Where ``forward PROXY`` or ``forward-socks5 SOCKS PROXY`` leads; None where it is not understood."""
    if len(words) == 2 and words[0] in ("forward", "forward-webserver"):
        return _place(words[1], HTTP_PORT)
    if len(words) == 3 and words[0] in SOCKS:
        return _place(words[1], SOCKS_PORT) or _place(words[2], HTTP_PORT)
    return None


def _place(text: str, port: int) -> str:
    """``host:port``; empty for ``.``: nowhere else."""
    bare = text.rpartition("@")[2]
    if bare == ".":
        return ""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*).*)?", bare)
    return f"{found[1]}:{atoi(found[2] or '') or port}" if found else bare
