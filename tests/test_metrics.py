"""Metrics: what Prometheus's own parser reads is what was said, and never too much."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agent.metrics import MOST, Http, render, write
from agent.model.report import PolicyOut, SuppressionOut
from agent.model.standing import Cell, Check, Counted, Kept, Standing
from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEPT = Kept(epoch="e", seq=7, opened=3, resolved=2, events=7, size=4096, errors=1)
CONTRACT: Final[Mapping[str, set[str]]] = {
    "gateproof_build_info": {"version", "python"},
    "gateproof_findings": {"severity", "status", "source", "pack"},
    "gateproof_findings_opened_total": set(),
    "gateproof_findings_resolved_total": set(),
    "gateproof_required_domain_allowed": {"pack", "domain", "zone"},
    "gateproof_required_domain_coverage_ratio": {"pack", "domain", "zone"},
    "gateproof_policy_compliance_ratio": {"pack"},
    "gateproof_check_last_success_timestamp_seconds": {"check"},
    "gateproof_check_duration_seconds": {"check"},
    "gateproof_check_unknown": {"check", "reason"},
    "gateproof_source_readable": {"kind"},
    "gateproof_suppressions": {"state"},
    "gateproof_suppression_next_expiry_timestamp_seconds": set(),
    "gateproof_pack_age_seconds": {"pack"},
    "gateproof_store_size_bytes": set(),
    "gateproof_store_events": set(),
    "gateproof_store_errors_total": set(),
    "gateproof_store_seq": set(),
    "gateproof_http_requests_total": {"code", "route"},
    "gateproof_http_rejected_total": {"reason"},
    "gateproof_http_connections": set(),
    "gateproof_series_dropped": set(),
}
"""All metrics and their labels: dashboards and alerts of others rest on them."""
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def cell(domain: str, verdict: Reach, zone: str = "lan0", coverage: float | None = None) -> Cell:
    return Cell(pack="livechat", domain=domain, zone=zone, verdict=verdict, coverage=coverage)


def read(data: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(data.decode())
        for sample in family.samples
    }


def standing(**parts: object) -> Standing:
    return Standing(**({"host": None, "at": NOW, "kept": KEPT} | parts))  # type: ignore[arg-type]  # parts of any kind


def test_what_is_known_is_told_and_what_is_not_is_left_out() -> None:
    found = read(
        render(
            standing(
                cells=(
                    cell("a", Reach.ALLOWED, coverage=1.0),
                    cell("b", Reach.PARTIAL, coverage=0.5),
                    cell("c", Reach.BLOCKED),
                    cell("d", Reach.UNKNOWN),
                    cell("e", Reach.NOT_ROUTED),
                ),
                checks=(
                    Check(name="audit", attempted=NOW, succeeded=NOW, duration=1.5, unknown={"undecided": 2}),
                    Check(name="collect:squid", attempted=NOW, trouble="denied", unknown={"denied": 1}),
                ),
                readable={"squid": False, "nftables": True},
                findings=(Counted(severity="high", status="open", source="config", pack="", number=4),),
                packs=(PolicyOut(name="livechat", title="", checked="2026-11-25", domains=[]),),
                suppressions=(
                    SuppressionOut(owner="o", reason="r", expires=NOW, scope={}, state="expired", findings=0),
                    SuppressionOut(owner="o", reason="r", expires=NOW, scope={}, state="active", findings=1),
                ),
            ),
            NOW,
            Http({("/v1/findings", 304): 9}, {"rate": 2}, 5),
        )
    )

    def value(name: str, **labels: str) -> float | None:
        return found.get((f"gateproof_{name}", tuple(sorted(labels.items()))))

    def allowed(domain: str) -> float | None:
        return value("required_domain_allowed", pack="livechat", domain=domain, zone="lan0")

    assert [allowed(one) for one in "abcde"] == [1, 0, 0, None, None]
    assert value("required_domain_coverage_ratio", pack="livechat", domain="b", zone="lan0") == 0.5
    assert value("policy_compliance_ratio", pack="livechat") == pytest.approx(1 / 3)
    assert value("check_last_success_timestamp_seconds", check="audit") == NOW.timestamp()
    assert value("check_last_success_timestamp_seconds", check="collect:squid") is None
    assert value("check_unknown", check="audit", reason="undecided") == 2
    assert (value("source_readable", kind="squid"), value("source_readable", kind="nftables")) == (0, 1)
    assert value("findings", severity="high", status="open", source="config", pack="") == 4
    assert value("pack_age_seconds", pack="livechat") == 36 * 3600
    assert [value("suppressions", state=one) for one in ("active", "expiring", "expired")] == [1, 0, 1]
    assert (value("findings_opened_total"), value("findings_resolved_total"), value("store_errors_total")) == (3, 2, 1)
    assert value("http_requests_total", code="304", route="/v1/findings") == 9
    assert value("http_connections") == 5
    assert value("series_dropped") == 0
    assert any(name.startswith("process_") for name, _ in found)


def everything() -> Standing:
    """A standing that has something of each kind."""
    return standing(
        findings=(Counted(severity="low", status="open", source="config", pack="p", number=1),),
        cells=(cell("a", Reach.ALLOWED, coverage=1.0),),
        checks=(Check(name="audit", attempted=NOW, succeeded=NOW, duration=1, unknown={"undecided": 1}),),
        readable={"squid": True},
        packs=(PolicyOut(name="p", title="", checked="2026-11-26", domains=[]),),
        suppressions=(SuppressionOut(owner="", reason="", expires=NOW, scope={}, state="active", findings=0),),
    )


def test_names_and_labels_are_those_that_others_rest_on() -> None:
    found = read(render(everything(), NOW, Http({("/", 200): 1}, {"rate": 1}, 1)))
    own = {name: {key for key, _ in labels} for name, labels in found if not name.startswith("process_")}
    assert own == CONTRACT
    assert not any(labels for name, labels in found if name.startswith("process_"))


@given(st.dictionaries(st.tuples(TEXT, TEXT), st.sampled_from(list(Reach)), max_size=6))
def test_whatever_names_are_called_they_are_read_as_they_were(named: dict[tuple[str, str], Reach]) -> None:
    found = read(render(standing(cells=tuple(cell(one, reach, zone) for (one, zone), reach in named.items())), NOW))
    told = {
        (dict(labels)["domain"], dict(labels)["zone"]): value
        for (name, labels), value in found.items()
        if name == "gateproof_required_domain_allowed"
    }
    known = {key: reach for key, reach in named.items() if reach not in {Reach.UNKNOWN, Reach.NOT_ROUTED}}
    assert told == {key: float(reach is Reach.ALLOWED) for key, reach in known.items()}


def test_there_are_never_too_many_and_what_is_blocked_stays() -> None:
    cells = [
        cell(f"{number}.example", Reach.BLOCKED if number == 9_999 else Reach.ALLOWED, f"lan{zone}", 0.5)
        for number in range(10_000)
        for zone in range(20)
    ]
    answers = {(f"/{route}", code): 1 for route in range(20) for code in (200, 304, 404)}
    found = read(render(standing(cells=tuple(cells)), NOW, Http(answers, {"rate": 1}, 5)))
    assert len(found) <= MOST
    assert sum(value == 0 and name.endswith("_allowed") for (name, _), value in found.items()) == 20
    assert found["gateproof_series_dropped", ()] > 390_000
    assert sum(name == "gateproof_http_requests_total" for name, _ in found) == len(answers), "the agent's own stay"


def test_of_too_many_findings_the_most_severe_stay() -> None:
    findings = tuple(
        Counted(severity=severity, status="open", source="config", pack=f"p{number}", number=1)
        for severity in ("critical", "info")
        for number in range(MOST)
    )
    found = read(render(standing(findings=findings), NOW))
    told = [dict(labels)["severity"] for name, labels in found if name == "gateproof_findings"]
    assert len(found) <= MOST
    assert set(told) == {"critical"}
    assert found["gateproof_series_dropped", ()] == len(findings) - len(told)


def test_the_same_standing_gives_the_same_bytes() -> None:
    one, other = (standing(cells=cells) for cells in ((cell("a", Reach.ALLOWED), cell("b", Reach.BLOCKED)),) * 2)
    assert render(one, NOW) == render(other, NOW)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads it")
def test_promtool_finds_no_fault() -> None:
    data = render(standing(cells=(cell("*.livechat.com", Reach.ALLOWED, coverage=1.0),)), NOW, Http({("/", 200): 1}))
    done = subprocess.run(("promtool", "check", "metrics"), input=data, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_file_for_node_exporter_is_whole_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "gateproof.prom"
    write(path, b"a 1\n")
    write(path, b"b 2\n")
    assert path.read_bytes() == b"b 2\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["gateproof.prom"]
    with pytest.raises(OSError, match="No such file"):
        write(tmp_path / "nowhere" / "gateproof.prom", b"")
