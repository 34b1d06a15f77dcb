"""How a process that stays keeps its memory small; it is imported before all else that it watches with."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

if "hashlib" not in sys.modules:
    # cryptography brings an OpenSSL of its own; a second one for digests would take 4 MiB, and the interpreter has
    # the few that are used here itself
    sys.modules["_hashlib"] = None  # type: ignore[assignment]  # the import system's word for: there is none
    import hashlib  # noqa: F401 - without the other
    import hmac  # noqa: F401 - likewise

    del sys.modules["_hashlib"]


def settle() -> None:
    """Keep for good what was loaded, out of the collector's sight, and give back what loading took."""
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # musl has no such thing
        ctypes.CDLL(None).malloc_trim(0)
