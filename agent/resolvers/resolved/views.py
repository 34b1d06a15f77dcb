"""What systemd-resolved answers: the hosts file, then the servers with the closest domain (resolved-dns-scope.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.network import Listener
from agent.model.record import record
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Safety, Scope, View
from agent.model.source import Gap, Source
from agent.resolvers.filtering.hosts import rules_of
from agent.resolvers.filtering.regexes import EVERY
from agent.resolvers.resolved.ini import FALSE, TRUE, Settings, read
from agent.resolvers.resolved.options import doubt_about
from agent.resolvers.resolved.scopes import STUBS, scopes
from agent.snapshot.following import Following

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.names import Interest
    from agent.resolvers.resolved.scopes import Scope as Servers
    from agent.snapshot import Snapshot, Want
    from agent.snapshot.programs import Program

NAME: Final = "systemd-resolved"
HOSTS: Final = "/etc/hosts"
PORT: Final = 53
WITHOUT_SERVERS: Final = Outcome(Fate.REFUSED)
"""It says that it failed."""
TYPES: Final = {"A": 4, "AAAA": 6}


@record
class Found:
    """A resolved, and what is still to be asked."""

    resolver: Resolver
    wants: tuple[Want, ...]


def load(snapshot: Snapshot, program: Program, interest: Interest) -> Found:
    """Read a resolved. 127.0.0.54, which its manual says passes all on, knows the hosts file as well (version 252)."""
    following = Following.of(snapshot, NAME, program)
    settings = read("resolved.conf", following, "Resolve")
    servers = scopes(settings, following, runs=bool(program.pid))
    hosts = following.file(HOSTS) if settings.yes("ReadEtcHosts", otherwise=True) else None
    gaps = (*_doubts(settings), *following.gaps)
    passing, otherwise = _routes(servers, interest)
    if gaps:
        otherwise = Outcome(Fate.UNKNOWN, because=str(gaps[0]))
        passing = RuleList(tuple(replace(rule, outcome=otherwise) for rule in passing.rules))
    refused = RuleList(tuple(_refused(settings)))
    # a name with 0.0.0.0 or :: alone has no addresses (``manager_etc_hosts_lookup``)
    known = RuleList(tuple(rules_of(hosts, interest, null_is_none=True)) if hosts else ())
    source = next((one.source for one in settings), Source("files/etc/systemd/resolved.conf", ""))
    view = View((refused, known, passing), otherwise)
    listeners = program.listeners or tuple(_listeners(settings))
    return Found(Resolver(NAME, (view,), listeners, source, gaps, safety=_safety(settings)), following.wants)


def _safety(settings: Settings) -> Safety:
    """What ``DNSSEC=`` says; without it distributions differ."""
    said = next((one for one in reversed(tuple(settings)) if one.key == "DNSSEC" and one.value), None)
    return Safety(None if said is None else said.value.lower() not in FALSE, said.source if said else None)


def _doubts(settings: Settings) -> Iterator[Gap]:
    last = {one.key: one for one in settings}
    for key, one in last.items():
        if why := doubt_about(key, one.value):
            yield Gap(NAME, f"{key}: {why}", one.source)


def _routes(servers: Sequence[Servers], interest: Interest) -> tuple[RuleList, Outcome]:
    """Rules for domains, those with most labels first, and what becomes of all other names.

    All servers that are preferred for one domain are asked at once.
    """
    usual = _passed_on(one for one in servers if one.default)
    domains = {domain.name for one in servers for domain in one.domains}
    rules = []
    for name in sorted(domains, key=lambda text: (-text.count(".") - bool(text), text)):
        mine = [one for one in servers if any(domain.name == name for domain in one.domains)]
        if interest.touches(name):
            rules.append(NameRule(NameSet(Scope.SUBTREE, name), _passed_on(mine), mine[0].source))
    return RuleList(tuple(rules)), usual


def _passed_on(servers: Iterable[Servers]) -> Outcome:
    every = tuple(servers)
    found = frozenset(server for one in every for server in one.servers)
    return Outcome(Fate.PASSED_ON, upstreams=found) if every else WITHOUT_SERVERS


def _refused(settings: Settings) -> Iterator[NameRule]:
    """Types of questions that are not answered."""
    for word, source in settings.words("RefuseRecordTypes"):
        if family := TYPES.get(word.upper()):
            yield NameRule(EVERY, WITHOUT_SERVERS, source, frozenset({family}))


def _listeners(settings: Settings) -> Iterator[Listener]:
    """Where one that does not run yet will listen."""
    stub = settings.text("DNSStubListener", "yes")
    for proto in ("udp", "tcp"):
        if stub in TRUE or stub == proto:
            yield from (Listener(proto, address, PORT) for address in STUBS)
    for word, _ in settings.words("DNSStubListenerExtra"):
        proto, colon, rest = word.partition(":")
        address = rest if colon and proto in ("udp", "tcp") else word
        host, _, port = (
            address.rpartition(":") if address.startswith("[") or address.count(":") == 1 else (address, "", "")
        )
        if address.endswith("]"):
            host, port = address, ""
        for one in (proto,) if address != word else ("udp", "tcp"):
            yield Listener(one, host.strip("[]"), int(port) if port.isdigit() else PORT)
