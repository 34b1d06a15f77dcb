"""Which representation is chosen, and which headers say that a client has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.serve.negotiation import best, has_already, takes_gzip

OFFERED = ("application/json", "application/x-ndjson", "application/sarif+json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/x-ndjson, */*;q=0.1", "application/x-ndjson"),
        ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("APPLICATION/JSON", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/html", None),
        ("*/*;q=0", None),
        ("application/json;q=2", None),
        (",,;", None),
    ],
)
def test_media_types(accept: str | None, chosen: str | None) -> None:
    assert best(accept, OFFERED) == chosen


def test_what_prometheus_accepts() -> None:
    accept = (
        "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;q=0.5,"
        "text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
    )
    assert best(accept, ("text/plain",)) is not None


@pytest.mark.parametrize(
    ("coding", "taken"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity, gzip;q=0.5", False),
        ("br", False),
    ],
)
def test_codings(coding: str | None, taken: bool) -> None:
    assert takes_gzip(coding) is taken


TAGS = st.text(st.sampled_from("abc-+0123,;"), max_size=6).map('"{}"'.format)


@given(tags=st.lists(TAGS, max_size=5), weak=st.booleans())
def test_a_tag_is_found_in_any_list(tags: list[str], weak: bool) -> None:
    header = ", ".join(f"W/{tag}" if weak else tag for tag in tags)
    assert all(has_already(header, tag) for tag in tags)
    assert not has_already(header, '"another"')


@given(st.text(), st.text())
def test_whatever_is_sent_is_understood_or_not(accept: str, tag: str) -> None:
    best(accept, OFFERED)
    takes_gzip(accept)
    has_already(accept, f'"{tag}"')
