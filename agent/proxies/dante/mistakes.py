"""Names in danted.conf that do not mean what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.naming import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.proxies.dante.words import Block, Written


def mistakes(found: Written, interest: Interest) -> Iterator[Mistake]:
    """Those of ``to:`` in socks rules and routes, in order."""
    earlier: list[tuple[str, Block]] = []
    for block in found.blocks:
        target = block.get("to")
        if block.kind not in ("socks", "route") or target is None or target.address is None:
            continue
        text = target.address.text
        if not target.address.is_name:
            continue
        bare, _, port = text.partition(":")
        bare = bare.removeprefix("*").strip(".")
        names = tuple(sorted(name for name in interest.names if name == bare or name.endswith("." + bare)))
        if interest.names and not (names or interest.ends_in(bare)):
            continue
        if port:
            yield Mistake(
                f"{text} is taken as a name: a colon begins no port", f"to: {bare} port = {port}", target.source, names
            )
        elif "*" in text:
            yield Mistake(f"the * in {text} is taken literally", f"to: .{bare}", target.source, names)
        elif text.startswith(".") and text.endswith(".") and bare:
            yield Mistake(
                f"no name that is asked for ends in a dot, as {text} does", f"to: .{bare}", target.source, names
            )
        elif not text.startswith(".") and "." in text:
            yield from _exact(block, text, names)
        if ignored := target.address.ignored:
            what = f"port: {ignored} is compared with nothing: the rule is about every port"
            yield Mistake(what, f"port = {ignored}", target.source, names)
        if block.kind == "socks":
            yield from _shadowed(earlier, block, text, names)
            earlier.append((text, block))


def _exact(block: Block, text: str, names: tuple[str, ...]) -> Iterator[Mistake]:
    target = block.get("to")
    if target is None or block.kind != "socks":
        return
    below = tuple(name for name in names if name != text)
    if below and block.passes:
        what = f"{text} without a leading dot stands for that name alone, not for what is below it"
        yield Mistake(what, f"to: .{text}", target.source, below)
    elif not block.passes:
        what = f"{text} without a leading dot is compared by address: names that share one with it are blocked as well"
        yield Mistake(what, f"to: .{text}", target.source)


def _shadowed(earlier: list[tuple[str, Block]], block: Block, text: str, names: tuple[str, ...]) -> Iterator[Mistake]:
    """A rule that passes a name which a rule before it blocks for everybody."""
    target = block.get("to")
    if not block.passes or target is None:
        return
    for other, first in earlier:
        everybody = first.get("from")
        covers = other == text or (other.startswith(".") and f".{text.removeprefix('.')}".endswith(other))
        alike = {one.name for one in first.attributes} <= {"from", "to", "log"}
        first_to = first.get("to")
        ports = first_to and first_to.address and first_to.address.ports
        if (
            not first.passes
            and covers
            and alike
            and everybody
            and everybody.address
            and everybody.address.is_any
            and (ports and target.address and target.address.ports and target.address.ports <= ports)
        ):
            what = f"{text} is never passed here: {other} is blocked in line {first.source.line}"
            yield Mistake(what, f"move this rule before line {first.source.line}", target.source, names)
            return
