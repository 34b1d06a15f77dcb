"""``gateproof findings``: what is kept is listed, shown, exported, and suppressed without losing what people wrote."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.cli import findings as command
from agent.cli import main
from agent.config import Settings
from agent.model.suppression import suppress
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import load
from agent.store import Store
from agent.suppressions import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.report import Finding, Report

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "tests" / "gateways" / "egress-allow-list"
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
RULE = "required-domain-blocked"


@pytest.fixture(scope="module")
def report() -> Report:
    """An audit of a recorded gateway, now."""
    packs = select(find_packs(), ())
    found = audit(load(GATEWAY), packs, Settings(), datetime.now(UTC))
    assert len(found.findings) > 3
    return found


@pytest.fixture(scope="module")
def state(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A state folder with what that audit found."""
    folder = tmp_path_factory.mktemp("state")
    with Store(folder) as store:
        store.record(report, report.scan.at)
    return str(folder)


@pytest.fixture
def held(report: Report, tmp_path: Path) -> tuple[str, list[Finding]]:
    """A state folder where the findings of one domain are suppressed; and those."""
    expires = f"{report.scan.at + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
    entry = f'domain = "*.chatbot.com"\nowner = "ops"\nreason = "not used\\u001b[2J"\nexpires = {expires}'
    text = f"[[suppress]]\n{entry}\n".encode()
    entries = parse(text, "s.toml", timedelta(days=90), (), report.scan.at)
    again = audit(load(GATEWAY), select(find_packs(), ()), Settings(), datetime.now(UTC), suppressions=entries)
    folder = tmp_path / "state"
    with Store(folder) as store:
        store.record(again, again.scan.at)
    return str(folder), [one for one in again.findings if one.status == "suppressed"]


def of_domain(report: Report) -> Finding:
    """A finding about a domain, from a zone."""
    return next(one for one in report.findings if one.subject.kind == "domain" and one.zone is not None)


def test_they_are_listed_most_severe_first(state: str, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("findings", "list", "--state-dir", state)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [one.uid[:8] for one in report.findings]
    assert [line.split()[1] for line in lines] == [one.severity.value for one in report.findings]


def test_one_severity_and_no_findings(state: str, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    for severity in ("info", "low", "medium", "high", "critical"):
        assert main(("findings", "list", "--state-dir", state, "--severity", severity)) == 0
        lines = capsys.readouterr().out.splitlines()
        expected = [one.uid[:8] for one in report.findings if one.severity == severity]
        assert [line.split()[0] for line in lines] == expected or (not expected and lines == ["no findings"])
    assert main(("findings", "list", "--state-dir", state, "--status", "resolved")) == 0
    assert capsys.readouterr().out == "no findings\n"


@pytest.mark.parametrize(("form", "uids"), [
    ("json", lambda text: [one["uid"] for one in orjson.loads(text)["findings"]]),
    ("jsonl", lambda text: [orjson.loads(line)["uid"] for line in text.splitlines()]),
    ("csv", lambda text: [line for line in text.splitlines()[1:] if line]),
])  # fmt: skip
def test_programs_get_all_of_them(
    form: str, uids: Callable[[str], list[str]], state: str, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("findings", "list", "--state-dir", state, "--format", form)) == 0
    found = uids(capsys.readouterr().out)
    assert all(one.uid in line for one, line in zip(report.findings, found, strict=True))


def test_what_is_suppressed_is_counted_and_can_be_listed(
    held: tuple[str, list[Finding]], report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, found = held
    assert found
    assert main(("findings", "list", "--state-dir", folder)) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(report.findings) - len(found)
    assert last == f"{len(found)} finding{'s'[: len(found) > 1]} suppressed: --status suppressed shows them"
    assert main(("findings", "list", "--state-dir", folder, "--status", "suppressed")) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert [line.split()[0] for line in lines] == [one.uid[:8] for one in found]
    assert all("(by ops until " in line and "not used" in line for line in lines)
    assert "\x1b" not in said
    assert main(("findings", "show", found[0].uid, "--state-dir", folder)) == 0
    assert "held      by ops until " in capsys.readouterr().out
    assert main(("findings", "list", "--state-dir", folder, "--status", "all")) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(report.findings)


def test_one_is_shown_by_its_first_digits(state: str, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    for one in report.findings:
        assert main(("findings", "show", one.uid[:8].upper(), "--state-dir", state)) == 0
        said = capsys.readouterr().out
        assert f"uid       {one.uid}\n" in said
        assert f"rule      {one.rule.id}: " in said
        assert main(("findings", "show", one.uid, "--format", "json", "--state-dir", state)) == 0
        assert orjson.loads(capsys.readouterr().out)["summary"] == one.summary


@pytest.mark.parametrize(("uid", "said"), [
    ("", "findings have a uid that begins with ''; `gateproof findings list` shows them"),
    ("zz", "no finding has a uid that begins with 'zz'; `gateproof findings list` shows them"),
    ("0" * 32, "no finding has a uid that begins with '" + "0" * 32),
])  # fmt: skip
def test_one_that_is_not_there_is_an_error(uid: str, said: str, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("findings", "show", uid, "--state-dir", state)) == 2
    assert said in capsys.readouterr().err


def test_without_a_store_it_says_who_makes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for action in (("list",), ("show", "ab"), ("export", "--format", "ocsf")):
        assert main(("findings", *action, "--state-dir", str(tmp_path))) == 2
        assert "there is no store yet; `gateproof run` makes it, or give --state-dir" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "sarif", "ecs", "otel", "csv", "json"])
def test_they_are_exported(form: str, state: str, report: Report, tmp_path: Path) -> None:
    path = tmp_path / "out"
    assert main(("findings", "export", "--format", form, "--state-dir", state, "--output", str(path))) == 0
    text = path.read_text()
    assert all(one.uid in text for one in report.findings)


def decide(path: Path, state: str, *words: str) -> int:
    """The status of ``findings suppress``."""
    fixed = ("--owner", "ops@example.com", "--file", str(path), "--state-dir", state)
    return main(("findings", "suppress", *words, "--reason", 'a "new" firewall\\', *fixed))


def test_a_finding_is_suppressed_and_no_other(state: str, report: Report, tmp_path: Path) -> None:
    one, path = of_domain(report), tmp_path / "s.toml"
    assert decide(path, state, one.uid[:8], "--for", "30d") == 0
    (entry,) = tomllib.loads(path.read_text())["suppress"]
    made = entry.pop("made")
    assert entry.pop("expires") - made == timedelta(days=30)
    assert entry == {
        "rule": one.rule.id,
        "domain": one.subject.name,
        "zone": one.zone,
        "uid": one.uid,
        "owner": "ops@example.com",
        "reason": 'a "new" firewall\\',
    }
    decided = parse(path.read_bytes(), "s", timedelta(days=90), {one.rule.id}, datetime.now(UTC))
    marked, _ = suppress(report.findings, decided, datetime.now(UTC), timedelta(days=7))
    assert [found.uid for found in marked if found.status == "suppressed"] == [one.uid]


def test_every_finding_can_be_suppressed_by_its_uid(state: str, report: Report, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    for one in report.findings:
        assert decide(path, state, one.uid, "--until", TODAY) == 0
    rules = {one.rule.id for one in report.findings}
    decided = parse(path.read_bytes(), "s", timedelta(days=90), rules, datetime.now(UTC))
    marked, _ = suppress(report.findings, decided, datetime.now(UTC), timedelta(days=7))
    assert {found.status for found in marked} == {"suppressed"}


def test_a_scope_is_suppressed(state: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    scope = ("--rule", RULE, "--domain", "*.LiveChat.com", "--zone", "lan0", "--locus", 'iifname "lan0" drop')
    assert decide(path, state, *scope, "--until", TODAY) == 0
    (entry,) = tomllib.loads(path.read_text())["suppress"]
    assert entry["expires"].isoformat() == TODAY
    (one,) = parse(path.read_bytes(), "s", timedelta(days=90), {RULE}, datetime.now(UTC))
    assert one.scope == {"rule": RULE, "domain": "*.livechat.com", "zone": "lan0", "locus": 'iifname "lan0" drop'}


@pytest.mark.parametrize("before", [
    b"# ours\n",
    b"# no line end",
    b"# other\r\n# line ends\r\n\r\n\r\n",
    "# \u00fcber\n[[suppress]] # first\nrule='required-domain-blocked'\n"
    f"owner = 'o'   # who\nreason = '''two\nlines'''\nexpires = {TODAY}".encode(),
])  # fmt: skip
def test_what_people_wrote_stays_as_it_is(before: bytes, state: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(before)
    path.chmod(0o640)
    group = 12 if os.geteuid() == 0 else os.getegid()
    os.chown(path, -1, group)
    assert decide(path, state, "--rule", RULE, "--for", "1d") == 0
    after = path.read_bytes()
    assert after.startswith(before)
    assert tomllib.loads(after.decode())["suppress"][-1]["rule"] == RULE
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.stat().st_gid == group
    assert [one.name for one in tmp_path.iterdir()] == ["s.toml"]


def test_a_new_file_can_be_read_by_the_daemon_whatever_the_umask(state: str, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "s.toml"
    before = os.umask(0o077)
    try:
        assert decide(path, state, "--rule", RULE, "--for", "1d") == 0
    finally:
        os.umask(before)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o755)


def test_what_a_link_leads_to_is_written_and_the_link_stays(state: str, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    path, real = tmp_path / "s.toml", tmp_path / "kept" / "s.toml"
    real.write_text("# ours\n")
    path.symlink_to("kept/s.toml")
    assert decide(path, state, "--rule", RULE, "--for", "1d") == 0
    assert path.is_symlink()
    assert RULE in real.read_text()


@pytest.mark.parametrize(("words", "said"), [
    (("--rule", RULE, "--for", "300d"), "`suppress[1].expires` is later than 90d from `made`"),
    (("--rule", RULE, "--until", "2999-01-01"), "`suppress[1].expires` is later than 90d from `made`"),
    (("--rule", RULE, "--until", "2020-01-01"), "--until: has passed already"),
    (("--rule", RULE, "--for", "0d"), "--for: has passed already"),
    (("--rule", RULE, "--for", "soon"), "--for soon: must be a time like 12h or 30d"),
    (("--rule", RULE, "--until", "soon"), "--until soon: must be a date like 2026-12-31"),
    (("--rule", RULE), "one of the arguments --for --until is required"),
    (("--rule", "no-such-rule", "--for", "3d"), "`suppress[1].rule` names no rule: no-such-rule"),
    (("--rule", "suppression-expiring", "--for", "3d"), "is about suppressions themselves"),
    (("--domain", "*.livechat.org", "--for", "3d"), "is in no pack: *.livechat.org; did you mean `*.livechat"),
    (("--zone", "lan0", "--for", "3d"), "must name what it is about"),
    (("--for", "3d"), "must name what it is about"),
    (("--locus", " a", "--for", "3d"), "must have at least 3 characters"),
    (("--rule", RULE, "--locus", "\udc80x", "--for", "3d"), "is not UTF-8 text"),
    (("ffff", "--rule", RULE, "--for", "3d"), "name a finding, or a scope by --rule"),
    (("zz", "--for", "3d"), "no finding has a uid"),
])  # fmt: skip
def test_a_decision_that_is_wrong_changes_nothing(
    words: tuple[str, ...], said: str, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    before = f"[[suppress]]\nrule = '{RULE}'\nowner = 'o'\nreason = 'r'\nexpires = {TODAY}\n"
    path.write_text(before)
    assert decide(path, state, *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert path.read_text() == before
    assert [one.name for one in tmp_path.iterdir()] == ["s.toml"]


@pytest.mark.parametrize("missing", ["--owner", "--reason"])
def test_nobody_decides_without_a_name_and_a_reason(
    missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    words = {"--owner": "o", "--reason": "r", "--for": "3d", "--rule": RULE, "--file": str(path)}
    given = [word for name, value in words.items() if name != missing for word in (name, value)]
    assert main(("findings", "suppress", *given)) == 2
    assert f"the following arguments are required: {missing}" in capsys.readouterr().err
    assert main(("findings", "suppress", *given, missing, "  ")) == 2
    assert f"`suppress[0].{missing[2:]}` must not be blank" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("text", ["suppress = []\n", "[[suppress]]\nrule = 7\n", "[[suppress"])
def test_a_file_that_is_wrong_already_stays_as_it_is(
    text: str, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    assert decide(path, state, "--rule", RULE, "--for", "1d") == 2
    assert capsys.readouterr().err.startswith(f"gateproof: {path} line ")
    assert path.read_text() == text


def test_of_many_decisions_at_once_none_is_lost(state: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    words = ("--owner", "o", "--for", "1d", "--rule", RULE, "--file", str(path), "--state-dir", state)
    argv = (sys.executable, "-P", "-m", "agent", "findings", "suppress", *words, "--reason")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([*argv, str(number)], env=environment, stderr=subprocess.DEVNULL) for number in range(6)
    ]
    assert [one.wait(60) for one in running] == [0] * len(running)
    reasons = [one["reason"] for one in tomllib.loads(path.read_text())["suppress"]]
    assert sorted(reasons) == [str(number) for number in range(6)]


def test_a_folder_that_another_program_locks_is_not_waited_for_for_ever(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.1)
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert decide(tmp_path / "s.toml", state, "--rule", RULE, "--for", "1d") == 2
    finally:
        os.close(handle)
    assert "locked by another program; try again" in capsys.readouterr().err
    assert not (tmp_path / "s.toml").exists()
