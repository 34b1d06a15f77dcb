"""The ring against the kernel: filter, tags, loopback, drops, sharing, link types."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from agent.errors import GateproofError
from agent.observe.filters import expression
from agent.observe.pcap import Filter
from agent.observe.ring import Ring, Statistics, trouble
from agent.observe.tap_filter import by_direction, compiled, program
from agent.observe.tap_interfaces import Place, Role, links
from tests.kernel.needs import kernel
from tests.kernel.netns import Namespace, ProgramFailed
from tests.observe.tap_cables import cable, ethernet, fragments, frames_of, ipv4, load, question, tcp, udp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.observe.tap_cables import Cable

pytestmark = kernel

HELLO = b"\x16\x03\x01\x02\x00" + bytes(512)
DATA = b"\x17\x03\x03\x02\x00" + bytes(512)


@pytest.fixture
def laid() -> Iterator[Cable]:
    with cable() as made:
        yield made


def test_application_data_stays_in_the_kernel(laid: Cable) -> None:
    ring = laid.ring()
    wanted = [ethernet(ipv4(17, udp(question(f"n{at}.example")))) for at in range(20)]
    wanted += [ethernet(ipv4(6, tcp(HELLO, 40000 + at))) for at in range(20)]
    other = [ethernet(ipv4(6, tcp(DATA, 443, 40000 + at))) for at in range(200)]
    other += [ethernet(ipv4(6, tcp(DATA, 40000 + at))) for at in range(200)]
    laid.send(frame for pair in zip(other, wanted * 10, strict=True) for frame in pair[:1])
    laid.send(wanted)
    before = time.time()
    found = frames_of(ring)
    assert [frame for _, frame, _, _ in found] == wanted
    assert {length - len(frame) for _, frame, length, _ in found} == {0}
    assert all(abs(at - before) < 5 for at, _, _, _ in found)
    assert not any(outgoing for *_, outgoing in found)
    assert ring.statistics() == Statistics(len(wanted), 0, 0)
    ring.close()


@pytest.mark.parametrize("tags", [(), (10,), (10, 20), (0x2000 | 10, 20, 30)])
def test_a_tag_is_where_it_was(laid: Cable, tags: tuple[int, ...]) -> None:
    ring = laid.ring()
    frame = ethernet(ipv4(17, udp(question("a.example"))), tags=tags)
    laid.send([frame])
    expected = [(frame, len(frame))] if len(tags) < 4 else []
    assert [(one, length) for _, one, length, _ in frames_of(ring)] == expected
    ring.close()


def test_a_subinterface_of_a_vlan(laid: Cable) -> None:
    for one, address in ((laid.far, "192.168.7.20"), (laid.near, "192.168.7.1")):
        try:
            one.run(("ip", "link", "add", "link", "lan0", "name", "lan0.10", "type", "vlan", "id", "10"))
        except ProgramFailed as error:
            pytest.skip(f"this kernel has no VLANs: {error}")
        one.run(("ip", "address", "add", f"{address}/24", "dev", "lan0.10"))
        one.run(("ip", "link", "set", "lan0.10", "up"))
    trunk, inside = laid.ring(), laid.ring(name="lan0.10")
    with laid.far.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(question("b.example"), ("192.168.7.1", 53))
    tagged = [frame for _, frame, _, outgoing in frames_of(trunk) if not outgoing and question("b.example") in frame]
    plain = [frame for _, frame, _, outgoing in frames_of(inside) if not outgoing and question("b.example") in frame]
    assert [frame[12:18] for frame in tagged] == [b"\x81\x00\x00\x0a\x08\x00"]
    assert [frame[12:14] for frame in plain] == [b"\x08\x00"]
    trunk.close()
    inside.close()


def test_nothing_unfiltered_slips_in_while_it_binds(laid: Cable) -> None:
    junk = ethernet(ipv4(17, udp(b"x" * 100, 40000, 9999)))
    wanted = ethernet(ipv4(17, udp(question("c.example"))))
    check = Filter(expression(1), 1)
    taken = 0
    with load(laid, lambda: ([junk] * 50 + [wanted]) * 40_000):
        for turn in range(10):
            ring = laid.ring(size=256 << 10, group=turn if turn % 2 else None)
            found = frames_of(ring, 0.5, 200)
            assert all(check.passes(frame, length) for _, frame, length, _ in found)
            taken += len(found)
            ring.close()
    assert taken > 1000


def test_drops_are_counted(laid: Cable) -> None:
    ring = laid.ring(size=64 << 10)
    laid.send([ethernet(ipv4(17, udp(question("d.example") + bytes(400))))] * 2000)
    counted = ring.statistics()
    assert counted.packets == 2000
    assert 0 < counted.drops < 2000
    assert counted.freezes > 0
    assert len(frames_of(ring)) == 2000 - counted.drops
    # and it goes on
    laid.send([ethernet(ipv4(17, udp(question("e.example"))))] * 10)
    assert len(frames_of(ring)) == 10
    assert ring.statistics() == Statistics(2010, counted.drops, counted.freezes)
    ring.close()


def test_frames_around_the_end_of_the_ring_are_whole(laid: Cable) -> None:
    ring = laid.ring(size=256 << 10)
    found: list[bytes] = []
    sent = [ethernet(ipv4(17, udp(question(f"{at}.example") + bytes(at % 1300)))) for at in range(1000)]
    for at in range(0, len(sent), 50):
        laid.send(sent[at : at + 50])
        found += (frame for _, frame, _, _ in frames_of(ring, 5, 50))
    assert found == sent
    ring.close()


@pytest.mark.parametrize(("role", "times"), [(Role.INCOMING, 1), (Role.CLIENTS, 2)])
def test_loopback_is_seen_once(laid: Cable, role: Role, times: int) -> None:
    ring = laid.ring(role, name="lo")
    with laid.near.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.sendto(question("f.example"), ("127.0.0.1", 53))
    asked = [frame for _, frame, _, _ in frames_of(ring) if question("f.example") in frame and frame[23] == 17]
    assert len(asked) == times
    assert all(frame[12:14] == b"\x08\x00" for frame in asked)
    ring.close()


def test_a_tunnel_has_packets_without_header() -> None:
    inside = Namespace()
    with inside.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
        inside.run(("sh", "-c", "ip address add 192.168.7.1/24 dev tun0; ip link set tun0 up"))
        link = links()["tun0"]
        ring = Ring(link, program(Place(link, Role.CLIENTS)))
        assert (link.framed, link.link_type, link.kind) == (False, 101, 65534)
        packet = ipv4(17, udp(question("g.example")), target="192.168.7.1")
        os.write(tun, packet)
        os.write(tun, ipv4(6, tcp(DATA), target="192.168.7.1"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(question("h.example"), ("192.168.7.20", 53))
    found = [(frame, outgoing) for _, frame, _, outgoing in frames_of(ring) if frame[9] == 17]
    assert found[0] == (packet, False)
    assert [(frame[0], frame[28:], outgoing) for frame, outgoing in found[1:]] == [(0x45, question("h.example"), True)]
    ring.close()
    os.close(tun)
    inside.close()


def test_two_rings_of_a_group_share_flows(laid: Cable) -> None:
    rings = [laid.ring(group=7), laid.ring(group=7)]
    flows = range(200)
    there = [ethernet(ipv4(6, tcp(HELLO, 40000 + at))) for at in flows]
    back = [ethernet(ipv4(6, tcp(HELLO, 443, 40000 + at), "198.51.100.7", "192.168.7.20")) for at in flows]
    laid.send(there + back + there)
    found = [[frame for _, frame, _, _ in frames_of(ring)] for ring in rings]
    assert sorted(found[0] + found[1]) == sorted(there + back + there)
    ports = [
        {int.from_bytes(frame[34:36], "big") + int.from_bytes(frame[36:38], "big") for frame in one} for one in found
    ]
    assert not ports[0] & ports[1]
    assert min(map(len, ports)) > 50
    for ring in rings:
        ring.close()


def test_whoever_joins_a_group_takes_nothing_twice(laid: Cable) -> None:
    with load(laid, _numbered):
        for turn in range(10):
            rings = [laid.ring(size=4 << 20, group=100 + turn) for _ in range(2)]
            found = [{frame for _, frame, _, _ in frames_of(ring, 0.5, 5000)} for ring in rings]
            for ring in rings:
                ring.close()
            assert not found[0] & found[1]
            assert all(found)


def _numbered() -> Iterator[bytes]:
    for at in range(4_000_000):
        yield ethernet(ipv4(17, udp(at.to_bytes(8, "big"), 40000 + at % 64)))


def test_fragments_of_a_datagram_stay_together(laid: Cable) -> None:
    rings = [laid.ring(group=8), laid.ring(group=8)]
    pieces = [fragments(udp(question("i.example", at)), f"192.168.7.{at}") for at in range(1, 101)]
    laid.send(ethernet(one) for datagram in pieces for one in datagram)
    found = [[frame[26:30] for _, frame, _, _ in frames_of(ring)] for ring in rings]
    assert sum(map(len, found)) == 200
    assert not set(found[0]) & set(found[1])
    assert min(map(len, found)) > 20
    for ring in rings:
        ring.close()


def test_promiscuous_only_if_asked(laid: Cable) -> None:
    asked = '"promiscuity":'
    for promiscuous in (False, True):
        with laid.near.entered():
            link = links()["lan0"]
            ring = Ring(link, program(Place(link, Role.CLIENTS)), promiscuous=promiscuous)
        shown = laid.near.run(("ip", "-d", "-j", "link", "show", "lan0"))
        assert f"{asked}{int(promiscuous)}" in shown.replace(" ", "")
        ring.close()
    assert f"{asked}0" in laid.near.run(("ip", "-d", "-j", "link", "show", "lan0")).replace(" ", "")


def test_an_interface_that_went_away_is_one_line(laid: Cable) -> None:
    with laid.near.entered():
        link = links()["lan0"]
        laid.near.run(("ip", "link", "delete", "lan0"))
        with pytest.raises(GateproofError, match="lan0 went away"):
            Ring(link, program(Place(link, Role.CLIENTS)))


def test_too_long_a_filter_is_one_line(laid: Cable) -> None:
    with laid.near.entered(), pytest.raises(GateproofError, match="more than the kernel takes"):
        Ring(links()["lan0"], bytes(8 * 5000))


def test_without_the_right_it_says_what_is_needed() -> None:
    assert "needs CAP_NET_RAW: run as root" in str(trouble("lan0", PermissionError(1, "Operation not permitted")))


def test_each_direction_has_its_own_filter(laid: Cable) -> None:
    with laid.near.entered():
        link = links()["lan0"]
        one, other = compiled("udp port 53", 1), compiled("udp port 54", 1)
        ring = Ring(link, by_direction(one, other))
        laid.near.run(("ip", "address", "add", "192.168.7.1/24", "dev", "lan0"))
        laid.near.run(("ip", "neighbour", "add", "192.168.7.20", "lladdr", "02:00:00:00:01:01", "dev", "lan0"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for port in (53, 54, 55):
                client.sendto(b"x", ("192.168.7.20", port))
    laid.send(ethernet(ipv4(17, udp(b"y", 40000, port))) for port in (53, 54, 55))
    seen = {(outgoing, int.from_bytes(frame[36:38], "big")) for _, frame, _, outgoing in frames_of(ring)}
    assert seen == {(True, 54), (False, 53)}
    ring.close()
