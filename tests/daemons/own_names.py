"""Programs that ask the system's resolver, led to the test's own name server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tests.daemons.web import NAMESERVER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def asking(argv: Sequence[str], folder: Path) -> tuple[str, ...]:
    """The same program, which sees a resolv.conf of its own; needs the file system of ``unshare -m``."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:1\n", encoding="ascii")
    mount = f"mount --bind {shlex.quote(str(file))} /etc/resolv.conf && exec {shlex.join(argv)}"
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", mount)
