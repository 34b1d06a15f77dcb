"""A server here lets calls pass because of what they say of themselves (User-Agent).

Why it matters: a User-Agent identifies a webhook, it does not authenticate it: anybody can send it. Where nobody else
is let in, it has become a password that stands in a public manual.
Instead: check the signature or the secret that the service sends with each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule
from agent.practice.webhooks import calls

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """One hit for each User-Agent and rule."""
    for call in calls(case):
        if call.passes:
            yield Hit(
                f"{call.proxy.kind} lets {call.agent!r} in for its User-Agent alone: {call.source}",
                ("proxy", call.proxy.kind),
                (call.source,),
                "Check the signature or the secret of each call instead: anybody can send this User-Agent.",
                tool=call.proxy.kind,
                pack=call.pack,
                key=f"{call.agent} {call.source.text}",
            )


RULE = Rule("webhook-trusted-by-user-agent", "Webhooks are trusted for their User-Agent", Severity.MEDIUM, find)
