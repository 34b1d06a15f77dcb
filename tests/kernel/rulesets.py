"""Random rulesets by flavour and seed: the same seed gives the same text."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.kernel import iptables_rulesets, nft_rulesets

if TYPE_CHECKING:
    from collections.abc import Callable

UNCERTAIN_SHARE = 0.08


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


Maker = tuple[tuple[Load, ...], tuple[int, ...], bool]
"""What to load, the families it filters, and whether it reads marks or status of connections."""


def _nft(random: Random, family: str, *, uncertain: bool) -> Maker:
    writers = [nft_rulesets.Writer(random, family, "filter", uncertain=uncertain)]
    if random.random() < 0.25:
        other = random.choice([name for name in nft_rulesets.FAMILIES if name == family or "inet" in (name, family)])
        writers.append(nft_rulesets.Writer(random, other, "more", uncertain=uncertain))
    text = "".join(writer.table() for writer in writers)
    reads = any(writer.reads_connection for writer in writers)
    return (Load(("nft", "-f", "-"), text),), nft_rulesets.FAMILIES[family], reads


def _iptables(random: Random, backend: str, family: int, *, uncertain: bool) -> Maker:
    writer = iptables_rulesets.Writer(random, family, nft=backend == "nft", uncertain=uncertain)
    text = writer.text()
    program = f"{'iptables' if family == 4 else 'ip6tables'}-{backend}-restore"
    loads = (Load(("ipset", "restore"), writer.sets.text()), Load((program,), text))
    return loads, (family,), writer.reads_connection


def _mixed(random: Random, *, uncertain: bool) -> Maker:
    """Legacy iptables and native nftables in one kernel: both filter."""
    legacy, families, reads = _iptables(random, "legacy", 4, uncertain=uncertain)
    writer = nft_rulesets.Writer(random, "ip", "filter", uncertain=uncertain, shift=3)
    return (*legacy, Load(("nft", "-f", "-"), writer.table())), families, reads or writer.reads_connection


FLAVOURS: dict[str, Callable[[Random, bool], Maker]] = {
    "nft-inet": lambda random, uncertain: _nft(random, "inet", uncertain=uncertain),
    "nft-ip": lambda random, uncertain: _nft(random, "ip", uncertain=uncertain),
    "nft-ip6": lambda random, uncertain: _nft(random, "ip6", uncertain=uncertain),
    "legacy-4": lambda random, uncertain: _iptables(random, "legacy", 4, uncertain=uncertain),
    "legacy-6": lambda random, uncertain: _iptables(random, "legacy", 6, uncertain=uncertain),
    "iptables-nft-4": lambda random, uncertain: _iptables(random, "nft", 4, uncertain=uncertain),
    "iptables-nft-6": lambda random, uncertain: _iptables(random, "nft", 6, uncertain=uncertain),
    "mixed": lambda random, uncertain: _mixed(random, uncertain=uncertain),
}


def make(flavour: str, seed: int) -> Ruleset:
    """Give the ruleset of a flavour and a seed."""
    random = Random(f"{flavour}:{seed}")
    uncertain = random.random() < UNCERTAIN_SHARE
    loads, families, reads = FLAVOURS[flavour](random, uncertain)
    return Ruleset(flavour, seed, loads, families, uncertain, reads)
