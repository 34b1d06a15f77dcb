"""Which messages show the name that they are for, and which hide it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agent.model.evidence import DAY, Day, Loss, Visibility
from agent.model.observation import ClientHello, Dns, QuicHello, QuicPacket
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from agent.model.observation import Observation

DOH: Final = frozenset({
    # net/dns/public/doh_provider_entry.cc of Chromium: those that Chrome changes to by itself, or offers
    "chrome.cloudflare-dns.com", "chromium.dns.nextdns.io", "dns.google", "dns.levonet.sk", "dns.quad9.net",
    "dns10.quad9.net", "dns11.quad9.net", "dns64.dns.google", "doh-01.spectrum.com", "doh-02.spectrum.com",
    "doh.cleanbrowsing.org", "doh.cox.net", "doh.dns.sb", "doh.familyshield.opendns.com", "doh.opendns.com",
    "doh.quickline.ch", "doh.xfinity.com", "family.cloudflare-dns.com", "odvr.nic.cz", "protective.joindns4.eu",
    "public.dns.iij.jp", "security.cloudflare-dns.com",
    # network.trr.uri and doh-rollout of Firefox, and the provider's own name
    "mozilla.cloudflare-dns.com", "firefox.dns.nextdns.io", "cloudflare-dns.com",
})  # fmt: skip
"""Names of servers of DNS over HTTPS that browsers use without being told to; there are many more."""
OUTER: Final = frozenset({"cloudflare-ech.com"})
"""Names in the outer hello that stand for all sites of a provider (Cloudflare's documentation of ECH)."""
DNS_TLS: Final = 853
"""RFC 7858 over TCP, RFC 9250 over UDP."""
NOT_UNICAST: Final = frozenset({5353, 5355})
"""mDNS and LLMNR."""
DAYS: Final = 8
FLOWS: Final = 1024
"""Connections whose closed packets are counted once."""


class Visible:
    """Counts by day."""

    def __init__(self) -> None:
        self._days: dict[int, Counter[str]] = {}
        self._closed: Recent[tuple[object, ...], None] = Recent(FLOWS)

    def add(self, observation: Observation) -> None:
        """Count one."""
        message = observation.message
        if isinstance(message, ClientHello):
            self._hello(observation, message, "")
        elif isinstance(message, QuicHello):
            self._hello(observation, message, "quic_")
        elif isinstance(message, Dns):
            if message.event == "query" and observation.dest_port not in NOT_UNICAST:
                self.count(observation.timestamp, "dns")
        elif isinstance(message, QuicPacket) and message.event == "initial_undecryptable":
            ends = frozenset((
                (observation.src_ip, observation.src_port), (observation.dest_ip, observation.dest_port),
            ))  # fmt: skip
            if (ends,) not in self._closed:
                self._closed.put((ends,), None)
                self.count(observation.timestamp, "quic_closed")

    def count(self, timestamp: float, what: str, number: int = 1) -> None:
        """Count something of one day; the oldest gives way to a ninth."""
        day = int(timestamp) // DAY
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= DAYS:
                del self._days[min(self._days)]
            found = self._days[day] = Counter()
        found[what] += number

    def days(self) -> tuple[Day, ...]:
        """All that was counted."""
        losses = frozenset(Loss.__dataclass_fields__)
        return tuple(
            Day(
                number=number,
                visibility=Visibility(**{what: n for what, n in counts.items() if what not in losses}),
                loss=Loss(**{what: n for what, n in counts.items() if what in losses}),
            )
            for number, counts in sorted(self._days.items())
        )

    def _hello(self, observation: Observation, message: ClientHello | QuicHello, prefix: str) -> None:
        name = message.sni.lower().removesuffix(".") if message.sni is not None else None
        at = observation.timestamp
        if message.ech:
            self.count(at, f"{prefix}ech")
            if name in OUTER:
                self.count(at, f"{prefix}ech_outer")
        else:
            self.count(at, f"{prefix}named" if name else f"{prefix}nameless")
        if prefix and ("doq" in message.alpn or observation.dest_port == DNS_TLS):
            self.count(at, "doq")
        elif not prefix and ("dot" in message.alpn or observation.dest_port == DNS_TLS):
            self.count(at, "dot")
        elif name in DOH:
            self.count(at, "doh")
