"""From the options of dnsmasq to one list of rules (``domain-match.c``, ``rfc1035.c`` of version 2.90).

What is known here answers first: hosts files, host-record, cname. Then the longest domain of address, server and
local that has something for the type of question; within one domain addresses come before servers, servers before
"no such name".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.names import normalise
from agent.model.network import Listener
from agent.model.record import record
from agent.model.resolver import BOTH, Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Safety, Scope, View
from agent.model.source import Gap, Source
from agent.resolvers.dnsmasq.lines import plain
from agent.resolvers.dnsmasq.options import HARMLESS, MODELLED, OPEN
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.resolvers.dnsmasq.files import Configuration
    from agent.resolvers.dnsmasq.lines import Option
    from agent.snapshot.programs import Program

NULL: Final = frozenset({(4, 0), (6, 0)})
OTHER_RECORDS: Final = (
    "mx-host", "txt-record", "ptr-record", "naptr-record", "srv-host", "caa-record", "dns-rr",
)  # fmt: skip
"""They make a name known: it then has no data, instead of not existing."""
FILTERS: Final = {"filter-A": 4, "filter-AAAA": 6}
NOT_FOUND: Final = Outcome(Fate.NXDOMAIN)
REFUSED: Final = Outcome(Fate.REFUSED)


@record
class _Entry:
    """One domain of one address=, server= or local= line."""

    domain: str
    outcome: Outcome | None
    """None: the servers that have no domain."""
    families: frozenset[int]
    source: Source
    wildcard: bool = False


def resolver(config: Configuration, interest: Interest, program: Program) -> Resolver:
    """Give the resolver, with rules for the names of interest (empty: all) alone."""
    reader = _Reader(config, interest)
    gaps = (*config.gaps, *reader.gaps)
    rules = tuple(reader.rules())
    otherwise = reader.general()[1]
    if filters_of(config):
        rules = tuple(_filtered(config, rules, otherwise))
    if gaps:
        unknown = Outcome(Fate.UNKNOWN, because=str(gaps[0]))
        rules = tuple(replace(one, outcome=unknown) if one.outcome.fate is Fate.PASSED_ON else one for one in rules)
        otherwise = unknown
    source = next((option.source for option in config.options), None)
    views = (View((RuleList(rules),), otherwise),)
    listeners = program.listeners or _listeners(config)
    return Resolver("dnsmasq", views, listeners, source, gaps, program.addresses, safety=_safety(config))


def _safety(config: Configuration) -> Safety:
    """``dnssec`` has it validate; ``query-port`` takes one port for all questions, 0 one that the kernel chooses."""
    validation = next((option.source for option in config.options if option.name == "dnssec"), None)
    fixed = next((option.source for _, option in config.values("query-port")), None)
    return Safety(validation is not None, validation, fixed)


def _filtered(config: Configuration, rules: Iterable[NameRule], otherwise: Outcome) -> Iterator[NameRule]:
    """Take the addresses of one family out of what other servers answer; fixed answers stay (``rrfilter``)."""
    filters = filters_of(config)
    for rule in (*rules, NameRule(NameSet(Scope.SUBTREE, ""), otherwise, None)):
        taken = rule.families & filters.keys() if rule.outcome.fate is Fate.PASSED_ON else frozenset()
        for family in sorted(taken):
            yield NameRule(rule.names, Outcome(Fate.NODATA), filters[family].source, frozenset({family}))
        yield replace(rule, families=rule.families - taken)


def filters_of(config: Configuration) -> dict[int, Option]:
    """The families whose addresses are taken out."""
    return {FILTERS[option.name]: option for option in config.options if option.name in FILTERS}


def _listeners(config: Configuration) -> tuple[Listener, ...]:
    """Where a dnsmasq that does not run yet will listen."""
    port = next((int(value) for value, _ in config.values("port") if value.isdigit()), 53)
    if not port:
        return ()
    given = [part.strip() for value, _ in config.values("listen-address") for part in value.split(",")]
    return tuple(Listener("udp", address, port) for address in given or ("0.0.0.0", "::"))  # noqa: S104 - read, not bound


class _Reader:
    def __init__(self, config: Configuration, interest: Interest) -> None:
        self._config = config
        self._interest = interest
        self.gaps: list[Gap] = [self._gap(option) for option in config.options if self._is_open(option)]
        self._addresses: dict[str, dict[int, dict[int, Source]]] = defaultdict(lambda: {4: {}, 6: {}})
        self._aliases: dict[str, tuple[str, Source]] = {}
        self._known: set[str] = set()
        self._filters = filters_of(config)
        self._read_local_names()
        self._entries = tuple(self._all_entries())

    # ---- options that are not followed ----

    def _is_open(self, option: Option) -> bool:
        if option.name in MODELLED or option.name in HARMLESS:
            return False
        return option.name not in OPEN or self._touches_interest(option)

    def _touches_interest(self, option: Option) -> bool:
        """Whether an option that speaks of one domain speaks of ours."""
        if option.name not in ("auth-zone", "synth-domain", "dynamic-host", "interface-name") or option.value is None:
            return True
        return self._matters(NameSet(Scope.SUBTREE, option.value.partition(",")[0].strip().lower()))

    def _gap(self, option: Option) -> Gap:
        reason = OPEN.get(option.name)
        what = f"{option.name}: {reason}" if reason else f"unknown option {option.name}"
        return Gap("dnsmasq", what, option.source)

    # ---- what is known here ----

    def _read_local_names(self) -> None:
        for value, option in self._config.values("cname"):
            parts = [plain(part.strip()) for part in value.split(",")]
            if len(parts) > 2 and parts[-1].isdigit():
                parts.pop()
            for alias in parts[:-1]:
                self._aliases.setdefault(_canonical(alias), (_canonical(parts[-1]), option.source))
        suffix = next((value.partition(",")[0] for value, _ in self._config.values("domain")), "")
        expand = _canonical(suffix) if self._config.has("expand-hosts") else ""
        targets = {target for target, _ in self._aliases.values()}
        everything = not self._interest.names or (expand and self._interest.touches(expand))
        words = frozenset() if everything else self._interest.names | targets
        for artifact in self._config.hosts:
            for number, line in lines_about(artifact.data, words):
                parts = line.partition("#")[0].split()
                if len(parts) > 1:
                    self._enter(parts[0], parts[1:], Source(artifact.name, line.strip(), number), expand)
        for value, option in self._config.values("host-record"):
            parts = [part.strip() for part in value.split(",")]
            names = [part for part in parts if as_address(part) is None and not part.isdigit()]
            for part in parts:
                if as_address(part) is not None:
                    self._enter(part, map(plain, names), option.source)
            self._know(map(plain, names))
        for value, _ in self._config.values(*OTHER_RECORDS):
            self._know([plain(value.partition(",")[0].strip())])

    def _enter(self, address: str, names: Iterable[str], source: Source, suffix: str = "") -> None:
        found = as_address(address)
        if found is None:
            return
        family, value = found
        for text in names:
            name = _canonical(text)
            if suffix and "." not in name:
                name = f"{name}.{suffix}"
            self._addresses[name][family].setdefault(value, source)
            self._know([name])

    def _know(self, names: Iterable[str]) -> None:
        self._known.update(_canonical(name) for name in names)

    def _local_rules(self) -> Iterator[NameRule]:
        for name, by_family in self._addresses.items():
            for family, values in by_family.items():
                if values:
                    outcome = Outcome(Fate.ADDRESSES, frozenset((family, value) for value in values))
                    source = next(iter(values.values()))
                    yield NameRule(NameSet(Scope.EXACT, name), outcome, source, frozenset({family}))
                elif family in self._filters:  # the name is known, and nobody else is asked
                    source = self._filters[family].source
                    yield NameRule(NameSet(Scope.EXACT, name), Outcome(Fate.NODATA), source, frozenset({family}))

    def _alias_rules(self, others: tuple[NameRule, ...]) -> Iterator[NameRule]:
        """``cname``: dnsmasq asks nobody about the name behind it, but takes what its cache happens to hold."""
        keeps = not any(value == "0" for value, _ in self._config.values("cache-size"))
        without = View((RuleList(others),), self.general()[1])
        for alias, (target, source) in self._aliases.items():
            scope = NameSet(Scope.BELOW, alias[2:]) if alias.startswith("*.") else NameSet(Scope.EXACT, alias)
            for family in (4, 6):
                end = self._end_of(target)
                found = frozenset((family, value) for value in self._addresses.get(end, {}).get(family, ()))
                outcome = Outcome(Fate.ADDRESSES, found) if found else Outcome(Fate.NODATA)
                if keeps and not found and without.answer(end, family)[0].fate is Fate.PASSED_ON:
                    outcome = Outcome(Fate.UNKNOWN, because=f"{end} is answered from the cache only")
                yield NameRule(scope, outcome, source, frozenset({family}))

    def _end_of(self, name: str) -> str:
        """The name at the end of a chain of aliases."""
        for _ in self._aliases:
            if name not in self._aliases:
                break
            name = self._aliases[name][0]
        return name

    # ---- domains ----

    def _all_entries(self) -> Iterator[_Entry]:
        for value, option in self._config.values("address", "server", "local"):
            domains, rest = _split(plain(value))
            parsed = self._value(option, rest)
            if parsed is None:
                continue
            outcome, families = parsed
            for domain in domains:
                if domains != ("",) and not domain:
                    continue  # names without a dot
                bare = "" if option.name == "address" and domain == "#" else domain
                wildcard = bare.startswith("*") and len(bare) > 1
                text = bare[1:] if bare.startswith("*") else bare.lstrip(".")
                yield _Entry(text.rstrip(".").lower(), outcome, families, option.source, wildcard)
        for artifact in self._config.upstream_files:
            for number, line in enumerate(artifact.text.splitlines(), 1):
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver" and as_address(words[1]):
                    outcome = Outcome(Fate.PASSED_ON, upstreams=frozenset({f"{words[1]}#53"}))
                    yield _Entry("", outcome, BOTH, Source(artifact.name, line.strip(), number))

    def _value(self, option: Option, rest: str) -> tuple[Outcome | None, frozenset[int]] | None:
        """What stands behind the domains; None where dnsmasq would refuse to start."""
        if not rest:
            return NOT_FOUND, BOTH
        if option.name == "address":
            if rest == "#":
                return Outcome(Fate.ADDRESSES, NULL), BOTH
            found = as_address(rest)
            if found is None:
                self.gaps.append(Gap("dnsmasq", f"not an address: {rest}", option.source))
                return None
            return Outcome(Fate.ADDRESSES, frozenset({found})), frozenset({found[0]})
        if rest == "#":
            return None, BOTH
        return Outcome(Fate.PASSED_ON, upstreams=frozenset({_server(rest)})), BOTH

    def rules(self) -> Iterator[NameRule]:
        """All rules, in the order in which dnsmasq looks."""
        others = tuple(self._other_rules())
        for rule in (*self._alias_rules(others), *others):
            if not isinstance(rule.names, NameSet) or self._matters(rule.names):
                yield rule

    def _other_rules(self) -> Iterator[NameRule]:
        yield from self._local_rules()
        groups: dict[tuple[str, bool], list[_Entry]] = defaultdict(list)
        for entry in self._entries:
            groups[entry.domain, entry.wildcard].append(entry)
        for domain, wildcard in sorted(groups, key=lambda key: (-len(key[0]), key)):
            entries = groups[domain, wildcard]
            scopes = [NameSet(Scope.SUBTREE, domain)]
            if wildcard:  # *x.com: where x.com itself is named too, that answers on whole labels
                on_labels = [NameSet(Scope.BELOW, domain[1:])] if domain.startswith(".") else scopes
                scopes = [NameSet(Scope.WITHIN, domain)] if not domain.startswith(".") else []
                scopes += on_labels if (domain, False) not in groups else []
            for names in scopes:
                yield from self._of_group(names, entries)

    def _of_group(self, names: NameSet, entries: list[_Entry]) -> Iterator[NameRule]:
        for family in (4, 6):
            found = self._answer(entries, family)
            if found is None:
                continue
            source, outcome = found
            if outcome == NOT_FOUND:
                for known in sorted(self._known_within(names)):
                    yield NameRule(NameSet(Scope.EXACT, known), Outcome(Fate.NODATA), source, frozenset({family}))
            yield NameRule(names, outcome, source, frozenset({family}))

    def _answer(self, entries: list[_Entry], family: int) -> tuple[Source | None, Outcome] | None:
        """What the lines of one domain say to one type of question (``filter_servers``); None: nothing."""
        mine = [one for one in entries if family in one.families]
        fixed = [one for one in mine if one.outcome and one.outcome.fate is Fate.ADDRESSES]
        own = [one for one in fixed if one.outcome and one.outcome.addresses != NULL] or fixed
        if own:
            addresses = frozenset(
                each for one in own if one.outcome for each in one.outcome.addresses if each[0] == family
            )
            return own[0].source, Outcome(Fate.ADDRESSES, addresses)
        if any(one.outcome is None for one in mine):
            return self.general()
        servers = [one for one in mine if one.outcome and one.outcome.fate is Fate.PASSED_ON]
        if servers:
            upstreams = frozenset(each for one in servers if one.outcome for each in one.outcome.upstreams)
            return servers[0].source, Outcome(Fate.PASSED_ON, upstreams=upstreams)
        if any(one.outcome == NOT_FOUND for one in mine):
            source = next(one.source for one in mine if one.outcome == NOT_FOUND)
            with_addresses = any(one.outcome and one.outcome.fate is Fate.ADDRESSES for one in entries)
            return source, Outcome(Fate.NODATA) if with_addresses else NOT_FOUND
        return None

    def general(self) -> tuple[Source | None, Outcome]:
        """The servers without a domain, for names that nothing else is said of, and for ``#``; none: refused."""
        servers = [
            one
            for one in self._entries
            if not one.domain and not one.wildcard and one.outcome and one.outcome.fate is Fate.PASSED_ON
        ]
        if not servers:
            return None, REFUSED
        upstreams = frozenset(each for one in servers if one.outcome for each in one.outcome.upstreams)
        return servers[0].source, Outcome(Fate.PASSED_ON, upstreams=upstreams)

    def _known_within(self, names: NameSet) -> Iterator[str]:
        """Names that exist here, and those in between (``check_for_local_domain``)."""
        found = {name.split(".", depth)[-1] for name in self._known for depth in range(name.count(".") + 1)}
        return (name for name in found if name in names and self._matters(NameSet(Scope.EXACT, name)))

    def _matters(self, names: NameSet) -> bool:
        """Whether names may touch the names of interest and what is below these."""
        if names.scope is Scope.WITHIN:
            return self._interest.ends_in(names.text)
        return (
            self._interest.touches(names.text) if names.scope is not Scope.EXACT else self._interest.holds(names.text)
        )


def _split(value: str) -> tuple[tuple[str, ...], str]:
    """``/a/b/rest`` to its domains and the rest; without a slash one domain: every name.

    An empty one between slashes stands for names without a dot, which no service has.
    """
    if not value.startswith("/"):
        return ("",), value
    *domains, rest = value[1:].split("/")
    return (tuple(one for one in domains if one), rest) if domains else (("",), rest)


def _server(text: str) -> str:
    """``1.2.3.4#5353@eth0`` to ``1.2.3.4#5353``."""
    host, _, port = text.partition("@")[0].partition("#")
    return f"{host}#{port or 53}"


def _canonical(name: str) -> str:
    try:
        return normalise(name)
    except ValueError:
        return name.lower()
