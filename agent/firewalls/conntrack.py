"""What a packet's connection had in its first packet: known as long as nothing was translated.

iptables asks by ``-m conntrack --ctorigdst``, nftables by ``ct original ip daddr``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.expression import Binary, Box, BoxTable, Concat, CtState, Field, Literal, NamedSet, Opaque, Read
from agent.model.firewall import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.expression import Expr
    from agent.model.intervals import Interval

STATE: Final = Read(Field.CT_STATE)
TRANSLATED: Final = Binary("&", Read(Field.CT_STATUS), Literal(48))  # IPS_SRC_NAT, IPS_DST_NAT
BYTE: Final = (0, 255)
RELATED: Final = (int(CtState.RELATED), int(CtState.RELATED))
OWN_STATES: Final = ((0, CtState.RELATED - 1), (CtState.RELATED + 1, 255))
"""A packet in these states belongs to its own connection; an ICMP error is related to another's."""
HOLDS: Final = (1, 1)


def original(where: Field, spans: Sequence[Interval], what: str) -> tuple[Match, Match]:
    """Two conditions, one of which holds if the first packet had such a value.

    This packet's own value counts, unless it is a reply, translated or an error: then nothing is known.
    """
    sides = STATE, Read(Field.CT_DIRECTION), TRANSLATED
    own = [(state, (0, 0), (0, 0), span) for state in OWN_STATES for span in spans]
    other = [
        (RELATED, BYTE, BYTE, HOLDS),
        *((state, (1, 1), BYTE, HOLDS) for state in OWN_STATES),
        *((state, (0, 0), (1, 255), HOLDS) for state in OWN_STATES),
    ]
    return boxes((*sides, Read(where)), own), boxes((*sides, Opaque(what)), other)


def boxes(sides: tuple[Expr, ...], some: Sequence[tuple[Interval, ...]]) -> Match:
    """Hold where all sides lie in one of the boxes."""
    return Match(Concat(sides), NamedSet(BoxTable(tuple(Box(one) for one in some))))
