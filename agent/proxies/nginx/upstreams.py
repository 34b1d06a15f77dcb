"""Where ``proxy_pass`` sends a request: a fixed server, one of a group, or the server that was named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import ALLOWED, ALWAYS, NEVER, Act, Open, Ports, ProxyRule, Ruling
from agent.proxies.variables.logic import every, opposite
from agent.proxies.variables.texts import How, Literal
from agent.proxies.variables.values import Const, Spelled, fits, ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.nginx.syntax import Directive
    from agent.proxies.variables.values import Value

SCHEMES: Final = {"http://": 80, "https://": 443, "": 0}
AFTER: Final = re.compile(r"(?::(\d*))?(?:/.*)?", re.DOTALL)
"""What may follow a name in a URL."""


class Towards:
    """Makes rules of what ``proxy_pass`` says."""

    def __init__(self, groups: Mapping[str, Directive], refused: Ruling, *, resolver: bool) -> None:
        self._groups = groups
        self._refused = refused
        self._resolver = resolver

    def rules(self, value: Value, when: Test, source: Source, *, fixed: bool, scheme: str = "") -> Iterator[ProxyRule]:
        """The rules for a text of ``proxy_pass``; ``fixed`` has no variables, and is looked up as nginx starts."""
        for guard, one in ways(value):
            test = every((when, guard))
            if test != NEVER:
                yield from self._one(one, test, source, fixed=fixed, scheme=scheme)

    def _one(self, value: Value, when: Test, source: Source, *, fixed: bool, scheme: str) -> Iterator[ProxyRule]:
        begin = value.text if isinstance(value, Const) else value.before if isinstance(value, Spelled) else ""
        known = next((one for one in SCHEMES if one and begin.lower().startswith(one)), "")
        http = bool(scheme)
        if isinstance(value, Const):
            if http and not known:
                yield ProxyRule(when, self._refused, source)  # invalid URL prefix
                return
            yield from self._fixed(value.text[len(known) :], when, source, fixed=fixed, usual=SCHEMES[known])
        elif isinstance(value, Spelled) and bool(known) == http and value.before[len(known) :] == "":
            yield from self._named(value, when, source, SCHEMES[known])
        else:
            because = getattr(value, "because", "") or "where it is sent to depends on more than the configuration"
            yield ProxyRule(when, Ruling(Act.OPEN, because), source)

    def _fixed(self, place: str, when: Test, source: Source, *, fixed: bool, usual: int) -> Iterator[ProxyRule]:
        if place.startswith("unix:"):
            yield ProxyRule(when, Ruling(Act.ALLOW, upstream=place), source)
            return
        bare = place.partition("/")[0]
        if bare in self._groups:
            yield from self._group(self._groups[bare], when, source)
            return
        host, colon, port = bare.rpartition(":")
        if not colon or host.endswith(":") or "]" in port:
            host, port = bare, str(usual or "")
        if not host or not port or (not fixed and as_address(host.strip("[]")) is None and not self._resolver):
            yield ProxyRule(when, self._refused, source)  # no host, no port, or no resolver defined to resolve
            return
        yield ProxyRule(when, Ruling(Act.ALLOW, upstream=f"{host}:{port}"), source)

    def _group(self, group: Directive, when: Test, source: Source) -> Iterator[ProxyRule]:
        """One of the servers of ``upstream``: none that is down, a backup only where there are no others."""
        usable = [one for one in group.all("server") if "down" not in one.words[1:]]
        first = [one for one in usable if "backup" not in one.words[1:]] or usable
        if not first:
            yield ProxyRule(when, self._refused, source)
        for at, server in enumerate(first):
            doubt = Open(f"balance {group[0]} {at}", "several servers share the requests")
            place = server[0] if ":" in server[0].strip("[]") or server[0].startswith("unix:") else f"{server[0]}:80"
            last = at == len(first) - 1
            yield ProxyRule(every((when, ALWAYS if last else doubt)), Ruling(Act.ALLOW, upstream=place), server.source)

    def _named(self, value: Spelled, when: Test, source: Source, usual: int) -> Iterator[ProxyRule]:
        """The server that was named, unless a group has its name."""
        for name, group in self._groups.items():
            test = every((when, fits(Spelled(after=value.after, hello=value.hello), (Literal(How.WHOLE, name),))))
            if not value.path and test != NEVER:
                yield from self._group(group, test, source)
        found = AFTER.fullmatch(value.after)
        if found is None:
            yield ProxyRule(when, Ruling(Act.OPEN, "another name is asked for"), source)
            return
        port = found[1] if found[1] is not None else str(usual or "")
        if not self._resolver or (not port and not (value.path and value.after == ":")):
            yield ProxyRule(when, self._refused, source)  # no port, or no resolver defined to resolve
            return
        if port:
            asked = Ports(Intervals.single(int(port)))
            because = f"it is sent to port {port} of the server"
            yield ProxyRule(every((when, opposite(asked))), Ruling(Act.OPEN, because), source)
        yield ProxyRule(when, ALLOWED, source)
