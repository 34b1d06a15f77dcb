"""The configuration, ``/etc/gateproof/gateproof.toml``, as frozen settings with a default for everything."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from agent.errors import ConfigError
from agent.model.intervals import prefix_interval
from agent.model.limits import STRICT, Checked, Limits, Written
from agent.model.record import record
from agent.model.vocabulary import Severity
from agent.strict import parse_toml, read_bytes, validate

DEFAULT_FILE: Final = Path("/etc/gateproof/gateproof.toml")
DURATION: Final = re.compile(r"([0-9]{1,6})(s|m|h|d)")
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SIZE: Final = re.compile(r"([0-9]{1,6})(KiB|MiB|GiB)")
BITS: Final = {"KiB": 10, "MiB": 20, "GiB": 30}
LEAST: Final = 1 << 20
"""Bytes; an empty database takes a tenth of it."""
SHORTEST: Final = timedelta(seconds=10)
"""An audit of a large gateway takes seconds; a shorter schedule would be nothing but audits."""


def _duration(value: Any) -> timedelta:
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a time like 90s, 15m, 6h or 1d, in quotes")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def _folder(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("must be an absolute path, in quotes")
    return Path(value)


def _size(value: Any) -> int:
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a size like 512KiB, 64MiB or 2GiB, in quotes")
    return int(match[1]) << BITS[match[2]]


def _place(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("must be an address and a port, for example 127.0.0.1:9817 or [::1]:9817")
    return text


def _prefix(text: str) -> str:
    try:
        prefix_interval(text)
    except ValueError as error:
        raise ValueError(f"must be an address prefix, for example 192.168.7.0/24: {error}") from error
    return text


def _interface(text: str) -> str:
    if not re.fullmatch(r"[^\s/]{1,15}", text):  # dev_valid_name, net/core/dev.c
        raise ValueError("must be the name of an interface, at most 15 characters")
    return text


def duration_text(value: timedelta) -> str:
    """``15m``: a duration as the configuration writes it, in its largest whole unit."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % SECONDS[unit] == 0)
    return f"{seconds // SECONDS[unit]}{unit}" if seconds else "0s"


def size_text(value: int) -> str:
    """``64MiB``: a size as the configuration writes it, in its largest whole unit."""
    unit = next(unit for unit, bits in reversed(BITS.items()) if value % (1 << bits) == 0)
    return f"{value >> BITS[unit]}{unit}"


Duration = Annotated[
    timedelta, Written(_duration, duration_text, {"type": "string", "pattern": f"^{DURATION.pattern}$"})
]
Folder = Annotated[Path, Written(_folder, str, {"type": "string", "pattern": "^/"})]
Size = Annotated[int, Written(_size, size_text, {"type": "string", "pattern": f"^{SIZE.pattern}$"})]
Place = Annotated[str, Checked(_place)]
InterfaceName = Annotated[str, Checked(_interface)]
Prefix = Annotated[str, Checked(_prefix)]
ZoneName = Annotated[str, Limits(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


@record(kw_only=True)
class ZoneSettings:
    """One zone as the administrator names it; without ``sources``, the clients found behind the interface."""

    __pydantic_config__: ClassVar = STRICT
    name: ZoneName
    interface: InterfaceName
    sources: tuple[Prefix, ...] = ()


@record(kw_only=True)
class Schedule:
    """When the daemon audits: ``every`` so often, each time up to ``jitter`` later."""

    __pydantic_config__: ClassVar = STRICT
    every: Duration = timedelta(minutes=15)
    jitter: Duration = timedelta(seconds=30)

    def __post_init__(self) -> None:
        """Refuse what makes no sense; raises ValueError."""
        if self.every < SHORTEST:
            raise ValueError(f"every must be at least {SHORTEST.seconds}s")
        if self.jitter >= self.every:
            raise ValueError("jitter must be shorter than every")


@record(kw_only=True)
class Observe:
    """What is watched of traffic, and what is kept of it."""

    __pydantic_config__: ClassVar = STRICT
    enabled: bool = True
    """Whether the daemon watches; without CAP_NET_RAW it says so once and goes on."""
    interfaces: tuple[InterfaceName, ...] = ()
    """In place of those where clients are and the uplinks."""
    companions: bool = False
    """Whether names that no pack covers are kept where three clients or more ask for them beside a required one."""
    clients: Literal["truncated", "hashed"] = "truncated"
    """What ``gateproof observe`` shows in place of clients' addresses. Evidence holds none."""


@record(kw_only=True)
class Keep:
    """How long findings and events stay after they are resolved, and how much of them."""

    __pydantic_config__: ClassVar = STRICT
    age: Duration = timedelta(days=30)
    size: Size = 64 << 20
    """Of the database. The oldest resolved findings go first; those that are open never do."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense; raises ValueError."""
        if self.size < LEAST:
            raise ValueError(f"size must be at least {size_text(LEAST)}")


@record(kw_only=True)
class Suppressions:
    """Where decisions to live with findings are, and for how long one may be made."""

    __pydantic_config__: ClassVar = STRICT
    file: Folder = Path("/etc/gateproof/suppressions.toml")
    longest: Duration = timedelta(days=90)
    warn: Duration = timedelta(days=7)
    """How long before one lapses it is warned of."""


@record(kw_only=True)
class Serve:
    """Where findings are offered to those who pull them."""

    __pydantic_config__: ClassVar = STRICT
    enabled: bool = True
    listen: tuple[Place, ...] = ("127.0.0.1:9817",)
    """Addresses other than loopback's take TLS, from ``web_config``."""
    socket: Folder | None = Path("/run/gateproof/api.sock")
    """A unix socket; who may open it may read. Left out where its folder is not there."""
    web_config: Folder | None = None
    """A ``web.config.file`` as Prometheus's exporters read it: TLS, users, limits."""
    textfile: Folder | None = None
    """Where node_exporter's textfile collector finds the metrics, where no port may be open: a file that ends in
    ``.prom``."""


@record(kw_only=True)
class Settings:
    """All settings; ``Settings()`` are the defaults."""

    __pydantic_config__: ClassVar = STRICT
    zone: tuple[ZoneSettings, ...] = ()
    """Client zones in place of those found; the host itself is always one."""
    uplinks: tuple[InterfaceName, ...] = ()
    """Interfaces that lead to the internet, in place of those found."""
    packs: tuple[str, ...] = ()
    """Names of the packs to audit; empty: all that are found."""
    pack_folder: Folder = Path("/etc/gateproof/packs")
    """Where the operator's own packs are."""
    schedule: Schedule = Schedule()
    observe: Observe = Observe()
    keep: Keep = Keep()
    serve: Serve = Serve()
    suppressions: Suppressions = Suppressions()
    state_dir: Folder = Path("/var/lib/gateproof")
    fail_on: Severity = Severity.LOW
    """The least severity at which an audit ends with status 1."""

    def __post_init__(self) -> None:
        """Refuse names that mean two things; raises ValueError."""
        names = [zone.name for zone in self.zone]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two zones are named {twice}")
        if "host" in names:
            raise ValueError("the zone name `host` stands for this host itself; choose another")

    def zone_names(self) -> dict[str, str]:
        """The configured name of each interface that is one zone; those that several share are left out."""
        shared = [zone.interface for zone in self.zone]
        return {zone.interface: zone.name for zone in self.zone if shared.count(zone.interface) == 1}


def read_settings(data: bytes, where: str) -> Settings:
    """Settings from TOML; raises ConfigError with file, line, key and what to do."""
    return validate(Settings, parse_toml(data, where))


def load_settings(path: Path | None = None, *, default: Path = DEFAULT_FILE) -> Settings:
    """Settings of the named file, or of the default file where there is one; raises ConfigError."""
    if path is None and not _exists(default):
        return Settings()
    chosen = path or default
    return read_settings(read_bytes(chosen), str(chosen))


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # there, but not for us: the defaults would not be what the administrator wrote
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return True
