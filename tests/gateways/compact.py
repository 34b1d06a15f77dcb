"""A report in the form that ``expected.json`` has: short enough to be read, whole enough to be compared exactly.

``python -m tests.gateways.compact NAME`` prints what an audit of a recorded host says now.

::

    {"verdicts": {"lan0 direct tcp/443 IPv4": {"allowed": "*.livechat.com, *.text.com", "blocked at dns": "*.chatbot.com"},
                  "host direct tcp/443 IPv4": "allowed"},
     "findings": ["critical required-domain-blocked, domain *.chatbot.com from lan0, at dns: address=/chatbot.com/"],
     "gaps": [], "notes": []}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.config import Settings
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import load

if TYPE_CHECKING:
    from agent.model.report import Finding, Report, Verdict

GATEWAYS: Final = Path(__file__).parent


def audited(folder: Path) -> Report:
    """The report of a recorded host against the built-in packs and those beside it."""
    snapshot = load(folder)
    return audit(snapshot, select(find_packs(folder / "packs"), []), Settings(), snapshot.taken_at)


def compact(report: Report) -> dict[str, Any]:
    """The parts of a report that a change of the program must not change unseen."""
    roads: dict[str, dict[str, list[str]]] = {}
    for one in report.verdicts:
        road = roads.setdefault(f"{one.zone} {one.road} {one.port} IPv{one.family}", {})
        road.setdefault(_verdict(one), []).append(one.domain)
    return {
        "verdicts": {
            road: next(iter(found))
            if len(found) == 1
            else {verdict: ", ".join(domains) for verdict, domains in found.items()}
            for road, found in roads.items()
        },
        "findings": [_finding(one) for one in report.findings],
        "gaps": [f"{one.subject}: {one.reason}" for one in report.gaps],
        "notes": report.notes,
    }


def _verdict(one: Verdict) -> str:
    return f"{one.verdict} at {', '.join(one.blocked_at)}" if one.blocked_at else str(one.verdict)


def _finding(one: Finding) -> str:
    place = f" from {one.zone}" if one.zone else ""
    stages = f", at {', '.join(one.blocked_at)}" if one.blocked_at else ""
    locus = f": {one.locus[0].text}" if one.locus else ""
    return f"{one.severity} {one.rule.id}, {one.subject.kind} {one.subject.name}{place}{stages}{locus}"


def main() -> None:
    """Print the compact reports of the hosts that are named."""
    for name in sys.argv[1:]:
        print(json.dumps(compact(audited(GATEWAYS / name)), indent=1))


if __name__ == "__main__":
    main()
