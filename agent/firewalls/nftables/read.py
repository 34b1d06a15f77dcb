"""From the JSON of ``nft -j list ruleset`` to tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.errors import Malformed
from agent.firewalls.nftables import elements, joined
from agent.firewalls.nftables.layout import AFTER_RULE, BEFORE_RULE, RULE
from agent.firewalls.nftables.setlist import Stretch, artifact_of, body_of, is_of_addresses, stretches, taken_out
from agent.firewalls.nftables.statements import Reader, read_data
from agent.firewalls.nftables.text import Statements
from agent.model.expression import Elements, NamedSet, UnknownTable
from agent.model.firewall import Base, Chain, ChainType, Hook, Rule, Table, Tool
from agent.model.source import Gap, Source
from agent.snapshot import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


HOOKS = {hook.value: hook for hook in Hook}
TYPES = {kind.value: kind for kind in ChainType}
KNOWN_OBJECTS = frozenset({
    "metainfo", "counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "secmark", "synproxy",
    "flowtable",
})  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A table while its parts are being listed."""

    body: dict[str, Any]
    chains: list[dict[str, Any]] = field(default_factory=list)
    sets: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, list[bytes]] = field(default_factory=dict)
    """By chain, each rule's JSON: parsed one by one, as the trees of many take gigabytes."""


def parse(
    data: bytes, artifact: str, others: Mapping[str, Artifact] | None = None
) -> tuple[tuple[Table, ...], tuple[Gap, ...]]:
    """Read a whole ruleset; raises Malformed where it is no nft JSON at all.

    ``others`` may hold the listings of sets whose elements this one leaves out.
    """
    data, runs = taken_out(data)
    try:
        found = _sort(_objects(data), artifact)
    except _Unusual:
        found = _sort(_whole(data), artifact)
    apart: dict[str, Artifact | Stretch] = {**(others or {}), **runs}
    may_join = joined.may_join(found.version)
    tables = tuple(_table(draft, artifact, apart, may_join=may_join) for draft in found.drafts.values())
    return tables, tuple(found.gaps)


class _Unusual(Exception):  # noqa: N818 - never seen outside: such JSON is read as a whole
    """JSON that is not laid out as nft prints it."""


def _objects(data: bytes) -> Iterator[Any]:
    """The objects of a listing in order, rules among them as bytes; raises Malformed, or _Unusual."""
    head, *rules = data.strip().split(BEFORE_RULE)
    if not rules:
        yield from _whole(data)
        return
    if not rules[-1].endswith(b"]}"):
        raise _Unusual
    rules[-1] = rules[-1][:-2]
    yield from _whole(head + b"]}")
    for text in rules:
        others = AFTER_RULE.search(text)
        rule = text[: others.start() + 1] if others else text[:-1]
        place = RULE.match(rule)
        if place is None:
            raise _Unusual
        yield place, rule
        if others:
            yield from _whole(b'{"nftables": [' + text[others.end() :] + b"]}")


def _whole(data: bytes) -> list[Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not whole JSON: {error}") from error
    objects = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise Malformed('no list "nftables": this is not the output of `nft -j list ruleset`')
    return objects


@dataclass(slots=True)
class _Listing:
    """What a ruleset consists of."""

    drafts: dict[tuple[str, str], _Draft] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    version: object = None
    """That of the nft which listed it."""


def _sort(objects: Iterable[Any], artifact: str) -> _Listing:
    found = _Listing()
    drafts, gaps = found.drafts, found.gaps
    last: tuple[bytes, ...] = ()
    into: list[bytes] = []
    for item in objects:
        if isinstance(item, tuple):
            place, rule = item
            if place.groups() != last:
                last = place.groups()
                family, table, chain = (part.decode() for part in last)
                try:
                    into = drafts[family, table].rules[chain]
                except KeyError as error:
                    raise _Unusual from error
            into.append(rule)
            continue
        if not isinstance(item, dict) or len(item) != 1:
            gaps.append(Gap("nftables", f"an object is not understood: {str(item)[:80]}"))
            continue
        ((kind, body),) = item.items()
        if kind in KNOWN_OBJECTS:
            if kind == "metainfo" and isinstance(body, dict):
                found.version = body.get("version")
            continue
        try:
            if kind == "table":
                drafts[body["family"], body["name"]] = _Draft(body)
                continue
            draft = drafts[body["family"], body["table"]]
            if kind == "chain":
                draft.chains.append(body)
                draft.rules.setdefault(body["name"], [])
            elif kind in ("set", "map"):
                draft.sets.append(body)
            elif kind == "rule":
                draft.rules[body["chain"]].append(orjson.dumps(body))
            else:
                gaps.append(Gap("nftables", f"object {kind!r} is not understood", Source(artifact, "")))
        except (KeyError, TypeError):
            gaps.append(Gap("nftables", f"object {kind!r} has no table or name: {str(body)[:80]}"))
    return found


def _table(draft: _Draft, artifact: str, others: Mapping[str, Artifact | Stretch], *, may_join: bool) -> Table:
    body = draft.body
    family, name = str(body["family"]), str(body["name"])
    title = f"{family} {name}"
    sets = {one["name"]: _named(one, title, artifact, others) for one in draft.sets}
    reader = Reader(family, sets)
    flags = body.get("flags", [])
    # nft 1.0.6 prints the first letter instead of the list
    dormant = flags in ("dormant", "d") or (isinstance(flags, list) and "dormant" in flags)
    chains = {}
    opaque = False
    for chain in sorted(draft.chains, key=lambda one: one.get("handle", 0)):
        rules = []
        for text in draft.rules[chain["name"]]:
            rule = _rule(text)
            statements = rule.get("expr", [])
            opaque = opaque or (b'"xt"' in text and any("xt" in statement for statement in statements))
            wording = Statements(text, family)
            read = reader.read_joined if may_join and text.count(b'"!="') > 1 else reader.read
            rules.append(Rule(read(statements), wording, rule.get("handle"), None, rule.get("comment", "")))
        base = None if dormant else _base(chain)
        chains[chain["name"]] = Chain(chain["name"], tuple(rules), base, chain.get("handle"))
    return Table(Tool.NFTABLES, family, name, chains, artifact, body.get("handle"), tuple(sets.values()), opaque)


def _rule(text: bytes) -> dict[str, Any]:
    try:
        rule = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not whole JSON: {error}") from error
    if not isinstance(rule, dict):
        raise Malformed(f"a rule is not understood: {text[:80]!r}")
    return rule


def _base(chain: dict[str, Any]) -> Base | None:
    hook = HOOKS.get(chain.get("hook", ""))
    if hook is None:
        return None
    devices = chain.get("dev", [])
    devices = [devices] if isinstance(devices, str) else devices
    return Base(
        hook,
        int(chain.get("prio", 0)),
        TYPES.get(chain.get("type", "filter"), ChainType.FILTER),
        chain.get("policy", "accept") != "drop",
        frozenset(devices),
    )


ADDRESSES: Final = {"ipv4_addr": 4, "ipv6_addr": 6}


def _named(body: dict[str, Any], title: str, artifact: str, others: Mapping[str, Artifact | Stretch]) -> NamedSet:
    """A named set or map; an ``elem`` that is missing, and not listed apart, means no elements."""
    name = str(body["name"])
    key = elements.declared_key(body.get("type"))
    found: Elements
    if key is None:
        found = UnknownTable(f"set {name} has a type that is not modelled: {body.get('type')}")
    else:
        apart = others.get(artifact_of(str(body["family"]), str(body["table"]), name)) if "elem" not in body else None
        found = _elements(body, key, name, apart)
    flags = body.get("flags", [])
    dynamic = "dynamic" in flags or "timeout" in flags
    source = Source(artifact, f"set {name}", None, title, None, body.get("handle"))
    holds = ADDRESSES.get(str(body.get("type")))
    return NamedSet(found, name, title, None, dynamic, body.get("timeout"), source, holds)


def _elements(body: dict[str, Any], key: elements.Key, name: str, apart: Artifact | Stretch | None) -> Elements:
    if apart is not None:
        if isinstance(apart, Artifact) and "map" not in body and is_of_addresses(key):
            apart = next((run for _, run in stretches(apart.data)), apart)
        if isinstance(apart, Stretch):
            return apart.read() if is_of_addresses(key) else UnknownTable(f"set {name} holds other than its type says")
        whole = body_of(apart)
        if isinstance(whole, str):
            return UnknownTable(f"the elements of set {name} could not be listed: {whole}")
        body = whole
    items = body.get("elem", [])
    return elements.read_map(items, key, read_data(body["map"])) if "map" in body else elements.read_set(items, key)
