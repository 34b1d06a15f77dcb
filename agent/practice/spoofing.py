"""Packets whose source address cannot be their sender's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.packet import PROTOCOLS
from agent.judge.reach import Question
from agent.judge.zones import own_addresses
from agent.model.intervals import address_value
from agent.model.public import PUBLIC

if TYPE_CHECKING:
    from agent.model.gateway import Zone
    from agent.practice.rule import Case

FORGED: Final = {4: "9.9.9.10", 6: "2620:fe::10"}
"""Public addresses that belong to no client: those of a public resolver."""


def passes_forged(case: Case, zone: Zone, family: int) -> bool:
    """Whether a packet from a zone's interface with such an address certainly gets to some public address."""
    value = address_value(FORGED[family])[1]
    clients = zone.source_addresses(family)
    if clients is None or value in clients:
        return False
    question = Question(family, PROTOCOLS["tcp"], 443, zone.interface, value)
    space = PUBLIC[family] - own_addresses(case.gateway.network, family)
    return bool(case.prover.reach(question, space).accept)
