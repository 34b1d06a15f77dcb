"""The confusion matrix of inference, at the end of the output."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How often each truth was told as what, of the tests that recorded both."""
    found: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            said = dict(report.user_properties)
            if "truth" in said and "live" in said:
                for stage, fate in said["truth"].items():
                    for one in said["live"].get(stage, ["nothing"]):
                        found[fate, one] += 1
    if found:
        terminalreporter.section("what became of names, and what was said of it")
        width = max(len(fate) for fate, _ in found)
        for (fate, one), count in sorted(found.items()):
            mark = "" if fate == one else "   <-- not the same"
            terminalreporter.write_line(f"{fate:<{width}}  {one:<{width}}  {count:>3}{mark}")
