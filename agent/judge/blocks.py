"""What the interpreter is given, block by block of rules, and what it gives back: ends and ways onward."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from agent.judge.doubt import Doubt
    from agent.judge.packet import Packet
    from agent.judge.patchwork import Patchwork
    from agent.model.firewall import Chain, Dnat, Rule, Snat


class End(StrEnum):
    """How a base chain ends for a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"


@record(eq=False)
class Ending:
    """One possible end: the packet as it is then, and the rule that decided (None: the policy).

    Compared by identity, as the interpreter makes just one of each: blocks hand on hundreds of them.
    """

    end: End
    packet: Packet
    chain: Chain
    rule: Rule | Patchwork | None
    nat: Dnat | Snat | None = None


class Summary(NamedTuple):
    """Everything that can become of a packet in a block of rules and in all that they call."""

    endings: tuple[Ending, ...]
    returns: tuple[Packet, ...]
    """Packets that leave the chain for its caller, or for the policy."""
    onward: tuple[Packet, ...]
    """Packets that go on behind the block."""
    doubts: tuple[Doubt, ...]
    """What leaves it open which of them it is."""


class Block(NamedTuple):
    """Rules of one chain that follow each other; those that surely do not match may be left out."""

    chain: Chain
    rules: Sequence[Rule]
    key: Hashable = None
    """Names the block where its summary may be used again."""


class Rules(Protocol):
    """Which rules there are to run."""

    def blocks(self, chain: Chain) -> Sequence[Block]:
        """Give the rules of a chain, in order."""
        ...

    def known(self, block: Block, packet: Packet) -> Summary | None:
        """Give what was noted about the packet in this block, if anything."""
        ...

    def note(self, block: Block, packet: Packet, summary: Summary) -> Summary:
        """Take note of a summary; what is given back is used in its place."""
        ...


class AllRules:
    """Every rule of every chain; nothing is kept."""

    def blocks(self, chain: Chain) -> Sequence[Block]:
        """Give the whole chain."""
        return (Block(chain, chain.rules),)

    def known(self, _block: Block, _packet: Packet) -> None:
        """Know nothing."""

    def note(self, _block: Block, _packet: Packet, summary: Summary) -> Summary:
        """Use it, and forget it."""
        return summary
