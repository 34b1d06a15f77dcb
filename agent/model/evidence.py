"""What the wire has shown of the required domains over days: counts, addresses of servers, and no client.

Times are seconds since 1970. The same classes are the document that is kept between audits
(``gateproof.evidence/1``); they are plain, so that the tap need not load what checks it when it is read.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, TypeVar

from agent.model.limits import STRICT, Limits
from agent.model.outcome import PASSED, Clue, Fate, OutcomeStage
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

EVIDENCE: Final = "gateproof.evidence/1"
SLOT: Final = 900
"""Seconds of one slot, in which outcomes are counted together."""
DAY: Final = 86_400
LIKELY, SURE = 0.7, 0.9
"""Confidences from which on an outcome counts as likely, and as sure."""

# finite, and within what dates can say
Time = Annotated[float, Limits(ge=0, le=253_402_300_799)]
Count = Annotated[int, Limits(ge=0, le=1 << 53)]
Name = Annotated[str, Limits(min_length=1, max_length=260)]
Word = Annotated[str, Limits(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]{1,64}$")]
"""Nothing that steers a terminal."""
Port = Annotated[str, Limits(pattern=r"^(tcp|udp)(/[0-9]{1,5})?$")]


@record(kw_only=True)
class Address:
    """An address of a required domain."""

    __pydantic_config__: ClassVar = STRICT
    address: Annotated[str, Limits(pattern=r"^[0-9a-f.:]{2,45}$")]
    first: Time
    last: Time
    count: Count
    """Answers that named it, and connections that were made to it."""
    answered: bool
    """Whether a DNS answer named it; else only a client said that the domain is there."""
    ports: tuple[Port, ...] = ()
    """``tcp/443``: where clients connected to."""
    passed: Count = 0
    """Connections to it that reached something."""
    dropped: Count = 0
    """That were dropped, refused or reset."""
    unknown: Count = 0
    """Of which neither can be said."""

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


@record(kw_only=True)
class Slot:
    """A quarter of an hour."""

    __pydantic_config__: ClassVar = STRICT
    number: Count
    """Quarters since 1970."""
    count: Count
    likely: Count
    """Those with a confidence of at least LIKELY."""
    sure: Count
    """Those with at least SURE."""


@record(kw_only=True)
class Fared:
    """Queries or connections that came to one end, in one place."""

    __pydantic_config__: ClassVar = STRICT
    zone: Word | None
    """Where the clients are; None where that is not known."""
    stage: OutcomeStage
    fate: Fate
    port: Port
    """``tcp/443``: of the resolver, the server or the proxy that was asked."""
    family: Literal[4, 6]
    road: Annotated[str, Limits(pattern=r"^(direct|proxy:[0-9a-z.:\[\]]{1,60})$")]
    """``direct``, or ``proxy:<address:port>`` where what was asked has no public address."""
    count: Count
    first: Time
    last: Time
    clients: Count
    """At least so many different ones."""
    confidence: Annotated[float, Limits(ge=0, le=1)]
    """The best."""
    slots: tuple[Slot, ...] = ()
    """Of the last day up to ``last``, in order; quarters in which nothing happened are left out."""
    example: tuple[Clue, ...] = ()
    """What speaks for the outcome with the best confidence; no client in it."""

    @property
    def blocked(self) -> bool:
        """Whether something stopped them."""
        return self.fate is not Fate.INCONCLUSIVE and self.fate not in PASSED

    @property
    def passed(self) -> bool:
        """Whether they reached something that answers for the domain."""
        return self.fate in PASSED


@record(kw_only=True)
class Domain:
    """What was seen of one required domain."""

    __pydantic_config__: ClassVar = STRICT
    pack: Name
    pattern: Name
    addresses: tuple[Address, ...] = ()
    outcomes: tuple[Fared, ...] = ()


@record(kw_only=True)
class Companion:
    """A name that no pack covers, and that clients asked for right after a required one."""

    __pydantic_config__: ClassVar = STRICT
    pack: Name
    pattern: Name
    name: Annotated[str, Limits(pattern=r"^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){1,126}$", max_length=253)]
    first: Time
    last: Time
    count: Count
    clients: Count
    """At least so many different ones; never fewer than three."""
    elsewhere: Count
    """How often it was asked for without a required name before it."""


@record(kw_only=True)
class Webhook:
    """Calls of a service in cleartext, by what it says of itself."""

    __pydantic_config__: ClassVar = STRICT
    pack: Name
    agent: Annotated[str, Limits(min_length=1, max_length=300)]
    first: Time
    last: Time
    count: Count
    statuses: tuple[tuple[Annotated[int, Limits(ge=0, le=999)], Count], ...] = ()
    """How often each status was the answer."""


@record(kw_only=True)
class Visibility:
    """How many connections show the name that they are for."""

    __pydantic_config__: ClassVar = STRICT
    named: Count = 0
    """TLS hellos with a name that can be read, and without ECH."""
    nameless: Count = 0
    ech: Count = 0
    """With the extension of ECH, real or made up (GREASE): where it is made up, the name is the true one."""
    ech_outer: Count = 0
    """Of these, under a name that stands for all sites of a provider: the true one is hidden."""
    quic_named: Count = 0
    quic_nameless: Count = 0
    quic_ech: Count = 0
    quic_ech_outer: Count = 0
    quic_closed: Count = 0
    """Initial packets that cannot be opened."""
    dns: Count = 0
    """Queries that can be read."""
    dot: Count = 0
    """Connections of DNS over TLS."""
    doq: Count = 0
    """Connections of DNS over QUIC."""
    doh: Count = 0
    """Connections to well-known servers of DNS over HTTPS."""

    @property
    def hellos(self) -> int:
        """Everything that might have shown a name."""
        tls = self.named + self.nameless + self.ech
        return tls + self.quic_named + self.quic_nameless + self.quic_ech + self.quic_closed

    @property
    def ratio(self) -> tuple[float, float] | None:
        """The share that shows its name: at least (all ECH is real), and at most; None without hellos."""
        if not self.hellos:
            return None
        least = self.named + self.quic_named
        most = least + self.ech - self.ech_outer + self.quic_ech - self.quic_ech_outer
        return least / self.hellos, most / self.hellos


@record(kw_only=True)
class Loss:
    """What the tap had to leave out, so that counts are too low."""

    __pydantic_config__: ClassVar = STRICT
    packets: Count = 0
    """Packets that the kernel gave or would have given."""
    drops: Count = 0
    """Packets that came while the ring was full."""
    forgotten: Count = 0
    """Addresses, outcomes and names that were too many to keep."""


@record(kw_only=True)
class Day:
    """What can only be counted, of one day in UTC."""

    __pydantic_config__: ClassVar = STRICT
    number: Count
    """Days since 1970."""
    visibility: Visibility = field(default_factory=Visibility)
    loss: Loss = field(default_factory=Loss)


@record(kw_only=True)
class Observed:
    """All of it; lists in an order that does not depend on that of the packets."""

    __pydantic_config__: ClassVar = STRICT
    schema: Literal["gateproof.evidence/1"] = EVIDENCE
    since: Time
    until: Time
    domains: tuple[Domain, ...] = ()
    companions: tuple[Companion, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    days: tuple[Day, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself; raises ValueError."""
        if self.until < self.since:
            raise ValueError("`until` is before `since`")

    def of(self, pack: str, pattern: str) -> Domain:
        """What was seen of one domain; nothing, where there is nothing."""
        found = next((one for one in self.domains if (one.pack, one.pattern) == (pack, pattern)), None)
        return found or Domain(pack=pack, pattern=pattern)

    @property
    def visibility(self) -> Visibility:
        """That of all days."""
        return added(Visibility(), *(day.visibility for day in self.days))

    @property
    def loss(self) -> Loss:
        """Likewise."""
        return added(Loss(), *(day.loss for day in self.days))


Counters = TypeVar("Counters", Visibility, Loss)


def added(*counters: Counters) -> Counters:
    """The sum of several, field by field."""
    kind = type(counters[0])
    return kind(**{one.name: sum(getattr(each, one.name) for each in counters) for one in fields(kind)})


def by_slot(outcomes: Iterable[Fared]) -> dict[int, Slot]:
    """The slots of several, added up, in order."""
    found: dict[int, list[Slot]] = defaultdict(list)
    for one in outcomes:
        for slot in one.slots:
            found[slot.number].append(slot)
    return {
        number: Slot(
            number=number,
            count=sum(one.count for one in some),
            likely=sum(one.likely for one in some),
            sure=sum(one.sure for one in some),
        )
        for number, some in sorted(found.items())
    }


def is_recent(number: int, last: float) -> bool:
    """Whether a slot belongs to the day that ends with the slot of ``last``."""
    return number > int(last) // SLOT - DAY // SLOT
