"""A resolver that clients ask does not check DNSSEC.

Why it matters: without it a forged answer that comes before the true one is believed, and with a cache it is believed
by everybody until it expires; the vendor names this among the reasons why addresses cannot be trusted.
Instead: switch validation on, or pass questions on over TLS to a resolver that validates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = {
    "dnsmasq": "Add dnssec and conf-file=/usr/share/dnsmasq-base/trust-anchors.conf.",
    "unbound": 'Have the validator in module-config: "validator iterator", and set auto-trust-anchor-file.',
    "named": "Set dnssec-validation auto; in options.",
    "pdns_recursor": "Set dnssec=validate.",
    "kresd": "Take trust_anchors.remove('.') away.",
    "systemd-resolved": "Set DNSSEC=yes in resolved.conf.",
    "pihole": "Set dns.dnssec = true in pihole.toml.",
    "adguardhome": "Set enable_dnssec: true, with an upstream that validates.",
}


def find(case: Case) -> Iterator[Hit]:
    """One hit for each resolver."""
    for resolver in case.gateway.resolvers:
        if resolver.safety.validates is False:
            line = resolver.safety.validation
            sources = tuple(source for source in (line or resolver.source,) if source)
            yield Hit(
                f"{resolver.kind} does not check DNSSEC" + (f": {line}" if line else ", which is its default"),
                ("resolver", resolver.kind),
                sources,
                SWITCH.get(resolver.kind, "Switch validation on."),
                tool=resolver.kind,
            )


RULE = Rule("resolver-without-dnssec", "A resolver does not check DNSSEC", Severity.LOW, find)
