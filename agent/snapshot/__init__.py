"""Raw answers of a host: what was asked, what came back, and why where nothing did.

A snapshot is a folder or a tar archive: ``manifest.json`` and one file per artifact that was read.
"""

from __future__ import annotations

from agent.snapshot.disk import load, save
from agent.snapshot.snapshot import Artifact, Ask, Command, Files, Processes, Rows, Snapshot, Status, Want

__all__ = ["Artifact", "Ask", "Command", "Files", "Processes", "Rows", "Snapshot", "Status", "Want", "load", "save"]
