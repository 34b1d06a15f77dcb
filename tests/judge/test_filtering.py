"""All requests of a requirement, summed up: no single request is treated otherwise than the sum says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.judge.filtering import Requests, filtered
from agent.model.course import Ask, walk
from agent.model.intervals import Intervals
from agent.model.network import Listener
from agent.model.proxy import (
    ALLOWED,
    DENIED,
    DROPPED,
    PASS,
    Act,
    AllOf,
    AnyOf,
    Clients,
    Door,
    Form,
    Methods,
    Names,
    Not,
    Open,
    Proxy,
    ProxyRule,
    ProxyStage,
    Ruling,
    Targets,
    Test,
    Urls,
)
from agent.model.regular import Dialect, pattern
from agent.model.requirement import PortNeed, Requirement
from agent.model.resolver import NameSet, Scope
from agent.model.source import Source
from agent.model.vocabulary import Reach

NEED = Requirement("p", "*.livechat.com", (PortNeed("tcp", 443),), apex=True)
CLIENTS = Intervals.span(0x0A000001, 0x0A0000FE)
LINE = Source("files/etc/x.conf", "rule", 1)
TEXTS = ("livechat.com", "api.livechat.com", "cdn.api.livechat.com", "com", "chat.com", "other.org")
NAMES = st.one_of(
    st.builds(
        NameSet, st.sampled_from([Scope.EXACT, Scope.SUBTREE, Scope.BELOW, Scope.WITHIN]), st.sampled_from(TEXTS)
    ),
    st.sampled_from(["^ads", "api", "[0-9]", r"^[a-z]+\.livechat", "x$", r"\.com$"]).map(
        lambda text: pattern(text, Dialect.POSIX_EXTENDED)
    ),
)


def blocks(base: int, low: int, high: int) -> st.SearchStrategy[tuple[tuple[int, Intervals], ...]]:
    def block(pair: tuple[int, int]) -> tuple[tuple[int, Intervals], ...]:
        return ((4, Intervals.span(base + min(pair), base + max(pair))),)

    return st.tuples(st.integers(low, high), st.integers(low, high)).map(block)


LEAVES: st.SearchStrategy[Test] = st.one_of(
    st.lists(NAMES, min_size=1, max_size=2).map(lambda sets: Names(tuple(sets))),
    blocks(0x0A000000, 0, 255).map(Clients),
    blocks(0x17000000, 0, 0xFFFFFF).map(Targets),
    st.sets(st.sampled_from(["GET", "POST", "PUT"]), min_size=1).map(lambda words: Methods(frozenset(words))),
    st.builds(
        Urls,
        st.sampled_from(["^http://ads", r"^http://cdn.*\.js", "api.*/x", "/$", r"chat\.com/[a-z]+$", "t$"]).map(
            lambda text: (pattern(text, Dialect.POSIX_EXTENDED),)
        ),
        st.just("http://"),
        st.just("/"),
        st.booleans(),
    ),
    st.sampled_from([Open("a", "because a"), Open("b", "because b")]),
)
TESTS: st.SearchStrategy[Test] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda tests: AllOf(tuple(tests))),
        st.lists(inner, max_size=3).map(lambda tests: AnyOf(tuple(tests))),
        inner.map(Not),
    ),
    max_leaves=5,
)
RULINGS = st.sampled_from([ALLOWED, DENIED, DROPPED, PASS, Ruling(Act.NEXT, skips=1), Ruling(Act.OPEN, "who knows")])
STAGES = st.lists(
    st.builds(
        ProxyStage,
        st.just("list"),
        st.lists(st.builds(ProxyRule, TESTS, RULINGS, st.just(LINE)), max_size=4).map(tuple),
        RULINGS,
        st.just(LINE),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
ASKS = st.lists(
    st.builds(
        Ask,
        st.just(Form.CONNECT),
        st.one_of(
            st.sampled_from([text for text in TEXTS if text.endswith("livechat.com")]),
            st.from_regex(r"([a-z0-9]{1,4}\.){1,2}livechat\.com", fullmatch=True),
        ),
        st.just(443),
        st.sampled_from(["GET", "POST"]),
        st.integers(0x0A000001, 0x0A0000FE).map(lambda value: (4, value)),
        st.integers(0x17000000, 0x17FFFFFF).map(lambda value: (4, value)),
    ),
    min_size=5,
    max_size=20,
)


@given(STAGES, ASKS)
def test_no_request_is_treated_otherwise_than_the_sum_says(stages: tuple[ProxyStage, ...], asks: list[Ask]) -> None:
    proxy = Proxy("squid", (Door(Listener("tcp", "*", 3128), ((Form.CONNECT, stages),)),))
    asked = Requests(NEED, NEED.ports[0], 4, Form.CONNECT, ((4, CLIENTS),))
    opinion = filtered(proxy, proxy.doors[0], asked).opinion
    for ask in asks:
        acts = {way.ruling.act for way in walk(stages, ask)}
        if opinion.verdict is Reach.ALLOWED:
            assert acts == {Act.ALLOW}, ask
        elif opinion.verdict is Reach.BLOCKED:
            assert not acts & {Act.ALLOW, Act.OPEN}, ask
        elif opinion.verdict is Reach.UNKNOWN:
            assert acts & {Act.ALLOW, Act.OPEN}, "one that is surely stopped would make it partly blocked"
