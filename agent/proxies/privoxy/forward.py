"""Next proxies: ``forward`` and its kind in the main file, and the action ``forward-override`` (filters.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import PASS, Act, ProxyRule, ProxyStage, Ruling
from agent.proxies.privoxy.lines import atoi
from agent.proxies.privoxy.policy import placed
from agent.proxies.privoxy.urls import url_pattern

if TYPE_CHECKING:
    from agent.proxies.privoxy.config import Configuration
    from agent.proxies.privoxy.policy import Policy

HTTP_PORT: Final = 8000
SOCKS_PORT: Final = 1080
SOCKS: Final = ("forward-socks4", "forward-socks4a", "forward-socks5", "forward-socks5t")


def forwarding(config: Configuration, policy: Policy | None, *, pages: bool) -> tuple[ProxyStage, ...]:
    """The stages; an action that fits comes before all lines of the main file."""
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
        ruling = _ruling([one.name, *words[1:]], 0)
        if test is not None and ruling is not None:
            by_line.append(ProxyRule(test, ruling, one.source))
    lines = (ProxyStage("forward", tuple(by_line)),) if by_line else ()
    by_action: list[ProxyRule] = []
    for test, value, source in policy.decisions("forward-override", pages=pages) if policy else ():
        ruling = PASS if value is None else _ruling(value.split(), len(lines))
        because = f"forward-override{{{value}}} is not understood"
        by_action.append(ProxyRule(test, ruling or Ruling(Act.OPEN, because), source))
    actions = (ProxyStage("forward-override", tuple(by_action)),) if by_action else ()
    return (*actions, *lines)


def _ruling(words: list[str], skips: int) -> Ruling | None:
    """Where ``forward PROXY`` or ``forward-socks5 SOCKS PROXY`` leads; None where it is not understood."""
    if len(words) == 2 and words[0] in ("forward", "forward-webserver"):
        return Ruling(Act.NEXT, skips=skips, upstream=_place(words[1], HTTP_PORT))
    if len(words) == 3 and words[0] in SOCKS:
        through = _place(words[1], SOCKS_PORT)
        return Ruling(Act.NEXT, skips=skips, upstream=through or _place(words[2], HTTP_PORT))
    return None


def _place(text: str, port: int) -> str:
    """``host:port``; empty for ``.``: nowhere else."""
    bare = text.rpartition("@")[2]
    if bare == ".":
        return ""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*).*)?", bare)
    return f"{found[1]}:{atoi(found[2] or '') or port}" if found else bare
