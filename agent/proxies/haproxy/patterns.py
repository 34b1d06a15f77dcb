"""What ACLs and maps compare samples with (pattern.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals, prefix_interval
from agent.proxies.variables.texts import How, Literal, regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.proxy import Texts

WAYS: Final = {
    "str": (How.WHOLE, ""),
    "beg": (How.BEGINS, ""),
    "end": (How.ENDS, ""),
    "sub": (How.CONTAINS, ""),
    "dir": (How.WORD, "/?"),
    "dom": (How.WORD, "/?.:"),
}
"""``-m`` to how a word is compared, with the delimiters of ``match_word``."""
WHOLE_NUMBERS: Final = 1 << 63


def text_pattern(word: str, way: str, *, fold: bool) -> Texts:
    """A word of ``-m str``, ``beg``...; raises Malformed for what is not followed."""
    if way == "reg":
        return regex(word, fold=fold)
    how, delimiters = WAYS[way]
    return Literal(how, word, fold, delimiters)


def numbers(words: Sequence[str]) -> Intervals:
    """``443``, ``1:1024``, ``ge 1024``; an operator holds for what follows; raises Malformed."""
    pairs: list[tuple[int, int]] = []
    operator = "eq"
    for word in words:
        if word in ("eq", "ge", "gt", "le", "lt"):
            operator = word
            continue
        low, colon, high = word.partition(":")
        try:
            first = int(low) if low else -WHOLE_NUMBERS
            last = (int(high) if high else WHOLE_NUMBERS) if colon else first
        except ValueError as error:
            raise Malformed(f"{word} is no number") from error
        match operator:
            case "ge":
                last = WHOLE_NUMBERS
            case "gt":
                first, last = first + 1, WHOLE_NUMBERS
            case "le":
                first = -WHOLE_NUMBERS
            case "lt":
                first, last = -WHOLE_NUMBERS, last - 1
        pairs.append((first, last))
    return Intervals.of(pairs)


def network(word: str) -> tuple[int, tuple[int, int]]:
    """An address with or without a mask, also ``10.12`` and ``127.1/8``; raises Malformed for host names."""
    host, slash, mask = word.partition("/")
    if ":" not in host and host.replace(".", "").isdecimal():
        parts = host.split(".")
        if len(parts) < 4:  # the last part stands for the rest, as inet_aton has it
            host = ".".join((*parts[:-1], *["0"] * (4 - len(parts)), parts[-1]))
    try:
        return prefix_interval(host + slash + mask)
    except ValueError as error:
        raise Malformed(f"{word} is no address") from error


def networks(words: Sequence[str]) -> tuple[tuple[int, Intervals], ...]:
    """Networks by family; one of IPv4 holds for ``::ffff:a.b.c.d`` as well, one of IPv6 never for public IPv4."""
    found: dict[int, list[tuple[int, int]]] = {}
    for word in words:
        family, pair = network(word)
        found.setdefault(family, []).append(pair)
    return tuple((family, Intervals.of(pairs)) for family, pairs in sorted(found.items()))
