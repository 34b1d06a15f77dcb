r"""What was seen on the wire: one message, and where and when it passed.

Field names are those of the records that leave the house. Names of hosts are in lower case without the last dot, the
root is ``.``; bytes of a name that cannot be printed are ``\DDD`` (RFC 1035 §5.1). What a message does not say is None
or empty.
"""

from __future__ import annotations

from agent.model.record import record

# ---- DNS ----


@record
class ResourceRecord:
    """One record of the answer section; ``data`` as zone files write it."""

    name: str
    type: str
    ttl: int
    data: str


@record
class Edns:
    """What the OPT record says (RFC 6891)."""

    udp_size: int
    do: bool
    version: int


@record
class ExtendedError:
    """Why an answer is as it is (RFC 8914)."""

    info_code: int
    extra_text: str


@record
class Dns:
    """One DNS message. Of several questions the first counts."""

    event: str
    """``query`` or ``response``."""
    id: int | None
    """None where a log does not say it, as with the flags."""
    qname: str | None
    qtype: str | None
    """The mnemonic of the type, or its bare number."""
    qclass: str | None
    rcode: str | None
    """Of responses: the mnemonic of the four bits in the header, or their number."""
    extended_rcode: int | None
    """With the eight bits of the OPT record, where they are not zero."""
    aa: bool | None
    tc: bool | None
    rd: bool | None
    ra: bool | None
    ad: bool | None
    cd: bool | None
    answers: tuple[ResourceRecord, ...]
    cname_chain: tuple[str, ...]
    """The names from the question to the owner of the last answers; empty without aliases."""
    authority: tuple[ResourceRecord, ...]
    edns: Edns | None
    ede: tuple[ExtendedError, ...]


# ---- TLS and QUIC ----


@record
class ClientHello:
    """What a client offers (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, and the hello of SSL 2); numbers as on the wire."""

    sni: str | None
    """The name in the outer hello where the inner one is encrypted."""
    alpn: tuple[str, ...]
    legacy_version: str
    supported_versions: tuple[str, ...]
    """Without GREASE."""
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    signature_algorithms: tuple[int, ...]
    supported_groups: tuple[int, ...]
    key_share_groups: tuple[int, ...]
    ech: bool
    ja3: str | None
    ja4: str | None
    """Both None where the lengths in the hello contradict each other."""


@record
class ServerHello:
    """What a server chose; ``version`` is the negotiated one."""

    version: str
    cipher_suite: str
    """The name that IANA gives it; ``0x1301`` where it has none."""
    cipher_suite_code: int
    alpn: str | None
    hello_retry_request: bool


@record
class Certificate:
    """One certificate of a chain; times in RFC 3339."""

    fingerprint_sha256: str
    """Of its DER form, lower-case hexadecimal digits."""
    subject: str
    issuer: str
    serial: str
    not_before: str
    not_after: str
    san: tuple[str, ...]


@record
class CertificateChain:
    """The certificates that a server shows, the leaf first."""

    chain: tuple[Certificate, ...]


@record
class Alert:
    """An alert (RFC 8446 §6); of an encrypted one nothing is known."""

    level_code: int | None
    description_code: int | None
    level: str | None
    description: str | None


@record
class QuicHello:
    """A client's hello in the Initial packets of a QUIC connection (RFC 9001)."""

    version: str
    """``v1``, ``v2``, ``draft-29``, else ``0x%08x``."""
    dcid: str
    scid: str
    packets: int
    """Initial packets that it took."""
    sni: str | None
    alpn: tuple[str, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    supported_versions: tuple[str, ...]
    ech: bool
    ja4: str | None


@record
class GoogleHello(QuicHello):
    """The hello of Google's QUIC up to Q050: not one of TLS, so it has no cipher suites and no fingerprint."""

    user_agent: str | None


@record
class QuicPacket:
    """A QUIC packet that says something by itself: version negotiation, Retry, an Initial that cannot be opened."""

    event: str
    """``version_negotiation``, ``retry`` or ``initial_undecryptable``."""
    version: str
    dcid: str
    scid: str


# ---- HTTP ----


@record
class HttpRequest:
    """The head of a cleartext request (RFC 9112)."""

    method: str
    host: str | None
    """The Host header, with its port."""
    uri: str
    user_agent: str | None
    version: str
    connect_host: str | None
    """Of CONNECT: ``host:port``."""


@record
class HttpResponse:
    """The head of a cleartext response."""

    status: int
    reason: str
    server: str | None
    location: str | None
    content_type: str | None


# ---- ICMP and TCP ----


@record
class IcmpError:
    """An ICMP or ICMPv6 message about a packet, and what it quotes of that."""

    event: str
    """``unreachable``, ``time_exceeded``, ``packet_too_big``, ``parameter_problem``, ``redirect``..."""
    icmp_type: int
    icmp_code: int
    orig_src_ip: str | None
    orig_dest_ip: str | None
    orig_proto: int | None
    orig_src_port: int | None
    orig_dest_port: int | None


@record
class Reset:
    """A TCP segment with RST."""

    ttl: int
    ip_id: int | None
    """None in IPv6."""
    seq: int
    ack: int
    ack_flag: bool


# ---- what only logs say ----


@record
class TlsLog:
    """A TLS connection as a log sums it up, both sides in one; what the log does not say is None or empty."""

    sni: str | None
    version: str | None = None
    """The negotiated one."""
    alpn: tuple[str, ...] = ()
    ja3: str | None = None
    ja4: str | None = None
    established: bool | None = None
    """Whether the handshake came to its end."""


@record
class QuicLog(TlsLog):
    """A QUIC connection likewise; ``version`` is that of QUIC."""


@record
class FirewallLog:
    """A packet that a firewall or an inspecting engine wrote to its log."""

    prefix: str
    """What the rule writes in front, or the text of the signature."""
    in_iface: str | None
    out_iface: str | None
    action: str | None
    """``drop``, ``reject``, ``block`` (one of both) or ``accept``, where the log says so in words."""


# ---- where and when ----


Message = (
    Dns | ClientHello | ServerHello | CertificateChain | Alert | QuicHello | QuicPacket | HttpRequest | HttpResponse
    | IcmpError | Reset | TlsLog | QuicLog | FirewallLog
)  # fmt: skip


@record
class Via:
    """How a client came to speak TLS on a connection that began otherwise."""

    how: str
    """``starttls:smtp``, ``http-connect``, ``socks4``, ``socks5``."""
    connect_host: str | None = None
    """``host:port`` that it asked the proxy for."""


@record
class Observation:
    """One message on the wire: the sender of the packet that completed it, and its receiver."""

    timestamp: float
    """Seconds since 1970 of that packet."""
    src_ip: str
    dest_ip: str
    """Empty where a log does not say an address."""
    src_port: int | None
    dest_port: int | None
    transport: str | None
    """``tcp`` or ``udp``."""
    message: Message
    vlan: tuple[int, ...] = ()
    """From the outer to the inner."""
    tunnel: tuple[str, ...] = ()
    """Likewise: ``gre``, ``vxlan``."""
    via: Via | None = None
    iface: str | None = None
    sensor: str | None = None
    """The kind of log that tells of it (``squid``, ``eve``); None where it was seen on the wire."""
