"""A server here refuses the calls of a service because of what the service says of itself (User-Agent).

Why it matters: webhooks tell your systems of new chats and tickets. A list of "bad bots" that matches the service's
User-Agent refuses them, and nobody notices, for the sender gives up in silence.
Instead: let the service's User-Agent pass before the list, and check the signature or the secret of each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule, Sight
from agent.practice.seen import moment
from agent.practice.webhooks import calls

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """One hit for each User-Agent and rule."""
    for call in calls(case):
        if not call.passes:
            yield Hit(
                f"{call.proxy.kind} refuses webhooks of {call.agent!r} by their User-Agent: {call.source}",
                ("proxy", call.proxy.kind),
                (call.source,),
                f"Let {call.agent!r} pass before this rule.",
                tool=call.proxy.kind,
                pack=call.pack,
                key=f"{call.agent} {call.source.text}",
                seen=_answers(case, call.pack, call.agent),
            )


def _answers(case: Case, pack: str, agent: str) -> tuple[Sight, ...]:
    """How calls of this User-Agent were answered, where somebody watched: it is no finding by itself."""
    return tuple(
        Sight(
            one.last,
            (
                ("user_agent", one.agent),
                ("count", one.count),
                ("answers", {str(status): count for status, count in one.statuses}),
                ("first", moment(one.first)),
                ("last", moment(one.last)),
            ),
        )
        for one in (case.observed.webhooks if case.observed is not None else ())
        if (one.pack, one.agent) == (pack, agent)
    )


RULE = Rule("webhook-blocked-by-user-agent", "Webhooks are refused by their User-Agent", Severity.HIGH, find)
