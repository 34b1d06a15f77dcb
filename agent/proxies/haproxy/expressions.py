"""Sample expressions, ``fetch(arguments),converter(arguments)``, and texts with ``%[...]`` in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

ESCAPED: Final = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\", "'": "'", '"': '"', " ": " "}


@record
class Call:
    """A fetch or a converter with its arguments."""

    name: str
    arguments: tuple[str, ...] = ()


@record
class Expression:
    """A fetch, and converters in order."""

    fetch: Call
    converters: tuple[Call, ...] = ()


def expression(text: str) -> tuple[Expression, int]:
    """Read an expression at the beginning of a text, and say where it ends; raises Malformed."""
    calls: list[Call] = []
    at = 0
    while True:
        end = at
        while end < len(text) and text[end] not in "(,]) ":
            end += 1
        name = text[at:end]
        if not name:
            raise Malformed(f"an expression has no name: {text[:80]}")
        arguments: tuple[str, ...] = ()
        if text[end : end + 1] == "(":
            arguments, end = _arguments(text, end + 1)
        calls.append(Call(name, arguments))
        if text[end : end + 1] != ",":
            return Expression(calls[0], tuple(calls[1:])), end
        at = end + 1


def _arguments(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """What stands in parentheses (``make_arg_list``)."""
    found: list[str] = []
    word: list[str] = []
    quote = ""
    while at < len(text):
        letter = text[at]
        at += 1
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
        elif letter == "\\" and quote != "'" and text[at : at + 1] in ESCAPED and at < len(text):
            word.append(ESCAPED[text[at]])
            at += 1
        elif quote or letter not in ",)":
            word.append(letter)
        else:
            found.append("".join(word))
            word.clear()
            if letter == ")":
                return tuple(found) if found != [""] else (), at
    raise Malformed(f"a parenthesis is not closed: {text[:80]}")


def format_parts(text: str) -> Iterator[str | Expression]:
    """The parts of a log-format text; raises Malformed for variables such as ``%b``."""
    at = 0
    while at < len(text):
        sign = text.find("%", at)
        if sign < 0:
            sign = len(text)
        if sign > at:
            yield text[at:sign]
        at = sign
        if at == len(text):
            return
        if text.startswith("%%", at):
            yield "%"
            at += 2
            continue
        begin = text.find("[", at)
        between = text[at + 1 : begin] if begin >= 0 else "?"
        if between and not (between.startswith("{") and between.endswith("}")):
            raise Malformed(f"{text[at : at + 10]} is a variable of log formats")
        found, end = expression(text[begin + 1 :].lstrip())
        at = text.find("]", begin + 1 + end) + 1
        if not at:
            raise Malformed(f"a bracket is not closed: {text[:80]}")
        yield found
