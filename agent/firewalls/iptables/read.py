"""From the words of a dump to tables of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.iptables import matches, targets
from agent.firewalls.iptables.matches import Context
from agent.firewalls.iptables.save import Line, Option, Section, parse
from agent.model.firewall import Base, Chain, ChainType, Hook, Jump, NotUnderstood, Rule, Step, Table, Tool
from agent.model.source import Gap, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.firewalls.iptables.ipset import IpSet

HOOKS: Final = {hook.value.upper(): hook for hook in Hook}
PRIORITIES: Final = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
NAT: Final = {Hook.PREROUTING: -100, Hook.OUTPUT: -100, Hook.INPUT: 100, Hook.POSTROUTING: 100}
BASIC: Final = frozenset({
    "-s", "--source", "--src", "-d", "--destination", "--dst", "-i", "--in-interface", "-o", "--out-interface", "-p",
    "--protocol", "--proto", "-f", "--fragment", "-4", "--ipv4", "-6", "--ipv6",
})  # fmt: skip
PROTOCOL: Final = frozenset({"-p", "--protocol", "--proto"})


def read(
    text: str, tool: Tool, family: int, artifact: str, sets: Mapping[str, IpSet]
) -> tuple[tuple[Table, ...], tuple[Gap, ...]]:
    """All tables of one dump; raises Malformed where it is none."""
    tables: list[Table] = []
    gaps: list[Gap] = []
    context = Context(family, sets)
    name = "ip" if family == 4 else "ip6"
    for section in parse(text):
        if not section.committed:
            where = section.rules[-1].number if section.rules else section.line
            reason = f"cut off after line {where}: COMMIT is missing"
            gaps.append(Gap(f"{name} {section.name}", reason, Source(artifact, "", where), "take the dump again"))
        tables.append(_table(section, tool, name, artifact, context))
    return tuple(tables), tuple(gaps)


def _table(section: Section, tool: Tool, family: str, artifact: str, context: Context) -> Table:
    rules: dict[str, list[Rule]] = {chain: [] for chain in section.policies}
    for line in section.rules:
        rules.setdefault(line.chain, []).append(_rule(line, context, frozenset(section.policies)))
    chains = {
        name: Chain(name, tuple(rules[name]), _base(section.name, name, section.policies.get(name, "-")))
        for name in rules
    }
    return Table(tool, family, section.name, chains, artifact)


def _base(table: str, chain: str, policy: str) -> Base | None:
    hook = HOOKS.get(chain)
    if hook is None or policy == "-":
        return None
    if table == "nat":
        return Base(hook, NAT.get(hook, 0), ChainType.NAT, policy != "DROP")
    kind = ChainType.ROUTE if table == "mangle" and hook is Hook.OUTPUT else ChainType.FILTER
    return Base(hook, PRIORITIES.get(table, 0), kind, policy != "DROP")


def _rule(line: Line, context: Context, chains: frozenset[str]) -> Rule:
    """Xtables looks at addresses, interfaces and protocol first, then at the extensions in order."""
    first: list[Step] = []
    then: list[Step] = []
    verdict: tuple[Step, ...] = ()
    groups: list[tuple[str, list[Option]]] = []
    jump: tuple[str, str, list[Option]] | None = None
    protocol = ""
    comment = ""
    try:
        for option in line.options:
            if jump is not None:
                jump[2].append(option)
            elif option.name in ("-j", "--jump", "-g", "--goto"):
                jump = (option.name, option.args[0], [])
            elif option.name in ("-m", "--match"):
                groups.append((option.args[0], []))
            elif option.name in BASIC:
                first.extend(matches.basic(option, context))
                protocol = option.args[0].lower() if option.name in PROTOCOL else protocol
            elif option.name not in ("-c", "--set-counters"):
                if not groups:  # the protocol's own match may be left out
                    groups.append((protocol, []))
                groups[-1][1].append(option)
        for name, options in groups:
            then.extend(matches.extension(name, tuple(options), context))
            if name == "comment":
                comment = next((option.args[0] for option in options if option.args), "")
        if jump is not None:
            verdict = _verdict(jump, context, chains, line.chain)
    except (Malformed, ValueError, IndexError) as error:
        first, then, verdict = [NotUnderstood(str(error))], [], ()
    return Rule((*first, *then, *verdict), line.text, None, line.number, comment)


def _verdict(
    jump: tuple[str, str, list[Option]], context: Context, chains: frozenset[str], chain: str
) -> tuple[Step, ...]:
    how, name, options = jump
    if name in chains:
        return (Jump(name, goto=how in ("-g", "--goto")),)
    return targets.target(name, tuple(options), context, chain)
