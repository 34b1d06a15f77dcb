"""Patterns of the shell: ``fnmatch`` of glibc, and plain wildcards."""

from __future__ import annotations

from agent.errors import Irregular
from agent.model.regular.syntax import (
    ANY,
    BEGIN,
    CLASSES,
    END,
    Chars,
    Node,
    Repeat,
    Seq,
    between,
    both_cases,
    mask_of,
)

_EVERYTHING = Repeat(Chars(ANY), 0, None)


def parse_wildcards(text: str, *, ignore_case: bool) -> Node:
    """``*`` for any text, dots too, and ``?`` for any character; it must fit the whole of a name."""
    return Seq((BEGIN, *(_wildcard(char) or _single(char, ignore_case=ignore_case) for char in text), END))


def _single(char: str, *, ignore_case: bool) -> Node:
    return Chars(both_cases(mask_of(char)) if ignore_case else mask_of(char))


def _wildcard(char: str) -> Node | None:
    match char:
        case "*":
            return _EVERYTHING
        case "?":
            return Chars(ANY)
    return None


def parse_fnmatch(text: str, *, ignore_case: bool) -> Node:
    """Give the tree of a pattern as ``fnmatch(pattern, name, 0)`` of glibc reads it (``posix/fnmatch_loop.c``)."""
    parts: list[Node] = [BEGIN]
    at = 0
    while at < len(text):
        char = text[at]
        if char == "[" and (found := _bracket(text, at + 1, ignore_case=ignore_case)):
            mask, at = found
            parts.append(Chars(mask))
            continue
        at += 1
        wild = _wildcard(char)
        if char == "\\":
            if at == len(text):
                return Chars(0)  # nothing fits a backslash at the end
            char = text[at]
            at += 1
        parts.append(wild or _single(char, ignore_case=ignore_case))
    return Seq((*parts, END))


def _bracket(text: str, at: int, *, ignore_case: bool) -> tuple[int, int] | None:
    """The characters of a bracket expression and where it ends; None where it does not end: ``[`` is itself then."""
    negated = text[at : at + 1] in ("!", "^") and at < len(text)
    at += negated
    start = at
    classes = found = 0
    while at < len(text):
        if text[at] == "]" and at > start:
            found = classes | (_folded(found) if ignore_case else found)
            return (ANY & ~found if negated else found), at + 1
        if text.startswith("[:", at) and (end := text.find(":]", at + 2)) > 0 and text[at + 2 : end].isalpha():
            if text[at + 2 : end] not in CLASSES:
                raise Irregular(f"not supported: the class [:{text[at + 2 : end]}:]")
            classes |= CLASSES[text[at + 2 : end]]
            at = end + 2
            continue
        if text.startswith("[=", at) and text.startswith("=]", at + 3):
            classes |= mask_of(text[at + 2])  # case matters here
            at += 5
            continue
        first, at = _character(text, at, ignore_case=ignore_case)
        last = first
        if text[at:] == "-":
            raise Irregular("not supported: a range without an end")
        if text.startswith("-", at) and text[at + 1 : at + 2] not in ("", "]"):
            last, at = _character(text, at + 1, ignore_case=ignore_case)
        if first <= last:
            found |= between(first, last)
    return None


def _folded(mask: int) -> int:
    """The characters whose small letters are in a set: pattern and text are both made small."""
    lower = mask & CLASSES["lower"]
    return mask & ~CLASSES["upper"] | lower >> 32


def _character(text: str, at: int, *, ignore_case: bool) -> tuple[str, int]:
    """One character, also with a backslash or as ``[.-.]``, and what follows it."""
    if text.startswith("[.", at):
        if not text.startswith(".]", at + 3):
            raise Irregular("not supported: [. with more than a character")
        char, at = text[at + 2], at + 4
    elif text[at] == "\\" and at + 1 < len(text):
        at += 1
        char = text[at]
    else:
        char = text[at]
    return (char.lower() if ignore_case else char), at + 1
