"""Finds rules by looking and runs them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

from agent.practice.rule import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "rules.practices"


def find_rules(package: str = PACKAGE) -> tuple[tuple[Rule, str], ...]:
    """Every ``RULE`` of a package with its manual page (the module's docstring), by id."""
    found = []
    for module_info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{module_info.name}")
        rule = getattr(module, "RULE", None)
        if isinstance(rule, Rule):
            found.append((rule, inspect.getdoc(module) or rule.title))
    return tuple(sorted(found, key=lambda pair: pair[0].id))


def run(case: Case, rules: tuple[tuple[Rule, str], ...]) -> Iterator[tuple[Rule, str, Hit]]:
    """Run every rule over a case."""
    for rule, manual in rules:
        for hit in rule.find(case):
            yield rule, manual, hit
