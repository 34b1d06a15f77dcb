"""What is added up of observations and outcomes: addresses, fates, companions, webhooks, and what shows its name."""

from __future__ import annotations

import random
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.evidence import DAY, SLOT, Observed, Visibility, by_slot
from agent.model.observation import Dns, ExtendedError, Observation, QuicPacket, Via
from agent.model.outcome import Clue, Fate, Outcome, OutcomeStage
from agent.observe.merge import merge, pruned
from agent.observe.tally import Tally
from tests.observe.told import (
    CLIENT,
    NAME,
    NEED,
    NOON,
    SERVER,
    address,
    answer,
    hello,
    outcome,
    query,
    quic,
    reply,
    request,
)

KEY = bytes(32)


def tallied(*taken: Observation | Outcome, companions: bool = False) -> Observed:
    tally = Tally([NEED], KEY, companions=companions)
    for one in taken:
        if isinstance(one, Outcome):
            tally.outcome(one)
        else:
            tally.add(one)
    return tally.observed()


# ---- addresses ----


def test_addresses_come_from_answers_through_the_chain_and_from_connections() -> None:
    chain = (NAME, "x.cdn.example")
    observed = tallied(
        answer(address("8.30.1.1", "x.cdn.example"), address("2600::7", "x.cdn.example"), chain=chain),
        answer(address("8.30.1.1"), at=NOON + 60),
        hello(server="8.30.9.9", port=8443),
    )
    (domain,) = observed.domains
    found = {one.address: one for one in domain.addresses}
    assert list(found) == ["2600::7", "8.30.1.1", "8.30.9.9"]
    one = found["8.30.1.1"]
    assert (one.first, one.last, one.count, one.answered, one.ports) == (NOON, NOON + 60, 2, True, ())
    assert (found["8.30.9.9"].answered, found["8.30.9.9"].ports) == (False, ("tcp/8443",))
    assert {found["2600::7"].family, one.family} == {4, 6}


def made_up(code: int) -> Observation:
    observation = answer(address(SERVER))
    assert isinstance(observation.message, Dns)
    return replace(observation, message=replace(observation.message, ede=(ExtendedError(code, ""),)))


@pytest.mark.parametrize(
    "taken",
    [
        answer(address(SERVER), name="www.other.example"),
        answer(address(SERVER, "www.other.example")),  # in the answer, but not of what was asked
        answer(address("10.1.2.3"), address("0.0.0.1"), address("::1")),
        made_up(15),
        hello("www.other.example"),
        replace(hello(), via=Via("http-connect", f"{NAME}:443")),  # the address is that of a proxy
        hello(server="192.168.7.9"),
        replace(hello(), timestamp=-1.0),
        replace(hello(), timestamp=1e300),
    ],
)
def test_what_is_no_address_of_a_domain(taken: Observation) -> None:
    assert not tallied(taken).domains


def test_an_answer_with_an_error_that_does_not_mean_blocking_counts() -> None:
    assert tallied(made_up(3)).domains[0].addresses


def test_addresses_fare_as_their_connections_do() -> None:
    observed = tallied(
        outcome(Fate.OK),
        outcome(Fate.TCP_UNANSWERED, stage=OutcomeStage.TCP),
        outcome(Fate.ICMP_PROHIBITED, stage=OutcomeStage.TCP),
        outcome(Fate.INCONCLUSIVE),
        outcome(Fate.DNS_NXDOMAIN, stage=OutcomeStage.DNS, server="8.8.8.8", port=53, transport="udp"),
        outcome(Fate.HTTP_PROXY_DENIED, stage=OutcomeStage.HTTP, server="8.9.9.9", port=3128),
    )
    (one,) = observed.domains[0].addresses
    assert (one.address, one.passed, one.dropped, one.unknown, one.ports) == (SERVER, 1, 2, 1, ("tcp/443",))


# ---- outcomes ----


def test_outcomes_are_counted_by_place_and_end() -> None:
    clients = ["192.168.7.20", "192.168.7.21", "192.168.7.20"]
    taken = [
        outcome(Fate.TCP_UNANSWERED, NOON + at * SLOT, confidence=confidence, stage=OutcomeStage.TCP, client=client)
        for at, (confidence, client) in enumerate(zip([0.5, 0.8, 0.95], clients, strict=True))
    ]
    observed = tallied(*taken, outcome(Fate.TCP_UNANSWERED, zone="lan1", stage=OutcomeStage.TCP))
    first, second = observed.domains[0].outcomes
    assert (first.zone, second.zone) == ("lan0", "lan1")
    assert (first.count, first.clients, first.confidence, first.port, first.family, first.road) == (
        3, 2, 0.95, "tcp/443", 4, "direct",
    )  # fmt: skip
    assert [(one.number, one.count, one.likely, one.sure) for one in first.slots] == [
        (NOON // SLOT, 1, 0, 0), (NOON // SLOT + 1, 1, 1, 0), (NOON // SLOT + 2, 1, 1, 1),
    ]  # fmt: skip
    assert first.blocked
    assert not first.passed


def test_an_address_that_is_not_public_is_a_proxy() -> None:
    taken = [outcome(server=f"10.0.0.{number}", port=3128) for number in range(1, 40)]
    roads = {one.road for one in tallied(*taken).domains[0].outcomes}
    assert {"proxy:10.0.0.1:3128", "proxy:others"} < roads
    assert len(roads) == 17


def test_slots_end_with_a_day_before_the_last() -> None:
    taken = [outcome(at=NOON + hour * 3600) for hour in range(60)]
    (one,) = tallied(*taken).domains[0].outcomes
    assert one.count == 60
    assert len(one.slots) == 24
    assert one.slots[-1].number == (NOON + 59 * 3600) // SLOT


def test_the_example_is_that_of_the_best_without_the_client() -> None:
    secret = Clue(NOON, f"RST to {CLIENT}", (("src_ip", CLIENT), ("src_port", 40000), ("dest_ip", SERVER), ("ttl", 63)))
    observed = tallied(
        outcome(Fate.RESET_INJECTED, clues=(secret,)),
        outcome(Fate.RESET_INJECTED, confidence=0.3, clues=(Clue(NOON, "weaker"),)),
    )
    (clue,) = observed.domains[0].outcomes[0].example
    assert clue == Clue(NOON, "RST to the client", (("dest_ip", SERVER), ("ttl", 63)))
    assert CLIENT.encode() not in orjson.dumps(observed)


# ---- companions ----


def visit(client: str, name: str = "assets.cdn-of-it.net", at: float = NOON, after: float = 2.0) -> list[Observation]:
    return [query(NAME, at, client), query(name, at + after, client), hello(name, at + after + 0.1, client=client)]


def clients(number: int) -> list[str]:
    return [f"192.168.7.{one}" for one in range(20, 20 + number)]


def test_a_companion_is_known_from_three_clients_on() -> None:
    three = tallied(*(one for client in clients(3) for one in visit(client)), companions=True)
    (found,) = three.companions
    assert (found.name, found.pattern, found.count, found.clients, found.elsewhere) == (
        "assets.cdn-of-it.net", NEED.pattern, 3, 3, 0,
    )  # fmt: skip
    two = [one for client in clients(2) for one in visit(client)]
    again = [one for client in clients(2) for one in visit(client, at=NOON + 3600)]
    assert not tallied(*two, *again, companions=True).companions


def test_companions_are_off_unless_asked_for() -> None:
    assert not tallied(*(one for client in clients(9) for one in visit(client))).companions


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("assets.cdn-of-it.net", 11.0),
        ("assets.cdn-of-it.net", -1.0),
        ("api.livechat.com", 1.0),
        ("printer.local", 1.0),
        ("wiki.corp", 1.0),
        ("localhost", 1.0),
        ("20.7.168.192.in-addr.arpa", 1.0),
        ("10.0.0.1", 1.0),
        ("a b.net", 1.0),
        ("x" * 64 + ".net", 1.0),
        ("", 1.0),
    ],
)
def test_no_companions(name: str, after: float) -> None:
    taken = [one for client in clients(5) for one in visit(client, name, after=after)]
    assert not tallied(*taken, companions=True).companions


def test_names_below_three_clients_are_nowhere_in_memory_in_clear() -> None:
    tally = Tally([NEED], KEY, companions=True)
    for client in clients(2):
        for one in visit(client, "planted-secret.net"):
            tally.add(one)
    assert tally._companions is not None
    found = [(key, one.name) for key, one in tally._companions._found.items()]
    assert len(found) == 1
    held = [found, tally._companions._asked.items(), tally._companions._elsewhere.items()]
    assert "planted" not in repr(held)


def test_what_is_asked_for_elsewhere_is_counted() -> None:
    beside = [one for client in clients(3) for one in visit(client)]
    alone = [query("assets.cdn-of-it.net", NOON + 7200, client) for client in clients(3)]
    assert tallied(*beside, *alone, companions=True).companions[0].elsewhere == 3


# ---- webhooks and visibility ----


def test_webhooks_and_their_answers() -> None:
    agent = NEED.webhook_agents[0]
    observed = tallied(
        request(agent), reply(100), reply(403),
        request(agent, NOON + 1, 50001), reply(200, NOON + 1, 50001), reply(500, NOON + 2, 50001),
        request("curl/8", NOON + 3, 50002), reply(418, NOON + 3, 50002),
        request(agent, NOON + 4, 50003), request("curl/8", NOON + 5, 50003), reply(418, NOON + 5, 50003),
    )  # fmt: skip
    (found,) = observed.webhooks
    assert (found.pack, found.agent, found.count, found.first, found.last) == (
        "livechat", agent, 3, NOON, NOON + 4,
    )  # fmt: skip
    assert found.statuses == ((200, 1), (403, 1))


def closed(port: int) -> Observation:
    packet = QuicPacket("initial_undecryptable", "v1", "", "")
    return Observation(NOON, CLIENT, SERVER, port, 443, "udp", packet)


def test_what_shows_its_name() -> None:
    observed = tallied(
        hello(), hello("www.other.example"), hello(None), hello(ech=True), hello("cloudflare-ech.com", ech=True),
        hello("dns.google"), hello("one.one.one.one", port=853), hello("x.example", alpn=("dot",)),
        quic(), quic(None), quic("x.example", alpn=("doq",)), quic("dns.google", port=853), quic("dns.quad9.net"),
        closed(1), closed(1), closed(2),
        query("www.other.example"), query("printer.local", port=5353), answer(address(SERVER)),
    )  # fmt: skip
    assert observed.visibility == Visibility(
        named=5,
        nameless=1,
        ech=2,
        ech_outer=1,
        quic_named=4,
        quic_nameless=1,
        quic_closed=2,
        dns=1,
        dot=2,
        doq=2,
        doh=2,
    )
    assert observed.visibility.hellos == 15
    assert observed.visibility.ratio == (9 / 15, 10 / 15)
    assert Visibility().ratio is None


def test_losses_of_the_tap_are_counted_once() -> None:
    tally = Tally([NEED], KEY)
    tally.tick(NOON)
    for packets, drops in ((10, 0), (30, 5), (30, 5)):
        tally.lost(packets, drops)
        observed = tally.observed()
    assert (observed.loss.packets, observed.loss.drops) == (30, 5)


# ---- bounds, age, sums ----


def test_memory_is_bounded_whatever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.observe.tally.ADDRESSES", 20)
    monkeypatch.setattr("agent.observe.tally.OUTCOMES", 10)
    tally = Tally([NEED], KEY, companions=True)
    for number in range(300):
        tally.add(answer(address(f"8.30.{number // 250}.{number % 250 + 1}"), at=NOON + number))
        tally.add(hello(port=number))
        tally.outcome(outcome(Fate.TCP_REFUSED, port=number, client=f"10.0.{number // 250}.{number % 250}"))
        tally.outcome(outcome(Fate.TCP_REFUSED, client=f"10.0.{number // 250}.{number % 250}", zone="z"))
    observed = tally.observed()
    (domain,) = observed.domains
    assert len(domain.addresses) == 20
    assert len(domain.outcomes) == 10
    assert max(len(one.ports) for one in domain.addresses) <= 8
    assert max(one.clients for one in domain.outcomes) == 64
    assert observed.loss.forgotten == tally.observed().loss.forgotten > 500


def test_many_domains_share_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.observe.tally.ALL_ADDRESSES", 400)
    monkeypatch.setattr("agent.observe.merge.ALL_ADDRESSES", 400)
    needs = [replace(NEED, pattern=f"*.d{number}.net") for number in range(4)]
    tally = Tally(needs, KEY)
    for number in range(600):
        name = f"www.d{number % 4}.net"
        tally.add(answer(address(f"8.30.{number // 250}.{number % 250 + 1}", name), name=name))
    observed = tally.observed()
    assert [len(one.addresses) for one in observed.domains] == [100] * 4
    assert [len(one.addresses) for one in merge(observed, observed).domains] == [100] * 4


def test_what_is_a_week_old_is_forgotten() -> None:
    old = tallied(
        answer(address("8.30.1.1")), outcome(), *(one for client in clients(3) for one in visit(client)),
        request(NEED.webhook_agents[0]), companions=True,
    )  # fmt: skip
    assert pruned(old, NOON + 6 * DAY) == old
    empty = pruned(old, NOON + 8 * DAY + 60)
    assert (empty.domains, empty.companions, empty.webhooks, empty.days) == ((), (), (), ())
    tally = Tally([NEED], KEY)
    tally.add(answer(address("8.30.1.1")))
    tally.outcome(outcome())
    tally.tick(NOON + 8 * DAY)
    assert not tally.observed().domains


FATES = st.sampled_from([Fate.OK, Fate.TCP_UNANSWERED, Fate.INCONCLUSIVE, Fate.TLS_ALERT])
TAKEN = st.one_of(
    st.builds(
        outcome, FATES, st.integers(0, 3 * DAY).map(lambda one: NOON + one), confidence=st.sampled_from([0.3, 0.7, 0.9]),
        zone=st.sampled_from(["lan0", None]), client=st.sampled_from(clients(3)), port=st.sampled_from([80, 443]),
        server=st.sampled_from([SERVER, "2600::1"]),
    ),
    st.builds(lambda host, at: answer(address(f"8.30.1.{host}"), at=NOON + at), st.integers(1, 9), st.integers(0, DAY)),
    st.builds(hello, st.sampled_from([NAME, "x.example", None]), ech=st.booleans()),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(TAKEN, min_size=1, max_size=40), st.data())
def test_parts_put_together_are_the_whole(taken: list[Observation | Outcome], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(taken)))
    first, second = tallied(*taken[:cut]), tallied(*taken[cut:])
    if not cut or cut == len(taken):
        return
    whole, both = tallied(*taken), merge(first, second)
    assert both.visibility == whole.visibility
    assert (both.since, both.until) == (whole.since, whole.until)
    assert [one.addresses for one in both.domains] == [one.addresses for one in whole.domains]
    for one, other in zip(both.domains, whole.domains, strict=True):
        assert by_slot(one.outcomes) == by_slot(other.outcomes)
        assert [(each.count, each.first, each.last, each.confidence) for each in one.outcomes] == [
            (each.count, each.first, each.last, each.confidence) for each in other.outcomes
        ]
    assert merge(second, first).domains[0].addresses == both.domains[0].addresses if both.domains else True


@given(st.lists(TAKEN, max_size=30), st.integers())
def test_the_order_of_packets_does_not_matter(taken: list[Observation | Outcome], seed: int) -> None:
    other = list(taken)
    random.Random(seed).shuffle(other)

    def shape(observed: Observed) -> bytes:
        plain = [
            replace(one, outcomes=tuple(replace(each, example=()) for each in one.outcomes)) for one in observed.domains
        ]
        return orjson.dumps(replace(observed, domains=tuple(plain)))

    assert shape(tallied(*taken)) == shape(tallied(*other))
