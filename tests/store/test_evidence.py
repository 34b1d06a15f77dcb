"""Evidence as a file: written as a whole, read as if anybody might have written it."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StateError
from agent.model.outcome import Clue, Fate
from agent.observe.keep import save, written
from agent.observe.tally import Tally
from agent.store.evidence import load, parsed, recovered
from tests.observe.told import NEED, NOON, address, answer, hello, outcome, query, reply, request

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.evidence import Observed


def full() -> Observed:
    tally = Tally([NEED], bytes(32), companions=True)
    for one in (answer(address("8.30.1.1"), address("2600::1")), hello(), request(NEED.webhook_agents[0]), reply(200)):
        tally.add(one)
    for client in ("192.168.7.1", "192.168.7.2", "192.168.7.3"):
        tally.add(query(NEED.pattern.replace("*", "www"), NOON, client))
        tally.add(query("www.companion.net", NOON + 1, client))
    clue = Clue(NOON, "RST", (("ttl", 63), ("dest_ip", "8.30.1.1")))
    tally.outcome(outcome(Fate.RESET_INJECTED, clues=(clue,)))
    tally.lost(10, 1)
    return tally.observed()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    observed = full()
    assert observed.companions
    assert observed.webhooks
    save(observed, file)
    assert load(file) == observed
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.json"]


WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("schema",), "gateproof.evidence/2", "written by another version (gateproof.evidence/2)"),
    (("schema",), 5, "must begin with its schema"),
    (("since",), None, "`since`"),
    (("since",), -1, "`since` must be greater than or equal to 0"),
    (("until",), 0, "`until` is before `since`"),
    (("until",), 1e300, "`until` must be less"),
    (("domains",), {}, "`domains` must be a list"),
    (("domains", 0, "addresses", 0, "address"), "planted secret", "`domains[0].addresses[0].address`"),
    (("domains", 0, "addresses", 0, "count"), "1", "`domains[0].addresses[0].count` must be a whole number"),
    (("domains", 0, "addresses", 0, "count"), -1, "`domains[0].addresses[0].count`"),
    (("domains", 0, "addresses", 0, "count"), 1 << 60, "`domains[0].addresses[0].count`"),
    (("domains", 0, "addresses", 0, "colour"), "red", "unknown key `colour`"),
    (("domains", 0, "outcomes", 0, "fate"), "eaten", "`domains[0].outcomes[0].fate`"),
    (("domains", 0, "outcomes", 0, "confidence"), 2, "`domains[0].outcomes[0].confidence`"),
    (("domains", 0, "outcomes", 0, "family"), 5, "`domains[0].outcomes[0].family`"),
    (("domains", 0, "outcomes", 0, "slots"), [[1, 2]], "`domains[0].outcomes[0].slots[0]`"),
    (("domains", 0, "outcomes", 0, "zone"), "a\x1b[31m", "`domains[0].outcomes[0].zone`"),
    (("domains", 0, "outcomes", 0, "zone"), "", "`domains[0].outcomes[0].zone`"),
    (("domains", 0, "outcomes", 0, "port"), "tcp/443\n", "`domains[0].outcomes[0].port`"),
    (("domains", 0, "outcomes", 0, "road"), "by air", "`domains[0].outcomes[0].road`"),
    (("companions", 0, "name"), "a\x1b[31m.net", "`companions[0].name`"),
    (("days", 0, "visibility", "named"), True, "`days[0].visibility.named`"),
]


@pytest.mark.parametrize(("place", "value", "message"), WRONG)
def test_what_is_wrong_is_one_line_with_its_place(place: tuple[str | int, ...], value: object, message: str) -> None:
    document = orjson.loads(written(full()))
    inner: Any = document
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    with pytest.raises(StateError) as caught:
        parsed(orjson.dumps(document), "e.json")
    assert message in str(caught.value)
    assert str(caught.value).startswith("e.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"null", b'{"schema":"gateproof.evidence/1"}', b"[" * 100_000, b"\xff", b"NaN"]
)
def test_what_is_no_evidence(data: bytes) -> None:
    with pytest.raises(StateError, match=r"^e\.json"):
        parsed(data, "e.json")


def test_too_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agent.store.evidence.LARGEST", 100)
    save(full(), tmp_path / "e.json")
    with pytest.raises(StateError, match="larger than"):
        load(tmp_path / "e.json")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_any_damage_is_evidence_or_a_state_error(at: int, other: bytes) -> None:
    data = written(full())
    at %= len(data)
    try:
        parsed(data[:at] + other + data[at + len(other) :], "e.json")
    except StateError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


def test_what_is_damaged_is_moved_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "evidence.json"
    assert recovered(file) is None
    file.write_text("{")
    assert recovered(file) is None
    assert (tmp_path / "evidence.json.broken").read_text() == "{"
    assert capsys.readouterr().err.count("\n") == 1
    save(full(), file)
    assert recovered(file) == full()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    save(full(), file)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(StateError, match="cannot be written: File too large"):
            save(full(), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load(file) == full()
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.json"]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("precious")
    (tmp_path / ".evidence.json.new").symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match="cannot be written"):
        save(full(), tmp_path / "evidence.json")
    assert (tmp_path / "other").read_text() == "precious"
