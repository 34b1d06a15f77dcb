"""What a pattern says of all texts with one beginning."""

from __future__ import annotations

import pytest

from agent.model.regular import Dialect, pattern


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("livechat", True),
        ("^http://cdn", True),
        ("^http://x", False),
        (r"\.exe$", None),
        ("/path", None),
        ("/$", None),
        (".", True),
        ("^$", False),
        ("[^a-z]$", None),
    ],
)
def test_what_all_texts_with_one_beginning_do(text: str, begun: bool | None) -> None:
    one = pattern(text, Dialect.POSIX_EXTENDED)
    assert one.begun("http://cdn.livechat.com/") is begun
    inverse = pattern(text, Dialect.POSIX_EXTENDED, inverted=True)
    assert inverse.begun("http://cdn.livechat.com/") is (None if begun is None else not begun)
    for tail in ("", "path", "x.exe", "a/", "1"):
        if begun is not None:
            assert (f"http://cdn.livechat.com/{tail}" in one) is begun
