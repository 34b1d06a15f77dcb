"""Conditions on connection tracking: state, conntrack (conntrack_mt in xt_conntrack.c), and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.firewalls.conntrack import HOLDS, OWN_STATES, RELATED, STATE, boxes, original
from agent.firewalls.iptables import names
from agent.firewalls.iptables.context import READ, any_of, equal, opposite, within
from agent.firewalls.iptables.headers import network
from agent.model.expression import Binary, CtState, Expr, Field, Literal, Opaque
from agent.model.firewall import AnyOf, Match, Step

if TYPE_CHECKING:
    from agent.firewalls.iptables.context import Context
    from agent.firewalls.iptables.save import Option

WORD: Final = 0xFFFFFFFF
WITHOUT_ENTRY: Final = Binary("&", STATE, Literal(CtState.INVALID | CtState.UNTRACKED))
NO_ENTRY: Final = equal(WITHOUT_ENTRY, 0, negated=True)
HAS_ENTRY: Final = equal(WITHOUT_ENTRY, 0)
ERRORS: Final = (1, 58)
OF_THE_PACKET: Final = {
    "--ctorigsrc": Field.SADDR, "--ctorigdst": Field.DADDR, "--ctorigsrcport": Field.SPORT,
    "--ctorigdstport": Field.DPORT,
}  # fmt: skip
"""Where the original tuple stands in the first packet of a connection that no NAT has touched."""


def conntrack(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    """State first; the rest needs a connection, or with ``--ctstate`` is not asked of packets that have none."""
    states = [option for option in options if option.name == "--ctstate"]
    others = [option for option in options if option.name != "--ctstate"]
    steps: list[Step] = [_states(option.args[0], negated=option.negated) for option in states]
    if others and not states:
        steps.append(HAS_ENTRY)
    for option in others:
        alternatives = _alternatives(option, context)
        if not states:
            steps.append(any_of(alternatives, negated=option.negated))
        elif option.negated:
            steps.extend(AnyOf((NO_ENTRY, opposite(one))) for one in alternatives)
        else:
            steps.append(AnyOf((NO_ENTRY, *alternatives)))
    return tuple(steps)


def _states(text: str, *, negated: bool) -> Step:
    listed = [name.lower() for name in text.split(",")]
    nat = [name for name in listed if name in names.CT_NAT_STATES]
    rest = [name for name in listed if name not in names.CT_NAT_STATES]
    alternatives = []
    if rest:
        alternatives.append(_any_bit(STATE, names.flags(",".join(rest), names.CT_STATES)))
    if nat:
        status = READ[Field.CT_STATUS]
        alternatives.append(_any_bit(status, names.flags(",".join(nat), names.CT_NAT_STATES)))
        return AnyOf(tuple(alternatives), negated)  # and not a plain negation: it holds without an entry, too
    return any_of(tuple(alternatives), negated=negated)


def _any_bit(expr: Expr, mask: int) -> Match:
    return equal(Binary("&", expr, Literal(mask)), 0, negated=True)


def _alternatives(option: Option, context: Context) -> tuple[Match, ...]:
    """Conditions of which one must hold, for a packet with a connection."""
    value = option.args[0]
    match option.name:
        case "--ctstatus":
            return (_any_bit(READ[Field.CT_STATUS], names.flags(value, names.CT_STATUS)),)
        case "--ctdir":
            way = names.code(value, {"original": 0, "reply": 1})
            return (within(Field.CT_DIRECTION, (way, way)),)
        case "--ctproto":
            return _protocol(names.protocol(value), str(option))
        case "--ctorigsrc" | "--ctorigdst":
            return original(OF_THE_PACKET[option.name], (network(value, context.family),), str(option))
        case "--ctorigsrcport" | "--ctorigdstport":
            return original(OF_THE_PACKET[option.name], (names.numbers(value),), str(option))
        case _:
            return (equal(Opaque(str(option)), HOLDS[0]),)


def _protocol(number: int, what: str) -> tuple[Match, ...]:
    """The packet's own protocol; but an ICMP error belongs to the connection that it is about."""
    sides = STATE, READ[Field.L4PROTO]
    own = [(state, (number, number)) for state in OWN_STATES]
    own += [(RELATED, (number, number))] if number not in ERRORS else []
    errors = [(RELATED, (error, error), HOLDS) for error in ERRORS]
    return boxes(sides, own), boxes((*sides, Opaque(what)), errors)


def connmark(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """The connection's mark; a packet without a connection never matches."""
    return tuple(_marked(Field.CT_MARK, option) for option in options)


def mark(options: tuple[Option, ...], _context: Context) -> tuple[Step, ...]:
    """The packet's mark."""
    return tuple(_marked(Field.MARK, option) for option in options)


def _marked(where: Field, option: Option) -> Match:
    """``value[/mask]``: the masked mark has just this value."""
    value, mask = names.masked(option.args[0])
    expr: Expr = READ[where] if mask == WORD else Binary("&", READ[where], Literal(mask))
    return equal(expr, value, negated=option.negated)
