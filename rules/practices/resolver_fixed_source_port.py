"""A resolver sends all its questions from one port.

Why it matters: whoever wants to poison its cache has to guess the port and the number of a question. With one port for
all, sixteen bits are left, which takes seconds (Kaminsky 2008).
Instead: take the line away: every resolver chooses a port at random for each question by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """One hit for each resolver."""
    for resolver in case.gateway.resolvers:
        line = resolver.safety.fixed_port
        if line is not None:
            yield Hit(
                f"{resolver.kind} asks from one port: {line}",
                ("resolver", resolver.kind),
                (line,),
                f"Remove the line from {line.artifact.removeprefix('files')}.",
                tool=resolver.kind,
                key=line.text,
            )


RULE = Rule("resolver-fixed-source-port", "A resolver asks from one port", Severity.HIGH, find)
