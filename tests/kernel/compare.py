"""One ruleset, many flows: what the kernel does against what ``gateproof trace`` says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_interface
from random import Random
from typing import TYPE_CHECKING

from agent import catalog
from agent.collect import identity
from agent.host.live import LiveHost
from agent.judge.flow import read_flow
from agent.judge.trace import Tracer
from agent.snapshot import Artifact, Snapshot
from tests.kernel.flows import NOWHERE, flows
from tests.kernel.probe import Fate, Laboratory
from tests.kernel.topology import ADDRESSES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.judge.trace import Answer
    from tests.kernel.flows import Probe
    from tests.kernel.rulesets import Ruleset

FLOWS = 32
BROADCASTS = frozenset(str(ip_interface(addresses[0]).network.broadcast_address) for addresses in ADDRESSES.values())
RULE_ARTIFACTS = ("nft.json", "nft-sets", "iptables", "ip6tables", "ipset", "files/proc/net/ip")
"""What changes with the ruleset; the rest of a snapshot is taken once for each topology."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One flow on which kernel and judge differ, with all that is needed to see it again."""

    ruleset: Ruleset
    probe: Probe
    fate: Fate
    answer: Answer

    def __str__(self) -> str:
        fate, answer = self.fate, self.answer
        went = "local" if fate.local else fate.iface
        return "\n".join(
            (
                f"{self.ruleset.flavour} seed {self.ruleset.seed}: kernel {fate.verdict}"
                + (f" ({went}, to {fate.dst} port {fate.dport})" if fate.verdict == "accept" else "")
                + f", trace {json.dumps(answer.to_json())}",
                f"  flow {json.dumps(self.probe.as_json())}",
            )
        )


@dataclass(slots=True)
class Trial:
    """A ruleset's result."""

    ruleset: Ruleset
    probes: list[Probe]
    fates: list[Fate]
    answers: list[Answer] = field(default_factory=list)

    def disagreements(self) -> list[Disagreement]:
        """Every flow whose answers differ."""
        return [
            Disagreement(self.ruleset, probe, fate, answer)
            for probe, fate, answer in zip(self.probes, self.fates, self.answers, strict=True)
            if not agree(self.ruleset, probe, fate, answer)
        ]


class Comparison:
    """Runs trials in one laboratory."""

    def __init__(self) -> None:
        self.laboratory = Laboratory()
        self._host = LiveHost()
        self._facts: dict[str, Artifact] = {}

    def close(self) -> None:
        """Take the laboratory down."""
        self.laboratory.close()

    def kernel(self, ruleset: Ruleset) -> Trial:
        """Send the flows through the kernel."""
        laboratory = self.laboratory
        established = not ruleset.reads_connection
        probes = flows(Random(ruleset.seed), ruleset.families, FLOWS, established=established)
        laboratory.watch()
        packets = laboratory.establish(probes)
        for load in ruleset.loads:
            laboratory.load(load.argv, load.text)
        return Trial(ruleset, probes, laboratory.send(probes, packets))

    def trial(self, ruleset: Ruleset) -> Trial:
        """Send the flows through the kernel, and ask the judge about them."""
        trial = self.kernel(ruleset)
        tracer = Tracer(catalog.read(self.snapshot(), frozenset()))
        lines = (json.dumps(probe.as_json()).encode() for probe in trial.probes)
        trial.answers = [tracer.answer(read_flow(line, number)) for number, line in enumerate(lines, 1)]
        return trial

    def snapshot(self) -> Snapshot:
        """Take a snapshot in the gateway."""
        taken: dict[str, Artifact] = {}
        with self.laboratory.gateway.entered():
            for _ in range(3):
                known = Snapshot(datetime.now(UTC), identity(), {**self._facts, **taken})
                for want in dict.fromkeys(catalog.wants(known)):
                    for artifact in self._host.answer(want):
                        taken[artifact.name] = artifact
        snapshot = Snapshot(datetime.now(UTC), identity(), {**self._facts, **taken})
        self._facts = {
            name: artifact for name, artifact in snapshot.artifacts.items() if not name.startswith(RULE_ARTIFACTS)
        }
        return snapshot


def agree(ruleset: Ruleset, probe: Probe, fate: Fate, answer: Answer) -> bool:
    """Whether the answer is right for what the kernel did."""
    if answer.verdict == "unknown":
        # of what NAT has changed; and what a listing does not tell
        if any("ct original" in reason or "nft joined" in reason for reason in answer.why):
            return True
        return ruleset.uncertain and _names_uncertainty(answer.why)
    if answer.verdict != fate.verdict:
        # the kernel limits errors of unreachable routes, and answers nothing that went to all (icmp_send in icmp.c)
        silent = probe.silent_reject or probe.dst in NOWHERE[4] or answer.dst in BROADCASTS
        return silent and {answer.verdict, fate.verdict} == {"drop", "reject"}
    if fate.verdict != "accept":
        return True
    if ruleset.uncertain and not answer.delivered and not answer.out_iface:  # several ways, all of which accept
        return True
    if answer.dst == fate.dst and answer.dst in BROADCASTS:  # it leaves, and a copy comes back (ip_mc_output)
        return True
    if fate.local != answer.delivered:
        return False
    if not fate.local and fate.iface != answer.out_iface:
        return False
    return answer.dst in ("", fate.dst) and answer.dport in (None, fate.dport)


def _names_uncertainty(why: Iterable[str]) -> bool:
    """Whether a reason is one of the conditions that rulesets.py writes as uncertain."""
    words = ("limit", "numgen", "hour", "statistic", "recent", "hashlimit", "time")
    return any(word in reason for reason in why for word in words)
