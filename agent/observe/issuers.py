"""Who signed a server's certificate: an authority that browsers trust, or something in between that decrypts.

What is seen up to TLS 1.2 only; later versions encrypt certificates. A name is no proof: whoever signs as a public
authority would be believed here. Those who decrypt by policy do not, they use names of their own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.model.names import covers

if TYPE_CHECKING:
    from agent.model.observation import Certificate, CertificateChain

INTERCEPTORS: Final = (
    ("squid", "Squid"), ("mitmproxy", "mitmproxy"), ("fortinet", "Fortinet"), ("fortigate", "Fortinet"),
    ("zscaler", "Zscaler"), ("palo alto", "Palo Alto Networks"), ("blue coat", "Symantec ProxySG"),
    ("bluecoat", "Symantec ProxySG"), ("sophos", "Sophos"), ("kaspersky", "Kaspersky"), ("eset ", "ESET"),
    ("bitdefender", "Bitdefender"), ("avast", "Avast"), ("cisco", "Cisco"), ("umbrella", "Cisco Umbrella"),
    ("netskope", "Netskope"), ("check point", "Check Point"), ("watchguard", "WatchGuard"), ("barracuda", "Barracuda"),
    ("untangle", "Untangle"), ("smoothwall", "Smoothwall"), ("lightspeed", "Lightspeed"), ("securly", "Securly"),
    ("iboss", "iboss"), ("contentkeeper", "ContentKeeper"), ("forcepoint", "Forcepoint"), ("websense", "Forcepoint"),
    ("mcafee", "Trellix"), ("trend micro", "Trend Micro"), ("sonicwall", "SonicWall"), ("pfsense", "pfSense"),
    ("opnsense", "OPNsense"), ("fiddler", "Fiddler"), ("charles proxy", "Charles"), ("burp", "Burp Suite"),
    ("e2guardian", "e2guardian"), ("diladele", "Web Safety"), ("privoxy", "Privoxy"),
)  # fmt: skip
"""Words in names of issuers, as these products write them by default, and what to call the product."""
_PART: Final = re.compile(r"(?:^|[,+])([A-Za-z0-9.]+)=((?:[^,+\\]|\\.)*)")
_ESCAPED: Final = re.compile(r"\\([0-9A-Fa-f]{2}|.)")


@lru_cache(maxsize=1)
def public() -> frozenset[str]:
    """The organisations of public authorities, in lower case."""
    text = Path(__file__).with_name("public_issuers.txt").read_text("utf-8")
    return frozenset(line.casefold() for line in text.splitlines() if line and not line.startswith("#"))


def interception(shown: CertificateChain, name: str) -> tuple[float, str] | None:
    """How sure it is that somebody decrypts, and why; None for a public authority's certificate of that name."""
    if not shown.chain or not shown.chain[0].issuer:
        return None
    leaf = shown.chain[0]
    if not _is_public(shown):
        who = called(leaf)
        own = "signed by itself" if leaf.issuer == leaf.subject else f"issued by {who}, no public authority"
        return (0.95 if who != _plain(leaf.issuer) else 0.9), f"the certificate is {own}"
    if leaf.san and name and not any(_fits(one, name) for one in leaf.san):
        return 0.6, f"the certificate is of a public authority, but for other names than {name}"
    return None


def called(leaf: Certificate) -> str:
    """The product that issued a certificate by what it calls itself, else the name that it gives."""
    low = leaf.issuer.casefold()
    return next((product for word, product in INTERCEPTORS if word in low), _plain(leaf.issuer))


def _is_public(shown: CertificateChain) -> bool:
    """Whether the leaf's issuer, or the end of the chain that leads on from it, is a public authority."""
    issuer = shown.chain[0].issuer
    for one in shown.chain[1:]:
        if one.subject == issuer and one.issuer != one.subject:
            issuer = one.issuer
    return any(_attribute(one, "O").casefold() in public() for one in (shown.chain[0].issuer, issuer))


def _plain(distinguished: str) -> str:
    return _attribute(distinguished, "CN") or _attribute(distinguished, "O") or distinguished or "nobody"


def _attribute(distinguished: str, kind: str) -> str:
    """The value of an attribute in a distinguished name (RFC 4514 §3), empty where there is none."""
    for found in _PART.finditer(distinguished):
        if found[1] == kind:
            return _ESCAPED.sub(_character, found[2])
    return ""


def _character(found: re.Match[str]) -> str:
    return found[1] if len(found[1]) == 1 else chr(int(found[1], 16))


def _fits(pattern: str, name: str) -> bool:
    """Whether a name in a certificate is that of a server (RFC 6125 §6.4.3: a wildcard is one label)."""
    if not pattern.startswith("*."):
        return pattern == name
    return covers(pattern, name) and name.count(".") == pattern.count(".")
