"""``allow`` and ``deny`` (ngx_http_access_module.c, ngx_stream_access_module.c): the first that fits decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals, prefix_interval
from agent.model.proxy import ALWAYS, NEVER, PASS, AllOf, Clients, ProxyRule, ProxyStage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.proxy import Ruling, Test
    from agent.proxies.nginx.syntax import Directive


UNIX: Final = AllOf((NEVER, Clients(())))
"""Clients on sockets in files: none, unless this program itself passes requests on."""


def nearest(levels: Sequence[Directive], *names: str) -> tuple[Directive, ...]:
    """The directives of some names of the innermost level that has any; ``levels`` begin with the outermost."""
    for level in reversed(levels):
        if found := tuple(level.all(*names)):
            return found
    return ()


def access(levels: Sequence[Directive], refused: Ruling) -> Iterator[ProxyStage]:
    """The stage of the innermost list; raises Malformed."""
    rules = tuple(
        ProxyRule(_clients(one[0]), PASS if one.name == "allow" else refused, one.source)
        for one in nearest(levels, "allow", "deny")
    )
    if rules:
        yield ProxyStage("allow, deny", rules)


def _clients(word: str) -> Test:
    if word == "all":
        return ALWAYS
    if word == "unix:":
        return UNIX
    try:
        family, pair = prefix_interval(word)
    except ValueError as error:
        raise Malformed(f"{word} is no network") from error
    return Clients(((family, Intervals.of((pair,))),))
