"""What a variable or a sample stands for in one request."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import ALWAYS, NEVER, Agents, Clients, Methods, Names, Open, Ports, Targets, Urls
from agent.model.record import record
from agent.proxies.variables.logic import every, opposite, some
from agent.proxies.variables.texts import names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.model.proxy import Test, Texts

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT")
"""Methods of requests that clients of web services make, and some more."""
MAX_CASES: Final = 5000
"""Cases of one value; more is not followed."""


@record
class Const:
    """The same text for all requests."""

    text: str


@record
class Spelled:
    """The name, with what stands before and after it; with ``path`` anything may follow."""

    before: str = ""
    after: str = ""
    path: bool = False
    hello: bool = False
    """It is the name in the TLS hello."""


@record
class Agent:
    """What the client says of itself."""


@record
class Method:
    """The method of the request."""


@record
class Client:
    """The client's address."""


@record
class Target:
    """The server's address, as the client found it."""


@record
class Port:
    """The server's port."""


@record
class Missing:
    """Nothing that could be compared."""


@record
class Page:
    """What a client asks a server for: it begins so, the rest is not known."""

    begin: str


@record
class Found:
    """The address that the proxy finds for a name."""

    name: Value


@record
class Unknown:
    """What configuration does not tell; equal keys are equal texts."""

    key: str
    because: str


@record
class Cases:
    """The first whose test holds."""

    cases: tuple[tuple[Test, Value], ...]
    otherwise: Value


Value = Const | Spelled | Agent | Method | Client | Target | Port | Missing | Page | Found | Unknown | Cases


def ways(value: Value) -> Iterator[tuple[Test, Value]]:
    """What it may be, each with a test: the first that holds says which; the last always does."""
    if not isinstance(value, Cases):
        yield ALWAYS, value
        return
    for test, inner in _steps(value):
        for when, what in ways(inner):
            both = every((test, when))
            if both != NEVER:
                yield both, what


def _steps(value: Cases) -> Iterator[tuple[Test, Value]]:
    yield from value.cases
    yield ALWAYS, value.otherwise


def fits(value: Value, patterns: Sequence[Texts]) -> Test:
    """Whether it fits one of the patterns; what is missing fits none."""
    match value:
        case Const(text):
            return ALWAYS if any(text in one for one in patterns) else NEVER
        case Spelled():
            return _spelled(value, patterns)
        case Agent():
            return Agents(tuple(patterns)) if patterns else NEVER
        case Method():
            return Methods(frozenset(word for word in METHODS if any(word in one for one in patterns)))
        case Missing():
            return NEVER
        case Port():
            return Ports(Intervals.of((n, n) for n in _ports(patterns)))
        case Client() | Target():
            return _addressed(value, patterns)
        case Page(begin):
            return _page(begin, patterns)
        case Found():
            return Open(f"{value} {patterns}", "it depends on an address that is found for a name")
        case Unknown(key, because):
            return Open(f"{key} {patterns}", because) if patterns else NEVER
        case Cases():
            return first((test, fits(inner, patterns)) for test, inner in _steps(value))


def first(cases: Iterable[tuple[Test, Test]]) -> Test:
    """Of tests with a guard, the one whose guard is the first that holds."""
    runs: list[tuple[list[Test], Test]] = []
    for guard, test in cases:
        if runs and runs[-1][1] == test:
            runs[-1][0].append(guard)
        else:
            runs.append(([guard], test))
        if guard == ALWAYS:
            break
    found: list[Test] = []
    before: list[Test] = []
    for guards, test in runs:
        guard = some(guards)
        if test != NEVER:
            found.append(every((*before, guard, test)))
        before.append(opposite(guard))
    return some(found)


def _spelled(value: Spelled, patterns: Sequence[Texts]) -> Test:
    if value.path or value.before or value.after:
        return Urls(tuple(patterns), value.before, value.after, value.path) if patterns else NEVER
    sets = tuple(one for pattern in patterns for one in names_in(pattern))
    return Names(sets, value.hello) if sets else NEVER


def _page(begin: str, patterns: Sequence[Texts]) -> Test:
    found = {one.begun(begin) for one in patterns}
    if True in found or None not in found:
        return ALWAYS if True in found else NEVER
    return Open(f"page {begin} {patterns}", "it depends on the page that is asked for")


def _ports(patterns: Sequence[Texts]) -> Iterator[int]:
    words = {str(number): number for number in range(65536)} if len(patterns) > 1 else {}
    for one in patterns:
        text = getattr(one, "text", "")
        if text.isdecimal() and text in one:
            yield int(text)
        elif not text:
            yield from (number for word, number in words.items() if word in one)


def _addressed(value: Client | Target, patterns: Sequence[Texts]) -> Test:
    """An address that is compared as text: with whole addresses."""
    found: dict[int, list[tuple[int, int]]] = {}
    for one in patterns:
        text = getattr(one, "text", "")
        address = as_address(text)
        if address is None or text not in one:
            whose = "client" if isinstance(value, Client) else "server"
            return Open(f"{value} {patterns}", f"the {whose}'s address is compared as a text")
        found.setdefault(address[0], []).append((address[1], address[1]))
    held = tuple((family, Intervals.of(pairs)) for family, pairs in sorted(found.items()))
    return (Clients(held) if isinstance(value, Client) else Targets(held)) if held else NEVER


def joined(parts: Sequence[Value]) -> Value:
    """The text that several make one after the other."""
    whole: Value = Const("")
    for part in parts:
        pairs = list(product(ways(whole), ways(part)))
        if len(pairs) > MAX_CASES:
            return Unknown(f"{parts}", f"more than {MAX_CASES} texts to follow")
        cases = tuple((every((one, other)), _pair(left, right)) for (one, left), (other, right) in pairs)
        whole = cases[0][1] if len(cases) == 1 else Cases(cases[:-1], cases[-1][1])
    return whole


def _pair(left: Value, right: Value) -> Value:
    match left, right:
        case (Missing(), _) | (_, Missing()):
            return Missing()
        case Const(one), Const(other):
            return Const(one + other)
        case (Const(""), _):
            return right
        case (_, Const("")):
            return left
        case Spelled(), Page(begin):
            return Spelled(left.before, left.after + begin, path=True, hello=left.hello)
        case Const(text), Page(begin):
            return Page(text + begin)
        case Page(), _:
            return left
        case Const(text), Spelled():
            return Spelled(text + right.before, right.after, right.path, right.hello)
        case Spelled(path=True), _:
            return left
        case Spelled(), Const(text):
            return Spelled(left.before, left.after + text, left.path, left.hello)
    return Unknown(f"{left} {right}", "two texts that depend on the request are joined")


def instead(old: Value, new: Value, when: Test) -> Value:
    """The new value where there is one, at times."""
    cases = tuple((every((when, test)), old if isinstance(one, Missing) else one) for test, one in ways(new))
    if cases[-1][0] == ALWAYS:
        return Cases(cases[:-1], cases[-1][1]) if len(cases) > 1 else cases[0][1]
    return Cases(cases, old)


def each(value: Value, change: Callable[[Value], Value]) -> Value:
    """The value with something done to what it may be; nothing is done to what is missing."""
    if isinstance(value, Cases):
        inner = tuple((test, each(one, change)) for test, one in value.cases)
        return Cases(inner, each(value.otherwise, change))
    return value if isinstance(value, Missing) else change(value)
