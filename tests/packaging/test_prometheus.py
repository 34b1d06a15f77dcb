"""What is shipped for Prometheus, held against promtool and against the metrics that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_metrics import CONTRACT

FOLDER = Path(__file__).parents[2] / "packaging" / "prometheus"
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads it")


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


def test_each_alert_is_shown_firing_and_not_firing() -> None:
    document = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())
    asked = [one for test in document["tests"] for one in test["alert_rule_test"]]
    shown = {(one["alertname"], bool(one.get("exp_alerts"))) for one in asked}
    assert shown == {(rule["alert"], fires) for rule in rules() for fires in (True, False)}


@promtool
def test_prometheus_takes_the_scrape_configuration_and_targets_from_files(tmp_path: Path) -> None:
    text = (FOLDER / "scrape.yml").read_text().replace("/etc/prometheus", str(tmp_path))
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "gateproof").mkdir()
    (tmp_path / "gateproof" / "site.yml").write_text('- targets: ["edge-1:9817"]\n  labels: {site: home}\n')
    for name in ("gateproof-ca.pem", "gateproof-token"):
        (tmp_path / name).touch()
    run("check", "config", "prometheus.yml", folder=tmp_path)


def test_alerts_name_metrics_that_there_are_and_say_what_to_do() -> None:
    for rule in rules():
        assert set(re.findall(r"gateproof_\w+", rule["expr"])) <= set(CONTRACT), rule["alert"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
