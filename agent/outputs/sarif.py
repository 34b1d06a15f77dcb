"""SARIF 2.1.0: one run, for code scanning and its viewers; what stands in a file points to its line.

A result of an unknown verdict has the kind ``open``, and never passes. Rules that are not in files (a packet
filter's) have a logical location, in the words of their own tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from agent import __version__
from agent.model.vocabulary import Severity
from agent.outputs.text.words import model_source, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.report import Finding, GapOut, Report, RuleOut, SourceOut
    from agent.outputs import Screen

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "gateproof/v1"
FILES: Final = "files/"
"""How the names of artifacts begin that are files."""
LEVELS: Final = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
SCORES: Final = {
    Severity.INFO: "0.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.0",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""``security-severity``, by which GitHub sorts: from 9 critical, from 7 high, from 4 medium."""


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, and what could not be read as notifications, as one line of JSON."""
    return b"".join(_log(report.findings, report.gaps))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """One line of JSON, a result for each finding, in the order given."""
    yield from _log(findings, ())


def _log(findings: Iterable[Finding], gaps: Sequence[GapOut]) -> Iterator[bytes]:
    """The rules come last, as they are known when all results are told."""
    rules: dict[str, RuleOut] = {}
    yield b'{"$schema":"%b","version":"2.1.0","runs":[{"results":[' % SCHEMA.encode()
    for index, one in enumerate(findings):
        rules.setdefault(one.rule.id, one.rule)
        yield b"," * bool(index) + orjson.dumps(_result(one, list(rules).index(one.rule.id)), option=orjson.OPT_UTC_Z)
    driver = {"name": "gateproof", "version": __version__, "rules": [_rule(one) for one in rules.values()]}
    run: dict[str, Any] = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints"}
    if gaps:
        told = [_notification(gap) for gap in gaps]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": told}]
    yield b"]," + orjson.dumps(run)[1:] + b"]}\n"


def _rule(one: RuleOut) -> dict[str, Any]:
    return {
        "id": one.id,
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": one.manual.partition("\n\n")[0] or one.title},
        "help": {"text": one.manual or one.title},
        "defaultConfiguration": {"level": LEVELS[one.severity_default]},
        "properties": {"security-severity": SCORES[one.severity_default], "tags": ["security", "network"]},
    }


def _result(one: Finding, rule_index: int) -> dict[str, Any]:
    fails = one.verdict == "fail"
    result: dict[str, Any] = {
        "ruleId": one.rule.id,
        "ruleIndex": rule_index,
        "kind": "fail" if fails else "open",
        "level": LEVELS[one.severity] if fails else "none",  # section 3.27.10: only what fails has a level
        "message": {"text": one.summary},
        "locations": [_location(source) for source in one.locus] or [_about(one)],
        "partialFingerprints": {FINGERPRINT: one.uid},
        "suppressions": _suppressions(one),
    }
    if state := _baseline(one):
        result["baselineState"] = state
    return result | {"properties": _properties(one)}


def _location(source: SourceOut) -> dict[str, Any]:
    if not source.artifact.startswith(FILES):
        name = place(source)
        kind = {"kind": "object"} if source.table is None else {"kind": "rule"}
        return {"logicalLocations": [{"name": source.chain or name, "fullyQualifiedName": name} | kind]}
    where: dict[str, Any] = {"artifactLocation": {"uri": f"file://{quote(model_source(source).file)}"}}
    if source.line is not None and source.line > 0:
        where["region"] = {"startLine": source.line, "snippet": {"text": source.text}}
    return {"physicalLocation": where}


def _about(one: Finding) -> dict[str, Any]:
    """Where nothing is written: what is missing, or what was seen."""
    name = "/".join(filter(None, (one.host.name, one.zone, one.subject.name)))
    return {
        "logicalLocations": [{"name": one.subject.name, "fullyQualifiedName": name, "kind": one.subject.kind}],
    }


def _suppressions(one: Finding) -> list[dict[str, Any]]:
    """An empty list says that it is not suppressed; none would say that nobody knows (section 3.27.23)."""
    if one.status != "suppressed":
        return []
    held = one.suppression
    if held is None:
        return [{"kind": "external"}]
    told = {"owner": held.owner, "expires": held.expires}
    return [{"kind": "external", "status": "accepted", "justification": held.reason, "properties": told}]


def _baseline(one: Finding) -> str:
    """How it stands to the audit before, where there was one: an audit by itself has no ``seq``."""
    if one.seq is None:
        return ""
    if one.status == "resolved":
        return "absent"
    if one.first_seen == one.last_seen:
        return "new"
    return "updated" if one.last_changed == one.last_seen else "unchanged"


def _properties(one: Finding) -> dict[str, Any]:
    return {
        "severity": one.severity,
        "verdict": one.verdict,
        "status": one.status,
        "source": one.source,
        "host": one.host,
        "subject": one.subject,
        "pack": one.pack,
        "zone": one.zone,
        "road": one.road,
        "family": one.family,
        "port": one.port,
        "blocked_at": one.blocked_at,
        "locus": one.locus,
        "remedy": one.remedy,
        "first_seen": one.first_seen,
        "last_seen": one.last_seen,
        "count": one.count,
        "references": one.references,
    }


def _notification(gap: GapOut) -> dict[str, Any]:
    help_ = f" ({gap.remedy})" if gap.remedy else ""
    told: dict[str, Any] = {"level": "warning", "message": {"text": f"{gap.subject}: {gap.reason}{help_}"}}
    return told | {"locations": [_location(gap.source)]} if gap.source else told
