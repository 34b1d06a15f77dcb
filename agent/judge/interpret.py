"""One base chain, one packet: the rules from top to bottom, exactly as the kernel runs them.

Where a condition cannot be known both outcomes are followed; two ways that reach the same place with the
same packet are one. What comes out are all the ends that are possible, with the rules that left it open.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from agent.judge.doubt import Doubt, describe
from agent.judge.evaluate import MISSING, Evaluator
from agent.judge.ledger import Ledger
from agent.judge.packet import (
    ABSENT,
    CT_STATE_LATER,
    FOLLOWED,
    TRACKED,
    UNKNOWN,
    UNTRACKED,
    Packet,
    put,
)
from agent.model.firewall import (
    AddToSet,
    AnyOf,
    Assign,
    CtState,
    Dnat,
    Fib,
    Field,
    Jump,
    Match,
    Notrack,
    NotUnderstood,
    Queue,
    Reject,
    Simple,
    Snat,
    Tproxy,
    Uncertain,
    Vmap,
)
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.model.firewall import Chain, Rule, Step, Table
    from agent.model.firewall import Verdict as RuleVerdict

MATCHES = (Match, AnyOf, Uncertain)
MAX_WAYS = 100_000
"""Ways followed through one base chain before the answer is "unknown"; real rulesets stay below a hundred."""


class End(StrEnum):
    """How a base chain ends for a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"


class Ending(NamedTuple):
    """One possible end: the packet as it is then, and the rule that decided (None: the policy)."""

    end: End
    packet: Packet
    chain: Chain
    rule: Rule | None
    nat: Dnat | Snat | None = None


Frame = tuple["Chain", int, "Frame | None"]
Way = tuple["Chain", int, int, "Frame | None", Packet]


class Interpreter:
    """Runs base chains; collects doubts on the way."""

    def __init__(self, fib: Callable[[Fib, Packet], int]) -> None:
        self.ledger = Ledger()
        self._known_doubts: dict[tuple[Rule, str], Doubt] = {}
        self.evaluator = Evaluator(fib, self.ledger.state)

    def doubt(self, table: Table, chain: Chain, rule: Rule, what: str) -> Doubt:
        """Give the one doubt about a rule, and always the same."""
        known = self._known_doubts.get((rule, what))
        if known is None:
            known = self._known_doubts[rule, what] = Doubt(what, (table, chain, rule))
        return known

    def run(
        self,
        table: Table,
        base: Chain,
        packet: Packet,
        rules_of: Callable[[Chain], Sequence[Rule]] = lambda chain: chain.rules,
    ) -> tuple[list[Ending], tuple[Doubt, ...]]:
        """Give every possible end of one base chain for one packet, and what leaves it open if several.

        ``rules_of`` may leave out rules that surely do not match the packet.
        """
        run = _Run(self, table, base, rules_of)
        endings = run.endings(packet)
        return endings, tuple(run.doubts) if len(endings) > 1 else ()


class _Run:
    """The state of one run: ways still to follow, places already seen, ends found."""

    def __init__(
        self, owner: Interpreter, table: Table, base: Chain, rules_of: Callable[[Chain], Sequence[Rule]]
    ) -> None:
        self.owner = owner
        self.evaluator = owner.evaluator
        self.table = table
        self.base = base
        self.rules_of = rules_of
        self.waiting: list[Way] = []
        self.seen: set[Way] = set()
        self.found: dict[Ending, None] = {}
        self.doubts: dict[Doubt, None] = {}

    def endings(self, packet: Packet) -> list[Ending]:
        self.waiting.append((self.base, 0, 0, None, packet))
        while self.waiting:
            way = self.waiting.pop()
            if way in self.seen:
                continue
            if len(self.seen) > MAX_WAYS:
                self._give_up(way)
                break
            self.seen.add(way)
            self._follow(*way)
        return list(self.found)

    def _follow(self, chain: Chain, at: int, step: int, stack: Frame | None, packet: Packet) -> None:
        """Follow one way to its end or to its next jump; other branches go to ``waiting``."""
        holds = self.evaluator.holds
        rules = self.rules_of(chain)
        while at < len(rules):
            rule = rules[at]
            steps = rule.steps
            while step < len(steps):
                action = steps[step]
                step += 1
                if type(action) is Match:
                    held = holds(action, packet)
                elif type(action) is AnyOf:
                    held = self.evaluator.any_holds(action, packet)
                elif type(action) is Uncertain:
                    held = None
                else:
                    changed = self._act(action, _Place(chain, at, step, stack, rule), packet)
                    if changed is None:
                        return
                    packet = changed
                    continue
                if held is None and _has_effect(steps[step:]):
                    self._doubt(chain, rule, action)
                    self.waiting.append((chain, at + 1, 0, stack, packet))
                elif not held:
                    break
            at += 1
            step = 0
        self._leave(stack, packet)

    def _leave(self, stack: Frame | None, packet: Packet) -> None:
        """End a chain: back to the caller, or the policy."""
        if stack is not None:
            chain, at, parent = stack
            self.waiting.append((chain, at, 0, parent, packet))
        else:
            accepts = self.base.base is None or self.base.base.accepts
            self._end(Ending(End.ACCEPT if accepts else End.DROP, packet, self.base, None))

    def _end(self, ending: Ending) -> None:
        self.found[ending] = None

    def _act(self, action: Step, place: _Place, packet: Packet) -> Packet | None:
        """Carry out one statement; the packet to go on with, or None when this way has been dealt with."""
        match action:
            case Assign():
                return self._assign(action, place, packet)
            case AddToSet():
                key = self.evaluator.value(action.key, packet)
                return self.owner.ledger.note(packet, action.target, key, present=not action.delete)
            case Notrack():
                return _untracked(packet)
            case Vmap():
                self._branch(action, place, packet)
            case Tproxy():
                self._tproxy(action, place, packet)
            case NotUnderstood():
                self._doubt(place.chain, place.rule, action)
                self._end(Ending(End.ACCEPT, packet, place.chain, place.rule))
                self._end(Ending(End.DROP, packet, place.chain, place.rule))
                self._next_rule(place, packet)
            case Match() | AnyOf() | Uncertain():
                raise AssertionError("conditions are evaluated by the caller")
            case _:
                self._decide(action, place, packet)
        return None

    def _decide(self, verdict: RuleVerdict, place: _Place, packet: Packet) -> None:
        """Carry out a verdict."""
        chain, rule = place.chain, place.rule
        match verdict:
            case Simple.ACCEPT:
                self._end(Ending(End.ACCEPT, packet, chain, rule))
            case Simple.DROP:
                self._end(Ending(End.DROP, packet, chain, rule))
            case Simple.RETURN:
                self._leave(place.stack, packet)
            case Simple.CONTINUE:
                self._next_rule(place, packet)
            case Reject():
                self._end(Ending(End.REJECT, packet, chain, rule))
            case Dnat() | Snat():
                self._map(verdict, place, packet)
            case Queue():
                self._doubt(chain, rule, verdict)
                self._end(Ending(End.ACCEPT, packet, chain, rule))
                self._end(Ending(End.DROP, packet, chain, rule))
            case Jump():
                target = self.table.chains.get(verdict.chain)
                if target is None:
                    self._act(NotUnderstood(f"jump to {verdict.chain}, which is not listed"), place, packet)
                    return
                stack = place.stack if verdict.goto else (chain, place.at + 1, place.stack)
                self.waiting.append((target, 0, 0, stack, packet))

    def _map(self, mapping: Dnat | Snat, place: _Place, packet: Packet) -> None:
        """Choose a mapping; without an element for the packet in its map the rule does not match."""
        if mapping.lookup is not None:
            value = self.evaluator.value(mapping.lookup, packet)
            if value == UNKNOWN:
                self._doubt(place.chain, place.rule, Match(mapping.lookup, Intervals()))
            if value in (ABSENT, UNKNOWN):
                self._next_rule(place, packet)
            if value == ABSENT:
                return
        self._end(Ending(End.ACCEPT, packet, place.chain, place.rule, mapping))

    def _assign(self, action: Assign, place: _Place, packet: Packet) -> Packet | None:
        value = self.evaluator.value(action.value, packet)
        if value == ABSENT:  # NFT_BREAK: the statement could not be evaluated, the rule ends here
            self._next_rule(place, packet)
            return None
        if packet[action.field] == ABSENT:  # no connection to mark, no such header to write
            return packet
        return put(packet, action.field, UNKNOWN if isinstance(value, tuple) else value)

    def _branch(self, action: Vmap, place: _Place, packet: Packet) -> None:
        key = self.evaluator.value(action.key, packet)
        if key == ABSENT or (isinstance(key, tuple) and ABSENT in key):
            self._next_rule(place, packet)
            return
        found = self.evaluator.data(action.table, key)
        if found is None:
            self._act(NotUnderstood(f"elements of {action.table.name or 'a verdict map'}"), place, packet)
            return
        if len(found) > 1:
            self._doubt(place.chain, place.rule, action)
        for datum in dict.fromkeys(found):
            if datum == MISSING:
                self._next_rule(place, packet)
            elif isinstance(datum, int | tuple):
                self._act(NotUnderstood("a verdict map with other data"), place, packet)
            else:
                self._decide(datum, place, packet)

    def _tproxy(self, action: Tproxy, place: _Place, packet: Packet) -> None:
        """Follow both: with a listening socket the packet goes on; without, iptables drops it, nft leaves."""
        self._doubt(place.chain, place.rule, action)
        if action.terminal:
            self._end(Ending(End.ACCEPT, packet, place.chain, place.rule))
            self._end(Ending(End.DROP, packet, place.chain, place.rule))
        else:
            self._next_rule(place, packet)
            self.waiting.append((place.chain, place.at, place.step, place.stack, packet))

    def _next_rule(self, place: _Place, packet: Packet) -> None:
        self.waiting.append((place.chain, place.at + 1, 0, place.stack, packet))

    def _doubt(self, chain: Chain, rule: Rule, action: Step) -> None:
        self.doubts[self.owner.doubt(self.table, chain, rule, describe(action))] = None

    def _give_up(self, way: Way) -> None:
        """Too many ways: say that anything can happen."""
        chain, at, _, _, packet = way
        rules = self.rules_of(chain)
        rule = rules[min(at, len(rules) - 1)] if rules else None
        if rule is not None:
            self._doubt(chain, rule, NotUnderstood(f"more than {MAX_WAYS} possible ways"))
        self._end(Ending(End.ACCEPT, packet, chain, rule))
        self._end(Ending(End.DROP, packet, chain, rule))


class _Place(NamedTuple):
    """Where a statement stands: rule ``at`` of ``chain``, the step after it, the callers."""

    chain: Chain
    at: int
    step: int
    stack: Frame | None
    rule: Rule


def _has_effect(steps: Sequence[Step]) -> bool:
    return any(not isinstance(step, MATCHES) for step in steps)


def _untracked(packet: Packet) -> Packet:
    """Notrack leaves packets alone that conntrack follows (nft_notrack_eval, notrack_tg); invalid ones are not."""
    if packet[TRACKED] == FOLLOWED:
        return packet
    gone = put(put(packet, TRACKED, UNTRACKED), Field.CT_STATE, CtState.UNTRACKED)
    return put(gone, CT_STATE_LATER, CtState.UNTRACKED)
