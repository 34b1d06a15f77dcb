"""How things stand, as metrics of Prometheus: few, bounded, and no client, observed name or uid among the labels."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from dataclasses import field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agent import __version__
from agent.model.record import record
from agent.model.vocabulary import Reach, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from prometheus_client.core import Metric

    from agent.model.standing import Standing

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
MOST: Final = 2_000
"""Series of one host, whatever its packs and zones."""
RESERVED: Final = 16
"""Of them for the process itself, and for the count of those left out."""
STATES: Final = ("active", "expiring", "expired")
MODE: Final = 0o644
Labels = tuple[str, ...]


@record
class Http:
    """What the API has counted since its process began."""

    answers: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By route, as the table of routes has it, and status."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    connections: int = 0


@record
class _Family:
    name: str
    text: str
    labels: Labels
    samples: Sequence[tuple[Labels, float]]
    """The most important first: the last are left out where there are too many."""
    counter: bool = False


def render(standing: Standing, now: datetime, http: Http | None = None) -> bytes:
    """The text format of Prometheus; with ``http``, also what the API and its process count."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Bounded(_families(standing, now, http)))
    if http is not None:
        ProcessCollector(registry=registry)
    return generate_latest(registry)


def write(path: Path, data: bytes) -> None:
    """Replace the file that node_exporter's textfile collector reads; raises OSError."""
    new = path.with_name(f".{path.name}.new")  # its name does not end in .prom: nobody reads half of it
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, MODE)
        file.write(data)
        file.flush()
        os.fsync(handle)
    new.replace(path)


class _Bounded(Collector):
    """Gives no more than MOST series, those of earlier families first, and says how many it left out."""

    def __init__(self, families: Iterable[_Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        room, dropped = MOST - RESERVED, 0
        for one in self._families:
            made = (CounterMetricFamily if one.counter else GaugeMetricFamily)(one.name, one.text, labels=one.labels)
            for labels, value in sorted(one.samples[:room]):
                made.add_metric(labels, value)
            dropped += max(0, len(one.samples) - room)
            room = max(0, room - len(one.samples))
            if made.samples:
                yield made
        yield GaugeMetricFamily(
            "gateproof_series_dropped", f"Series left out, for there would be over {MOST}.", dropped
        )


def _families(standing: Standing, now: datetime, http: Http | None) -> Iterator[_Family]:
    """All of them, the most important first.

    Where there are too many series, what grows with packs and zones goes first: the shares of addresses, then domains
    that pass, then domains that do not, then findings, the least severe before others. How the agent itself is stays.
    """
    version = platform.python_version()
    yield _Family("gateproof_build_info", "What runs.", ("version", "python"), [((__version__, version), 1)])
    yield from _checks(standing)
    yield from _suppressions(standing)
    yield from _store(standing)
    if http is not None:
        yield from _http(http)
    yield from _packs(standing, now)
    yield _Family(
        "gateproof_findings",
        "Findings, by what they are.",
        ("severity", "status", "source", "pack"),
        [
            ((one.severity, one.status, one.source, one.pack), one.number)
            for one in sorted(standing.findings, key=lambda one: -Severity(one.severity).rank)
        ],
    )
    yield from _domains(standing)


def _checks(standing: Standing) -> Iterator[_Family]:
    checks = standing.checks
    yield _Family(
        "gateproof_check_last_success_timestamp_seconds",
        "When a check last succeeded.",
        ("check",),
        [((one.name,), one.succeeded.timestamp()) for one in checks if one.succeeded is not None],
    )
    yield _Family(
        "gateproof_check_duration_seconds",
        "How long it took then.",
        ("check",),
        [((one.name,), one.duration) for one in checks if one.duration is not None],
    )
    yield _Family(
        "gateproof_check_unknown",
        "How much a check could not know, by reason.",
        ("check", "reason"),
        [((one.name, reason), number) for one in checks for reason, number in one.unknown.items()],
    )
    yield _Family(
        "gateproof_source_readable",
        "Whether all that a kind asks of the host could be read.",
        ("kind",),
        [((kind,), readable) for kind, readable in standing.readable.items()],
    )


def _suppressions(standing: Standing) -> Iterator[_Family]:
    found = standing.suppressions
    yield _Family(
        "gateproof_suppressions",
        "Decisions to live with findings for a while, by state.",
        ("state",),
        [((state,), sum(one.state == state for one in found)) for state in STATES],
    )
    ends = [one.expires.timestamp() for one in found if one.state != "expired"]
    yield _Family(
        "gateproof_suppression_next_expiry_timestamp_seconds",
        "When the next of them lapses.",
        (),
        [((), min(ends))] if ends else [],
    )


def _store(standing: Standing) -> Iterator[_Family]:
    kept = standing.kept
    for name, text, value, counter in (
        ("findings_opened", "Findings opened or re-opened, ever.", kept.opened, True),
        ("findings_resolved", "Findings resolved, ever.", kept.resolved, True),
        ("store_size_bytes", "Size of the store.", kept.size, False),
        ("store_events", "Events that are kept.", kept.events, False),
        ("store_seq", "Number of the last event.", kept.seq, False),
        ("store_errors", "Times that the store could not be written, ever.", kept.errors, True),
    ):
        yield _Family(f"gateproof_{name}", text, (), [((), value)], counter)


def _packs(standing: Standing, now: datetime) -> Iterator[_Family]:
    known: dict[str, list[bool]] = defaultdict(list)
    for cell in standing.cells:
        if cell.verdict not in {Reach.UNKNOWN, Reach.NOT_ROUTED}:
            known[cell.pack].append(cell.verdict is Reach.ALLOWED)
    yield _Family(
        "gateproof_policy_compliance_ratio",
        "Share of a pack's domains and zones that are allowed, of those that are known.",
        ("pack",),
        [((pack,), sum(passed) / len(passed)) for pack, passed in known.items()],
    )
    yield _Family(
        "gateproof_pack_age_seconds",
        "Since a pack was last compared with what its vendor says.",
        ("pack",),
        [((one.name,), _age(one.checked, now)) for one in standing.packs],
    )


def _age(checked: str, now: datetime) -> float:
    day = date.fromisoformat(checked)
    return max(0.0, (now - datetime(day.year, day.month, day.day, tzinfo=UTC)).total_seconds())


def _domains(standing: Standing) -> Iterator[_Family]:
    labels = ("pack", "domain", "zone")
    # where there are too many, those that pass are left out first
    cells = sorted(standing.cells, key=lambda one: one.verdict is Reach.ALLOWED)
    yield _Family(
        "gateproof_required_domain_allowed",
        "1 where a required domain can pass from a zone, 0 where it is blocked, wholly or partly.",
        labels,
        [
            ((one.pack, one.domain, one.zone), one.verdict is Reach.ALLOWED)
            for one in cells
            if one.verdict not in {Reach.UNKNOWN, Reach.NOT_ROUTED}
        ],
    )
    yield _Family(
        "gateproof_required_domain_coverage_ratio",
        "Share of the public addresses that pass the packet filter.",
        labels,
        [((one.pack, one.domain, one.zone), one.coverage) for one in cells if one.coverage is not None],
    )


def _http(http: Http) -> Iterator[_Family]:
    yield _Family(
        "gateproof_http_requests",
        "Answers, by status and route.",
        ("code", "route"),
        [((str(code), route), number) for (route, code), number in http.answers.items()],
        counter=True,
    )
    yield _Family(
        "gateproof_http_rejected",
        "Connections that were refused or dropped, by reason.",
        ("reason",),
        [((reason,), number) for reason, number in http.rejected.items()],
        counter=True,
    )
    yield _Family("gateproof_http_connections", "Connections that are open.", (), [((), http.connections)])
