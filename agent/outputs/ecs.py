"""Elastic Common Schema 8, JSON Lines: one document a finding; what ECS has no field for is below ``gateproof``.

What a configuration says is a state, which is told anew with each audit; what traffic or a probe shows is an alert.
The outcome is ``failure`` or ``unknown``; a finding never says ``success``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.vocabulary import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.report import Finding, Report
    from agent.outputs import Screen

VERSION: Final = "8.17.0"
PRODUCT: Final = "gateproof"
DATASET: Final = "gateproof.findings"
SEVERITIES: Final = {
    Severity.INFO: 0,
    Severity.LOW: 21,
    Severity.MEDIUM: 47,
    Severity.HIGH: 73,
    Severity.CRITICAL: 99,
}
"""The numbers of Elastic's own detection rules."""
OUTCOMES: Final = {"fail": "failure", "unknown": "unknown"}


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first."""
    return b"".join(export(report.findings))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """One line for each finding, in the order given."""
    for one in findings:
        yield orjson.dumps(_document(one), option=orjson.OPT_UTC_Z) + b"\n"


def _document(one: Finding) -> dict[str, Any]:
    return {
        "@timestamp": one.resolved_at or one.last_seen,
        "ecs": {"version": VERSION},
        "message": one.summary,
        "event": _event(one),
        "rule": _rule(one),
        "host": {"id": one.host.id, "name": one.host.name, "os": {"full": one.host.os}},
        "observer": {"vendor": PRODUCT, "product": PRODUCT, "name": one.host.name, "version": one.host.agent_version},
        "gateproof": _rest(one),
    }


def _event(one: Finding) -> dict[str, Any]:
    seen = one.source != "config"
    event = {
        "id": one.uid,
        "kind": "alert" if seen else "state",
        "category": ["network"] if seen else ["configuration"],
        "type": ["denied"] if seen and one.blocked_at else ["info"],
        "action": f"finding-{one.status}",
        "outcome": OUTCOMES[one.verdict],
        "severity": SEVERITIES[one.severity],
        "module": PRODUCT,
        "dataset": DATASET,
        "provider": one.source,
        "start": one.first_seen,
        "end": one.resolved_at or one.last_seen,
    }
    return event if one.seq is None else event | {"sequence": one.seq}


def _rule(one: Finding) -> dict[str, Any]:
    rule = {
        "id": one.rule.id,
        "name": one.rule.title,
        "ruleset": one.pack or PRODUCT,
        "description": one.rule.manual,
    }
    return rule | {"reference": one.references[0]} if one.references else rule


def _rest(one: Finding) -> dict[str, Any]:
    """As in ``gateproof.finding/1``; evidence is text, as each of its keys would become a field of the index."""
    return {
        "uid": one.uid,
        "severity": one.severity,
        "verdict": one.verdict,
        "status": one.status,
        "subject": one.subject,
        "pack": one.pack,
        "zone": one.zone,
        "road": one.road,
        "family": one.family,
        "port": one.port,
        "blocked_at": one.blocked_at,
        "locus": one.locus,
        "evidence": [orjson.dumps(proof, option=orjson.OPT_UTC_Z).decode() for proof in one.evidence],
        "remedy": one.remedy,
        "last_changed": one.last_changed,
        "count": one.count,
        "suppression": one.suppression,
        "references": one.references,
    }
