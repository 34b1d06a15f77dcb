"""Whether an answer is what we expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import address_text, address_value
from agent.model.resolver import Fate
from tests.daemons.internet import UPSTREAMS, Answer, addresses_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.resolver import NameRule, Outcome, View

CODES = {Fate.NODATA: "NOERROR", Fate.NXDOMAIN: "NXDOMAIN", Fate.REFUSED: "REFUSED", Fate.DROPPED: "TIMEOUT"}


def followed(view: View, name: str, family: int, aliases: Mapping[str, str]) -> tuple[Outcome, NameRule | None]:
    """What a view makes of a question with all aliases on the way and the addresses at their end; who decides."""
    outcome, rule = view.answer(name, family)
    for _ in range(len(aliases) + 2):
        if outcome.fate is Fate.ALIAS:
            target: str | None = outcome.target
        elif outcome.fate is Fate.PASSED_ON:
            target = aliases.get(name)
        else:
            return outcome, rule
        if target is None:
            break
        name = target
        found = (stage.find(name, family) for stage in (*view.by_alias(rule), view.stages[-1]))
        found_rule = next((one for one in found if one is not None), None)
        outcome = found_rule.outcome if found_rule else view.otherwise
        if (
            found_rule is None
            or found_rule.outcome.fate is not Fate.PASSED_ON
            or found_rule not in view.stages[-1].rules
        ):
            rule = found_rule or rule
    for upstream in sorted(one.partition("#")[0] for one in outcome.upstreams):
        value = address_value(addresses_of(upstream)[family])[1]
        for trigger in view.by_address(rule):
            if trigger.family == family and value in trigger.addresses:
                return trigger.outcome if trigger.outcome.fate is not Fate.PASSED_ON else outcome, rule
    return outcome, rule


def agree(ours: Outcome, family: int, theirs: Answer) -> bool:
    """Whether a program's answer is the one that we foretold."""
    if ours.fate in CODES:
        return theirs == Answer(CODES[ours.fate])
    match ours.fate:
        case Fate.PASSED_ON | Fate.ALIAS:
            upstreams = [one.partition("#")[0] for one in ours.upstreams] or UPSTREAMS
            return theirs in [Answer("NOERROR", frozenset({addresses_of(one)[family]})) for one in upstreams]
        case Fate.ADDRESSES:
            return theirs == Answer("NOERROR", frozenset(address_text(value, family) for _, value in ours.addresses))
        case Fate.UNKNOWN:  # dnsmasq: an alias whose target is asked for by others, only while it is in the cache
            return "from the cache only" in ours.because and theirs.rcode == "NOERROR"
        case _:
            return False
