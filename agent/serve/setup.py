"""What an administrator has set up: credentials, TLS, limits and headers, read anew whenever their files change."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final

from agent.errors import ConfigError, GateproofError, UsageError
from agent.model.record import record
from agent.serve import certificates, tokens, web_config
from agent.serve.access import Access
from agent.serve.limits import Rate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from agent.serve.sockets import Place

LOG: Final = logging.getLogger("gateproof")
HEADERS: Final = {
    "Server": "gateproof",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer; an administrator's come before them."""
Signature = tuple[tuple[int, int, int] | None, ...]


@record(eq=False)
class Setup:
    """All of it at one time."""

    access: Access
    tls: ssl.SSLContext | None
    rate: Rate | None
    headers: Mapping[str, str]
    files: tuple[Path, ...]
    """That it was read from."""


class Settled:
    """The setup that counts: what is new and good takes the place of the old, what is bad is told."""

    def __init__(self, folder: Path, file: Path | None, places: Sequence[Place]) -> None:
        """Raises ConfigError, StateError or UsageError where it cannot be used as it is."""
        self._folder = folder
        self._file = file
        self._places = places
        self.now = self._load()
        self._seen = _signature(self.now.files)

    def ask(self) -> None:
        """Have everything read again with the next look."""
        self._seen = ()

    def look(self) -> None:
        """Read everything again where a file is another than before, or somebody asks for it."""
        seen = _signature(self.now.files)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            new = self._load()
        except GateproofError as error:
            LOG.error("api: refused, the old credentials and certificates stay: %s", error)  # noqa: TRY400 - one line
            return
        self.now = new
        self._seen = _signature(new.files)
        LOG.info("api: credentials and certificates read again")

    def _load(self) -> Setup:
        config = web_config.load(self._file) if self._file is not None else web_config.WebConfig()
        files = (self._folder / tokens.FILE, *((self._file,) if self._file is not None else ()))
        tls = revoked = None
        if config.tls_server_config is not None and self._file is not None:
            beside = self._file.parent
            tls = certificates.context(config.tls_server_config, beside)
            files += web_config.files(config.tls_server_config, beside)
            if config.tls_server_config.client_crl_file is not None:
                revoked = certificates.revoked(beside / config.tls_server_config.client_crl_file)
        if tls is None and (far := [one for one in self._places if not one.loopback]):
            raise UsageError(
                f"--listen {far[0]}: other addresses than loopback's take TLS; name a web.config.file"
                " with tls_server_config in `serve.web_config`"
            )
        known = tokens.load(self._folder)
        for one in web_config.unheeded(config):
            LOG.warning("api: %s: has no effect: %s", self._file, one)
        limit = config.rate_limit
        return Setup(
            access=Access(known, config, revoked or frozenset(), [one.host for one in self._places]),
            tls=tls,
            rate=Rate(limit.interval, limit.burst, time.monotonic) if limit is not None and limit.interval else None,
            headers=HEADERS | config.http_server_config.headers,
            files=files,
        )


def _signature(files: Sequence[Path]) -> Signature:
    """Something that is another where a file is."""
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            one = os.stat(file)  # noqa: PTH116 - every second
            found.append((one.st_ino, one.st_mtime_ns, one.st_size))
        except OSError:
            found.append(None)
    return tuple(found)


def checked(folder: Path, file: Path | None, places: Sequence[Place]) -> Settled:
    """The setup to begin with; raises ConfigError, StateError or UsageError."""
    if file is not None and not file.is_file():
        raise ConfigError(f"{file}: cannot be read: there is no such file; see `serve.web_config`")
    return Settled(folder, file, places)
