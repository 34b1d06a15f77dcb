"""OCSF 1.5, JSON Lines: one event a finding, for security lakes.

What a configuration says is a Compliance Finding (class 2003), what traffic or a probe shows a Detection Finding
(class 2004). An unknown verdict has the compliance status Unknown, never Pass.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.vocabulary import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.report import Finding, Report
    from agent.outputs import Screen

VERSION: Final = "1.5.0"
PRODUCT: Final = "gateproof"
FINDINGS: Final = 2
"""The category of both classes."""
COMPLIANCE: Final = (2003, "Compliance Finding")
DETECTION: Final = (2004, "Detection Finding")
SEVERITIES: Final = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
STATUSES: Final = {"open": (1, "New"), "suppressed": (3, "Suppressed"), "resolved": (4, "Resolved")}
"""An open finding is new until somebody reviews it, and whether somebody does is not known here."""
OUTCOMES: Final = {"fail": (3, "Fail"), "unknown": (0, "Unknown")}
CREATE: Final = (1, "Create")
UPDATE: Final = (2, "Update")
CLOSE: Final = (3, "Close")
RULE: Final = (1, "Rule")
"""The type of analytic."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first."""
    return b"".join(export(report.findings))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """One line for each finding, in the order given."""
    for one in findings:
        yield orjson.dumps(_event(one), option=orjson.OPT_UTC_Z) + b"\n"


def _event(one: Finding) -> dict[str, Any]:
    class_uid, class_name = COMPLIANCE if one.source == "config" else DETECTION
    activity_id, activity = _activity(one)
    severity_id, severity = SEVERITIES[one.severity]
    status_id, status = STATUSES[one.status]
    event = {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": FINDINGS,
        "category_name": "Findings",
        "class_uid": class_uid,
        "class_name": class_name,
        "type_uid": class_uid * 100 + activity_id,
        "type_name": f"{class_name}: {activity}",
        **_times("time", one.resolved_at or one.last_seen),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_code": one.verdict,
        "message": one.summary,
        "metadata": _metadata(one),
        "finding_info": _info(one),
        "remediation": _remediation(one),
        "resources": _resources(one),
        "evidences": [
            {"name": proof.type, "data": {"at": proof.at, "type": proof.type, "data": proof.data}}
            for proof in one.evidence
        ],
        "unmapped": _unmapped(one),
    }
    if one.source == "config":
        event["compliance"] = _compliance(one)
    else:
        event["count"] = one.count
    if one.suppression is not None:
        event["comment"] = one.suppression.reason
    return event


def _activity(one: Finding) -> tuple[int, str]:
    if one.status == "resolved":
        return CLOSE
    return CREATE if one.first_seen == one.last_seen else UPDATE


def _metadata(one: Finding) -> dict[str, Any]:
    metadata = {
        "version": VERSION,
        "profiles": ["datetime"],
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": one.host.agent_version},
        "event_code": one.rule.id,
    }
    return metadata if one.seq is None else metadata | {"sequence": one.seq}


def _info(one: Finding) -> dict[str, Any]:
    type_id, type_name = RULE
    return {
        "uid": one.uid,
        "title": one.rule.title,
        "desc": one.summary,
        "types": [one.rule.id],
        "data_sources": [one.source],
        "analytic": {
            "uid": one.rule.id,
            "name": one.rule.title,
            "desc": one.rule.manual,
            "type_id": type_id,
            "type": type_name,
        },
        **_times("created_time", one.first_seen),
        **_times("first_seen_time", one.first_seen),
        **_times("last_seen_time", one.last_seen),
        **_times("modified_time", one.last_changed),
    }


def _compliance(one: Finding) -> dict[str, Any]:
    status_id, status = OUTCOMES[one.verdict]
    return {
        "control": one.rule.id,
        "desc": one.rule.title,
        "standards": [one.pack or PRODUCT],
        "requirements": [f"{one.subject.name} {port}" for port in one.port] if one.subject.kind == "domain" else [],
        "status_id": status_id,
        "status": status,
    }


def _remediation(one: Finding) -> dict[str, Any]:
    return {"desc": "\n".join((one.remedy.text, *one.remedy.commands)), "references": one.references}


def _resources(one: Finding) -> list[dict[str, Any]]:
    """The host, then what the finding is about.

    Not ``device``: it would have to name an address of the host, which a report does not tell.
    """
    host = {"uid": one.host.id, "name": one.host.name, "type": "host", "version": one.host.os}
    subject: dict[str, Any] = {"name": one.subject.name, "type": one.subject.kind}
    return [host, subject | ({} if one.zone is None else {"namespace": one.zone})]


def _unmapped(one: Finding) -> dict[str, Any]:
    """What OCSF has no place for, as in ``gateproof.finding/1``."""
    return {
        "verdict": one.verdict,
        "pack": one.pack,
        "zone": one.zone,
        "road": one.road,
        "family": one.family,
        "port": one.port,
        "blocked_at": one.blocked_at,
        "locus": one.locus,
        "remedy": {"commands": one.remedy.commands, "tool": one.remedy.tool, "proven": one.remedy.proven},
        "severity_default": one.rule.severity_default,
        "count": one.count,
        "suppression": one.suppression,
    }


def _times(name: str, at: datetime) -> dict[str, Any]:
    """A time in milliseconds since 1970, and as text (profile ``datetime``)."""
    return {name: (at - EPOCH) // timedelta(milliseconds=1), f"{name}_dt": at}
