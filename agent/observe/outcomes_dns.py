"""What became of a question about a required name.

A resolver may fail by itself. What tells blocking: an answer that says so (RFC 8914), one that leads nowhere, two
answers that contradict each other, one that comes otherwise than all others of that resolver, or silence about one
name while others are answered.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.model.record import record
from agent.observe.outcomes import APART, Judged, count, inconclusive

if TYPE_CHECKING:
    from agent.model.observation import Dns

DNS: Final = OutcomeStage.DNS
SENDS: Final = 3
SETTLE: Final = 2.0
"""Seconds in which a second answer to the same question may come."""
WAIT: Final = 10.0
"""Seconds after the last question in which an answer may come."""
OTHERS: Final = 3
"""Answers about other names that show a resolver to be well."""
BLOCKING: Final = {4: "Forged Answer", 15: "Blocked", 16: "Censored", 17: "Filtered", 18: "Prohibited"}
"""Codes of RFC 8914 §4 by which a resolver owns up to it."""
USUAL: Final = 5
"""Answers from where on a resolver's TTL and speed are known."""
SLOW: Final = 0.3
"""Seconds that a resolver takes when it has asked others in vain."""
_NOWHERE: Final = tuple(
    ipaddress.ip_network(one)
    for one in ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128", "::ffff:0.0.0.0/104", "::ffff:127.0.0.0/104")
)
_INSIDE: Final = tuple(
    ipaddress.ip_network(one)
    for one in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)


@record
class Answer:
    """A response, and how it came."""

    at: float
    ttl: int
    rtt: float
    """Seconds since the question."""
    message: Dns


@record
class Asked:
    """All questions of one client to one resolver for the same records of a name, until they were answered."""

    begin: float
    sent: float
    sends: int
    answers: tuple[Answer, ...]
    doubled: bool
    """One of the questions got more answers than it was sent times."""


@record
class DnsContext:
    """What is known besides."""

    over: bool = False
    lossy: bool = False
    left: bool | None = None
    """Whether the questions left this gateway, if that is known and they had to."""
    others: int = 0
    """Answers of the same resolver about other names meanwhile."""
    others_lost: int = 0
    """Questions about other names that it left without an answer."""
    lately: bool = False
    """The same name was answered well not long ago."""
    repeats: int = 0
    wildcard: bool = True
    """The pattern covers names that need not exist."""
    usual_ttl: int | None = None
    quickest: float | None = None
    """Seconds of its quickest answer."""
    reached: bool = False
    """The client reached an address of the answer, and was answered there for that name."""
    block_page: bool = False
    """An address of the answer gave a block page for a required name."""


def judge(asked: Asked, now: float, context: DnsContext) -> Judged | None:
    """What became of it, None as long as that is open."""
    if not asked.answers:
        if not context.over and now - asked.sent < WAIT:
            return None
        return _unanswered(asked, context)
    first = asked.answers[0]
    if not context.over and now - first.at < SETTLE:
        return None
    if asked.doubled and (found := _contradicting(asked)) is not None:
        return found
    if (found := _made_up(first, context)) is not None:
        return found
    return _answered(first, context, now)


def _answered(first: Answer, context: DnsContext, now: float) -> Judged | None:
    message = first.message
    rcode = message.rcode or ""
    if rcode == "NOERROR":
        return _addresses(first, context, now)
    clue = Clue(first.at, f"the answer is {rcode}", (("rcode", rcode),))
    admits = _admission(message)
    if rcode == "NXDOMAIN":
        return _nxdomain(first, clue, admits, context)
    if rcode == "REFUSED":
        confidence = 0.98 if admits is not None else 0.9 if context.others else 0.7
        clues = (clue,) if admits is None else (clue, Clue(first.at, admits))
        return Judged(Fate.DNS_REFUSED, confidence, DNS, clues)
    if rcode == "SERVFAIL":
        return _servfail(first, clue, admits, context)
    return inconclusive(DNS, first.at, "the resolver did not understand the question", clue)


def _nxdomain(first: Answer, clue: Clue, admits: str | None, context: DnsContext) -> Judged:
    if admits is not None:
        return Judged(Fate.DNS_NXDOMAIN, 0.98, DNS, (clue, Clue(first.at, admits)))
    origin = next((one.name for one in first.message.authority if one.type == "SOA"), None)
    if origin is None:
        what = "no zone is named that would say so (SOA, RFC 2308 §3)"
        return Judged(Fate.DNS_NXDOMAIN, min(0.9, 0.75 + 0.05 * context.repeats), DNS, (clue, Clue(first.at, what)))
    if context.lately:
        return Judged(Fate.DNS_NXDOMAIN, 0.6, DNS, (clue, Clue(first.at, "the name was answered a moment ago")))
    if not context.wildcard:
        return Judged(Fate.DNS_NXDOMAIN, 0.7, DNS, (clue, Clue(first.at, "the service requires just this name")))
    return inconclusive(DNS, first.at, "the zone itself says so: such a name may not exist", clue)


def _servfail(first: Answer, clue: Clue, admits: str | None, context: DnsContext) -> Judged:
    if admits is not None:
        return Judged(Fate.DNS_SERVFAIL, 0.95, DNS, (clue, Clue(first.at, admits)))
    codes = [one.info_code for one in first.message.ede]
    if codes:
        return inconclusive(DNS, first.at, f"the resolver could not find out (RFC 8914 code {codes[0]})", clue)
    well = context.others >= OTHERS and not context.others_lost and not context.lately
    if well and context.repeats and first.rtt < SLOW:
        what = f"{context.repeats + 1} times so, at once, while it answers about other names"
        return Judged(Fate.DNS_SERVFAIL, 0.6, DNS, (clue, Clue(first.at, what)))
    return inconclusive(DNS, first.at, "the servers of the zone may be dead", clue)


def _addresses(first: Answer, context: DnsContext, now: float) -> Judged | None:
    message = first.message
    found = [one.data for one in message.answers if one.type in {"A", "AAAA"}]
    admits = _admission(message)
    nowhere = [one for one in found if _within(one, _NOWHERE)]
    if nowhere:
        clues = [Clue(first.at, f"the answer is {nowhere[0]}, which is nobody", (("address", nowhere[0]),))]
        clues += [Clue(first.at, admits)] if admits is not None else []
        return Judged(Fate.DNS_SINKHOLE, 0.98 if admits is not None else 0.95, DNS, tuple(clues))
    if found and context.block_page:
        what = f"{found[0]} gave a block page for a required name"
        return Judged(Fate.DNS_SINKHOLE, 0.9, DNS, (Clue(first.at, what, (("address", found[0]),)),))
    inside = [one for one in found if _within(one, _INSIDE)]
    if inside and not context.reached:
        # some names are served from inside for everybody: an answer there decides
        if admits is None and not context.over and now - first.at < WAIT:
            return None
        clues = [Clue(first.at, f"the answer is {inside[0]}, which is not public", (("address", inside[0]),))]
        clues += [Clue(first.at, admits)] if admits is not None else []
        return Judged(Fate.DNS_SINKHOLE, 0.98 if admits is not None else 0.75, DNS, tuple(clues))
    if admits is not None:
        return Judged(Fate.DNS_FORGED, 0.98, DNS, (Clue(first.at, admits),))
    if not found and message.qtype in {"A", "AAAA"}:
        if context.lately and message.qtype == "A":
            return inconclusive(DNS, first.at, "no address now, while there was one a moment ago")
        return Judged(Fate.OK, 0.6, DNS, (Clue(first.at, "answered: no record of that type"),))
    what = "answered with 1 address" if len(found) == 1 else f"answered with {len(found)} addresses"
    return Judged(Fate.OK, 1.0, DNS, (Clue(first.at, what if found else "answered"),))


def _contradicting(asked: Asked) -> Judged | None:
    """Two answers to one question that do not say the same."""
    one = asked.answers[0]
    for other in asked.answers[1:]:
        if said(one.message) == said(other.message):
            continue
        clues = [
            Clue(one.at, f"the first answer: {_short(one.message)}"),
            Clue(other.at, f"another one {1000 * (other.at - one.at):.1f} ms later: {_short(other.message)}"),
        ]
        if one.ttl != other.ttl:
            clues.append(Clue(one.at, f"they came with TTL {one.ttl} and {other.ttl}"))
        return Judged(Fate.DNS_FORGED, 0.95, DNS, tuple(clues))
    return None


def _made_up(first: Answer, context: DnsContext) -> Judged | None:
    """An answer that did not come from where the resolver's answers come from."""
    usual = context.usual_ttl
    if usual is None or abs(usual - first.ttl) <= APART:
        return None
    clue = Clue(
        first.at, f"it came with TTL {first.ttl}, all others of this resolver with {usual}", (("ttl", first.ttl),)
    )
    if context.quickest is not None and first.rtt < context.quickest / 2:
        what = f"after {1000 * first.rtt:.2f} ms, where the quickest other took {1000 * context.quickest:.2f} ms"
        return Judged(Fate.DNS_FORGED, 0.85, DNS, (clue, Clue(first.at, what)))
    return None


def _unanswered(asked: Asked, context: DnsContext) -> Judged:
    clue = Clue(asked.sent, f"{count(asked.sends, 'question')} without an answer", (("sends", asked.sends),))
    if context.lossy:
        return inconclusive(DNS, asked.sent, "packets went by unseen meanwhile", clue)
    if asked.sends < SENDS:
        return inconclusive(DNS, asked.sent, "so few may be lost by chance", clue)
    if context.lately:
        return inconclusive(DNS, asked.sent, "the same name was answered a moment ago", clue)
    if context.left is False:
        return Judged(Fate.DNS_NO_ANSWER, 0.9, DNS, (clue, Clue(asked.sent, "none of them left this gateway")))
    if context.others >= OTHERS and not context.others_lost:
        what = f"the same resolver gave {context.others} answers about other names meanwhile"
        return Judged(Fate.DNS_NO_ANSWER, min(0.9, 0.75 + 0.05 * context.repeats), DNS, (clue, Clue(asked.sent, what)))
    return inconclusive(DNS, asked.sent, "the resolver may be dead, or its answers lost", clue)


def said(message: Dns) -> tuple[str | None, frozenset[tuple[str, str, str]]]:
    """What a response says, whatever the order and age of its records."""
    return message.rcode, frozenset((one.name, one.type, one.data) for one in message.answers)


def _short(message: Dns) -> str:
    data = [one.data for one in message.answers if one.type in {"A", "AAAA"}]
    return ", ".join(data[:3]) if data else message.rcode or "nothing"


def _admission(message: Dns) -> str | None:
    """What a resolver owns up to."""
    code = next((one.info_code for one in message.ede if one.info_code in BLOCKING), None)
    return None if code is None else f"the resolver says so itself: {BLOCKING[code]} (RFC 8914 code {code})"


def _within(text: str, prefixes: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # what is no address leads nowhere else either
        return False
    return any(address in one for one in prefixes)
