"""What each kind of client gets from Pi-hole: its lists by the groups of the client, then the dnsmasq inside.

A client is known by its address, else by its hardware address, name or interface (``get_client_groupids``); these an
audit cannot know. Where they would make a difference, the answer is open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import NOBODY
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, Outcome, RuleList, View
from agent.model.source import Gap, Source
from agent.resolvers.dnsmasq.files import load as load_dnsmasq
from agent.resolvers.dnsmasq.rules import resolver as resolver_of_dnsmasq
from agent.resolvers.filtering.closest import closest
from agent.resolvers.filtering.regexes import EVERY
from agent.resolvers.filtering.writer import differing
from agent.resolvers.pihole import NAME
from agent.resolvers.pihole.gravity import DEFAULT, Gravity, tables
from agent.resolvers.pihole.rules import stages
from agent.resolvers.pihole.settings import settings as read_settings
from agent.snapshot.following import Following
from agent.snapshot.programs import ARTIFACT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.intervals import Intervals
    from agent.model.names import Interest
    from agent.model.resolver import Resolver
    from agent.resolvers.pihole.settings import Settings
    from agent.snapshot import Artifact, Snapshot, Want
    from agent.snapshot.programs import Program

CONF: Final = "/etc/pihole/dnsmasq.conf"
"""What version 6 writes for the dnsmasq inside, from its settings."""


@record
class _Files:
    """What a Pi-hole's files say, and what is wrong with them."""

    settings: Settings
    tables: Mapping[str, Artifact]
    gaps: tuple[Gap, ...]
    wants: tuple[Want, ...]


def _files(snapshot: Snapshot, program: Program) -> _Files:
    following = Following.of(snapshot, NAME, program)
    settings = read_settings(following)
    named_by = settings.sources.get("files.gravity", Source(ARTIFACT, ""))
    damage: tuple[Gap, ...] = ()
    found: Mapping[str, Artifact] = {}
    try:
        found = tables(settings.gravity, following, named_by)
    except Malformed as error:
        damage = (Gap(NAME, str(error), named_by),)
    return _Files(settings, found, (*settings.gaps, *following.gaps, *damage), following.wants)


def wanted(snapshot: Snapshot, program: Program) -> tuple[Want, ...]:
    """What is still to be asked about one Pi-hole."""
    files = _files(snapshot, program)
    return (*files.wants, *load_dnsmasq(snapshot, _inner(program, files.settings), NOBODY).wants)


def resolver(snapshot: Snapshot, program: Program, interest: Interest) -> Resolver:
    """Read one Pi-hole."""
    files = _files(snapshot, program)
    settings, gaps = files.settings, files.gaps
    inner = load_dnsmasq(snapshot, _inner(program, settings), interest)
    base = resolver_of_dnsmasq(inner, interest, program)
    if gaps:
        unknown = RuleList((NameRule(EVERY, Outcome(Fate.UNKNOWN, because=str(gaps[0])), gaps[0].source),))
        views: tuple[View, ...] = (_view((unknown,), base, settings),)
    elif not settings.yes("dns.blocking.active"):
        views = (_view((), base, settings),)
    else:
        views, of_clients = _views(Gravity(files.tables, interest), base, settings, interest)
        gaps = (*gaps, *of_clients)
    return replace(base, kind=NAME, views=views, gaps=(*base.gaps, *gaps))


def _inner(program: Program, settings: Settings) -> Program:
    """The dnsmasq inside: it is told the options behind ``--``, and in version 6 its own file."""
    arguments = program.arguments
    given = arguments[arguments.index("--") + 1 :] if "--" in arguments else ()
    return replace(program, arguments=(program.name, *(("-C", CONF) if settings.version > 5 else ()), *given))


def _view(
    lists: tuple[RuleList, ...],
    base: Resolver,
    settings: Settings,
    clients: tuple[tuple[int, Intervals], ...] | None = None,
    source: Source | None = None,
) -> View:
    inner = base.views[0]
    chain = lists if settings.yes("dns.CNAMEdeepInspect") else ()
    return View((*lists, *inner.stages), inner.otherwise, clients, source, chain)


def _views(
    gravity: Gravity, base: Resolver, settings: Settings, interest: Interest
) -> tuple[tuple[View, ...], tuple[Gap, ...]]:
    """A view for each set of groups that addresses belong to, and one for all others."""
    clients = gravity.clients()
    made: dict[frozenset[str], tuple[RuleList, ...]] = {}

    def lists(groups: frozenset[str]) -> tuple[RuleList, ...]:
        if groups not in made:
            made[groups] = stages(gravity, groups, settings, interest)
        return made[groups]

    blocks = {one.block: one for one in clients if one.block}
    views = [_view(lists(one.groups), base, settings, addresses, one.source) for one, addresses in closest(blocks)]
    usual = lists(DEFAULT)
    doubtful: dict[NameRule, None] = {}
    gaps = []
    for one in clients:
        why = f"what {one.text} gets differs, and its addresses are not known"
        if one.block is None and (found := tuple(differing(usual, lists(one.groups), why, one.source))):
            doubtful |= dict.fromkeys(found)
            gaps.append(Gap(NAME, why, one.source))
    others = (RuleList(tuple(doubtful)), *usual) if doubtful else usual
    return (*views, _view(others, base, settings)), tuple(gaps)
