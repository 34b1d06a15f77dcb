"""What an administrator can do about a rule, in the tool that wrote it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from agent.model.names import apex_of
from agent.model.record import record
from agent.model.vocabulary import Reach, Stage
from agent.practice.exceptions import proxy_exception, resolver_exception

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.firewalls.owners import Owners
    from agent.model.judgement import Judgement
    from agent.model.source import Source


@record
class Advice:
    """Words, and the commands that would do it."""

    text: str
    commands: tuple[str, ...] = ()
    tool: str = ""


STOPS: Final = re.compile(r"\b(drop|reject|block|DROP|REJECT)\b")
MOST: Final = 5
"""Rules for which commands are given."""
REPLIES = (
    "Accept the packets of established connections first: `ct state established,related accept` in nftables, "
    "`-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT` in iptables."
)
PROXY = "let a proxy that filters by domain name decide about the web, and let the firewall pass its traffic"


def remedy_for(judgement: Judgement, sources: tuple[Source, ...], owners: Owners) -> Advice:
    """Advice for one failing road."""
    domain = judgement.requirement.pattern
    if judgement.verdict is Reach.UNKNOWN:
        return Advice(f"Find out what cannot be known from here: {judgement.because}")
    if Stage.DNS in judgement.blocked_at:
        place = sources[0].file if sources else "its configuration"
        if judgement.by == "hosts":
            return Advice(f"Remove the names of {domain} from {place}.", tool="hosts file")
        whole = judgement.verdict is Reach.BLOCKED  # a closer line would win over an exception for the whole domain
        exception = resolver_exception(judgement.by, domain) if whole else ""
        wider = f"; if it is meant for more than {apex_of(domain)}, {exception}" if exception else ""
        return Advice(f"Remove the line from {place}{wider}".rstrip(".") + ".", tool=judgement.by)
    if Stage.PROXY in judgement.blocked_at and judgement.by:
        exception = proxy_exception(judgement.by, domain, sources[0].text if sources else "")
        what = f"Let {domain} pass at {judgement.by}" + (f": {exception}" if exception else "")
        return Advice(f"{what}.", tool=judgement.by)
    if Stage.PAC in judgement.blocked_at:
        return Advice("Let this host reach the proxy that its settings name, or correct the setting.")
    if Stage.ROUTE in judgement.blocked_at and not sources:
        return Advice(f"Mend the route: {judgement.because}.")
    if judgement.replies:
        return Advice(REPLIES, tool=tool_of(sources[0], owners) if sources else "")
    stopping = [source for source in sources if STOPS.search(source.text)]
    owner = owners.of(stopping[0]) if stopping else None
    commands = removal(sources, owners)
    if owner is not None:
        what = f"remove the rule, or accept {judgement.port.text} for web traffic before it"
        if stopping[0].text.startswith("policy "):
            what = f"accept {judgement.port.text} to every address"
        return Advice(
            f"It belongs to {owner.tool}; change it {owner.place}: {what}; better, {PROXY}.", commands, owner.tool
        )
    policies = [source for source in sources if source.text.startswith("policy ")]
    if policies and not commands:
        chain = f"{policies[0].table} {policies[0].chain}"
        return Advice(
            f"Accept {judgement.port.text} to every address before the policy of {chain}, or {PROXY}.",
            tool=tool_of(policies[0], owners),
        )
    return Advice(
        f"Remove the rule, or accept {judgement.port.text} for web traffic before it; better, {PROXY}.",
        commands,
        tool_of(sources[0], owners) if sources else "",
    )


def removal(sources: Sequence[Source], owners: Owners) -> tuple[str, ...]:
    """Commands that take away the first few of these rules, where they stop packets, with the tools that own them."""
    found: dict[str, None] = {}
    for source in sources[:MOST]:
        if not STOPS.search(source.text):
            continue
        owner = owners.of(source)
        found |= dict.fromkeys(owner.commands if owner else _remove(source))
    return tuple(found)


def _remove(source: Source) -> tuple[str, ...]:
    """The command that takes away one rule that no tool owns; none for policies."""
    if source.table is None or source.chain is None or source.text.startswith("policy "):
        return ()
    if source.text.startswith("-A "):
        program = source.artifact.partition(".")[0]
        table = source.table.partition(" ")[2]
        return (f"{program} -t {table} -D {source.text.removeprefix('-A ')}",)
    if source.handle is not None:
        return (f"nft delete rule {source.table} {shlex.quote(source.chain)} handle {source.handle}",)
    return ()


def tool_of(source: Source, owners: Owners) -> str:
    """What the rule is changed with: the tool that wrote it, else the program that lists it."""
    owner = owners.of(source)
    return owner.tool if owner else source.artifact.partition(".")[0]
