"""A real systemd as the first process of namespaces of its own, over a view of this machine that keeps no change.

All of it, mounts and processes, is gone with the process that holds it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
SYSTEMD: Final = Path("/lib/systemd/systemd")
PYTHON: Final = "/usr/bin/python3"
SOON: Final = 60.0
"""Seconds in which something has to happen."""
BOOT: Final = r"""
set -e
project=$1 packages=$2
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/up /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work /mnt/root
cd /mnt/root
mkdir -p opt/gateproof/packages
cp -r "$project/agent" "$project/rules" opt/gateproof/
mount --bind "$packages" opt/gateproof/packages
rm -rf etc/systemd/system var/lib/gateproof etc/gateproof
mkdir -p etc/systemd/system/gateproof.service.d
cp "$project/packaging/systemd/gateproof.service" etc/systemd/system/
# nothing else of this machine is started
printf '[Unit]\nDefaultDependencies=no\n[Service]\nRestartSec=1\n' >etc/systemd/system/gateproof.service.d/alone.conf
printf '[Unit]\nDefaultDependencies=no\n' >etc/systemd/system/nothing.target
cat >usr/bin/gateproof <<'END'
#!/bin/sh
PYTHONPATH=/opt/gateproof:/opt/gateproof/packages exec /usr/bin/python3 -P -m agent "$@"
END
chmod 755 usr/bin/gateproof
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $place; done
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
for name in lan wan; do
    ip link add "${name}0" type veth peer name "${name}1"
    ip link set "${name}0" up
    ip link set "${name}1" up
done
ip address add 192.0.2.1/24 dev lan0
ip address add 198.51.100.2/24 dev wan0
ip route add default via 198.51.100.1
echo 1 >proc/sys/net/ipv4/ip_forward
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mkdir -p oldroot
pivot_root . oldroot
umount -l oldroot
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc "$3" --system --unit=nothing.target --log-target=journal
"""


class Booted:
    """The machine in the machine."""

    def __init__(self, first: int) -> None:
        self._enter = ("nsenter", "-t", str(first), "-m", "-p", "-n", "-u", "-i", "-C")

    def run(self, *argv: str) -> str:
        """What a program prints there; raises CalledProcessError."""
        return subprocess.run(
            (*self._enter, *argv), check=True, capture_output=True, text=True, timeout=SOON, cwd="/"
        ).stdout

    def fails(self, *argv: str) -> bool:
        """Whether a program ends with trouble there."""
        return bool(subprocess.run((*self._enter, *argv), check=False, capture_output=True, cwd="/").returncode)

    def get(self, path: str) -> str:
        """What the API says over its socket, once it is there."""
        return self.run(
            *("curl", "-sS", "--retry", "40", "--retry-connrefused", "--retry-delay", "1", "--retry-all-errors"),
            *("--unix-socket", "/run/gateproof/api.sock", f"http://localhost{path}"),
        )

    def log(self, *more: str) -> list[str]:
        """What the journal has of the service."""
        return self.run("journalctl", "-u", "gateproof", "--no-pager", "-o", "cat", *more).splitlines()

    def programs(self) -> dict[int, str]:
        """Our processes there, with their arguments."""
        told = (line.split(None, 1) for line in self.run("ps", "-eo", "pid=,args=").splitlines())
        return {int(pid): args for pid, args in told if " -m agent" in args}


def lacks() -> str:
    """What is missing, empty where nothing is."""
    missing = [name for name in ("unshare", "nsenter", "nft", "ip", "curl") if shutil.which(name) is None]
    if missing or not SYSTEMD.exists():
        return f"needs systemd and {', '.join(missing) or 'nothing else'}"
    found = subprocess.run((PYTHON, "-c", "import sys; print(sys.version_info[:2])"), capture_output=True, check=False)
    if found.stdout.decode().strip() != str(sys.version_info[:2]):
        return f"needs the packages for {PYTHON}"
    return "" if _cgroups() is not None else "needs cgroup2"


def _cgroups() -> Path | None:
    """Where version 2 is mounted."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"), None)


@contextmanager
def booted() -> Iterator[Booted]:
    """Boot it, and take it away again; raises RuntimeError where this machine does not let us."""
    above = _cgroups()
    assert above is not None
    group = above / f"gateproof-test-{time.monotonic_ns()}"
    group.mkdir()
    packages = sysconfig.get_path("purelib")
    enter = f'echo $$ > {group}/cgroup.procs; exec unshare -m -p -n -u -i -C --fork --kill-child sh -c "$0" sh "$@"'
    holder = subprocess.Popen(
        ("sh", "-c", enter, BOOT, str(ROOT), packages, str(SYSTEMD)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield _up(holder)
    finally:
        holder.kill()
        holder.wait()
        if holder.stderr is not None:
            holder.stderr.close()
        end = time.monotonic() + SOON
        while group.exists() and time.monotonic() < end:  # those in it end on their own
            for one in sorted(group.rglob("*/"), reverse=True):
                with suppress(OSError):
                    one.rmdir()
            with suppress(OSError):
                group.rmdir()
            time.sleep(0.05)


def _up(holder: subprocess.Popen[bytes]) -> Booted:
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if holder.poll() is not None:
            assert holder.stderr is not None
            raise RuntimeError(holder.stderr.read().decode(errors="replace").strip())
        for one in psutil.Process(holder.pid).children():
            made = Booted(one.pid)
            if one.name() == "systemd" and not made.fails("systemctl", "is-active", "nothing.target"):
                made.run("systemctl", "start", "systemd-journald.service")
                return made
        time.sleep(0.1)
    raise RuntimeError("systemd did not come up")
