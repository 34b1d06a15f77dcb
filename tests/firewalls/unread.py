"""What a reader did not understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.firewall import NotUnderstood, Uncertain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.firewall import Step


def unread(steps: Iterable[Step]) -> list[str]:
    """The words of the conditions and statements that the reader does not know."""
    return [
        step.what
        for step in steps
        if isinstance(step, NotUnderstood) or (isinstance(step, Uncertain) and not step.understood)
    ]
