"""Rows of a database: what is asked, what is refused, what is said where there is no answer."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.host import live
from agent.host.allowed import may_select
from agent.host.live import LiveHost
from agent.resolvers.pihole.gravity import TABLES
from agent.snapshot import Artifact, Rows, Status, Want
from agent.snapshot.table import rows

if TYPE_CHECKING:
    from pathlib import Path

GRAVITY = ("domain", "adlist_id")


def ask(path: Path, table: str = "gravity", columns: tuple[str, ...] = GRAVITY) -> Artifact:
    (found,) = LiveHost(timeout=5).answer(Want("rows", Rows(str(path), table, columns), "run as root"))
    return found


def database(path: Path, *values: tuple[object, object]) -> Path:
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE gravity (domain TEXT NOT NULL, comment TEXT, adlist_id INTEGER)")
        made.executemany("INSERT INTO gravity VALUES (?, 'for people', ?)", values)
        made.commit()
    return path


def test_rows_are_lines_with_the_names_of_columns_first(tmp_path: Path) -> None:
    path = database(tmp_path / "g.db", ("a.example", 1), ("b\tx\n\r.example", None), (b"\xff\xfe", 2))
    found = ask(path)
    assert (found.name, found.status) == (f"rows{path}/gravity", Status.OK)
    assert found.data == b"domain\tadlist_id\na.example\t1\nb x  .example\t\n\xff\xfe\t2\n"
    assert list(rows(found))[:1] == [(2, {"domain": "a.example", "adlist_id": "1"})]
    assert list(rows(found, ("X  .EX",))) == [(3, {"domain": "b x  .example", "adlist_id": ""})]
    assert not list(rows(found, ("adlist",)))


def test_a_column_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "g.db")) as made:
        made.execute("CREATE TABLE gravity (domain TEXT)")
    assert ask(tmp_path / "g.db").data == b"domain\n"


@pytest.mark.parametrize(
    ("table", "columns"),
    [("sqlite_master", ("sql",)), ("client", ("comment",)), ("gravity", ()), ('gravity" --', GRAVITY)],
)
def test_what_is_not_on_the_list_is_not_asked(tmp_path: Path, table: str, columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        ask(database(tmp_path / "g.db"), table, columns)


def test_all_that_is_read_of_a_pihole_may_be_asked() -> None:
    assert all(may_select(Rows("/etc/pihole/gravity.db", table, columns)) for table, columns in TABLES.items())


def test_a_secret_place_is_refused_by_link_too(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    secret = database(tmp_path / "private" / "g.db")
    (tmp_path / "g.db").symlink_to(secret)
    assert [ask(path).status for path in (secret, tmp_path / "g.db")] == [Status.DENIED] * 2


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("not a database at all, but long enough to look like one" * 20)
    os.mkfifo(tmp_path / "fifo")
    whole = database(tmp_path / "g.db", *((f"ad{number}.example", number) for number in range(5000)))
    cut = tmp_path / "cut.db"
    cut.write_bytes(whole.read_bytes()[: 5 * 4096])
    answers = {name: ask(tmp_path / name) for name in ("text", "fifo", "cut.db", "nowhere")}
    assert {name: one.status for name, one in answers.items()} == {
        "text": Status.FAILED,
        "fifo": Status.FAILED,
        "cut.db": Status.FAILED,
        "nowhere": Status.ABSENT,
    }
    assert "not a database" in answers["text"].detail
    assert ask(whole, "antigravity").status is Status.ABSENT
    monkeypatch.setattr(live, "OUTPUT_LIMIT", 1000)
    assert "more than 1000 bytes" in ask(whole).detail


def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    whole = database(tmp_path / "g.db", *((f"ad{number}.example", number) for number in range(20_000)))
    (found,) = LiveHost(timeout=0).answer(Want("rows", Rows(str(whole), "gravity", GRAVITY)))
    assert found.status is Status.TIMEOUT
