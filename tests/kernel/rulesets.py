"""Random rulesets by flavour and seed: the same seed gives the same text."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.kernel import nft_rulesets

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Load:
    """One program to run in the gateway with a text on its standard input."""

    argv: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Everything to load, in order, and what the flows for it should be like."""

    flavour: str
    seed: int
    loads: tuple[Load, ...]
    families: tuple[int, ...]
    uncertain: bool = False
    """Holds rules whose outcome an audit cannot know."""
    reads_connection: bool = False
    """Reads marks or status of connections, which flows in the middle of one do not tell."""

    def __str__(self) -> str:
        return "".join(f"# {' '.join(load.argv)}\n{load.text}" for load in self.loads)


UNCERTAIN_SHARE = 0.08


def _nft(family: str) -> Callable[[Random, int], Ruleset]:
    def make(random: Random, seed: int) -> Ruleset:
        uncertain = random.random() < UNCERTAIN_SHARE
        writers = [nft_rulesets.Writer(random, family, "filter", uncertain=uncertain)]
        if random.random() < 0.25:
            other = random.choice([name for name in nft_rulesets.FAMILIES if name == family or "inet" in (name, family)])
            writers.append(nft_rulesets.Writer(random, other, "more", uncertain=uncertain))
        text = "".join(writer.table() for writer in writers)
        families = nft_rulesets.FAMILIES[family]
        return Ruleset(
            f"nft-{family}",
            seed,
            (Load(("nft", "-f", "-"), text),),
            families,
            uncertain,
            any(writer.reads_connection for writer in writers),
        )

    return make


FLAVOURS: dict[str, Callable[[Random, int], Ruleset]] = {
    "nft-inet": _nft("inet"),
    "nft-ip": _nft("ip"),
    "nft-ip6": _nft("ip6"),
}


def make(flavour: str, seed: int) -> Ruleset:
    """Give the ruleset of a flavour and a seed."""
    return FLAVOURS[flavour](Random(f"{flavour}:{seed}"), seed)
