"""Calls of services in cleartext: webhooks, by what they say of themselves, and how they were answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.evidence import Webhook
from agent.model.observation import HttpResponse
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.observation import HttpRequest, Observation
    from agent.model.requirement import Requirement

WAITING: Final = 1024
"""Requests that wait for their answer."""
STATUSES: Final = 32
"""Of one sort."""

Ends = tuple[str, int | None, str, int | None]


class _Calls:
    """Those of one User-Agent."""

    __slots__ = ("count", "first", "last", "statuses")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.statuses: dict[int, int] = {}


class Webhooks:
    """Counts those that packs name."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        self._agents = {agent: one.pack for one in requirements for agent in one.webhook_agents}
        self._calls: dict[str, _Calls] = {}
        self._waiting: Recent[Ends, str] = Recent(WAITING)

    def add(self, observation: Observation, message: HttpRequest | HttpResponse) -> None:
        """Count a request, or the answer to one."""
        source, target = (observation.src_ip, observation.src_port), (observation.dest_ip, observation.dest_port)
        at = observation.timestamp
        if isinstance(message, HttpResponse):
            agent = self._waiting.get((*target, *source)) if message.status >= 200 else None
            if agent is not None and (calls := self._calls.get(agent)) is not None:
                self._waiting.pop((*target, *source))
                if message.status in calls.statuses or len(calls.statuses) < STATUSES:
                    calls.statuses[message.status] = calls.statuses.get(message.status, 0) + 1
        elif message.user_agent in self._agents:
            calls = self._calls.setdefault(message.user_agent, _Calls(at))
            calls.first, calls.last = min(calls.first, at), max(calls.last, at)
            calls.count += 1
            self._waiting.put((*source, *target), message.user_agent)
        else:
            # the next request on the same connection is somebody else's, behind a proxy
            self._waiting.pop((*source, *target))

    def prune(self, since: float) -> None:
        """Forget those that came last before then."""
        self._calls = {agent: one for agent, one in self._calls.items() if one.last >= since}

    def found(self) -> tuple[Webhook, ...]:
        """All of them, in order."""
        return tuple(
            Webhook(
                pack=self._agents[agent],
                agent=agent,
                first=one.first,
                last=one.last,
                count=one.count,
                statuses=tuple(sorted(one.statuses.items())),
            )
            for agent, one in sorted(self._calls.items(), key=lambda pair: (self._agents[pair[0]], pair[0]))
        )
