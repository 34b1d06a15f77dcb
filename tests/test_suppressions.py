"""suppressions.toml: what is right, what each mistake is answered with, and what an audit makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.errors import ConfigError
from agent.suppressions import load, parse

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
LONGEST = timedelta(days=90)
RULES = frozenset({"companion-domain-unlisted", "quic-dropped-not-rejected", "rule-never-matches"})
DOMAINS = frozenset({"*.livechat.com", "*.chatbot.com", "cdn.livechat-static.com"})
GATEWAY = Path(__file__).parent / "gateways" / "egress-allow-list"
RIGHT = """\
# decided on Thursday
[[suppress]]
rule = "quic-dropped-not-rejected"
domain = "*.livechat.com"
zone = "lan0"
owner = "ops@example.com"
reason = "HTTP/3 is off until the new firewall arrives"
expires = 2027-01-31
"""
SECOND = """
[[suppress]]
locus = "ip daddr @bad drop"
owner = "net@example.com"
reason = "known"
expires = 2026-12-24T12:00:00+01:00
made = 2026-11-20
"""


def read(text: str, now: datetime = NOW) -> tuple[object, ...]:
    return parse(text.encode(), "s.toml", LONGEST, RULES, now, DOMAINS)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('owner = "ops@example.com"\n', "", "s.toml line 2: `suppress[0].owner` is missing"),
        ('reason = "HTTP/3 is off until the new firewall arrives"\n', "", " line 2: `suppress[0].reason` is missing"),
        ("expires = 2027-01-31\n", "", "s.toml line 2: `suppress[0].expires` is missing"),
        ('"ops@example.com"', '" \\n"', 's.toml line 6: `suppress[0].owner` must not be blank, not " \\n"'),
        ('"ops@example.com"', "7", "s.toml line 6: `suppress[0].owner` must be text, not 7"),
        (
            '"HTTP/3 is off until the new firewall arrives"',
            '""',
            "s.toml line 7: `suppress[0].reason` must not be blank",
        ),
        (
            "2027-01-31",
            '"tomorrow"',
            'line 8: `suppress[0].expires` must be a date like 2026-12-31, or a time like 2026-12-31T12:00:00Z, not "tom',
        ),
        ("2027-01-31", "12:00:00", "s.toml line 8: `suppress[0].expires` must be a date like 2026-12-31"),
        ("2027-01-31", "90", "s.toml line 8: `suppress[0].expires` must be a date like 2026-12-31"),
        ("2027-01-31", "9999-12-31", "s.toml line 8: `suppress[0].expires` must be a date like 2026-12-31"),
        ("2027-01-31", "9999-12-31T23:59:59-12:00", "s.toml line 8: `suppress[0].expires` must be a date"),
        (
            "2027-01-31",
            "2027-02-25",
            "line 8: `suppress[0].expires` is later than 90d from now: decide again then, or raise `longest` under [supp",
        ),
        (
            "2027-01-31",
            "2026-12-31\nmade = 2026-09-30",
            "s.toml line 8: `suppress[0].expires` is later than 90d from `made`: decide again then, or raise `longest`",
        ),
        (
            "quic-dropped-not-rejected",
            "quic-droped",
            "s.toml line 3: `suppress[0].rule` names no rule: quic-droped; did you mean `quic-dropped-not-rejected`?",
        ),
        (
            "quic-dropped-not-rejected",
            "suppression-expiring",
            "s.toml line 3: `suppress[0].rule` is about suppressions themselves, and is never held back",
        ),
        (
            "*.livechat.com",
            "livechat.com",
            "s.toml line 4: `suppress[0].domain` is in no pack: livechat.com; did you mean `*.livechat.com`?",
        ),
        ("*.livechat.com", "*.", "s.toml line 4: `suppress[0].domain` must be a domain name or `*.` and one: "),
        (
            'rule = "quic-dropped-not-rejected"\ndomain = "*.livechat.com"\n',
            "",
            "s.toml line 2: `suppress[0]` must name what it is about: one of rule, domain, locus, uid",
        ),
        ("zone =", 'locus = " a "\nzone =', "s.toml line 5: `suppress[0].locus` must have at least 3 characters"),
        ("zone =", 'locus = "   "\nzone =', "s.toml line 5: `suppress[0].locus` must have at least 3 characters"),
        ("zone =", 'uid = "3f2a"\nzone =', "s.toml line 5: `suppress[0].uid` "),
        ("zone =", "zones =", "s.toml line 5: unknown key `zones`; did you mean `zone`?"),
        ("[[suppress]]", "[[supress]]", "s.toml line 2: unknown key `supress`; did you mean `suppress`?"),
        ("[[suppress]]", "[suppress]", "s.toml line 2: `suppress` must be a list"),
        ("[[suppress]]", "[[suppress", "s.toml line 2: not TOML: "),
        ("zone =", 'rule = "rule-never-matches"\nzone =', "s.toml line 5: not TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where_and_what(old: str, new: str, said: str) -> None:
    assert old in RIGHT
    with pytest.raises(ConfigError) as caught:
        read(RIGHT.replace(old, new))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_later_entry_is_found_there() -> None:
    with pytest.raises(ConfigError, match=r"^s\.toml line 15: `suppress\[1\]\.made` must be a date"):
        read(RIGHT + SECOND.replace("made = 2026-11-20", 'made = "Friday"'))


def test_what_is_right_is_read_in_its_order() -> None:
    first, second = parse((RIGHT + SECOND).encode(), "s.toml", LONGEST, RULES, NOW, DOMAINS)
    assert first.scope == {"rule": "quic-dropped-not-rejected", "domain": "*.livechat.com", "zone": "lan0"}
    assert (first.owner, first.expires) == ("ops@example.com", datetime(2027, 2, 1, tzinfo=UTC))
    assert second.scope == {"locus": "ip daddr @bad drop"}
    assert second.expires == datetime(2026, 12, 24, 11, tzinfo=UTC)
    assert second.made == datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "suppress = []\n"])
def test_a_file_without_entries_is_none(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize("domain", ["*.LiveChat.com", "*.livechat.com.", " *.livechat.com"])
def test_a_domain_is_compared_as_names_are(domain: str) -> None:
    (one,) = parse(RIGHT.replace("*.livechat.com", domain).encode(), "s.toml", LONGEST, RULES, NOW, DOMAINS)
    assert one.domain == "*.livechat.com"


def test_domains_of_no_pack_are_taken_where_a_rule_or_a_finding_is_about_such() -> None:
    other = RIGHT.replace("*.livechat.com", "fonts.example")
    with pytest.raises(ConfigError, match=r"is in no pack: fonts\.example"):
        read(other)
    assert read(other.replace("quic-dropped-not-rejected", "companion-domain-unlisted"))
    assert read(other.replace("zone =", f'uid = "{"0" * 32}"\nzone ='))
    assert parse(other.encode(), "s.toml", LONGEST, RULES, NOW)  # where packs are not known


def test_a_decision_may_last_to_the_end_of_its_last_day() -> None:
    assert read(RIGHT.replace("2027-01-31", "2027-02-24"))
    made = RIGHT.replace("2027-01-31", "2027-02-24\nmade = 2026-11-26")
    assert read(made)
    assert read(made, NOW + timedelta(days=1)), "what was right when it was made stays so"
    assert read(made, NOW + timedelta(days=200)), "and lapses without a complaint"


@given(
    st.integers(0, 400),
    st.integers(-200, 200),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).filter(lambda now: now.time() != now.time().min),  # noqa: DTZ001 - made UTC below
)
def test_a_day_that_is_not_too_far_away_never_becomes_so(days: int, since: int, now: datetime) -> None:
    made = now.date() + timedelta(days=since)
    expires = now.date() + timedelta(days=days)
    text = RIGHT.replace("2027-01-31", f"{expires}\nmade = {made}")
    moment = now.replace(tzinfo=UTC)
    if expires - min(made, now.date()) <= LONGEST:
        assert read(text, moment)
        assert read(text, moment + timedelta(days=1))
    else:
        with pytest.raises(ConfigError, match="later than 90d"):
            read(text, moment)


def test_no_file_is_none_and_one_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    assert load(path, LONGEST, RULES) == ()
    assert load(tmp_path / "no-folder" / "s.toml", LONGEST, RULES) == ()
    path.write_text("")
    for mode in (0o600, 0o644, 0o664):
        path.chmod(mode)
        assert load(path, LONGEST, RULES) == ()
    path.chmod(0o646)
    with pytest.raises(ConfigError) as caught:
        load(path, LONGEST, RULES)
    assert str(caught.value) == f"{path}: anybody may write to it, and so hide findings; chmod o-w {path}"


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, LONGEST, RULES)


CHATBOT = """\
[[suppress]]
domain = "*.chatbot.com"
owner = "ops"
reason = "we do not use it"
"""


def book(folder: Path, text: str, days: float = 30) -> Path:
    """A file whose decisions last so long from now."""
    path = folder / "suppressions.toml"
    path.write_text(f"{text}expires = {datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}\n")
    return path


def test_an_audit_holds_back_what_is_decided_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = ("audit", "--snapshot", str(GATEWAY), "--suppressions", str(book(tmp_path, CHATBOT)))
    assert main((*audit, "--format", "json")) == 1
    report = orjson.loads(capsys.readouterr().out)
    held = [one for one in report["findings"] if one["status"] == "suppressed"]
    assert held
    assert {one["subject"]["name"] for one in held} == {"*.chatbot.com"}
    assert {one["suppression"]["reason"] for one in held} == {"we do not use it"}
    assert [one["findings"] for one in report["suppressions"]] == [len(held)]
    assert [one["scope"] for one in report["suppressions"]] == [{"domain": "*.chatbot.com"}]
    main(audit)
    said = capsys.readouterr().out
    assert f"{len(held)} findings suppressed" in said or f"{len(held)} finding suppressed" in said
    assert f"{len(held)} by ops until " in said
    assert "we do not use it" in said


def test_what_is_suppressed_does_not_fail_an_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = ("audit", "--snapshot", str(GATEWAY), "--format", "json")
    assert main(audit) == 1
    report = orjson.loads(capsys.readouterr().out)
    assert report["suppressions"] == []
    assert {one["status"] for one in report["findings"]} == {"open"}
    rules = sorted({one["rule"]["id"] for one in report["findings"]})
    expires = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    entry = '[[suppress]]\nrule = "{}"\nowner = "o"\nreason = "r"\nexpires = {}\n'
    path = tmp_path / "all.toml"
    path.write_text("\n".join(entry.format(rule, expires) for rule in rules))
    assert main((*audit, "--suppressions", str(path))) == 0
    held = orjson.loads(capsys.readouterr().out)["findings"]
    assert [one["uid"] for one in held] == [one["uid"] for one in report["findings"]]
    assert {one["status"] for one in held} == {"suppressed"}


def test_an_audit_ends_with_trouble_where_its_file_is_missing_or_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    audit = ("audit", "--snapshot", str(GATEWAY), "--suppressions", str(path))
    assert main(audit) == 2
    assert capsys.readouterr().err == f"gateproof: {path}: no such file\n"
    path.write_text(CHATBOT.replace("*.chatbot.com", "*.chatbot.org") + "expires = 2020-01-01\n")
    assert main(audit) == 2
    assert capsys.readouterr().err.startswith(f"gateproof: {path} line 2: `suppress[0].domain` is in no pack: ")


def test_check_config_reads_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = book(tmp_path, CHATBOT)
    config = tmp_path / "gateproof.toml"
    config.write_text(f'[suppressions]\nfile = "{path}"\nlongest = "45d"\nwarn = "3d"\n')
    check = ("check-config", "--config", str(config))
    assert main(check) == 0
    assert f"  suppress  1 in {path}\n" in capsys.readouterr().out
    book(tmp_path, CHATBOT, days=60)
    assert main(check) == 2
    assert "line 5: `suppress[0].expires` is later than 45d from now" in capsys.readouterr().err


@pytest.mark.parametrize(("warn", "told"), [("29d", 0), ("31d", 1)])
def test_it_is_warned_of_as_early_as_the_configuration_says(
    warn: str, told: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateproof.toml"
    config.write_text(f'[suppressions]\nwarn = "{warn}"\nlongest = "9999d"\n')
    now = datetime.fromisoformat(orjson.loads((GATEWAY / "manifest.json").read_bytes())["taken_at"])
    path = tmp_path / "s.toml"
    path.write_text(f"{CHATBOT}expires = {now + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}\n")
    audit = ("audit", "--snapshot", str(GATEWAY), "--format", "json", "--config", str(config))
    main((*audit, "--suppressions", str(path)))
    report = orjson.loads(capsys.readouterr().out)
    found = [one for one in report["findings"] if one["rule"]["id"] == "suppression-expiring"]
    assert len(found) == told
    assert [one["state"] for one in report["suppressions"]] == ["expiring" if told else "active"]
    for one in found:
        assert (one["status"], one["severity"]) == ("open", "low")
        assert one["subject"] == {"kind": "suppression", "name": "domain *.chatbot.com"}
