"""What documents must keep to, noted on plain dataclasses; pydantic reads the notes when it checks one.

So a class can be used without loading pydantic, which takes longer than an audit of a thousand rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

STRICT: Final = {"extra": "forbid", "strict": True}
"""The configuration of documents that people write: no unknown key, and no type is converted."""
CLOSED: Final = {"extra": "forbid"}
"""The configuration of documents that gateproof writes and reads back."""


class Limits:
    """Limits in the words of pydantic's core schemas: ``min_length``, ``max_length``, ``pattern``, ``ge``, ``le``."""

    def __init__(self, **limits: float | str) -> None:
        self._limits = limits

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> Any:
        """Put the limits on the schema of the annotated type."""
        return {**handler(source), **self._limits}


class Checked:
    """A check of a value that has the right type; it raises ValueError, or gives what is kept."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the type."""
        from pydantic_core.core_schema import no_info_after_validator_function  # noqa: PLC0415 - only where it checks

        return no_info_after_validator_function(self._check, handler(source))


class Written:
    """A value that documents write as text in a form of its own."""

    def __init__(self, read: Callable[[Any], Any], write: Callable[[Any], str], schema: Mapping[str, Any]) -> None:
        self._read = read
        self._write = write
        self._schema = schema

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and write by our own functions."""
        from pydantic_core import core_schema  # noqa: PLC0415 - only where it checks

        writing = core_schema.plain_serializer_function_ser_schema(self._write)
        return core_schema.no_info_plain_validator_function(self._read, serialization=writing)

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Say how it is written."""
        return dict(self._schema)
