"""One base chain, one packet: the rules from top to bottom, exactly as the kernel runs them.

Where a condition cannot be known both outcomes are followed; two ways that reach the same place with the
same packet are one. What comes out are all the ends that are possible, with the rules that left it open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.judge.blocks import Block, End, Ending, Rules, Summary
from agent.judge.doubt import Doubt, describe
from agent.judge.evaluate import MISSING, Evaluator
from agent.judge.ledger import Ledger
from agent.judge.packet import (
    ABSENT,
    CT_STATE_LATER,
    FOLLOWED,
    TPROXIED,
    TRACKED,
    UNKNOWN,
    UNTRACKED,
    Packet,
    put,
)
from agent.model.expression import CtState, Device, Fib, Field
from agent.model.firewall import (
    AddToSet,
    AnyOf,
    Assign,
    Dnat,
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

    from agent.judge.patchwork import Patchwork
    from agent.model.firewall import Chain, Rule, Step, Table
    from agent.model.firewall import Verdict as RuleVerdict

MATCHES = (Match, AnyOf, Uncertain)
MAX_DEPTH = 64
"""Chains that may call each other; nftables allows 16, iptables as many as there are."""
MAX_WAYS = 100_000
"""Ways followed through one base chain before the answer is "unknown"; real rulesets stay below a hundred."""


class Interpreter:
    """Runs base chains; collects doubts on the way."""

    def __init__(
        self, ask: Callable[[Fib | Device, Packet], int], transparent: frozenset[tuple[int, int]] = frozenset()
    ) -> None:
        """``transparent``: protocol and port of sockets that take packets for any address."""
        self.transparent = transparent
        self.ledger = Ledger()
        self._known_doubts: dict[tuple[Rule, str], Doubt] = {}
        self._endings: dict[tuple[object, ...], Ending] = {}
        self.evaluator = Evaluator(ask, self.ledger.state)

    def doubt(self, table: Table, chain: Chain, rule: Rule, what: str) -> Doubt:
        """Give the one doubt about a rule, and always the same."""
        known = self._known_doubts.get((rule, what))
        if known is None:
            known = self._known_doubts[rule, what] = Doubt(what, (table, chain, rule))
        return known

    def ending(
        self, end: End, packet: Packet, chain: Chain, rule: Rule | Patchwork | None, nat: Dnat | Snat | None = None
    ) -> Ending:
        """Give the one ending that is made of these."""
        key = (end, packet, chain, rule, nat)
        known = self._endings.get(key)
        if known is None:
            known = self._endings[key] = Ending(*key)
        return known

    def note(self, action: AddToSet, packet: Packet) -> Packet:
        """Give the packet after a statement that adds to a set, or takes from it."""
        return self.ledger.note(packet, action, self.evaluator.value(action.key, packet))

    def run(self, table: Table, base: Chain, packet: Packet, rules: Rules) -> tuple[list[Ending], tuple[Doubt, ...]]:
        """Give every possible end of one base chain for one packet, and what leaves it open if several."""
        summary = _Run(self, table, rules).chain(base, packet)
        policy = policy_of(base)
        endings = [*summary.endings, *(self.ending(policy, left, base, None) for left in summary.returns)]
        return endings, summary.doubts if len(endings) > 1 else ()


def policy_of(chain: Chain) -> End:
    """What becomes of packets that no rule of a base chain decides about."""
    return End.ACCEPT if chain.base is None or chain.base.accepts else End.DROP


class _Run:
    """One run of a base chain: the chains under way, and what is known of those that have been run."""

    def __init__(self, owner: Interpreter, table: Table, rules: Rules) -> None:
        self.owner = owner
        self.evaluator = owner.evaluator
        self.table = table
        self.rules = rules
        self.ways = 0
        self._callers: list[Chain] = []
        self._done: dict[tuple[Chain, Packet], Summary] = {}

    def chain(self, chain: Chain, packet: Packet) -> Summary:
        """Run a chain to its end; its ``returns`` are all packets that come back from it."""
        done = self._done.get((chain, packet))
        if done is None:
            done = self._done[chain, packet] = self._chain(chain, packet)
        return done

    def _chain(self, chain: Chain, packet: Packet) -> Summary:
        if chain in self._callers or len(self._callers) > MAX_DEPTH:  # the kernel refuses to load such rules
            return self._anything(chain, packet, "jumps in a circle, or too deep")
        blocks = self.rules.blocks(chain)
        if not blocks:  # nothing in it may match
            return Summary((), (packet,), (), ())
        self._callers.append(chain)
        endings: dict[Ending, None] = {}
        returns: dict[Packet, None] = {}
        doubts: dict[Doubt, None] = {}
        here: dict[Packet, None] = {packet: None}
        for block in blocks:
            onward: dict[Packet, None] = {}
            for one in here:
                summary = self.rules.known(block, one)
                if summary is None:
                    summary = self.rules.note(block, one, _Walk(self, block).summary(one))
                endings.update(dict.fromkeys(summary.endings))
                returns.update(dict.fromkeys(summary.returns))
                onward.update(dict.fromkeys(summary.onward))
                doubts.update(dict.fromkeys(summary.doubts))
            here = onward
        returns.update(here)
        self._callers.pop()
        return _summary(endings, returns, {}, doubts)

    def _anything(self, chain: Chain, packet: Packet, what: str) -> Summary:
        rule = chain.rules[0] if chain.rules else None
        doubts = () if rule is None else (self.owner.doubt(self.table, chain, rule, what),)
        endings = tuple(self.owner.ending(end, packet, chain, rule) for end in (End.ACCEPT, End.DROP))
        return self.rules.note(Block(chain, ()), packet, Summary(endings, (packet,), (), doubts))


def _summary(
    endings: dict[Ending, None],
    returns: dict[Packet, None],
    onward: dict[Packet, None],
    doubts: dict[Doubt, None],
) -> Summary:
    """Put it together; where just one thing can happen, nothing is in doubt."""
    open_ = len(endings) + len(returns) + len(onward) > 1
    return Summary(tuple(endings), tuple(returns), tuple(onward), tuple(doubts) if open_ else ())


Way = tuple[int, int, Packet]
"""Rule and step to go on with, and the packet as it is then."""


class _Walk:
    """The walk of one packet through one block: ways still to follow, places already seen, ends found."""

    def __init__(self, run: _Run, block: Block) -> None:
        self.run = run
        self.evaluator = run.evaluator
        self.chain = block.chain
        self.rules = block.rules
        self.waiting: list[Way] = []
        self.endings: dict[Ending, None] = {}
        self.returns: dict[Packet, None] = {}
        self.onward: dict[Packet, None] = {}
        self.doubts: dict[Doubt, None] = {}

    def summary(self, packet: Packet) -> Summary:
        self.waiting.append((0, 0, packet))
        seen: set[Way] = set()
        while self.waiting:
            way = self.waiting.pop()
            if way in seen:
                continue
            seen.add(way)
            self.run.ways += 1
            if self.run.ways > MAX_WAYS:
                self._give_up(way)
                break
            self._follow(*way)
        return _summary(self.endings, self.returns, self.onward, self.doubts)

    def _follow(self, at: int, step: int, packet: Packet) -> None:
        """Follow one way to its end or to its next jump; other branches go to ``waiting``."""
        holds = self.evaluator.holds
        rules = self.rules
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
                    changed = self._act(action, _Place(at, step, rule), packet)
                    if changed is None:
                        return
                    packet = changed
                    continue
                if held is None and self._has_effect(steps[step:], packet):
                    self._doubt(rule, action)
                    self.waiting.append((at + 1, 0, packet))
                elif not held:
                    break
            at += 1
            step = 0
        self.onward[packet] = None

    def _has_effect(self, steps: Sequence[Step], packet: Packet) -> bool:
        """Whether it matters that the rest of a rule runs; a chain that only logs and returns does not."""
        rest = [step for step in steps if not isinstance(step, MATCHES)]
        if len(rest) != 1 or not isinstance(rest[0], Jump) or rest[0].goto:
            return bool(rest)
        target = self.run.table.chains.get(rest[0].chain)
        if target is None:
            return True
        called = self.run.chain(target, packet)
        return bool(called.endings) or called.returns != (packet,)

    def _act(self, action: Step, place: _Place, packet: Packet) -> Packet | None:
        """Carry out one statement; the packet to go on with, or None when this way has been dealt with."""
        match action:
            case Assign():
                return self._assign(action, place, packet)
            case AddToSet():
                return self.run.owner.note(action, packet)
            case Notrack():
                return _untracked(packet)
            case Vmap():
                self._branch(action, place, packet)
            case Tproxy():
                self._tproxy(action, place, packet)
            case NotUnderstood():
                self._doubt(place.rule, action)
                self._end(End.ACCEPT, place, packet)
                self._end(End.DROP, place, packet)
                self._next_rule(place, packet)
            case Match() | AnyOf() | Uncertain():
                raise AssertionError("conditions are evaluated by the caller")
            case _:
                self._decide(action, place, packet)
        return None

    def _decide(self, verdict: RuleVerdict, place: _Place, packet: Packet) -> None:
        """Carry out a verdict."""
        match verdict:
            case Simple.ACCEPT:
                self._end(End.ACCEPT, place, packet)
            case Simple.DROP:
                self._end(End.DROP, place, packet)
            case Simple.RETURN:
                self.returns[packet] = None
            case Simple.CONTINUE:
                self._next_rule(place, packet)
            case Reject():
                self._end(End.REJECT, place, packet)
            case Dnat() | Snat():
                self._map(verdict, place, packet)
            case Queue():
                self._doubt(place.rule, verdict)
                self._end(End.ACCEPT, place, packet)
                self._end(End.DROP, place, packet)
            case Jump():
                self._call(verdict, place, packet)

    def _call(self, jump: Jump, place: _Place, packet: Packet) -> None:
        target = self.run.table.chains.get(jump.chain)
        if target is None:
            self._act(NotUnderstood(f"jump to {jump.chain}, which is not listed"), place, packet)
            return
        called = self.run.chain(target, packet)
        self.endings.update(dict.fromkeys(called.endings))
        self.doubts.update(dict.fromkeys(called.doubts))
        for back in called.returns:
            if jump.goto:  # it comes back to where this chain was called from
                self.returns[back] = None
            else:
                self._next_rule(place, back)

    def _map(self, mapping: Dnat | Snat, place: _Place, packet: Packet) -> None:
        """Choose a mapping; without an element for the packet in its map the rule does not match."""
        if mapping.lookup is not None:
            value = self.evaluator.value(mapping.lookup, packet)
            if value == UNKNOWN:
                self._doubt(place.rule, Match(mapping.lookup, Intervals()))
            if value in (ABSENT, UNKNOWN):
                self._next_rule(place, packet)
            if value == ABSENT:
                return
        self._end(End.ACCEPT, place, packet, mapping)

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
            self._doubt(place.rule, action)
        for datum in dict.fromkeys(found):
            if datum == MISSING:
                self._next_rule(place, packet)
            elif isinstance(datum, int | tuple):
                self._act(NotUnderstood("a verdict map with other data"), place, packet)
            else:
                self._decide(datum, place, packet)

    def _tproxy(self, action: Tproxy, place: _Place, packet: Packet) -> None:
        """Follow both: with a listening socket the packet goes on; without, iptables drops it, nft leaves.

        Sources: tproxy_tg4() in xt_TPROXY.c, nft_tproxy_eval_v4() in nft_tproxy.c.
        """
        port = action.port or packet[Field.DPORT]
        given = put(packet, TPROXIED, max(port, 0))
        if (packet[Field.L4PROTO], port) in self.run.owner.transparent:
            if action.terminal:
                self._end(End.ACCEPT, place, given)
            else:
                self.waiting.append((place.at, place.step, given))
            return
        self._doubt(place.rule, action)
        if action.terminal:
            self._end(End.ACCEPT, place, given)
            self._end(End.DROP, place, packet)
        else:
            self._next_rule(place, packet)
            self.waiting.append((place.at, place.step, given))

    def _end(self, end: End, place: _Place, packet: Packet, nat: Dnat | Snat | None = None) -> None:
        self.endings[self.run.owner.ending(end, packet, self.chain, place.rule, nat)] = None

    def _next_rule(self, place: _Place, packet: Packet) -> None:
        self.waiting.append((place.at + 1, 0, packet))

    def _doubt(self, rule: Rule, action: Step) -> None:
        self.doubts[self.run.owner.doubt(self.run.table, self.chain, rule, describe(action))] = None

    def _give_up(self, way: Way) -> None:
        """Too many ways: say that anything can happen."""
        at, _, packet = way
        if not self.rules:
            self.onward[packet] = None
            return
        place = _Place(at, 0, self.rules[min(at, len(self.rules) - 1)])
        self._doubt(place.rule, NotUnderstood(f"more than {MAX_WAYS} possible ways"))
        self._end(End.ACCEPT, place, packet)
        self._end(End.DROP, place, packet)


class _Place(NamedTuple):
    """Where a statement stands: the rule's number in its block, the step after it, and the rule."""

    at: int
    step: int
    rule: Rule


def _untracked(packet: Packet) -> Packet:
    """Notrack leaves packets alone that conntrack follows (nft_notrack_eval, notrack_tg); invalid ones are not."""
    if packet[TRACKED] == FOLLOWED:
        return packet
    gone = put(put(packet, TRACKED, UNTRACKED), Field.CT_STATE, CtState.UNTRACKED)
    return put(gone, CT_STATE_LATER, CtState.UNTRACKED)
