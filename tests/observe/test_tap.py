"""The tap on a router with real clients: what is seen, once, and what happens when interfaces come and go."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.model.observation import ClientHello, Dns, IcmpError
from agent.observe.tap import Tap
from agent.observe.tap_interfaces import Role, plan
from agent.observe.tap_own import Own
from tests.kernel.needs import ROOT, kernel
from tests.observe.tap_cables import CLIENT, OTHER, OWN, WORLD, ethernet, ipv4, question, router, udp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.observation import Observation
    from tests.kernel.netns import Namespace
    from tests.observe.tap_cables import Router

pytestmark = kernel

NAME = "chat.livechat.com"
SECRET = "planted-secret.example"  # noqa: S105 - a name that must not get through


@pytest.fixture(params=[True, False], ids=["nat", "routed"])
def either(request: pytest.FixtureRequest) -> Iterator[Router]:
    with router(nat=request.param) as made:
        yield made


@pytest.fixture
def behind_nat() -> Iterator[Router]:
    with router(nat=True) as made:
        yield made


def gathered(tap: Tap, seconds: float = 0.4) -> list[Observation]:
    return [one for batch in tap.batches(seconds) for one in batch]


def asked(found: list[Observation]) -> Counter[tuple[str, str, str, str | None]]:
    return Counter(
        (one.message.event, one.src_ip, one.dest_ip, one.iface) for one in found if isinstance(one.message, Dns)
    )


def test_where_clients_are_and_where_not(behind_nat: Router) -> None:
    with behind_nat.gateway.entered():
        assert [(one.link.name, one.role) for one in plan()] == [
            ("lan0", Role.CLIENTS), ("lan1", Role.CLIENTS), ("wan0", Role.OWN),
        ]  # fmt: skip
        assert [(one.link.name, one.role) for one in plan(["wan0"])] == [("wan0", Role.CLIENTS)]
        assert [(one.link.name, one.role) for one in plan(["lo", "lan0"])] == [
            ("lo", Role.INCOMING), ("lan0", Role.CLIENTS),
        ]  # fmt: skip
        assert plan()[0].behind == ("192.168.7.0/24", "192.168.8.0/24")
    with behind_nat.clients.entered():
        assert [(one.link.name, one.role) for one in plan()] == [("lan0", Role.CLIENTS)]


def test_each_message_is_seen_once(either: Router) -> None:
    with either.gateway.entered():
        tap = Tap(tell=pytest.fail)
        either.ask(either.clients, NAME, 3)
        either.ask(either.others, NAME, 2)
        either.ask(either.gateway, NAME)
        assert asked(gathered(tap)) == {
            ("query", CLIENT, WORLD, "lan0"): 3,
            ("response", WORLD, CLIENT, "lan0"): 3,
            ("query", OTHER, WORLD, "lan1"): 2,
            ("response", WORLD, OTHER, "lan1"): 2,
            ("query", OWN, WORLD, "wan0"): 1,
            ("response", WORLD, OWN, "wan0"): 1,
        }
        counted = tap.statistics()
        assert {name: one.drops for name, one in counted.items()} == {"lan0": 0, "lan1": 0, "wan0": 0}
        assert counted["lan0"].packets == 6
        tap.close()


def test_what_goes_from_clients_to_clients_is_seen_once(either: Router) -> None:
    with either.others.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((OTHER, 53))
    with either.gateway.entered():
        tap = Tap(tell=pytest.fail)
        with either.clients.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(question(NAME), (OTHER, 53))
            data, source = server.recvfrom(1000)
            server.sendto(data[:2] + b"\x81\x80" + data[4:], source)
            client.recv(1000)
        assert asked(gathered(tap)) == {("query", CLIENT, OTHER, "lan0"): 1, ("response", OTHER, CLIENT, "lan1"): 1}
        tap.close()
    server.close()


def test_packets_of_several_interfaces_come_in_the_order_of_time(either: Router) -> None:
    with either.others.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((OTHER, 53))
    with either.gateway.entered():
        tap = Tap(tell=pytest.fail)
        with either.clients.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for number in range(40):
                client.sendto(question(NAME, number), (OTHER, 53))
                data, source = server.recvfrom(1000)
                server.sendto(data[:2] + b"\x81\x80" + data[4:], source)
                client.recv(1000)
                time.sleep(0.005)
        times = [one.timestamp for batch in tap.batches(1.0) for one in batch]
        tap.close()
    server.close()
    assert len(times) == 80
    assert times == sorted(times)


def test_errors_are_seen_where_the_packet_was(either: Router) -> None:
    with either.gateway.entered():
        tap = Tap(tell=pytest.fail)
        for who in (either.clients, either.gateway):
            with who.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(question(NAME), ("203.0.113.1", 53))
        found = gathered(tap)
        tap.close()
    errors = [one for one in found if isinstance(one.message, IcmpError)]
    assert sorted((one.iface, one.dest_ip) for one in errors) == [("lan0", CLIENT), ("wan0", OWN)]


def test_the_sixth_version(either: Router) -> None:
    conf = "/proc/sys/net/ipv6/conf"
    for who, link, address, via in (
        (either.clients, "lan0", "fd07:7::20", "fd07:7::1"),
        (either.gateway, "lan0", "fd07:7::1", None),
        (either.gateway, "wan0", "2001:db8:a::2", "2001:db8:a::1"),
        (either.world, "wan0", "2001:db8:a::1", "2001:db8:a::2"),
    ):
        route = f"; ip -6 route add default via {via}" if via else ""
        enable = (
            f"echo 0 > {conf}/{link}/disable_ipv6; echo 0 > {conf}/{link}/accept_dad; echo 1 > {conf}/all/forwarding"
        )
        who.run(("sh", "-euc", f"{enable}; ip address add {address}/64 dev {link} nodad{route}"))
    with either.gateway.entered():
        assert "fd07:7::/64" in plan()[0].behind
        tap = Tap(tell=pytest.fail)
        for who in (either.clients, either.gateway):
            with who.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
                client.sendto(question(NAME), ("2001:db8:a::1", 53))
        # neighbours answer only once the interface has seen that its own address is free
        found = gathered(tap, 3)
        tap.close()
    seen = Counter((type(one.message).__name__, one.src_ip, one.dest_ip, one.iface) for one in found)
    assert seen == {
        ("Dns", "fd07:7::20", "2001:db8:a::1", "lan0"): 1,
        ("IcmpError", "2001:db8:a::1", "fd07:7::20", "lan0"): 1,
        ("Dns", "2001:db8:a::2", "2001:db8:a::1", "wan0"): 1,
        ("IcmpError", "2001:db8:a::1", "2001:db8:a::2", "wan0"): 1,
    }


@given(st.binary(max_size=200), st.booleans())
def test_answers_are_told_whatever_the_bytes(data: bytes, outgoing: bool) -> None:
    own = Own()
    own.counts(1, ethernet(ipv4(17, udp(question(NAME)))), outgoing=True)
    for frame in (data, ethernet(data), ethernet(data, 0x86DD), ethernet(ipv4(1, data)), ethernet(ipv4(6, data))):
        assert own.counts(1, frame, outgoing=outgoing) in {True, False}
    answer = ethernet(ipv4(17, udp(question(NAME), 53, 40000), "198.51.100.7", "192.168.7.20"))
    assert own.counts(1, answer, outgoing=False)
    assert not own.counts(1, ethernet(ipv4(17, udp(question(NAME), 53, 40001), "198.51.100.7")), outgoing=False)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.observe.tap_own.KEPT", 10)
    own = Own()
    for port in range(100):
        own.counts(1, ethernet(ipv4(17, udp(b"x", 1000 + port))), outgoing=True)
    assert len(own._flows) == 10


def test_hellos_of_real_clients(behind_nat: Router, tmp_path: Path) -> None:
    with _tls_server(behind_nat.world, tmp_path), behind_nat.gateway.entered():
        tap = Tap(tell=pytest.fail)
        for who in (behind_nat.clients, behind_nat.gateway):
            who.run(
                ("curl", "-sk", "-o", "/dev/null", "-m", "10", "--resolve", f"{NAME}:443:{WORLD}", f"https://{NAME}/")
            )
        hello = ("openssl", "s_client", "-connect", f"{WORLD}:443", "-servername", "www.helpdesk.com")
        behind_nat.others.run(hello)
        found = gathered(tap)
        tap.close()
    hellos = Counter((one.src_ip, one.message.sni, one.iface) for one in found if isinstance(one.message, ClientHello))
    assert hellos == {
        (CLIENT, NAME, "lan0"): 1, (OWN, NAME, "wan0"): 1, (OTHER, "www.helpdesk.com", "lan1"): 1,
    }  # fmt: skip


def test_an_interface_goes_down_and_comes_up(behind_nat: Router) -> None:
    said: list[str] = []
    with behind_nat.gateway.entered():
        tap = Tap(["lan0"], tell=said.append)
        behind_nat.gateway.run(("ip", "link", "set", "lan0", "down"))
        assert gathered(tap, 1.2) == []
        assert said == ["lan0 went down; waiting for it"]
        behind_nat.gateway.run(("ip", "link", "set", "lan0", "up"))
        behind_nat.ask(behind_nat.clients, NAME)
        assert len(gathered(tap, 1.2)) == 2
        assert said[1:] == ["lan0 is up again"]
        tap.close()


def test_networks_that_come_later_are_known(behind_nat: Router) -> None:
    with behind_nat.gateway.entered():
        tap = Tap(tell=pytest.fail)
        behind_nat.ask(behind_nat.clients, NAME)
        behind_nat.gateway.run(("ip", "address", "add", "192.168.9.1/24", "dev", "lan1"))
        tap._known = ()
        tap._look()
        assert "192.168.9.0/24" in tap.places[0].behind
        behind_nat.ask(behind_nat.clients, NAME)
        assert len(gathered(tap)) == 4
        tap.close()


def test_an_interface_goes_away_and_another_comes(behind_nat: Router) -> None:
    said: list[str] = []
    gateway, clients = behind_nat.gateway, behind_nat.clients
    with gateway.entered():
        tap = Tap(["lan0"], tell=said.append)
        behind_nat.ask(clients, NAME)
        assert len(gathered(tap)) == 2
        gateway.run(("ip", "link", "delete", "lan0"))
        gathered(tap, 1.2)
        assert said == ["lan0 went down; waiting for it", "lan0 is gone; waiting for another of that name"]
        gateway.run(("ip", "link", "add", "lan0", "type", "veth", "peer", "lan0", "netns", clients.path))
        gateway.run(("sh", "-c", "ip address add 192.168.7.1/24 dev lan0; ip link set lan0 up"))
        clients.run(
            (
                "sh",
                "-c",
                f"ip address add {CLIENT}/24 dev lan0; ip link set lan0 up; ip route add default via 192.168.7.1",
            )
        )
        gathered(tap, 1.2)
        assert said[2:] == ["lan0 is watched from now on"]
        behind_nat.ask(clients, NAME)
        assert len(gathered(tap)) == 2
        assert tap.statistics()["lan0"].packets == 4
        tap.close()


def test_it_stops_when_told(behind_nat: Router) -> None:
    with behind_nat.gateway.entered():
        tap = Tap(tell=pytest.fail)
        began = time.monotonic()
        threading.Timer(0.3, tap.stop).start()
        assert [one for batch in tap.batches() for one in batch] == []
        assert 0.2 < time.monotonic() - began < 0.9
        tap.close()
        tap.close()


def test_no_such_interface_names_those_there_are(behind_nat: Router) -> None:
    with behind_nat.gateway.entered(), pytest.raises(UsageError, match=r"no interface lan9 here; there are lo, .*wan0"):
        Tap(["lan9"], tell=pytest.fail)


# ---- the command ----


def _command(inside: Namespace, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    argv = [*before, sys.executable, "-m", "agent", "observe", *arguments]
    with inside.entered():
        return subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}
        )


def _until_watching(inside: Namespace, count: int) -> None:
    """Wait until there are so many packet sockets with a protocol there."""
    for _ in range(100):
        with inside.entered(), Path("/proc/thread-self/net/packet").open() as file:
            if sum(line.split()[3] == "0003" for line in file) >= count:
                return
        time.sleep(0.1)
    raise AssertionError("it does not begin to watch")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_only_required_names_leave_the_command(behind_nat: Router, processes: str) -> None:
    running = _command(behind_nat.gateway, "--format", "jsonl", "--processes", processes)
    _until_watching(behind_nat.gateway, 3 * int(processes))
    behind_nat.ask(behind_nat.clients, NAME, 40)
    behind_nat.ask(behind_nat.clients, SECRET, 5)
    time.sleep(0.3)
    status = Path(f"/proc/{(_children(running.pid) or [running.pid])[0]}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 40 << 10
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (0, b"")
    assert b"planted" not in output
    assert CLIENT.encode() not in output
    *told, last = map(orjson.loads, output.splitlines())
    records = [one for one in told if one["type"] == "dns"]
    outcomes = [one for one in told if one["type"] == "outcome"]
    assert Counter((one["class"], one["name"], one["src_ip"]) for one in outcomes) == {
        ("ok", NAME, "192.168.7.0/24"): 40
    }
    assert Counter(one["event"] for one in records) == {"query": 40, "response": 40}
    assert {one["qname"] for one in records} == {NAME}
    assert {one["src_ip"] for one in records} == {"192.168.7.0/24", WORLD}
    assert len({(one["event"], one["id"]) for one in records}) > 70
    assert last["type"] == "stats"
    assert last["shown"] == {"dns query": 40, "dns response": 40}
    assert last["kept_back"] == {"dns query": 5, "dns response": 5}
    assert last["interfaces"]["lan0"] == {"packets": 90, "drops": 0, "freezes": 0}


def test_hashed_clients(behind_nat: Router) -> None:
    arguments = ("--format", "jsonl", "--interface", "lan0", "--clients", "hashed")
    running = _command(behind_nat.gateway, *arguments)
    _until_watching(behind_nat.gateway, 1)
    behind_nat.ask(behind_nat.clients, NAME, 2)
    time.sleep(0.3)
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    clients = {one["src_ip"] for one in map(orjson.loads, output.splitlines()) if one.get("event") == "query"}
    assert len(clients) == 1
    assert clients.pop().startswith("client-")
    assert CLIENT.encode() not in output


def test_lines_for_people(behind_nat: Router, tmp_path: Path) -> None:
    file = tmp_path / "seen.txt"
    running = _command(behind_nat.gateway, "--for", "3", "--interface", "lan0", "--all-names", "--output", str(file))
    _until_watching(behind_nat.gateway, 1)
    behind_nat.ask(behind_nat.clients, SECRET)
    assert running.wait(20) == 0
    running.communicate()
    lines = file.read_text().splitlines()
    assert lines[0].split()[1:] == [CLIENT, "DNS", "asks", "A", SECRET]
    assert lines[1].split()[1:] == [CLIENT, "DNS", "A", "NOERROR", WORLD, SECRET]
    assert lines[2:] == [
        "",
        "2 messages, 2 of them shown",
        "  dns query                          1  and 0 kept back",
        "  dns response                       1  and 0 kept back",
        "lan0: 2 packets, none dropped",
        "2 frames, 0 of them or their messages not understood",
    ]


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("arguments", "before", "expected"),
    [
        ((), ("setpriv", "--bounding-set", "-net_raw"), "needs CAP_NET_RAW: run as root"),
        (("--interface", "lan9"), (), "no interface lan9 here; there are lo"),
        (("--for", "0"), (), "--for must be"),
        (("--pack", "nosuch"), (), "no pack `nosuch`"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    behind_nat: Router, arguments: Sequence[str], before: Sequence[str], expected: str, processes: str
) -> None:
    running = _command(behind_nat.gateway, *arguments, "--processes", processes, before=before)
    output, errors = running.communicate(timeout=20)
    assert (running.returncode, output) == (2, b"")
    assert errors.startswith(b"gateproof: ")
    assert errors.count(b"\n") == 1
    assert expected in errors.decode()


def _children(parent: int) -> list[int]:
    return list(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))


def test_a_process_that_dies_ends_the_others(behind_nat: Router) -> None:
    running = _command(behind_nat.gateway, "--interface", "lan0", "--processes", "3")
    _until_watching(behind_nat.gateway, 3)
    os.kill(_children(running.pid)[1], signal.SIGKILL)
    _, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (2, b"gateproof: one of its processes ended with -9\n")


def test_processes_end_with_the_one_that_made_them(behind_nat: Router) -> None:
    running = _command(behind_nat.gateway, "--interface", "lan0", "--processes", "2")
    _until_watching(behind_nat.gateway, 2)
    children = _children(running.pid)
    running.kill()
    running.communicate(timeout=20)
    for _ in range(100):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.05)
    else:
        pytest.fail("they are still there")


def test_a_reader_that_has_seen_enough_ends_it(behind_nat: Router) -> None:
    for processes in ("1", "2"):
        running = _command(behind_nat.gateway, "--interface", "lan0", "--processes", processes)
        _until_watching(behind_nat.gateway, int(processes))
        assert running.stdout
        running.stdout.close()
        behind_nat.ask(behind_nat.clients, NAME, 10)
        assert running.wait(20) == 128 + 13
        assert running.stderr
        assert running.stderr.read() == b""
        running.stderr.close()


# ---- a server ----


class _tls_server:  # noqa: N801 - used as a function
    """`openssl s_server` for any name."""

    def __init__(self, inside: Namespace, folder: Path) -> None:
        self._inside = inside
        self._folder = folder

    def __enter__(self) -> None:
        key = (
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        )
        self._inside.run((*key, "-subj", "/CN=x", "-keyout", f"{self._folder}/key", "-out", f"{self._folder}/cert"))
        files = ("-key", f"{self._folder}/key", "-cert", f"{self._folder}/cert")
        with self._inside.entered():
            argv = ("openssl", "s_server", "-accept", f"{WORLD}:443", "-www", "-quiet", *files)
            self._server = subprocess.Popen(
                argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
            )
        for _ in range(100):
            if "LISTEN" in self._inside.run(("ss", "-tln")):
                return
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()
