"""Answers come back in the kernel where the judge says that they do: sent from the far end, for flows that passed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agent import catalog
from agent.judge.blocks import End
from agent.judge.flow import read_flow
from agent.judge.path import HERE, Path
from agent.judge.routing import Routing
from agent.judge.scalar import ScalarRunner
from agent.model.expression import Field
from agent.model.intervals import Intervals, name_text
from tests.kernel import needs
from tests.kernel.compare import Comparison
from tests.kernel.rulesets import FLAVOURS, make

if TYPE_CHECKING:
    from agent.judge.crossing import Outcome
    from agent.model.gateway import Gateway
    from tests.kernel.flows import Probe
    from tests.kernel.rulesets import Ruleset

pytestmark = needs.kernel
RULESETS = 24


def answers(gateway: Gateway, probe: Probe) -> list[Outcome]:
    """What the judge makes of the answers to a flow."""
    routing = Routing(gateway.network)
    runner = ScalarRunner(routing)
    path = Path(gateway, routing, runner)
    flow = read_flow(json.dumps(probe.as_json()).encode(), 1)
    start = flow.packet()
    passed = path.walk(start, Intervals.single(flow.dst))
    return path.replies(start, passed, runner.interpreter.ledger, None if probe.in_iface else HERE)


def disagreements(comparison: Comparison, ruleset: Ruleset) -> list[str]:
    """Every answer whose fate is another one."""
    trial = comparison.kernel(ruleset)
    went = comparison.laboratory.answer(trial.probes, trial.fates)
    gateway = catalog.read(comparison.snapshot(), frozenset())
    found = []
    for at, where in went.items():
        probe = trial.probes[at]
        ends = {went_to(one) for one in answers(gateway, probe)}
        if where not in ends or (len(ends) > 1 and not ruleset.uncertain):
            found.append(f"{ruleset.flavour} {ruleset.seed}: {probe.as_json()} went {where!r}, judge {sorted(ends)}")
    return found


def went_to(outcome: Outcome) -> str:
    """The link where a packet left, ``local``, or nowhere."""
    if outcome.end is not End.ACCEPT:
        return ""
    return "local" if outcome.delivered else name_text(outcome.load.packet[Field.OIFNAME])


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_kernel_and_judge_agree_on_answers(flavour: str) -> None:
    comparison = Comparison()
    try:
        found = [one for seed in range(RULESETS) for one in disagreements(comparison, make(flavour, seed))]
    finally:
        comparison.close()
    assert not found, "\n".join(found)
