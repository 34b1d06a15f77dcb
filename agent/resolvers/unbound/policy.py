"""Response policy zones as Unbound reads them (``services/rpz.c`` of version 1.17).

The first record of an owner sets the kind of action. A name without an entry of its own gets the wildcard of just one
ancestor: that which it shares with the entry before it in Unbound's order of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals, address_value, as_address
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope, TriggerTree, order
from agent.model.source import Gap, Source
from agent.resolvers.zonefile import ZoneRecord, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.names import Interest
    from agent.resolvers.unbound.clauses import Clause
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

LET_THROUGH: Final = Outcome(Fate.GOES_ON, skips=1000)
ACTIONS: Final = {
    "": Outcome(Fate.NXDOMAIN), "*": Outcome(Fate.NODATA), "rpz-passthru": LET_THROUGH,
    "rpz-tcp-only": LET_THROUGH, "rpz-drop": Outcome(Fate.DROPPED),
}  # fmt: skip
"""Targets of CNAME records; tcp-only makes a client ask again, and then lets it through."""
OVERRIDES: Final = {
    "nxdomain": Outcome(Fate.NXDOMAIN), "nodata": Outcome(Fate.NODATA), "passthru": LET_THROUGH,
    "drop": Outcome(Fate.DROPPED),
}  # fmt: skip
DROPPED, NODATA = Outcome(Fate.DROPPED), Outcome(Fate.NODATA)
FOR_ALIASES: Final = {Fate.ADDRESSES: NODATA, Fate.ALIAS: NODATA}
"""What comes of actions where an alias in an answer meets them (``rpz_callback_from_iterator_cname``): the records
that take the place of the answer are not under a name that the client asked for."""
OTHER: Final = {
    "rpz-client-ip": "clients are told apart by address",
    "rpz-nsdname": "names are judged by their name servers",
    "rpz-nsip": "names are judged by the addresses of their name servers",
}


@record
class Policy:
    """What one policy zone decides; no trees where it decides nothing."""

    names: TriggerTree | None = None
    aliases: TriggerTree | None = None
    """The same for aliases in answers; nobody looks at tags there."""
    gaps: tuple[Gap, ...] = ()


def saved(clause: Clause, following: Following) -> Artifact | None:
    """Give the file of a policy zone that answers, where it has one that is there."""
    path = "" if clause.text("rpz-action-override") == "disabled" else clause.text("zonefile")
    return following.file(path) if path else None


def policy(clause: Clause, following: Following, interest: Interest) -> Policy:
    """Read one ``rpz:`` clause."""
    zone = clause.text("name").rstrip(".").lower()
    override = clause.text("rpz-action-override")
    if override == "disabled":
        return Policy()
    artifact = saved(clause, following)
    if artifact is None:
        if clause.get("url") or clause.get("primary") or clause.get("master"):
            return Policy(gaps=(Gap("unbound", f"rpz {zone}: its records were not saved to a file", clause.source),))
        return Policy()
    reader = _Reader(zone, interest)
    try:
        reader.read(artifact)
    except Malformed as error:
        source = Source(artifact.name, "", error.line)
        return Policy(gaps=(Gap("unbound", f"rpz {zone}: line {error.line}: {error}", source),))
    fixed = OVERRIDES.get(override)
    if override == "cname":
        fixed = Outcome(Fate.ALIAS, target=clause.text("rpz-cname-override").rstrip(".").lower())
    return Policy(reader.tree(fixed), reader.tree(fixed, aliases=True), tuple(reader.gaps))


class _Reader:
    def __init__(self, zone: str, interest: Interest) -> None:
        self._end = f".{zone}"
        self._zone = zone
        self._interest = interest
        self._found: dict[str, list[ZoneRecord]] = {}
        self._source = ""
        self.gaps: list[Gap] = []

    def read(self, artifact: Artifact) -> None:
        """Take the records that touch the names of interest; raises Malformed."""
        self._source = artifact.name
        self._take(artifact, self._matters)
        above = {name.partition(".")[2] for name in self._found if name.startswith("*")}
        for apex in sorted(self._interest.names):
            if any(apex != name and (not name or apex.endswith("." + name)) for name in above):
                before = self._before(artifact, apex)  # it says how far up a name without an entry looks for a wildcard
                self._take(artifact, frozenset({before}).__contains__)

    def _before(self, artifact: Artifact, apex: str) -> str:
        """The owner that comes before a name and all below it; empty where there is none."""
        limit = order(apex)
        owners = {one.owner for one in records(artifact.text, self._zone, lambda owner: owner.endswith(self._end))}
        keys = {order(owner[: -len(self._end)]): owner for owner in owners}
        return keys[max(found)] if (found := [key for key in keys if key < limit]) else ""

    def _take(self, artifact: Artifact, matters: Callable[[str], bool]) -> None:
        for one in records(artifact.text, self._zone, matters):
            if not one.owner.endswith(self._end):
                raise Malformed(f"{one.owner} is not in the zone {self._zone}", line=one.line)
            owner = one.owner[: -len(self._end)]
            kind = owner.rpartition(".")[2]
            if kind in OTHER:
                self._gap(f"{kind}: {OTHER[kind]}", one)
            elif kind == "rpz-ip":
                if _is_public(owner):
                    self._gap("rpz-ip: answers with some public addresses are changed", one)
            elif one.type in ("A", "AAAA") and as_address("".join(one.data)) is None:
                raise Malformed(f"not an address: {one.text}", line=one.line)
            else:
                self._found.setdefault(owner, []).append(one)

    def _gap(self, reason: str, one: ZoneRecord) -> None:
        if not self.gaps:
            self.gaps.append(Gap("unbound", f"rpz {self._zone}: {reason}", self._where(one)))

    def _where(self, one: ZoneRecord) -> Source:
        return Source(self._source, one.text, one.line)

    def _matters(self, owner: str) -> bool:
        if owner == self._zone:
            return False
        if not owner.endswith(self._end):
            return True
        name = owner[: -len(self._end)]
        above = name.removeprefix("*").removeprefix(".")
        return self._interest.touches(above) or name.rpartition(".")[2] in ("rpz-ip", *OTHER)

    def tree(self, fixed: Outcome | None, *, aliases: bool = False) -> TriggerTree:
        """The entries, for names or for aliases in answers; an override takes the place of every action."""
        outcome = _outcome_for_alias if aliases else _outcome
        return TriggerTree.of(
            tuple(self._rule(owner, fixed or outcome(found, family), found[0], family) for family in (4, 6))
            for owner, found in self._found.items()
        )

    def _rule(self, owner: str, outcome: Outcome, first: ZoneRecord, family: int) -> NameRule:
        return NameRule(NameSet(Scope.EXACT, owner), outcome, self._where(first), frozenset({family}))


def _outcome(found: list[ZoneRecord], family: int) -> Outcome:
    """What the records of one owner say."""
    first = found[0]
    if first.type == "CNAME":
        target = first.data[0] if first.data else ""
        return ACTIONS.get(target) or Outcome(Fate.ALIAS, target=target.removeprefix("*."))
    wanted = "A" if family == 4 else "AAAA"
    addresses = frozenset(address for one in found if one.type == wanted and (address := as_address(one.data[0])))
    return Outcome(Fate.ADDRESSES, addresses) if addresses else Outcome(Fate.NODATA)


def _outcome_for_alias(found: list[ZoneRecord], family: int) -> Outcome:
    """What they say of an alias in an answer; tcp-only leaves the question without one, over TCP as well."""
    if found[0].type == "CNAME" and found[0].data == ("rpz-tcp-only",):
        return DROPPED
    outcome = _outcome(found, family)
    return FOR_ALIASES.get(outcome.fate, outcome)


def _is_public(owner: str) -> bool:
    """Whether ``24.0.2.0.192.rpz-ip`` touches public addresses; so it counts where it cannot be read."""
    length, *labels = owner.split(".")[:-1]
    try:
        if len(labels) == 4:
            family, low = address_value(".".join(reversed(labels)))
        else:
            text = ":".join("" if label == "zz" else label for label in reversed(labels))
            family, low = address_value(
                f":{text}" if text.startswith(":") else f"{text}:" if text.endswith(":") else text
            )
        size = 1 << ((32 if family == 4 else 128) - int(length))
    except ValueError:
        return True
    return bool(Intervals.span(low, low + size - 1) & PUBLIC[family])
