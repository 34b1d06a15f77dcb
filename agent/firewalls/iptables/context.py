"""What the readers of matches and targets share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables.save import Option
from agent.model.expression import Expr, Field, Read
from agent.model.firewall import AnyOf, Match, Step
from agent.model.intervals import Interval, Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.firewalls.iptables.ipset import IpSet

NEVER: Final = Match(Read(Field.NFPROTO), Intervals())
READ: Final = {one: Read(one) for one in Field}


@record
class Context:
    """The family of the dump, the sets of the host, and why sets are missing where they are."""

    family: int
    sets: Mapping[str, IpSet] = field(default_factory=dict)
    why_no_sets: str = "ipset does not list it"


Reader = Callable[[tuple[Option, ...], Context], tuple[Step, ...]]
"""From the options of one extension, under the names of options.py, to steps.

Raises ValueError or IndexError for what is not understood.
"""


def within(where: Field, interval: Interval, *, negated: bool = False) -> Match:
    """The field is in one interval."""
    return Match(READ[where], Intervals.span(*interval), negated)


def equal(expr: Expr, value: int, *, negated: bool = False) -> Match:
    """The expression has one value."""
    return Match(expr, Intervals((value,), (value,)), negated)


def any_of(alternatives: tuple[Match, ...], *, negated: bool) -> Match | AnyOf:
    """One of the conditions holds; one alone stands for itself."""
    if len(alternatives) == 1:
        only = alternatives[0]
        return Match(only.expr, only.members, only.negated is not negated, only.absent_is_outside)
    return AnyOf(alternatives, negated)


def opposite(condition: Match) -> Match:
    """The condition does not hold."""
    return Match(condition.expr, condition.members, not condition.negated, condition.absent_is_outside)
