"""Regular expressions of squid.conf (``regcomp`` with REG_EXTENDED) as tests."""

from __future__ import annotations

import re
from functools import lru_cache
from string import hexdigits
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.intervals import Intervals
from agent.model.proxy import ALWAYS, NEVER, Agents, Names, Open, Ports
from agent.model.record import record
from agent.model.regular import Dialect, Pattern, pattern
from agent.model.regular.syntax import Chars, Either, Repeat, Seq, Spot, mask_of
from agent.proxies.squid.logic import all_of, any_of, none_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.model.proxy import Test
    from agent.model.regular.syntax import Node
    from agent.proxies.squid.acls import Value

_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9 /;:_-]|\\[.()+])+")
"""Patterns that are found as they stand."""
_ADDRESS: Final = mask_of(hexdigits + ".:/[]")
"""The characters of addresses of both families, and of what stands around them in a URL."""
_END: Final = re.compile(r"\$|\\[<>bB`']")
"""What depends on the characters that follow."""


@lru_cache(maxsize=4096)
def compiled(text: str, *, ignore_case: bool, before: str = "", after: str = "") -> Pattern:
    """Read a pattern; raises Malformed where Squid leaves it out, Irregular where we cannot follow it."""
    return pattern(text, Dialect.POSIX_EXTENDED, ignore_case=ignore_case, before=before, after=after)


def _each(values: Iterable[Value], test: Callable[[Value], Test]) -> Test:
    """One of some patterns fits; those that Squid cannot compile are none."""

    def tests() -> Iterable[Test]:
        for value in values:
            try:
                yield test(value)
            except Malformed:
                continue  # "Skipping regular expression. Compile failed"
            except Irregular as error:
                yield Open(f"pattern {value.text} {value.ignore_case}", f"the pattern {value.text}: {error}")

    return any_of(tests())


def of_names(values: Iterable[Value], *, hello: bool, before: str = "", after: str = "") -> Test:
    """One of some patterns fits the name, with what stands around it."""
    return _each(
        values,
        lambda one: Names((compiled(one.text, ignore_case=one.ignore_case, before=before, after=after),), hello),
    )


def of_authority(values: Iterable[Value], *, hello: bool) -> Test:
    """One of some patterns fits ``name:port``, as URLs of tunnels are written."""
    found = tuple(values)
    secure = Ports(Intervals.single(443))
    other = Open(f"pattern of another port {found}", "the URL is compared for port 443 alone")
    return any_of((
        all_of((secure, of_names(found, hello=hello, after=":443"))),
        all_of((none_of(secure), other)),
    ))  # fmt: skip


def of_url(values: Iterable[Value], scheme: str, port: int, *, hello: bool, own: int | None = None) -> Test:
    """One of some patterns fits ``scheme://name/`` with whatever path.

    ``port`` is the usual one, ``own`` that to which Squid sets all URLs, whatever the client says.
    """
    before = f"{scheme}://"
    after = "/" if own in (None, port) else f":{own}/"

    def test(value: Value) -> Test:
        pattern = compiled(value.text, ignore_case=value.ignore_case)
        begun = pattern.begun(before) if "^" in value.text else None  # that takes its time
        if begun is not None:
            return ALWAYS if begun else NEVER
        because = f"the pattern {value.text} is compared with the path of the URL as well"
        open_path = Open(f"path of {value.text} {value.ignore_case}", because)
        if _END.search(value.text):
            return open_path
        with_path = compiled(value.text, ignore_case=value.ignore_case, before=before, after=after)
        return any_of((Names((with_path,), hello), open_path))

    found = tuple(values)
    if own is not None:
        return _each(found, test)
    usual = Ports(Intervals.single(port))
    other = Open(f"URL of another port {found}", f"the URL is compared for port {port} alone")
    return any_of((all_of((usual, _each(found, test))), all_of((none_of(usual), other))))


def of_text(values: Iterable[Value], text: str) -> Test:
    """One of some patterns fits a text that is known."""
    return _each(values, lambda one: ALWAYS if text in compiled(one.text, ignore_case=one.ignore_case) else NEVER)


def of_address(values: Iterable[Value], key: str, because: str) -> Test:
    """One of some patterns fits a text with the server's address, which is not known: open unless none can."""

    def test(value: Value) -> Test:
        return Open(key, because) if _can(compiled(value.text, ignore_case=value.ignore_case).tree) else NEVER

    return _each(values, test)


def _can(node: Node) -> bool:
    """Whether something of these characters may fit; that places may not fit is left aside."""
    match node:
        case Chars():
            return bool(node.mask & _ADDRESS)
        case Seq():
            return all(_can(part) for part in node.parts)
        case Either():
            return any(_can(way) for way in node.ways)
        case Repeat():
            return node.low == 0 or _can(node.body)
        case Spot():
            return True


@record
class Literal:
    """The texts that some characters are in."""

    text: str
    ignore_case: bool

    def __contains__(self, text: str) -> bool:
        """Whether a text has them."""
        return self.text.lower() in text.lower() if self.ignore_case else self.text in text

    def begun(self, text: str) -> bool | None:
        """Whether all texts that begin so have them."""
        return True if text in self else None


def of_agents(values: Iterable[Value]) -> Test:
    """One of some patterns fits the User-Agent."""

    def test(value: Value) -> Test:
        if value.text in (".", ".*"):
            return ALWAYS
        if not _PLAIN.fullmatch(value.text):
            return Open(f"agent {value.text} {value.ignore_case}", f"the pattern {value.text} is not followed")
        return Agents((Literal(value.text.replace("\\", ""), value.ignore_case),))

    return _each(values, test)
