"""Automata that read texts from their end to their beginning, as names grow from the right.

All names of ``*.livechat.com`` then begin alike: most patterns are dead, or have matched, where the apex is read.
States are made when they are first reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.regular.syntax import ANY, EDGE, EVERY, OTHER, OTHERS, WORD, WORDS, Chars, Either, Repeat, Seq, Spot

if TYPE_CHECKING:
    from agent.model.regular.syntax import Node

_KINDS: Final = (0, WORDS, ANY & ~WORDS)
"""The characters of each kind; the edge is none."""
_BESIDE: Final = tuple(
    sum(mask for kind, mask in enumerate(_KINDS) if kinds >> kind & 1) for kinds in range(1 << len(_KINDS))
)
"""The characters of some kinds, which are bits of a number."""
_ALWAYS: Final = (1 << len(EVERY)) - 1


class State:
    """What an automaton knows after some characters."""

    __slots__ = ("accepts", "edges", "moves", "right")

    def __init__(self, edges: tuple[tuple[int, int], ...], accepts: int, right: int) -> None:
        self.edges = edges
        self.accepts = accepts
        """It matches if what comes next is of one of these kinds."""
        self.right = right
        self.moves: dict[int, State] = {}


MATCHED: Final = State((), _ALWAYS, EDGE)
"""Whatever comes."""
DEAD: Final = State((), 0, EDGE)
"""It never will."""


def index_of(char: str) -> int:
    """The bit of a character."""
    return min(ord(char), OTHERS)


class Automaton:
    """Finds a pattern anywhere in a text."""

    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._jumps: list[list[tuple[Spot | None, int]]] = []
        self._chars: list[tuple[int, int]] = []
        self._states: dict[tuple[frozenset[int], int], State] = {}
        self._nears: dict[tuple[int, int], tuple[dict[int, int], int]] = {}
        self._spots = False
        self._again = -1
        self._start: State | None = None
        self.example: str | None = None
        """What a name that matches may begin with, which is tried first."""
        self.work = 0
        """Edges looked at so far, to bound searches by."""

    @property
    def start(self) -> State:
        """Give the state before any character."""
        if self._start is None:
            self._accept = self._new(ANY, -1)
            entry = self._build(self._tree, self._accept)
            self._again = self._new(ANY, -1)
            self._chars[self._again] = (ANY, self._again)
            self._jumps[self._again].append((None, entry))
            self._spent = self._spots and all(self._is_spent(kind) for kind in (WORD, OTHER))
            self._start = self._state(frozenset({self._again}), EDGE)
        return self._start

    @property
    def masks(self) -> frozenset[int]:
        """Give what tells characters apart."""
        _ = self.start
        return frozenset(mask for mask, _ in self._chars) | ({WORDS} if self._spots else set())

    def step(self, state: State, char: int) -> State:
        """Read one more character, given as its bit."""
        found = state.moves.get(char)
        if found is None:
            found = state.moves[char] = self._step(state, char)
        return found

    def run(self, state: State, text: str) -> State:
        """Read a text from its end."""
        for char in reversed(text):
            if state is MATCHED or state is DEAD:
                break
            index = index_of(char)
            state = state.moves.get(index) or self.step(state, index)
        return state

    def _step(self, state: State, char: int) -> State:
        kind = WORD if WORDS >> char & 1 else OTHER
        if state.accepts >> kind & 1:
            return MATCHED
        if state is DEAD:
            return DEAD
        self.work += len(state.edges)
        targets = frozenset(target for mask, target in state.edges if mask >> char & 1)
        return self._state(targets, kind if self._spots else EDGE)

    def _state(self, targets: frozenset[int], right: int) -> State:
        key = targets, right
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = self._make(targets, right)
        return found

    def _make(self, targets: frozenset[int], right: int) -> State:
        edges: dict[int, int] = {}
        accepts = 0
        for target in targets:
            near, accepting = self._near(target, right)
            accepts |= accepting
            for node, mask in near.items():
                edges[node] = edges.get(node, 0) | mask
        self.work += len(edges)
        if accepts == _ALWAYS:
            return MATCHED
        if not edges and not accepts:
            return DEAD
        return State(tuple((mask, node) for node, mask in edges.items()), accepts, right)

    # ---- the automaton that may be in many states at once ----

    def _near(self, node: int, right: int) -> tuple[dict[int, int], int]:
        """From a node with such a character at the right: the next nodes by characters, and when it has matched."""
        key = node, right
        found = self._nears.get(key)
        if found is None:
            found = self._nears[key] = self._look_around(node, right)
        return found

    def _look_around(self, node: int, right: int) -> tuple[dict[int, int], int]:
        edges: dict[int, int] = {}
        accepts = 0
        waiting = [(node, _ALWAYS)]
        seen = set(waiting)
        while waiting:
            here, lefts = waiting.pop()
            if here == self._accept:
                accepts |= lefts
            mask, target = self._chars[here]
            mask &= _BESIDE[lefts]
            if target >= 0 and mask and not (target == self._again and right != EDGE and self._spent):
                edges[target] = edges.get(target, 0) | mask
            for spot, there in self._jumps[here]:
                allowed = lefts if spot is None else lefts & _lefts(spot, right)
                if allowed and (there, allowed) not in seen:
                    seen.add((there, allowed))
                    waiting.append((there, allowed))
        return edges, accepts

    def _is_spent(self, right: int) -> bool:
        """Whether nothing can begin any more where such a character stands at the right."""
        self._spent = True
        edges, accepts = self._look_around(self._again, right)
        return not edges and not accepts

    def _new(self, mask: int, target: int) -> int:
        self._chars.append((mask, target))
        self._jumps.append([])
        return len(self._chars) - 1

    def _build(self, node: Node, then: int) -> int:
        """Add what reads a node from its end and goes on somewhere; gives where it starts."""
        match node:
            case Chars(mask):
                return self._new(mask, then)
            case Spot():
                self._spots = True
                here = self._new(ANY, -1)
                self._jumps[here].append((node, then))
                return here
            case Seq(parts):
                for part in parts:
                    then = self._build(part, then)
                return then
            case Either(ways):
                here = self._new(ANY, -1)
                self._jumps[here] += [(None, self._build(way, then)) for way in ways]
                return here
            case Repeat(body, low, high):
                return self._repeat(body, low, high, then)

    def _repeat(self, body: Node, low: int, high: int | None, then: int) -> int:
        here = then
        if high is None:
            here = self._new(ANY, -1)
            inner = self._build(body, here)
            self._jumps[here] += [(None, inner), (None, then)]
            if low:
                here = inner
                low -= 1
        else:
            for _ in range(high - low):
                inner = self._build(body, here)
                here = self._new(ANY, -1)
                self._jumps[here] += [(None, inner), (None, then)]
        for _ in range(low):
            here = self._build(body, here)
        return here


def _lefts(spot: Spot, right: int) -> int:
    """The kinds that may stand at the left where this one stands at the right."""
    return sum(1 << left for left in EVERY if spot.allowed >> 3 * left + right & 1)
