"""The trust file: only what it lists is let through (``load_trustfile``, ``is_untrusted_url``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.model.proxy import DENIED, PASS, Open, ProxyRule, ProxyStage
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.privoxy.lines import lines, shown
from agent.proxies.privoxy.policy import placed
from agent.proxies.privoxy.urls import url_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.proxies.privoxy.urls import UrlPattern
    from agent.snapshot import Artifact


@record
class Trusted:
    """One line: a pattern, whether it is trusted, and whether what it links to is trusted as well."""

    text: str
    url: UrlPattern
    trusted: bool
    refers: bool
    source: Source


def trusted(artifact: Artifact) -> Iterator[Trusted]:
    """The lines; raises Malformed where Privoxy would not start."""
    for number, line in lines(artifact.data):
        refers, listed = line.startswith("+"), line.startswith(("+", "~"))
        text = line[1:] if listed else line
        if not text:
            continue
        try:
            url = url_pattern(text)
        except Malformed as error:
            raise Malformed(f"{shown(text)}: {error}", line=number) from error
        yield Trusted(shown(text), url, listed, refers, Source(artifact.name, shown(line), number))


def trusting(found: tuple[Trusted, ...], source: Source, *, pages: bool) -> Iterator[ProxyStage]:
    """The stage; ``source`` names the file. The last line that fits decides, and pages may be linked to."""
    rules = []
    for one in reversed(found):
        test = None if one.url.tag else placed(one.url, pages=pages, key=f"{one.text} fits")
        if test is not None:
            rules.append(ProxyRule(test, PASS if one.trusted else DENIED, one.source))
    referring = next((one for one in found if one.refers), None)
    if referring and pages:
        linked = Open("referrer", "it depends on whether a trusted page links to it")
        rules.append(ProxyRule(linked, PASS, referring.source))
    yield ProxyStage("trustfile", tuple(rules), DENIED, source)
