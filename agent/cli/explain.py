"""``gateproof explain``: the road of one domain, with the deciding rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.files import write
from agent.cli.inputs import snapshot_of
from agent.cli.screen import screen_for
from agent.cli.settings import packs_of, settings_of
from agent.errors import UsageError
from agent.model.vocabulary import Reach
from agent.outputs import explainer
from agent.packs import domain_pattern
from agent.pipeline import explain

if TYPE_CHECKING:
    import argparse

OK, FINDINGS = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Explain and print; 0 where the domain can pass on every road, else 1."""
    domain, port = _domain(arguments.domain)
    settings = settings_of(arguments)
    packs = packs_of(arguments, settings)
    roads = explain(snapshot_of(arguments), packs, settings, domain, port, arguments.zone)
    write(explainer(arguments.format)(roads, screen_for(arguments.output)), arguments.output)
    return OK if all(one.verdict in (Reach.ALLOWED, Reach.NOT_ROUTED) for one in roads) else FINDINGS


def _domain(text: str) -> tuple[str, int | None]:
    name, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 0xFFFF):
        raise UsageError(f"`{text}`: a port is a number from 1 to 65535")
    try:
        domain = domain_pattern(name)
    except ValueError as error:
        raise UsageError(f"`{text}` {error}") from error
    return domain, int(port) if colon else None
