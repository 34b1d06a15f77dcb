"""``map`` and ``geo``: which value a variable has (``ngx_http_map_find``, ngx_http_geo_module.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.model.intervals import Intervals, prefix_interval
from agent.model.proxy import ALWAYS, NEVER, Clients
from agent.proxies.variables.texts import How, Literal, regex
from agent.proxies.variables.values import MAX_CASES, Cases, Client, Const, Unknown, fits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.model.proxy import Test, Texts
    from agent.proxies.nginx.syntax import Directive
    from agent.proxies.variables.values import Value

    Told = Callable[[str], Value]

SPECIAL = ("default", "hostnames", "volatile", "include")


def mapped(directive: Directive, source: Value, told: Told) -> Value:
    """The value of a map: whole keys, then ``*.name`` (longest), ``name.*`` (longest), then expressions in order.

    Keys ignore case; wildcards are only known with ``hostnames``; a backslash before a special word makes it a key.
    """
    entries = directive.block or ()
    hostnames = any(one.name == "hostnames" and not one.words for one in entries)
    default: Value = Const("")
    if len(entries) > MAX_CASES:
        return Unknown(f"{directive.source}", f"more than {MAX_CASES} entries to follow")
    groups: list[list[tuple[int, Texts, str]]] = [[], [], [], []]
    for one in entries:
        if one.name == "default" and one.words:
            default = told(one[0])
        elif not (one.name in SPECIAL and not one.words):
            try:
                for rank, length, pattern in _patterns(one.name, hostnames=hostnames):
                    groups[rank].append((-length, pattern, one[0]))
            except Malformed as error:
                return Unknown(f"{directive.source}", str(error))
    cases: list[tuple[Test, Value]] = []
    for rank, group in enumerate(groups):
        for _, pattern, value in sorted(group, key=lambda entry: entry[0]) if rank < 3 else group:
            test = fits(source, (pattern,))
            if test == ALWAYS:
                return Cases(tuple(cases), told(value)) if cases else told(value)
            if test != NEVER:
                cases.append((test, told(value)))
    return Cases(tuple(cases), default) if cases else default


def _patterns(key: str, *, hostnames: bool) -> list[tuple[int, int, Texts]]:
    """Rank, length and pattern of a key."""
    if key.startswith("~"):
        fold = key.startswith("~*")
        return [(3, 0, regex(key[2 if fold else 1 :], fold=fold))]
    plain = key.removeprefix("\\") if key.startswith("\\") else key
    if hostnames and plain.endswith("."):
        return []  # the dot at the end of a name is taken away, but not that of a key
    if hostnames and plain.startswith("*."):
        return [(1, len(plain), Literal(How.ENDS, plain[1:], fold=True))]
    if hostnames and plain.startswith(".") and len(plain) > 1:
        return [(0, 0, Literal(How.WHOLE, plain[1:], fold=True)), (1, len(plain), Literal(How.ENDS, plain, fold=True))]
    if hostnames and plain.endswith(".*"):
        return [(2, len(plain), Literal(How.BEGINS, plain[:-1], fold=True))]
    return [(0, 0, Literal(How.WHOLE, plain, fold=True))]


def located(directive: Directive, source: Value) -> Value:
    """The value of a ``geo``: that of the smallest network around an address."""
    networks: list[tuple[int, int, tuple[int, int], str]] = []
    default = ""
    for one in directive.block or ():
        if one.name == "default":
            default = one[0]
        elif one.name in ("ranges", "delete", "proxy", "proxy_recursive", ""):
            return Unknown(f"{directive.source}", f"{one.name} of geo is not followed")
        else:
            try:
                family, pair = prefix_interval(one.name)
            except ValueError:
                return Unknown(f"{directive.source}", f"{one.name} is no network")
            networks.append((pair[1] - pair[0], family, pair, one[0]))
    if not isinstance(source, Client):
        return Unknown(f"{directive.source}", "geo looks at another address than the client's")
    cases = _smallest_first(networks)
    return Cases(cases, Const(default)) if cases else Const(default)


def _smallest_first(networks: Sequence[tuple[int, int, tuple[int, int], str]]) -> tuple[tuple[Test, Value], ...]:
    latest = {(family, pair): value for _, family, pair, value in networks}
    ordered = sorted(latest.items(), key=lambda entry: entry[0][1][1] - entry[0][1][0])
    return tuple((Clients(((family, Intervals.of((pair,))),)), Const(value)) for (family, pair), value in ordered)
