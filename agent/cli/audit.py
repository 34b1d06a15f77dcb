"""``gateproof audit``: one audit, printed; the exit status says whether somebody must act."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import catalog
from agent.cli.files import write
from agent.cli.inputs import snapshot_of
from agent.cli.screen import screen_for
from agent.cli.settings import packs_of, settings_of, suppressions_of
from agent.errors import ConfigError
from agent.model.vocabulary import Severity
from agent.outputs import renderer
from agent.pipeline import audit
from agent.snapshot import Artifact, Command, Snapshot, Status

if TYPE_CHECKING:
    import argparse

    from agent.config import Settings
    from agent.model.evidence import Observed
    from agent.model.report import Report
    from agent.model.suppression import Entry

OK, FINDINGS, TROUBLE = 0, 1, 2
APART: Final = 86_400
"""Seconds between evidence and an audit that are said."""
NO_RULES: Final = frozenset({"ipset.txt"})
"""Listings of packet filters that say nothing without the rules that use them."""
_HELD: Final[list[object]] = []
"""The proof of the last audit, until the program ends: a thirtieth of the time would go into taking it apart."""


def run(arguments: argparse.Namespace) -> int:
    """Audit and print; 0 nothing at or above the limit, 1 findings, 2 where nothing could be audited."""
    settings = settings_of(arguments)
    packs = packs_of(arguments, settings)
    limit = Severity(arguments.fail_on) if arguments.fail_on else settings.fail_on
    snapshot = snapshot_of(arguments)
    recorded = arguments.snapshot or arguments.ruleset
    _HELD.clear()
    now = snapshot.taken_at if recorded else datetime.now(UTC)
    report = audit(
        snapshot, packs, settings, now, _HELD, _observed(arguments, now), suppressions=_suppressed(arguments, settings)
    )
    write(renderer(arguments.format)(report, screen_for(arguments.output)), arguments.output)
    if reason := _unaudited(report, snapshot):
        files = f"{', '.join(arguments.ruleset)}: " if arguments.ruleset else ""
        sys.stderr.write(f"gateproof: {files}nothing could be audited: {reason}\n")
        return TROUBLE
    return FINDINGS if any(one.status == "open" and one.severity.rank >= limit.rank for one in report.findings) else OK


def _suppressed(arguments: argparse.Namespace, settings: Settings) -> tuple[Entry, ...]:
    """Decisions of the file that was named; for this host, else of the configured one."""
    if arguments.suppressions:
        path = Path(arguments.suppressions)
        if not path.exists():
            raise ConfigError(f"{path}: no such file")
        return suppressions_of(replace(settings, suppressions=replace(settings.suppressions, file=path)))
    return () if arguments.snapshot or arguments.ruleset else suppressions_of(settings)


def _observed(arguments: argparse.Namespace, now: datetime) -> Observed | None:
    """The evidence of a file; said where it is of another time than what is audited."""
    if not arguments.evidence:
        return None
    from agent.store import evidence  # noqa: PLC0415 - what checks it takes longer to load than an audit

    found = evidence.load(Path(arguments.evidence))
    if abs(now.timestamp() - found.until) > APART:
        until = datetime.fromtimestamp(int(found.until), UTC)
        sys.stderr.write(f"gateproof: {arguments.evidence} ends {until:%Y-%m-%d %H:%M} UTC: it may no longer hold\n")
    return found


def _unaudited(report: Report, snapshot: Snapshot) -> str:
    """Why no packet filter could be read; empty where one could, or where this host has no program for one."""
    asked = [snapshot.artifacts[name] for name in sorted(_listings()) if name in snapshot.artifacts]
    if not asked:
        return f"there is no listing of rules; expected one of {', '.join(sorted(_listings()))}"
    broken = {gap.source.artifact: gap.reason for gap in report.gaps if gap.source and not gap.source.text}
    if any(one.status is Status.OK and one.name not in broken for one in asked):
        return ""
    reasons = []
    for one in asked:
        if one.status is not Status.ABSENT:
            told = broken.get(one.name) or one.trouble
            reasons.append(f"{one.name}: {told}" + (f" ({one.remedy})" if one.remedy else ""))
    return "; ".join(reasons)


def _listings() -> frozenset[str]:
    """Names of all listings of rules: what the firewall kinds ask a host where no program is installed."""
    answers: dict[str, Artifact] = {}
    kinds = [kind for kind in catalog.kinds() if kind.name in catalog.firewall_kinds()]
    for _ in range(2):  # where one backend's program is not there, another's is asked for
        host = Snapshot(datetime.now(UTC), {}, dict(answers))
        wanted = [want for kind in kinds for want in kind.wants(host) if isinstance(want.ask, Command)]
        answers |= {want.name: Artifact(want.name, Status.ABSENT) for want in wanted}
    return frozenset(answers).union(*(kind.elsewhere for kind in kinds)) - NO_RULES
