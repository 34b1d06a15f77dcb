"""All names of a requirement, as a few: names that no rule tells apart are one part."""

from __future__ import annotations

from itertools import product
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Final

from agent.model.names import apex_of
from agent.model.record import record
from agent.model.resolver import NameSet, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.requirement import Requirement

MAX_PARTS: Final = 10_000
"""Far more names of one required domain than any list has."""

FIRST, LAST = "0", "z" * 63
"""The labels that come first and last where short ones come before long ones."""


@record
class Part:
    """Names that all rules treat alike: one of them to ask about, and how to say which they are."""

    sample: str
    text: str


def parts(requirement: Requirement, sets: Iterable[NameSet]) -> tuple[Part, ...]:
    """Split the names of a requirement by these sets, exactly; the last part is all other names.

    For every name that a set mentions there is the name itself, and one new name below it; where the order of names
    matters there are two, before and after all others there. Raises ValueError where there are more than MAX_PARTS.
    """
    apex = apex_of(requirement.pattern)
    if apex == requirement.pattern:
        return (Part(apex, apex),)
    mentioned: set[str] = {apex}
    inside: set[str] = set()
    ordered = False
    for one in sets:
        ordered = ordered or one.scope is Scope.ORDERED
        if one.text.endswith("." + apex):
            (inside if one.scope is Scope.WITHIN else mentioned).add(one.text)
            above = one.text.partition(".")[2]
            while above != apex:  # a name between has no data, where others do not exist
                mentioned.add(above)
                above = above.partition(".")[2]
    if 3 * (len(mentioned) + len(inside)) > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS // 3} names of {requirement.pattern} are mentioned")
    every = mentioned | inside
    new = _new_label(every, {name.partition(".")[0] for name in inside})
    labels = (
        [one for one in (FIRST, LAST) if not any(name.startswith(one + ".") for name in every)] if ordered else [new]
    )
    found = []
    for name in sorted(mentioned - {apex}):
        found += [Part(name, name), *(Part(f"{label}.{name}", f"*.{name}") for label in labels)]
    for name in sorted(inside):
        found += [Part(f"{new}{name}", f"*{name}"), Part(f"{new}.{new}{name}", f"*.*{name}")]
    if requirement.apex:
        found.append(Part(apex, apex))
    return (*found, *(Part(f"{label}.{apex}", f"*.{apex}") for label in labels))


def _new_label(names: set[str], endings: set[str]) -> str:
    """A label that stands in none of the names, and ends in none of these where there is one."""
    taken = {label for name in names for label in name.split(".")}
    for letters in product(ascii_lowercase + digits, repeat=2):
        label = "new-" + "".join(letters)
        if label not in taken and not label.endswith(tuple(endings)):
            return label
    return "new-" + max((*taken, ""), key=len)[:50] + "0"  # every name ends in one of them: no other is left to ask for
