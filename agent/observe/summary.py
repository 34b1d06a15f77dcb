"""What a capture holds, counted for people: messages, names, and what failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agent.model.observation import (
    Alert,
    ClientHello,
    Dns,
    FirewallLog,
    HttpRequest,
    HttpResponse,
    IcmpError,
    QuicHello,
    QuicLog,
    Reset,
    TlsLog,
)
from agent.observe.records import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.observation import Observation
    from agent.model.outcome import Outcome

NAMES: Final = 10
"""Names to show of each sort."""
KEPT: Final = 100_000
"""Names to count; further ones are only counted together."""


class Summary:
    """Counts observations as they come."""

    def __init__(self) -> None:
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.names: Counter[tuple[str, str]] = Counter()
        self.troubles: Counter[str] = Counter()
        self.fates: Counter[tuple[str, str]] = Counter()
        """By pattern and fate."""
        self.begin: float | None = None
        self.end = 0.0

    def add(self, observation: Observation) -> None:
        """Count one."""
        message = observation.message
        kind, event = KINDS[type(message)]
        if event is None:
            event = message.event if isinstance(message, Dns | IcmpError) else getattr(message, "event", "")
        self.kinds[kind, event] += 1
        self.begin = observation.timestamp if self.begin is None else min(self.begin, observation.timestamp)
        self.end = max(self.end, observation.timestamp)
        self._name(observation)
        self._trouble(observation)

    def outcome(self, outcome: Outcome) -> None:
        """Count what became of a required name."""
        self.fates[outcome.domain, outcome.fate.value] += 1

    def _name(self, observation: Observation) -> None:
        message = observation.message
        name: str | None = None
        sort = ""
        if isinstance(message, Dns) and message.event == "query":
            sort, name = "asked for by DNS", message.qname
        elif isinstance(message, QuicHello | QuicLog):
            sort, name = "in QUIC", message.sni
        elif isinstance(message, ClientHello | TlsLog):
            sort, name = "in TLS", message.sni
        elif isinstance(message, HttpRequest):
            sort, name = "in HTTP", message.host
        if name is not None and ((sort, name) in self.names or len(self.names) < KEPT):
            self.names[sort, name] += 1

    def _trouble(self, observation: Observation) -> None:
        message = observation.message
        if isinstance(message, Dns) and message.rcode not in (None, "NOERROR"):
            self.troubles[f"DNS answers with {message.rcode}"] += 1
        elif isinstance(message, Alert) and message.description is not None:
            self.troubles[f"TLS alert {message.description}"] += 1
        elif isinstance(message, HttpResponse) and message.status in (403, 407, 451, 511):
            self.troubles[f"HTTP {message.status}"] += 1
        elif isinstance(message, IcmpError) and message.event == "unreachable":
            self.troubles[f"ICMP unreachable, type {message.icmp_type} code {message.icmp_code}"] += 1
        elif isinstance(message, Reset):
            self.troubles["TCP resets"] += 1
        elif isinstance(message, FirewallLog) and message.action not in (None, "accept"):
            self.troubles[f"firewall {message.action}"] += 1

    def lines(self) -> Iterator[str]:
        """The table, line by line."""
        if not self.kinds:
            yield "No messages of DNS, TLS, QUIC, HTTP or ICMP."
            return
        yield "MESSAGES"
        width = max(len(f"{kind} {event}") for kind, event in self.kinds)
        for (kind, event), count in sorted(self.kinds.items()):
            yield f"  {f'{kind} {event}'.replace('_', ' '):<{width}}  {count:>9,}".replace(",", " ")
        yield from self._ranking()
        if self.fates:
            yield ""
            yield "WHAT BECAME OF REQUIRED NAMES"
            width = max(len(domain) for domain, _ in self.fates)
            for (domain, fate), count in sorted(self.fates.items()):
                yield f"  {domain:<{width}}  {fate}: {count}"
        if self.troubles:
            yield ""
            yield "TROUBLES"
            for what, count in self.troubles.most_common():
                yield f"  {what}: {count}"

    def _ranking(self) -> Iterator[str]:
        for sort in ("asked for by DNS", "in TLS", "in QUIC", "in HTTP"):
            found = sorted(((-count, name) for (one, name), count in self.names.items() if one == sort))
            if found:
                more = f" (the first {NAMES} of {len(found)})" if len(found) > NAMES else ""
                yield ""
                yield f"NAMES {sort.upper()}{more}"
                for count, name in found[:NAMES]:
                    yield f"  {-count:>6}  {name}"
