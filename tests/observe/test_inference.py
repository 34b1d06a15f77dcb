"""What is said of conversations that are made up: fates, and what must never be said of what went well."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from agent.model.outcome import Fate, Outcome
from agent.observe import crossings, flows, questions, quic_attempts
from agent.observe.inference import Inference
from agent.wire.dissect import Dissector
from tests.observe.talk import ENDS, NAME, NEED, Packet, Talk, fates, judged, said, well
from tests.wire.test_quic import crypto, initial
from tests.wire.test_tls import hello, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@pytest.mark.parametrize("family", [4, 6])
def test_a_handshake_is_well(family: int) -> None:
    (one,) = judged(well(family))
    assert (one.fate, one.confidence, one.stage, one.name, one.domain) == (Fate.OK, 1.0, "tls", NAME, "*.livechat.com")
    assert (one.src_ip, one.src_port, one.dest_ip, one.dest_port) == (ENDS[family][0], 40000, ENDS[family][1], 443)


def test_names_of_nobody_are_nobodys_affair() -> None:
    assert not judged(well(name="www.example.net"))
    assert not judged(Talk().opened().said("www.example.net").tcp("R", 501, theirs=True, ttl=200).packets)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("ttl", "fate"),
    [
        (52, Fate.INCONCLUSIVE),  # as the server's own
        (51, Fate.TCP_RESET_AFTER_HELLO),
        (64, Fate.RESET_INJECTED),
        (200, Fate.RESET_INJECTED),
    ],
)
def test_resets_after_the_hello(family: int, ttl: int, fate: Fate) -> None:
    assert fates(Talk(family).opened().said().tcp("RA", 501, theirs=True, ttl=ttl).packets) == [fate]


def test_a_reset_whose_number_is_not_the_servers() -> None:
    assert fates(Talk().opened().said().tcp("R", 9999, theirs=True).packets) == [Fate.RESET_INJECTED]


def test_a_reset_while_another_name_passes_at_the_address() -> None:
    packets = well(name="www.example.net")
    for port in (40001, 40002):
        packets += Talk(port=port, begin=packets[-1][0] + 1).opened().said().tcp("RA", 501, theirs=True).packets
    found = judged(packets)
    assert [one.fate for one in found] == [Fate.TCP_RESET_AFTER_HELLO] * 2
    assert found[0].confidence < found[1].confidence


@pytest.mark.parametrize("family", [4, 6])
def test_silence_after_the_hello(family: int) -> None:
    talk = Talk(family).opened().said()
    assert fates(talk.packets) == [Fate.INCONCLUSIVE], "once is no silence"
    for wait in (0.2, 0.4, 0.8):
        talk.tcp("PA", 101, record(hello(NAME)), wait=wait)
    assert fates(talk.packets) == [Fate.TLS_SILENT_AFTER_HELLO]
    assert fates(talk.answered().packets) == [Fate.OK], "late, but there"


def test_an_answer_that_was_not_seen_but_acknowledged_is_no_silence() -> None:
    talk = Talk().opened().said()
    for wait in (0.2, 0.4, 0.8):
        talk.tcp("PA", 101, record(hello(NAME)), wait=wait)
    assert fates(talk.tcp("FA", 700, ack=900).packets) == [Fate.INCONCLUSIVE]


def test_an_alert_in_place_of_an_answer() -> None:
    assert fates(Talk().opened().said().tcp("PA", 501, b"\x15\x03\x03\x00\x02\x02\x70", theirs=True).packets) == [
        Fate.TLS_ALERT
    ]


@pytest.mark.parametrize(
    ("family", "code", "source", "fate"),
    [
        (4, 13, None, Fate.ICMP_PROHIBITED),
        (4, 9, None, Fate.ICMP_PROHIBITED),
        (4, 3, None, Fate.ICMP_PROHIBITED),  # from on the way
        (4, 1, None, Fate.INCONCLUSIVE),  # the host is not there
        (4, 0, None, Fate.INCONCLUSIVE),
        (6, 1, None, Fate.ICMP_PROHIBITED),
        (6, 5, None, Fate.ICMP_PROHIBITED),
        (6, 0, None, Fate.INCONCLUSIVE),
    ],
)
def test_errors_of_icmp(family: int, code: int, source: str | None, fate: Fate) -> None:
    talk = Talk(family).opened().said()
    talk.unreachable(code, source)
    assert fates(talk.packets) == [fate]


def test_one_direction_accuses_nobody() -> None:
    whole = (
        Talk()
        .opened()
        .said()
        .tcp("PA", 101, record(hello(NAME)), wait=0.3)
        .tcp("PA", 101, record(hello(NAME)), wait=0.5)
    )
    ours = [one for one in whole.packets if Ether(one[1])[IP].src == ENDS[4][0]]
    assert fates(ours) == [Fate.INCONCLUSIVE]


# ---- DNS ----


def asking(
    *replies: bytes, name: str = NAME, times: int = 1, others: int = 0, ttls: tuple[int, ...] = ()
) -> list[Outcome]:
    """What is said of a question and what came back, with other questions before."""
    talk = Talk()
    for number in range(others):
        talk.udp(6000 + number, dns.message.make_query(f"n{number}.example.org", "A", id=number).to_wire())
        talk.udp(6000 + number, said(f"n{number}.example.org", "23.1.1.1", number=number), theirs=True)
    for _ in range(times):
        talk.udp(5353, dns.message.make_query(name, "A", id=7).to_wire(), wait=1.0)
    for place, reply in enumerate(replies):
        talk.udp(5353, reply, theirs=True, ttl=ttls[place] if ttls else 64)
    return judged(talk.packets, talk.at + 30)


@pytest.mark.parametrize(
    ("reply", "fate", "least"),
    [
        (said(NAME, "23.40.1.2"), Fate.OK, 1.0),
        (said(NAME, "0.0.0.0"), Fate.DNS_SINKHOLE, 0.9),  # noqa: S104 - an answer
        (said(NAME, "127.0.0.1"), Fate.DNS_SINKHOLE, 0.9),
        (said(NAME, "10.9.9.9"), Fate.DNS_SINKHOLE, 0.7),
        (said(NAME, "10.9.9.9", ede=17), Fate.DNS_SINKHOLE, 0.95),
        (said(NAME, "23.40.1.2", ede=4), Fate.DNS_FORGED, 0.95),
        (said(NAME, "23.40.1.2", ede=3), Fate.OK, 1.0),  # stale, but the truth
        (said(NAME, rcode="NXDOMAIN"), Fate.DNS_NXDOMAIN, 0.7),
        (said(NAME, rcode="NXDOMAIN", ede=15), Fate.DNS_NXDOMAIN, 0.95),
        (said(NAME, rcode="NXDOMAIN", soa="livechat.com."), Fate.INCONCLUSIVE, 0.0),  # there may be no such name
        (said(NAME, rcode="REFUSED"), Fate.DNS_REFUSED, 0.7),
        (said(NAME, rcode="SERVFAIL"), Fate.INCONCLUSIVE, 0.0),
        (said(NAME, rcode="SERVFAIL", ede=22), Fate.INCONCLUSIVE, 0.0),
        (said(NAME, rcode="SERVFAIL", ede=16), Fate.DNS_SERVFAIL, 0.9),
        (said(NAME, rcode="FORMERR"), Fate.INCONCLUSIVE, 0.0),
    ],
)
def test_answers(reply: bytes, fate: Fate, least: float) -> None:
    (one,) = asking(reply)
    assert one.fate is fate
    assert one.confidence >= least


def test_a_name_that_must_be_there() -> None:
    (one,) = asking(said("portal.example.net", rcode="NXDOMAIN", soa="example.net."), name="portal.example.net")
    assert one.fate is Fate.DNS_NXDOMAIN


def test_two_answers_to_one_question() -> None:
    one, other = said(NAME, "23.40.1.2"), said(NAME, "203.0.112.9")
    assert [found.fate for found in asking(other, one, ttls=(40, 64))] == [Fate.DNS_FORGED]
    assert [found.fate for found in asking(one, one)] == [Fate.OK], "the same twice"
    assert [found.fate for found in asking(one, other, times=2)] == [Fate.OK], "asked twice, answered twice"


def test_an_answer_from_elsewhere() -> None:
    forged = asking(said(NAME, "203.0.112.9"), others=8, ttls=(200,))
    assert [one.fate for one in forged] == [Fate.OK], "another road alone is no forgery"


def test_silence_about_one_name() -> None:
    assert [one.fate for one in asking(times=3, others=5)] == [Fate.DNS_NO_ANSWER]
    assert [one.fate for one in asking(times=3)] == [Fate.INCONCLUSIVE], "the resolver may be dead"
    assert [one.fate for one in asking(times=1, others=5)] == [Fate.INCONCLUSIVE]


def test_an_inner_address_that_answers_is_well() -> None:
    talk = Talk(server="10.9.9.9")
    talk.udp(5353, dns.message.make_query(NAME, "A", id=7).to_wire()).udp(5353, said(NAME, "10.9.9.9"), theirs=True)
    assert fates(talk.opened().said().answered().packets) == [Fate.OK, Fate.OK]


# ---- what must never be ----


@lru_cache
def conversations(seed: int) -> tuple[Packet, ...]:
    """Several that go well, mixed; hellos come twice at the most, for three in vain are silence."""
    random = Random(seed)
    found: list[Packet] = []
    for number in range(random.randrange(1, 6)):
        talk = Talk(random.choice((4, 6)), 40000 + number, 1000 + random.random())
        talk.opened().said()
        for _ in range(random.randrange(2)):
            talk.tcp("PA", 101, record(hello(NAME)), wait=0.3)
        found += talk.answered().tcp("FA", 700).tcp("FA", 700, theirs=True).tcp("R", 701).packets
        ask = Talk(port=6000 + number, begin=1000 + random.random())
        ask.udp(5000 + number, dns.message.make_query(NAME, "A", id=number).to_wire())
        found += ask.udp(5000 + number, said(NAME, "23.40.1.2", number=number), theirs=True).packets
    return tuple(sorted(found, key=lambda one: one[0]))


def accused(found: Iterable[Outcome]) -> list[Outcome]:
    return [one for one in found if one.blocked]


@settings(max_examples=40)
@given(st.integers(0, 30), st.data())
def test_what_went_well_is_not_blocked_however_much_of_it_is_lost(seed: int, data: st.DataObject) -> None:
    packets = conversations(seed)
    kept = data.draw(st.lists(st.booleans(), min_size=len(packets), max_size=len(packets)))
    assert not accused(judged(one for one, keep in zip(packets, kept, strict=True) if keep))


@settings(max_examples=40)
@given(st.integers(0, 30), st.integers(0, 1 << 30))
def test_what_went_well_is_not_blocked_seen_twice_and_out_of_order(seed: int, shuffle: int) -> None:
    random = Random(shuffle)
    packets = list(conversations(seed))
    for at, frame in conversations(seed):
        if random.random() < 0.5:  # as on the other side of a router
            data = bytearray(frame)
            place = 22 if data[12:14] == b"\x08\x00" else 21
            data[place] -= 1
            packets.append((at + random.random() * 0.005, bytes(data)))
    moved = sorted(packets, key=lambda one: one[0] + random.random() * 0.008)
    assert not accused(judged(moved))


@pytest.mark.parametrize("theirs", [False, True])
def test_one_direction_of_what_went_well_accuses_nobody(theirs: bool) -> None:
    for seed in range(20):
        ours = {ENDS[4][0], ENDS[6][0]}
        half = [one for one in conversations(seed) if (str(Ether(one[1]).payload.src) in ours) != theirs]
        assert not accused(judged(half))


def test_the_same_packets_give_the_same_outcomes() -> None:
    for seed in range(10):
        packets = conversations(seed)
        assert judged(packets) == judged(packets)


def test_the_outcome_stays_with_other_traffic_in_between() -> None:
    blocked = Talk(port=50000, begin=1000.2).opened().said().tcp("R", 501, theirs=True, ttl=200).packets
    for seed in range(10):
        found = judged(sorted([*conversations(seed), *blocked], key=lambda one: one[0]))
        assert [one.fate for one in accused(found)] == [Fate.RESET_INJECTED]


def test_packets_that_were_not_seen_excuse_silence() -> None:
    inference = Inference((NEED,))
    dissector = Dissector(watch=inference)
    talk = Talk().opened().said()
    for wait in (0.2, 0.4, 0.8):
        talk.tcp("PA", 101, record(hello(NAME)), wait=wait)
    for at, frame in talk.packets:
        dissector.take(at, 1, frame)
    inference.dropped(talk.at)
    (one,) = inference.finish(talk.at + 1)
    assert one.fate is Fate.INCONCLUSIVE
    assert "unseen" in one.evidence[-1].what


def floods() -> Iterator[Packet]:
    """What never ends: from ever other clients, for ever other names."""
    random = Random(5)
    for number in range(6000):
        client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        begin = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=client, dst="23.40.1.2", id=number)
        at, name = 1000 + number * 0.001, f"n{number}.livechat.com"
        yield at, bytes(begin / TCP(sport=40000, dport=443, flags="S", seq=random.randrange(1 << 31)))
        yield at, bytes(begin / UDP(sport=5353, dport=53) / dns.message.make_query(name, "A", id=number).to_wire())
        if number % 8 == 0:
            yield at, bytes(begin / TCP(sport=40001, dport=443, flags="PA", seq=1) / record(hello(name)))
            packet = initial(crypto(hello(name)), dcid=number.to_bytes(8, "big"))
            yield at, bytes(begin / UDP(sport=40002, dport=443) / packet)


def test_floods_are_bounded() -> None:
    inference = Inference((NEED,))
    dissector = Dissector(live=True, watch=inference)
    for at, frame in floods():
        dissector.take(at, 1, frame)
    assert len(inference._flows._open) <= flows.OPEN
    assert len(inference._flows._named) <= flows.NAMED
    assert len(inference._questions._open) <= questions.OPEN
    assert len(inference._quics._flows) <= quic_attempts.OPEN
    assert len(inference._crossings._near) <= crossings.KEPT
    assert not accused(inference.finish(1100.0))


def test_a_client_that_is_too_old_is_not_blocked() -> None:
    old = record(hello(NAME, versions=(0x0302, 0x0301)))
    alert = b"\x15\x03\x01\x00\x02\x02\x46"
    assert fates(Talk().opened().tcp("PA", 101, old).tcp("PA", 501, alert, theirs=True).packets) == [Fate.INCONCLUSIVE]
    assert fates(Talk().opened().said().tcp("PA", 501, alert, theirs=True).packets) == [Fate.TLS_ALERT]
