"""The API against its own description, by a program that looks for differences."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from tests.serve.running import Running, fill, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = shutil.which("schemathesis") or str(Path(sys.executable).with_name("schemathesis"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    with serving(folder) as running:
        yield running


def test_schemathesis_finds_no_fault(server: Running, tmp_path: Path) -> None:
    argv = (PROGRAM, "run", f"{server.url}/openapi.json", "--checks", "all", "--max-examples", "15", "--seed", "7")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_all_schemas_are_json_schema(server: Running) -> None:
    told = server.curl("/openapi.json").json()
    assert told["openapi"] == "3.1.0"
    for one in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(one)
    for name in ("finding", "report", "evidence", "pack", "config", "suppressions"):
        jsonschema.Draft202012Validator.check_schema(server.curl(f"/v1/schema?of={name}").json())
