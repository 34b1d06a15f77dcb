"""The plain part of Lua that configurations are written in: calls and assignments of values, nothing is evaluated.

Source: the Lua 5.1 reference manual, §2 and §8. What is computed, and whole blocks of control, stay opaque.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact

MAX_DEPTH: Final = 100
"""Values within values."""
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\f\v]+|--(?!\[=*\[)[^\n]*)
    |(?P<line>\n)
    |(?P<long>(?:--)?\[(?P<level>=*)\[.*?\](?P=level)\])
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>\.\.\.|\.\.|[=~<>]=|[-+*/%^\#<>=(){}\[\];:,.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:(\d{1,3})|x([0-9a-fA-F]{2})|z\s*|(.))", re.DOTALL)
_LETTERS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OPENS: Final = frozenset({"function", "if", "do", "repeat"})
"""Words that begin a block; ``for`` and ``while`` have a ``do``."""
_CLOSES: Final = frozenset({"end", "until"})
_CONTROL: Final = frozenset({"if", "for", "while", "repeat", "do", "function", "return", "goto", "break"})
_OPERATORS: Final = frozenset({"+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", ">", "<=", ">=", "and", "or"})
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "nil": None}


@record
class Name:
    """A variable, with its fields: ``policy.DENY``."""

    path: str


@record
class Call:
    """A function that is called; for ``view:addr(x)`` its path is ``view:addr``."""

    function: str
    arguments: tuple[Value, ...]


@record
class Table:
    """``{...}``: values that stand in a row, and those that have a name."""

    row: tuple[Value, ...] = ()
    fields: tuple[tuple[str, Value], ...] = ()

    def get(self, name: str) -> Value:
        """Give the value of a name; None where there is none."""
        return next((value for key, value in reversed(self.fields) if key == name), None)


@record
class Computed:
    """A value that only the program itself could tell."""

    line: int


Value = str | float | bool | Name | Call | Table | Computed | None


@record
class Statement:
    """One statement: a call, or a value and the name that it gets. Blocks of control are Computed."""

    target: str
    """What is assigned to; empty for a call."""
    value: Value
    source: Source
    inner: tuple[str, ...] = ()
    """The functions that are called within it, but for the one that is its value."""


@record
class _Token:
    kind: str
    text: str
    line: int


def statements(artifact: Artifact) -> tuple[Statement, ...]:
    """All statements of a file, in order; raises Malformed with the line where it is no Lua.

    A name that was given a value before stands for that value.
    """
    return tuple(_Reader(artifact).statements())


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    if text.startswith("#"):
        at = len(text.partition("\n")[0])
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Malformed(f"not Lua: {text[at : at + 20]!r}", line=line)
        at = found.end()
        kind = found.lastgroup or ""
        kind = "long" if kind == "level" else kind
        if kind not in ("space", "line") and not found[0].startswith("--"):
            yield _Token(kind, found[0], line)
        line += found[0].count("\n")


def _unquoted(token: _Token) -> str:
    """The characters of a string, one for each byte that an escape stands for."""
    if token.kind == "long":
        return token.text[token.text.index("[", 1) + 1 : -token.text.index("[", 1) - 1].removeprefix("\n")
    return _ESCAPE.sub(_escaped, token.text[1:-1])


def _escaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(min(int(found[1]), 255))
    if found[2]:
        return chr(int(found[2], 16))
    return _LETTERS.get(found[3], found[3]) if found[3] else ""


class _Reader:
    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._lines = artifact.text.split("\n")
        self._end = _Token("end", "", len(self._lines))
        self._rest = _tokens(artifact.text)
        self._next = next(self._rest, self._end)
        self._after = next(self._rest, self._end)
        self._known: dict[str, Value] = {}
        self._called: list[str] = []

    def _go(self) -> None:
        """Go past the next token; only two are held, as lists of names may have a million."""
        self._next = self._after
        self._after = next(self._rest, self._end)

    def _take(self, text: str = "") -> _Token:
        """Give the next token; raises Malformed where it is another or there is none."""
        token = self._next
        if token.kind == "end" or (text and token.text != text):
            raise Malformed(f"{token.text or 'the end'} instead of {text or 'a value'}", line=token.line)
        self._go()
        return token

    def _skip(self, text: str) -> bool:
        """Go past a token if it comes next."""
        if self._next.text == text and self._next.kind in ("sign", "word"):
            self._go()
            return True
        return False

    def statements(self) -> Iterator[Statement]:
        while self._next.kind != "end":
            if self._skip(";"):
                continue
            line = self._next.line
            source = Source(self._artifact.name, self._lines[line - 1].strip(), line)
            if self._next.text in _CONTROL and self._next.kind == "word":
                yield Statement("", self._block(), source)
                continue
            if self._skip("local") and self._next.text == "function":
                yield Statement("", self._block(), source)
                continue
            yield from self._statement(source)

    def _statement(self, source: Source) -> Iterator[Statement]:
        """``f(x)``, ``a.b = x``, ``local a, b = x, y``."""
        self._called = []
        first = self._prefixed(0)
        targets = [first]
        while self._skip(","):
            targets.append(self._prefixed(0))
        if not self._skip("="):
            if len(targets) == 1 and isinstance(first, Call):
                yield Statement("", first, source, self._inner(first))
            elif not all(isinstance(one, Name) for one in targets):
                raise Malformed("a statement is not understood", line=source.line)
            return
        values = [self._value(0)]
        while self._skip(","):
            values.append(self._value(0))
        for at, target in enumerate(targets):
            value = values[at] if at < len(values) else None
            inner = self._inner(value) if not at else ()
            if not isinstance(target, Name):
                yield Statement("", Computed(source.line or 0), source, inner)
                continue
            self._known[target.path] = value
            yield Statement(target.path, value, source, inner)

    def _inner(self, value: Value) -> tuple[str, ...]:
        """What the statement calls but for its value."""
        found = list(self._called)
        if isinstance(value, Call) and value.function in found:
            found.remove(value.function)
        return tuple(found)

    def _block(self) -> Computed:
        """Go past ``if``, ``for``, ``function``... to its end, or past what stands behind ``return``."""
        begin = self._take()
        if begin.text in ("return", "goto", "break"):
            self._rest, self._next, self._after = iter(()), self._end, self._end
            return Computed(begin.line)
        depth = int(begin.text in _OPENS)
        while depth or begin.text in ("for", "while"):
            token = self._take()
            if token.kind != "word":
                continue
            depth += (token.text in _OPENS) - (token.text in _CLOSES)
            if not depth and token.text in _CLOSES:
                break
        return Computed(begin.line)

    def _value(self, depth: int) -> Value:
        """One expression."""
        token = self._next
        if depth > MAX_DEPTH:
            raise Malformed(f"more than {MAX_DEPTH} values within values", line=token.line)
        value: Value
        if token.text in ("not", "#", "-") and token.kind in ("word", "sign"):
            self._go()
            inner = self._value(depth + 1)
            number = token.text == "-" and isinstance(inner, float)
            return -inner if number and isinstance(inner, float) else Computed(token.line)
        if token.kind in ("string", "long"):
            self._go()
            value = _unquoted(token)
        elif token.kind == "number":
            self._go()
            value = float(int(token.text, 16)) if token.text[:2] in ("0x", "0X") else float(token.text)
        elif token.text == "{":
            value = self._table(depth)
        elif token.text == "function":
            value = self._block()
        elif token.text in _CONSTANTS:
            self._go()
            value = _CONSTANTS[token.text]
        elif token.text == "(":
            self._go()
            value = self._value(depth + 1)
            self._take(")")
        else:
            value = self._prefixed(depth)
            if isinstance(value, Name):
                value = self._known.get(value.path, value)
        if self._next.text in _OPERATORS and self._next.kind in ("sign", "word"):
            self._go()
            self._value(depth + 1)
            return Computed(token.line)
        return value

    def _prefixed(self, depth: int) -> Name | Call | Computed:
        """A name, with fields, or what it gives when called."""
        token = self._take()
        if token.kind != "word":
            raise Malformed(f"{token.text} is not understood", line=token.line)
        found: Name | Call | Computed = Name(token.text)
        while True:
            if self._next.text in (".", ":") and self._next.kind == "sign":
                dot = self._take().text
                field = self._take()
                found = Name(f"{found.path}{dot}{field.text}") if isinstance(found, Name) else Computed(token.line)
            elif self._skip("["):
                key = self._value(depth + 1)
                self._take("]")
                plain = isinstance(found, Name) and isinstance(key, str)
                found = Name(f"{found.path}.{key}") if plain and isinstance(found, Name) else Computed(token.line)
            elif self._next.kind in ("string", "long") or self._next.text in ("(", "{"):
                arguments = self._arguments(depth)
                self._called.append(found.path if isinstance(found, Name) else "")
                found = Call(found.path, arguments) if isinstance(found, Name) else Computed(token.line)
            else:
                return found

    def _arguments(self, depth: int) -> tuple[Value, ...]:
        if not self._skip("("):
            return (self._value(depth + 1),)
        found: list[Value] = []
        while not self._skip(")"):
            if found:
                self._take(",")
            found.append(self._value(depth + 1))
        return tuple(found)

    def _table(self, depth: int) -> Table:
        self._take("{")
        row: list[Value] = []
        fields: list[tuple[str, Value]] = []
        while not self._skip("}"):
            if self._next.kind == "word" and self._after.text == "=":
                name = self._take().text
                self._take("=")
                fields.append((name, self._value(depth + 1)))
            elif self._skip("["):
                key = self._value(depth + 1)
                self._take("]")
                self._take("=")
                name = key if isinstance(key, str) else key.path if isinstance(key, Name) else repr(key)
                fields.append((name, self._value(depth + 1)))
            else:
                row.append(self._value(depth + 1))
            if not self._skip(",") and not self._skip(";") and self._next.text != "}":
                raise Malformed("a table is not closed", line=self._next.line)
        return Table(tuple(row), tuple(fields))
