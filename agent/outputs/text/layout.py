"""Lines of styled text: wrapped to a width, side by side, and then plain or painted.

The same layout serves a pipe and a terminal, so what is tested is what is seen. rich is loaded for a
terminal with colours only.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.outputs import Screen

Span = tuple[str, str]
"""Text and its style, in rich's words; ``""`` is none."""
Line = tuple[Span, ...]

PLAIN_WIDTH: Final = 120
"""Columns where nobody's terminal says otherwise."""
NARROWEST: Final = 60
BLANK: Final[Line] = ()
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Text that cannot move the cursor: line ends become spaces, other control characters are spelt out.

    Rules and their comments are foreign text, and may hold terminal escape sequences.
    """
    return CONTROL.sub(lambda one: " " if one[0] in "\t\r\n" else f"\\x{ord(one[0]):02x}", text)


def shorten(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters, with an ellipsis where some are left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def width_of(screen: Screen | None) -> int:
    """Columns to fill."""
    return max(NARROWEST, screen.width) if screen else PLAIN_WIDTH


def wrap(text: str, width: int) -> list[str]:
    """Words in lines of at most ``width`` columns; a longer word stays whole, so that it can be copied."""
    return textwrap.wrap(clean(text), max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]


def prose(text: str, width: int, start: Sequence[Span] = (), style: str = "") -> list[Line]:
    """Wrapped text after ``start``, further lines indented as far as ``start`` reaches."""
    used = sum(len(span) for span, _ in start)
    first, *rest = wrap(text, width - used)
    return [(*start, (first, style)), *(((" " * used, ""), (line, style)) for line in rest)]


def columns(parts: Iterable[tuple[str, int, str]]) -> Line:
    """Texts padded to widths, two spaces between them; each part is text, width, style."""
    return tuple(span for text, width, style in parts for span in ((text, style), (" " * (width - len(text) + 2), "")))


def finish(lines: Iterable[Line], screen: Screen | None) -> bytes:
    """UTF-8: painted for a screen with colours, else plain; no spaces at line ends."""
    if screen is not None and screen.colour:
        return _painted(lines, screen)
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines).encode(errors="replace")


def _painted(lines: Iterable[Line], screen: Screen) -> bytes:
    from rich.console import Console  # noqa: PLC0415 - 60 ms that only a person at a terminal should pay for
    from rich.text import Text  # noqa: PLC0415 - likewise

    console = Console(width=screen.width, force_terminal=True, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for line in lines:
            text = Text.assemble(*line)
            text.rstrip()
            console.print(text, soft_wrap=True)
    return capture.get().encode(errors="replace")
