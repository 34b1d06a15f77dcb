"""The unit under a real systemd: what it may, what it tells, how it ends."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.booted import SOON, Booted, booted, lacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.skipif(bool(os.geteuid() or lacks()), reason=lacks() or "needs root"),
    pytest.mark.xdist_group("service"),
]
DROP = "add table inet filter; add chain inet filter forward { type filter hook forward priority 0; policy drop; }"


@pytest.fixture(scope="module")
def machine() -> Iterator[Booted]:
    """One that drops what it should forward, and runs the service."""
    holding = ExitStack()
    try:
        made = holding.enter_context(booted())
    except RuntimeError as error:
        pytest.skip(f"no systemd of its own here: {error}")
    with holding:
        made.run("nft", DROP)
        made.run("systemctl", "start", "gateproof")
        yield made


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def audited(machine: Booted) -> dict[str, Any]:
    """How things stand, after the first audit."""
    wait_for(lambda: json.loads(machine.get("/v1/standing")).get("at"))
    told: dict[str, Any] = json.loads(machine.get("/v1/standing"))
    return told


PARTS = ("run", "serve", "agent.observe.resident")


def parts(machine: Booted) -> dict[str, int]:
    """The three processes that stay; those that they fork for a moment have to be gone again."""
    found: dict[str, int] = {}

    def settled() -> bool:
        running = [(part, pid) for pid, argv in machine.programs().items() for part in PARTS if part in argv.split()]
        found.clear()
        found.update(running)
        return len(running) == len(found) == len(PARTS)

    wait_for(settled)
    return found


def status(machine: Booted, what: str) -> str:
    return machine.run("systemctl", "show", "-P", what, "gateproof").strip()


def test_it_reads_all_that_it_needs_and_names_the_rule(machine: Booted) -> None:
    told = audited(machine)
    assert status(machine, "ActiveState") == "active"
    assert [one for one in told["checks"] if one["trouble"]] == []
    found = json.loads(machine.get("/v1/findings?severity=critical"))["findings"]
    assert {one["zone"] for one in found} == {"lan0"}
    assert {(one["locus"][0]["table"], one["locus"][0]["chain"]) for one in found} == {("inet filter", "forward")}
    assert json.loads(machine.get("/readyz")) == {"ready": True, "reasons": []}


def test_it_watches_traffic_without_rights(machine: Booted) -> None:
    wait_for(lambda: any("watching lan0 (clients), wan0 (own)" in line for line in machine.log()))
    tap = parts(machine)["agent.observe.resident"]
    rights = machine.run("grep", "-E", "^Cap(Inh|Prm|Eff|Bnd|Amb)", f"/proc/{tap}/status").split()[1::2]
    assert {int(one, 16) for one in rights[:3]} == {0}


def test_others_read_nothing(machine: Booted) -> None:
    audited(machine)
    listed = machine.run("stat", "-c", "%a %n", "/var/lib/gateproof", "/run/gateproof", "/run/gateproof/api.sock")
    assert listed.split()[::2] == ["750", "750", "660"]
    files = machine.run("find", "/var/lib/gateproof", "-type", "f", "-perm", "/007")
    assert not files


def test_a_reload_audits_again_and_keeps_the_api(machine: Booted) -> None:
    audited(machine)
    before = parts(machine)["serve"]
    machine.run("nft", "add chain inet filter forward { policy accept; }")
    try:
        machine.run("systemctl", "reload", "gateproof")
        wait_for(lambda: not json.loads(machine.get("/v1/findings?severity=critical"))["findings"])
    finally:
        machine.run("nft", "add chain inet filter forward { policy drop; }")
        machine.run("systemctl", "reload", "gateproof")
    wait_for(lambda: json.loads(machine.get("/v1/findings?severity=critical"))["findings"])
    assert before in machine.programs()


def test_a_kill_leaves_nobody_behind(machine: Booted) -> None:
    audited(machine)
    before = parts(machine)
    machine.run("kill", "-KILL", str(before["run"]))
    wait_for(lambda: not set(before.values()) & machine.programs().keys())
    assert not set(before.values()) & set(parts(machine).values())
    assert status(machine, "ActiveState") == "active"


def test_a_mistake_in_the_configuration_is_an_error_that_names_it(machine: Booted) -> None:
    audited(machine)
    running = parts(machine)["run"]
    machine.run("sh", "-c", "echo 'colour = 1' > /etc/gateproof/gateproof.toml")
    said = "/etc/gateproof/gateproof.toml line 1: unknown key `colour`"
    try:
        assert machine.fails("systemctl", "reload", "gateproof")
        assert status(machine, "MainPID") == str(running)
        assert len([line for line in machine.log("-p", "err") if said in line]) == 1
        assert machine.fails("systemctl", "restart", "gateproof")
        assert len([line for line in machine.log("-p", "err") if said in line]) > 1
        # it is tried again, and then given up
        wait_for(lambda: status(machine, "ActiveState") == "failed")
    finally:
        machine.run("rm", "/etc/gateproof/gateproof.toml")
        machine.run("systemctl", "reset-failed", "gateproof")
        machine.run("systemctl", "start", "gateproof")
    audited(machine)


def test_it_ends_when_told_and_the_manager_has_nothing_to_complain_of(machine: Booted) -> None:
    audited(machine)
    earlier = len(machine.log())
    machine.run("systemctl", "stop", "gateproof")
    try:
        assert not machine.programs()
        assert status(machine, "Result") == "success"
        said = machine.log()[earlier:]
        assert not [line for line in said if "Got notification" in line or "Killing" in line or "timed out" in line]
        assert "stopped" in said
    finally:
        machine.run("systemctl", "start", "gateproof")


def test_an_end_during_an_audit_waits_for_it_and_changes_nothing(machine: Booted) -> None:
    audited(machine)
    before = json.loads(machine.get("/v1/standing"))["kept"]["seq"]
    for _ in range(3):
        machine.run("systemctl", "restart", "gateproof")
        machine.run("sleep", "0.15")
    audited(machine)
    assert json.loads(machine.get("/v1/standing"))["kept"]["seq"] == before
    assert not [line for line in machine.log() if "CancelledError" in line]
