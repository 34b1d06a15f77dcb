"""Lists are searched, not taken apart, and lose nothing by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.model.names import Interest
from agent.snapshot.search import lines_about

LINES = st.lists(
    st.sampled_from(["", "0.0.0.0 a.x.com", "A.X.COM x.com x.com", "y.com", "# x.com", "caf\u00e9", "xxcom"]),
    max_size=8,
)


@given(LINES, st.booleans())
def test_the_lines_with_a_word_come_with_their_numbers(lines: list[str], ends: bool) -> None:
    data = ("\n".join(lines) + ("\n" if ends else "")).encode()
    expected = [(number, line) for number, line in enumerate(lines, 1) if "x.com" in line.lower() or "y.com" in line]
    assert list(lines_about(data, {"x.com", "y.com"})) == expected


def test_without_words_every_line_comes() -> None:
    assert list(lines_about(b"a\nb\xff", ())) == [(1, "a"), (2, "b\ufffd")]


NAMES = st.lists(st.sampled_from(["a", "b", "com", "x"]), min_size=1, max_size=4).map(".".join)


@given(st.lists(NAMES, max_size=3), NAMES)
def test_interest_is_in_what_is_above_and_below(names: list[str], name: str) -> None:
    touches = not names or any(name == one or name.endswith("." + one) or one.endswith("." + name) for one in names)
    holds = not names or any(name == one or name.endswith("." + one) for one in names)
    assert Interest(names).touches(name) == touches
    assert Interest(names).holds(name) == holds
    assert Interest(names).touches("")
