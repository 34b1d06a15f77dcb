"""Storyboards as stages: every way through them becomes a rule (``ConnectionHandler.cpp``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALLOWED, DENIED, DROPPED, Act, AllOf, Open, ProxyRule, ProxyStage, Ruling
from agent.model.record import record
from agent.proxies.e2guardian.run import Run
from agent.proxies.e2guardian.state import Asked, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.model.source import Source
    from agent.proxies.e2guardian.conditions import Conditions
    from agent.proxies.e2guardian.state import Flags, Request
    from agent.proxies.e2guardian.story import Story

MAX_WAYS: Final = 1_000
"""Ways through one storyboard: each list that has something to say doubles them at most."""
CONTENT: Final = Open("content", "pages are judged by the words on them")


@record(eq=False)
class Group:
    """A filter group: its storyboard, its lists, and what it does besides."""

    story: Story
    conditions: Conditions
    source: Source
    decrypts: bool
    explains: bool
    """Where it decrypts at all, it does so on every port to show its page to those whom it refuses."""
    judges_content: bool
    upstream: str


def stage(title: str, before: Story, early: Conditions, group: Group, request: Request) -> ProxyStage:
    """What one filter group does with one form of request, the storyboard before it included."""

    def run(known: dict[str, bool]) -> Flags:
        return _run(before, early, group, request, known)

    try:
        rules = tuple(_rules(run, group, request))
    except Malformed as error:
        return ProxyStage(title, (), Ruling(Act.OPEN, str(error)), group.source)
    last = rules[-1]
    return ProxyStage(title, rules[:-1], last.ruling, last.source)


def _run(before: Story, early: Conditions, group: Group, request: Request, known: dict[str, bool]) -> Flags:
    """Run both storyboards; what the first asks is told from what the second asks by a ``<`` before it."""
    mine = {key[1:]: value for key, value in known.items() if key.startswith("<")}
    first = Run(replace(request, may_decrypt=False), early, mine)
    try:
        first.call(before, "thttps-pre-authcheck" if request.diverted_tls else "pre-authcheck")
    except Asked as asked:
        raise Asked(replace(asked.question, key=f"<{asked.question.key}")) from None
    if first.flags.block or (request.diverted_tls and first.flags.exception):
        return first.flags
    second = Run(request, group.conditions, known)
    second.flags = replace(first.flags, returned=False)
    second.call(group.story, "thttps-checkrequest" if request.diverted_tls else "checkrequest")
    flags = second.flags
    is_page = not (request.connect or request.diverted_tls)
    if is_page and not (flags.block or flags.exception or flags.redirect):
        second.call(group.story, "checkresponse")
        flags = second.flags
        if flags.grey and group.judges_content:
            if CONTENT.key not in known:
                raise Asked(Question(CONTENT.key, CONTENT))
            flags = replace(flags, block=known[CONTENT.key], decider=None, source=group.source)
    return flags


def _rules(run: Callable[[dict[str, bool]], Flags], group: Group, request: Request) -> Iterator[ProxyRule]:
    """One rule for each way, those first on which more holds; the last has no conditions left.

    Of the ways that a question divides, those on which it holds come first and are complete: a rule need not say what
    does not hold.
    """
    waiting: list[tuple[tuple[Question, bool], ...]] = [()]
    ways = 0
    while waiting:
        ways += 1
        if ways > MAX_WAYS:
            raise Malformed(f"more than {MAX_WAYS} ways through the storyboard")
        decided = waiting.pop()
        try:
            flags = run({question.key: value for question, value in decided})
        except Asked as asked:
            waiting += [(*decided, (asked.question, False)), (*decided, (asked.question, True))]
            continue
        yield from _rule(flags, tuple(question for question, value in decided if value), group, request)


def _rule(flags: Flags, holding: tuple[Question, ...], group: Group, request: Request) -> Iterator[ProxyRule]:
    ruling = _ruling(flags, group, request)
    decider = flags.decider
    source = flags.source or group.source
    if decider is not None and decider.choices:
        others = tuple(one.test for one in holding if one.test is not decider.test)
        if len(others) < len(holding):
            for test, line in decider.choices:
                yield ProxyRule(AllOf((*others, test)), ruling, line)
            if len(decider.choices) == 1:
                return
    yield ProxyRule(AllOf(tuple(one.test for one in holding)), ruling, source)


def _ruling(flags: Flags, group: Group, request: Request) -> Ruling:
    shows = group.decrypts and group.explains and (request.connect or request.diverted_tls)
    allowed = replace(ALLOWED, upstream="" if flags.direct else group.upstream)
    if flags.redirect and not flags.block:
        return DENIED
    if flags.block:
        return replace(DENIED, decrypts=True) if shows else DROPPED if request.diverted_tls else DENIED
    if flags.elsewhere:
        return Ruling(Act.OPEN, flags.elsewhere)
    if flags.exception:
        return allowed
    if flags.decrypt:
        return Ruling(Act.NEXT, decrypts=True)
    if not flags.grey and not request.diverted_tls:
        # what no board has marked is neither refused nor passed on: a tunnel stays silent, a page has no body
        return DROPPED
    return allowed
