"""What all requests share."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from agent.serve.counters import Counters
from agent.serve.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.serve.setup import Settled
    from agent.serve.state import State

STREAMS: Final = 32
"""Answers that are streamed at once; each keeps a state of the store from being tidied up."""


@dataclass(slots=True)
class Site:
    """The state that is served, and how it goes."""

    state: State
    setup: Settled
    every: timedelta = timedelta(minutes=15)
    """How often the host should be audited."""
    counters: Counters = field(default_factory=Counters)
    _streams: int = 0

    @contextmanager
    def streams(self) -> Iterator[None]:
        """A place among those who are sent streams; raises Problem where all are taken."""
        if self._streams >= STREAMS:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "busy",
                "too many clients take the whole state at once; try again",
                headers={"Retry-After": "2"},
            )
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
