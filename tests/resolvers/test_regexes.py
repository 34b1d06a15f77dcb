"""Plain regular expressions as sets of names, and patterns of filter rules as regular expressions, against their matchers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.regular import Dialect
from agent.model.resolver import NameSet
from agent.model.source import Source
from agent.resolvers.adguardhome.lines import parse
from agent.resolvers.adguardhome.patterns import EVERYTHING, expression, names_of
from agent.resolvers.filtering.regexes import concerned, may_meet, name_pattern

LABELS = st.sampled_from(["a", "ad", "ads", "x", "com", "b-c", "1a"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PIECES = st.lists(
    st.sampled_from(["^", "$", "\\.", ".", ".*", "(^|\\.)", "(\\.|^)", "^(.+\\.)?", "a", "ads", "com", "x", "-", "[a-z]+", "\\d", "|", "ad?"]),
    max_size=6,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(PIECES, NAMES)
def test_a_plain_expression_fits_the_names_of_its_sets(text: str, name: str) -> None:
    try:
        fits = re.search(text, name, re.IGNORECASE) is not None
    except re.error:
        return
    sets = name_pattern(text, Dialect.GO)
    if sets is not None:
        assert fits == any(name in one for one in sets)
    if fits:
        assert any(name in one for one in concerned(text))


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("^ads\\.com$", ["exact ads.com"]),
        ("(^|\\.)ads\\.com$", ["subtree ads.com"]),
        ("(\\.|^)Ads\\.com$", ["subtree ads.com"]),
        ("(?:^|\\.)ads\\.com$", ["subtree ads.com"]),
        ("^(.+\\.)?ads\\.com$", ["subtree ads.com"]),
        ("\\.ads\\.com$", ["below ads.com"]),
        ("ads\\.com$", ["subtree ads.com", "within ads.com"]),
        (".*", ["subtree "]),
        ("ads.com$", ["pattern ads.com$"]),
        ("ads\\.com", ["pattern ads\\.com"]),
        ("^ad[0-9]+\\.com$", ["pattern ^ad[0-9]+\\.com$"]),
        ("(a", None),
        ("(a)\\1", None),
    ],
)
def test_which_expressions_are_plain(text: str, sets: list[str] | None) -> None:
    found = name_pattern(text, Dialect.TRE)
    told = [f"{one.scope if isinstance(one, NameSet) else 'pattern'} {one.text}" for one in found or ()]
    assert (None if found is None else told) == sets


@settings(deadline=None)
@given(PIECES, PIECES, NAMES)
def test_sets_that_share_a_name_may_meet(one: str, other: str, name: str) -> None:
    for mine in name_pattern(one, Dialect.GO) or ():
        for theirs in name_pattern(other, Dialect.GO) or ():
            if name in mine and name in theirs:
                assert may_meet(mine, theirs)


def reference(pattern: str) -> tuple[re.Pattern[str], bool]:
    """Urlfilter's own regular expression, and whether it is held against ``http://name/``."""
    regex = re.sub(r"[.+?$\{\}()\[\]/\\]", lambda sign: "\\" + sign[0], pattern)
    lead = 2 if regex.startswith("||") else 1
    regex = regex[:lead] + regex[lead:-1].replace("|", "\\|") + regex[lead:][-1:]
    regex = regex.replace("*", ".*").replace("^", "(?:[^ a-zA-Z0-9.%_-]|$)")
    if regex.startswith("||"):
        regex = "^(?:http|https|ws|wss)://(?:[a-z0-9-_.]+\\.)?" + regex[2:]
    elif regex.startswith("|"):
        regex = "^" + regex[1:]
    if regex.endswith("|"):
        regex = regex[:-1] + "$"
    url = pattern.startswith(("||", "http://", "https://", "://")) or bool(
        re.fullmatch(r"/[a-zA-Z0-9.-]{2,}\.", pattern)
    )
    return re.compile(regex, re.IGNORECASE), url


PATTERNS = st.lists(
    st.sampled_from(
        ["||", "|", "*", "^", ".", "/", "a", "ads", "com", "x", "-", "://", "http://", "https://", "~", "?"]
    ),
    min_size=1,
    max_size=6,
).map("".join)


@settings(deadline=None)
@given(PATTERNS, NAMES)
def test_a_pattern_fits_the_same_names_as_a_regular_expression(pattern: str, name: str) -> None:
    if len(pattern) < 3 or (pattern[0] == pattern[-1] == "/"):  # does not count; is one already
        return
    regex, url = reference(pattern)
    fits = regex.search(f"http://{name}/" if url else name) is not None
    mine = expression(pattern)
    if mine in EVERYTHING:
        assert fits
    else:
        assert (mine is not None and re.search(mine, name, re.IGNORECASE) is not None) == fits
    sets, known = names_of(pattern)
    inside = any(name in one for one in sets)
    assert inside == fits if known else inside or not fits


@settings(deadline=None)
@given(st.text(alphabet="ab.*^|@$#!/=,~\\'\" \t0:", max_size=24) | st.text(max_size=12))
def test_no_line_is_too_much(text: str) -> None:
    parse(text, Source("list", text))
    names_of(text)
    assert all(isinstance(one, NameSet) for one in concerned(text))


def test_an_absurd_expression_takes_no_time() -> None:
    absurd = "a" * 1_000_000
    assert name_pattern(absurd, Dialect.TRE) is None
    assert [one.text for one in concerned(absurd)] == [""]
    assert names_of(f"||{absurd}") == (concerned(absurd), False)
