"""URL patterns (``create_pattern_spec`` in urlmatch.c): host, ports and path, or a tag."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import Final

from agent.errors import Irregular
from agent.model.intervals import Intervals
from agent.model.proxy import ALWAYS, AllOf, Ports, Test
from agent.model.record import record
from agent.model.regular import Dialect, Pattern, pattern
from agent.proxies.privoxy.globs import REGULAR, read
from agent.proxies.privoxy.lines import atoi

HIGHEST: Final = 65535


class Tag(StrEnum):
    """Patterns that are compared with what taggers say of a request, not with URLs."""

    NONE = ""
    REQUEST = "TAG:"
    NO_REQUEST = "NO-REQUEST-TAG:"
    NO_RESPONSE = "NO-RESPONSE-TAG:"
    CLIENT = "CLIENT-TAG:"


class Fit(StrEnum):
    """Whether a path fits."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@record
class UrlPattern:
    """One pattern."""

    place: Test
    """Which names and ports it is about."""
    at_root: Fit = Fit.ALL
    """Whether the path ``/`` fits, which is what a tunnel has."""
    anywhere: Fit | Pattern = Fit.ALL
    """Whether paths that begin with ``/`` fit, or which do."""
    tag: Tag = Tag.NONE

    def path(self, *, pages: bool) -> Fit:
        """Whether the path of a page fits, or of a tunnel."""
        if not pages:
            return self.at_root
        return self.anywhere if isinstance(self.anywhere, Fit) else _begun(self.anywhere)


def url_pattern(text: str) -> UrlPattern:
    """Read one; raises Malformed where Privoxy would refuse it."""
    for tag in (Tag.REQUEST, Tag.NO_REQUEST, Tag.NO_RESPONSE, Tag.CLIENT):
        if text.upper().startswith(tag):
            return UrlPattern(ALWAYS, tag=tag)
    regular = text[: len(REGULAR)] if text.upper().startswith(REGULAR) else ""
    before, slash, behind = text[len(regular) :].partition("/")
    if before.startswith("<") and ">" in before:
        host, _, ports = before[1:].partition(">")
        colon = ports.startswith(":")
        ports = ports[1:]
    else:
        host, found, ports = before.partition(":")
        colon = bool(found)
    tests = [read(regular + host)] if host else []
    if colon:
        tests.append(Ports(port_list(ports)))
    return UrlPattern(AllOf(tuple(tests)), *_path(slash + behind))


@cache
def _begun(fits: Pattern) -> Fit:
    """Whether whatever begins with the root fits; most patterns are about names that nobody asks for."""
    return {True: Fit.ALL, False: Fit.NONE, None: Fit.SOME}[fits.begun("/")]


def _path(text: str) -> tuple[Fit, Fit | Pattern]:
    """Whether the root fits, and whatever begins with it."""
    if len(text) < 2:
        return Fit.ALL, Fit.ALL
    try:
        fits = pattern(f"^{text}", Dialect.PCRE, ignore_case=True)
    except Irregular:
        return _by_python(text), Fit.SOME
    return (Fit.ALL if "/" in fits else Fit.NONE), fits


def _by_python(text: str) -> Fit:
    """Whether the root fits what looks around itself; one character is read alike by all who understand it."""
    with warnings.catch_warnings(), suppress(re.error):
        warnings.simplefilter("ignore")  # about sets in sets, which another language has
        return Fit.ALL if re.match(text, "/", re.IGNORECASE) else Fit.NONE
    return Fit.SOME


def port_list(text: str) -> Intervals:
    """The ports of ``80,8000-8100,9000-`` (``match_portlist``); numbers are what atoi makes of them."""
    found = []
    for one in text.split(","):
        low, dash, high = one.partition("-")
        found.append((atoi(low), atoi(high) or HIGHEST) if dash else (atoi(low), atoi(low)))
    return Intervals.of((low, min(high, HIGHEST)) for low, high in found)
