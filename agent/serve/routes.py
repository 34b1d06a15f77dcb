"""The table of all routes."""

from __future__ import annotations

from typing import Final

from agent.serve import description, documents, events, findings, health, metrics, page
from agent.serve.routing import Table

TABLE: Final = Table(
    (
        *(*findings.ROUTES, *events.ROUTES, *documents.ROUTES, *description.ROUTES),
        *(*metrics.ROUTES, *health.ROUTES, *page.ROUTES),
    )
)
