"""What is not read to its end because nobody wants it changes nothing of what is said of the rest."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import dns.message
import pytest

from agent.model.observation import Dns
from agent.observe.inference import Inference
from agent.observe.privacy import Names
from agent.observe.tally import Tally
from agent.wire.beside import Beside
from agent.wire.dissect import Dissector
from tests.observe.talk import EXACT, NAME, NEED, Packet, Talk, said
from tests.observe.test_inference import conversations

if TYPE_CHECKING:
    from agent.model.evidence import Observed
    from agent.model.outcome import Outcome

NAMES = Names((NEED, EXACT))


def noise(seed: int) -> list[Packet]:
    """Questions for other names, most of them answered, by a resolver whose answers have always the same TTL."""
    random = Random(seed)
    found: list[Packet] = []
    for number in range(60):
        talk = Talk(port=7000 + number, begin=999.0 + random.random() * 3)
        name = f"n{random.randrange(40)}.example"
        talk.udp(9000 + number % 30, dns.message.make_query(name, "A", id=number).to_wire())
        if random.random() < 0.9:
            rcode = random.choice(("NOERROR", "NOERROR", "NXDOMAIN", "SERVFAIL"))
            talk.udp(9000 + number % 30, said(name, "192.0.2.1", number=number, rcode=rcode), theirs=True)
        found += talk.packets
    # an answer about a required name that came from elsewhere
    odd = Talk(port=8000, begin=1003.0)
    odd.udp(5999, dns.message.make_query(NAME, "A", id=999).to_wire())
    found += odd.udp(5999, said(NAME, "192.0.2.9", number=999), theirs=True, ttl=30, wait=0.0001).packets
    found += Talk(port=8001, begin=1003.5).udp(5998, dns.message.make_query(NAME, "A", id=998).to_wire()).packets
    return found


def watched(packets: list[Packet], beside: Beside | None) -> tuple[list[Outcome], Observed, Counter[str], int]:
    """Outcomes, evidence, messages of DNS, and what was malformed."""
    inference, tally = Inference((NEED, EXACT)), Tally((NEED, EXACT), b"key")
    dissector = Dissector(live=True, watch=inference, beside=beside)
    outcomes: list[Outcome] = []
    counts: Counter[str] = Counter()
    for at, frame in packets:
        for one in dissector.take(at, 1, frame):
            tally.add(one)
            if isinstance(one.message, Dns):
                counts[one.message.event] += 1
        outcomes += inference.tick(at)
    outcomes += inference.finish(packets[-1][0] + 9)
    if beside is not None:
        begin = beside.begin
        questions, answers = beside.counted()
        tally.beside(begin, questions)
        counts += Counter(query=sum(questions.values()), response=answers)
    tally.tick(packets[-1][0])
    return outcomes, tally.observed(), counts, dissector.malformed


@pytest.mark.parametrize("seed", range(12))
def test_outcomes_and_evidence_stay_the_same(seed: int) -> None:
    packets = sorted([*conversations(seed), *noise(seed)])
    beside = Beside(NAMES.all())
    found = watched(packets, beside)
    assert found == watched(packets, None)
    assert found[2].total() > 100
