"""An entry of a name list does not mean what somebody believes.

Why it matters: every program has a dialect of its own for "this name and all below it". An entry in the wrong one
is taken without a word and matches nothing, or far too much.
Instead: write the entry as the program reads it; the remedy says how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Proxy
    from agent.model.resolver import Resolver


def find(case: Case) -> Iterator[Hit]:
    """One hit for each entry."""
    programs: list[Proxy | Resolver] = [*case.gateway.proxies, *case.gateway.resolvers]
    for program in programs:
        for one in program.mistakes:
            yield Hit(
                f"{program.kind}: {one.what}: {one.source}",
                ("rule", one.source.text),
                (one.source,),
                one.remedy,
                tool=program.kind,
                key=f"{one.source.artifact} {one.what}",
            )


RULE = Rule("name-list-mistake", "A name list has a mistake", Severity.MEDIUM, find)
