"""From the statements of named.conf to what each kind of client gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.names import Interest
from agent.model.network import Listener
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Scope, View
from agent.model.source import Gap
from agent.resolvers.bind.addresses import EVERY, FAMILIES, NOBODY, Addresses, Lists, parted
from agent.resolvers.bind.policies import NS_SWITCHES, Policy, client_triggers, stages
from agent.resolvers.bind.statements import NOTHING, Block
from agent.resolvers.bind.zones import Files, forwards, served, zones
from agent.resolvers.bind.configuration import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.intervals import Intervals
    from agent.model.resolver import Stage
    from agent.model.source import Source
    from agent.resolvers.bind.configuration import Configuration
    from agent.resolvers.bind.policies import ClientTrigger
    from agent.resolvers.bind.statements import Statement
    from agent.resolvers.bind.zones import Zone
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

RESOLVED: Final = Outcome(Fate.PASSED_ON)
REFUSED, DROPPED = Outcome(Fate.REFUSED), Outcome(Fate.DROPPED)
ANY: Final = NameSet(Scope.SUBTREE, "")
YES: Final = frozenset({"yes", "true", "1"})
MAX_HOPS: Final = 11
"""Aliases that follow each other (``max-query-restarts``)."""
MAX_ROUNDS: Final = 8
"""Times that files are read again for the names behind aliases."""


def resolver(read: Configuration, snapshot: Snapshot, following: Following, interest: Interest) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone, and where it will listen."""
    maker = _Maker(read, snapshot, following, interest)
    return maker.resolver()


class _Maker:
    """One configuration on its way to a resolver."""

    def __init__(self, read: Configuration, snapshot: Snapshot, following: Following, interest: Interest) -> None:
        self._read = read
        self._options = read.options
        self._lists = Lists(snapshot, read.block)
        self._files = Files(read, following)
        self._following = following
        self._interest = interest
        self._port = int(text) if (text := self._options.text("port")).isdecimal() else read.port or 53
        self._zones: dict[str, dict[str, Zone]] = {}

    def resolver(self) -> Resolver:
        views = self._views()
        gaps = (*self._read.gaps, *self._following.gaps, *self._files.gaps.values(), *self._lists.gaps.values())
        doubt = Outcome(Fate.UNKNOWN, because=str(gaps[0])) if gaps else None
        made = tuple(_doubted(view, doubt) for view in views) if doubt else views
        return Resolver("named", _last_for_all(made), tuple(self._listeners()), self._read.source, gaps)

    def _views(self) -> tuple[View, ...]:
        """The views; which clients each has."""
        found: list[View] = []
        left = {family: EVERY[family] for family in FAMILIES}
        if black := self._options.get("blackhole"):
            dropped = self._lists.of(black.block)
            found += _view((), DROPPED, dropped, black.source)
            left = {family: left[family] - dropped[family] for family in FAMILIES}
        written = tuple(self._read.block.all("view"))
        for one in written:
            self._zones[one.value()] = zones(one.block.all("zone"))
        for one in written:
            match = one.block.get("match-clients")
            mine = self._lists.of(match.block) if match else EVERY
            whose = {family: left[family] & mine[family] for family in FAMILIES}
            found += self._of_view(one.block, self._zones[one.value()], whose, match.source if match else one.source)
            left = {family: left[family] - mine[family] for family in FAMILIES}
        if written:
            found += _view((), REFUSED, left, None)
        else:
            found += self._of_view(NOTHING, zones(self._read.block.all("zone")), left, None)
        return tuple(found)

    def _list(self, own: Block, *names: str) -> Addresses | None:
        """The first of some lists that is set."""
        for name in names:
            if said := own.get(name) or self._options.get(name):
                return self._lists.of(said.block)
        return None

    def _of_view(self, own: Block, zones: dict[str, Zone], whose: Addresses, source: Source | None) -> Iterator[View]:
        policies = tuple(self._policies(own, zones, self._interest))
        triggers = [(at, one) for at, policy in enumerate(policies) for one in client_triggers(policy)]
        cache, recursion = self._access(own)
        by = [cache, recursion, *(one.clients for _, one in triggers)]
        for signature, clients in parted(whose, by).items():
            met = [one for one, is_in in zip(triggers, signature[2:], strict=True) if is_in]
            mine = [next((one for at, one in met if at == place), None) for place in range(len(policies))]
            yield from self._of_clients(own, zones, policies, mine, signature, clients, source)

    def _access(self, own: Block) -> tuple[Addresses, Addresses]:
        """Who may have answers of others that are known, and who may have others asked (``configure_view``)."""
        if own.text("recursion", self._options.text("recursion", "yes")).lower() not in YES:
            return NOBODY, NOBODY
        default = self._lists.near
        cache = self._list(own, "allow-query-cache", "allow-recursion", "allow-query")
        recursion = self._list(own, "allow-recursion", "allow-query-cache", "allow-query")
        return (default if cache is None else cache), (default if recursion is None else recursion)

    def _of_clients(
        self,
        own: Block,
        zones: dict[str, Zone],
        policies: Sequence[Policy],
        triggers: Sequence[ClientTrigger | None],
        signature: tuple[bool, ...],
        clients: Addresses,
        source: Source | None,
    ) -> Iterator[View]:
        cache, recursion = signature[:2]
        local = tuple(self._local(zones, self._interest, recursive=cache and recursion))
        if not (cache and recursion):
            yield from _view((RuleList(local),) if local else (), REFUSED, clients, source)
            return
        passed = RuleList(tuple(forwards(own, self._options, zones, self._interest, 53)))
        plain = stages(policies, [None] * len(policies))
        mine = stages(policies, triggers)
        yield from _view((*mine, RuleList(local), passed), RESOLVED, clients, source, (*plain, RuleList(local)))

    def _local(self, zones: dict[str, Zone], interest: Interest, *, recursive: bool) -> Iterator[NameRule]:
        for name in sorted(zones, key=lambda name: (-(name.count(".") + bool(name)), name)):
            zone = zones[name]
            if not interest.touches(name):
                continue
            if zone.kind in ("primary", "secondary"):
                yield from served(zone, self._files.of(zone, interest, policy=False), recursive=recursive)
            elif zone.kind in ("stub", "static-stub"):
                yield NameRule(NameSet(Scope.SUBTREE, name), Outcome(Fate.GOES_ON), zone.source)

    def _policies(self, own: Block, zones: dict[str, Zone], interest: Interest) -> Iterator[Policy]:
        said = own.get("response-policy") or self._options.get("response-policy")
        for one in said.block.all("zone") if said else ():
            yield self._policy(said, one, zones, interest)

    def _policy(self, said: Statement, one: Statement, zones: dict[str, Zone], interest: Interest) -> Policy:
        name = zone_name(one.value())
        action = one.after("policy").lower() or "given"
        enabled = frozenset(
            kind for kind, switch in NS_SWITCHES.items() if (one.after(switch) or said.after(switch) or "yes").lower() in YES
        )
        only = (one.after("recursive-only") or said.after("recursive-only") or "yes").lower() in YES
        policy = Policy(name, one.source, action, zone_name(one.after("cname")), only, enabled)
        zone = zones.get(name)
        if zone is None:
            return replace(policy, doubt=f"policy zone {name} is not defined")
        contents = self._files.of(zone, interest, policy=True)
        return replace(policy, doubt=contents) if isinstance(contents, str) else replace(policy, contents=contents)

    def _listeners(self) -> Iterator[Listener]:
        """Where a named that does not run yet will listen; some lists need this host's addresses."""
        for name, every in (("listen-on", "0.0.0.0"), ("listen-on-v6", "::")):  # noqa: S104 - not bound
            said = tuple(self._options.all(name))
            if not said:
                yield Listener("udp", every, self._port)
            for one in said:
                if one.after("tls"):
                    continue
                port = one.after("port")
                for element in one.block.statements:
                    word = element.value(0).lower()
                    if word not in ("none", "!", ""):
                        address = every if word in ("any", "localhost", "localnets") else word
                        yield Listener("udp", address, int(port) if port.isdecimal() else self._port)


def _view(
    stages: tuple[Stage, ...], otherwise: Outcome, clients: Addresses, source: Source | None, chain: tuple[Stage, ...] = ()
) -> Iterator[View]:
    if any(clients.values()):
        yield View(stages, otherwise, tuple(sorted(clients.items())), source, chain)


def _last_for_all(views: Sequence[View]) -> tuple[View, ...]:
    """The same views; the one that has most addresses takes all that are left."""
    if not views:
        return (View((), REFUSED),)
    most = max(views, key=lambda one: sum(part.size() << (96 if family == 4 else 0) for family, part in one.clients or ()))
    return (*(one for one in views if one is not most), replace(most, clients=None))


def _doubted(view: View, doubt: Outcome) -> View:
    """A view where what is passed on is not known."""
    if view.otherwise.fate is not Fate.PASSED_ON:
        return view
    rules = view.stages[-1].rules if isinstance(view.stages[-1], RuleList) else ()
    last = RuleList(tuple(replace(rule, outcome=doubt) for rule in rules))
    return replace(view, stages=(*view.stages[:-1], last), otherwise=doubt)
