"""The types that rules import."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.firewalls.owners import Owners
    from agent.judge.proof import Proof
    from agent.judge.reach import Prover
    from agent.model.evidence import Observed
    from agent.model.gateway import Gateway
    from agent.model.judgement import Judgement
    from agent.model.report import PolicyOut
    from agent.model.requirement import Requirement
    from agent.model.source import Gap, Source
    from agent.model.standing import Awaited
    from agent.model.suppression import Entry
    from agent.model.vocabulary import Severity, Stage, SubjectKind


@record
class Case:
    """All that a rule may look at."""

    gateway: Gateway
    requirements: tuple[Requirement, ...]
    judgements: tuple[Judgement, ...]
    proofs: tuple[Proof, ...]
    owners: Owners
    prover: Prover
    """For questions of a rule's own."""
    observed: Observed | None = None
    """What the wire has shown; None where nobody watched."""
    since: Callable[[Judgement], float] = lambda _: 0.0
    """Since when a verdict is known to be what it is, in seconds since 1970: what the wire showed before that may have
    been true then."""
    suppressions: tuple[Entry, ...] = ()
    """Decisions to live with findings for a while."""
    now: datetime = datetime.min.replace(tzinfo=UTC)
    """The time of the audit."""
    warn: timedelta = timedelta()
    """How long before a suppression lapses it is told."""
    packs: tuple[PolicyOut, ...] = ()
    """What is required, and when that was compared with those who require it."""
    unread: tuple[Gap, ...] = ()
    """Answers of the host that never came, by their artifact."""
    awaited: tuple[Awaited, ...] = ()
    """What is done again and again beside the audits."""


@record
class Sight:
    """Something that was seen and speaks for a hit; no client in it."""

    at: float
    """Seconds since 1970."""
    data: tuple[tuple[str, Any], ...]
    """Names, and values that JSON knows."""


@record
class Hit:
    """One trouble that a rule found; becomes one finding."""

    summary: str
    """What, where, which rule; cut to 200 characters in the report."""
    subject: tuple[SubjectKind, str]
    """Kind and name, see FINDINGS: ``("domain", "*.livechat.com")``."""
    sources: tuple[Source, ...] = ()
    remedy: str = ""
    commands: tuple[str, ...] = ()
    tool: str = ""
    severity: Severity | None = None
    """Where it differs from the rule's own."""
    unknown: bool = False
    """The rule could not be judged."""
    zone: str | None = None
    pack: str | None = None
    key: str = ""
    """What tells hits of one rule, subject and zone apart over time: no handle, line or counter in it."""
    roads: frozenset[str] = frozenset()
    families: frozenset[int] = frozenset()
    ports: frozenset[str] = frozenset()
    blocked_at: frozenset[Stage] = frozenset()
    evidence: tuple[tuple[str, str], ...] = field(default=())
    """Names and values that speak for it."""
    seen: tuple[Sight, ...] = ()
    """What of the wire does."""
    source: Literal["config", "observed"] = "config"
    """Where it was found."""


@record
class Rule:
    """A rule: ``id`` is its file's name with dashes."""

    id: str
    title: str
    severity: Severity
    find: Callable[[Case], Iterable[Hit]]
