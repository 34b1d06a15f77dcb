"""The door to the host: what it refuses, and how trouble becomes a status."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agent.host import allowed, live
from agent.host.live import LiveHost
from agent.snapshot import Command, Files, Processes, Status, Want

if TYPE_CHECKING:
    from pathlib import Path

SAVE = ("iptables-save",)


def script(folder: Path, text: str) -> None:
    program = folder / SAVE[0]
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        ("echo '*filter'", Status.OK, ""),
        ("echo 'iptables: Permission denied (you must be root)' >&2; exit 4", Status.DENIED, "must be root"),
        ("echo 'Operation not permitted' >&2", Status.DENIED, "not permitted"),
        ("echo 'Table does not exist' >&2; exit 3", Status.ABSENT, "Table does not exist"),
        ("exit 7", Status.FAILED, "status 7"),
        ("sleep 30 & sleep 30", Status.TIMEOUT, "no answer"),
    ],
)
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, status: Status, detail: str) -> None:
    script(tmp_path, text)
    monkeypatch.setattr(live, "PATH", f"{tmp_path}:/usr/bin:/bin")
    (artifact,) = LiveHost(timeout=0.5).answer(Want("x", Command(SAVE), "run as root"))
    assert artifact.status is status
    assert detail in artifact.detail


def test_a_program_that_is_not_there_is_a_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATH", str(tmp_path))
    (artifact,) = LiveHost().answer(Want("x", Command(SAVE)))
    assert (artifact.status, artifact.detail) == (Status.ABSENT, "iptables-save is not installed")


@pytest.mark.parametrize("ask", [Command(("sh", "-c", "true")), Command(("nft", "flush", "ruleset"))])
def test_what_is_not_on_the_list_is_not_asked(ask: Command) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        LiveHost().answer(Want("x", ask))


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/ssl/private/x.pem",
        "/etc/../root/x",
        "/root/.ssh/id_rsa",
        "/proc/1/environ",
        "/etc/squid/ca.key",
    ],
)
def test_a_configuration_that_names_a_secret_does_not_get_it_read(path: str) -> None:
    (refused,) = LiveHost().answer(Want("files", Files(path)))
    assert refused.status is Status.DENIED
    assert not refused.data


def test_a_link_to_a_secret_does_not_get_it_read(tmp_path: Path) -> None:
    (tmp_path / "innocent.conf").symlink_to("/etc/shadow")
    (refused,) = LiveHost().answer(Want("files", Files(f"{tmp_path}/*.conf")))
    assert refused.status is Status.DENIED
    assert not refused.data


def test_a_link_to_nothing_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "masked.conf").symlink_to("/dev/null")
    (found,) = LiveHost().answer(Want("files", Files(f"{tmp_path}/*.conf")))
    assert (found.status, found.data) == (Status.OK, b"")


@pytest.mark.parametrize("path", [path for path in allowed.FILES if "*" not in path])
def test_what_the_kernel_says_is_never_refused(path: str) -> None:
    (found,) = LiveHost().answer(Want("files", Files(path)))
    assert "not a place" not in found.detail


def test_a_pattern_without_a_file_is_an_answer(tmp_path: Path) -> None:
    (nothing,) = LiveHost().answer(Want("files", Files(f"{tmp_path}/*.conf")))
    assert (nothing.name, nothing.status) == (f"files{tmp_path}/*.conf", Status.ABSENT)


def test_every_question_of_the_kinds_is_allowed() -> None:
    from datetime import UTC, datetime  # noqa: PLC0415 - one use

    from agent import catalog  # noqa: PLC0415
    from agent.snapshot import Snapshot  # noqa: PLC0415

    for want in catalog.wants(Snapshot(datetime.now(UTC), {})):
        if isinstance(want.ask, Command):
            assert allowed.may_ask(want.ask.argv)
        elif isinstance(want.ask, Files):
            assert allowed.may_read(want.ask.pattern)


def test_files_and_programs_of_this_host() -> None:
    (hosts,) = LiveHost().answer(Want("files", Files("/etc/hosts")))
    assert (hosts.name, hosts.status) == ("files/etc/hosts", Status.OK)
    found = LiveHost().answer(Want("files", Files("/proc/sys/net/ipv4/conf/*/forwarding")))
    assert {"files/proc/sys/net/ipv4/conf/all/forwarding"} <= {one.name for one in found if one.status is Status.OK}
    (programs,) = LiveHost().answer(Want("processes.json", Processes(("no-such-program",))))
    assert (programs.status, programs.data.strip()) == (Status.OK, b"[]")
    assert os.getpid()
