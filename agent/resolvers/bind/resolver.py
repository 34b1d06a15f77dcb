"""From the statements of named.conf to a resolver: its views, who sees which, and what is not followed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.names import Interest
from agent.model.network import Listener
from agent.model.resolver import Fate, Outcome, Resolver, RuleList, Safety, View
from agent.resolvers.bind.access import Reader
from agent.resolvers.bind.addresses import EVERY, FAMILIES, Addresses, Lists
from agent.resolvers.bind.clients import Served, views_of
from agent.resolvers.bind.configuration import configuration
from agent.resolvers.bind.policies import policies
from agent.resolvers.bind.statements import NOTHING
from agent.resolvers.bind.understood import not_understood
from agent.resolvers.bind.zones import Files, zones

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.source import Source
    from agent.resolvers.bind.configuration import Configuration
    from agent.resolvers.bind.statements import Block
    from agent.resolvers.bind.zones import Table
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

REFUSED, DROPPED = Outcome(Fate.REFUSED), Outcome(Fate.DROPPED)
MAX_ROUNDS: Final = 8
"""Times that files are read again for the names behind aliases."""


def resolver(arguments: Sequence[str], snapshot: Snapshot, following: Following, interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone, and where it will listen.

    It is read again where aliases lead to other names, as there may be zones for these as well.
    """
    names = interest.names
    targets: set[str] = set()
    gardens: set[str] = set()
    files = Files(snapshot, following)
    for _ in range(MAX_ROUNDS):
        read = configuration(arguments, following, interest)
        lists = Lists(snapshot, read.block)
        maker = _Maker(read, lists, files)
        of_policies = Interest(names | targets if names else names)
        views = tuple(maker.views(interest, of_policies, targets, gardens))
        more = names | targets | gardens
        if not names or more <= interest.names:
            break
        interest = Interest(more)
    gaps = (
        *read.gaps,
        *following.gaps,
        *files.gaps.values(),
        *lists.gaps.values(),
        *not_understood(read.block, interest),
    )
    doubt = Outcome(Fate.UNKNOWN, because=str(gaps[0])) if gaps else None
    made = tuple(_doubted(view, doubt) for view in views) if doubt else views
    text = read.options.text("port")
    port = int(text) if text.isdecimal() else read.port or 53
    listeners = tuple(_listeners(read.options, port))
    return Resolver("named", _last_for_all(made), listeners, read.source, gaps, safety=_safety(read.options))


def _safety(options: Block) -> Safety:
    """``dnssec-validation`` is auto where nothing is said; ``query-source`` may name a port for all questions."""
    said = options.get("dnssec-validation")
    fixed = [one for one in options.all("query-source", "query-source-v6") if one.after("port") not in ("", "*")]
    validates = said is None or said.value().lower() != "no"
    return Safety(validates, said.source if said else None, fixed[0].source if fixed else None)


class _Maker:
    """The views of one configuration."""

    def __init__(self, read: Configuration, lists: Lists, files: Files) -> None:
        self._read = read
        self._lists = lists
        self._access = Reader(lists, read.block, read.options)
        self._files = files
        files.read_by(read)

    def views(self, interest: Interest, of_policies: Interest, targets: set[str], gardens: set[str]) -> Iterator[View]:
        """Each view for its clients: the first that matches is theirs."""
        left = EVERY
        if black := self._read.options.get("blackhole"):
            dropped = self._lists.of(black.block)
            yield View((), DROPPED, tuple(dropped.items()), black.source)
            left = _less(left, dropped)
        written = tuple(one for one in self._read.block.all("view") if one.value(2).lower() in ("", "in"))
        tables = {one.value(): zones(one.block.all("zone"), one.block) for one in written}
        for one in written:
            mine = self._access.matching(one.block)
            whose = {family: left[family] & mine[family] for family in FAMILIES}
            source = (one.block.get("match-clients") or one).source
            served = self._served(one.block, tables[one.value()].seeing(tables), interest, of_policies, source)
            yield from views_of(served, whose, targets, gardens)
            left = _less(left, mine)
        if written:
            yield View((), REFUSED, tuple(left.items()))
        else:
            table = zones(self._read.block.all("zone"), NOTHING)
            yield from views_of(self._served(NOTHING, table, interest, of_policies, None), left, targets, gardens)

    def _served(
        self, own: Block, table: Table, interest: Interest, of_policies: Interest, source: Source | None
    ) -> Served:
        options = self._read.options
        found = tuple(policies(own, options, table, self._files, of_policies))
        return Served(self._read.block, own, options, table, found, self._access, self._files, interest, source)


def _less(one: Addresses, other: Addresses) -> Addresses:
    return {family: one[family] - other[family] for family in FAMILIES}


def _last_for_all(views: Sequence[View]) -> tuple[View, ...]:
    """The same views without those of nobody; the one that has most addresses takes all that are left."""
    size = {4: 96, 6: 0}
    some = [view for view in views if any(part for _, part in view.clients or ())]
    most = max(some, key=lambda one: sum(part.size() << size[family] for family, part in one.clients or ()))
    return (*(one for one in some if one is not most), replace(most, clients=None))


def _doubted(view: View, doubt: Outcome) -> View:
    """A view where what is passed on is not known."""
    if view.otherwise.fate is not Fate.PASSED_ON:
        return view
    last = view.stages[-1]
    rules = last.rules if isinstance(last, RuleList) else ()
    asked = RuleList(tuple(replace(rule, outcome=doubt) for rule in rules))
    return replace(view, stages=(*view.stages[:-1], asked), otherwise=doubt)


def _listeners(options: Block, port: int) -> Iterator[Listener]:
    """Where a named that does not run yet will listen."""
    for name, every in (("listen-on", "0.0.0.0"), ("listen-on-v6", "::")):  # noqa: S104 - not bound
        said = tuple(options.all(name))
        if not said:
            yield Listener("udp", every, port)
        for one in said:
            own = one.after("port")
            for element in one.block.statements if not one.after("tls") else ():
                word = element.value(0).lower()
                if word not in ("none", "!", ""):
                    address = word if word[0].isdigit() or ":" in word else every
                    yield Listener("udp", address, int(own) if own.isdecimal() else port)
