"""Times, heads, names and addresses in lines of logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.logline import AHEAD, Clock, Entry, address, entry, name, port

NEW_YEAR = datetime(2027, 1, 1, 0, 5, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 26, 17, 40, 3, tzinfo=UTC).timestamp()


def clock(now: float = NEW_YEAR, hours: int = 0) -> Clock:
    return Clock(lambda: now, timezone(timedelta(hours=hours)))


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("Dec 31 23:59:59", NEW_YEAR, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Jan  1 00:04:00", NEW_YEAR, datetime(2027, 1, 1, 0, 4, tzinfo=UTC)),
        ("Jan  1 12:00:00", NEW_YEAR, datetime(2027, 1, 1, 12, tzinfo=UTC)),  # a clock that is ahead
        ("Jan  1 00:00:10", NEW_YEAR - 600, datetime(2027, 1, 1, 0, 0, 10, tzinfo=UTC)),
        ("Feb 29 01:00:00", NEW_YEAR, datetime(2024, 2, 29, 1, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_year_is_of_the_latest_that_can_be(text: str, now: float, expected: datetime) -> None:
    made = clock(now)
    assert made.bsd(text) == expected.timestamp()
    assert made.inferred == {"year", "zone"}


@given(st.integers(0, 2**31), st.integers(0, 300 * 86400))
def test_a_time_is_found_again_for_most_of_a_year(now: int, ago: int) -> None:
    then = max(now - ago, 0)
    text = datetime.fromtimestamp(then, UTC).strftime("%b %d %H:%M:%S")
    if now >= ago:
        assert clock(now).bsd(text) == then


def test_zones() -> None:
    made = clock(hours=2)
    assert made.iso("2026-11-26T18:40:03+0100") == AT
    assert made.common("26/Nov/2026:12:10:03 -0530") == AT
    assert made.inferred == set()
    assert made.common("26/Nov/2026:19:40:03.250") == AT + 0.25
    assert made.inferred == {"zone"}
    assert Clock(lambda: AT, UTC).nowhere() == AT


@pytest.mark.parametrize(
    "text",
    ["", "Foo 26 17:40:03", "Nov 31 17:40:03", "Nov 26 25:40:03", "26/Nov/0000:17:40:03 +0000", "2026-13-01T00:00:00"],
)
def test_what_is_no_time_is_told(text: str) -> None:
    for read in (clock().bsd, clock().iso, clock().common):
        with pytest.raises(Malformed):
            read(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Nov 26 17:40:03 gw squid[7]: words: more\n", Entry(AT, "squid", "words: more")),
        (b"Nov 26 17:40:03 dnsmasq[405]: words", Entry(AT, "dnsmasq", "words")),
        (b"<134>Nov 26 17:40:03 haproxy[1]: words\r\n", Entry(AT, "haproxy", "words")),
        (b"2026-11-26T17:40:03.000000+00:00 gw kernel: words", Entry(AT, "kernel", "words")),
        (b"<30>1 2026-11-26T17:40:03Z gw unbound 7 - - words", Entry(AT, "unbound", "words")),
        (b'<30>1 2026-11-26T17:40:03Z gw nginx - - [a@1 b="c"] words', Entry(AT, "nginx", "words")),
        (
            b"Nov 26 17:40:03.250000 gw kernel: words",
            Entry(AT + 0.25, "kernel", "words"),
        ),  # journalctl -o short-precise
        (b"2026-11-26T17:40:03+0000 gw kernel: words", Entry(AT, "kernel", "words")),  # -o short-iso
        (b"1795714803.500000 gw kernel: words", Entry(AT + 0.5, "kernel", "words")),  # -o short-unix
        (b"Nov 26 17:40:03 gw kern.warn kernel: words", Entry(AT, "kernel", "words")),  # busybox
        (b"Thu Nov 26 17:40:03 2026 daemon.info dnsmasq[7]: words", Entry(AT, "dnsmasq", "words")),  # OpenWrt
        (b"squid[7]: words", Entry(None, "squid", "words")),
        (b"<6>words", Entry(None, "", "words")),
        (b"no head at all", Entry(None, "", "no head at all")),
    ],
)
def test_the_head_of_syslog(line: bytes, expected: Entry) -> None:
    assert entry(line, clock()) == expected


@given(st.binary(max_size=300))
def test_any_line_has_an_entry_or_is_told(line: bytes) -> None:
    made = clock()
    try:
        found = entry(line, made)
    except Malformed:
        return
    assert found.at is None or found.at <= NEW_YEAR + AHEAD or "year" not in made.inferred


def test_names_and_addresses() -> None:
    assert name("WWW.Example.COM.") == "www.example.com"
    assert name("b\u00fccher.example") == "b\\195\\188cher.example"
    assert name("a b") == "a\\032b"
    assert name(".") == "."
    assert name("-") is None
    assert address("::ffff:192.0.2.1") == "192.0.2.1"
    assert address("[2001:0DB8::1]") == "2001:db8::1"
    assert address("fe80::1%eth0") == "fe80::1"
    assert address("example.com") == ""
    assert (port("443"), port("0"), port("65536"), port("x"), port(None)) == (443, None, None, None, None)
