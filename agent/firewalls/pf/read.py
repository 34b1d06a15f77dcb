"""From pf's rules, where the last match decides, to chains where the first one does.

pf runs all rules and remembers the last that matched; one that is ``quick`` ends the walk. So the first quick
rule that matches decides, and if none does, the last of the others. Rules of an anchor stand in its place, under
its conditions; an anchor that is quick ends the walk if any of its rules matched. Translations are the other
way round: the first that matches counts. Source: pf.conf(5).

A packet meets ``rdr`` and then the rules for ``in`` where it comes in, ``nat`` and then those for ``out`` where it
leaves. What belongs to a state passes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.errors import Malformed
from agent.firewalls.pf.conditions import conditions, families
from agent.firewalls.pf.hosts import Hosts
from agent.firewalls.pf.ports import ports
from agent.model.expression import Binary, CtState, Field, Literal, Read
from agent.model.firewall import (
    Base,
    Chain,
    ChainType,
    Dnat,
    Hook,
    Match,
    NotUnderstood,
    Reject,
    Rule,
    Simple,
    Snat,
    Table,
    Tool,
    Uncertain,
)
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.firewalls.pf.words import Line
    from agent.model.firewall import Step

DST_NAT: Final = 32
"""IPS_DST_NAT of include/uapi/linux/netfilter/nf_conntrack_common.h, which the judge's packets carry."""
BEFORE_NAT, AFTER_NAT = {"in": -100, "out": 100}, {"in": 0, "out": 200}
HOOKS: Final = {"in": Hook.PREROUTING, "out": Hook.POSTROUTING}
FIELDS: Final = {"in": Field.IIFNAME, "out": Field.OIFNAME}
STATES: Final = [(int(state), int(state)) for state in (CtState.ESTABLISHED, CtState.RELATED)]
STATE: Final = Match(Read(Field.CT_STATE), Intervals.of(STATES))
REDIRECTED: Final = Match(Binary("&", Read(Field.CT_STATUS), Literal(DST_NAT)), Intervals.single(DST_NAT))


class _Placed(NamedTuple):
    """A line with the anchors around it."""

    line: Line
    around: tuple[Line, ...]

    @property
    def every(self) -> tuple[Line, ...]:
        """All whose conditions count."""
        return *self.around, self.line

    def families(self, hosts: Hosts) -> tuple[int, ...]:
        """The families that all of them are about."""
        return tuple(sorted(set.intersection(*(set(families(one, hosts)) for one in self.every))))


def _flat(lines: Iterable[Line], around: tuple[Line, ...] = ()) -> Iterator[_Placed]:
    """The lines in order; an anchor stands there itself only where its rules are not known."""
    for line in lines:
        if line.inner is not None:
            yield from _flat(line.inner, (*around, line))
        else:
            yield _Placed(line, around)


class Reader:
    """Reads the rules and translations of one pf; ``tables`` and ``interfaces`` say what their words stand for."""

    def __init__(self, rules: list[Line], mappings: list[Line], tables: str, interfaces: str) -> None:
        self._rules = rules
        self._mappings = mappings
        self._hosts = Hosts(tables, interfaces)
        every = [placed.line for placed in _flat(rules)]
        self._tags = {line.tag for line in every if line.tag}
        self._stateless = any(line.action == "pass" and not line.keeps_state for line in every)

    def filters(self, artifact: str) -> Table:
        """The chains in and out."""
        return Table(Tool.PF, "inet", "pf", {way: self._filter(way) for way in HOOKS}, artifact)

    def translations(self, artifact: str) -> Table:
        """The chains rdr, for what comes in, and nat, for what leaves."""
        chains = {name: self._translations(name, way) for name, way in (("rdr", "in"), ("nat", "out"))}
        return Table(Tool.PF, "inet", "pf nat", chains, artifact)

    # ---- filter rules ----

    def _filter(self, direction: str) -> Chain:
        """The rules of one direction, those first that decide first."""
        rules = [self._states()]
        rules += self._passed() if direction == "in" else ()
        quick, slow = self._order(self._rules, ())
        for placed in (*quick, *slow):
            rules += self._made(placed, direction)
        return Chain(direction, tuple(rules), Base(HOOKS[direction], AFTER_NAT[direction]))

    def _states(self) -> Rule:
        """What belongs to a connection that was let in; perhaps, where rules keep no state."""
        doubt = (Uncertain("some rules keep no state"),) if self._stateless else ()
        return Rule((STATE, *doubt, Simple.ACCEPT), "keep state")

    def _order(self, lines: Iterable[Line], around: tuple[Line, ...]) -> tuple[list[_Placed], list[_Placed]]:
        """The rules that end the walk, in order; and the others, the last first."""
        quick: list[_Placed] = []
        slow: list[list[_Placed]] = []
        for line in lines:
            if line.action == "anchor" and line.inner is not None:
                ending, rest = self._order(line.inner, (*around, line))
                quick += ending
                if line.quick:
                    quick += rest
                else:
                    slow.append(rest)
            elif line.quick:
                quick.append(_Placed(line, around))
            else:
                slow.append([_Placed(line, around)])
        return quick, [placed for group in reversed(slow) for placed in group]

    def _made(self, placed: _Placed, direction: str) -> Iterator[Rule]:
        line = placed.line
        if line.action == "scrub" or line.fragment:
            return  # packets that we ask about are whole
        if any(one.direction not in ("", direction) for one in placed.every):
            return
        if line.action == "match" and not line.statements:
            return
        for family in placed.families(self._hosts):
            steps: list[Step] = []
            for one in placed.every:
                steps += conditions(one, family, self._hosts, FIELDS[direction])
                steps += self._tagged(one)
            steps += _verdict(line)
            yield Rule(tuple(steps), line.text, None, line.number)

    def _tagged(self, line: Line) -> Iterator[Step]:
        """Tags stick to packets from rule to rule; which ones a packet has is not followed."""
        if line.tagged is None:
            return
        negated, tag = line.tagged
        if tag in self._tags:
            yield Uncertain(f"tagged {tag}")
        elif not negated:
            yield Match(Read(Field.NFPROTO), Intervals())  # nobody gives that tag

    def _passed(self) -> Iterator[Rule]:
        """``rdr pass``: what it redirected meets no filter rule."""
        every = [placed.line for placed in _flat(self._mappings) if placed.line.action == "rdr"]
        shared = Counter(line.target for line in every)
        for line in every:
            for family in families(line, self._hosts) if line.passes else ():
                try:
                    dnat = _target(line, family, self._hosts)
                except Malformed:
                    continue  # the translation itself says so
                here = conditions(line, family, self._hosts, Field.IIFNAME)
                steps: list[Step] = [REDIRECTED, *(one for one in here if not _about_destination(one))]
                steps += [Match(Read(Field.DADDR), dnat.addresses)] if dnat.addresses else []
                steps += [Match(Read(Field.DPORT), dnat.ports)] if dnat.ports else []
                steps += [Uncertain("several rdr rules lead there")] if shared[line.target] > 1 else []
                yield Rule((*steps, Simple.ACCEPT), line.text)

    # ---- translations ----

    def _translations(self, name: str, direction: str) -> Chain:
        rules = [rule for placed in _flat(self._mappings) for rule in self._translation(placed, direction)]
        return Chain(name, tuple(rules), Base(HOOKS[direction], BEFORE_NAT[direction], ChainType.NAT))

    def _translation(self, placed: _Placed, direction: str) -> Iterator[Rule]:
        line = placed.line
        action = line.action.removeprefix("no ")
        mine = ("rdr", "rdr-anchor") if direction == "in" else ("nat", "binat", "nat-anchor", "binat-anchor")
        if action not in mine:
            return
        for family in placed.families(self._hosts):
            steps = [step for one in placed.every for step in conditions(one, family, self._hosts, FIELDS[direction])]
            try:
                steps.append(self._mapping(line, action, family))
            except Malformed as error:
                steps.append(NotUnderstood(str(error)))
            yield Rule(tuple(steps), line.text, None, line.number)

    def _mapping(self, line: Line, action: str, family: int) -> Step:
        if line.action.startswith("no "):
            return Simple.ACCEPT
        if action.endswith("anchor"):
            raise Malformed(_unlisted(line))
        if action == "rdr":
            return _target(line, family, self._hosts)
        return _source(line, family, self._hosts)


def _unlisted(anchor: Line) -> str:
    return f'the rules of anchor "{anchor.kind}" are not listed; use pfctl -a "*"'


def _verdict(line: Line) -> tuple[Step, ...]:
    if line.statements:
        return (NotUnderstood(" ".join(line.statements)),)
    match line.action:
        case "pass":
            return (Simple.ACCEPT,)
        case "block" if line.kind.startswith("return"):
            return (Reject(line.kind),)
        case "block":
            return (Simple.DROP,)
        case "anchor":
            return (NotUnderstood(_unlisted(line)),)
        case _:
            return (NotUnderstood(f"action {line.action}"),)


def _target(line: Line, family: int, hosts: Hosts) -> Dnat:
    """``-> 127.0.0.1 port 3128``, ``-> <table> round-robin``, ``-> { a, b }``; raises Malformed."""
    if not line.target:
        raise Malformed("rdr without a target")
    found = _addresses(line.target[0], family, hosts)
    port = Intervals()
    if len(line.target) > 2 and line.target[1] == "port":
        port = ports(("=", line.target[2].replace(":*", "")))
        if line.target[2].endswith(":*"):
            raise Malformed("a range of ports as a target is not followed")
    return Dnat(found, port, family=family)


def _source(line: Line, family: int, hosts: Hosts) -> Snat:
    """``-> (em0) round-robin``, ``-> 203.0.113.5``: an address of the gateway, where it is not known which."""
    try:
        return Snat(_addresses(line.target[0] if line.target else "", family, hosts), Intervals())
    except Malformed:
        return Snat(Intervals(), Intervals(), masquerade=True)


def _addresses(words: str, family: int, hosts: Hosts) -> Intervals:
    """The possible addresses of a target; raises Malformed where they are not known."""
    found = Intervals()
    for word in words.strip("{}").replace(",", " ").split():
        members = hosts.members(word, family)
        if not isinstance(members, Intervals):
            raise Malformed(members if isinstance(members, str) else f"table {word} as a target is not followed")
        found |= members
    if not found:
        raise Malformed(f"no IPv{family} address as a target")
    return found


def _about_destination(step: Step) -> bool:
    return isinstance(step, Match) and step.expr in (Read(Field.DADDR), Read(Field.DPORT))
