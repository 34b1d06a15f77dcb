"""What leaves the tap: planted secrets stay, required names pass."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.observation import (
    Alert,
    Certificate,
    CertificateChain,
    ClientHello,
    Dns,
    ExtendedError,
    HttpRequest,
    HttpResponse,
    IcmpError,
    Message,
    Observation,
    QuicHello,
    QuicPacket,
    Reset,
    ResourceRecord,
    ServerHello,
    Via,
)
from agent.model.requirement import Requirement
from agent.observe.privacy import Flows, Hashed, Names, Remembered, Tie, full, redact, shortened, truncated
from agent.observe.records import line
from agent.observe.tap_text import text

NAMES = Names(
    [
        Requirement("livechat", "*.livechat.com", (), apex=True, webhook_agents=("LiveChat webhook/1.0",)),
        Requirement("livechat", "cdn.example", (), aliases=(("cdn.example", ("*.edge.example",)),)),
    ]
)
CLIENT, SERVER = "192.168.7.20", "198.51.100.7"
SECRET = "planted-secret"  # noqa: S105 - a text that must not get through
TIE = Tie("chat.livechat.com", SERVER)


def query(name: str | None) -> Dns:
    return Dns("query", 1, name, "A", "IN", None, None, False, False, True, False, False, False, (), (), (), None, ())  # noqa: FBT003 - the header's bits


def response(name: str, *answers: ResourceRecord, chain: tuple[str, ...] = ()) -> Dns:
    return replace(query(name), event="response", rcode="NOERROR", answers=answers, cname_chain=chain)


def hello(sni: str | None, alpn: tuple[str, ...] = ("h2",)) -> ClientHello:
    return ClientHello(sni, alpn, "TLSv1.2", ("TLSv1.3",), (1,), (), (), (), (), False, None, "t13d1516h2_a_b")  # noqa: FBT003 - no ECH


def quic(sni: str | None) -> QuicHello:
    return QuicHello("v1", SECRET, SECRET, 1, sni, ("h3",), (), (), (), False, None)  # noqa: FBT003 - no ECH


def request(host: str | None, agent: str | None = SECRET, connect: str | None = None) -> HttpRequest:
    return HttpRequest("GET", host, f"/{SECRET}?q={SECRET}", agent, "HTTP/1.1", connect)


def seen(message: Message, source: str = CLIENT, target: str = SERVER, via: Via | None = None) -> Observation:
    return Observation(1.5, source, target, 40000, 443, "tcp", message, via=via)


def certificate(*san: str) -> Certificate:
    return Certificate("ab", f"CN={SECRET},O={SECRET}", "CN=Proxy CA", "01", "a", "b", san)


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("chat.livechat.com", True),
        ("a.b.livechat.com", True),
        ("livechat.com", True),
        ("Chat.LiveChat.com.", True),
        ("chat.livechat.com:443", True),
        ("x.edge.example", True),
        ("cdn.example", True),
        ("x.cdn.example", False),
        ("edge.example", False),
        ("notlivechat.com", False),
        ("livechat.com.corp.example", False),
        ("com", False),
        ("", False),
        (None, False),
        (".livechat.com", False),
        ("a..livechat.com", False),
        ("chat.livechat.com:secret", False),
        ("chat.livechat.com:443.secret", False),
        ("chat.livechat.com/secret", False),
        ("a." * 130 + "livechat.com", False),
    ],
)
def test_names_of_a_pack(name: str | None, covered: bool) -> None:
    assert NAMES.cover(name) is covered
    assert NAMES.cover(name) is covered


SECRETIVE: list[Message] = [
    query(f"{SECRET}.example"),
    query(None),
    response(f"{SECRET}.example", ResourceRecord(f"{SECRET}.example", "A", 1, SERVER)),
    response(
        f"{SECRET}.example",
        ResourceRecord(f"{SECRET}.example", "CNAME", 1, "chat.livechat.com"),
        chain=("chat.livechat.com",),
    ),
    hello(f"{SECRET}.example"),
    hello(None),
    quic(f"{SECRET}.example"),
    quic(None),
    request(f"{SECRET}.example"),
    request(None, connect=f"{SECRET}.example:443"),
    ServerHello("TLSv1.3", "TLS_AES_128_GCM_SHA256", 0x1301, SECRET, False),  # noqa: FBT003 - no retry
    CertificateChain((certificate("chat.livechat.com"),)),
    HttpResponse(302, SECRET, SECRET, f"https://chat.livechat.com/{SECRET}", SECRET),
    Alert(2, 112, "fatal", "unrecognized_name"),
    QuicPacket("retry", "v1", SECRET, SECRET),
    Reset(64, 1, 2, 3, True),  # noqa: FBT003 - with ACK
    IcmpError("unreachable", 3, 13, CLIENT, SERVER, 6, 40000, 443),
]


@pytest.mark.parametrize("message", SECRETIVE)
def test_nothing_passes_without_a_required_name(message: Message) -> None:
    assert redact(seen(message), NAMES, truncated) is None


REQUIRED: list[tuple[Message, Via | None]] = [
    (query("chat.livechat.com"), None),
    (
        replace(
            response(
                "chat.livechat.com",
                ResourceRecord("chat.livechat.com", "CNAME", 1, f"{SECRET}.example"),
                ResourceRecord(f"{SECRET}.example", "A", 1, SERVER),
                ResourceRecord("chat.livechat.com", "TXT", 1, f'"{SECRET}"'),
                ResourceRecord("chat.livechat.com", "HTTPS", 1, f"1 {SECRET}. alpn=h2"),
                ResourceRecord("chat.livechat.com", "MX", 1, f"10 {SECRET}."),
                chain=("chat.livechat.com", f"{SECRET}.example"),
            ),
            authority=(ResourceRecord(SECRET, "SOA", 1, f"{SECRET}. x. 1 2 3 4 5"),),
            ede=(ExtendedError(15, SECRET),),
        ),
        None,
    ),
    (hello("chat.livechat.com", ("h2", SECRET)), Via("http-connect", f"{SECRET}.example:443")),
    (hello(f"{SECRET}.example"), Via("http-connect", "chat.livechat.com:443")),
    (quic("chat.livechat.com"), None),
    (request("chat.livechat.com"), None),
    (request(f"{SECRET}.example", "LiveChat webhook/1.0"), None),
    (request(f"{SECRET}.example", connect="chat.livechat.com:443"), None),
    (replace(request("chat.livechat.com"), method=SECRET), None),
]


@pytest.mark.parametrize(("message", "via"), REQUIRED)
def test_a_required_name_passes_and_nothing_else(message: Message, via: Via | None) -> None:
    observation = seen(message, via=via)
    if isinstance(message, Dns) and message.event == "response":
        observation = seen(message, SERVER, CLIENT)
    shown = redact(observation, NAMES, truncated)
    assert shown is not None
    written = line(shown).decode() + text(shown, None)
    assert SECRET not in written
    assert CLIENT not in written
    assert "192.168.7.0/24" in written
    assert "livechat" in written.lower()


@pytest.mark.parametrize("message", SECRETIVE[10:])
@pytest.mark.parametrize("back", [False, True])
def test_what_belongs_to_a_required_connection_passes(message: Message, back: bool) -> None:
    ends = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    if isinstance(message, HttpResponse):
        message = replace(message, location=f"https://user:{SECRET}@{SECRET}.example/{SECRET}")
    if isinstance(message, CertificateChain):
        message = CertificateChain((certificate(f"{SECRET}.example", "*.livechat.com", f"*.{SECRET}.example"),))
    shown = redact(seen(message, *ends), NAMES, truncated, TIE)
    assert shown is not None
    written = line(shown).decode() + text(shown, TIE)
    assert SECRET not in written
    assert CLIENT not in written
    assert SERVER in written
    assert "chat.livechat.com" in text(shown, TIE)


def test_what_stays_of_a_certificate_and_of_a_redirect() -> None:
    shown = redact(
        seen(CertificateChain((certificate("*.livechat.com", "chat.livechat.com", "x.example"),))), NAMES, full, TIE
    )
    assert shown is not None
    assert isinstance(shown.message, CertificateChain)
    assert shown.message.chain[0].san == ("*.livechat.com", "chat.livechat.com")
    assert shown.message.chain[0].issuer == "CN=Proxy CA"
    shown = redact(
        seen(HttpResponse(302, "", None, f"https://a:b@chat.livechat.com:8443/{SECRET}", None)), NAMES, full, TIE
    )
    assert shown is not None
    assert isinstance(shown.message, HttpResponse)
    assert shown.message.location == "https://chat.livechat.com/"


def test_the_addresses_of_a_required_name_stay() -> None:
    message = response("chat.livechat.com", ResourceRecord("chat.livechat.com", "A", 60, SERVER))
    shown = redact(seen(message, "192.168.7.1", CLIENT), NAMES, truncated)
    assert shown is not None
    assert shown.message == message
    assert (shown.src_ip, shown.dest_ip) == ("192.168.7.1", "192.168.7.0/24")


@given(st.text(min_size=1, max_size=40))
def test_no_text_of_anybody_passes(secret: str) -> None:
    """Whatever is written in the places that are free, in a connection that is required."""
    marked = f"<{secret}>"
    for message in (
        replace(request("chat.livechat.com"), uri=marked, user_agent=marked, method=marked),
        request(marked, agent="LiveChat webhook/1.0", connect=marked),
        HttpResponse(200, marked, marked, marked, marked),
        hello("chat.livechat.com", (marked,)),
        response("chat.livechat.com", ResourceRecord(marked, "TXT", 1, marked), chain=(marked,)),
    ):
        shown = redact(seen(message), NAMES, truncated, TIE)
        assert shown is not None
        assert orjson.dumps(marked)[1:-1] not in line(shown)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.7.20", "192.168.7.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.168.7.20", "192.168.7.0/24"),
    ],
)
def test_truncated_addresses(address: str, expected: str) -> None:
    assert truncated(address) == expected
    assert full(address) == address


def test_hashed_addresses_depend_on_the_key() -> None:
    one, other = Hashed(b"a" * 32), Hashed(b"b" * 32)
    assert one(CLIENT) == Remembered(one)(CLIENT) == Hashed(b"a" * 32)(CLIENT)
    assert one(CLIENT) != other(CLIENT)
    assert one(CLIENT) != one("192.168.7.21")
    assert CLIENT not in one(CLIENT)


def test_a_connection_is_tied_until_another_name_is_asked_for() -> None:
    flows = Flows(NAMES.cover)
    alert = Observation(2, SERVER, CLIENT, 443, 40000, "tcp", Alert(2, 40, "fatal", "handshake_failure"))
    assert flows.tie(alert) is None
    assert flows.tie(seen(hello("chat.livechat.com"))) == TIE
    assert flows.tie(alert) == TIE
    quoted = IcmpError("unreachable", 3, 13, CLIENT, SERVER, 6, 40000, 443)
    icmp = Observation(2, "203.0.113.1", CLIENT, None, None, None, quoted)
    assert flows.tie(icmp) == TIE
    assert flows.tie(replace(icmp, message=replace(quoted, orig_src_port=40001))) is None
    assert flows.tie(replace(icmp, message=replace(quoted, orig_proto=None))) is None
    shown = redact(icmp, NAMES, truncated, TIE)
    assert shown is not None
    assert (shown.src_ip, shown.dest_ip) == ("203.0.113.0/24", "192.168.7.0/24")
    assert isinstance(shown.message, IcmpError)
    assert (shown.message.orig_src_ip, shown.message.orig_dest_ip) == ("192.168.7.0/24", SERVER)
    assert flows.tie(seen(hello("other.example"))) is None
    assert flows.tie(alert) is None
    assert flows.tie(seen(hello(None), via=Via("http-connect", "chat.livechat.com:443"))) == Tie(
        "chat.livechat.com:443", SERVER
    )


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.observe.privacy.FLOWS", 10)
    flows = Flows(NAMES.cover)
    for port in range(100):
        flows.tie(replace(seen(hello("chat.livechat.com")), src_port=port))
    assert len(flows._names) == 10


def test_everything_for_an_administrator_still_masks_clients() -> None:
    one = shortened(seen(hello(f"{SECRET}.example")), truncated, None)
    assert (one.src_ip, one.dest_ip) == ("192.168.7.0/24", SERVER)
    one = shortened(seen(response("x.example"), SERVER, CLIENT), truncated, None)
    assert (one.src_ip, one.dest_ip) == (SERVER, "192.168.7.0/24")
    one = shortened(seen(Reset(64, 1, 2, 3, True)), truncated, None)  # noqa: FBT003 - with ACK
    assert (one.src_ip, one.dest_ip) == ("192.168.7.0/24", "198.51.100.0/24")


def test_a_line_for_people_steers_no_terminal() -> None:
    shown = text(seen(hello("\x1b]0;x\x07.example")), None)
    assert "\x1b" not in shown
    assert "\\x1b" in shown
