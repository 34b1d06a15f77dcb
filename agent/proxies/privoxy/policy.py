"""What actions and the trust file do to a request: of all patterns that fit, the last decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.proxy import DENIED, DROPPED, PASS, Act, AllOf, Names, Not, Open, Ports, ProxyRule, ProxyStage, Ruling
from agent.model.resolver import NameSet, Scope
from agent.proxies.privoxy.options import OPEN_ACTIONS
from agent.proxies.privoxy.urls import Fit, Tag, port_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.privoxy.actions import Entry
    from agent.proxies.privoxy.urls import UrlPattern

PATH: Final = "path"
"""Key of an ``Open``: the path is one of those for which something is switched on."""
OTHER_PATH: Final = "other path"
"""The path is one of those for which something is switched off."""


class Policy:
    """The actions of all files, and which of their patterns are about tags that a request may get."""

    def __init__(self, entries: Sequence[Entry], *, client_tags: bool) -> None:
        self._entries = entries
        self._client_tags = client_tags
        self._tagged = {
            name: any((found := one.change(name)) and found[0] is not None for one in entries)
            for name in ("client-header-tagger", "server-header-tagger")
        }

    def any_on(self, action: str) -> bool:
        """Whether an action is switched on anywhere."""
        return any((found := one.change(action)) and found[0] is not None for one in self._entries)

    def decisions(self, action: str, *, pages: bool) -> Iterator[tuple[Test, str | None, Source]]:
        """When, and what of an action: the first that fits decides."""
        for tags in ((Tag.NO_RESPONSE,), (Tag.NO_REQUEST,), (Tag.REQUEST,), (Tag.NONE, Tag.CLIENT)):
            for one in reversed(self._entries):
                found = one.change(action)
                if found is None or one.url.tag not in tags:
                    continue
                if one.url.tag:
                    test = self._tag(one.url.tag, one.text, pages=pages)
                else:
                    test = placed(one.url, pages=pages, key=OTHER_PATH if found[0] is None else PATH)
                if test is not None:
                    yield test, found[0], one.source

    def _tag(self, tag: Tag, text: str, *, pages: bool) -> Test | None:
        """When a pattern about tags fits; None: never."""
        tagger = "server-header-tagger" if tag is Tag.NO_RESPONSE else "client-header-tagger"
        may_have = self._client_tags if tag is Tag.CLIENT else self._tagged[tagger]
        if tag is Tag.REQUEST and pages:  # answers are tagged as well
            may_have = may_have or self._tagged["server-header-tagger"]
        if tag is Tag.NO_RESPONSE and not pages:
            return None
        if may_have:
            return Open(f"tag {text}", f"it depends on the tags of the request: {text}")
        return AllOf() if tag in (Tag.NO_REQUEST, Tag.NO_RESPONSE) else None

    # ---- stages ----

    def limit_connect(self) -> Iterator[ProxyStage]:
        """Ports that tunnels may lead to."""
        rules: list[ProxyRule] = []
        for test, value, source in self.decisions("limit-connect", pages=False):
            if value is not None:
                rules.append(ProxyRule(AllOf((test, Not(Ports(port_list(value))))), DENIED, source))
            rules.append(ProxyRule(test, PASS, source))
        yield from _stage("limit-connect", rules)

    def inspection(self, others: int, missing: str) -> Iterator[ProxyStage]:
        """Which tunnels are opened; the others skip so many stages. ``missing``: why none can be."""
        opened = Ruling(Act.NEXT, decrypts=True) if not missing else DROPPED
        rules = [
            ProxyRule(test, opened if value is not None else Ruling(Act.NEXT, skips=others), source)
            for test, value, source in self.decisions("https-inspection", pages=False)
        ]
        yield ProxyStage("https-inspection", tuple(rules), Ruling(Act.NEXT, skips=others))

    def certificates(self) -> Iterator[ProxyStage]:
        """Without authorities that it trusts, Privoxy believes no server that it looks into the connections with."""
        rules = [
            ProxyRule(test, PASS if value is not None else DENIED, source)
            for test, value, source in self.decisions("ignore-certificate-errors", pages=False)
        ]
        yield ProxyStage("trusted-cas-file", tuple(rules), DENIED)

    def block(self, *, pages: bool) -> Iterator[ProxyStage]:
        """What is blocked, and redirected."""
        blocked = [
            ProxyRule(test, DENIED if value is not None else PASS, source)
            for test, value, source in self.decisions("block", pages=pages)
        ]
        yield from _stage("block", blocked)

    def redirect(self, *, pages: bool) -> Iterator[ProxyStage]:
        """What is answered with another address."""
        rules: list[ProxyRule] = []
        for test, value, source in self.decisions("redirect", pages=pages):
            if value is None or (value.startswith("s") and "://" in value and not pages):
                rules.append(ProxyRule(test, PASS, source))  # what a tunnel asks for has no scheme
            elif value.startswith("s"):
                changed = Open(f"redirect {value}", f"it depends on whether {value} changes the URL")
                rules += (ProxyRule(AllOf((test, changed)), DENIED, source), ProxyRule(test, PASS, source))
            else:
                there = NameSet(Scope.EXACT, _host(value))
                same = Open(f"url is {value}", f"it depends on whether {value} itself is asked for")
                rules += (
                    ProxyRule(AllOf((test, Names((there,)), same)), PASS, source),
                    ProxyRule(test, DENIED, source),
                )
        yield from _stage("redirect", rules)
        if not pages:
            return
        rules = []
        inside = Open("url in url", "it depends on whether the URL holds another one")
        for test, value, source in self.decisions("fast-redirects", pages=pages):
            if value is not None:
                rules.append(ProxyRule(AllOf((test, inside)), DENIED, source))
            rules.append(ProxyRule(test, PASS, source))
        yield from _stage("fast-redirects", rules)

    def rewriting(self, *, pages: bool) -> Iterator[ProxyStage]:
        """Filters that may send a request elsewhere."""
        rules: list[ProxyRule] = []
        for test, value, source in self.decisions("client-header-filter", pages=pages):
            because = OPEN_ACTIONS["client-header-filter"]
            rules.append(ProxyRule(test, PASS if value is None else Ruling(Act.OPEN, because), source))
        yield from _stage("client-header-filter", rules)


def _host(url: str) -> str:
    """The name in a URL."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].lower()


def placed(url: UrlPattern, *, pages: bool, key: str = PATH) -> Test | None:
    """When a URL pattern fits; None: never."""
    fit = url.path(pages=pages)
    if fit is Fit.NONE:
        return None
    return url.place if fit is Fit.ALL else AllOf((url.place, Open(key, "it depends on the path of the URL")))


def _stage(title: str, rules: Sequence[ProxyRule]) -> Iterator[ProxyStage]:
    """A stage where something is ever denied or open."""
    if any(one.ruling.act is not Act.NEXT for one in rules):
        yield ProxyStage(title, tuple(rules))
