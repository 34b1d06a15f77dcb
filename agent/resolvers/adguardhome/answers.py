"""What AdGuard Home answers to one kind of clients, from what is decided first to whom questions are passed on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.resolver import AddressList, AddressRule, Fate, NameSet, Outcome, Scope, View
from agent.model.source import Source
from agent.resolvers.adguardhome.lines import HostLine, parse
from agent.resolvers.adguardhome.patterns import names_of
from agent.resolvers.adguardhome.rewrites import Entry, outcomes
from agent.resolvers.adguardhome.rules import Asker, Blocking, FilterWriter, custom
from agent.resolvers.adguardhome.settings import block_of
from agent.resolvers.adguardhome.upstreams import upstreams
from agent.resolvers.filtering.hosts import rules_of
from agent.resolvers.filtering.regexes import EVERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.model.resolver import Named, NameRule, RuleList
    from agent.resolvers.adguardhome.settings import Client, Settings
    from agent.resolvers.adguardhome.sources import Sources

CANARY: Final = "use-application-dns.net"
"""Firefox asks for it whether it may go around (``mozillaFQDN``)."""
SEARCH: Final = frozenset({
    "bing", "duckduckgo", "ecosia", "google", "pixabay", "yandex", "youtube", "youtubei", "youtube-nocookie",
})  # fmt: skip
"""Names of search engines, whose safe results are asked for."""


class Answers:
    """Makes a view of settings and lists for each kind of clients."""

    def __init__(self, settings: Settings, sources: Sources, interest: Interest) -> None:
        self._settings = settings
        self._sources = sources
        self._interest = interest
        self._yes = settings.yes
        get = settings.of_filtering
        self._protected = self._yes(get("protection_enabled"), otherwise=True)
        self._blocking = Blocking(
            str(get("blocking_mode") or "default"),
            custom(str(get("blocking_ipv4") or ""), str(get("blocking_ipv6") or "")),
        )

    def view(
        self,
        client: Client | None,
        words: frozenset[str],
        addresses: tuple[tuple[int, Intervals], ...] | None,
        source: Source | None,
    ) -> View:
        """Give the view of a client, or of others; ``words`` are blocks of addresses that rules speak of."""
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
                writer.allowed(self._sources.allowing)
            writer.rewriting(self._sources.blocking)
            if self._protected:
                writer.blocked(self._sources.blocking)
                chained = FilterWriter(asker, self._blocking, self._interest)
                chained.allowed(self._sources.allowing)
                chained.blocked(self._sources.blocking)
                chain = chained.finished()
        if self._protected:
            self._elsewhere(writer, services, watched=watched)
        rules, otherwise = upstreams(self._upstreams(client), self._interest)
        return View((*by_address, *writer.finished(), rules), otherwise, addresses, source, chain)

    def _before(self, filters: FilterWriter) -> None:
        """What is decided before any filter."""
        writer, settings = filters.writer, self._settings
        for names, outcome, source in self._refused:
            writer.write(names, outcome, source)
        if self._yes(settings.get("dns.aaaa_disabled"), otherwise=False):
            writer.write((EVERY,), Outcome(Fate.NODATA), settings.source("aaaa_disabled: true"), frozenset({6}))
        writer.write((NameSet(Scope.EXACT, CANARY),), Outcome(Fate.NXDOMAIN), None)
        domain = str(settings.get("dhcp.local_domain_name", "dns.local_domain_name") or "")
        if domain and self._yes(settings.get("dhcp.enabled"), otherwise=False):
            unknown = Outcome(Fate.UNKNOWN, because=f"names below {domain} are those of DHCP clients")
            writer.write((NameSet(Scope.SUBTREE, domain.lower()),), unknown, settings.source("local_domain_name"))
        writer.next_stage()

    @cached_property
    def _refused(self) -> tuple[tuple[tuple[Named, ...], Outcome, Source], ...]:
        """Names that nobody gets an answer about; exceptions among them count as well (``isBlockedHost``)."""
        made: list[tuple[tuple[Named, ...], Outcome, Source]] = []
        for text in self._settings.texts(self._settings.get("dns.blocked_hosts")):
            source = self._settings.source(text)
            found = parse(text.lower(), source)
            outcome = Outcome(Fate.DROPPED)
            if isinstance(found, HostLine):
                made.append((tuple(NameSet(Scope.EXACT, name) for name in found.names), outcome, source))
            elif found is not None and found.rewrite is None:
                names, followed = names_of(found.pattern)
                unknown = Outcome(Fate.UNKNOWN, because=f"the pattern {text} is not followed")
                made.append((names, outcome if followed else unknown, source))
        return tuple(made)

    def _rewritten(self, filters: FilterWriter) -> None:
        """The setting ``rewrites``, and the hosts file."""
        for names, family, outcome, source in self._rewrites:
            filters.writer.write((names,), outcome, source, frozenset({family}))
        filters.writer.next_stage()
        for rule in self._hosts:
            filters.writer.write((rule.names,), rule.outcome, rule.source, rule.families)
        filters.writer.next_stage()

    @cached_property
    def _rewrites(self) -> tuple[tuple[NameSet, int, Outcome, Source], ...]:
        settings = self._settings
        if not self._yes(settings.of_filtering("rewrites_enabled"), otherwise=True):
            return ()
        listed = [
            (str(one.get("domain", "")).lower(), str(one.get("answer", "")))
            for one in settings.tables(settings.of_filtering("rewrites"))
            if self._yes(one.get("enabled"), otherwise=True)
        ]
        every = [
            Entry(domain, answer, settings.source(f"rewrite of {domain} to {answer}", domain))
            for domain, answer in listed
        ]
        wanted = [one for one in every if self._interest.touches(one.domain.removeprefix("*."))]
        for one in wanted:  # what these lead to matters as well
            if one.family is None:
                wanted += [each for each in every if each not in wanted and each.fits(one.answer.lower())]
        return tuple(outcomes(wanted))

    @cached_property
    def _hosts(self) -> tuple[NameRule, ...]:
        return tuple(rules_of(self._sources.hosts, self._interest)) if self._sources.hosts else ()

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
        if self._sources.upstreams is not None:
            name = self._sources.upstreams.name
            lines = self._sources.upstreams.text.splitlines()
            return [(line, Source(name, line.strip(), number)) for number, line in enumerate(lines, 1)]
        return [(one, settings.source(one)) for one in settings.texts(settings.get("dns.upstream_dns"))]

    def _by_address(self) -> Iterator[AddressList]:
        """What becomes of answers with some addresses."""
        blocked = self._sources.blocking.addresses - self._sources.blocking.excepted - self._sources.allowing.addresses
        if blocked:
            yield AddressList((AddressRule(4, blocked, self._blocking.outcome(4), self._sources.blocking.source),))
        bogus = self._settings.texts(self._settings.get("dns.bogus_nxdomain"))
        rules = [
            AddressRule(block[0], Intervals.span(*block[1]), Outcome(Fate.NXDOMAIN), self._settings.source(text))
            for text in bogus
            if (block := block_of(text))
        ]
        if rules:
            yield AddressList(tuple(rules))
