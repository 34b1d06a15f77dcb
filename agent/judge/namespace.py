"""All names of a requirement, as a few: names that no rule tells apart are one part."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice, product
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Final

from agent.model.names import apex_of
from agent.model.record import record
from agent.model.resolver import AnyOf, NameSet, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.regular import Pattern
    from agent.model.regular.search import Memberships
    from agent.model.regular.split import Division
    from agent.model.requirement import Requirement

MAX_PARTS: Final = 10_000
"""Far more names of one required domain than any list has."""
MAX_ALONE: Final = 100
"""Parts for single patterns, where others have the same outcome."""
ROOM_COSTS: Final = 2_000
"""Steps of automata for each name that a set mentions, besides those that there are anyhow."""
MAX_TEXT: Final = 40
"""Characters of a pattern in a sentence."""
MAX_PATTERNS: Final = 2
"""Patterns in a sentence."""

FIRST, LAST = "0", "z" * 63
"""The labels that come first and last where short ones come before long ones."""


@record
class Part:
    """Names that all rules treat alike: one of them to ask about, and how to say which they are."""

    sample: str
    text: str
    sampled: bool = False
    """There are too many patterns, or too large ones: not all names of this part need be treated alike."""


@record
class _Room:
    """Names that no set tells apart, before patterns do: where they stand (see ``regular.hosts.Region``)."""

    parts: tuple[Part, ...]
    """More than one where the order of names matters."""
    ending: str
    deeper: bool | None = None


def parts(requirement: Requirement, sets: Iterable[NameSet | AnyOf | Pattern]) -> tuple[Part, ...]:
    """Split the names of a requirement by these sets, exactly; the last part is all other names.

    For every name that a set mentions there is the name itself, and one new name below it; where the order of names
    matters there are two, before and after all others there. Patterns split these further: a part for each way to
    belong to some of them and not to others. Raises ValueError where there are more than MAX_PARTS.
    """
    apex = apex_of(requirement.pattern)
    if apex == requirement.pattern:
        return (Part(apex, apex),)
    plain, groups = _sorted_out(sets)
    mentioned: set[str] = {apex}
    inside: set[str] = set()
    ordered = False
    for one in plain:
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
    found: list[Part | _Room] = []
    for name in sorted(mentioned - {apex}):
        found += [Part(name, name), _below(name, labels)]
    for name in sorted(inside):
        found += [
            _Room((Part(f"{new}{name}", f"*{name}"),), name, deeper=False),
            _Room((Part(f"{new}.{new}{name}", f"*.*{name}"),), name, deeper=True),
        ]
    if requirement.apex:
        found.append(Part(apex, apex))
    found.append(_below(apex, labels))
    if groups:
        split = tuple(islice(_split(found, mentioned, inside, groups), MAX_PARTS + 1))
        if len(split) > MAX_PARTS:
            raise ValueError(f"patterns make more than {MAX_PARTS} parts of {requirement.pattern}")
        return split
    return tuple(part for one in found for part in (one.parts if isinstance(one, _Room) else (one,)))


def _below(name: str, labels: list[str]) -> _Room:
    return _Room(tuple(Part(f"{label}.{name}", f"*.{name}") for label in labels), f".{name}")


def _sorted_out(sets: Iterable[NameSet | AnyOf | Pattern]) -> tuple[list[NameSet], list[tuple[Pattern, ...]]]:
    """The sets, with those of patterns that plainly list names; and the other patterns, by outcome."""
    plain: list[NameSet] = []
    groups: dict[tuple[Pattern, ...], None] = {}
    for one in sets:
        if isinstance(one, NameSet):
            plain.append(one)
            continue
        left = []
        for pattern in dict.fromkeys(one.patterns if isinstance(one, AnyOf) else (one,)):
            simple = pattern.simple()
            if simple is None:
                left.append(pattern)
            else:
                plain += simple
        if left:
            groups[tuple(left)] = None
    return plain, sorted(groups, key=lambda group: [(one.text, one.dialect, one.inverted) for one in group])


def _new_label(names: set[str], endings: set[str]) -> str:
    """A label that stands in none of the names, and with which none of these can end where there is one."""
    taken = {label for name in names for label in name.split(".")}
    beginnings = tuple(ending[:length] for ending in endings for length in range(1, len(ending) + 1))
    for letters in product(ascii_lowercase + digits, repeat=2):
        label = "new-" + "".join(letters)
        if label not in taken and not label.endswith(beginnings):
            return label
    return "new-" + max((*taken, ""), key=len)[:50] + "0"  # every name ends in one of them: no other is left to ask for


# ---- patterns ----


def _split(
    found: list[Part | _Room], mentioned: set[str], inside: set[str], groups: list[tuple[Pattern, ...]]
) -> Iterator[Part]:
    """Split what is not a single name by patterns as well."""
    from agent.model.regular.hosts import Region  # noqa: PLC0415 - few gateways have patterns
    from agent.model.regular.search import MAX_WORK, Budget  # noqa: PLC0415 - likewise
    from agent.model.regular.split import divide  # noqa: PLC0415 - likewise

    taken, endings = _by_parent(mentioned), _by_parent(inside)
    budget = Budget(MAX_WORK + ROOM_COSTS * len(found))
    left = MAX_ALONE
    for one in found:
        if isinstance(one, Part):
            yield one
            continue
        label, _, parent = one.ending.partition(".")
        region = Region(one.ending, frozenset(taken[parent]), frozenset(endings[parent] - {label}), deeper=one.deeper)
        division = divide(region, groups, one.parts[0].sample, budget)
        split = tuple(_divided(one.parts, division, left)) if division else one.parts
        left = max(0, left - len(split))
        yield from split


def _by_parent(names: set[str]) -> defaultdict[str, set[str]]:
    """The first labels of names, by what stands behind them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        label, _, parent = name.partition(".")
        found[parent].add(label)
    return found


def _divided(whole: tuple[Part, ...], division: Division, left: int) -> Iterator[Part]:
    """The parts of a room: those that patterns match, some for single patterns, and last all other names."""
    base = tuple(any(one.inverted for one in group) for group in division.groups)
    if base not in division.samples:
        base = division.of(whole[0].sample)
    sampled = not division.complete or len(whole) > 1  # that a name comes first may go with some memberships only
    for memberships, sample in division.samples.items():
        if memberships != base:
            yield from _matching(memberships, sample, division, left, sampled=sampled)
    others = [part.sample for part in whole if division.of(part.sample) == base]
    for sample in others or [division.samples[base]]:
        yield Part(sample, f"all other {whole[0].text}", sampled)


def _matching(memberships: Memberships, sample: str, division: Division, left: int, *, sampled: bool) -> Iterator[Part]:
    """The names with some memberships; where one group alone has them, for each of its patterns."""
    matched = [
        group
        for group, belongs in zip(division.groups, memberships, strict=True)
        if belongs is not any(one.inverted for one in group)
    ]
    if len(matched) == 1 and len(matched[0]) > 1 and not any(one.inverted for one in matched[0]):
        alike = [(one, division.alone[one]) for one in matched[0] if one in division.alone][:left]
        if len(division.groups) > 1:
            alike = [(one, name) for one, name in alike if division.known.get(name) == memberships]
        names = {name: one for one, name in reversed(alike)}  # one name may do for several patterns
        for name, one in reversed(names.items()):
            yield Part(name, f"names like {name} ({_all_that([_quoted(one)], 1)})", sampled)
        if alike:
            return
    quoted = [_quoted(group[0]) if len(group) == 1 else f"one of {len(group)} patterns" for group in matched]
    yield Part(sample, f"names like {sample} ({_all_that(quoted, len(division.groups))})", sampled)


def _all_that(quoted: list[str], patterns: int) -> str:
    if not quoted:
        return "all that match none of the patterns"
    more = len(quoted) - MAX_PATTERNS
    listed = " and ".join(quoted[:MAX_PATTERNS]) + (f" and {more} more" if more > 0 else "")
    return f"all that match {'only ' if len(quoted) < patterns else ''}{listed}"


def _quoted(pattern: Pattern) -> str:
    return pattern.text if len(pattern.text) <= MAX_TEXT else pattern.text[: MAX_TEXT - 1] + "…"
