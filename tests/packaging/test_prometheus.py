"""What is shipped for Prometheus, held against promtool and against the metrics that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.metrics import Http, render
from agent.model.report import PolicyOut, SuppressionOut
from agent.model.standing import Cell, Check, Counted, Kept, Standing
from agent.model.vocabulary import Reach

FOLDER = Path(__file__).parents[2] / "packaging" / "prometheus"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads it")


def known() -> set[str]:
    """Names of all metrics, from a standing that has everything."""
    standing = Standing(
        host=None,
        at=NOW,
        kept=Kept(epoch="", seq=1),
        findings=(Counted(severity="low", status="open", source="config", pack="", number=1),),
        cells=(Cell(pack="p", domain="d", zone="z", verdict=Reach.ALLOWED, coverage=1.0),),
        checks=(Check(name="audit", attempted=NOW, succeeded=NOW, duration=1, unknown={"undecided": 1}),),
        readable={"squid": True},
        packs=(PolicyOut(name="p", title="", checked="2026-11-26", domains=[]),),
        suppressions=(SuppressionOut(owner="", reason="", expires=NOW, scope={}, state="active", findings=0),),
    )
    data = render(standing, NOW, Http({("/", 200): 1}, {"rate": 1}, 1)).decode()
    return set(re.findall(r"^(gateproof_\w+)", data, re.MULTILINE))


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def run(*argv: str, folder: Path = FOLDER) -> str:
    done = subprocess.run(("promtool", *argv), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@promtool
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    run("check", "rules", "alerts.yml")
    run("test", "rules", "alerts_test.yml")
    told = (FOLDER / "alerts_test.yml").read_text()
    for rule in rules():
        assert told.count(f"alertname: {rule['alert']}") >= 2, f"{rule['alert']} is not shown firing and not firing"


@promtool
def test_prometheus_takes_the_scrape_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    text = (FOLDER / "scrape.yml").read_text()
    for path in re.findall(r"/etc/prometheus/[\w-]+(?=\n)", text):
        text = text.replace(path, str(token))
    text = text.replace("/etc/prometheus/gateproof-ca.pem", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    run("check", "config", "--syntax-only", "prometheus.yml", folder=tmp_path)


def test_alerts_name_metrics_that_there_are_and_say_what_to_do() -> None:
    names = known()
    for rule in rules():
        assert set(re.findall(r"gateproof_\w+", rule["expr"])) <= names, rule["alert"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
