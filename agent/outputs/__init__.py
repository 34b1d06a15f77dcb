"""What a report looks like: one module or package for each format, found by looking.

Each has ``render(report, screen)``; one that can show the road of a domain has ``explain(roads, screen)`` too, and one
that can show findings without their report has ``export(findings)``.
``screen`` is None unless a person is looking at a terminal; only formats for people care.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final, cast

from agent.errors import UsageError
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    from agent.model.explanation import Explanation
    from agent.model.report import Finding, Report


FOR_PEOPLE: Final = frozenset({"html", "text"})


@record
class Screen:
    """A terminal: its width in columns, and whether it may show colours."""

    width: int
    colour: bool = True


def formats() -> list[str]:
    """Names of all formats; the module ``json_`` is named so because of the standard library's."""
    return sorted(info.name.rstrip("_") for info in pkgutil.iter_modules(__path__))


def exporters() -> list[str]:
    """Names of the formats that findings can be exported in."""
    return [name for name in formats() if name not in FOR_PEOPLE]


def renderer(name: str) -> Callable[[Report, Screen | None], bytes]:
    """The function that renders a report in one format; raises UsageError."""
    return cast("Callable[[Report, Screen | None], bytes]", _function(name, "render"))


def explainer(name: str) -> Callable[[Sequence[Explanation], Screen | None], bytes]:
    """The function that renders the roads of one domain in one format; raises UsageError."""
    return cast("Callable[[Sequence[Explanation], Screen | None], bytes]", _function(name, "explain"))


def exporter(name: str) -> Callable[[Iterable[Finding]], Iterator[bytes]]:
    """The function that gives findings in one format, in chunks that are asked for as they are wanted.

    Raises UsageError. Each chunk of a format of lines is a line (of CSV: a record), so that thousands of findings need
    never be in memory together.
    """
    return cast("Callable[[Iterable[Finding]], Iterator[bytes]]", _function(name, "export"))


def _function(name: str, what: str) -> object:
    if name in formats() and (found := getattr(_module(name), what, None)) is not None:
        return found
    known = [one for one in formats() if hasattr(_module(one), what)]
    raise UsageError(f"no format {name!r} for this; there are: {', '.join(known)}")


def _module(name: str) -> ModuleType:
    modules = {info.name.rstrip("_"): info.name for info in pkgutil.iter_modules(__path__)}
    return importlib.import_module(f"{__name__}.{modules[name]}")
