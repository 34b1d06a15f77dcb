"""Evidence on disk, ``evidence.json``, read as if anybody might have written it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import ConfigError, StateError
from agent.model.evidence import EVIDENCE, Observed
from agent.strict import Document, validate

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "evidence.json"
LARGEST: Final = 64 << 20
"""Bytes; more than the limits of what is kept amount to."""


def parsed(data: bytes, where: str) -> Observed:
    """Evidence from a document; raises StateError with one line that names the place."""
    if len(data) > LARGEST:
        raise StateError(f"{where}: larger than {LARGEST >> 20} MiB; it cannot be evidence of gateproof's")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StateError(
            f"{where}: no evidence of gateproof's: {error}; take it away, and it is gathered anew"
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise StateError(f"{where}: no evidence of gateproof's; it must begin with its schema, {EVIDENCE}")
    if document["schema"] != EVIDENCE:
        raise StateError(f"{where}: written by another version ({document['schema'][:60]}); use that, or another file")
    try:
        return validate(Observed, Document(where, document))
    except ConfigError as error:
        raise StateError(" ".join(str(error).split())) from error  # a key may have lines of its own


def load(path: Path) -> Observed:
    """Evidence of a file; raises StateError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    return parsed(data, str(path))


def recovered(path: Path) -> Observed | None:
    """The same where there is such a file, None where not; what is damaged is moved aside, and that is said."""
    if not path.exists():
        return None
    try:
        return load(path)
    except StateError as error:
        aside = path.with_name(f"{path.name}.broken")
        with suppress(OSError):
            path.replace(aside)
        sys.stderr.write(f"gateproof: {error}; moved to {aside.name}\n")
        return None
