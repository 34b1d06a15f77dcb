"""The closed words of verdicts and findings."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(StrEnum):
    """How much it matters, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return list(Severity).index(self)


class Reach(StrEnum):
    """What becomes of a required domain on one road."""

    ALLOWED = "allowed"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    NOT_ROUTED = "not-routed"

    @classmethod
    def over(cls, verdicts: Iterable[Reach]) -> Reach:
        """The verdict over required ports and families; those without a road do not count."""
        found = set(verdicts) - {cls.NOT_ROUTED}
        if len(found) == 1:
            return found.pop()
        if found & {cls.BLOCKED, cls.PARTIAL}:
            return cls.PARTIAL
        return cls.UNKNOWN if found else cls.NOT_ROUTED


SubjectKind = Literal[
    "domain", "rule", "set", "resolver", "proxy", "certificate", "host", "zone", "pack", "suppression", "agent"
]
"""What a finding may be about."""
HOST: Final = "host"
"""The zone of this host's own programs."""
FORWARDED: Final = "forwarded"
"""The zone of bare dumps: packets from anywhere to anywhere."""


def clients_of(zone: str) -> str:
    """Whose traffic it is, in a sentence: ``lan0``, ``this host``, ``forwarded traffic``."""
    return {HOST: "this host", FORWARDED: "forwarded traffic"}.get(zone, zone)


def from_zone(zone: str) -> str:
    """``from lan0``, ``from this host``, or ``for forwarded traffic`` where only dumps are known."""
    return f"{'for' if zone == FORWARDED else 'from'} {clients_of(zone)}"


class Stage(StrEnum):
    """Where on the road it is stopped."""

    DNS = "dns"
    PAC = "pac"
    PROXY = "proxy"
    FIREWALL = "firewall"
    NAT = "nat"
    ROUTE = "route"
    QUIC = "quic"
    TLS = "tls"
    HTTP = "http"
