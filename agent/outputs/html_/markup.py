"""Elements of HTML: whatever is not markup already is escaped, so that foreign text stays text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from agent.outputs.text.layout import clean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

VOID: Final = frozenset({"meta"})
"""Elements without an end."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def text(words: str) -> Html:
    """Foreign text as markup; markup as it is. Control characters are spelt out."""
    return words if isinstance(words, Html) else Html(escape(clean(words)))


def tag(name: str, /, *content: str, **attributes: str | None) -> Html:
    """An element; an attribute of None is left out, and one that is a word of Python ends in ``_``."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(map(text, content))
    return Html(f"<{name}{told}>" if name in VOID else f"<{name}{told}>{inner}</{name}>")


def together(parts: Iterable[str], between: str = "") -> Html:
    """Parts one after another."""
    return Html(text(between).join(map(text, parts)))


def items(parts: Iterable[str], class_: str | None = None) -> Html:
    """A list with a bullet for each part."""
    return tag("ul", *(tag("li", part) for part in parts), class_=class_)


def moment(at: datetime) -> Html:
    """A time for people and programs, in UTC."""
    return tag("time", f"{at:%Y-%m-%d %H:%M} UTC", datetime=at.isoformat())


def table(caption: str, headings: Iterable[str], *bodies: str, class_: str | None = None) -> Html:
    """A table of ``tbody`` elements with a caption, which scrolls by itself where it is wider than the page."""
    head = tag("thead", tag("tr", *(tag("th", one, scope="col") for one in headings)))
    whole = tag("table", tag("caption", caption), head, *bodies, class_=class_)
    return tag("section", whole, class_="scroll", tabindex="0", aria_label=caption)


def fold(summary: str, *content: str) -> Html:
    """Content that is shown when somebody opens it."""
    return tag("details", tag("summary", summary), *content)
