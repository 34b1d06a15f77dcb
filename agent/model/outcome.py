"""What became of a required name's query or connection, as the wire shows it: a closed vocabulary, and the evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from agent.model.record import record


class Fate(StrEnum):
    """The vocabulary; the descriptions name the least evidence of each."""

    OK = "ok"
    """An answer with an address, or a handshake that the server took part in."""
    INCONCLUSIVE = "inconclusive"
    """It failed, but nothing tells blocking from a lost packet, a dead server or a client that went away."""
    DNS_NXDOMAIN = "dns-nxdomain"
    DNS_REFUSED = "dns-refused"
    DNS_SERVFAIL = "dns-servfail"
    DNS_NO_ANSWER = "dns-no-answer"
    """Asked at least three times, while the same resolver answered about other names."""
    DNS_SINKHOLE = "dns-sinkhole"
    """The answer leads to no public address."""
    DNS_FORGED = "dns-forged"
    """Two answers to one query that differ, or an answer that says itself that it is made up (RFC 8914)."""
    TCP_UNANSWERED = "tcp-unanswered"
    TCP_REFUSED = "tcp-refused"
    TCP_RESET_AFTER_SYN = "tcp-reset-after-syn"
    """Reset between the handshake of TCP and the first data."""
    TCP_RESET_AFTER_HELLO = "tcp-reset-after-hello"
    RESET_INJECTED = "reset-injected"
    """A reset that the server did not send: its TTL, IP id or sequence number are not those of the flow."""
    TLS_SILENT_AFTER_HELLO = "tls-silent-after-hello"
    TLS_ALERT = "tls-alert"
    TLS_INTERCEPTED = "tls-intercepted"
    """The certificate is not of a public issuer, or not for this name (TLS up to 1.2 only)."""
    TLS_WEAK = "tls-weak"
    """The handshake succeeded with a version or a cipher suite that is broken (RFC 7465, 7568, 8996)."""
    HTTP_BLOCK_PAGE = "http-block-page"
    HTTP_PROXY_DENIED = "http-proxy-denied"
    ICMP_PROHIBITED = "icmp-prohibited"
    QUIC_BLOCKED_TCP_OK = "quic-blocked-tcp-ok"


PASSED: Final = frozenset({Fate.OK, Fate.TLS_WEAK, Fate.TLS_INTERCEPTED, Fate.QUIC_BLOCKED_TCP_OK})
"""What reaches the server, or something that answers for it, all the same."""


class OutcomeStage(StrEnum):
    """Where it was decided."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    QUIC = "quic"
    HTTP = "http"


@record
class Clue:
    """One packet, or several of a kind, that speak for an outcome."""

    at: float
    """Seconds since 1970."""
    what: str
    """In words: ``RST with TTL 63, the server's packets have 52``."""
    facts: tuple[tuple[str, str | int], ...] = ()
    """Numbers and addresses in it, by the field names of observations; addresses of clients are masked when live."""


@record
class Outcome:
    """What became of one query or connection; the client is the source, the resolver or server the destination."""

    timestamp: float
    """Seconds since 1970 of the packet that decided it, or of the moment when the waiting ended."""
    pack: str
    domain: str
    """The pattern of the pack."""
    name: str
    """The name that was asked for, covered by the pattern."""
    zone: str | None
    """Where the client is; None where that is not known, as in a capture."""
    fate: Fate
    confidence: float
    """0 to 1: how sure it is that the fate is what its word says."""
    stage: OutcomeStage
    src_ip: str
    src_port: int | None
    dest_ip: str
    dest_port: int | None
    transport: str
    evidence: tuple[Clue, ...]

    @property
    def blocked(self) -> bool:
        """Whether something stopped it."""
        return self.fate is not Fate.INCONCLUSIVE and self.fate not in PASSED
