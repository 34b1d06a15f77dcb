"""The shapes of the answers, for their schemas alone: answers are put together from JSON as it was stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from agent.model.explanation import Explanation  # noqa: TC001 - pydantic reads annotations at run time
from agent.model.record import record
from agent.model.report import Finding, Host, PolicyOut, Suppression, SuppressionOut, Verdict
from agent.model.source import Source
from agent.model.standing import Cell, Standing
from agent.model.vocabulary import Reach
from agent.serve.problems import ProblemOut
from agent.serve.schemas import opened


@record(kw_only=True)
class FindingsOut:
    """All findings that were asked for, of one state."""

    schema: Literal["gateproof.findings/1"]
    host: Host | None
    """None before the first audit."""
    epoch: str
    seq: int
    """With ``epoch`` and a hyphen between them: the cursor from which events tell what changed since."""
    findings: list[Finding]


@record(kw_only=True)
class EventOut:
    """One change of one finding."""

    event: Literal["opened", "changed", "resolved", "reopened"]
    at: datetime
    seq: int
    finding: Finding
    suppression: Suppression | None = None
    """That held it back until now, and has lapsed."""


@record(kw_only=True)
class EventsOut:
    """Some events, in order."""

    schema: Literal["gateproof.events/1"]
    events: list[EventOut]
    next: str
    """The cursor to go on from."""
    more: bool
    """Whether there is more already."""


@record(kw_only=True)
class VerdictsOut:
    """What becomes of each required domain: summed up, and by road, port and family."""

    schema: Literal["gateproof.verdicts/1"]
    at: datetime | None
    cells: list[Cell]
    verdicts: list[Verdict]


@record(kw_only=True)
class ExplainOut:
    """The roads of one required domain."""

    domain: str
    zones: list[Explanation]


@record(kw_only=True)
class PacksOut:
    """The packs of the last audit."""

    schema: Literal["gateproof.packs/1"]
    packs: list[PolicyOut]


@record(kw_only=True)
class SuppressionsOut:
    """Decisions to live with findings for a while."""

    schema: Literal["gateproof.suppressions/1"]
    suppressions: list[SuppressionOut]


@record(kw_only=True)
class StoodOut:
    """A verdict, and when it stood."""

    pack: str
    domain: str
    zone: str
    verdict: Reach
    coverage: float | None
    since: datetime
    until: datetime | None


@record(kw_only=True)
class TallyOut:
    """What traffic had shown of a domain at one audit."""

    at: datetime
    pack: str
    domain: str
    addresses: int
    passed: int
    blocked: int
    inconclusive: int


@record(kw_only=True)
class HistoryOut:
    """How things stood."""

    schema: Literal["gateproof.history/1"]
    since: datetime
    verdicts: list[StoodOut]
    tallies: list[TallyOut]


@record(kw_only=True)
class ScanOut:
    """One audit, or an attempt at one."""

    name: str
    at: datetime
    duration: float | None
    trouble: str
    findings: int | None
    opened: int | None
    changed: int | None
    resolved: int | None
    reopened: int | None


@record(kw_only=True)
class ScansOut:
    """The last audits, newest first."""

    schema: Literal["gateproof.scans/1"]
    scans: list[ScanOut]


@record(kw_only=True)
class ReasonOut:
    """Why answers are worth little now."""

    check: str
    reason: str


@record(kw_only=True)
class ReadyOut:
    """Whether answers are worth anything."""

    ready: bool
    reasons: list[ReasonOut]
    """Empty for those who may not read findings."""


SHAPES: Final[tuple[type[Any], ...]] = (
    EventsOut,
    ExplainOut,
    Finding,
    FindingsOut,
    HistoryOut,
    PacksOut,
    ProblemOut,
    ReadyOut,
    ScansOut,
    Standing,
    SuppressionsOut,
    VerdictsOut,
)
NAMES: Final[Mapping[str, Any]] = {
    one.__name__: one for one in (Host, PolicyOut, Reach, Source, datetime, Mapping, Cell, SuppressionOut)
}
"""What annotations of the model stand for, which it imports for type checkers alone."""
PLACE: Final = "#/components/schemas/{model}"


@cache
def components() -> Mapping[str, Any]:
    """The schemas of all shapes, by name; answers may gain keys within a major version."""
    adapters = [(one.__name__, TypeAdapter(one)) for one in SHAPES]
    for _, adapter in adapters:
        adapter.rebuild(force=True, _types_namespace=dict(NAMES))
    inputs = [(name, "serialization", adapter) for name, adapter in adapters]
    _, found = TypeAdapter.json_schemas(inputs, ref_template=PLACE)  # type: ignore[arg-type]  # the mode is a literal
    return {name: opened(one) for name, one in sorted(found["$defs"].items())}
