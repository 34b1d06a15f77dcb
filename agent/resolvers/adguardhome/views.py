"""What each kind of client gets from AdGuard Home.

A client is known by its address or block of addresses, the closest first; else by a hardware address or a name of its
own, which an audit cannot know. Where these would make a difference, the answer is open.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import NOBODY
from agent.model.intervals import Intervals
from agent.model.network import Listener
from agent.model.resolver import Fate, NameRule, Outcome, Resolver, RuleList, Safety, View
from agent.model.source import Gap, Source
from agent.resolvers.adguardhome.answers import Answers
from agent.resolvers.adguardhome.settings import Client, Settings, block_of
from agent.resolvers.adguardhome.sources import NAME, Sources
from agent.resolvers.filtering.closest import closest
from agent.resolvers.filtering.regexes import EVERY
from agent.resolvers.filtering.writer import differing
from agent.snapshot.following import Following

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.intervals import Interval
    from agent.model.names import Interest
    from agent.snapshot import Snapshot, Want
    from agent.snapshot.programs import Program

HOME: Final = "/opt/AdGuardHome"
FILE: Final = "AdGuardHome.yaml"


def wanted(snapshot: Snapshot, program: Program) -> tuple[Want, ...]:
    """What is still to be asked about one AdGuard Home."""
    following = Following.of(snapshot, NAME, program)
    folder, path = _places(program.arguments)
    artifact = following.file(path, Source(path, ""))
    if artifact is not None:
        with suppress(Malformed):
            Sources(Settings(artifact), following, folder, NOBODY)
    return following.wants


def resolver(snapshot: Snapshot, program: Program, interest: Interest) -> Resolver:
    """Read one AdGuard Home."""
    following = Following.of(snapshot, NAME, program)
    folder, path = _places(program.arguments)
    artifact = following.file(path, Source(path, ""))
    if artifact is None:
        return _unknown(following.gaps, program)
    try:
        settings = Settings(artifact)
    except Malformed as error:
        return _unknown((Gap(NAME, str(error), Source(artifact.name, "")),), program)
    sources = Sources(settings, following, folder, interest)
    views, doubts = _views(settings, sources, Answers(settings, sources, interest))
    gaps = (*following.gaps, *sources.gaps)
    if gaps:
        views = tuple(_doubted(view, str(gaps[0]), gaps[0].source) for view in views)
    listeners = program.listeners or tuple(_listeners(settings))
    asks = settings.yes(settings.get("dns.enable_dnssec"), otherwise=False)
    safety = Safety(asks, settings.source(f"enable_dnssec: {str(asks).lower()}"))  # its servers validate then
    source = Source(artifact.name, "")
    return Resolver(NAME, views, listeners, source, (*gaps, *doubts), program.addresses, safety=safety)


def _places(arguments: Sequence[str]) -> tuple[str, str]:
    """The working folder and the file of settings (``initWorkingDir`` and ``initConfigFilename``)."""
    program = arguments[0] if arguments else ""
    folder = _option(arguments, "-w", "--work-dir") or (
        str(PurePosixPath(program).parent) if program.startswith("/") else HOME
    )
    file = _option(arguments, "-c", "--config") or FILE
    return folder, file if file.startswith("/") else f"{folder.rstrip('/')}/{file}"


def _option(arguments: Sequence[str], short: str, long: str) -> str:
    for at, word in enumerate(arguments):
        if word in (short, long) and at + 1 < len(arguments):
            return arguments[at + 1]
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
    return ""


def _unknown(gaps: Sequence[Gap], program: Program) -> Resolver:
    why = str(gaps[0]) if gaps else "its settings are not known"
    return Resolver(NAME, (View((), Outcome(Fate.UNKNOWN, because=why)),), program.listeners, None, tuple(gaps))


def _doubted(view: View, why: str, source: Source | None) -> View:
    """A view of which something is not known: blocked names stay blocked."""
    unknown = Outcome(Fate.UNKNOWN, because=why)
    if not view.stages:
        return view
    last = RuleList((NameRule(EVERY, unknown, source),))
    return replace(view, stages=(*view.stages[:-1], last), otherwise=unknown)


def _listeners(settings: Settings) -> Iterator[Listener]:
    if not settings.yes(settings.get("dns.serve_plain_dns"), otherwise=True):
        return
    port = settings.get("dns.port")
    hosts = settings.texts(settings.get("dns.bind_hosts")) or (str(settings.get("dns.bind_host") or "0.0.0.0"),)  # noqa: S104 - read, not bound
    for host in hosts:
        yield Listener("udp", host, port if isinstance(port, int) else 53)


def _views(settings: Settings, sources: Sources, answers: Answers) -> tuple[tuple[View, ...], tuple[Gap, ...]]:
    """A view for each kind of addresses, and one for all others."""
    spoken = {
        text: block
        for found in (sources.allowing, sources.blocking)
        for rule in found.rules
        for text in (*rule.clients.given, *rule.clients.but)
        if (block := block_of(text))
    }
    clients = tuple(settings.clients())
    own = {block: client for client in reversed(clients) for block in client.blocks}
    texts = settings.texts(settings.get("dns.allowed_clients"))
    limited = bool(texts)
    listed = {
        block for text in texts or settings.texts(settings.get("dns.disallowed_clients")) if (block := block_of(text))
    }
    there = {family: Intervals.of(span for one, span in listed if one == family) for family in (4, 6)}
    kinds: dict[tuple[int, Interval], tuple[Client | None, frozenset[str], bool]] = {}
    for block in {*spoken.values(), *own, *listed}:
        around = [one for one in own if _holds(one, block)]
        client = own[min(around, key=lambda one: one[1][1] - one[1][0])] if around else None
        words = frozenset(text for text, one in spoken.items() if _holds(one, block))
        kinds[block] = (client, words, (Intervals.span(*block[1]) <= there[block[0]]) is limited)
    gaps: dict[Gap, None] = {}
    made = []
    for (client, words, served), addresses in (*closest(kinds), ((None, frozenset[str](), not limited), None)):
        view = View((), Outcome(Fate.DROPPED), addresses)
        if served:
            view = answers.view(client, words, addresses, client.source if client else None)
            doubtful = dict(_doubts(clients, answers, view, words)) if client is None else {}
            gaps |= dict.fromkeys(doubtful.values())
            if doubtful:
                view = replace(view, stages=(RuleList(tuple(doubtful)), *view.stages))
        made.append(view)
    return tuple(made), tuple(gaps)


def _doubts(
    clients: Sequence[Client], answers: Answers, usual: View, words: frozenset[str]
) -> Iterator[tuple[NameRule, Gap]]:
    """Names with which clients that cannot be told by their addresses fare otherwise than others that have the same."""
    for client in clients:
        if client.elusive:
            why = f"what {client.name} gets differs, and its addresses are not known"
            special = answers.view(client, words, None, None)
            for rule in differing(_lists(usual), _lists(special), why, client.source):
                yield rule, Gap(NAME, why, client.source)


def _lists(view: View) -> list[RuleList]:
    """The stages about names, but for whom questions are passed on to."""
    return [stage for stage in view.stages[:-1] if isinstance(stage, RuleList)]


def _holds(block: tuple[int, Interval], other: tuple[int, Interval]) -> bool:
    """Whether a block holds all addresses of another."""
    return block[0] == other[0] and block[1][0] <= other[1][0] and other[1][1] <= block[1][1]
