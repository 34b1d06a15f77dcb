"""Domain names and the wildcard patterns that stand for sets of them (RFC 1035, RFC 5891 A-labels)."""

from __future__ import annotations


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
