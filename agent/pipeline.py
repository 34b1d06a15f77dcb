"""The product as one pure function: a snapshot and the packs in, a report out.

The same inputs give the same bytes. It knows no history: ``store`` adds that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final

from agent import catalog
from agent.errors import UsageError
from agent.firewalls.owners import Owners
from agent.judge.verdicts import judge
from agent.judge.zones import find_zones
from agent.model.explanation import Explanation, RoadTold
from agent.model.gateway import Zone
from agent.model.intervals import Intervals, prefix_interval
from agent.model.names import apex_of, covers
from agent.model.overall import overall
from agent.model.report import (
    Evidence,
    Finding,
    GapOut,
    Host,
    PolicyOut,
    Remedy,
    Report,
    RuleOut,
    Scan,
    SourceOut,
    Subject,
    Verdict,
    fingerprint,
)
from agent.model.requirement import PortNeed, Requirement
from agent.model.source import Gap, Source
from agent.model.suppression import suppress
from agent.practice import Case, Hit, Rule, find_rules, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agent.config import Settings
    from agent.model.evidence import Observed
    from agent.model.gateway import Gateway
    from agent.model.judgement import Judgement
    from agent.model.standing import Awaited
    from agent.model.suppression import Entry
    from agent.model.vocabulary import Reach
    from agent.packs import Pack
    from agent.snapshot import Snapshot

SUMMARY_LIMIT = 200
MAX_LOCUS = 50
MAX_EVIDENCE = 20
ASKED: Final = 3600.0
"""Seconds before an audit that nobody held against earlier ones, for which its verdicts count as well."""
Key = tuple[str, str, str, str, str, int]
"""What a verdict is about: pack, domain, zone, road, port, family."""


def read_gateway(
    snapshot: Snapshot, packs: Sequence[Pack], settings: Settings, more: frozenset[str] = frozenset()
) -> Gateway:
    """The model of a snapshot, with its zones; only names of the packs, and ``more``, are kept."""
    needs = [one for pack in packs for one in pack.requirements()]
    interest = more | {apex_of(one.pattern) for one in needs}
    interest |= {target for one in needs for _, targets in one.aliases for target in targets}
    gateway = catalog.read(snapshot, interest)
    return replace(gateway, zones=_zones(gateway, settings))


def audit(  # noqa: PLR0913, PLR0917 - all that a report depends on
    snapshot: Snapshot,
    packs: Sequence[Pack],
    settings: Settings,
    now: datetime,
    held: list[object] | None = None,
    observed: Observed | None = None,
    steady: Mapping[Key, tuple[Reach, float]] | None = None,
    told: list[Explanation] | None = None,
    suppressions: Sequence[Entry] = (),
    awaited: Sequence[Awaited] = (),
) -> Report:
    """Audit one snapshot against packs; ``now`` is the time of the report, UTC.

    ``observed`` is what the wire has shown; ``steady``, of earlier audits: each verdict and since when it stands.
    ``held`` gets the proof, of some hundred thousand objects: a caller that is about to end need not wait until
    they are taken apart one by one. ``told`` gets the road of each required domain from each zone. ``awaited`` is how
    it goes with what a daemon does beside its audits.
    """
    gateway = read_gateway(snapshot, packs, settings)
    requirements = tuple(one for pack in packs for one in pack.requirements())
    judged = judge(gateway, requirements)
    if held is not None:
        held.append(judged)
    if told is not None:
        told.extend(_explanations(judged.judgements))
    policy = tuple(
        PolicyOut(
            name=pack.name,
            title=pack.title,
            checked=pack.checked.isoformat(),
            domains=[one.pattern for one in pack.requirements()],
        )
        for pack in packs
    )
    case = Case(
        gateway,
        requirements,
        judged.judgements,
        judged.proofs,
        Owners(gateway.firewall),
        judged.prover,
        observed,
        _since(now, steady),
        suppressions=tuple(suppressions),
        now=now,
        warn=settings.suppressions.warn,
        packs=policy,
        unread=tuple(_unread(snapshot)),
        awaited=tuple(awaited),
    )
    host = Host(
        id=snapshot.host.get("id", ""),
        name=snapshot.host.get("name", ""),
        os=snapshot.host.get("os", ""),
        agent_version=snapshot.host.get("agent_version", ""),
    )
    references = {pack.name: pack.references() for pack in packs}
    found = [_finding(rule, manual, hit, host, now, references) for rule, manual, hit in run(case, find_rules())]
    findings, decided = suppress(found, suppressions, now, settings.suppressions.warn)
    return Report(
        host=host,
        scan=Scan(at=now, artifacts={name: one.status.value for name, one in sorted(snapshot.artifacts.items())}),
        policy=[*policy],
        verdicts=[_verdict(one) for one in judged.judgements],
        findings=sorted(findings, key=lambda one: (-one.severity.rank, one.rule.id, one.zone or "", one.uid)),
        gaps=[_gap(gap) for gap in (*gateway.firewall.gaps, *gateway.gaps)],
        notes=[*gateway.notes, *(_visibility(observed) if observed is not None else ())],
        suppressions=decided,
    )


def _unread(snapshot: Snapshot) -> Iterator[Gap]:
    """Answers that never came."""
    for name, one in sorted(snapshot.artifacts.items()):
        if one.unread:
            yield Gap(name, one.trouble, Source(name, ""), one.remedy)


def verdict_key(one: Verdict) -> Key:
    """What a verdict is about."""
    return one.pack, one.domain, one.zone, one.road, one.port, one.family


def _since(now: datetime, steady: Mapping[Key, tuple[Reach, float]] | None) -> Callable[[Judgement], float]:
    if steady is None:
        begin = now.timestamp() - ASKED
        return lambda _: begin

    def since(one: Judgement) -> float:
        requirement = one.requirement
        known = steady.get((requirement.pack, requirement.pattern, one.zone, one.road, one.port.text, one.family))
        return known[1] if known is not None and known[0] is one.verdict else inf

    return since


def _visibility(observed: Observed) -> list[str]:
    """How much of the traffic shows its name, in a sentence."""
    seen = observed.visibility
    if seen.ratio is None:
        return []
    least, most = (f"{100 * one:.0f}" for one in seen.ratio)
    share = f"{least} %" if least == most else f"{least} to {most} % (some may use ECH, or pretend to)"
    encrypted = seen.dot + seen.doq + seen.doh
    lost = observed.loss.drops
    return [
        f"of {seen.hellos} connections of TLS and QUIC that were observed, {share} show the name that they are for;"
        f" {seen.dns} questions of plain DNS, {encrypted} connections of encrypted DNS"
        + (f"; {lost} packets were lost to the observer" if lost else "")
    ]


def _zones(gateway: Gateway, settings: Settings) -> tuple[Zone, ...]:
    """The configured zones, or those found; the host itself always belongs."""
    found = find_zones(gateway.network, frozenset(settings.uplinks))
    if not settings.zone:
        return found
    by_interface = {zone.interface: zone for zone in found}
    zones = []
    for wanted in settings.zone:
        sources: dict[int, list[tuple[int, int]]] = {}
        for prefix in wanted.sources:
            family, interval = prefix_interval(prefix)
            sources.setdefault(family, []).append(interval)
        known = by_interface.get(wanted.interface)
        given = tuple((family, Intervals.of(pairs)) for family, pairs in sorted(sources.items()))
        zones.append(Zone(wanted.name, wanted.interface, given or (known.sources if known else ())))
    return (*zones, *(zone for zone in found if zone.interface is None))


def source_out(source: Source) -> SourceOut:
    """A source as it leaves the house."""
    return SourceOut(
        artifact=source.artifact,
        line=source.line,
        table=source.table,
        chain=source.chain,
        handle=source.handle,
        text=source.text,
    )


def _gap(gap: Gap) -> GapOut:
    return GapOut(
        subject=gap.subject,
        reason=gap.reason,
        remedy=gap.remedy,
        source=source_out(gap.source) if gap.source else None,
    )


def _verdict(one: Judgement) -> Verdict:
    return Verdict(
        pack=one.requirement.pack,
        domain=one.requirement.pattern,
        zone=one.zone,
        road=one.road,
        port=one.port.text,
        required=one.port.required,
        family=4 if one.family == 4 else 6,
        verdict=one.verdict,
        blocked_at=list(one.blocked_at),
        coverage=one.coverage,
        decided_by=[source_out(source) for source in one.decided_by],
        because=one.because,
    )


def _finding(  # noqa: PLR0913, PLR0917 - the parts of one finding, in one place
    rule: Rule, manual: str, hit: Hit, host: Host, now: datetime, references: dict[str, list[str]]
) -> Finding:
    subject = Subject(kind=hit.subject[0], name=hit.subject[1])
    return Finding(
        uid=fingerprint(rule.id, hit.pack, subject, hit.zone, _normalised(hit.key)),
        rule=RuleOut(id=rule.id, title=rule.title, pack=hit.pack, severity_default=rule.severity, manual=manual),
        severity=hit.severity or rule.severity,
        verdict="unknown" if hit.unknown else "fail",
        subject=subject,
        pack=hit.pack,
        zone=hit.zone,
        road=sorted(hit.roads),
        family=sorted(hit.families),
        port=sorted(hit.ports),
        blocked_at=sorted(hit.blocked_at),
        summary=_cut(hit.summary),
        locus=[source_out(source) for source in hit.sources[:MAX_LOCUS]],
        evidence=[
            *(
                Evidence(type="config", at=now, data={"what": name, "value": value})
                for name, value in hit.evidence[:MAX_EVIDENCE]
            ),
            *(
                Evidence(type="observed", at=datetime.fromtimestamp(one.at, UTC), data=dict(one.data))
                for one in hit.seen[:MAX_EVIDENCE]
            ),
        ],
        remedy=Remedy(text=hit.remedy, commands=list(hit.commands), tool=hit.tool),
        first_seen=now,
        last_seen=now,
        last_changed=now,
        source=hit.source,
        host=host,
        references=references.get(hit.pack or "", []),
    )


def _normalised(key: str) -> str:
    """A key without what may change while the rule stays: spacing and counters."""
    return re.sub(r"\s+", " ", re.sub(r"\[\d+:\d+\]", "", key)).strip()


def _cut(text: str) -> str:
    return text if len(text) <= SUMMARY_LIMIT else text[: SUMMARY_LIMIT - 1].rstrip() + "…"


def explain(  # noqa: PLR0913, PLR0917 - audit's inputs and the question
    snapshot: Snapshot, packs: Sequence[Pack], settings: Settings, domain: str, port: int | None, zone: str | None
) -> tuple[Explanation, ...]:
    """The road of one domain from each zone (or one), in words; names outside the packs count as required."""
    gateway = read_gateway(snapshot, packs, settings, frozenset({apex_of(domain)}))
    if zone is not None and zone not in {one.name for one in gateway.zones}:
        known = ", ".join(one.name for one in gateway.zones)
        raise UsageError(f"no zone {zone!r}; there are: {known}")
    requirement = _requirement(packs, domain, port)
    judged = judge(gateway, (requirement,))
    return tuple(
        _explanation(domain, one.name, [j for j in judged.judgements if j.zone == one.name])
        for one in gateway.zones
        if zone in (None, one.name)
    )


def _requirement(packs: Sequence[Pack], domain: str, port: int | None) -> Requirement:
    """What a pack says about a name, or tcp/443 and tcp/80 for any other."""
    for pack in packs:
        for one in pack.requirements():
            if one.pattern == domain or covers(one.pattern, domain, apex=one.apex):
                ports = one.ports if port is None else (PortNeed("tcp", port),)
                return Requirement(one.pack, domain, ports, one.apex)
    ports = (PortNeed("tcp", 443), PortNeed("tcp", 80)) if port is None else (PortNeed("tcp", port),)
    return Requirement("", domain, ports)


def _explanations(judgements: Sequence[Judgement]) -> Iterator[Explanation]:
    """The roads of each required domain from each zone."""
    grouped: dict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for one in judgements:
        grouped[one.requirement.pattern, one.zone].append(one)
    for (pattern, zone), found in sorted(grouped.items()):
        yield _explanation(pattern, zone, found)


def _explanation(domain: str, zone: str, judgements: list[Judgement]) -> Explanation:
    roads = tuple(
        RoadTold(f"{one.port.text} IPv{one.family} {one.road}", one.verdict.value, one.because, one.hops)
        for one in judgements
    )
    return Explanation(domain, zone, roads, overall(one for one in judgements if one.port.required).value)
