"""Rates and places, without a network."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.serve.limits import Ceilings, Places, Rate
from agent.serve.peer import peer_of
from agent.serve.problems import Problem
from agent.serve.sockets import place


@given(
    interval=st.floats(0.01, 10),
    burst=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 20), max_size=60),
)
def test_never_more_than_the_rate_and_always_what_it_allows(interval: float, burst: int, pauses: list[float]) -> None:
    now = 0.0
    rate = Rate(interval, burst, lambda: now)
    taken: list[float] = []
    for pause in pauses:
        now += pause
        try:
            rate.check("client")
        except Problem as problem:
            # whoever waits as long as it is told to is let in
            now += float(problem.headers["Retry-After"])
            rate.check("client")
        taken.append(now)
    for index, begin in enumerate(taken):
        for number, end in enumerate(taken[index:], 1):
            assert number <= (end - begin) / interval + burst + 1e-6


def test_rates_are_those_of_each_client() -> None:
    rate = Rate(1.0, 1, lambda: 0.0)
    rate.check("a")
    rate.check("b")
    with pytest.raises(Problem):
        rate.check("a")


@given(st.lists(st.sampled_from(["", "a", "b", "-"]), max_size=60))
def test_places_never_run_over_and_come_back(steps: list[str]) -> None:
    places = Places(Ceilings(connections=5, per_client=3, local=2))
    held: list[tuple[str, object]] = []
    for step in steps:
        if step == "-":
            if held:
                _, back = held.pop(0)
                assert callable(back)
                back()
                back()  # without effect
        elif not places.refused(step):
            held.append((step, places.take(step)))
        names = [name for name, _ in held]
        assert names.count("") <= 2
        assert max(names.count("a"), names.count("b")) <= 3
        assert len(names) - names.count("") <= 5
    if not held:
        assert not any(places.refused(client) for client in ("", "a", "b"))


@given(st.ip_addresses())
def test_clients_are_addresses_or_networks(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    peer = peer_of(str(address))
    assert peer.loopback is address.is_loopback
    assert address in ipaddress.ip_network(peer.client)


@pytest.mark.parametrize(
    ("text", "shown", "loopback"),
    [
        ("127.0.0.1:9817", "127.0.0.1:9817", True),
        ("localhost:1", "127.0.0.1:1", True),
        ("[::1]:9817", "[::1]:9817", True),
        ("0.0.0.0:9817", "0.0.0.0:9817", False),
        ("[2001:db8::1]:443", "[2001:db8::1]:443", False),
        ("unix:/run/a.sock", "unix:/run/a.sock", True),
    ],
)
def test_places_to_listen(text: str, shown: str, loopback: bool) -> None:
    assert (str(place(text)), place(text).loopback) == (shown, loopback)


@pytest.mark.parametrize("text", ["", "9817", "127.0.0.1", "gateway:9817", "127.0.0.1:70000", "::1:9817", "unix:a"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        place(text)
