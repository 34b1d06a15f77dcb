"""Lists of destination addresses in rules: named sets, who keeps them, and what they are about."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.model.expression import Concat, Field, IntervalTable, NamedSet, Read
from agent.model.firewall import Match
from agent.model.public import PUBLIC

if TYPE_CHECKING:
    from agent.model.firewall import Rule
    from agent.model.gateway import Gateway

THREATS: Final = frozenset({"CrowdSec", "fail2ban", "sshguard", "FireHOL IP lists"})
"""Tools that keep lists of attackers."""
_THREAT: Final = re.compile(
    r"(?i)threat|block|black|drop|spamhaus|dshield|firehol|abuse|malware|botnet|bogon|attack|ban(ned|list)?\b|bad|tor[_-]"
)
_COUNTRY: Final = re.compile(
    r"(?i)geo|countr|(?:^|[_-])(?:cc|iso)[_-]|^(?:ipv?[46]|v[46])?[_-]?[a-z]{2}[_-]?(?:ipv?[46]|v[46]|[46])?$"
)
COUNTRY_SHARE: Final = 0.002
"""A list of at least this share of the public addresses, in many prefixes, is about countries or networks."""
COUNTRY_PREFIXES: Final = 20


class Nature(StrEnum):
    """What a list is about, as far as its keeper, its name and its size tell."""

    THREATS = "threat list"
    COUNTRIES = "country list"
    OTHER = "list"


def lists_of(rule: Rule) -> tuple[NamedSet, ...]:
    """The named sets that a rule compares destinations with."""
    return tuple(
        step.members
        for step in rule.steps
        if isinstance(step, Match)
        and isinstance(step.members, NamedSet)
        and step.members.name
        and _of_destinations(step)
    )


def follows_names(rule: Rule, gateway: Gateway) -> bool:
    """Whether destinations are chosen by names only: every list is one that a resolver fills."""
    chosen = [step for step in rule.steps if isinstance(step, Match) and _of_destinations(step)]
    return bool(chosen) and all(
        isinstance(step.members, NamedSet) and is_filled(step.members, gateway) for step in chosen
    )


def is_filled(named: NamedSet, gateway: Gateway) -> bool:
    """Whether a resolver fills a set."""
    return any((one.name, one.table) == (named.name, named.table) for one in gateway.filled_sets)


def nature(named: NamedSet, tool: str = "") -> Nature:
    """What a list is about."""
    if tool in THREATS or _THREAT.search(named.name):
        return Nature.THREATS
    keys = named.elements.keys if isinstance(named.elements, IntervalTable) else None
    if keys is not None and len(keys.starts) >= COUNTRY_PREFIXES:
        family = 6 if keys.ends[-1] >= 1 << 32 else 4
        if keys.size() >= COUNTRY_SHARE * PUBLIC[family].size():
            return Nature.COUNTRIES
    return Nature.COUNTRIES if _COUNTRY.search(named.name) else Nature.OTHER


def _of_destinations(step: Match) -> bool:
    parts = step.expr.parts if isinstance(step.expr, Concat) else (step.expr,)
    return Read(Field.DADDR) in parts
