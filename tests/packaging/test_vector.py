"""Vector's configuration, with the compiler of its programs and ClickHouse itself: every event arrives, and once.

Vector is not there; what it does around them (following the file, the request to ClickHouse) is done here as it says it does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from agent.store.files import EVENTS
from tests.serve.running import fill, serving

FOLDER = Path(__file__).parents[2] / "packaging" / "vector"
TEXT = (FOLDER / "gateproof.yaml").read_text()
CONFIGURATION = yaml.safe_load(TEXT)
REMAP = CONFIGURATION["transforms"]["findings"]["source"]
CLICKHOUSE = """
import json, sys
from chdb import session
server = session.Session()
for statement in json.load(sys.stdin):
    answer = server.query(statement, "JSONEachRow")
print(answer)
"""
"""In a process of its own, for it takes signals; prints what the last statement gives."""
COLUMNS = ("host_id", "uid", "seq", "event", "severity", "status", "rule", "summary")


@pytest.fixture
def runtime() -> Any:
    """Vector's programs, compiled and run; not there without --install-peers."""
    return pytest.importorskip("vrl_python").VRLRuntime("UTC")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The file that Vector follows, after findings came and went; the running API tells the same events."""
    folder, now = tmp_path_factory.mktemp("state"), datetime.now(UTC)
    for names, ago in (("abc", 3), ("a", 2), ("ab", 1)):
        fill(folder, tuple(names), now - timedelta(hours=ago))
    found = (folder / EVENTS).read_bytes().splitlines()
    with serving(folder) as server:
        assert server.curl("/v1/events?limit=1000").json()["events"] == [orjson.loads(line) for line in found]
    assert {orjson.loads(line)["event"] for line in found} > {"opened", "resolved"}
    return found


def event(line: bytes) -> dict[str, Any]:
    """A line as Vector's file source has it."""
    return {
        "message": line.decode(),
        "file": "/var/lib/gateproof/findings.jsonl",
        "host": "edge-1",
        "source_type": "file",
        "timestamp": "2026-11-01T00:00:00Z",
    }


def remapped(runtime: Any, line: bytes) -> dict[str, Any]:
    """A line after the program; its time as Vector writes one to JSON, where the binding writes its own way."""
    made = dict(runtime.execute(REMAP, event(line)).processed_event)
    at = datetime.fromisoformat(made["timestamp"].removesuffix(" UTC")).replace(tzinfo=UTC)
    return made | {"timestamp": at.isoformat().replace("+00:00", "Z")}


def clickhouse(*statements: str) -> list[dict[str, Any]]:
    if find_spec("chdb") is None:
        pytest.skip("needs chdb")
    asked = orjson.dumps(statements)
    done = subprocess.run([sys.executable, "-c", CLICKHOUSE], input=asked, capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode()
    return [orjson.loads(line) for line in done.stdout.splitlines() if line]


def table() -> str:
    """The statement that stands above the sink."""
    (found,) = re.findall(r"# (CREATE TABLE .*?;)", TEXT, re.DOTALL)
    return re.sub(r"\n *# *", " ", found)


def insert(rows: list[dict[str, Any]]) -> str:
    """What the sink asks, by its options."""
    sink = CONFIGURATION["sinks"]["clickhouse"]
    options = {
        "input_format_skip_unknown_fields": str(int(sink["skip_unknown_fields"])),
        "date_time_input_format": "'best_effort'" if sink["date_time_best_effort"] else "'basic'",
    }
    told = ", ".join(f"{name}={value}" for name, value in options.items())
    body = "\n".join(orjson.dumps(row).decode() for row in rows)
    return f'INSERT INTO "{sink["table"]}" SETTINGS {told} FORMAT JSONEachRow\n{body}'


def query() -> str:
    (found,) = re.findall(r"```sql\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    return str(found)


def test_the_program_compiles_and_takes_every_event(runtime: Any, lines: list[bytes]) -> None:
    assert runtime.check_syntax(REMAP) is None
    for line in lines:
        told, made = orjson.loads(line), remapped(runtime, line)
        one = told["finding"]
        assert {name: made[name] for name in told} == told
        assert datetime.fromisoformat(made["timestamp"]) == datetime.fromisoformat(told["at"])
        assert made["key"] == f"{one['host']['id']}/{one['uid']}/{told['seq']}"
        assert (made["host_id"], made["rule"], made["zone"]) == (one["host"]["id"], one["rule"]["id"], one["zone"])
        assert "message" not in made


def test_what_dedupe_and_the_sinks_name_is_there(runtime: Any, lines: list[bytes]) -> None:
    sinks = CONFIGURATION["sinks"]
    named = {
        *CONFIGURATION["transforms"]["once"]["fields"]["match"],
        sinks["opensearch"]["id_key"],
        *(name for label in sinks["loki"]["labels"].values() for name in re.findall(r"{{ (\w+) }}", label)),
    }
    assert named == {"key", "host_id", "severity"}
    keys = set()
    for line in lines:
        made = remapped(runtime, line)
        assert all(isinstance(made[name], str) for name in named)
        keys.add(made["key"])
    assert len(keys) == len(lines)


@pytest.mark.parametrize("line", [b'{"event": "opened", "at": "2026-', b"[]", b'{"event": "opened"}'])
def test_a_torn_line_is_an_error_which_drops_it(runtime: Any, line: bytes) -> None:
    assert CONFIGURATION["transforms"]["findings"]["drop_on_error"]
    with pytest.raises(RuntimeError):
        runtime.execute(REMAP, event(line))


def test_every_event_is_in_clickhouse_once_even_if_it_came_twice(runtime: Any, lines: list[bytes]) -> None:
    rows = [remapped(runtime, line) for line in lines]
    told = clickhouse(
        table(), insert(rows), insert(rows), "SELECT *, toUnixTimestamp64Milli(timestamp) AS at FROM gateproof FINAL"
    )
    assert len(told) == len(rows)
    for one in rows:
        (row,) = (row for row in told if row["seq"] == one["seq"])
        assert {name: row[name] for name in COLUMNS} == {name: one[name] for name in COLUMNS}
        assert orjson.loads(row["finding"]) == one["finding"]
        assert row["zone"] == (one["zone"] or "")
        assert row["at"] == int(datetime.fromisoformat(one["at"]).timestamp() * 1000)


def test_the_documented_query_gives_what_is_open(runtime: Any, lines: list[bytes]) -> None:
    rows = [remapped(runtime, line) for line in lines]
    last = {one["uid"]: one for one in sorted(rows, key=lambda one: int(one["seq"]))}
    still = {uid for uid, one in last.items() if one["event"] != "resolved"}
    told = clickhouse(table(), insert(rows), insert(rows), query())
    assert {row["uid"] for row in told} == still
    assert len(told) == len(still) == len("ab")
    for row in told:
        assert row["which"] == last[row["uid"]]["rule"]
        first = datetime.fromisoformat(last[row["uid"]]["finding"]["first_seen"])
        assert abs(datetime.fromisoformat(f"{row['since']}+00:00") - first) < timedelta(milliseconds=1)
