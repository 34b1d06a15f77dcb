"""The program as a process among others: streams, signals, full disks, and one line for each expected error."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[1]
OPEN = b'{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}'
FLOW = b'{"dst":"9.9.9.9","proto":"tcp","dport":443,"in_iface":"a","out_iface":"b"}\n'


def gateproof(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments], input=given, capture_output=True, check=False, cwd=ROOT, timeout=60
    )


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "rules.json"
    file.write_bytes(OPEN)
    return str(file)


def test_help_loads_nothing_heavy() -> None:
    heavy = ("pydantic", "apscheduler", "psutil", "scapy", "rich", "yaml", "orjson", "asyncio")
    code = (
        "import sys\nfrom agent.cli import main\ntry:\n    main(['audit', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert done.stderr == b"[]\n"
    assert b"--fail-on" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["adit"],
        ["audit", "--format", "xml"],
        ["audit", "--snapshot", "/nonexistent"],
        ["audit", "--config", "/nonexistent"],
        ["audit", "--snapshot", "a", "--ruleset", "b"],
        ["explain", "livechat.com:https"],
        ["explain", "bad name"],
        ["explain", "nodots"],
        ["explain", ""],
        ["trace", "--flows", "/nonexistent"],
        ["trace"],
        ["reach", "--proto", "tcp", "--dport", "65536"],
        ["reach", "--proto", "tcp", "--dport", "443", "--src", "::1"],
        ["policy", "check", "/nonexistent"],
        ["check-config", "--config", "/nonexistent"],
        ["schema", "everything"],
        ["run", "--config", "/nonexistent"],
    ],
)
def test_an_expected_error_is_one_line_and_status_2(arguments: list[str]) -> None:
    done = gateproof(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("gateproof: ")
    assert "fault in gateproof" not in line


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\x7fELF\x00\xff", b"{}", b'{"a": 1}'])
def test_a_foreign_dump_is_refused_with_what_would_be_right(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "foreign"
    file.write_bytes(data)
    done = gateproof("audit", "--ruleset", str(file))
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"gateproof: {file} line 1: ")
    assert b"nft -j list ruleset" in done.stderr
    assert done.stdout == b""


def test_a_dump_may_come_through_a_pipe() -> None:
    assert gateproof("audit", "--ruleset", "-", given=OPEN).stdout.startswith(b"6 of 6 required domains can pass")
    assert gateproof("audit", "--ruleset", "-").stderr.startswith(b"gateproof: standard input line 1: empty; ")


def test_two_dumps_of_one_kind_are_refused(rules: str) -> None:
    done = gateproof("audit", "--ruleset", rules, "--ruleset", rules)
    assert done.returncode == 2
    assert b"give one of each kind" in done.stderr


def test_a_truncated_dump_is_reported_as_unknown_and_ends_with_status_2(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_bytes(OPEN[:60])
    done = gateproof("audit", "--ruleset", str(file))
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"gateproof: {file}: nothing could be audited: nft.json: ")
    assert len(done.stderr.splitlines()) == 1
    assert b"6 unknown" in done.stdout


def test_flows_are_answered_in_order_and_a_bad_one_in_its_place(rules: str) -> None:
    done = gateproof("trace", "--flows", "-", "--ruleset", rules, given=FLOW + b"nonsense\n" + FLOW + b'{"dst":"x"}\n')
    answers = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [one["verdict"] for one in answers][1::2] == ["unknown", "unknown"]
    assert answers[0] == answers[2]
    assert answers[1]["why"][0].startswith("line 2: ")
    assert answers[3]["why"][0].startswith("line 4: ")
    assert done.returncode == 2
    assert done.stderr.decode().startswith("gateproof: standard input: line 2: ")
    assert done.stderr.endswith(b"(and 1 more)\n")


def test_no_flows_are_no_answers(rules: str) -> None:
    done = gateproof("trace", "--flows", "-", "--ruleset", rules)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_reader_that_leaves_is_no_trouble(rules: str, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.write_bytes(FLOW * 5000)
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "trace", "--flows", str(flows), "--ruleset", rules],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_an_interrupt_is_quiet(rules: str) -> None:
    # a shell's background jobs ignore interrupts, and so does what they start
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nimport sys\n"
        "from agent.cli import main\nsys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "trace", "--flows", "-", "--ruleset", rules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(FLOW * 500)  # fits the pipe; its answers do not fit a buffer, so something comes out
        process.stdin.flush()
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agent", "policy", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 2
    assert done.stderr == b"gateproof: input or output: No space left on device\n"


def test_audit_writes_a_whole_file_or_none(rules: str, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    target.chmod(0o640)
    done = gateproof("audit", "--ruleset", rules, "--format", "json", "--output", str(target))
    assert done.stdout == b""
    assert orjson.loads(target.read_bytes())["schema"] == "gateproof.report/1"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report.json", "rules.json"]
    refused = gateproof("audit", "--ruleset", rules, "--output", str(tmp_path / "no" / "x"))
    assert refused.returncode == 2
    assert b"cannot be written: No such file or directory" in refused.stderr
