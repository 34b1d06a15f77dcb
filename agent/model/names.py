"""Domain names and the wildcard patterns that stand for sets of them (RFC 1035, RFC 5891 A-labels)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def normalise(name: str) -> str:
    """Lower case, IDNA A-labels, no trailing dot; raises ValueError for what cannot be a host name."""
    text = name.strip().rstrip(".")
    if not text:
        raise ValueError("empty name")
    try:
        ascii_name = text.lower() if text.isascii() else text.encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError(f"not a host name: {name!r}") from error
    if len(ascii_name) > 253 or any(not 0 < len(label) <= 63 for label in ascii_name.split(".")):
        raise ValueError(f"not a host name: {name!r}")
    return ascii_name


def apex_of(pattern: str) -> str:
    """``*.livechat.com`` → ``livechat.com``; a plain name is its own apex."""
    return pattern.removeprefix("*.")


def covers(pattern: str, name: str, *, apex: bool = False) -> bool:
    """Whether ``name`` belongs to ``pattern``, on whole labels; both normalised."""
    if not pattern.startswith("*."):
        return name == pattern
    return name.endswith(pattern[1:]) or (apex and name == pattern[2:])


class Interest:
    """Names worth knowing about, with all above and below them; without names everything is."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._above = {name.split(".", depth)[-1] for name in self.names for depth in range(name.count(".") + 1)} | {""}
        self._below = tuple("." + name for name in self.names)

    def touches(self, name: str) -> bool:
        """Whether a name and what is below it have to do with one of them; lower case, no trailing dot."""
        return not self.names or name in self._above or name.endswith(self._below)

    def holds(self, name: str) -> bool:
        """Whether a name is one of them or below one."""
        return not self.names or name in self.names or name.endswith(self._below)

    def ends_in(self, text: str) -> bool:
        """Whether names of them may end in these characters, on whole labels or not."""
        return self.touches(text) or any(name.endswith(text) for name in self.names)
