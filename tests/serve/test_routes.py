"""What the routes answer, as curl gets it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.serve.routes import TABLE
from agent.store import Retention
from tests.serve.running import DOMAIN, Running, fill, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    with serving(folder) as running:
        yield running


def test_findings_are_given_whole(server: Running) -> None:
    answer = server.curl("/v1/findings")
    told = answer.json()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (told["schema"], told["seq"], told["host"]["name"]) == ("gateproof.findings/1", 3, "edge-1")
    assert {one["subject"]["name"] for one in told["findings"]} == {"a", "b", "c"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["server"] == "gateproof"


@pytest.mark.parametrize("how", [("-H", "Accept: application/x-ndjson"), ()])
def test_findings_are_given_a_line_each(server: Running, how: tuple[str, ...]) -> None:
    answer = server.curl("/v1/findings" if how else "/v1/findings?format=jsonl", *how)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [orjson.loads(line)["schema"] for line in answer.body.splitlines()] == ["gateproof.finding/1"] * 3


@pytest.mark.parametrize(
    ("form", "media", "word"),
    [
        ("ocsf", "application/x-ndjson", b'"class_uid":2003'),
        ("ecs", "application/x-ndjson", b'"ecs"'),
        ("sarif", "application/sarif+json", b'"2.1.0"'),
    ],
)
def test_findings_are_given_in_the_forms_of_others(server: Running, form: str, media: str, word: bytes) -> None:
    answer = server.curl(f"/v1/findings?format={form}")
    assert (answer.status, answer.headers["content-type"]) == (200, media)
    assert word in answer.body


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 3),
        ("?status=open", 3),
        ("?status=resolved", 0),
        ("?status=all", 3),
        ("?status=open,resolved&severity=high", 3),
        ("?severity=low&severity=critical", 0),
        ("?source=observed", 0),
        ("?pack=livechat", 0),
    ],
)
def test_findings_are_filtered(server: Running, query: str, number: int) -> None:
    assert len(server.curl(f"/v1/findings{query}").json()["findings"]) == number


@pytest.mark.parametrize("route", [one for one in TABLE.routes if one.versioned], ids=lambda one: str(one.path))
@pytest.mark.parametrize("coding", [(), ("-H", "Accept-Encoding: gzip")], ids=["identity", "gzip"])
def test_a_client_that_has_it_is_told_so(server: Running, route: object, coding: tuple[str, ...]) -> None:
    path = filled(server, getattr(route, "path"))  # noqa: B009 - routes are compared by their path in the id
    first = server.curl(path, *coding)
    tag = first.headers["etag"]
    assert (first.status, tag[0]) == (200, '"')
    assert first.headers["vary"] == "Accept, Accept-Encoding"
    for known in (tag, f'"other", {tag}', f"W/{tag}"):
        second = server.curl(path, *coding, "-H", f"If-None-Match: {known}")
        assert (second.status, second.body, second.headers["etag"]) == (304, b"", tag)
        assert second.headers["vary"] == "Accept, Accept-Encoding"
    assert server.curl(path, *coding, "-H", f'If-None-Match: "{tag[1:-1]}0"').status == 200


def test_tags_differ_where_bytes_do(server: Running) -> None:
    tags = {
        server.curl(path, *options).headers["etag"]
        for path in ("/v1/findings", "/v1/findings?severity=high", "/v1/findings?format=jsonl", "/v1/findings?format=ocsf")
        for options in ((), ("-H", "Accept-Encoding: gzip"))
    }  # fmt: skip
    assert len(tags) == 8


def test_the_tag_changes_with_the_next_audit(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as server:
        before = server.curl("/v1/findings")
        fill(tmp_path, ["a", "d"])
        after = server.curl("/v1/findings", "-H", f"If-None-Match: {before.headers['etag']}")
        assert after.status == 200
        assert {one["subject"]["name"] for one in after.json()["findings"]} == {"a", "d"}


@pytest.mark.parametrize("path", ["/v1/findings", "/v1/events", "/v1/findings?format=jsonl", "/openapi.json"])
def test_compressed_answers_are_the_same(server: Running, path: str) -> None:
    plain, packed = server.curl(path), server.curl(path, "-H", "Accept-Encoding: gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda one: str(one.path))
def test_heads_are_those_of_the_answers(server: Running, route: object) -> None:
    path = filled(server, getattr(route, "path"))  # noqa: B009 - likewise
    head, whole = server.curl(path, "--head"), server.curl(path)
    assert (head.status, head.body) == (whole.status, b"")
    changing = {"date", "content-length", "transfer-encoding"}
    assert {name: head.headers[name] for name in head.headers if name not in changing} == {
        name: whole.headers[name] for name in whole.headers if name not in changing
    }


def test_events_are_read_page_by_page(server: Running) -> None:
    seen, path = [], "/v1/events?limit=2"
    for _ in range(3):
        answer = server.curl(path)
        told = answer.json()
        seen += [one["seq"] for one in told["events"]]
        path = answer.headers["link"].partition(">")[0][1:]
        assert told["next"] in path
    assert seen == [1, 2, 3]
    assert (told["events"], told["more"]) == ([], False)
    lines = server.curl("/v1/events", "-H", "Accept: application/x-ndjson")
    assert [orjson.loads(line)["event"] for line in lines.body.splitlines()] == ["opened"] * 3
    assert "next" in lines.headers["link"]


def test_snapshot_and_events_fit_together(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as server:
        told = server.curl("/v1/findings").json()
        fill(tmp_path, ["a"])
        events = server.curl(f"/v1/events?after={told['epoch']}-{told['seq']}").json()["events"]
        assert [one["event"] for one in events] == ["resolved", "resolved"]


@pytest.mark.parametrize("change", ["epoch", "ahead", "old"])
def test_a_cursor_that_is_gone(tmp_path: Path, change: str) -> None:
    fill(tmp_path, at=datetime.now(UTC) - timedelta(hours=1))
    with serving(tmp_path) as server:
        epoch = server.curl("/v1/findings").json()["epoch"]
        if change == "old":
            fill(tmp_path, ["a", "b", "c", "d"], keep=Retention(timedelta(minutes=1)))
        cursor = {"epoch": "0" * 16 + "-1", "ahead": f"{epoch}-99", "old": f"{epoch}-1"}[change]
        answer = server.curl(f"/v1/events?after={cursor}")
        expected = 404 if change == "epoch" else 410
        assert (answer.status, answer.headers["content-type"]) == (expected, "application/problem+json")
        assert "/v1/findings" in answer.json()["detail"]


def test_the_road_of_a_domain(server: Running) -> None:
    told = server.curl(f"/v1/domains/{DOMAIN}/explain").json()
    assert (told["domain"], told["zones"][0]["roads"][0]["hops"][0]["stage"]) == (DOMAIN, "forward")
    unknown = server.curl("/v1/domains/example.com/explain")
    assert (unknown.status, unknown.json()["domains"]) == (404, [DOMAIN])


def test_verdicts_packs_history_and_scans(server: Running) -> None:
    assert [one["verdict"] for one in server.curl("/v1/verdicts").json()["cells"]] == ["blocked"]
    assert [one["name"] for one in server.curl("/v1/packs").json()["packs"]] == ["livechat"]
    assert [one["verdict"] for one in server.curl("/v1/history").json()["verdicts"]] == ["blocked"]
    assert [one["findings"] for one in server.curl("/v1/scans").json()["scans"]] == [3]
    assert server.curl("/v1/standing").json()["kept"]["seq"] == 3
    assert server.curl("/v1/suppressions").json()["suppressions"] == []


def test_the_socket_needs_no_credential(server: Running) -> None:
    assert server.curl("/v1/findings", unix=True).status == 200
    assert server.socket.stat().st_mode & 0o777 == 0o660


def test_readiness_has_reasons(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.curl("/healthz").body == b"ok\n"
        for reason in ("store", "audit"):
            answer = server.curl("/readyz")
            assert (answer.status, [one["check"] for one in answer.json()["reasons"]]) == (503, [reason])
            if reason == "store":
                assert server.curl("/v1/findings").status == 503
                fill(tmp_path, at=datetime.now(UTC) - timedelta(hours=5))
        fill(tmp_path)
        assert server.curl("/readyz").json() == {"ready": True, "reasons": []}


def filled(server: Running, path: str) -> str:
    """A path of the table with something that is there."""
    if "{uid}" in path:
        path = path.replace("{uid}", server.curl("/v1/findings", unix=True).json()["findings"][0]["uid"])
    return path.replace("{pattern}", DOMAIN).replace("{name}", "app.js")
