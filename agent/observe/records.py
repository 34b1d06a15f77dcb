"""Observations as the records that leave the house: one JSON object each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.observation import (
    Alert,
    CertificateChain,
    ClientHello,
    Dns,
    FirewallLog,
    GoogleHello,
    HttpRequest,
    HttpResponse,
    IcmpError,
    Observation,
    QuicHello,
    QuicLog,
    QuicPacket,
    Reset,
    ServerHello,
    TlsLog,
)

if TYPE_CHECKING:
    from agent.model.observation import Message

KINDS: Final[dict[type[Message], tuple[str, str | None]]] = {
    Dns: ("dns", None),
    ClientHello: ("tls", "client_hello"),
    ServerHello: ("tls", "server_hello"),
    CertificateChain: ("tls", "certificate"),
    Alert: ("tls", "alert"),
    QuicHello: ("quic", "client_hello"),
    GoogleHello: ("quic", "chlo"),
    QuicPacket: ("quic", None),
    HttpRequest: ("http", "request"),
    HttpResponse: ("http", "response"),
    IcmpError: ("icmp", None),
    Reset: ("tcp", "rst"),
    TlsLog: ("tls", "logged"),
    QuicLog: ("quic", "logged"),
    FirewallLog: ("firewall", "logged"),
}
"""``type`` and ``event`` of each message; without an event the message itself tells."""


def line(observation: Observation) -> bytes:
    """One record of JSON Lines, with its line end."""
    message = observation.message
    kind, event = KINDS[type(message)]
    head: dict[str, Any] = {"type": kind}
    if event is not None:
        head["event"] = event
    head["timestamp"] = observation.timestamp
    head["src_ip"] = observation.src_ip
    head["dest_ip"] = observation.dest_ip
    if observation.transport is not None:
        head["src_port"] = observation.src_port
        head["dest_port"] = observation.dest_port
        head["transport"] = observation.transport
    elif observation.sensor is not None and (observation.src_port, observation.dest_port) != (None, None):
        head["src_port"] = observation.src_port
        head["dest_port"] = observation.dest_port
    if observation.vlan:
        head["vlan"] = observation.vlan
    if observation.tunnel:
        head["tunnel"] = observation.tunnel
    if observation.iface is not None:
        head["iface"] = observation.iface
    if observation.sensor is not None:
        head["sensor"] = observation.sensor
    if observation.via is not None and isinstance(message, ClientHello):
        head["via"] = observation.via.how
        if observation.via.connect_host is not None:
            head["connect_host"] = observation.via.connect_host
    # two objects written behind each other: joining them as dictionaries takes longer than writing them
    return orjson.dumps(head)[:-1] + b"," + orjson.dumps(message)[1:] + b"\n"
