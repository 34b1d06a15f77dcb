"""What the tests in this folder need, and why they were left out where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("nft", "iptables-legacy-restore", "iptables-nft-restore", "ipset", "ip", "unshare")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
ROOT = Path(__file__).parents[2]


def missing() -> str:
    """Why kernel tests cannot run here; empty where they can."""
    if os.geteuid() != 0:
        return "needs root"
    gone = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if gone:
        return f"needs {', '.join(gone)}: packaging/test --install-peers"
    able = subprocess.run(("unshare", "-n", "true"), capture_output=True, check=False, env={"PATH": PATH})
    return "" if able.returncode == 0 else "needs network namespaces"


REASON = missing()
kernel = [pytest.mark.kernel, pytest.mark.skipif(bool(REASON), reason=REASON or "can run")]

Shell = Callable[[str], "subprocess.CompletedProcess[str]"]


@contextmanager
def gateway(*, forwarding: bool = True) -> Iterator[Shell]:
    """A namespace with clients behind lan0 and an uplink wan0; gives a shell inside it.

    What this machine starts at boot is not enabled there.
    """
    prepared = "mount -t tmpfs none /etc/systemd/system && echo && exec sleep 600"
    argv = ("unshare", "-n", "-m", "sh", "-c", prepared)
    holder = subprocess.Popen(argv, env={"PATH": PATH}, stdout=subprocess.PIPE)
    try:
        if not holder.stdout or not holder.stdout.readline():
            raise RuntimeError("the namespace could not be made")

        def shell(script: str) -> subprocess.CompletedProcess[str]:
            argv = ("nsenter", "-t", str(holder.pid), "-n", "-m", "sh", "-euc", script)
            environment = os.environ | {"PATH": PATH, "PYTHONPATH": str(ROOT)}
            return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, env=environment)

        made = shell(
            "ip link set lo up\n"
            "for link in lan0 wan0; do ip link add $link type veth peer name p$link; ip link set $link up;"
            " ip link set p$link up; done\n"
            "ip addr add 192.168.7.1/24 dev lan0; ip addr add 198.51.100.2/24 dev wan0\n"
            "ip route add default via 198.51.100.1\n"
            "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter\n"
            f"echo {int(forwarding)} > /proc/sys/net/ipv4/ip_forward\n"
        )
        if made.returncode != 0:
            raise RuntimeError(made.stderr)
        yield shell
    finally:
        holder.kill()
        holder.communicate()
