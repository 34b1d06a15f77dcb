"""suppressions.toml: what is right, what is refused, and what the commands make of it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from agent.cli import main
from agent.errors import ConfigError
from agent.suppressions import load, parse
from tests.serve.running import fill

NOW = datetime(2026, 11, 26, tzinfo=UTC)
RULES = frozenset({"quic-dropped-not-rejected", "rule-never-matches"})
GATEWAY = Path(__file__).parent / "gateways" / "egress-allow-list"
RIGHT = """
[[suppress]]
rule = "quic-dropped-not-rejected"
zone = "lan0"
owner = "ops@example.com"
reason = "HTTP/3 is off until the new firewall arrives"
expires = 2027-01-31
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('owner = "ops@example.com"\n', ""), "owner"),
        (('reason = "HTTP/3 is off until the new firewall arrives"\n', ""), "reason"),
        (("expires = 2027-01-31\n", ""), "expires"),
        (("2027-01-31", '"tomorrow"'), "must be a date like 2026-12-31"),
        (("2027-01-31", "2027-12-31"), "expires later than 90d from now"),
        (("quic-dropped-not-rejected", "quic-droped"), "did you mean `quic-dropped-not-rejected`?"),
        (('rule = "quic-dropped-not-rejected"\n', ""), "must name what it is about"),
        (("zone =", "zones ="), "zones"),
        (("[[suppress]]", "[[suppress"), "line 2"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(RIGHT.replace(*change).encode(), "s.toml", timedelta(days=90), RULES, NOW)
    assert str(caught.value).startswith("s.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_right_is_read_and_no_file_is_none(tmp_path: Path) -> None:
    (one,) = parse(RIGHT.encode(), "s.toml", timedelta(days=90), RULES, NOW)
    assert one.scope == {"rule": "quic-dropped-not-rejected", "zone": "lan0"}
    assert load(tmp_path / "none.toml", timedelta(days=90), RULES) == ()


def test_the_longest_time_counts_from_when_it_was_made() -> None:
    text = RIGHT + "made = 2026-08-01\n"
    with pytest.raises(ConfigError, match="from `made`"):
        parse(text.encode(), "s.toml", timedelta(days=90), RULES, NOW)


def book(folder: Path, days: float = 30) -> Path:
    expires = datetime.now(UTC) + timedelta(days=days)
    path = folder / "suppressions.toml"
    path.write_text(RIGHT.replace("2027-01-31", f"{expires:%Y-%m-%dT%H:%M:%SZ}"))
    return path


def test_an_audit_holds_back_what_is_decided_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        '[[suppress]]\ndomain = "*.chatbot.com"\nowner = "ops"\nreason = "we do not use it"\n'
        f"expires = {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}\n"
    )
    audit = ("audit", "--snapshot", str(GATEWAY), "--suppressions", str(path))
    assert main((*audit, "--format", "json")) == 1
    report = orjson.loads(capsys.readouterr().out)
    held = [one for one in report["findings"] if one["status"] == "suppressed"]
    assert held
    assert {one["subject"]["name"] for one in held} == {"*.chatbot.com"}
    assert [one["findings"] for one in report["suppressions"]] == [len(held)]
    main(audit)
    said = capsys.readouterr().out
    assert f"{len(held)} findings suppressed" in said or f"{len(held)} finding suppressed" in said
    assert "we do not use it" in said


def test_findings_are_listed_shown_exported_and_suppressed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    state = ("--state-dir", str(tmp_path))
    assert main(("findings", "list", *state)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    uid = lines[0].split()[0]
    assert main(("findings", "show", uid, *state)) == 0
    assert "stopped by handle 7" in capsys.readouterr().out
    assert main(("findings", "export", "--format", "ocsf", *state)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    path = tmp_path / "s.toml"
    path.write_text("# ours\n")
    decide = ("findings", "suppress", "--owner", "o", "--reason", 'a "new" firewall', "--file", str(path), *state)
    assert main((*decide, uid, "--for", "30d")) == 0
    assert main((*decide, "--rule", "rule-never-matches", "--until", f"{datetime.now(UTC):%Y-%m-%d}")) == 0
    text = path.read_text()
    assert text.startswith("# ours\n")
    first, second = tomllib.loads(text)["suppress"]
    assert (first["uid"][: len(uid)], first["reason"]) == (uid, 'a "new" firewall')
    assert second["rule"] == "rule-never-matches"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rule", "rule-never-matches", "--for", "300d"), "expires later than 90d"),
        (("--rule", "no-such-rule", "--for", "3d"), "no rule"),
        (("--zone", "lan0", "--for", "3d"), "must name what it is about"),
        (("--rule", "rule-never-matches", "--for", "soon"), "must be a time like"),
        (("--rule", "rule-never-matches", "--until", "soon"), "must be a date like"),
        (("ffff", "--for", "3d"), "no finding has a uid"),
    ],
)
def test_a_decision_that_is_wrong_changes_nothing(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    path = tmp_path / "s.toml"
    fixed = ("--owner", "o", "--reason", "r", "--file", str(path), "--state-dir", str(tmp_path))
    assert main(("findings", "suppress", *words, *fixed)) == 2
    assert said in capsys.readouterr().err
    assert not path.exists()
