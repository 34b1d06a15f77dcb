"""Patterns match what their programs' own libraries match."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.errors import Irregular, Malformed
from agent.model.regular import Dialect, Pattern, pattern
from agent.model.regular.hosts import Region
from agent.model.resolver import NameSet, Scope
from tests.model import engines, patterns

if TYPE_CHECKING:
    from collections.abc import Callable


ENGINES: Final[dict[Dialect, tuple[Callable[..., list[bool]], tuple[str, ...]]]] = {
    Dialect.POSIX_EXTENDED: (partial(engines.glibc, extended=True), patterns.EXTENDED),
    Dialect.POSIX_BASIC: (partial(engines.glibc, extended=False), patterns.BASIC),
    Dialect.FNMATCH: (engines.fnmatch, patterns.SHELL),
    Dialect.PCRE: (engines.pcre, patterns.PERL),
}
NAMES: Final = st.text(alphabet=patterns.LETTERS, max_size=8)


def compare(dialect: Dialect, text: str, names: list[str], *, ignore_case: bool) -> str:
    """What came of a comparison, which fails where the two do not agree."""
    try:
        wanted = ENGINES[dialect][0](text, names, ignore_case=ignore_case)
    except engines.RefusedError:
        with pytest.raises((Malformed, Irregular)):
            pattern(text, dialect, ignore_case=ignore_case)
        return "refused"
    try:
        mine = pattern(text, dialect, ignore_case=ignore_case)
    except Irregular:
        return "irregular"
    assert [name in mine for name in names] == wanted, (text, names, ignore_case)
    return "matched" if any(wanted) else "not matched"


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("seed", range(4))
def test_random_patterns_match_what_the_library_matches(dialect: Dialect, seed: int) -> None:
    if dialect is Dialect.PCRE and not engines.pcre_library():
        pytest.skip("PCRE2 is not installed")
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(1000):
        names = [patterns.name_of(chance) for _ in range(10)]
        text = patterns.pattern_of(chance, ENGINES[dialect][1])
        outcomes[compare(dialect, text, names, ignore_case=chance.random() < 0.5)] += 1
    assert min(outcomes["matched"], outcomes["not matched"]) > 50
    assert (outcomes["refused"] > 50) is (dialect is not Dialect.FNMATCH)


@given(
    st.lists(st.sampled_from(patterns.EXTENDED), max_size=12).map("".join), st.lists(NAMES, max_size=4), st.booleans()
)
def test_extended_expressions_match_what_glibc_matches(text: str, names: list[str], ignore_case: bool) -> None:
    compare(Dialect.POSIX_EXTENDED, text, names, ignore_case=ignore_case)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12), st.lists(NAMES, max_size=4))
@pytest.mark.parametrize("dialect", [Dialect.POSIX_EXTENDED, Dialect.POSIX_BASIC, Dialect.FNMATCH])
def test_whatever_is_written_means_what_the_library_makes_of_it(dialect: Dialect, text: str, names: list[str]) -> None:
    compare(dialect, text, names, ignore_case=True)


@given(st.text(alphabet=st.characters(), max_size=12), st.sampled_from(Dialect))
def test_whatever_is_written_is_read_or_refused(text: str, dialect: Dialect) -> None:
    try:
        found = pattern(text, dialect, ignore_case=True)
    except (Malformed, Irregular):
        return
    assert isinstance("a.example" in found, bool)
    assert all(found.text[at] == "." for at in found.unescaped_dots())


SHARED: Final = (
    *"aabbc1-.AB",
    "^",
    "(a|b)",
    "(?:ab)",
    "*",
    "+",
    "?",
    "*?",
    "{2}",
    "{1,}",
    "|",
    "[a-c]",
    "[^a.]",
    r"\d",
    r"\w",
    r"\b",
    ".",
)


@given(st.lists(st.sampled_from(SHARED), max_size=10).map("".join), NAMES, st.booleans())
@pytest.mark.parametrize("dialect", [Dialect.GO, Dialect.PCRE])
def test_perls_expressions_match_what_pythons_do(dialect: Dialect, text: str, name: str, ignore_case: bool) -> None:
    try:
        wanted = re.compile(text, re.ASCII | (re.IGNORECASE if ignore_case else 0))
        found = pattern(text, dialect, ignore_case=ignore_case)
    except (re.error, Malformed, Irregular):
        assume(False)  # noqa: FBT003 - hypothesis' own signature
    assert (name in found) is bool(wanted.search(name)), text


ALIKE: Final = (
    *"aabbc1-.AB",
    "^",
    "$",
    "(a|b)",
    "(^|[.])",
    "*",
    "+",
    "?",
    "{2}",
    "{1,2}",
    "|",
    "[a-c]",
    "[^a.]",
    r"\w",
    r"\.",
    r"\<",
    ".",
)


@given(st.lists(st.sampled_from(ALIKE), max_size=10).map("".join), NAMES, st.booleans())
def test_tre_is_like_glibc_where_the_two_agree(text: str, name: str, ignore_case: bool) -> None:
    # behind another quantifier, TRE's `?` asks for the shortest match; glibc's makes it optional
    assume(re.search(r"[*+?}][?]", text) is None)
    try:
        wanted, found = (pattern(text, one, ignore_case=ignore_case) for one in (Dialect.POSIX_EXTENDED, Dialect.TRE))
    except (Malformed, Irregular):
        assume(False)  # noqa: FBT003 - hypothesis' own signature
    assert (name in found) is (name in wanted), text


@pytest.mark.parametrize(
    ("text", "matched", "not_matched"),
    [
        (r"^ad[sx]?\d+\.", "ads1.x", "ads.x"),
        (r"\bads\b", "ads", "loads"),
        (r"x\b.y", "x-y", "xzy"),
        (r"^\b-", "-a", "a-"),  # at both ends of a text whatever stands there
        (r"^\B", None, "a"),
        (r"a|*b", "b", None),
        (r"(|x)?a", "a", "x"),
        (r"^a{,2}$", "aa", "aaa"),
        (r"^a{,}$", "a", "aa"),
        (r"^a+?b*?$", "ab", "ba"),
        (r"^(?:a|b)$", "a", "ab"),
        (r"(?i)A", "a", "b"),
        (r"\x61", "a", "b"),
        (r"[\.]a", r"\a", "xa"),  # a backslash is a character in brackets
        (r"[^a-zA-Z0-9]", "a.b", "ab"),
        (r"^([^.[:space:]]+\.)+x$", "a.b.x", "a..x"),
    ],
)
def test_tre_reads_it_its_own_way(text: str, matched: str | None, not_matched: str | None) -> None:
    found = pattern(text, Dialect.TRE, ignore_case=True)
    assert matched is None or matched in found
    assert not_matched is None or not_matched not in found


@pytest.mark.parametrize(
    ("dialect", "text", "error"),
    [
        (Dialect.TRE, "a**", Malformed),
        (Dialect.TRE, "a{2}+", Malformed),
        (Dialect.TRE, "a{256}", Malformed),
        (Dialect.TRE, "(a", Malformed),
        (Dialect.TRE, "[a", Malformed),
        (Dialect.TRE, "[[:foo:]]", Malformed),
        (Dialect.TRE, "[[=a=]]", Malformed),
        (Dialect.TRE, "\\", Malformed),
        (Dialect.TRE, "a{~1}", Irregular),
        (Dialect.TRE, r"(a)\1", Irregular),
        (Dialect.TRE, "[^a-ca-z]", Irregular),
        (Dialect.TRE, "a(?i)b|c", Irregular),
        (Dialect.POSIX_EXTENDED, r"(a)\1", Irregular),
        (Dialect.POSIX_EXTENDED, "*a", Malformed),
        (Dialect.PCRE, "(?<=a)b", Irregular),
        (Dialect.PCRE, "(?!a)b", Irregular),
        (Dialect.PCRE, "(?>a)b", Irregular),
        (Dialect.PCRE, "a++", Irregular),
        (Dialect.PCRE, r"(a)\g1", Irregular),
        (Dialect.PCRE, "(?R)", Irregular),
        (Dialect.PCRE, "a)", Malformed),
        (Dialect.GO, "a**", Malformed),
        (Dialect.GO, "(?=a)", Malformed),
        (Dialect.GO, "a{1001}", Malformed),
        (Dialect.GO, r"\pN", Irregular),
    ],
)
def test_what_cannot_be_decided_is_said(dialect: Dialect, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        pattern(text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "((a+)+)+$",
        "(a{1000}){1000}",
        "(a?){1000}",
        "(((a{9}){9}){9}){9}",
        "(" * 5000,
        "(" * 200 + ")" * 200,
        "a" + "*?" * 500,
        "(a|a)" * 900,
        "(.*a){40}",
        "a.{30}b",
        "[a-z]{255}" * 50,
        "x" * 20_000,
    ],
)
@pytest.mark.parametrize("dialect", Dialect)
def test_absurd_patterns_end_at_once(dialect: Dialect, text: str) -> None:
    start = time.process_time()
    try:
        found = pattern(text, dialect, ignore_case=True)
    except (Malformed, Irregular):
        pass
    else:
        assert ("a" * 50 + ".com" in found) in (True, False)
    assert time.process_time() - start < 2


def test_a_name_is_looked_for_between_what_surrounds_it() -> None:
    found = pattern(r"^https://ads\.|:8443$", Dialect.POSIX_EXTENDED, before="https://", after=":443")
    assert "ads.x" in found
    assert "x.ads.x" not in found
    assert "x" in pattern(":8443$", Dialect.POSIX_EXTENDED, after=":8443")


def test_inverted_patterns_have_all_other_names() -> None:
    found = pattern("^ads", Dialect.TRE, inverted=True)
    assert "x.ads" in found
    assert "ads.x" not in found


def test_capitals_match_no_names_unless_case_is_ignored() -> None:
    assert "ads" not in pattern("ADS", Dialect.PCRE)
    assert "ads" in pattern("ADS", Dialect.PCRE, ignore_case=True)


def test_patterns_are_values() -> None:
    assert pattern("a", Dialect.TRE) == pattern("a", Dialect.TRE)
    assert len({pattern("a", Dialect.TRE), pattern("a", Dialect.TRE), pattern("a", Dialect.GO)}) == 2


X, ADS = "x.com", "ads.x.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"^x\.com$", {(Scope.EXACT, X)}),
        (r"(^|\.)x\.com$", {(Scope.SUBTREE, X)}),
        (r"^(.*\.)?x\.com$", {(Scope.SUBTREE, X)}),
        (r"^(.+\.|)x[.]com$", {(Scope.SUBTREE, X)}),
        (r"\.x\.com$", {(Scope.BELOW, X)}),
        (r"^.*\.x\.com$", {(Scope.BELOW, X)}),
        (r"x\.com$", {(Scope.SUBTREE, X), (Scope.WITHIN, X)}),
        (r"^.+x\.com$", {(Scope.BELOW, X), (Scope.WITHIN, X)}),
        (r"^(ads\.)?x\.com$", {(Scope.EXACT, X), (Scope.EXACT, ADS)}),
        (r"^(ads|cdn)\.x\.com$", {(Scope.EXACT, ADS), (Scope.EXACT, "cdn.x.com")}),
        (r"^X\.com$", {(Scope.EXACT, X)}),
        (r"^a~\.com$", set()),
        (r"^-\.com$", set()),
        (r"^x.com$", None),
        (r"^x\.com", None),
        (r"x\.com", None),
        (r"^[xy]\.com$", None),
        (r"^ads[0-9]+\.x\.com$", None),
        (r"", None),
    ],
)
def test_plain_lists_of_names_are_recognised(text: str, expected: set[tuple[Scope, str]] | None) -> None:
    found = pattern(text, Dialect.POSIX_EXTENDED, ignore_case=True).simple()
    assert expected == (None if found is None else {(one.scope, one.text) for one in found})


def test_wildcards_are_plain_lists() -> None:
    assert pattern("*.x.com", Dialect.WILDCARDS).simple() == (NameSet(Scope.BELOW, X),)
    assert pattern("x.com", Dialect.FNMATCH).simple() == (NameSet(Scope.EXACT, X),)
    assert pattern("x.*", Dialect.FNMATCH).simple() is None


PLAIN: Final = (
    "x",
    "ads",
    "-",
    r"\.",
    r"\.com",
    "^",
    "$",
    "(^|\\.)",
    "(.*\\.)?",
    "^.*",
    ".+",
    "(a|b)",
    "(ads\\.)?",
    "~",
)
HOSTS: Final = st.lists(st.sampled_from(["x", "ads", "a", "b", "x-x", "axs", "com"]), min_size=1, max_size=4).map(
    ".".join
)


@given(st.lists(st.sampled_from(PLAIN), max_size=6).map("".join), st.lists(HOSTS, max_size=9))
def test_plain_lists_have_the_same_host_names(text: str, names: list[str]) -> None:
    found = pattern(text, Dialect.POSIX_EXTENDED)
    if (sets := found.simple()) is not None:
        for name in names:
            assert any(name in one for one in sets) is (name in found), (text, name)


@pytest.mark.parametrize(
    ("text", "dots"),
    [
        (r"ads.x\.com$", (3,)),
        (r"^ads.x.com$", (4, 6)),
        (r"(^|.)x.(com|net)", (6,)),
        (r"x.(com|\.net)", ()),
        (r"x.*com", ()),
        (r"ads[.]x\.com", ()),
        (r"^.x", ()),
        (r"é-x.com", (3,)),
    ],
)
@pytest.mark.parametrize("dialect", [Dialect.POSIX_EXTENDED, Dialect.TRE, Dialect.PCRE, Dialect.GO])
def test_dots_that_are_probably_meant_as_dots_are_found(dialect: Dialect, text: str, dots: tuple[int, ...]) -> None:
    found = pattern(text, dialect)
    assert isinstance(found, Pattern)
    assert found.unescaped_dots() == dots


@pytest.mark.parametrize(
    ("region", "inside", "outside"),
    [
        (
            Region(".x.com"),
            ["a.x.com", "a.b.x.com", "_a-b.x.com"],
            ["x.com", ".x.com", "a-.x.com", "-a.x.com", "a..x.com"],
        ),
        (Region(".x.com", frozenset({"ab"})), ["b.x.com", "cab.x.com"], ["ab.x.com", "c.ab.x.com"]),
        (
            Region(".x.com", frozenset(), frozenset({"b"})),
            ["b.x.com", "c.b.x.com", "bc.x.com"],
            ["ab.x.com", "c.ab.x.com"],
        ),
        (Region("b.x.com", deeper=False), ["ab.x.com", "a-b.x.com"], ["b.x.com", "a.ab.x.com"]),
        (Region("b.x.com").measured(), ["a" * 62 + "b.x.com", "a" * 63 + ".ab.x.com"], ["a" * 63 + "b.x.com"]),
        (Region("b.x.com", deeper=True), ["a.ab.x.com"], ["a.b.x.com", "ab.x.com"]),
    ],
)
def test_regions_have_the_host_names_that_they_say(region: Region, inside: list[str], outside: list[str]) -> None:
    assert [name for name in inside if not region.holds(name)] == []
    assert [name for name in outside if region.holds(name)] == []
