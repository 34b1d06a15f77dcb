"""Conditions of ``.if`` and ``.elif`` (``cfg_eval_condition`` in cfgcond.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = (2, 6, 12)
"""What version this is read for."""
MAX_DEPTH: Final = 50
OWN: Final = frozenset({"HAPROXY_MWORKER", "HAPROXY_MASTER_CLI"})
"""Variables that are not there where the program does not set them; of others nobody knows."""
_TOKEN: Final = re.compile(r"\s*(&&|\|\||!|\(|\)|\d+|([a-z_]+)\(([^()]*)\))")


class _Condition:
    """A recursive descent: ``||`` of ``&&`` of terms."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._text = text.strip()
        self._at = 0
        self._environment = environment

    def value(self) -> bool:
        found = self._either(0)
        if self._at != len(self._text):
            raise Malformed(f"condition not understood: {self._text[self._at :]}")
        return found

    def _either(self, depth: int) -> bool:
        found = self._both(depth)
        while self._take("||"):
            found = self._both(depth) or found
        return found

    def _both(self, depth: int) -> bool:
        found = self._term(depth)
        while self._take("&&"):
            found = self._term(depth) and found
        return found

    def _term(self, depth: int) -> bool:
        if depth > MAX_DEPTH:
            raise Malformed("a condition is nested too deeply")
        if self._take("!"):
            return not self._term(depth + 1)
        if self._take("("):
            found = self._either(depth + 1)
            if not self._take(")"):
                raise Malformed("a parenthesis is not closed")
            return found
        token = _TOKEN.match(self._text, self._at)
        if token is None or not (token[2] or token[1].isdecimal()):
            raise Malformed(f"condition not understood: {self._text[self._at :]}")
        self._at = token.end()
        return self._holds(token[2], token[3]) if token[2] else int(token[1]) != 0

    def _take(self, what: str) -> bool:
        token = _TOKEN.match(self._text, self._at)
        if token is None or token[1] != what:
            return False
        self._at = token.end()
        return True

    def _holds(self, name: str, argument: str) -> bool:
        words = [word.strip().strip("\"'") for word in argument.split(",")]
        match name, words:
            case "defined", [variable] if variable in self._environment or variable in OWN:
                return variable in self._environment
            case (("streq" | "strneq"), [one, other]):
                return (one == other) == (name == "streq")
            case (("version_atleast" | "version_before"), [version]) if re.fullmatch(r"\d+(\.\d+)*", version):
                asked = tuple(int(part) for part in version.split("."))
                return (asked <= VERSION) == (name == "version_atleast")
        raise Malformed(f"{name}({argument}) is not known here")


def holds(condition: str, environment: Mapping[str, str]) -> bool:
    """Whether a condition holds; raises Malformed where that is not known."""
    return bool(condition.strip()) and _Condition(condition, environment).value()
