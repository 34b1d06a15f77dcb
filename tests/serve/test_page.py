"""The files of the page: what may be loaded, from where, and how often."""

from __future__ import annotations

import gzip
import http.client
from typing import TYPE_CHECKING

import pytest

from agent.serve import page
from agent.serve.limits import Ceilings
from tests.serve.running import SOON, inside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = b"'use strict';\n" * 200


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>gateproof</title>")
    (folder / "app.js").write_bytes(SCRIPT)
    (folder / "notes.txt").write_text("not for anybody")
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(page, "FOLDER", str(folder))
    page.files.cache_clear()
    with inside(tmp_path, Ceilings()) as (found, _):
        yield found
    page.files.cache_clear()


def get(port: int, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
    client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer, body


def test_the_page_is_strict_with_itself(port: int) -> None:
    answer, body = get(port, "/")
    assert (answer.status, b"<title>" in body) == (200, True)
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in (answer.getheader("Content-Security-Policy") or "").split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"


def test_files_are_given_once(port: int) -> None:
    answer, body = get(port, "/page/app.js")
    assert (answer.getheader("Content-Type"), body) == ("text/javascript; charset=utf-8", SCRIPT)
    tag = answer.getheader("ETag") or ""
    assert get(port, "/page/app.js", If_None_Match=tag)[0].status == 304
    packed, body = get(port, "/page/app.js", Accept_Encoding="gzip")
    assert (packed.getheader("Content-Encoding"), gzip.decompress(body)) == ("gzip", SCRIPT)
    assert packed.getheader("ETag") not in {tag, None}


@pytest.mark.parametrize(
    "name", ["notes.txt", "../secret.js", "%2e%2e%2fsecret.js", "..%5csecret.js", ".", "", "app.js/"]
)
def test_nothing_else_is_given(port: int, name: str) -> None:
    answer, body = get(port, f"/page/{name}")
    assert answer.status == 404
    assert b"secret" not in body.replace(b"secret.js", b"")
