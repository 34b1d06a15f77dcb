"""``set``, ``if``, ``return``, ``rewrite``, ``break``, in the order in which they stand (ngx_http_rewrite_module)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, DENIED, DROPPED, NEVER, Act, Open, ProxyRule, Ruling
from agent.proxies.nginx.access import nearest
from agent.proxies.variables.logic import every, opposite
from agent.proxies.variables.texts import How, Literal, regex
from agent.proxies.variables.values import Cases, Const, Page, Unknown, first, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.proxy import Test
    from agent.proxies.nginx.flow import Flow
    from agent.proxies.nginx.syntax import Directive
    from agent.proxies.variables.values import Value

CODE: Final = frozenset({"set", "if", "return", "rewrite", "break"})
ELSEWHERE: Final = ("http://", "https://", "$scheme")
"""Beginnings of replacements that send the client elsewhere."""


class Rewriting:
    """Runs the directives of one level. ``rules`` grow, and the flow's variables change."""

    def __init__(self, levels: Sequence[Directive], flow: Flow) -> None:
        self._levels = levels
        self._flow = flow
        self._broken: list[Test] = []
        self.rules: list[ProxyRule] = []
        self.passes: list[tuple[Test, Directive]] = []
        """Blocks of ``if`` that stand for the location where they hold: the last one that does."""

    def run(self, directives: Sequence[Directive], when: Test = ALWAYS) -> None:
        """Run directives that hold at times."""
        for one in directives:
            guard = every((when, *(opposite(test) for test in self._broken)))
            if one.name not in CODE or guard == NEVER:
                continue
            match one.name:
                case "set":
                    name, value = one[0].lstrip("$"), self._flow.text(one[1])
                    new = value if guard == ALWAYS else Cases(((guard, value),), self._flow.value(name))
                    self._flow.assign({name: new})
                case "break":
                    self._broken.append(guard)
                case "return":
                    self._end(guard, self._returned(one), one)
                case "rewrite":
                    self._rewrite(one, guard)
                case "if":
                    test = every((guard, self._condition(one)))
                    self.passes.append((test, one))
                    self.run(one.block or (), test)

    def _end(self, when: Test, ruling: Ruling, line: Directive) -> None:
        self.rules.append(ProxyRule(when, ruling, line.source))
        self._broken.append(when)

    def _returned(self, line: Directive) -> Ruling:
        if line[0] == "444":
            return DROPPED
        for page in nearest(self._levels, "error_page"):
            if line[0] in page.words[:-1] and (
                page.words[-1].startswith("@") or any(word.startswith("=") for word in page.words)
            ):
                return Ruling(Act.OPEN, f"error_page sends {line[0]} elsewhere")
        return DENIED

    def _rewrite(self, line: Directive, when: Test) -> None:
        try:
            test = every((when, fits(Page("/"), (regex(line[0], fold=False),))))
        except Malformed as error:
            test = Open(f"{line.source}", str(error))
        flag = line[2]
        if line[1].startswith(ELSEWHERE) or flag in ("redirect", "permanent"):
            self._end(test, DENIED, line)
        elif flag == "break":
            self._broken.append(test)
        elif test != NEVER:
            self._end(test, Ruling(Act.OPEN, "the request is sent to another location"), line)

    def _condition(self, line: Directive) -> Test:
        words = list(line.words) or [""]
        words[0] = words[0].removeprefix("(")
        words[-1] = words[-1].removesuffix(")")
        words = [word for at, word in enumerate(words) if word or 0 < at < len(words) - 1]
        value = self._flow.text(words[0]) if words else Const("")
        match words[1:]:
            case [] if words and words[0].startswith("$"):
                return _true(value)
            case ["=" | "!=" as sign, word]:
                return _signed(sign, _equal(value, self._flow.text(word)))
            case ["~" | "~*" | "!~" | "!~*" as sign, word]:
                try:
                    return _signed(sign, fits(value, (regex(word, fold=sign.endswith("*")),)))
                except Malformed as error:
                    return Open(f"{line.source}", str(error))
        return Open(f"{line.source}", "the condition depends on more than the configuration")


def _signed(sign: str, test: Test) -> Test:
    return opposite(test) if sign.startswith("!") else test


def _equal(value: Value, other: Value) -> Test:
    if isinstance(other, Const):
        return fits(value, (Literal(How.WHOLE, other.text),))
    return Open(f"{value} = {other}", "two texts that depend on the request are compared")


def _true(value: Value) -> Test:
    """Neither empty nor ``0``."""
    match value:
        case Cases(cases, otherwise):
            return first((*((test, _true(one)) for test, one in cases), (ALWAYS, _true(otherwise))))
        case Const(text):
            return NEVER if text in ("", "0") else ALWAYS
        case Unknown(key, because):
            return Open(f"true {key}", because)
    return ALWAYS
