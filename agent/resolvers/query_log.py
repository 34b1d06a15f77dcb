"""Questions and answers as resolvers' logs tell of them: a line knows a name and a client, seldom the rest."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from agent.logline import address, name
from agent.model.observation import Dns, Observation, ResourceRecord
from agent.wire.dns_names import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.observation import ExtendedError

_BARE: Final = re.compile(r"(?:type=|TYPE)?(\d{1,5})", re.ASCII)
_TYPE: Final = re.compile(r"[A-Z][A-Z0-9-]{0,15}")


def record_type(text: str) -> str | None:
    """The mnemonic of a type, or its bare number, however a program writes it; None where it is none."""
    if bare := _BARE.fullmatch(text):
        return TYPES.get(int(bare[1]), bare[1])
    return text if _TYPE.fullmatch(text) else None


def question(  # noqa: PLR0913 - what a line may say
    at: float,
    sensor: str,
    client: str,
    qname: str,
    qtype: str | None,
    *,
    client_port: int | None = None,
    server: str = "",
    qclass: str | None = "IN",
    transport: str | None = None,
    rd: bool | None = None,
    cd: bool | None = None,
) -> Observation:
    """A client's question to the resolver."""
    message = _dns("query", qname, qtype, qclass, rd=rd, cd=cd)
    return Observation(at, address(client), address(server), client_port, None, transport, message, sensor=sensor)


def answer(  # noqa: PLR0913 - likewise
    at: float,
    sensor: str,
    client: str,
    qname: str,
    qtype: str | None,
    *,
    rcode: str,
    client_port: int | None = None,
    qclass: str | None = "IN",
    chain: Sequence[str] = (),
    data: str | None = None,
    ede: tuple[ExtendedError, ...] = (),
) -> Observation:
    """The resolver's answer to it: ``chain`` are the names that it led to, ``data`` the address in the end."""
    message = _dns("response", qname, qtype, qclass, rcode=rcode, chain=chain, data=data, ede=ede)
    return Observation(at, "", address(client), None, client_port, None, message, sensor=sensor)


def _dns(  # noqa: PLR0913 - likewise
    event: str,
    qname: str,
    qtype: str | None,
    qclass: str | None,
    *,
    rcode: str | None = None,
    chain: Sequence[str] = (),
    data: str | None = None,
    ede: tuple[ExtendedError, ...] = (),
    rd: bool | None = None,
    cd: bool | None = None,
) -> Dns:
    owner = name(qname)
    names = tuple(one for one in map(name, (qname, *chain)) if one is not None) if chain else ()
    # a log says no time to live
    found = [ResourceRecord(one, "CNAME", 0, target) for one, target in pairwise(names)]
    if data is not None:
        found.append(ResourceRecord(names[-1] if names else owner or "", "AAAA" if ":" in data else "A", 0, data))
    return Dns(
        event=event, id=None, qname=owner, qtype=qtype, qclass=qclass, rcode=rcode, extended_rcode=None,
        aa=None, tc=None, rd=rd, ra=None, ad=None, cd=cd, answers=tuple(found), cname_chain=names, authority=(),
        edns=None, ede=ede,
    )  # fmt: skip
