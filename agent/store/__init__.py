"""Findings over time: which are new, which changed, which are gone."""

from __future__ import annotations

from agent.store.files import Store
from agent.store.lifecycle import Event, State, fold

__all__ = ["Event", "State", "Store", "fold"]
