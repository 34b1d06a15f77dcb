"""The settings of resolved.conf(5) up to systemd 258, and those of systemd.network(5) that it obeys."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    DNS FallbackDNS Domains DNSOverTLS DNSStubListener DNSStubListenerExtra ReadEtcHosts ResolveUnicastSingleLabel
    RefuseRecordTypes
""")
"""Read, and followed."""

HARMLESS: Final = _names("LLMNR MulticastDNS Cache CacheFromLocalhost StaleRetentionSec")
"""Cannot change whether a public name gets its addresses: names of the local network, caches."""

OPEN: Final = {
    "DNSSEC": "all names fail where a server does not support DNSSEC",
    "ReadStaticRecords": "records of its own may stand for a name",
}
"""Not followed, and why that may matter."""

WELL: Final = {
    "DNSSEC": _names("no false off 0 f n allow-downgrade"),
    "ReadStaticRecords": _names("no false off 0 f n"),
}
"""Values of these that do not matter."""


def doubt_about(key: str, value: str) -> str:
    """Why it matters that a setting is not followed; empty where it does not. What systemd does not know it ignores."""
    return OPEN[key] if key in OPEN and value and value.lower() not in WELL[key] else ""
