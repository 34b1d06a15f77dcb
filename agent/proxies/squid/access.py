"""Access lists: lines of an action and elements, of which the first that fits decides (``Acl::Tree``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, NEVER
from agent.model.record import record
from agent.proxies.squid.logic import all_of, any_of, none_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.squid.elements import Elements
    from agent.proxies.squid.lines import Line
    from agent.proxies.squid.moments import Moment


ACTIONS: Final = ("allow", "deny")
NAMED: Final = frozenset({"adaptation_access", "cache_peer_access", "reply_header_access", "request_header_access"})
"""Lists for something that their first word names."""
LISTS: Final = NAMED | {
    "adapted_http_access", "always_direct", "http_access", "http_reply_access", "miss_access", "never_direct",
    "ssl_bump", "url_rewrite_access",
}  # fmt: skip


@record
class Rule:
    """One line."""

    action: str
    elements: tuple[str, ...]
    source: Source

    @property
    def allows(self) -> bool:
        """Whether it is an ``allow``."""
        return self.action == "allow"

    def test(self, elements: Elements, moment: Moment) -> Test:
        """When it fits."""
        return all_of(elements.test(name, moment) for name in self.elements)


def rules(lines: Iterable[Line], actions: Iterable[str] = ACTIONS, skip: int = 0) -> tuple[Rule, ...]:
    """The rules of some lines, from the word after ``skip`` on; lines that Squid skips are left out."""
    return tuple(_rules(lines, frozenset(actions), skip))


def _rules(lines: Iterable[Line], actions: frozenset[str], skip: int) -> Iterator[Rule]:
    for line in lines:
        try:
            words = line.texts()[skip:]
        except Malformed:
            continue  # said where all lines are looked at
        if len(words) > 1 and words[0] in actions:
            yield Rule(words[0], words[1:], line.source)


def of_line(line: Line) -> tuple[Rule, ...]:
    """The rule of one line of whatever list."""
    return rules((line,), (*ACTIONS, line.first), skip=int(line.name in NAMED))


def decided(found: Iterable[Rule], elements: Elements, moment: Moment) -> Iterator[tuple[Test, Rule]]:
    """The rules that may fit, or at which the list may end, up to one that always does."""
    for rule in found:
        test = rule.test(elements, moment)
        if test != NEVER or elements.ended(rule, moment) != NEVER:
            yield test, rule
        if test == ALWAYS:
            return


def allowed(found: tuple[Rule, ...], elements: Elements, moment: Moment) -> Test:
    """When a list allows; what no line fits gets the opposite of the last."""
    test: Test = NEVER if not found or found[-1].allows else ALWAYS
    for fits, rule in reversed(tuple(decided(found, elements, moment))):
        test = any_of((fits, test)) if rule.allows else all_of((none_of(fits), test))
        test = all_of((none_of(elements.ended(rule, moment)), test))
    return test
