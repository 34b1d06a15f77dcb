"""From a configuration to what each kind of client gets.

The policy module has the first word: the first rule that fits decides. Where it lets a question through, or sends it to
some servers, the rules for its client's view come next; where these do so too, the hints, then other servers. Hints
look at aliases as well (but for those that come in one answer with a name of the same zone), rules do not.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY
from agent.model.intervals import Intervals
from agent.model.network import Listener
from agent.model.public import PUBLIC
from agent.model.resolver import (
    AddressList,
    AddressRule,
    Fate,
    NameRule,
    NameSet,
    Outcome,
    Resolver,
    RuleList,
    Safety,
    View,
    meet,
)
from agent.model.source import Source
from agent.resolvers.knot_resolver.program import KIND, Program
from agent.resolvers.knot_resolver.rules import DROPPED, EVERY, ON, REFUSED, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.resolver import Stage
    from agent.snapshot import Want
    from agent.snapshot.following import Following

DEFAULT: Final = "/etc/knot-resolver/kresd.conf"
FOLDER: Final = "/var/lib/knot-resolver"
"""Where the service runs."""
OF_SYSTEM: Final = "/knot-resolver/distro-preconfig.lua"
"""Debian's own file that comes first: the place of the cache and of the control socket."""
_Groups = tuple[tuple["Rule", ...], ...]
"""The rules of a view, one after the other."""
_WITH_VALUE: Final = frozenset({"-c", "-a", "-t", "-S", "-f", "--config", "--addr", "--tls", "--fd", "--forks"})


def load(arguments: Sequence[str], following: Following) -> tuple[Want, ...]:
    """Give the files that are named and were not asked for yet."""
    _program(arguments, following, NOBODY)
    return following.wants


def resolver(arguments: Sequence[str], following: Following, interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone."""
    program, source = _program(arguments, following, interest)
    gaps = [*program.gaps, *following.gaps]
    doubt = Outcome(Fate.UNKNOWN, because=str(gaps[0])) if gaps else None
    views = tuple(_Maker(program, doubt).views())
    given = tuple(program.listeners) or (Listener("udp", "127.0.0.1", 53), Listener("udp", "::1", 53))
    unguarded = program.unguarded
    return Resolver(KIND, views, given, source, tuple(gaps), safety=Safety(unguarded is None, unguarded))


def _program(arguments: Sequence[str], following: Following, interest: Interest) -> tuple[Program, Source | None]:
    """Run through the files that the command line names."""
    files: list[str] = []
    folder = FOLDER
    words = list(arguments[1:])
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE and words:
            value = words.pop(0)
            if word in ("-c", "--config"):
                files.append(value)
        elif word.startswith("--config="):
            files.append(word.partition("=")[2])
        elif word.startswith("-c") and len(word) > 2:
            files.append(word[2:])
        elif not word.startswith("-"):
            folder = word
    program = Program(following, interest, folder)
    source = None
    for path in files or [DEFAULT]:
        whole = path if path.startswith("/") else f"{folder.rstrip('/')}/{path}"
        if whole.endswith(OF_SYSTEM):
            continue
        artifact = following.file(whole, Source("processes.json", f"-c {path}") if files else None)
        if artifact is not None:
            source = source or Source(artifact.name, "")
            program.run(artifact)
    return program, source


class _Maker:
    def __init__(self, program: Program, doubt: Outcome | None) -> None:
        self._program = program
        self._doubt = doubt
        self._hints = tuple(program.hints.rules())

    def views(self) -> Iterator[View]:
        """One view for each set of blocks that a client is in."""
        left = {4: Intervals.span(0, (1 << 32) - 1), 6: Intervals.span(0, (1 << 128) - 1)}
        atoms: list[tuple[int, Intervals, _Groups]] = []
        for family, whole in left.items():
            blocks = [one for one in self._program.views if one.family == family]
            edges = {edge for one in blocks for edge in (one.block[0], one.block[1] + 1)}
            borders = sorted(edges | {0, whole.ends[0] + 1})
            for low, high in pairwise(borders):
                mine = tuple(one.rules for one in blocks if one.block[0] <= low <= one.block[1])
                if mine:
                    atoms.append((family, Intervals.span(low, high - 1), mine))
        grouped: dict[_Groups, dict[int, Intervals]] = {}
        for family, addresses, rules in atoms:
            clients = grouped.setdefault(rules, {})
            clients[family] = clients.get(family, Intervals()) | addresses
        for rules, clients in grouped.items():
            source = next((rule.source for group in rules for rule in group), None)
            shut = self._shut_out(rules)
            yield (
                View((), shut, tuple(sorted(clients.items())), source)
                if shut
                else self._view(rules, tuple(sorted(clients.items())), source)
            )
        yield self._view((), None, None)

    def _view(self, rules: _Groups, clients: tuple[tuple[int, Intervals], ...] | None, source: Source | None) -> View:
        answers = tuple(self._renumbered())
        stages: list[Stage] = [AddressList(answers)] if answers else []
        stages += [RuleList(tuple(self._overruled(self._grouped(one, rules)))) for one in self._program.policies]
        stages.append(RuleList(tuple(self._overruled(self._viewed(EVERY, ON, rules)))))
        stages.append(RuleList(()))
        hints = (RuleList(self._hints),) if self._hints else ()
        return View(tuple(stages), self._passed(ON), clients, source, hints)

    def _passed(self, outcome: Outcome) -> Outcome:
        """Leave open what is passed on where not all is understood.

        Where addresses are changed, those at the end of aliases are as well.
        """
        if self._doubt is not None:
            return self._doubt
        return replace(outcome, settled=False) if self._program.renumbered else outcome

    def _shut_out(self, rules: _Groups) -> Outcome | None:
        """What clients get of whom no question is answered: these are no clients."""
        own = (outcome for group in self._program.policies for rule in group for _, outcome in rule.action.outcomes)
        if self._program.afterwards or any(outcome.fate is not Fate.PASSED_ON for outcome in own):
            return None
        first = next((rule for group in rules[:1] for rule in group), None)
        if first is None or first.names != EVERY:
            return None
        fates = {outcome for _, outcome in first.action.outcomes}
        return next((one for one in (REFUSED, DROPPED) if fates == {one}), None)

    def _overruled(self, rules: Iterable[NameRule]) -> Iterator[NameRule]:
        """Rules for afterwards have the last word, but where a question was dropped."""
        for rule in rules:
            if rule.outcome.fate not in (Fate.DROPPED, Fate.GOES_ON, Fate.UNKNOWN):
                for after in (one for group in self._program.afterwards for one in group):
                    both = meet(rule.plain, after.names)
                    for family, outcome in after.action.outcomes if both else ():
                        if both and family in rule.families:
                            yield NameRule(both, outcome, after.source, frozenset({family}))
            yield rule

    def _grouped(self, group: Iterable[Rule], after: _Groups) -> Iterator[NameRule]:
        return (made for rule in group for made in self._made(rule, after))

    def _made(self, rule: Rule, after: _Groups) -> Iterator[NameRule]:
        """The rules of the model that one rule of the policy module makes."""
        for family, outcome in rule.action.outcomes:
            mine = frozenset({family})
            if outcome.fate is not Fate.PASSED_ON:
                yield NameRule(rule.names, outcome, rule.source, mine)
                continue
            for one in self._viewed(rule.names, outcome, after, rule.source):
                if family in one.families:
                    yield replace(one, families=mine)

    def _viewed(
        self, names: NameSet, outcome: Outcome, groups: _Groups, source: Source | None = None
    ) -> Iterator[NameRule]:
        """What becomes of names that the policy module lets through: rules of the view, hints, other servers."""
        for at, group in enumerate(groups):
            for rule in group:
                both = meet(names, rule.names)
                if both is None:
                    continue
                for family, its in rule.action.outcomes:
                    if its.fate is Fate.GOES_ON:
                        later = self._viewed(both, outcome, groups[at + 1 :], source or rule.source)
                        yield from (one for one in later if family in one.families)
                    elif its.fate is Fate.PASSED_ON:
                        servers = outcome.upstreams | its.upstreams
                        onward = replace(outcome, upstreams=servers, settled=outcome.settled or its.settled)
                        yield from self._onward(both, onward, rule.source, family)
                    else:
                        yield NameRule(both, its, rule.source, frozenset({family}))
        for family in (4, 6):
            yield from self._onward(names, outcome, source, family)

    def _onward(self, names: NameSet, outcome: Outcome, source: Source | None, family: int) -> Iterator[NameRule]:
        """Hints, then other servers."""
        mine = frozenset({family})
        for hint in self._hints:
            if family in hint.families and (both := meet(names, hint.plain)):
                yield replace(hint, names=both)
        yield NameRule(names, self._passed(outcome), source, mine)

    def _renumbered(self) -> Iterator[AddressRule]:
        for one in self._program.renumbered:
            target = Outcome(Fate.ADDRESSES, frozenset({(one.family, one.target)}))
            if one.target in PUBLIC[one.family] and one.block[0] != one.block[1]:
                target = Outcome(Fate.UNKNOWN, because=f"addresses are changed: {one.source.text}")
            yield AddressRule(one.family, Intervals.span(*one.block), target, one.source)
