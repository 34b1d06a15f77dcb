"""Findings made up for tests: of every kind, with odd characters, and those of the recorded gateways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final, get_args

from hypothesis import strategies as st

from agent.model.report import (
    Evidence,
    Finding,
    Host,
    Remedy,
    RuleOut,
    SourceOut,
    Subject,
    Suppression,
)
from agent.model.vocabulary import Severity, Stage, SubjectKind
from tests.gateways.compact import GATEWAYS, audited

if TYPE_CHECKING:
    from agent.model.report import Report

NOW: Final = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ODD: Final = "\x00\x07\t\r\n\x1b[31m\u202e\u2028\"';,=+-@\uff1d<script>&amp;{0}[a](b) %s\\ \U0001f600é"
"""Characters that mean something to somebody."""
GATES: Final = sorted(path.parent.name for path in GATEWAYS.glob("*/manifest.json"))


@cache
def recorded(name: str) -> Report:
    """The report of a recorded gateway."""
    return audited(GATEWAYS / name)


def finding(  # noqa: PLR0917 - the columns of a table
    severity: Severity = Severity.HIGH,
    verdict: str = "fail",
    status: str = "open",
    source: str = "config",
    text: str = "words",
    seq: int | None = None,
) -> Finding:
    """A finding with the same text wherever text may stand."""
    return Finding(
        uid="0123456789abcdef" * 2,
        rule=RuleOut(id="some-rule", title=text, pack="pack", severity_default=severity, manual=f"{text}\n\n{text}"),
        severity=severity,
        verdict="fail" if verdict == "fail" else "unknown",
        status="open" if status == "open" else "suppressed" if status == "suppressed" else "resolved",
        subject=Subject(kind="domain", name=text),
        pack="pack",
        zone=text,
        road=["direct", text],
        family=[4, 6],
        port=["tcp/443", "tcp/80"],
        blocked_at=[Stage.DNS, Stage.FIREWALL],
        summary=text,
        locus=[
            SourceOut(artifact="files/etc/some file", line=3, text=text),
            SourceOut(artifact="nft.json", table="inet filter", chain=text, handle=7, text=text),
        ],
        evidence=[Evidence(type="config", at=NOW, data={"what": text, "value": [text]})],
        remedy=Remedy(text=text, commands=[text, text], tool="nft", proven=True),
        first_seen=NOW,
        last_seen=NOW + timedelta(hours=1),
        last_changed=NOW,
        resolved_at=NOW + timedelta(hours=2) if status == "resolved" else None,
        count=3,
        seq=seq,
        source="config" if source == "config" else "observed" if source == "observed" else "probe",
        host=Host(id="h" * 32, name=text, os=text, agent_version="0.1.0"),
        suppression=Suppression(owner=text, reason=text, expires=NOW) if status == "suppressed" else None,
        references=[text, "https://example.com/"],
    )


EVERY: Final = [
    finding(severity, verdict, status, source)
    for severity, verdict, status, source in product(
        Severity, ("fail", "unknown"), ("open", "suppressed", "resolved"), ("config", "observed", "probe")
    )
]
"""One of each severity, verdict, status and source."""

TEXT: Final = st.one_of(st.text(max_size=20), st.text(alphabet=ODD, max_size=20))
TIMES: Final = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
TEXTS: Final = st.lists(TEXT, max_size=3) | st.just(["x"] * 2000)
"""Few, or very many."""
SOURCES: Final = st.builds(
    SourceOut,
    artifact=TEXT | TEXT.map("files/{}".format),
    line=st.none() | st.integers(0, 10**6),
    table=st.none() | TEXT,
    chain=st.none() | TEXT,
    handle=st.none() | st.integers(0, 10**9),
    text=TEXT,
)
FOUND: Final[st.SearchStrategy[Finding]] = st.builds(
    Finding,
    uid=st.text("0123456789abcdef", min_size=32, max_size=32),
    rule=st.builds(
        RuleOut,
        id=TEXT,
        title=TEXT,
        pack=st.none() | TEXT,
        severity_default=st.sampled_from(Severity),
        manual=TEXT,
    ),
    severity=st.sampled_from(Severity),
    verdict=st.sampled_from(["fail", "unknown"]),
    status=st.sampled_from(["open", "suppressed", "resolved"]),
    subject=st.builds(Subject, kind=st.sampled_from(get_args(SubjectKind)), name=TEXT),
    pack=st.none() | TEXT,
    zone=st.none() | TEXT,
    road=TEXTS,
    family=st.lists(st.sampled_from([4, 6]), max_size=2, unique=True),
    port=TEXTS,
    blocked_at=st.lists(st.sampled_from(Stage), max_size=9, unique=True),
    summary=TEXT.map("s{}".format) | st.text(min_size=1, max_size=200),
    locus=st.lists(SOURCES, max_size=4),
    evidence=st.lists(
        st.builds(
            Evidence,
            type=st.sampled_from(["config", "observed", "probe"]),
            at=TIMES,
            data=st.dictionaries(TEXT, TEXT | st.integers(-(2**53), 2**53) | st.lists(TEXT, max_size=2), max_size=3),
        ),
        max_size=3,
    ),
    remedy=st.builds(Remedy, text=TEXT, commands=TEXTS, tool=TEXT, proven=st.booleans()),
    first_seen=TIMES,
    last_seen=TIMES,
    last_changed=TIMES,
    resolved_at=st.none() | TIMES,
    count=st.integers(1, 2**53),
    seq=st.none() | st.integers(1, 2**53),
    source=st.sampled_from(["config", "observed", "probe"]),
    host=st.builds(Host, id=TEXT, name=TEXT, os=TEXT, agent_version=TEXT),
    suppression=st.none() | st.builds(Suppression, owner=TEXT, reason=TEXT, expires=TIMES),
    references=TEXTS,
)
"""Any finding that the schema allows."""
