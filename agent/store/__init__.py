"""Findings over time: which are new, which changed, which are gone."""

from __future__ import annotations

from agent.store.lifecycle import CHANGES, Event
from agent.store.reading import Reader
from agent.store.retention import Retention
from agent.store.store import Store

__all__ = ["CHANGES", "Event", "Reader", "Retention", "Store"]
