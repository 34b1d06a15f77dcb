"""The dashboards: their shape, and that Prometheus has an answer to what each panel asks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import psutil
import pytest

from agent.metrics import Http, render
from agent.model.standing import Cell, Check, Counted
from agent.model.vocabulary import Reach
from tests.test_metrics import CONTRACT, NOW, everything, read

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "packaging" / "grafana"
BOARDS = sorted(FOLDER.glob("*.json"))
COLUMNS = 24
PATIENCE: Final = 60.0
UP, DOWN = "edge-1:9817", "edge-2:9817"
Ask = Callable[[str, str], list[Any]]
"""What Prometheus answers to an expression, where one gateway is chosen."""


def panels(board: Path) -> list[dict[str, Any]]:
    return list(json.loads(board.read_text())["panels"])


def expressions(board: Path) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def lines() -> Iterator[str]:
    """OpenMetrics: half an hour of a gateway where something of everything is wrong, and of one that does not answer."""
    standing = replace(
        everything(),
        cells=(
            Cell(pack="p", domain="a", zone="lan0", verdict=Reach.ALLOWED, coverage=1.0),
            Cell(pack="p", domain="b", zone="lan0", verdict=Reach.BLOCKED, coverage=0.5),
        ),
        findings=tuple(
            Counted(severity="high", status=status, source="config", pack="p", number=1)
            for status in ("open", "suppressed")
        ),
        checks=(Check(name="audit", attempted=NOW, succeeded=NOW - timedelta(hours=2), duration=1, unknown={"x": 1}),),
        readable={"squid": False},
    )
    found = read(render(standing, NOW, Http({("/", 200): 1}, {"rate": 1}, 1)))
    for minute in range(31):
        at = (NOW - timedelta(minutes=30 - minute)).timestamp()
        for (name, labels), value in found.items():
            own = ",".join(f'{key}="{text}"' for key, text in (*labels, ("job", "gateproof"), ("instance", UP)))
            yield f"{name}{{{own}}} {value} {at}"
        yield f'up{{job="gateproof",instance="{UP}"}} 1 {at}'
        yield f'up{{job="gateproof",instance="{DOWN}"}} 0 {at}'
        yield f'up{{job="node",instance="{DOWN}"}} 0 {at}'
    yield "# EOF\n"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    if shutil.which("promtool") is None or shutil.which("prometheus") is None:
        pytest.skip("needs prometheus: packaging/test --install-peers")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "metrics").write_text("\n".join(lines()))
    blocks = ("promtool", "tsdb", "create-blocks-from", "openmetrics", "metrics", "data")
    subprocess.run(blocks, cwd=folder, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}\n")
    serve = (
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
        "--web.listen-address=127.0.0.1:0",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(serve, cwd=folder, stderr=log)
    try:
        port = listening(process, folder / "log")
        yield lambda expression, instance: answered(port, expression, instance)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def listening(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that it took, once it answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        found = [one for one in psutil.Process(process.pid).net_connections() if one.status == psutil.CONN_LISTEN]
        if found and "ready to receive" in log.read_text():
            return int(found[0].laddr.port)
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def answered(port: int, expression: str, instance: str) -> list[Any]:
    asked = expression.replace("$job", ".*").replace("$instance", instance)
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/api/v1/query?" + urlencode({"query": asked, "time": NOW.timestamp()}))
        found = json.load(connection.getresponse())
    assert found["status"] == "success", (asked, found)
    return list(found["data"]["result"])


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_panels_have_a_place_and_an_explanation_of_their_own(board: Path) -> None:
    found = panels(board)
    assert len({one["id"] for one in found}) == len(found)
    for one in found:
        assert one["title"]
        assert one["description"].endswith(".")
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert one["fieldConfig"]["defaults"]["unit"]
        assert one["gridPos"]["x"] + one["gridPos"]["w"] <= COLUMNS
        assert len({target["refId"] for target in one["targets"]}) == len(one["targets"])
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_they_ask_for_metrics_that_there_are_by_variables_that_there_are(board: Path) -> None:
    document = json.loads(board.read_text())
    assert document["schemaVersion"] >= 39
    assert "id" not in document
    variables = {one["name"] for one in document["templating"]["list"]}
    text = " ".join(expressions(board))
    assert set(re.findall(r"gateproof_\w+", text)) <= set(CONTRACT)
    assert set(re.findall(r"\$\{?(\w+)", text)) <= variables


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_prometheus_has_an_answer_for_each_panel(board: Path, ask: Ask) -> None:
    for expression in expressions(board):
        assert ask(expression, UP), expression


def test_a_gateway_that_does_not_answer_looks_like_nothing_rather_than_well(ask: Ask) -> None:
    for panel in panels(FOLDER / "gateway.json"):
        for target in panel["targets"]:
            assert not ask(target["expr"], DOWN), target["expr"]
        if panel["type"] == "stat":
            assert all(target["instant"] for target in panel["targets"]), "an older value is none of now"


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Gateways that answer", 1),
        ("Gateways that do not", 1),  # the target of another job is no gateway
        ("Blocked domains", 1),
        ("Gateways whose audit is late", 1),
    ],
)
def test_the_fleet_is_counted(title: str, value: int, ask: Ask) -> None:
    (panel,) = (one for one in panels(FOLDER / "fleet.json") if one["title"] == title)
    (found,) = ask(panel["targets"][0]["expr"], UP)
    assert float(found["value"][1]) == value
