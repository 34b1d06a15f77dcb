"""From the words of a dump to tables of the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import names
from agent.firewalls.iptables import options as known
from agent.firewalls.iptables.context import Context
from agent.firewalls.iptables.headers import BASIC, addresses, basic
from agent.firewalls.iptables.matches import extension
from agent.firewalls.iptables.save import Line, Option, Section, options, parse, words
from agent.firewalls.iptables.targets import target
from agent.model.expression import Field
from agent.model.firewall import (
    AnyOf,
    Base,
    Chain,
    ChainType,
    Hook,
    Jump,
    Match,
    NotUnderstood,
    Rule,
    Step,
    Table,
    Tool,
    Uncertain,
)
from agent.model.source import Gap, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.firewalls.iptables.ipset import IpSet

HOOKS: Final = {
    "PREROUTING": Hook.PREROUTING, "INPUT": Hook.INPUT, "FORWARD": Hook.FORWARD, "OUTPUT": Hook.OUTPUT,
    "POSTROUTING": Hook.POSTROUTING,
}  # fmt: skip
PRIORITIES: Final = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
NAT: Final = {Hook.PREROUTING: -100, Hook.OUTPUT: -100, Hook.INPUT: 100, Hook.POSTROUTING: 100}
"""enum nf_ip_hook_priorities, include/uapi/linux/netfilter_ipv4.h."""
IGNORED: Final = frozenset({"-c", "--set-counters"})
CERTAIN: Final = frozenset({Match, AnyOf})
ORDER: Final = {Match: 0, AnyOf: 0, Uncertain: 1}
"""All conditions of a rule must hold, so those that can be decided come first and spare doubts about the rest."""

ADDRESS: Final = re.compile(r"(! )?(-[sd]) ([0-9a-f.:/]+) ")
WHERE: Final = {"-s": Field.SADDR, "-d": Field.DADDR}

Group = tuple[str, list[Option]]
"""An extension or a target with its options."""


def read(  # noqa: PLR0913 - each is a fact about the dump
    text: str,
    tool: Tool,
    family: int,
    artifact: str,
    sets: Mapping[str, IpSet],
    *,
    why_no_sets: str = "ipset does not list it",
) -> tuple[tuple[Table, ...], tuple[Gap, ...]]:
    """All tables of one dump; raises Malformed where it is none. ``why_no_sets`` tells why a set is not in ``sets``."""
    tables: list[Table] = []
    gaps: list[Gap] = []
    name = "ip" if family == 4 else "ip6"
    reader = _Reader(Context(family, sets, why_no_sets))
    for section in parse(text):
        if not section.committed:
            reason = f"cut off after line {section.last}: COMMIT is missing"
            source = Source(artifact, "", section.last)
            gaps.append(Gap(f"{name} {section.name}", reason, source, "take the dump again"))
        tables.append(Table(tool, name, section.name, reader.chains(section), artifact))
    return tuple(tables), tuple(gaps)


def _base(table: str, chain: str, policy: str) -> Base | None:
    hook = HOOKS.get(chain)
    if hook is None or policy == "-":
        return None
    accepts = policy != "DROP"
    if table == "nat":
        return Base(hook, NAT.get(hook, 0), ChainType.NAT, accepts)
    kind = ChainType.ROUTE if table == "mangle" and hook is Hook.OUTPUT else ChainType.FILTER
    return Base(hook, PRIORITIES.get(table, 0), kind, accepts)


class _Reader:
    """Reads the rules of one dump; remembers what equal words came to."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._basics: dict[Option, tuple[Step, ...]] = {}
        self._extensions: dict[tuple[str, tuple[Option, ...]], tuple[Step, ...]] = {}
        self._policies: Mapping[str, str] = {}
        self._endings: dict[str, tuple[tuple[Step, ...], str]] = {}

    def chains(self, section: Section) -> dict[str, Chain]:
        """The chains of one table."""
        self._policies = section.policies
        chains = {}
        for name in dict.fromkeys((*section.policies, *section.rules)):
            self._endings = {}  # a target may depend on its chain
            rules = tuple([self._rule(line, name) for line in section.rules.get(name, ())])
            chains[name] = Chain(name, rules, _base(section.name, name, section.policies.get(name, "-")))
        return chains

    def _rule(self, line: Line, chain: str) -> Rule:
        """Long lists differ in addresses only, which iptables-save prints first: the rest is read once."""
        rest = line.rest
        first: list[Step] = []
        if line.plain:
            at = 0
            while (found := ADDRESS.match(rest, at)) is not None:
                negation, option, text = found.groups()
                try:
                    first.append(addresses(WHERE[option], text, self._context.family, negated=negation is not None))
                except ValueError:  # said by who reads the words
                    break
                at = found.end()
            rest = rest[at:]
        ending = self._endings.get(rest)
        if ending is None:
            ending = self._endings[rest] = self._ending(line._replace(rest=rest), chain)
        steps, comment = ending
        return Rule((*first, *steps) if first else steps, line.text, None, line.number, comment)

    def _ending(self, line: Line, chain: str) -> tuple[tuple[Step, ...], str]:
        """Steps and comment: addresses, interfaces and protocol come first, then the extensions, then the target."""
        steps: list[Step] = []
        groups: list[Group] = []
        jump: Group | None = None
        how = ""
        current: Group | None = None
        protocol = ""
        verdict: tuple[Step, ...] = ()
        comment = ""
        try:
            for option in options(words(line)):
                name = option.name
                if name in BASIC:
                    steps += self._basic(option)
                    if BASIC[name] == "-p":
                        protocol = "" if option.negated else _argument(option)
                elif name in ("-m", "--match"):
                    match = _argument(option)
                    current = (known.SYNONYMS.get(match, match), [])
                    groups.append(current)
                elif name in ("-j", "--jump", "-g", "--goto"):
                    how = name
                    current = jump = (_argument(option), [])
                elif name not in IGNORED:
                    _assign(option, current, jump, groups, protocol)
            for group in groups:
                steps += self._extension(*group)
                if group[0] == "comment" and group[1]:
                    comment = _argument(group[1][0])
            if jump is not None:
                verdict = self._verdict(how, *jump, chain)
        except ValueError as error:
            verdict = (NotUnderstood(str(error)),)
        if not CERTAIN.issuperset(map(type, steps)):
            steps.sort(key=lambda step: ORDER[type(step)])
        return (*steps, *verdict), comment

    def _basic(self, option: Option) -> tuple[Step, ...]:
        found = self._basics.get(option)
        if found is None:
            try:
                found = basic(option, self._context.family)
            except ValueError as error:
                found = (Uncertain(f"{option}: {error}", understood=False),)
            if option.name not in ("-s", "-d"):  # addresses are too many to remember
                self._basics[option] = found
        return found

    def _extension(self, name: str, listed: list[Option]) -> tuple[Step, ...]:
        key = (name, tuple(listed))
        found = self._extensions.get(key)
        if found is None:
            found = self._extensions[key] = extension(*key, self._context)
        return found

    def _verdict(self, how: str, name: str, listed: list[Option], chain: str) -> tuple[Step, ...]:
        if name in self._policies and listed:
            raise ValueError(f"{listed[0]} behind -j {name}")
        if name in self._policies:
            return (Jump(name, goto=how in ("-g", "--goto")),)
        return target(name, listed, self._context, chain)


def _argument(option: Option) -> str:
    if len(option.args) != 1:
        raise ValueError(f"{option.name} takes one argument")
    return option.args[0]


def _assign(option: Option, current: Group | None, jump: Group | None, groups: list[Group], protocol: str) -> None:
    """Give an option to the extension that takes it: the last named, or that of the protocol, or an earlier one.

    Raises ValueError where none does.
    """
    name = option.name
    own = None
    if current is not None and current is jump:
        own = known.target_option(current[0], name)
    elif current is not None and current[0] in known.MATCHES:
        own = known.match_option(current[0], name)
    if current is not None and own is not None:
        current[1].append(option if own == name else option._replace(name=own))
        return
    for group in (*groups, *_implied(protocol, groups)):
        own = known.match_option(group[0], name, whole=True) if group[0] in known.MATCHES else None
        if own is not None:
            group[1].append(option if own == name else option._replace(name=own))
            if all(group is not other for other in groups):
                groups.append(group)
            return
    if current is None or (current is not jump and current[0] in known.MATCHES):
        raise ValueError(f"{name} is no option here")
    current[1].append(option)


def _implied(protocol: str, groups: list[Group]) -> list[Group]:
    """The extension that comes with ``-p``, unless it is there by name; raises ValueError."""
    name = known.OF_PROTOCOL.get(names.protocol(protocol)) if protocol else None
    return [] if name is None or any(group[0] == name for group in groups) else [(name, [])]
