"""Records gateways: ``python -m tests.gateways.record NAME...``, as root.

``NAME/host.toml`` says what an administrator set up: files, packet filter, programs. They run here for real, in
namespaces of their own, where ``/etc`` and the other places in ``PLACES`` hold these files and no others; there
``gateproof collect`` takes the snapshot that is kept beside it. What only this machine and this hour would explain
(its kernel's full name, the time) is made the same for all.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.snapshot import load, save
from tests.daemons.lan import certify, lan
from tests.kernel.needs import PATH, ROOT
from tests.resolvers.gravity import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.snapshot import Snapshot

GATEWAYS: Final = Path(__file__).parent
TAKEN_AT: Final = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
PLACES: Final = ("etc", "var/www")
"""What is there of these folders is what the host has."""
EMPTY: Final = ("/opt", "/srv", "/run", "/var/log", "/var/spool", "/tmp")  # noqa: S108 - nothing is written there
SYSTEM: Final = (
    "passwd", "group", "ld.so.cache", "alternatives", "ssl/openssl.cnf", "protocols", "services", "iproute2",
    "os-release", "debian_version",
)  # fmt: skip
"""What programs need of ``/etc`` to run at all."""
USUAL: Final = {
    "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
    "/etc/resolv.conf": "nameserver 198.51.100.53\n",
    "/etc/nftables.conf": "",
}
"""Where a host has nothing else."""
STARTED: Final = """
hostname {name}
for place in {places}; do mount --bind {folder}/$place /$place; done
mount --bind {folder}/out /mnt
for place in {empty}; do mount -t tmpfs tmpfs $place; done
install -d -o proxy -g proxy /var/log/squid /var/spool/squid
cd /
nft -f /etc/nftables.conf
{programs}
for socket in {listens}; do
  tries=0
  until ss -Hln "--${{socket%/*}}" "sport = :${{socket#*/}}" | grep -q .; do
    tries=$((tries + 1)); [ $tries -lt 200 ] || {{ echo "nobody listens on $socket" >&2; exit 1; }}
    sleep 0.05
  done
done
{python} -m agent collect --output /mnt/snapshot
"""


def record(name: str) -> Snapshot:
    """Take the snapshot of one host; raises RuntimeError with the words of what did not start."""
    host = tomllib.loads((GATEWAYS / name / "host.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as temporary, lan(ipv6=host["ipv6"]) as network:
        folder = Path(temporary)
        folder.chmod(0o755)
        _furnish(folder, name, host)
        script = STARTED.format(
            name=name,
            folder=folder,
            places=" ".join(PLACES),
            empty=" ".join(EMPTY),
            programs="\n".join(f"{line} &" for line in host["programs"]),
            listens=" ".join(host["listens"]),
            python=sys.executable,
        )
        inside = ("unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
        done = subprocess.run(
            ("nsenter", f"--net={network.gateway.path}", *inside, "bash", "-euc", script),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | {"PATH": PATH, "PYTHONPATH": str(ROOT)},
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
        sys.stderr.write(done.stderr)
        taken = load(folder / "out" / "snapshot")
        return _neutral(taken, name, (str(ROOT), temporary, os.uname().release))


def _furnish(folder: Path, name: str, host: Mapping[str, Any]) -> None:
    """Put the host's files where they are mounted from."""
    for place in (*PLACES, "out"):
        (folder / place).mkdir(parents=True)
    for one in SYSTEM:
        there, here = Path("/etc", one), folder / "etc" / one
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, symlinks=True)
        elif there.exists():
            shutil.copy(there, here)
    identity = {"/etc/machine-id": sha256(name.encode()).hexdigest()[:32] + "\n", "/etc/hostname": f"{name}\n"}
    for path, text in {**USUAL, **identity, **host["files"]}.items():
        file = Path(f"{folder}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if "certificate" in host:
        certify(Path(f"{folder}{host['certificate']}"))
    if "gravity" in host:
        with closing(sqlite3.connect(folder / "etc" / "pihole" / "gravity.db")) as database:
            database.executescript(SCHEMA + host["gravity"])


def _neutral(taken: Snapshot, name: str, private: tuple[str, ...]) -> Snapshot:
    """Without what belongs to this machine; raises RuntimeError where it is in an answer."""
    for one in taken.artifacts.values():
        for word in private:
            if word.encode() in one.data or word in one.name or word in one.detail:
                raise RuntimeError(f"{name}: {one.name} speaks of {word}")
    kernel = taken.host["kernel"].partition("-")[0]
    return replace(taken, taken_at=TAKEN_AT, host={**taken.host, "kernel": kernel})


def keep(taken: Snapshot, folder: Path) -> None:
    """Put a snapshot in place of the one that a host's folder has."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        save(taken, Path(temporary, "snapshot"))
        for part in ("artifacts", "manifest.json"):
            old = folder / part
            if old.is_dir():
                shutil.rmtree(old)
            Path(temporary, "snapshot", part).replace(old)


def main() -> None:
    """Record the hosts that are named."""
    for name in sys.argv[1:]:
        keep(record(name), GATEWAYS / name)


if __name__ == "__main__":
    main()
