"""Debian's Prometheus scrapes a running agent: its alert fires as a rule breaks something, and resolves as it is mended."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.kernel import needs
from tests.kernel.test_audit import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    *needs.kernel,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus: packaging/test --install-peers"),
]
ALERTS = Path(__file__).parents[2] / "packaging" / "prometheus" / "alerts.yml"
PATIENCE = 60.0
BREAK = "nft insert rule inet filter forward ip daddr 0.0.0.0/1 tcp dport 443 drop"
MEND = "nft flush ruleset\n" + OPEN


def configured(folder: Path) -> None:
    """Prometheus, with the alerts that are shipped, which here need not hold for minutes."""
    document = yaml.safe_load(ALERTS.read_text())
    for rule in document["groups"][0]["rules"]:
        rule.pop("for", None)
    (folder / "alerts.yml").write_text(yaml.safe_dump(document))
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["alerts.yml"],
                "scrape_configs": [{"job_name": "gateproof", "static_configs": [{"targets": ["127.0.0.1:9817"]}]}],
            }
        )
    )
    (folder / "gateproof.toml").write_text('[observe]\nenabled = false\n[schedule]\nevery = "1h"\njitter = "0s"\n')


def until(true: Callable[[], bool], told: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, told()
        time.sleep(0.5)


def test_its_alert_fires_and_resolves(tmp_path: Path) -> None:
    configured(tmp_path)
    with needs.gateway() as shell:

        def asked(path: str) -> Any:
            done = shell(f"curl -s --max-time 5 'http://127.0.0.1:9090{path}' || true")
            return json.loads(done.stdout)["data"] if done.stdout.startswith("{") else {}

        def firing() -> set[str]:
            alerts = asked("/api/v1/alerts").get("alerts", ())
            return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

        def up() -> bool:
            found = asked("/api/v1/query?query=gateproof_policy_compliance_ratio").get("result", ())
            return bool(found) and found[0]["value"][1] == "1"

        def told() -> str:
            return f"{firing()} {(tmp_path / 'agent.log').read_text()[-2000:]}"

        shell(OPEN)
        shell(
            f"cd {tmp_path}\n"
            f"{sys.executable} -m agent run --config gateproof.toml --state-dir state >/dev/null 2>agent.log &\n"
            "echo $! > agent.pid\n"
            "prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:9090"
            " >/dev/null 2>prometheus.log &\n"
            "echo $! > prometheus.pid\n"
        )
        try:
            until(up, told)
            assert "RequiredDomainBlocked" not in firing()
            assert shell(BREAK).returncode == 0
            shell(f"kill -HUP $(cat {tmp_path}/agent.pid)")
            until(lambda: "RequiredDomainBlocked" in firing(), told)
            assert shell(MEND).returncode == 0
            shell(f"kill -HUP $(cat {tmp_path}/agent.pid)")
            until(lambda: up() and "RequiredDomainBlocked" not in firing(), told)
            assert "Traceback" not in (tmp_path / "agent.log").read_text()
        finally:
            shell(f"cd {tmp_path}; kill $(cat agent.pid prometheus.pid) || true")
