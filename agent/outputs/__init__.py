"""What a report looks like: one module or package for each format, found by looking.

Each has ``render(report, screen)``; one that can show the road of a domain has ``explain(roads, screen)`` too.
``screen`` is None unless a person is looking at a terminal; only formats for people care.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, cast

from agent.errors import UsageError
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.model.explanation import Explanation
    from agent.model.report import Report


@record
class Screen:
    """A terminal: its width in columns, and whether it may show colours."""

    width: int
    colour: bool = True


def formats() -> list[str]:
    """Names of all formats; the module ``json_`` is named so because of the standard library's."""
    return sorted(info.name.rstrip("_") for info in pkgutil.iter_modules(__path__))


def renderer(name: str) -> Callable[[Report, Screen | None], bytes]:
    """The function that renders a report in one format; raises UsageError."""
    return cast("Callable[[Report, Screen | None], bytes]", _function(name, "render"))


def explainer(name: str) -> Callable[[Sequence[Explanation], Screen | None], bytes]:
    """The function that renders the roads of one domain in one format; raises UsageError."""
    return cast("Callable[[Sequence[Explanation], Screen | None], bytes]", _function(name, "explain"))


def _function(name: str, what: str) -> object:
    for info in pkgutil.iter_modules(__path__):
        if info.name.rstrip("_") == name:
            module = importlib.import_module(f"{__name__}.{info.name}")
            if (found := getattr(module, what, None)) is not None:
                return found
    raise UsageError(f"no format {name!r} for this; there are: {', '.join(formats())}")
