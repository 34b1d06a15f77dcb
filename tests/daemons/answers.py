"""Whether an answer is what we expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import address_text, address_value
from agent.model.resolver import AddressList, Fate, RuleList
from tests.daemons.internet import UPSTREAMS, Answer, addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.resolver import AddressRule, NameRule, Outcome, View

CODES = {
    Fate.NODATA: "NOERROR",
    Fate.NXDOMAIN: "NXDOMAIN",
    Fate.REFUSED: "REFUSED",
    Fate.DROPPED: "TIMEOUT",
    Fate.FAILED: "SERVFAIL",
}


def followed(view: View, name: str, family: int, aliases: Mapping[str, str]) -> tuple[Outcome, NameRule | None]:
    """What a view makes of a question with all aliases on the way and the addresses at their end; who decides.

    A rule that passes a question on decides which stages still look at aliases and addresses.
    """
    last = view.stages[-1] if view.stages else RuleList(())
    outcome, rule = view.answer(name, family)
    free = False
    for _ in range(len(aliases) + 2):
        target = outcome.target if outcome.fate is Fate.ALIAS else aliases.get(name)
        if outcome.fate not in (Fate.ALIAS, Fate.PASSED_ON) or target is None:
            break
        free = free or outcome.settled
        name = target
        stages = (last,) if free else (*view.by_alias(rule), last)
        at = next((at for at, stage in enumerate(stages) if stage.find(name, family)), len(stages))
        found = stages[at].find(name, family) if at < len(stages) else None
        outcome = found.outcome if found else view.otherwise if view.otherwise.upstreams else outcome
        if at < len(stages) - 1 or outcome.fate is not Fate.PASSED_ON:
            rule = found
    asked = sorted(one.partition("#")[0] for one in outcome.upstreams) or UPSTREAMS[:1]
    for upstream in asked if outcome.fate is Fate.PASSED_ON else ():
        value = address_value(addresses_of(upstream)[family])[1]
        for trigger in () if free or outcome.settled else _triggers(view, rule):
            if trigger.family == family and value in trigger.addresses:
                return outcome if trigger.outcome.fate is Fate.PASSED_ON else trigger.outcome, rule
    return outcome, rule


def _triggers(view: View, decider: NameRule | None) -> Iterator[AddressRule]:
    """The rules about addresses that come before a deciding rule (None: all)."""
    for stage in view.stages:
        if isinstance(stage, AddressList):
            yield from stage.rules
        elif isinstance(stage, RuleList) and any(rule is decider for rule in stage.rules):
            return


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
        case Fate.UNKNOWN if "DNS64" in ours.because:  # likewise
            return True
        case Fate.UNKNOWN if "alias" in ours.because and "cache" not in ours.because:  # PowerDNS
            return theirs.rcode == "NOERROR"
        case Fate.UNKNOWN:  # dnsmasq: an alias whose target is asked for by others, only while it is in the cache
            return "from the cache only" in ours.because and theirs.rcode == "NOERROR"
        case _:
            return False
