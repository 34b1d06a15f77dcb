"""Names of a requirement are split exactly by patterns, too."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.errors import Irregular, Malformed
from agent.judge.namespace import MAX_ALONE, Part, parts
from agent.model.regular import Dialect, Pattern, pattern, split
from agent.model.requirement import Requirement
from agent.model.resolver import AnyOf, Fate, NameRule, NameSet, Outcome, RuleList, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

NEED: Final = Requirement("p", "*.livechat.com", (), apex=False)
tre = partial(pattern, dialect=Dialect.TRE, ignore_case=True)

PIECES: Final = (
    *("a", "b", "ab", "ads", "x", "-", "_", r"\.", ".", ".*", ".+", "[a-c]", "[0-9]", "[^.]", "[^.]+", r"\b", r"\w"),
    *("^", "$", "(a|b)", "(^|[.])", "?", "+", "{2}", "livechat", "com", r"livechat\.com$", "new"),
)
LABELS: Final = st.sampled_from(["a", "b", "ab", "ads", "x1", "w-w", "new", "chat", "_a", "0"])
BELOW: Final = st.lists(LABELS, max_size=3).map(lambda labels: ".".join((*labels, "livechat.com")))
HOSTS: Final = (
    st.text(alphabet="aabbcdsx019-_..wn", min_size=1, max_size=9)
    .map(lambda text: f"{text}.livechat.com")
    .filter(lambda name: all(label.strip("-") == label != "" for label in name.split(".")))
)
SETS: Final = st.lists(st.builds(NameSet, st.sampled_from([*Scope][:4]), BELOW), max_size=3)


@st.composite
def written(draw: st.DrawFn) -> Pattern:
    text = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5)))
    try:
        return pattern(
            text,
            Dialect.POSIX_EXTENDED,
            inverted=draw(st.sampled_from([False, False, True])),
            after=draw(st.sampled_from(["", "", ":443"])),
        )
    except (Malformed, Irregular):
        assume(False)  # noqa: FBT003 - hypothesis' own signature
        raise


PATTERNS: Final = st.lists(st.one_of(written(), st.lists(written(), max_size=3).map(tuple).map(AnyOf)), max_size=3)


def memberships(name: str, sets: Iterable[NameSet | AnyOf | Pattern]) -> tuple[bool, ...]:
    return tuple(name in one for one in sets)


@given(SETS, PATTERNS, st.lists(HOSTS, max_size=8), st.booleans())
def test_every_name_is_treated_like_the_sample_of_some_part(
    names: list[NameSet], patterns: list[Pattern | AnyOf], hosts: list[str], apex: bool
) -> None:
    sets = [*names, *patterns]
    found = parts(Requirement("p", "*.livechat.com", (), apex), sets)
    assume(not any(part.sampled for part in found))
    known = {memberships(part.sample, sets) for part in found}
    assert [name for name in hosts if memberships(name, sets) not in known] == []
    for part in found:
        assert part.sample.endswith(".livechat.com") or (apex and part.sample == "livechat.com")
        assert all(label.strip("-") == label != "" for label in part.sample.split("."))
    assert len({part.sample for part in found}) == len(found)


@given(PATTERNS)
def test_memberships_that_are_looked_for_one_by_one_are_the_same(patterns: list[Pattern | AnyOf]) -> None:
    together = parts(NEED, patterns)
    with patch.object(split, "MAX_TOGETHER", 0):
        apart = parts(NEED, patterns)
    assume(not any(part.sampled for part in (*together, *apart)))
    assert {memberships(one.sample, patterns) for one in apart} == {
        memberships(one.sample, patterns) for one in together
    }


@given(st.lists(written(), max_size=3))
def test_no_two_parts_are_alike(patterns: list[Pattern]) -> None:
    plain = [one for one in patterns if one.simple() is None]
    found = [memberships(part.sample, plain) for part in parts(NEED, plain)]
    assert len(set(found)) == len(found)


@given(st.lists(written(), min_size=1, max_size=2))
def test_all_short_names_are_found_where_one_looks_at_each(patterns: list[Pattern]) -> None:
    known = {memberships(part.sample, patterns) for part in parts(NEED, patterns)}
    for letters in product("abx0", repeat=3):
        assert memberships("".join(letters) + ".livechat.com", patterns) in known


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (
            ["^ads"],
            [
                ("ads.livechat.com", "names like ads.livechat.com (all that match ^ads)"),
                ("new-aa.livechat.com", "all other *.livechat.com"),
            ],
        ),
        (
            ["^ads", "track"],
            [
                ("ads.livechat.com", "names like ads.livechat.com (all that match only ^ads)"),
                ("adstrack.livechat.com", "names like adstrack.livechat.com (all that match ^ads and track)"),
                ("track.livechat.com", "names like track.livechat.com (all that match only track)"),
                ("new-aa.livechat.com", "all other *.livechat.com"),
            ],
        ),
        (["facebook\\.com$"], [("new-aa.livechat.com", "*.livechat.com")]),
        (["^livechat"], [("livechat.livechat.com", None), ("new-aa.livechat.com", None)]),
        (["livechat"], [("new-aa.livechat.com", "*.livechat.com")]),
        ([".*"], [("new-aa.livechat.com", "*.livechat.com")]),
        (["^[^.]+\\.livechat"], [("a.livechat.com", None), ("a.a.livechat.com", None)]),
        (["-"], [("a-a.livechat.com", None), ("a.livechat.com", "all other *.livechat.com")]),
        (["a{64}|~|\\.\\."], [("new-aa.livechat.com", "*.livechat.com")]),
        (["^[^-]{64}"], [("a" * 51 + ".livechat.com", None), ("new-aa.livechat.com", "all other *.livechat.com")]),
        (
            ["^cdn\\.livechat\\.com$"],
            [
                ("cdn.livechat.com", "cdn.livechat.com"),
                ("new-aa.cdn.livechat.com", None),
                ("new-aa.livechat.com", None),
            ],
        ),
    ],
)
def test_parts_are_told_by_a_natural_name(patterns: list[str], expected: list[tuple[str, str | None]] | None) -> None:
    found = parts(NEED, [tre(one) for one in patterns])
    if expected is None:
        return
    assert sorted(part.sample for part in found) == sorted(sample for sample, _ in expected)
    texts = {part.sample: part.text for part in found}
    assert all(texts[sample] == text for sample, text in expected if text)
    assert found[-1].sample == expected[-1][0]


def test_an_inverted_pattern_leaves_what_it_matches() -> None:
    found = parts(NEED, [tre("^ads", inverted=True)])
    assert [part.sample for part in found] == ["ads.livechat.com", "new-aa.livechat.com"]


def test_names_that_are_mentioned_are_split_below_as_well() -> None:
    found = parts(NEED, [NameSet(Scope.SUBTREE, "cdn.livechat.com"), tre("^ads")])
    assert [part.sample for part in found] == [
        "cdn.livechat.com",
        "ads.cdn.livechat.com",
        "new-aa.cdn.livechat.com",
        "ads.livechat.com",
        "new-aa.livechat.com",
    ]


def test_patterns_of_one_outcome_are_told_apart_but_need_no_product() -> None:
    texts = [f"^(.+[_.-])?w{number}s?[0-9]*[_.-]" for number in range(300)]
    rules = RuleList(tuple(NameRule(tre(text), Outcome(Fate.NXDOMAIN), None) for text in texts))
    assert len(set(rules.sets)) == 1
    found = parts(NEED, rules.sets)
    assert not any(part.sampled for part in found)
    assert len(found) == MAX_ALONE + 1
    assert found[0] == Part("w0.livechat.com", f"names like w0.livechat.com (all that match {texts[0]})")
    assert rules.find(found[0].sample, 4) is rules.rules[0]
    assert rules.find(found[-1].sample, 4) is None


def test_exceptions_from_a_long_list_are_told_apart() -> None:
    allowed, denied = Outcome(Fate.PASSED_ON), Outcome(Fate.NXDOMAIN)
    texts = [(r"^stats?\.", allowed), *((f"^(.+[_.-])?w{number}s?[0-9]*[_.-]", denied) for number in range(100))]
    rules = RuleList(tuple(NameRule(tre(text), outcome, None) for text, outcome in texts))
    found = parts(NEED, rules.sets)
    assert not any(part.sampled for part in found)
    outcomes = {part.sample: (rule := rules.find(part.sample, 4)) and rule.outcome.fate for part in found}
    assert outcomes["stat.livechat.com"] is Fate.PASSED_ON
    assert outcomes["w7.livechat.com"] is Fate.NXDOMAIN
    both = [
        name for name, fate in outcomes.items() if fate is Fate.PASSED_ON and any(name in tre(t) for t, _ in texts[1:])
    ]
    assert len(both) == 1


def test_many_names_and_many_patterns_do_not_multiply() -> None:
    names = [NameSet(Scope.SUBTREE, f"h{number}.livechat.com") for number in range(500)]
    patterns = AnyOf(tuple(tre(f"^w{number}[0-9]*[_.-]") for number in range(50)))
    found = parts(NEED, [*names, patterns])
    assert not any(part.sampled for part in found)
    assert len(found) < 3 * len(names) + 2 * MAX_ALONE
    with pytest.raises(ValueError, match="more than"):
        parts(NEED, [*(NameSet(Scope.SUBTREE, f"h{number}.livechat.com") for number in range(3000)), *map(tre, "abcd")])


def test_rules_of_other_outcomes_come_between() -> None:
    outcomes = (Outcome(Fate.NXDOMAIN), Outcome(Fate.PASSED_ON), Outcome(Fate.NXDOMAIN))
    rules = RuleList(tuple(NameRule(tre(text), one, None) for text, one in zip(("a", "b", "c"), outcomes, strict=True)))
    found = dict.fromkeys(one.patterns for one in rules.sets if isinstance(one, AnyOf))
    assert list(found) == [(tre("a"),), (tre("b"),), (tre("c"),)]


def test_rules_for_the_two_families_do_not_come_between() -> None:
    answers = {family: Outcome(Fate.ADDRESSES, frozenset({(family, 0)})) for family in (4, 6)}
    rules = RuleList(
        tuple(
            NameRule(tre(text), answers[family], None, frozenset({family})) for text in ("a", "b") for family in (4, 6)
        )
    )
    assert set(rules.sets) == {AnyOf((tre("a"), tre("b")))}


def test_what_is_too_much_is_a_sample_and_says_so() -> None:
    found = parts(NEED, [tre(f"w{number}[a-z]*x") for number in range(40)])
    assert all(part.sampled for part in found)
    assert len(found) > 40
    assert parts(NEED, [tre("^a[ab]{100}$|a.{14}b"), tre("b.{14}a")])[-1].sampled


LIST: Final = (
    *(rf"(^|\.)tracker{number}\.(com|net)$" for number in range(500)),
    *(rf"^stat{number}\.[a-z]+\.example\.org$" for number in range(200)),
    *(rf"^(.+[_.-])?banner{number}s?[0-9]*[_.-]" for number in range(150)),
    *(rf"click{number}.*\.io$" for number in range(150)),
)


def test_a_long_list_takes_less_than_a_second() -> None:
    start = time.process_time()
    rules = RuleList(tuple(NameRule(tre(text), Outcome(Fate.NXDOMAIN), None) for text in LIST))
    for apex in ("livechat.com", "livechatinc.com", "text.com", "helpdesk.com", "chatbot.com", "example.io"):
        found = parts(Requirement("p", f"*.{apex}", (), apex=True), rules.sets)
        assert not any(part.sampled for part in found)
    assert time.process_time() - start < 2  # alone on a core it is below one; machines that run tests are shared


def test_nothing_about_patterns_is_loaded_where_there_are_none() -> None:
    program = (
        "import sys; from agent.judge.namespace import parts; from agent.model.requirement import Requirement;"
        "from agent.model.resolver import NameSet, Scope; import agent.judge.answers;"
        "parts(Requirement('p', '*.x.com', ()), [NameSet(Scope.SUBTREE, 'a.x.com')]);"
        "print([name for name in sys.modules if 'regular' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
