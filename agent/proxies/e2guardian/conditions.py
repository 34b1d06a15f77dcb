"""What the conditions of a storyboard ask about a request: tests of names, clients, pages (``StoryBoard.cpp``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.proxy import ALWAYS, NEVER, Agents, AllOf, AnyOf, Clients, Form, Methods, Names, Not, Open, Urls
from agent.model.regular import Dialect, Pattern, pattern
from agent.model.source import Gap
from agent.proxies.e2guardian.lists import clients, shortened, site, tidied
from agent.proxies.e2guardian.run import HARMLESS
from agent.proxies.e2guardian.settings import NAME
from agent.proxies.e2guardian.state import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.e2guardian.lists import Entry, Lists
    from agent.proxies.e2guardian.state import Request
    from agent.proxies.e2guardian.story import Line

MAX_CHOICES: Final = 200
"""Lines of a list that are told apart; of more, only that one of them fits."""
NEVER_HOLD: Final = frozenset({
    "siteisip", "mitmset", "bypassset", "bypassallowset", "infectionbypassallowset", "viruscheckset", "embeddedin",
    "extensionin",
})  # fmt: skip
"""What does not hold for the pages of a required name: they are no addresses, nobody has asked for a bypass, they carry
no other site's address and are no files to save. Scanners for viruses are looked at by themselves."""
FIRST_PAGE: Final = Open("first page", "a site's first page is looked at without its slash, and not by lists of URLs")
WEB: Final = ("text/html", "text/css", "text/plain", "javascript", "json", "image/", "font", "text/javascript")
"""Types of what web pages are made of."""
SUFFIXES: Final = (
    ".html", ".htm", ".js", ".mjs", ".css", ".json", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".woff",
    ".woff2", ".ico", ".map", ".php", ".txt",
)  # fmt: skip
"""Ends of the names of what web pages are made of."""


class Conditions:
    """Questions about the lists of one configuration; ``gaps`` grow as they are asked."""

    def __init__(self, lists: Lists, interest: Interest) -> None:
        self._lists = lists
        self._interest = interest
        self._known: dict[tuple[str, str, str, Form, bool], bool | Question] = {}
        self._patterns: dict[str, Pattern | str] = {}
        self.gaps: list[Gap] = []

    def condition(self, line: Line, request: Request) -> bool | Question:
        """Whether a condition holds, or what this depends on."""
        action = line.action if line.state in ("fullurlin", "headerin") else ""
        key = (line.state, line.listed, action, request.form, request.connect)
        if request.knows_client is False and line.state == "clientin":
            return False
        if key not in self._known:
            self._known[key] = self._condition(line, request)
        return self._known[key]

    def _condition(self, line: Line, request: Request) -> bool | Question:
        if line.state in NEVER_HOLD:
            return False
        match line.state:
            case "true" | "tls" | "hassniset":
                return line.state == "true" or request.diverted_tls
            case "get" | "post":
                return Question(line.state, Methods(frozenset({line.state.upper()}))) if not request.connect else False
            case "sitein" | "urlin" | "clientin" | "useragentin":
                choices = tuple(self._choices(line.state, line.listed, request))
                tests = tuple(test for test, _ in choices)
                if not tests:
                    return False
                key = f"{line.state} {line.listed} {request.form} {request.connect}"
                return Question(key, AnyOf(tests) if len(tests) > 1 else tests[0], choices[:MAX_CHOICES])
            case _:
                return self._other(line, request)

    def _other(self, line: Line, request: Request) -> bool | Question:
        """Lists of what configuration does not tell."""
        if line.action in HARMLESS or line.action == "setsearchterm":
            return False
        kinds = {
            "searchin": ("search",), "refererin": ("site", "url", "pattern"), "headerin": ("pattern", "replacement"),
            "fullurlin": ("replacement",), "mimein": ("mime",),
        }[line.state]  # fmt: skip
        entries = [one for kind in kinds for one in self._lists.entries(kind, line.listed)]
        if line.state == "mimein":
            entries = [one for one in entries if any(word in one.text.lower() for word in WEB)]
        if not entries or request.diverted_tls or (line.state == "searchin" and request.connect):
            return False
        said = {
            "searchin": "it depends on the words that are searched for", "refererin": "it depends on the page before",
            "headerin": "it depends on the headers of the request", "fullurlin": "it depends on the whole URL",
            "mimein": "it depends on the type of the page",
        }[line.state]  # fmt: skip
        test = Open(f"{line.state} {line.listed}", f"{said} (list {line.listed})")
        return Question(f"{line.state} {line.listed}", test, ((test, entries[0].source),))

    # ---- lists ----

    def _choices(self, state: str, name: str, request: Request) -> Iterator[tuple[Test, Source]]:
        lists = self._lists
        if state == "clientin":
            for addresses, entry in clients(lists.entries("ip", name)):
                yield _at_times(Clients((addresses,)), entry), entry.source
            return
        if state == "useragentin":
            for entry in lists.entries("pattern", name):
                made = self._pattern(entry)
                test: Test = Agents((made,)) if isinstance(made, Pattern) else Open(f"agent {entry.text}", made)
                if request.diverted_tls and isinstance(made, Pattern):
                    test = ALWAYS if "" in made else NEVER  # inside of TLS, what a client says of itself is not seen
                if test != NEVER:
                    yield _at_times(test, entry), entry.source
            return
        for entry in lists.entries("site", name):
            names = site(entry.text)
            if names is not None and self._interest.touches(names.text):
                yield _at_times(Names((names,)), entry), entry.source
        if state == "urlin" and not request.connect:
            yield from self._urls(name)
        for entry in lists.entries("pattern", name):
            test = self._matching(entry, request)
            if test != NEVER:
                yield _at_times(test, entry), entry.source

    def _urls(self, name: str) -> Iterator[tuple[Test, Source]]:
        for entry in self._lists.entries("url", name):
            host, slash, _ = tidied(entry.text).partition("/")
            names = site(host)
            if names is None or host.startswith(".") or not self._interest.touches(names.text):
                continue
            inside = Open(f"path {entry.text}", f"it depends on the path of the URL ({entry.text})")
            rest: Test = inside if slash or set(host) & set("?&=") else Not(FIRST_PAGE)
            yield _at_times(AllOf((Names((names,)), rest)), entry), entry.source
        ends = [one.text for one in self._lists.entries("extension", name) if one.text.lower().endswith(SUFFIXES)]
        if ends:
            source = self._lists.entries("extension", name)[0].source
            yield (
                Open(f"extension {name}", f"files that pages are made of may be blocked ({' '.join(ends[:5])})"),
                source,
            )

    def _matching(self, entry: Entry, request: Request) -> Test:
        """Whether a pattern fits: it is held against the URL without its scheme, port and last slash."""
        made = self._pattern(entry)
        if not isinstance(made, Pattern):
            return Open(f"pattern {entry.text}", made)
        if request.connect or request.diverted_tls:
            return Names((made,))
        page = Urls((made,), after="/", path=True)
        return AnyOf((AllOf((Names((made,)), FIRST_PAGE)), AllOf((page, Not(FIRST_PAGE)))))

    def _pattern(self, entry: Entry) -> Pattern | str:
        """A line as PCRE reads it, or why it is not decided."""
        text = shortened(entry.text)
        if text not in self._patterns:
            try:
                self._patterns[text] = pattern(text, Dialect.PCRE, ignore_case=True)
            except Irregular as error:
                self._patterns[text] = f"the pattern {text[:60]} is {error}"
            except Malformed as error:
                # the program refuses the whole list then, and goes on without it
                self._patterns[text] = f"the pattern {text[:60]} is broken: {error}"
                self.gaps.append(Gap(NAME, f"{text[:60]}: {error}", entry.source))
        return self._patterns[text]


def _at_times(test: Test, entry: Entry) -> Test:
    """The test of a line, where the line is there at some times only."""
    if not entry.times:
        return test
    limits = tuple(Open(f"time {one}", f"only at some times ({one.text})") for one in entry.times)
    return AllOf((test, *limits))
