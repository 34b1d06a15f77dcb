"""Regular expressions with FTL's own options behind semicolons (``compile_regex`` in regex.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.regular import Dialect
from agent.model.resolver import BOTH, Fate, Outcome
from agent.resolvers.filtering.block_page import THIS_HOST, answered_with
from agent.resolvers.filtering.regexes import name_pattern

if TYPE_CHECKING:
    from agent.model.resolver import Named

FAMILIES: Final = {"A": 4, "AAAA": 6}
OTHER_TYPES: Final = frozenset({
    "ANY", "SRV", "SOA", "PTR", "TXT", "NAPTR", "MX", "DS", "RRSIG", "DNSKEY", "NS", "OTHER", "SVCB", "HTTPS",
})  # fmt: skip
REPLIES: Final = {
    "NODATA": Outcome(Fate.NODATA), "NXDOMAIN": Outcome(Fate.NXDOMAIN), "REFUSED": Outcome(Fate.REFUSED),
    "NONE": Outcome(Fate.DROPPED),
}  # fmt: skip


@record
class Expression:
    """One expression; ``names`` is None where it is not followed."""

    text: str
    names: tuple[Named, ...] | None
    families: frozenset[int] = BOTH
    inverted: bool = False
    reply: str = ""

    def outcome(self, family: int, own: tuple[int, int] | None) -> Outcome | None:
        """What the option ``reply`` says; None: nothing. ``own`` is the address for blocked names."""
        if not self.reply:
            return None
        if fixed := REPLIES.get(self.reply.upper()):
            return fixed
        if self.reply.upper().startswith("CNAME,"):
            return Outcome(Fate.ALIAS, target=self.reply.partition(",")[2].rstrip(".").lower())
        given = as_address(self.reply)
        return answered_with((given if given and given[0] == family else own or THIS_HOST[family],))


def expression(text: str, version: int) -> Expression | None:
    """Read an expression; None for one that FTL leaves out."""
    parts = [part for part in text.split(";") if part]
    if not parts:
        return None
    regex, *options = parts
    families: frozenset[int] = BOTH
    typed = inverted = False
    reply = ""
    for option in options:
        if option.startswith("querytype="):
            types = _types(option.removeprefix("querytype="))
            if types is None or typed:
                return None
            typed, families = True, types
        elif option.lower() == "invert":
            inverted = True
        elif option.startswith("reply="):
            reply = option.removeprefix("reply=").strip()
            if not _is_reply(reply):
                return None
        elif version > 5:  # before, it was ignored
            return None
    return Expression(regex, name_pattern(regex, Dialect.TRE), families, inverted, reply)


def _types(text: str) -> frozenset[int] | None:
    """Families of the types; None where none of them is known."""
    found: frozenset[str] = frozenset()
    for word in text.removeprefix("!").split(","):
        if word.upper() in FAMILIES.keys() | OTHER_TYPES:
            found ^= {word.upper()}  # as FTL does: twice is never
    if not found:
        return None
    mine = frozenset(FAMILIES[one] for one in found & FAMILIES.keys())
    return BOTH - mine if text.startswith("!") else mine


def _is_reply(text: str) -> bool:
    upper = text.upper()
    return upper in REPLIES or upper == "IP" or as_address(text) is not None or upper.startswith("CNAME,")
