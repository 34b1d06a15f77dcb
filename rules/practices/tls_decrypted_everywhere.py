"""A proxy decrypts the TLS connections to every destination.

Why it matters: clients that pin a certificate break, certificate errors of servers are hidden from people, and one
machine can read every secret that passes.
Instead: splice by default, and decrypt a list of names for which there is a reason.

It is asked what the proxy does with a name that no list of it mentions. What hands requests on to fixed servers may
be the front of the company's own site: it counts where TLS to a required domain ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import Form
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule
from agent.practice.requests import ELSEWHERE, decrypted

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """One hit for each proxy."""
    on_roads = {source for judgement in case.judgements for source in judgement.decrypted_by}
    for proxy in case.gateway.proxies:
        sources = tuple(
            dict.fromkeys(
                source
                for door in proxy.doors
                for form in (Form.CONNECT, Form.TLS)
                if (source := decrypted(door, form, ELSEWHERE)) is not None
                and (not door.hands_on or source in on_roads)
            )
        )
        if sources:
            yield Hit(
                f"{proxy.kind} decrypts TLS to every destination: {sources[0]}",
                ("proxy", proxy.kind),
                sources,
                "Splice by default, and decrypt a list of names for which there is a reason.",
                tool=proxy.kind,
                key=sources[0].text,
            )


RULE = Rule("tls-decrypted-everywhere", "TLS is decrypted for every destination", Severity.HIGH, find)
