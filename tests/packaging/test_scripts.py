"""The shell scripts, the lock files and the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import agent
from agent import catalog
from agent.model.network import Listener
from agent.snapshot import load
from agent.snapshot.programs import running
from tests.daemons.internet import needs
from tests.kernel.needs import gateway
from tests.resolvers.gravity import artifacts
from tests.snapshot.test_redact import DOCUMENTS, FORMS, HARMLESS

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
SCRIPTS = ("quickstart", "test", "environment.sh", "collect.sh")
SHELLS = [shell for shell in (("dash",), ("busybox", "sh")) if shutil.which(shell[0])] or [("sh",)]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_scripts_are_plain_sh(shell: tuple[str, ...], script: str) -> None:
    subprocess.run((*shell, "-n", PACKAGING / script), check=True)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock", "requirements-peers.lock"])
def test_locks_have_hashes_and_no_address(lock: str) -> None:
    text = (PACKAGING / lock).read_text()
    assert "://" not in text
    assert "index" not in re.sub(r"sha256:\w+", "", text)
    assert not re.findall(r"^-.*", text, re.MULTILINE)  # nor any option: each is about this machine
    pinned = [line for line in text.splitlines() if "==" in line]
    assert pinned
    assert all(line.rstrip().endswith("\\") for line in pinned)


def test_the_wheel_holds_code_rules_and_packs(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"))
    wheel = _wheel(copy, GATEPROOF_PURE="1")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.endswith("-py3-none-any.whl")
    assert {"agent/cli/__init__.py", "agent/py.typed", "rules/packs/livechat.yaml"} <= names
    assert "rules/practices/web_filtered_by_ip.py" in names
    assert agent.__version__ in wheel.name


def _wheel(copy: Path, **more: str) -> Path:
    argv = (sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    subprocess.run(argv, cwd=copy, check=True, capture_output=True, env={**os.environ, **more})
    (wheel,) = (copy / "dist").glob("*.whl")
    return wheel


@pytest.mark.skipif(
    subprocess.run((sys.executable, PACKAGING / "compile.py", "--missing"), check=False, capture_output=True).returncode
    != 0,
    reason="needs a C compiler, the headers of Python and mypyc",
)
def test_the_wheel_holds_compiled_decoders(tmp_path: Path) -> None:
    copy, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"))
    wheel = _wheel(copy)
    assert not wheel.name.endswith("-any.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    assert (installed / "agent" / "wire" / "dns.py").exists(), "the source is there as well"
    code = "import agent.wire.dns as it; assert it.__file__.endswith('.so'), it.__file__; it.decode(bytes(12))"
    subprocess.run((sys.executable, "-c", code), cwd=installed, check=True)


def test_without_a_compiler_it_is_said_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, PACKAGING / "compile.py", "--missing"),
        check=False, capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, "C compiler" in done.stdout) == (1, True)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("form", ["snapshot", "snapshot.tar"])
def test_collect_sh_takes_a_snapshot(tmp_path: Path, shell: tuple[str, ...], form: str) -> None:
    target = tmp_path / form
    done = subprocess.run((*shell, PACKAGING / "collect.sh", target), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    snapshot = load(target)
    wanted = {"nft.json", "iptables-legacy.txt", "ipset.txt", "ip-addr.json", "files/etc/hosts"}
    assert wanted <= set(snapshot.artifacts)
    again = subprocess.run((*shell, PACKAGING / "collect.sh", target), capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_collect_sh_keeps_no_secrets(tmp_path: Path, shell: tuple[str, ...]) -> None:
    if shell[0] == "busybox":
        (tmp_path / "sed").symlink_to(str(shutil.which("busybox")))
    script = (PACKAGING / "collect.sh").read_text()
    function = script[script.index("keys=") : script.index("run() {")]

    def kept(text: str) -> str:
        path = f"{tmp_path}:{os.environ['PATH']}"
        argv = (*shell, "-c", f"PATH={path}\n{function}redact")
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout

    secret = "s3cret"  # noqa: S105 - it stands for one
    for form in FORMS:
        after = kept(f"first\n{form.format(secret)}\nlast\n")
        assert secret not in after
        assert after.count("\n") == form.count("\n") + 3
    assert kept("".join(HARMLESS)) == "".join(HARMLESS)
    for before, meant in DOCUMENTS:
        assert yaml.safe_load(kept(f"{before}\n")) == meant


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="sqlite3 is not installed")
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_collect_sh_takes_the_rows_that_gateproof_takes(tmp_path: Path, shell: tuple[str, ...]) -> None:
    awkward = "INSERT INTO domainlist (domain) VALUES ('a' || char(9, 10) || 'b')"
    own = artifacts(tmp_path, [awkward, "DROP TABLE antigravity"])
    script = tmp_path / "collect.sh"
    script.write_text(
        (PACKAGING / "collect.sh").read_text().replace("/etc/pihole/gravity.db", f"{tmp_path}/gravity.db")
    )
    subprocess.run((*shell, script, tmp_path / "taken"), check=True, capture_output=True)
    plain = load(tmp_path / "taken").artifacts
    for one in own:
        found = plain[one.name.replace("/etc/pihole", str(tmp_path))]
        assert (found.status, found.data) == (one.status, one.data)


@pytest.mark.daemons
@needs("dnsmasq")
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_collect_sh_sees_the_programs_that_gateproof_sees(tmp_path: Path, shell: tuple[str, ...]) -> None:
    config = tmp_path / "dnsmasq.conf"
    config.write_text("no-resolv\nno-hosts\nbind-interfaces\nlisten-address=192.168.7.1,::1\n")
    with gateway() as inside:
        done = inside(
            f"setpriv --pdeathsig KILL dnsmasq -k --conf-file={config} --user=root --pid-file= &\n"
            "daemon=$!\ntrap 'kill $daemon' EXIT\n"
            "for _ in $(seq 200); do ! ss -Hlun 'sport = :53' | grep -q . || break; sleep 0.05; done\n"
            f"{' '.join(shell)} {PACKAGING}/collect.sh {tmp_path}/plain >&2\n"
            f"{sys.executable} -m agent collect --output {tmp_path}/own >&2\n"
        )
        assert done.returncode == 0, done.stderr
    plain, own = (
        [(one.name, one.pid, one.arguments, sorted(one.listeners, key=str)) for one in running(load(tmp_path / name))]
        for name in ("plain", "own")
    )
    assert plain == own
    assert plain[0][0] == "dnsmasq"
    assert Listener("udp", "::1", 53) in plain[0][3]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "gateproof.service"
    unit.write_text((PACKAGING / "systemd" / unit.name).read_text().replace("/usr/bin/gateproof", sys.executable))
    argv = ("systemd-analyze", "verify", "--man=no", unit)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


PFCTL = """#!/bin/sh
case "$*" in
"-a * -P -sr") echo 'block drop in quick on em1 inet from any to <cloud>' ;;
"-a * -P -sn") echo 'rdr on em1 inet proto tcp from any to any port = 80 -> 127.0.0.1 port 3128' ;;
-sT) printf 'cloud\\nnone\\n' ;;
"-t cloud -T show") echo '   23.32.0.0/11' ;;
esac
"""


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_collect_sh_asks_pf_where_there_is_one(tmp_path: Path, shell: tuple[str, ...]) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("pfctl", PFCTL), ("ifconfig", "#!/bin/sh\necho 'em1: flags=8843<UP>'\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    target = tmp_path / "snapshot"
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run((*shell, PACKAGING / "collect.sh", target), check=True, capture_output=True, env=os.environ | path)
    found = catalog.read(load(target), frozenset())
    texts = [
        str(rule.wording) for table in found.firewall.tables for chain in table.chains.values() for rule in chain.rules
    ]
    assert "block drop in quick on em1 inet from any to <cloud>" in texts
    assert any(text.startswith("rdr on em1") for text in texts)
    assert load(target).get("pf-tables.txt").text == "table <cloud>\n   23.32.0.0/11\ntable <none>\n"
