"""Files of programs in containers, through ``/proc/PID/root``.

What is in a container is not to be trusted: a link there would lead to a file of this host. Links are not followed,
from one folder to the next (openat(2) with O_NOFOLLOW), so that nothing can be exchanged in between.
"""

from __future__ import annotations

import os
import re
from typing import Final

_ROOT: Final = re.compile(r"(/proc/\d+/root)(/.+)")


def split(path: str) -> tuple[str, str]:
    """The root of a container and the path below it; an empty root for this host's own files."""
    found = _ROOT.fullmatch(path)
    return (found[1], found[2]) if found else ("", path)


def open_to_read(path: str) -> int:
    """Open a file, also one of a container; raises OSError, for a link in a container as well."""
    root, below = split(path)
    if not root:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    *folders, name = below.strip("/").split("/")
    try:
        for folder in folders:
            there = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = there
        return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)
