"""Keywords of HAProxy 2.6."""

from __future__ import annotations

from typing import Final

SECTIONS: Final = frozenset(
    [
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "userlist",
        "peers",
        "mailers",
        "resolvers",
        "cache",
        "program",
        "http-errors",
        "ring",
        "log-forward",
        "fcgi-app",
        "crt-list",
        "traces",
    ]
)
