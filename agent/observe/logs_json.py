"""Objects of JSON logs, field by field: what has another type than it should is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.errors import Malformed
from agent.logline import address, name
from agent.model.observation import Dns, ResourceRecord

if TYPE_CHECKING:
    from agent.logline import Clock

LIST: Final = 256
"""Members of a list that are read."""
_TLS: Final = re.compile(r"TLS ?v?1(?:[ .]?([0-3]))?", re.IGNORECASE)
_QUIC: Final = re.compile(r"(?:quic)?v?([12])", re.IGNORECASE)


class Fields:
    """One JSON object; ``read`` raises Malformed."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @classmethod
    def read(cls, line: bytes) -> Fields:
        """The object that is a line."""
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Malformed("no JSON") from error
        if not isinstance(found, dict):
            raise Malformed("no object of JSON")
        return cls(found)

    def text(self, *keys: str) -> str | None:
        """The first of these that is a text and not empty."""
        found = (self.values.get(key) for key in keys)
        return next((one for one in found if isinstance(one, str) and one), None)

    def name(self, key: str) -> str | None:
        """A host name."""
        return name(self.text(key))

    def address(self, key: str) -> str:
        """An address, empty where there is none."""
        return address(self.text(key))

    def number(self, key: str) -> int | None:
        """A number that is not negative."""
        found = self.values.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None

    def port(self, key: str) -> int | None:
        """A port."""
        found = self.number(key)
        return found if found is not None and 0 < found < 65536 else None

    def flag(self, key: str) -> bool | None:
        """Yes or no."""
        found = self.values.get(key)
        return found if isinstance(found, bool) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list's texts."""
        found = self.values.get(key)
        return tuple(one for one in found[:LIST] if isinstance(one, str)) if isinstance(found, list) else ()

    def inner(self, key: str) -> Fields | None:
        """The object that is the value."""
        found = self.values.get(key)
        return Fields(found) if isinstance(found, dict) else None

    def each(self, key: str) -> tuple[Fields, ...]:
        """The objects in a list."""
        found = self.values.get(key)
        return tuple(Fields(one) for one in found[:LIST] if isinstance(one, dict)) if isinstance(found, list) else ()

    def time(self, key: str, clock: Clock) -> float:
        """Seconds since 1970, written as a number or by ISO 8601; raises Malformed."""
        found = self.values.get(key)
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1e12:
            return float(found)
        if isinstance(found, str):
            return clock.iso(found)
        raise Malformed("no time")


def tls_version(text: str | None) -> str | None:
    """``TLS 1.2``, ``TLSv12`` and ``TLSv1`` in the words of observations; None where it is not known."""
    if text is None or text.upper() in {"UNDETERMINED", "UNKNOWN"}:
        return None
    found = _TLS.fullmatch(text)
    return f"TLSv1.{found[1] or 0}" if found else text


def quic_version(text: str | None) -> str | None:
    """``1`` as ``v1``; others as they are written."""
    found = _QUIC.fullmatch(text or "")
    return f"v{found[1]}" if found else text


def dns(  # noqa: PLR0913 - a message
    event: str,
    fields: Fields,
    flags: tuple[str, str, str, str],
    *,
    number: int | None,
    qname: str | None,
    qtype: str | None,
    rcode: str | None = None,
    answers: tuple[ResourceRecord, ...] = (),
    authority: tuple[ResourceRecord, ...] = (),
) -> Dns:
    """A message of DNS; ``flags`` are the fields with AA, TC, RD and RA."""
    aa, tc, rd, ra = (fields.flag(one) for one in flags)
    aliases = {one.name: one.data for one in answers if one.type == "CNAME"}
    chain = [qname] if qname is not None and qname in aliases else []
    while chain and chain[-1] in aliases and len(chain) < LIST and aliases[chain[-1]] not in chain:
        chain.append(aliases[chain[-1]])
    return Dns(
        event=event, id=number, qname=qname, qtype=qtype, qclass="IN", rcode=rcode, extended_rcode=None, aa=aa, tc=tc,
        rd=rd, ra=ra, ad=None, cd=None, answers=answers, cname_chain=tuple(chain),
        authority=authority, edns=None, ede=(),
    )  # fmt: skip
