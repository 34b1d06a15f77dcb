"""A cursor over the letters of an expression, and the choice between its ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Irregular
from agent.model.regular.syntax import MAX_DEPTH, either

if TYPE_CHECKING:
    from agent.model.regular.syntax import Node


class Letters:
    """What the grammars have in common in which ``|`` stands between ways wherever it stands alone."""

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._at = 0

    def _next(self, ahead: int = 0) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def _alternatives(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Irregular("too large: too many groups inside of each other")
        ways = [self._branch(depth)]
        while self._next() == "|":
            self._at += 1
            ways.append(self._branch(depth))
        return either(ways)

    def _branch(self, depth: int) -> Node:
        """One way, up to the ``|`` or the end behind it."""
        raise NotImplementedError
