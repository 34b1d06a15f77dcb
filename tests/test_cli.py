"""The command line as a person meets it: what it prints, how it ends, and what it says when asked the wrong thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "tests" / "gateways" / "egress-allow-list"
DUMP = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -d 23.40.0.0/14 -p tcp -m tcp --dport 443 -j ACCEPT\nCOMMIT\n"


def gateproof(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "agent", *arguments),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_version_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom agent.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('pydantic', 'apscheduler', 'psutil', 'scapy', 'yaml', 'orjson') if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_trace_loads_neither_pydantic_nor_a_scheduler(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(DUMP)
    (tmp_path / "flows").write_text(
        json.dumps({"dst": "23.40.1.2", "proto": "tcp", "dport": 443, "in_iface": "lan0", "out_iface": "w"})
    )
    code = (
        "import sys\nfrom agent.cli import main\n"
        f"main(['trace', '--flows', '{tmp_path}/flows', '--ruleset', '{tmp_path}/dump'])\n"
        "print([name for name in ('pydantic', 'apscheduler', 'psutil', 'scapy', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True, cwd=ROOT)
    answer, loaded = done.stdout.splitlines()
    assert json.loads(answer)["verdict"] == "accept"
    assert loaded == "[]"


def test_explain_and_reach_and_trace_speak_of_one_rule() -> None:
    told = gateproof("explain", "api.livechat.com:443", "--from", "lan1", "--snapshot", GATEWAY)
    assert told.returncode == 1
    assert "23.32.0.0/11" in told.stdout
    sets = json.loads(
        gateproof(
            "reach",
            "--in-iface",
            "lan1",
            "--src",
            "192.168.8.7",
            "--proto",
            "tcp",
            "--dport",
            "443",
            "--snapshot",
            GATEWAY,
        ).stdout
    )
    assert "23.32.0.0/11" in sets["drop"]
    flow = {"in_iface": "lan1", "src": "192.168.8.7", "dst": "23.40.1.2", "proto": "tcp", "dport": 443}
    answer = json.loads(gateproof("trace", "--flows", "-", "--snapshot", GATEWAY, text=json.dumps(flow)).stdout)
    assert (answer["verdict"], answer["rule"]) == ("drop", 'iifname "lan1" ip daddr 23.32.0.0/11 drop')


@pytest.mark.parametrize(
    ("arguments", "content", "said"),
    [
        (("audit", "--ruleset", "FILE"), "hello\n", "FILE"),
        (("audit", "--ruleset", "FILE"), '{"nftables": [', "FILE"),
        (("audit", "--snapshot", "FILE"), "no tar", "FILE"),
        (("audit", "--config", "FILE"), "colour = 'red'\n", "line 1"),
        (("audit", "--config", "FILE"), "[schedule]\nevery = 5\n", "line 2"),
        (("policy", "check", "FILE"), "name: x\ndomians: []\n", "domians"),
        (("policy", "check", "FILE"), "a: &x [1]\nb: *x\n", "line 1"),
        (("policy", "show", "livechta"), "", "livechat"),
        (("audit", "--pack", "livechta", "--snapshot", str(GATEWAY)), "", "livechat"),
        (("explain", "api.livechat.com:0", "--snapshot", str(GATEWAY)), "", "port"),
        (("explain", "..", "--snapshot", str(GATEWAY)), "", "empty name"),
        (("audit", "--ruleset", "/nonexistent"), "", "No such file"),
    ],
)
def test_wrong_input_gets_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], content: str, said: str) -> None:
    file = tmp_path / "FILE"
    file.write_text(content)
    done = gateproof(*(str(file) if one == "FILE" else one for one in arguments))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("gateproof: ")
    assert said in done.stderr


def test_the_pack_says_what_is_assumed() -> None:
    pack = json.loads(gateproof("policy", "show", "livechat", "--format", "json").stdout)
    assert set(pack["assumed"]) == {"apex", "ports"}
    assert "LiveChat webhook/1.0" in pack["webhooks"]["user_agents"]
