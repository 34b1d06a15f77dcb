"""Messages that dnspython makes of anything say the same to the decoder."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.dns import decode
from tests.wire.test_dns import RECORDS, as_written, rrset

LABELS = st.lists(st.binary(min_size=1, max_size=20), max_size=6).filter(lambda one: sum(map(len, one)) < 200)
FLAGS = st.sets(st.sampled_from(["AA", "TC", "RD", "RA", "AD", "CD"]))


def name_of(labels: list[bytes]) -> dns.name.Name:
    return dns.name.Name((*labels, b""))


@given(
    st.integers(0, 0xFFFF), LABELS, st.integers(1, 0xFFFF), FLAGS, st.booleans(), st.sampled_from([0, 1, 2, 4]),
    st.integers(0, 10), st.lists(st.sampled_from(sorted(RECORDS)), unique=True, max_size=5), st.booleans(),
)  # fmt: skip
def test_every_field(  # noqa: PLR0917 - the fields of a message
    number: int,
    labels: list[bytes],
    kind: int,
    flags: set[str],
    response: bool,
    opcode: int,
    rcode: int,
    kinds: list[str],
    edns: bool,
) -> None:
    made = dns.message.make_query(name_of(labels), dns.rdatatype.RdataType.make(kind), id=number)
    made.flags = sum((dns.flags.from_text(one) for one in flags), dns.flags.QR if response else 0)
    made.set_opcode(dns.opcode.Opcode(opcode))
    if edns:
        made.use_edns(0, payload=1400)
    made.set_rcode(dns.rcode.Rcode(rcode))
    made.answer = [rrset(one, RECORDS[one]) for one in kinds]
    found = decode(made.to_wire())
    assert (found.event, found.id) == ("response" if response else "query", number)
    assert {one.upper() for one in ("aa", "tc", "rd", "ra", "ad", "cd") if getattr(found, one)} == flags
    assert found.rcode == (dns.rcode.to_text(dns.rcode.Rcode(rcode)) if response else None)
    text = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(kind))
    if not text.startswith("TYPE"):  # of the rest one knows names that the other does not
        assert found.qtype == text
    theirs = name_of(labels).canonicalize()
    assert found.qname is not None
    assert dns.name.from_text(found.qname) == theirs
    assert [(one.type, one.ttl) for one in found.answers] == [(one.removeprefix("TYPE"), 300) for one in kinds]
    assert [one.data for one in found.answers] == [
        as_written(kind, one[0]) for kind, one in zip(kinds, made.answer, strict=True)
    ]
    assert (found.edns is not None) == edns
    assert found.edns is None or found.edns.udp_size == 1400
