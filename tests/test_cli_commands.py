"""Every command, in this process: what it prints and how it ends."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.cli import main
from agent.cli.files import write
from agent.cli.parser import build
from agent.cli.screen import WIDEST, screen_for
from agent.outputs import Screen
from agent.snapshot import Artifact, Snapshot, Status, save

if TYPE_CHECKING:
    from collections.abc import Callable

GATEWAY = str(Path(__file__).parent / "gateways" / "egress-allow-list")
EMPTY = b'{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}'
PACK = """\
name: desk
title: Desk
description: A service.
vendor: Example
owner: us
version: "1"
checked: 2026-11-23
sources: [{title: A page}]
domains: [desk.example]
apex: false
ports: {required: [tcp/443]}
addresses: {published: [192.0.2.0/24], note: One network.}
"""


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., str]:
    """A configuration whose packs are in a folder of their own."""

    def build_one(text: str = "", **packs: str) -> str:
        folder = tmp_path / "packs"
        folder.mkdir()
        for name, content in packs.items():
            (folder / f"{name}.yaml").write_text(content)
        file = tmp_path / "gateproof.toml"
        file.write_text(f'pack_folder = "{folder}"\n{text}')
        return str(file)

    return build_one


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[..., str]:
    """A snapshot with artifacts of the given states; bytes mean ``ok``."""

    def build_one(states: dict[str, Status | bytes]) -> str:
        artifacts = {}
        for name, state in states.items():
            data, status = (state, Status.OK) if isinstance(state, bytes) else (b"", state)
            detail = "Operation not permitted" if status is Status.DENIED else ""
            artifacts[name] = Artifact(name, status, data, detail)
        folder = tmp_path / "snapshot"
        save(Snapshot(datetime(2026, 11, 23, tzinfo=UTC), {"id": "x", "name": "gw"}, artifacts), folder)
        return str(folder)

    return build_one


def test_a_higher_limit_ends_with_0(capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]) -> None:
    file = config('fail_on = "critical"')
    assert main(["audit", "--snapshot", GATEWAY, "--config", file]) == 0
    assert main(["audit", "--snapshot", GATEWAY, "--config", file, "--fail-on", "info"]) == 1
    assert capsysbinary.readouterr().err == b""


def test_the_same_snapshot_gives_the_same_bytes(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    pages = []
    for _ in range(2):
        main(["audit", "--snapshot", GATEWAY, "--format", "json"])
        pages.append(capsysbinary.readouterr().out)
    assert pages[0] == pages[1]


def test_configured_zones_replace_those_found(
    capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]
) -> None:
    file = config('[[zone]]\nname = "office"\ninterface = "lan0"\n')
    main(["audit", "--snapshot", GATEWAY, "--config", file, "--format", "json"])
    report = orjson.loads(capsysbinary.readouterr().out)
    assert {one["zone"] for one in report["verdicts"]} == {"office", "host"}


def test_an_operators_pack_is_audited(capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]) -> None:
    main(["audit", "--snapshot", GATEWAY, "--config", config(desk=PACK), "--format", "json"])
    report = orjson.loads(capsysbinary.readouterr().out)
    assert [one["name"] for one in report["policy"]] == ["desk", "livechat"]
    assert "desk.example" in {one["domain"] for one in report["verdicts"]}


def test_configured_packs_are_the_only_ones(
    capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]
) -> None:
    main(["audit", "--snapshot", GATEWAY, "--config", config('packs = ["desk"]', desk=PACK), "--format", "json"])
    assert [one["name"] for one in orjson.loads(capsysbinary.readouterr().out)["policy"]] == ["desk"]


def test_a_configured_pack_that_is_not_there_is_named(
    capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]
) -> None:
    assert main(["check-config", "--config", config('packs = ["livechta"]')]) == 2
    assert b"no pack `livechta`; did you mean `livechat`?" in capsysbinary.readouterr().err


@pytest.mark.parametrize(
    ("states", "status", "reason"),
    [
        (
            {"nft.json": Status.DENIED, "iptables-legacy.txt": Status.FAILED},
            2,
            b"iptables-legacy.txt: failed; nft.json: denied: Operation not permitted",
        ),
        ({"nft.json": Status.TIMEOUT}, 2, b"nft.json: timeout"),
        ({"nft.json": b'{"nftables": ['}, 2, b"nft.json: not whole JSON"),
        ({"ipset.txt": b"create a hash:ip family inet\n"}, 2, b"there is no listing of rules"),
        ({}, 2, b"there is no listing of rules"),
        ({"nft.json": Status.ABSENT, "iptables-legacy.txt": Status.ABSENT}, 0, b""),
        ({"nft.json": Status.DENIED, "iptables-legacy.txt": b"*filter\n:INPUT ACCEPT\nCOMMIT\n"}, 1, b""),
        ({"nft.json": EMPTY}, 0, b""),
    ],
)
def test_status_2_where_nothing_could_be_audited(
    capsysbinary: pytest.CaptureFixture[bytes],
    snapshot: Callable[..., str],
    states: dict[str, Status | bytes],
    status: int,
    reason: bytes,
) -> None:
    # from "medium" on: a pack is stale one day, which is low
    assert main(["audit", "--fail-on", "medium", "--snapshot", snapshot(states)]) == status
    out, err = capsysbinary.readouterr()
    assert out  # the report is printed all the same
    assert reason in err
    assert len(err.splitlines()) == bool(reason)


def test_explain_shows_the_rule(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["explain", "cdn.livechatinc.com:443", "--from", "lan1", "--snapshot", GATEWAY]) == 1
    page = capsysbinary.readouterr().out.decode()
    assert page.startswith("cdn.livechatinc.com from lan1: partly blocked\n")
    assert 'iifname "lan1" ip daddr 23.32.0.0/11 drop' in page
    assert "tcp/80" not in page


def test_explain_as_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["explain", "cdn.livechatinc.com", "--from", "host", "--snapshot", GATEWAY, "--format", "json"]) == 0
    (road,) = orjson.loads(capsysbinary.readouterr().out)
    assert (road["zone"], road["verdict"]) == ("host", "allowed")


def test_explain_from_nowhere_names_the_zones(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["explain", "a.example", "--from", "lan9", "--snapshot", GATEWAY]) == 2
    err = capsysbinary.readouterr().err
    assert b"lan9" in err
    assert b"lan0, lan1, host" in err


def test_collect_takes_a_snapshot_that_can_be_audited(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    target = tmp_path / "host.tar"
    assert main(["collect", "--output", str(target)]) == 0
    assert capsysbinary.readouterr().out.startswith(str(target).encode() + b": a snapshot of ")
    assert main(["audit", "--snapshot", str(target)]) in (0, 1, 2)
    assert b"required domains" in capsysbinary.readouterr().out


def test_policy_list_says_what_is_replaced(
    capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]
) -> None:
    file = config(mine=PACK.replace("name: desk", "name: livechat"))
    assert main(["policy", "list", "--config", file]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("livechat  1        2026-11-23  1        Desk")
    assert lines[1].endswith("mine.yaml, in place of built-in livechat.yaml")
    main(["policy", "list", "--config", file, "--format", "json"])
    (row,) = orjson.loads(capsysbinary.readouterr().out)
    assert row["replaces"] == "built-in livechat.yaml"


def test_policy_show(capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]) -> None:
    file = config(desk=PACK)
    assert main(["policy", "show", "livechat", "--config", file]) == 0
    page = capsysbinary.readouterr().out.decode()
    assert "tcp/443 and tcp/80 required, udp/443 preferred (our assumption" in page
    assert "User-Agent: LiveChat webhook/1.0" in page
    assert main(["policy", "show", "desk", "--config", file, "--format", "json"]) == 0
    assert orjson.loads(capsysbinary.readouterr().out)["addresses"]["published"] == ["192.0.2.0/24"]
    assert main(["policy", "show", "dsk", "--config", file]) == 2
    assert b"did you mean `desk`?" in capsysbinary.readouterr().err


def test_policy_check(capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(PACK)
    assert main(["policy", "check", str(file)]) == 0
    assert capsysbinary.readouterr().out == f"{file}: pack desk is right (1 domain)\n".encode()
    assert main(["policy", "check", "--config", config(desk=PACK)]) == 0
    assert capsysbinary.readouterr().out.count(b" is right ") == 2
    file.write_text(PACK.replace("vendor", "vendour"))
    assert main(["policy", "check", str(file)]) == 2
    err = capsysbinary.readouterr().err.decode()
    assert err == f"gateproof: {file} line 4: unknown key `vendour`; did you mean `vendor`?\n"


def test_check_config_says_what_the_settings_come_to(
    capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str]
) -> None:
    assert main(["check-config", "--config", config('[schedule]\nevery = "90m"\njitter = "45s"\n')]) == 0
    page = capsysbinary.readouterr().out.decode()
    assert "  packs     livechat\n" in page
    assert "every 90m, up to 45s later" in page


def test_run_once(capsysbinary: pytest.CaptureFixture[bytes], config: Callable[..., str], tmp_path: Path) -> None:
    assert main(["run", "--once", "--config", config(), "--state-dir", str(tmp_path / "state")]) == 0
    assert (tmp_path / "state" / "findings.json").exists()
    capsysbinary.readouterr()


def test_a_fault_of_our_own_is_one_line_and_the_traceback_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("first\nsecond")

    monkeypatch.setattr("agent.cli.schema.schema", fail)
    monkeypatch.delenv("GATEPROOF_DEBUG", raising=False)
    assert main(["schema", "report"]) == 2
    (line,) = capsysbinary.readouterr().err.decode().splitlines()
    assert line.startswith("gateproof: a fault in gateproof itself, please report it: LookupError: first (test_cli_")
    monkeypatch.setenv("GATEPROOF_DEBUG", "1")
    assert main(["schema", "report"]) == 2
    assert b"Traceback" in capsysbinary.readouterr().err


def test_every_command_is_explained() -> None:
    commands = next(one for one in build()._actions if one.dest == "command")
    assert isinstance(commands.choices, dict)
    assert {"audit", "explain", "trace", "reach", "collect", "policy", "check-config", "run", "schema"} <= set(
        commands.choices
    )
    for name, parser in commands.choices.items():
        assert parser.description, name
        assert parser.format_help()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"COLUMNS": "90", "TERM": "xterm"}, Screen(90)),
        ({"COLUMNS": "90", "TERM": "xterm", "NO_COLOR": "1"}, Screen(90, colour=False)),
        ({"COLUMNS": "90", "TERM": "dumb"}, Screen(90, colour=False)),
        ({"COLUMNS": "900", "TERM": "xterm"}, Screen(WIDEST)),
    ],
)
def test_the_screen(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Screen) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert screen_for("-") == expected
    assert screen_for("file") is None
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert screen_for("-") is None


def test_a_new_file_has_the_usual_mode_and_a_device_is_written_in_place(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write(b"x", str(tmp_path / "new"))
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
    write(b"x", "/dev/null")
    assert Path("/dev/null").is_char_device()
