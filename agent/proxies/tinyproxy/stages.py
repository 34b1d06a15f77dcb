"""What a request goes through: clients, users, reverse paths, ports, filter, statistics, upstream, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals
from agent.model.proxy import (
    ALWAYS,
    DENIED,
    DROPPED,
    PASS,
    PORT,
    Act,
    AllOf,
    AnyOf,
    Form,
    Names,
    Not,
    Open,
    Ports,
    ProxyRule,
    ProxyStage,
    Ruling,
    Urls,
)
from agent.model.resolver import NameSet, Scope
from agent.model.source import Gap
from agent.proxies.tinyproxy import NAME
from agent.proxies.tinyproxy.filters import entries
from agent.proxies.tinyproxy.hosts import client, site
from agent.proxies.tinyproxy.options import OPEN
from agent.proxies.tinyproxy.patterns import Syntax, without_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.proxy import Test
    from agent.model.regular import Pattern
    from agent.proxies.tinyproxy.filters import Entry
    from agent.proxies.tinyproxy.lines import Directive
    from agent.snapshot.following import Following

EIGHTY: Final = Ports(Intervals.single(80))


class Stages:
    """The stages of one configuration; raises Malformed where tinyproxy would not start."""

    def __init__(self, written: Sequence[Directive], following: Following, interest: Interest) -> None:
        self._written = written
        self.filter = self._last("filter")
        self.denies = self._any_on("filterdefaultdeny")
        self.by_url = self._any_on("filterurls")
        self.syntax = self._syntax()
        self.entries: tuple[Entry, ...] = ()
        if self.filter:
            file = following.file(self.filter.value, self.filter.source)
            if file is None:
                raise Malformed(f"{self.filter.value} cannot be read", line=self.filter.source.line)
            ignore_case = self._any_on("filtercasesensitive") is None
            try:
                self.entries = tuple(entries(file, self.syntax, interest, ignore_case=ignore_case))
            except Malformed as error:
                raise Malformed(
                    f"{self.filter.value} line {error.line}: {error}", line=self.filter.source.line
                ) from error
        self.gaps = tuple(Gap(NAME, one.because, one.source) for one in self.entries if one.because)
        self.reverse = tuple(self._reverse())

    def all(self, *names: str) -> Iterator[Directive]:
        """The directives of some names, in order."""
        return (one for one in self._written if one.name in names)

    def _last(self, name: str) -> Directive | None:
        return next((one for one in reversed(self._written) if one.name == name), None)

    def _any_on(self, name: str) -> Directive | None:
        """A switch of the filter: what was switched on once stays on."""
        return next((one for one in self.all(name) if one.on), None)

    def _syntax(self) -> Syntax:
        """All types that are named count, and the last of these three is asked first."""
        named = {one.value.lower() for one in self.all("filtertype")}
        if "fnmatch" in named:
            return Syntax.FNMATCH
        return Syntax.ERE if "ere" in named or self._any_on("filterextended") else Syntax.BRE

    def of(self, form: Form) -> Iterator[ProxyStage]:
        """All stages of a form of request."""
        most = self._last("maxclients")
        if most and most.number == 0:
            yield ProxyStage("MaxClients", (), DROPPED, most.source)
        yield from self._clients()
        user = self._last("basicauth")
        if user and form is Form.HTTP:  # browsers do not log in to a proxy that they do not know of
            yield ProxyStage("BasicAuth", (), DENIED, user.source)
        yield from self._paths(form)
        ports = list(self.all("connectport"))
        if ports and form is Form.CONNECT:
            rules = tuple(ProxyRule(Ports(Intervals.single(one.number)), PASS, one.source) for one in ports)
            yield ProxyStage("ConnectPort", rules, DENIED, ports[-1].source)
        if self.filter:
            yield from self._filter(form)
        statistics = self._last("stathost")
        if statistics and statistics.value == statistics.value.lower():  # compared letter by letter
            rule = ProxyRule(Names((NameSet(Scope.EXACT, statistics.value),)), DENIED, statistics.source)
            yield ProxyStage("StatHost", (rule,))
        rules = tuple(self._upstreams())
        if rules:
            yield ProxyStage("Upstream", rules)

    def _clients(self) -> Iterator[ProxyStage]:
        lines = list(self.all("allow", "deny"))
        if not lines:
            return
        rules = []
        for one in lines:
            who = client(one.value)
            if who is not None:
                rules.append(ProxyRule(who, PASS if one.name == "allow" else DENIED, one.source))
        yield ProxyStage("Allow/Deny", tuple(rules), DENIED, lines[-1].source)

    # ---- reverse proxying ----

    def _reverse(self) -> Iterator[tuple[str, str, Directive]]:
        """Paths and addresses, the last line first; what tinyproxy skips is left out."""
        for one in reversed(list(self.all("reversepath"))):
            path, url = (one.parts[0], one.parts[1]) if one.parts[1] else ("/", one.parts[0])
            if path and url and path.startswith("/") and "://" in url:
                yield path, url, one

    def _paths(self, form: Form) -> Iterator[ProxyStage]:
        """Only what is diverted has a path without a name in front."""
        only = self._any_last("reverseonly")
        if not self.reverse:
            return
        rules = []
        for path, url, one in self.reverse if form is Form.HTTP else ():
            begins: Test = (
                ALWAYS if path == "/" else Open(f"path {path}", f"it depends on whether the path begins {path}")
            )
            host = url.lower().removeprefix("http://").partition("/")[0].rpartition("@")[2].partition(":")[0]
            if url.lower().startswith("http://"):  # others are taken for the path at the name that the client gives
                elsewhere = Not(Names((NameSet(Scope.EXACT, host),)))
                rules.append(ProxyRule(AllOf((begins, elsewhere)), DENIED, one.source))
                if self.filter and self.by_url:
                    rules.append(ProxyRule(begins, Ruling(Act.OPEN, "the filter sees another URL"), one.source))
            rules.append(ProxyRule(begins, PASS, one.source))
        magic = self._any_last("reversemagic")
        if magic and form is Form.HTTP:
            rules.append(ProxyRule(Open("cookie", OPEN["reversemagic"]), DENIED, magic.source))
        yield ProxyStage("ReversePath", tuple(rules), DENIED if only else PASS, only.source if only else None)

    def _any_last(self, name: str) -> Directive | None:
        """A switch of which the last line counts, where that is on."""
        found = self._last(name)
        return found if found and found.on else None

    # ---- filter ----

    def _filter(self, form: Form) -> Iterator[ProxyStage]:
        ruling = PASS if self.denies else DENIED
        rules = tuple(ProxyRule(test, ruling, one.source) for one in self.entries for test in self._fits(one, form))
        last = self.denies or self.filter
        yield ProxyStage("Filter", rules, DENIED if self.denies else PASS, last.source if last else None)

    def _fits(self, entry: Entry, form: Form) -> Iterator[Test]:
        fits = entry.fits
        if fits is None:
            yield Open(f"filter {entry.text}", entry.because)
        elif not self.by_url:
            yield Names((fits,))
        elif form is Form.CONNECT:
            yield Urls((fits,), "", f":{PORT}")
        else:  # of what is diverted it puts the URL together, with the port
            yield AllOf((EIGHTY, *_page(fits, ":80/" if form is Form.HTTP else "/")))
            yield AllOf((Not(EIGHTY), *_page(fits, f":{PORT}/")))

    # ---- upstream ----

    def _upstreams(self) -> Iterator[ProxyRule]:
        """The last line that fits decides; the line for all others is the first of its kind, and asked last."""
        default: ProxyRule | None = None
        found: list[ProxyRule] = []
        for one in self.all("upstream"):
            none, direct, kind, host, port, place = one.parts
            # types are compared letter by letter; in others than lower case they are taken for none
            through = kind is not None and kind == kind.lower()
            test = site(direct if none else place)
            if test is None or (not through and (direct if none == "none" else place) is None):
                continue
            number = int(port or "0", 10)
            ruling = PASS if not through else Ruling(Act.NEXT, upstream=f"{host}:{number}") if number else DENIED
            rule = ProxyRule(test, ruling, one.source)
            if through and place is None:
                default = default or (rule if number else None)
            else:
                found.insert(0, rule)
        yield from found
        if default:
            yield default


def _page(fits: Pattern, after: str) -> Iterator[Test]:
    """A pattern of URLs; the second test always holds, and tells names apart for which the path decides."""
    yield Urls((fits,), "http://", after, path=True)
    parted = without_path(fits)
    if parted is not None:
        yield AnyOf((Urls((parted,), "http://", after), ALWAYS))
