"""What each kind of clients of a view gets.

Who may not ask is refused first; then come policies, the zones that are served here, and whom others are passed on to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.resolver import AddressList, AddressRule, Fate, NameRule, NameSet, Outcome, RuleList, Scope, View
from agent.model.source import Gap
from agent.resolvers.bind.addresses import FAMILIES, NOBODY, parted
from agent.resolvers.bind.forwards import forwards
from agent.resolvers.bind.policies import client_triggers, stages
from agent.resolvers.bind.settle import NOTHING, Manner, Settling
from agent.resolvers.bind.zones import STUBS, TABLED, Unread, deepest_first, served
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.names import Interest
    from agent.model.resolver import Stage
    from agent.model.source import Source
    from agent.resolvers.bind.access import Reader
    from agent.resolvers.bind.addresses import Addresses
    from agent.resolvers.bind.policies import ClientTrigger, Policy
    from agent.resolvers.bind.statements import Block, Statement
    from agent.resolvers.bind.zones import Files, Table

RESOLVED: Final = Outcome(Fate.PASSED_ON)
ON: Final = Outcome(Fate.GOES_ON)
REFUSED: Final = Outcome(Fate.REFUSED, here=True)
FAILED: Final = Outcome(Fate.FAILED)
FROM_CACHE: Final = Outcome(Fate.UNKNOWN, because="answered only where the answer is known already", here=True)
ANY: Final = NameSet(Scope.SUBTREE, "")
MAX_KINDS: Final = 1000
"""Kinds of clients in one view."""


@record(eq=False)
class Served:
    """What one view is made of."""

    block: Block
    own: Block
    options: Block
    table: Table
    policies: tuple[Policy, ...]
    access: Reader
    files: Files
    interest: Interest
    source: Source | None

    def get(self, name: str) -> Statement | None:
        """Give a statement of the view, or else of the options."""
        return self.own.get(name) or self.options.get(name)


@record
class _Kind:
    """Clients that are treated alike."""

    asks: bool
    """Other servers are asked for them."""
    cache: bool
    """They get what is known already."""
    kept: tuple[int, ...]
    """Families whose addresses they do not get where there are others."""
    may: Mapping[str, bool]
    """For which zones they may ask."""
    triggers: tuple[ClientTrigger | None, ...]
    redirected: bool
    """They get the answers of the zone for names that do not exist."""


def views_of(view: Served, whose: Addresses, targets: set[str], gardens: set[str]) -> Iterator[View]:
    """A view for each kind of clients; ``targets`` and ``gardens`` get the names that aliases lead to."""
    triggers = [(at, one) for at, policy in enumerate(view.policies) for one in client_triggers(policy)]
    tabled = [name for name in deepest_first(view.table.zones) if view.interest.touches(name)]
    tabled = [name for name in tabled if view.table.zones[name].kind in TABLED]
    access = view.access.access(view.own)
    redirecting = view.access.of_zone(view.table.redirect) if view.table.redirect else NOBODY
    by = [access.cache, access.recursion, access.without_six, access.without_four, redirecting]
    by += [view.access.of_zone(view.table.zones[name]) for name in tabled]
    by += [one.clients for _, one in triggers]
    kinds = parted(whose, by, MAX_KINDS)
    if kinds is None:
        reason = f"more than {MAX_KINDS} kinds of clients"
        view.files.gaps[reason] = Gap("named", reason, view.source)
        yield View((), Outcome(Fate.UNKNOWN, because=reason), tuple(whose.items()), view.source)
        return
    for signature, clients in kinds.items():
        cache, recursion, no_six, no_four, redirected = signature[:5]
        may = dict(zip(tabled, signature[5:], strict=False))
        met = [one for one, is_in in zip(triggers, signature[5 + len(tabled) :], strict=True) if is_in]
        mine = tuple(next((one for at, one in met if at == place), None) for place in range(len(view.policies)))
        kept = tuple(family for family, is_kept in ((6, no_six), (4, no_four)) if is_kept)
        kind = _Kind(cache and recursion, cache, kept, may, mine, redirected)
        yield replace(_of_kind(view, kind, targets, gardens), clients=tuple(clients.items()), source=view.source)


def _of_kind(view: Served, kind: _Kind, targets: set[str], gardens: set[str]) -> View:
    local = RuleList(tuple(_local(view, recursive=kind.asks)))
    if not kind.asks and not local.rules:
        return View((), FROM_CACHE if kind.cache else REFUSED)
    redirect: tuple[NameRule, ...] = ()
    if kind.redirected and (zone := view.table.redirect):
        redirect = tuple(served(zone, view.files.of(zone, view.interest, policy=False), recursive=True))
    counts = [kind.asks or not policy.recursive_only for policy in view.policies]
    policies = [
        policy if count else replace(policy, contents=None, doubt="")
        for policy, count in zip(view.policies, counts, strict=True)
    ]
    triggers = [one if count else None for one, count in zip(kind.triggers, counts, strict=True)]
    outside = None if kind.asks else FROM_CACHE if kind.cache else REFUSED
    guard = tuple(_guard(view, kind))
    tabled = (rule for rule in guard if rule.names != ANY)
    unseen = RuleList(tuple(replace(rule, outcome=NOTHING) if rule.outcome == REFUSED else rule for rule in tabled))
    manner = Manner(
        unseen,
        outside,
        () if kind.asks or any(counts) else tuple(kind.may),
        frozenset(kind.kept),
    )
    settling = Settling(stages(policies, triggers), local, RuleList(redirect), manner)
    settled = settling.stages()
    targets.update(settling.targets)
    gardens.update(settling.gardens)
    if outside:
        return View((RuleList(guard), *settled), outside)
    passed = RuleList(
        (*_kept_back(kind.kept), *forwards(view.block, view.own, view.options, view.table, view.interest))
    )
    failing: tuple[Stage, ...] = (RuleList(tuple(_failing_aliases(view))), *_failing_addresses(view, local))
    return View(
        (RuleList(guard), *settled, passed),
        RESOLVED,
        chain=(unseen, *settled),
        chain_let_through=(unseen, settled[-1]),
        failing=failing,
    )


def _guard(view: Served, kind: _Kind) -> Iterator[NameRule]:
    """Who may not ask for names of a zone is refused, whatever policies say; zones that are not there fail for all."""
    otherwise = FROM_CACHE if kind.cache else REFUSED
    rules = []
    for name, allowed in kind.may.items():
        zone = view.table.zones[name]
        contents = view.files.of(zone, view.interest, policy=False) if zone.kind == "primary" else None
        if isinstance(contents, Unread) and contents.not_loaded:
            outcome = replace(FAILED, because=contents.reason, here=True)
        elif not allowed:
            outcome = REFUSED
        else:  # servers of stub zones would have to be asked
            outcome = otherwise if zone.kind in STUBS and not kind.asks else ON
        rules.append(NameRule(NameSet(Scope.SUBTREE, name), outcome, zone.source))
    if not kind.asks:
        rules.append(NameRule(ANY, otherwise, None))
    if any(rule.outcome != ON for rule in rules):
        yield from rules


def _local(view: Served, *, recursive: bool) -> Iterator[NameRule]:
    """The zones that are served here, the closest first."""
    for name in deepest_first(view.table.zones):
        zone = view.table.zones[name]
        if not view.interest.touches(name) or zone.kind not in (*TABLED, "delegation-only"):
            continue
        whole = NameSet(Scope.SUBTREE, name)
        if zone.kind in ("primary", "secondary"):
            yield from served(zone, view.files.of(zone, view.interest, policy=False), recursive=recursive)
        elif zone.kind in STUBS or not name:  # a copy of the root sends everybody elsewhere
            yield NameRule(whole, ON, zone.source)
        else:
            yield NameRule(whole, Outcome(Fate.UNKNOWN, because=f"a zone of type {zone.kind}"), zone.source)


def _kept_back(families: Sequence[int]) -> Iterator[NameRule]:
    """Addresses of one family are left out where there are those of the other, as services have."""
    for family in families:
        yield NameRule(ANY, Outcome(Fate.NODATA), None, frozenset({family}))


def _failing_addresses(view: Served, local: RuleList) -> Iterator[AddressList]:
    """Addresses with which an answer counts as none (``is_answeraddress_allowed``)."""
    if said := view.get("deny-answer-addresses"):
        addresses = view.access.lists.of(said.block)
        rules = (AddressRule(family, addresses[family], FAILED, said.source) for family in FAMILIES)
        but = (NameRule(NameSet(Scope.SUBTREE, name), RESOLVED, said.source) for name in _excepted(said))
        yield AddressList(tuple(rules), RuleList((*but, *local.rules)))


def _failing_aliases(view: Served) -> Iterator[NameRule]:
    """Targets of aliases with which an answer counts as none (``is_answertarget_allowed``)."""
    if said := view.get("deny-answer-aliases"):
        certain = view.get("forwarders") and not _excepted(said)
        because = "aliases to it are denied, but for those of its own zone and some others"
        outcome = FAILED if certain else Outcome(Fate.UNKNOWN, because=because)
        for one in said.block.statements:
            yield NameRule(NameSet(Scope.SUBTREE, zone_name(one.value(0))), outcome, said.source)


def _excepted(said: Statement) -> tuple[str, ...]:
    """The names of ``except-from``, in the second block."""
    blocks = [part for part in said.parts if not isinstance(part, str)]
    return tuple(zone_name(one.value(0)) for block in blocks[1:] for one in block.statements)
