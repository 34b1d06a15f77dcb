"""The modifier ``$dnsrewrite`` (``loadDNSRewrite`` of urlfilter)."""

from __future__ import annotations

import re
from typing import Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate

CODES: Final = {"NOERROR": Fate.NODATA, "NXDOMAIN": Fate.NXDOMAIN}
"""All other codes are refusals to a client."""
_HOST: Final = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*", re.IGNORECASE)


@record
class Rewrite:
    """What is answered; all empty in an exception: nothing is rewritten."""

    address: tuple[int, int] | None = None
    name: str = ""
    """An alias."""
    code: str = ""
    """Of a refusal, or NOERROR for an answer without addresses."""

    @property
    def fate(self) -> Fate:
        """What becomes of a question where there is neither address nor alias."""
        return CODES.get(self.code or "NOERROR", Fate.REFUSED)


def rewrite(value: str) -> Rewrite | None:
    """Read the value; None where it is not understood, and the rule does not count."""
    parts = value.split(";", 2)
    if len(parts) == 1:
        return _short(value)
    return _long(*parts) if len(parts) == 3 else None


def _short(value: str) -> Rewrite | None:
    if not value:
        return Rewrite()
    if re.fullmatch("[A-Z]+", value):
        return Rewrite(code=value) if value in ("REFUSED", "NXDOMAIN", "NOERROR", "SERVFAIL") else None
    if address := as_address(value):
        return Rewrite(address)
    return Rewrite(name=value.lower()) if _HOST.fullmatch(value) and len(value) <= 63 else None


def _long(code: str, kind: str, value: str) -> Rewrite | None:
    if code.upper() != "NOERROR":
        return Rewrite(code=code.upper()) if re.fullmatch("[A-Za-z0-9]+", code) else None
    match kind.upper():
        case "A" | "AAAA":
            address = as_address(value)
            return Rewrite(address) if address and address[0] == (4 if kind.upper() == "A" else 6) else None
        case "CNAME":
            return Rewrite(name=value.lower()) if _HOST.fullmatch(value) else None
        case _:
            return Rewrite(code="NOERROR")  # other records, or none: there are no addresses then
