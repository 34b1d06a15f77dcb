"""The walk of one request through the stages of a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.proxy import (
    PORT,
    Act,
    Agents,
    AllOf,
    AnyOf,
    Clients,
    Form,
    Methods,
    Names,
    Not,
    Open,
    Ports,
    Ruling,
    Targets,
    Test,
    Urls,
)
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.intervals import Intervals
    from agent.model.proxy import ProxyStage
    from agent.model.source import Source

MAX_WAYS: Final = 256
"""Ways to follow for one request where much is open: eight open tests."""


BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.6 Mobile/15E148 Safari/604.1"
    ),
)
"""What the services' clients say of themselves, in the three forms that are left."""


@record
class Ask:
    """One request. ``client`` and ``target`` are family and address; a target is known where the client chose it."""

    form: Form
    name: str
    port: int
    method: str = "GET"
    client: tuple[int, int] | None = None
    target: tuple[int, int] | None = None
    agents: tuple[str, ...] = BROWSERS


@record
class Decision:
    """What becomes of a request on one way."""

    ruling: Ruling
    """``allow``, ``deny``, ``drop`` or ``open``."""
    source: Source | None
    """The rule that decided; None where it was what happens without a rule, and that stands nowhere."""
    trail: tuple[tuple[str, Source | None], ...]
    """The stages that were asked, each with what decided there."""
    decrypted_by: Source | None = None
    upstream: str = ""
    open_by: tuple[Open, ...] = ()
    """What was taken for granted on this way."""


def walk(stages: Sequence[ProxyStage], ask: Ask, known: Mapping[str, bool] | None = None) -> tuple[Decision, ...]:
    """Give every way that a request may go; one where all is known. ``known`` says how open tests turn out."""
    found: list[Decision] = []
    for way in _ways(stages, ask, dict(known or {})):
        found.append(way)
        if len(found) > MAX_WAYS:
            because = f"more than {MAX_WAYS} ways to follow"
            return (Decision(Ruling(Act.OPEN, because), way.source, way.trail, open_by=way.open_by),)
    return tuple(found)


def _ways(stages: Sequence[ProxyStage], ask: Ask, known: dict[str, bool]) -> Iterator[Decision]:
    waiting: list[tuple[dict[str, bool], tuple[Open, ...]]] = [(known, ())]
    while waiting:
        taken, guesses = waiting.pop()
        found = _way(stages, ask, taken)
        if isinstance(found, Open):
            waiting += [(taken | {found.key: value}, (*guesses, found)) for value in (False, True)]
        else:
            ruling, source, trail, decrypted_by, upstream = found
            yield Decision(ruling, source, trail, decrypted_by, upstream, guesses)


_Way = tuple[Ruling, "Source | None", tuple[tuple[str, "Source | None"], ...], "Source | None", str]


def _way(stages: Sequence[ProxyStage], ask: Ask, known: Mapping[str, bool]) -> _Way | Open:
    """One way, or the open test that it depends on."""
    trail: list[tuple[str, Source | None]] = []
    decrypted_by: Source | None = None
    upstream = ""
    at = 0
    source: Source | None = None
    while at < len(stages):
        stage = stages[at]
        ruling, source = stage.otherwise, stage.source
        for rule in stage.rules:
            fits = holds(rule.test, ask, known)
            if isinstance(fits, Open):
                return fits
            if fits:
                ruling, source = rule.ruling, rule.source
                break
        trail.append((stage.title, source))
        decrypted_by = source if ruling.decrypts else decrypted_by
        upstream = ruling.upstream or upstream
        if ruling.act is not Act.NEXT:
            return ruling, source, tuple(trail), decrypted_by, upstream
        at += 1 + ruling.skips
    return Ruling(Act.ALLOW), source, tuple(trail), decrypted_by, upstream


def holds(test: Test, ask: Ask, known: Mapping[str, bool]) -> bool | Open:
    """Whether a test holds for a request, or the open test that this depends on."""
    found = _holds(test, ask, known)
    return known.get(found.key, found) if isinstance(found, Open) else found


def _holds(test: Test, ask: Ask, known: Mapping[str, bool]) -> bool | Open:
    match test:
        case Names():
            return any(ask.name in names for names in test.sets)
        case Clients():
            return _within(ask.client, test.addresses, "client")
        case Targets():
            return _within(ask.target, test.addresses, "target")
        case Ports():
            return ask.port in test.ports
        case Methods():
            return ask.method in test.words
        case Urls():
            return _spelled(test, ask)
        case Agents():
            return _agreed([any(agent in one for one in test.patterns) for agent in ask.agents], test)
        case Open():
            return test
        case Not():
            found = holds(test.test, ask, known)
            return found if isinstance(found, Open) else not found
        case AllOf() | AnyOf():
            enough = isinstance(test, AnyOf)
            waiting: Open | None = None
            for one in test.tests:
                found = holds(one, ask, known)
                if isinstance(found, Open):
                    waiting = waiting or found
                elif found is enough:
                    return enough
            return waiting or not enough


def _within(address: tuple[int, int] | None, addresses: tuple[tuple[int, Intervals], ...], whose: str) -> bool | Open:
    if address is None:
        return Open(f"{whose} in {addresses}", f"the {whose}'s address is not known")
    family, value = address
    return any(family == one and value in some for one, some in addresses)


def _spelled(test: Urls, ask: Ask) -> bool | Open:
    text = f"{test.before}{ask.name}{test.after.replace(PORT, str(ask.port))}"
    if not test.path:
        return any(text in one for one in test.patterns)
    found = {one.begun(text) for one in test.patterns}
    if True in found or None not in found:
        return True in found
    return Open(f"path of {text} in {test.patterns}", "it depends on the path of the URL")


def _agreed(found: Sequence[bool], test: Agents) -> bool | Open:
    """What holds for all browsers."""
    return found[0] if len(set(found)) == 1 else Open(f"agent in {test.patterns}", "it depends on the User-Agent")
