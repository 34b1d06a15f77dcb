"""What the API counts of itself; nothing in it grows with clients or with what they ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Counts since the process began."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By route, as the table has it, and status."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Connections that were refused or dropped, by reason."""
    connections: int = 0
    """That are open now."""
