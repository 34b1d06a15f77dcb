"""What each kind of client gets from AdGuard Home.

A client is known by its address or block of addresses, the closest first; else by a hardware address or a name of its
own, which an audit cannot know. Where these would make a difference, the answer is open.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals, as_address
from agent.model.names import normalise
from agent.model.network import Listener
from agent.model.record import record
from agent.model.resolver import (
    AddressList,
    AddressRule,
    Fate,
    NameRule,
    NameSet,
    Outcome,
    Resolver,
    RuleList,
    Scope,
    View,
)
from agent.model.source import Gap, Source
from agent.resolvers.adguardhome import lists
from agent.resolvers.adguardhome.lines import HostLine, parse
from agent.resolvers.adguardhome.patterns import names_of
from agent.resolvers.adguardhome.rewrites import Entry, outcomes
from agent.resolvers.adguardhome.rules import Asker, Blocking, FilterWriter, custom
from agent.resolvers.adguardhome.settings import Client, Settings, block_of
from agent.resolvers.adguardhome.upstreams import upstreams
from agent.resolvers.closest import closest
from agent.resolvers.regexes import EVERY
from agent.resolvers.writer import differing
from agent.snapshot.following import Following
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.intervals import Interval
    from agent.model.names import Interest
    from agent.snapshot import Artifact, Snapshot, Want
    from agent.snapshot.programs import Program

NAME: Final = "adguardhome"
HOME: Final = "/opt/AdGuardHome"
FILE: Final = "AdGuardHome.yaml"
HOSTS: Final = "/etc/hosts"
CANARY: Final = "use-application-dns.net"
"""Firefox asks for it whether it may go around (``mozillaFQDN``)."""
SEARCH: Final = frozenset({
    "bing", "duckduckgo", "ecosia", "google", "pixabay", "yandex", "youtube", "youtubei", "youtube-nocookie",
})  # fmt: skip
"""Names of search engines, whose safe results are asked for."""
MAX_LISTS: Final = 1000


@record
class Found:
    """An AdGuard Home, and what is still to be asked."""

    resolver: Resolver
    wants: tuple[Want, ...]


def load(snapshot: Snapshot, program: Program, interest: Interest) -> Found:
    """Read one AdGuard Home."""
    following = Following.of(snapshot, NAME, program)
    folder, path = _places(program.arguments)
    artifact = following.file(path, Source(path, ""))
    if artifact is None:
        return Found(_unknown(following.gaps, program), following.wants)
    try:
        settings = Settings(artifact)
    except Malformed as error:
        return Found(_unknown((Gap(NAME, str(error), Source(artifact.name, "")),), program), following.wants)
    reader = _Reader(settings, following, folder, interest)
    views, doubts = reader.views()
    gaps = (*following.gaps, *reader.gaps)
    if gaps:
        views = tuple(_doubted(view, str(gaps[0]), gaps[0].source) for view in views)
    listeners = program.listeners or tuple(_listeners(settings))
    source = Source(artifact.name, "")
    return Found(Resolver(NAME, views, listeners, source, (*gaps, *doubts), program.addresses), following.wants)


def _places(arguments: Sequence[str]) -> tuple[str, str]:
    """The working folder and the file of settings (``initWorkingDir`` and ``initConfigFilename``)."""
    program = arguments[0] if arguments else ""
    folder = _option(arguments, "-w", "--work-dir") or (
        str(PurePosixPath(program).parent) if program.startswith("/") else HOME
    )
    file = _option(arguments, "-c", "--config") or FILE
    return folder, file if file.startswith("/") else f"{folder.rstrip('/')}/{file}"


def _option(arguments: Sequence[str], short: str, long: str) -> str:
    for at, word in enumerate(arguments):
        if word in (short, long) and at + 1 < len(arguments):
            return arguments[at + 1]
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
    return ""


def _unknown(gaps: Sequence[Gap], program: Program) -> Resolver:
    why = str(gaps[0]) if gaps else "its settings are not known"
    return Resolver(NAME, (View((), Outcome(Fate.UNKNOWN, because=why)),), program.listeners, None, tuple(gaps))


def _doubted(view: View, why: str, source: Source | None) -> View:
    """A view of which something is not known: blocked names stay blocked."""
    unknown = Outcome(Fate.UNKNOWN, because=why)
    if not view.stages:
        return view
    last = RuleList((NameRule(EVERY, unknown, source),))
    return replace(view, stages=(*view.stages[:-1], last), otherwise=unknown)


def _listeners(settings: Settings) -> Iterator[Listener]:
    if not settings.yes(settings.get("dns.serve_plain_dns"), otherwise=True):
        return
    port = settings.get("dns.port")
    hosts = settings.texts(settings.get("dns.bind_hosts")) or (str(settings.get("dns.bind_host") or "0.0.0.0"),)  # noqa: S104 - read, not bound
    for host in hosts:
        yield Listener("udp", host, port if isinstance(port, int) else 53)


class _Reader:
    """Reads what the settings name, and makes views of it."""

    def __init__(self, settings: Settings, following: Following, folder: str, interest: Interest) -> None:
        self._settings = settings
        self._following = following
        self._folder = folder.rstrip("/")
        self._interest = interest
        self.gaps = [Gap(NAME, f"{key}: {why}", settings.source(key)) for key, why in settings.doubts()]
        self._yes = settings.yes
        get = settings.of_filtering
        self._protected = self._yes(get("protection_enabled"), otherwise=True)
        self._blocking = Blocking(
            str(get("blocking_mode") or "default"),
            custom(str(get("blocking_ipv4") or ""), str(get("blocking_ipv6") or "")),
        )
        self._allowing = lists.read(self._files("whitelist_filters"), interest)
        self._blocks = lists.read((*self._own_rules(), *self._files("filters")), interest)
        self._hosts = (
            following.file(HOSTS) if self._yes(settings.get("dns.hostsfile_enabled"), otherwise=True) else None
        )
        self._clients = tuple(settings.clients())
        self._upstream_file = self._upstreams_in_file()

    # ---- what is read ----

    def _own_rules(self) -> Iterator[tuple[str, bytes, int]]:
        """The rules in the settings, which have a line each, as a list of its own."""
        rules = self._settings.texts(self._settings.get("user_rules"))
        if rules:
            place = self._settings.source("user_rules:")
            data = "\n".join(rule.replace("\n", " ") for rule in rules).encode(errors="replace")
            yield place.artifact, data, place.line or 0

    def _files(self, key: str) -> Iterator[tuple[str, bytes, int]]:
        """The lists that are switched on, where AdGuard Home keeps them."""
        listed = self._settings.tables(self._settings.get(key))
        if len(listed) > MAX_LISTS:
            self.gaps.append(Gap(NAME, f"more than {MAX_LISTS} {key}", self._settings.source(key)))
        for one in listed[:MAX_LISTS]:
            if self._yes(one.get("enabled"), otherwise=False) and isinstance(one.get("id"), int):
                path = f"{self._folder}/data/filters/{one['id']}.txt"
                source = self._settings.source(str(one.get("name") or one["id"]), f"id: {one['id']}")
                file = self._following.file(path, source)
                if file is not None:
                    yield file.name, file.data, 0

    def _upstreams_in_file(self) -> Artifact | None:
        path = str(self._settings.get("dns.upstream_dns_file") or "")
        full = path if path.startswith("/") else f"{self._folder}/{path}"
        return self._following.file(full, self._settings.source("upstream_dns_file")) if path else None

    # ---- who asks ----

    def views(self) -> tuple[tuple[View, ...], tuple[Gap, ...]]:
        """A view for each kind of addresses, and one for all others."""
        spoken = {
            text: block
            for found in (self._allowing, self._blocks)
            for rule in found.rules
            for text in (*rule.clients.given, *rule.clients.but)
            if (block := block_of(text))
        }
        allowed, refused = (
            {
                block: text
                for text in self._settings.texts(self._settings.get(f"dns.{key}"))
                if (block := block_of(text))
            }
            for key in ("allowed_clients", "disallowed_clients")
        )
        limited = bool(self._settings.texts(self._settings.get("dns.allowed_clients")))
        own = {block: client for client in reversed(self._clients) for block in client.blocks}
        kinds: dict[tuple[int, Interval], tuple[Client | None, frozenset[str], bool]] = {}
        for block in {*spoken.values(), *own, *allowed, *refused}:
            around = [one for one in own if _holds(one, block)]
            client = own[min(around, key=lambda one: one[1][1] - one[1][0])] if around else None
            words = frozenset(text for text, one in spoken.items() if _holds(one, block))
            served = (
                any(_holds(one, block) for one in allowed)
                if limited
                else not any(_holds(one, block) for one in refused)
            )
            kinds[block] = (client, words, served)
        made = []
        for (client, words, served), addresses in closest(kinds):
            source = client.source if client else None
            made.append(
                self._view(client, words, addresses, source) if served else View((), Outcome(Fate.DROPPED), addresses)
            )
        others = self._view(None, frozenset(), None, None) if not limited else View((), Outcome(Fate.DROPPED))
        doubtful, gaps = self._doubts(others)
        if doubtful:
            others = replace(others, stages=(RuleList(doubtful), *others.stages))
        return (*made, others), gaps

    def _doubts(self, others: View) -> tuple[tuple[NameRule, ...], tuple[Gap, ...]]:
        """Names with which clients that cannot be told by their addresses fare otherwise."""
        found: dict[NameRule, None] = {}
        gaps = []
        usual = [stage for stage in others.stages if isinstance(stage, RuleList)]
        for client in self._clients if others.stages else ():
            if client.elusive:
                view = self._view(client, frozenset(), None, None)
                stages = [stage for stage in view.stages if isinstance(stage, RuleList)]
                why = f"what {client.name} gets differs, and its addresses are not known"
                if differ := tuple(differing(usual[:-1], stages[:-1], why, client.source)):
                    found |= dict.fromkeys(differ)
                    gaps.append(Gap(NAME, why, client.source))
        return tuple(found), tuple(gaps)

    # ---- what they get ----

    def _view(
        self,
        client: Client | None,
        words: frozenset[str],
        addresses: tuple[tuple[int, Intervals], ...] | None,
        source: Source | None,
    ) -> View:
        asker = Asker(client.name, frozenset(client.tags), words) if client else Asker(blocks=words)
        settings = self._settings
        filtered = self._yes(settings.of_filtering("filtering_enabled"), otherwise=True)
        watched = any(
            self._yes(settings.of_filtering(key), otherwise=False)
            for key in ("parental_enabled", "safebrowsing_enabled")
        )
        services = settings.services
        if client:
            filtered = client.filtered if client.filtered is not None else filtered
            watched = client.watched if client.watched is not None else watched
            services = client.services if client.services is not None else services
        writer = FilterWriter(asker, self._blocking, self._interest)
        self._before(writer)
        chain: tuple[RuleList, ...] = ()
        by_address: tuple[AddressList, ...] = tuple(self._by_address()) if filtered and self._protected else ()
        if filtered:
            self._rewritten(writer)
            if self._protected:
                writer.allowed(self._allowing)
            writer.rewriting(self._blocks)
            if self._protected:
                writer.blocked(self._blocks)
                chained = FilterWriter(asker, self._blocking, self._interest)
                chained.allowed(self._allowing)
                chained.blocked(self._blocks)
                chain = chained.finished()
        if self._protected:
            self._elsewhere(writer, services, watched=watched)
        rules, otherwise = upstreams(self._upstreams(client), self._interest)
        return View((*by_address, *writer.finished(), rules), otherwise, addresses, source, chain)

    def _before(self, filters: FilterWriter) -> None:
        """What is decided before any filter."""
        writer, settings = filters.writer, self._settings
        for text in settings.texts(settings.get("dns.blocked_hosts")):
            source = settings.source(text)
            found = parse(text.lower(), source)
            if isinstance(found, HostLine):
                names, followed = tuple(NameSet(Scope.EXACT, name) for name in found.names), True
            elif found is not None:
                names, followed = names_of(found.pattern)
            else:
                continue
            why = Outcome(Fate.UNKNOWN, because=f"the pattern {text} is not followed")
            writer.write(names, Outcome(Fate.DROPPED) if followed else why, source)
        if self._yes(settings.get("dns.aaaa_disabled"), otherwise=False):
            writer.write((EVERY,), Outcome(Fate.NODATA), settings.source("aaaa_disabled: true"), frozenset({6}))
        writer.write((NameSet(Scope.EXACT, CANARY),), Outcome(Fate.NXDOMAIN), None)
        domain = str(settings.get("dhcp.local_domain_name", "dns.local_domain_name") or "")
        if domain and self._yes(settings.get("dhcp.enabled"), otherwise=False):
            unknown = Outcome(Fate.UNKNOWN, because=f"names below {domain} are those of DHCP clients")
            writer.write((NameSet(Scope.SUBTREE, domain.lower()),), unknown, settings.source("local_domain_name"))
        writer.next_stage()

    def _rewritten(self, filters: FilterWriter) -> None:
        """The setting ``rewrites``, and the hosts file."""
        settings, writer = self._settings, filters.writer
        entries = [
            Entry(str(one.get("domain", "")).lower(), str(one.get("answer", "")), self._place(one))
            for one in settings.tables(settings.of_filtering("rewrites"))
            if self._yes(one.get("enabled"), otherwise=True)
        ]
        if self._yes(settings.of_filtering("rewrites_enabled"), otherwise=True):
            for names, family, outcome, source in outcomes(self._touching(entries)):
                writer.write((names,), outcome, source, frozenset({family}))
        writer.next_stage()
        known: dict[str, dict[tuple[int, int], Source]] = {}
        for address, name, source in self._in_hosts_file():
            known.setdefault(name, {}).setdefault(address, source)
        for name, found in known.items():
            for family in (4, 6):
                mine = frozenset(one for one in found if one[0] == family)
                outcome = Outcome(Fate.ADDRESSES, mine) if mine else Outcome(Fate.NODATA)
                source = next((found[one] for one in found if one in mine), next(iter(found.values())))
                writer.write((NameSet(Scope.EXACT, name),), outcome, source, frozenset({family}))
        writer.next_stage()

    def _touching(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that matter: those about names of interest, and those that these lead to."""
        wanted = [one for one in entries if self._interest.touches(one.domain.removeprefix("*."))]
        for one in wanted:
            wanted += [
                each for each in entries if each not in wanted and one.family is None and each.fits(one.answer.lower())
            ]
        return wanted

    def _place(self, one: dict[str, object]) -> Source:
        domain = str(one.get("domain", ""))
        return self._settings.source(f"rewrite of {domain} to {one.get('answer', '')}", f"domain: {domain}")

    def _in_hosts_file(self) -> Iterator[tuple[tuple[int, int], str, Source]]:
        for number, line in lines_about(self._hosts.data, self._interest.names) if self._hosts else ():
            words = line.partition("#")[0].split()
            address = as_address(words[0]) if len(words) > 1 else None
            for word in words[1:] if address else ():
                try:
                    name = normalise(word)
                except ValueError:
                    continue
                if address and self._hosts and self._interest.holds(name):
                    yield address, name, Source(self._hosts.name, line.strip(), number)

    def _elsewhere(self, filters: FilterWriter, services: tuple[str, ...], *, watched: bool) -> None:
        """What tables of AdGuard Home's own and its servers decide."""
        writer, settings = filters.writer, self._settings
        if services:
            why = f"services are blocked whose names are not known here: {', '.join(services[:3])}"
            writer.decide((EVERY,), Outcome(Fate.UNKNOWN, because=why), settings.source("blocked_services"))
        if watched:
            why = "a remote service decides (safebrowsing_enabled or parental_enabled)"
            writer.decide((EVERY,), Outcome(Fate.UNKNOWN, because=why), settings.source("safebrowsing_enabled"))
        safe = settings.of_filtering("safe_search")
        if self._yes(safe.get("enabled") if isinstance(safe, dict) else None, otherwise=False) or self._yes(
            settings.of_filtering("safesearch_enabled"), otherwise=False
        ):
            engines = [name for name in sorted(self._interest.names) if SEARCH.intersection(name.split("."))]
            unknown = Outcome(Fate.UNKNOWN, because="search engines are asked for safe results (safe_search)")
            writer.decide((NameSet(Scope.SUBTREE, name) for name in engines), unknown, settings.source("safe_search"))
        writer.next_stage()

    def _upstreams(self, client: Client | None) -> Iterable[tuple[str, Source]]:
        settings = self._settings
        if client and client.upstreams:
            return [(one, settings.source(one)) for one in client.upstreams]
        if self._upstream_file is not None:
            name = self._upstream_file.name
            lines = self._upstream_file.text.splitlines()
            return [(line, Source(name, line.strip(), number)) for number, line in enumerate(lines, 1)]
        return [(one, settings.source(one)) for one in settings.texts(settings.get("dns.upstream_dns"))]

    def _by_address(self) -> Iterator[AddressList]:
        """What becomes of answers with some addresses."""
        blocked = self._blocks.addresses - self._blocks.excepted - self._allowing.addresses
        if blocked:
            yield AddressList((AddressRule(4, blocked, self._blocking.outcome(4), self._blocks.source),))
        bogus = self._settings.texts(self._settings.get("dns.bogus_nxdomain"))
        rules = [
            AddressRule(block[0], Intervals.span(*block[1]), Outcome(Fate.NXDOMAIN), self._settings.source(text))
            for text in bogus
            if (block := block_of(text))
        ]
        if rules:
            yield AddressList(tuple(rules))


def _holds(block: tuple[int, Interval], other: tuple[int, Interval]) -> bool:
    """Whether a block holds all addresses of another."""
    return block[0] == other[0] and block[1][0] <= other[1][0] and other[1][1] <= block[1][1]
