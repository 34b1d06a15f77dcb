"""Something that the service does again and again has not succeeded for too long.

Why it matters: what it would have seen is missing, and nothing else tells; silence looks like good news.
Instead: read what `journalctl -u gateproof` says of it and mend that, or turn it off in the configuration if nobody
wants it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """Each of them."""
    for one in case.awaited:
        if one.silent <= one.patience:
            continue
        hours = one.patience.total_seconds() / 3600
        yield Hit(
            f"{one.name} has not succeeded for more than {hours:g} h" + (f": {one.trouble}" if one.trouble else ""),
            ("agent", one.name),
            remedy=(
                f"Mend what `journalctl -u gateproof` says of {one.name}, or turn it off: `enabled = false` under"
                f" [{one.name}]."
            ),
            evidence=(("trouble", one.trouble or "none is told"),),
        )


RULE = Rule("check-overdue", "The service misses its schedule", Severity.MEDIUM, find)
