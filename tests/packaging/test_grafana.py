"""The dashboards: their shape, and that Prometheus understands what each panel asks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_metrics import CONTRACT

FOLDER = Path(__file__).parents[2] / "packaging" / "grafana"
BOARDS = sorted(FOLDER.glob("*.json"))
COLUMNS = 24


def panels(board: Path) -> list[dict[str, Any]]:
    return list(json.loads(board.read_text())["panels"])


def expressions(board: Path) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_panels_have_a_place_and_an_explanation_of_their_own(board: Path) -> None:
    found = panels(board)
    assert len({one["id"] for one in found}) == len(found)
    for one in found:
        assert one["title"]
        assert one["description"].endswith(".")
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert one["gridPos"]["x"] + one["gridPos"]["w"] <= COLUMNS
        assert len({target["refId"] for target in one["targets"]}) == len(one["targets"])
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_they_ask_for_metrics_that_there_are_by_variables_that_there_are(board: Path) -> None:
    document = json.loads(board.read_text())
    variables = {one["name"] for one in document["templating"]["list"]}
    text = " ".join(expressions(board))
    assert set(re.findall(r"gateproof_\w+", text)) <= set(CONTRACT)
    assert set(re.findall(r"\$(\w+)", text)) <= variables


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads expressions")
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_prometheus_understands_each_expression(board: Path, tmp_path: Path) -> None:
    asked = [{"record": f"panel:{at}", "expr": expr} for at, expr in enumerate(expressions(board))]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": asked}]}))
    done = subprocess.run(
        ("promtool", "check", "rules", "rules.yml"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
