"""CSV, read back with Python's own module."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outputs import exporter
from agent.outputs.csv_ import COLUMNS
from agent.outputs.text.layout import CONTROL
from tests.outputs.made import FOUND, ODD, finding

if TYPE_CHECKING:
    from agent.model.report import Finding


def rows(*found: Finding) -> list[list[str]]:
    data = b"".join(exporter("csv")(found)).decode()
    return list(csv.reader(io.StringIO(data, newline=""), strict=True))


def cells(one: Finding) -> dict[str, str]:
    header, row = rows(one)
    return dict(zip(header, row, strict=True))


def test_a_record() -> None:
    found = cells(finding(status="suppressed", text='words, and "more"'))
    assert found | {"title": "", "locus": ""} == {
        "uid": "0123456789abcdef0123456789abcdef",
        "severity": "high",
        "verdict": "fail",
        "status": "suppressed",
        "rule": "some-rule",
        "title": "",
        "subject_kind": "domain",
        "subject": 'words, and "more"',
        "pack": "pack",
        "zone": 'words, and "more"',
        "road": 'direct words, and "more"',
        "family": "4 6",
        "port": "tcp/443 tcp/80",
        "blocked_at": "dns firewall",
        "summary": 'words, and "more"',
        "locus": "",
        "remedy": 'words, and "more"',
        "commands": 'words, and "more"; words, and "more"',
        "first_seen": "2026-11-23T03:00:00Z",
        "last_seen": "2026-11-23T04:00:00Z",
        "last_changed": "2026-11-23T03:00:00Z",
        "resolved_at": "",
        "count": "3",
        "source": "config",
        "host_id": "h" * 32,
        "host": 'words, and "more"',
        "suppressed_by": 'words, and "more"',
        "suppression_reason": 'words, and "more"',
        "suppression_expires": "2026-11-23T03:00:00Z",
        "references": 'words, and "more"; https://example.com/',
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t@", "\uff1d", "\u00a0="])
def test_a_cell_that_begins_like_a_formula_is_text(start: str) -> None:
    assert cells(finding(text=f"{start}1+1"))["summary"].startswith("'")


@pytest.mark.parametrize("text", ["a=1", "1-1", "'=1", "*.example.com", ""])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert cells(finding(text=text))["remedy"] == text


def test_a_resolved_finding_has_the_time_and_no_suppression() -> None:
    found = cells(finding(status="resolved"))
    assert (found["resolved_at"], found["suppressed_by"]) == ("2026-11-23T05:00:00Z", "")


@settings(max_examples=50)
@given(st.lists(FOUND, max_size=3))
def test_every_record_is_one_line_as_wide_as_the_header(found: list[Finding]) -> None:
    read = rows(*found)
    assert read[0] == list(COLUMNS)
    assert [len(row) for row in read] == [len(COLUMNS)] * (len(found) + 1)
    assert [row[0] for row in read[1:]] == [one.uid for one in found]
    for cell in (cell for row in read for cell in row):
        assert not CONTROL.search(cell)
        assert cell.lstrip()[:1] not in {*"=+-@"}
    data = b"".join(exporter("csv")(found))
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") == len(found) + 1


def test_odd_characters_are_spelt_out() -> None:
    assert "\\x1b[31m" in cells(finding(text=ODD))["summary"]
