"""What a report looks like: one module for each format, found by looking for its ``render``."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.report import Report


def formats() -> list[str]:
    """Names of all formats."""
    return sorted(info.name.removesuffix("_") for info in pkgutil.iter_modules(__path__))


def renderer(name: str) -> Callable[[Report], bytes]:
    """The function that renders a report in one format; raises UsageError."""
    if name not in formats():
        raise UsageError(f"no format {name!r}; there are: {', '.join(formats())}")
    module = importlib.import_module(f"{__name__}.{name}_" if name == "json" else f"{__name__}.{name}")
    render: Callable[[Report], bytes] = module.render
    return render
