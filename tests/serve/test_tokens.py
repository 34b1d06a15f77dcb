"""``gateproof token``, and the file that it keeps."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StateError, UsageError
from agent.serve import tokens
from agent.serve.route import Scope

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def gateproof(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, "-m", "agent", *arguments), capture_output=True, text=True, check=False)


def test_create_list_and_revoke(tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "state"))
    made = gateproof("token", "create", "--name", "one", "--scope", "findings", "--expires", "90d", *where)
    text = made.stdout.strip()
    assert made.returncode == 0
    assert text.startswith("gateproof_")
    file = tmp_path / "state" / tokens.FILE
    assert text not in file.read_text()
    assert text.removeprefix("gateproof_") not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    (told,) = orjson.loads(gateproof("token", "list", "--format", "json", *where).stdout)
    assert (told["name"], told["scopes"], "sha256" in told) == ("one", ["findings"], False)
    assert "one" in gateproof("token", "list", *where).stdout
    assert gateproof("token", "revoke", told["id"], *where).returncode == 0
    assert gateproof("token", "list", "--format", "json", *where).stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--name", "a", "--scope", "write"), "invalid choice"),
        (("create", "--name", "a", "--scope", "read", "--expires", "soon"), "must be a time like"),
        (("create", "--name", "", "--scope", "read"), "1 to 100"),
        (("create", "--scope", "read"), "--name"),
        (("revoke", "nobody"), "there are: none"),
    ],
)
def test_trouble_is_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = gateproof("token", *arguments, "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_token_counts_until_it_expires(tmp_path: Path) -> None:
    text = tokens.create(tmp_path, "one", (Scope.READ,), NOW, timedelta(hours=1)).encode()
    known = tokens.load(tmp_path)
    assert known is not None
    assert known.find(text, NOW) is not None
    assert known.find(text, NOW + timedelta(minutes=59)) is not None
    assert known.find(text, NOW + timedelta(hours=1)) is None


@given(st.binary())
def test_no_other_bytes_are_a_token(text: bytes) -> None:
    one = tokens.Token(id="00000000", name="one", sha256="0" * 64, scopes=(Scope.READ,), created=NOW)
    assert tokens.Tokens(tokens=(one,)).find(text, NOW) is None


def test_names_are_taken_once(tmp_path: Path) -> None:
    tokens.create(tmp_path, "one", (Scope.READ,), NOW, None)
    with pytest.raises(UsageError, match="there is a token `one`"):
        tokens.create(tmp_path, "one", (Scope.READ,), NOW, None)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema":"gateproof.tokens/2","tokens":[]}', b"\xff" * 10])
def test_a_damaged_file_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / tokens.FILE).write_bytes(data)
    with pytest.raises(StateError, match=r"tokens\.json"):
        tokens.load(tmp_path)


def test_none_is_lost_when_several_are_made_at_once(tmp_path: Path) -> None:
    making = [
        threading.Thread(target=tokens.create, args=(tmp_path, f"n{number}", (Scope.READ,), NOW, None))
        for number in range(8)
    ]
    for one in making:
        one.start()
    for one in making:
        one.join()
    known = tokens.load(tmp_path)
    assert known is not None
    assert len(known.tokens) == 8
