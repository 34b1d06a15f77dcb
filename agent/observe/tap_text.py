"""Observations as lines for people: when, who, what, and which name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.model.observation import (
    Alert,
    CertificateChain,
    ClientHello,
    Dns,
    FirewallLog,
    HttpRequest,
    HttpResponse,
    IcmpError,
    QuicHello,
    QuicLog,
    QuicPacket,
    Reset,
    ServerHello,
    TlsLog,
)

if TYPE_CHECKING:
    from agent.model.observation import Message, Observation
    from agent.observe.privacy import Tie

_ADDRESSES = 3
"""Addresses of an answer that are shown."""


def text(observation: Observation, tie: Tie | None) -> str:
    """One line without its end; the client is the one that is not the server, where that is known."""
    at = time.strftime("%H:%M:%S", time.localtime(observation.timestamp))
    at = f"{at}.{int(observation.timestamp % 1 * 1000):03d}"
    message = observation.message
    what, name = said(message)
    if isinstance(message, Dns):
        back = message.event == "response"
    elif tie is not None:
        back = observation.src_ip == tie.server
    else:
        back = isinstance(message, ServerHello | CertificateChain | HttpResponse)
    client = observation.dest_ip if back else observation.src_ip
    line = f"{at}  {client:<18}  {what:<34}  {name or (tie.name if tie is not None else '')}".rstrip()
    return printable(line)


def printable(line: str) -> str:
    """A line in which nothing steers a terminal: names are what anybody wrote."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in line)


def said(message: Message) -> tuple[str, str | None]:
    """What a message is in a few words, and the name in it."""
    match message:
        case Dns(event="query"):
            return f"DNS asks {message.qtype}", message.qname
        case Dns():
            found = [one.data for one in message.answers if one.type in {"A", "AAAA"}]
            more = " ..." if len(found) > _ADDRESSES else ""
            answer = " ".join(found[:_ADDRESSES]) + more if found else ""
            return f"DNS {message.qtype} {message.rcode} {answer}".rstrip(), message.qname
        case ClientHello():
            version = message.supported_versions[0] if message.supported_versions else message.legacy_version
            return f"TLS hello {version}{' ECH' if message.ech else ''}", message.sni
        case ServerHello():
            return f"TLS answer {message.version}", None
        case CertificateChain():
            return f"TLS certificate by {message.chain[0].issuer}" if message.chain else "TLS certificate", None
        case Alert():
            return f"TLS alert {message.description or 'encrypted'}", None
        case QuicHello():
            return f"QUIC hello {message.version}", message.sni
        case QuicPacket():
            return f"QUIC {message.event.replace('_', ' ')}", None
        case HttpRequest():
            return f"HTTP {message.method}", message.connect_host or message.host
        case HttpResponse():
            return f"HTTP status {message.status}", None
        case IcmpError():
            return f"ICMP {message.event.replace('_', ' ')} {message.icmp_type}/{message.icmp_code}", None
        case Reset():
            return "TCP reset", None
        case TlsLog() | FirewallLog():
            return _logged(message)


def _logged(message: TlsLog | FirewallLog) -> tuple[str, str | None]:
    if isinstance(message, FirewallLog):
        return f"firewall {message.action or 'logged'} {message.prefix}".rstrip(), None
    kind = "QUIC" if isinstance(message, QuicLog) else "TLS"
    return f"{kind} logged {message.version or ''}".rstrip(), message.sni
