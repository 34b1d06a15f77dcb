"""What servers here do with the calls of a service that names itself by its User-Agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.proxy import Act, Agents, Form, Names, leaves
from agent.model.record import record
from agent.model.resolver import NameSet, Scope
from agent.practice.requests import ELSEWHERE, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.course import Decision
    from agent.model.proxy import Door, Proxy
    from agent.model.source import Source
    from agent.practice.rule import Case

NEUTRAL: Final = "gateproof-anybody/1.0"
"""A User-Agent that no rule mentions."""
MAX_NAMES: Final = 50


@record
class Call:
    """A call that is treated otherwise than one by anybody else."""

    pack: str
    agent: str
    proxy: Proxy
    source: Source
    """The rule by which it is."""
    passes: bool


def calls(case: Case) -> Iterator[Call]:
    """One for each proxy, User-Agent and deciding rule."""
    agents = dict.fromkeys((one.pack, agent) for one in case.requirements for agent in one.webhook_agents)
    seen: set[tuple[str, Source, bool]] = set()
    for proxy in case.gateway.proxies:
        for door in proxy.doors:
            for form in (Form.HTTP, Form.TLS):
                if not any(isinstance(test, Agents) for test in _tests(door, form)):
                    continue
                for name in _names(door, form):
                    anybody = _passes(ways(door, form, name, method="POST", agents=(NEUTRAL,)))
                    for pack, agent in agents:
                        found = ways(door, form, name, method="POST", agents=(agent,))
                        mine, source = _passes(found), found[0].source if found else None
                        if mine is None or anybody is None or mine == anybody or source is None:
                            continue
                        if (agent, source, mine) not in seen:
                            seen.add((agent, source, mine))
                            yield Call(pack, agent, proxy, source, mine)


def _passes(found: tuple[Decision, ...]) -> bool | None:
    """Whether a request passes; None where that is open."""
    acts = {way.ruling.act for way in found}
    if acts == {Act.ALLOW}:
        return True
    return None if not acts or acts & {Act.ALLOW, Act.OPEN} else False


def _tests(door: Door, form: Form) -> Iterator[object]:
    return (test for stage in door.course(form) or () for rule in stage.rules for test in leaves(rule.test))


def _names(door: Door, form: Form) -> list[str]:
    """Names that rules mention, and one that none does."""
    found = {ELSEWHERE: None}
    for test in _tests(door, form):
        for names in test.sets if isinstance(test, Names) else ():
            if isinstance(names, NameSet) and names.scope in (Scope.EXACT, Scope.SUBTREE) and names.text:
                found[names.text] = None
    return list(found)[:MAX_NAMES]
