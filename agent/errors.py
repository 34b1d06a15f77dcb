"""What can go wrong, by what the caller can do about it.

::

    GateproofError        one line for a person; the command ends with exit status 2
    ├── UsageError        the command line asks for something that cannot be done: ask differently
    ├── ConfigError       gateproof.toml or a pack is wrong: edit the named file and line
    ├── SnapshotError     a snapshot or a dump cannot be read at all: take it again
    ├── StateError        the state folder cannot be used: mend permissions or space
    ├── Malformed         bytes that are not what they should be; the reader turns them into a Gap
    │   └── Truncated     bytes that end before the message does: more may come
    └── Irregular         a pattern that means something, but nothing that we can decide; a Gap as well
"""

from __future__ import annotations


class GateproofError(Exception):
    """An expected failure; its text is one line that says what to do."""


class UsageError(GateproofError):
    """The command line asks for something that cannot be done."""


class ConfigError(GateproofError):
    """A configuration file or a pack is wrong; the text names file and place."""


class SnapshotError(GateproofError):
    """A snapshot or a dump cannot be read at all."""


class StateError(GateproofError):
    """The state folder cannot be used."""


class Malformed(GateproofError):  # noqa: N818 - the decoders' word for it, as in h11 and dnspython
    """Input that does not follow its grammar; ``line`` counts from 1 where there are lines."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Truncated(Malformed):
    """Bytes that end before the message does."""


class Irregular(GateproofError):  # noqa: N818 - likewise
    """A pattern of names that is no regular language, is not supported, or is too large; the text says which."""
