"""Patterns of names as regular languages: what a filter's regular expression does to all names, not to some of them.

::

    text ── posix | tre | perl | shell ──▶ syntax ── automaton ──▶ Pattern ── hosts, split ──▶ names told apart
"""

from agent.model.regular.pattern import Dialect, Pattern, pattern

__all__ = ["Dialect", "Pattern", "pattern"]
