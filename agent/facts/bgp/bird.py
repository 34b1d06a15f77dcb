"""BIRD 2: protocols of BGP, and whether their filters compare routes with RPKI.

Source: bird.network.cz, "Filters" (``roa_check``) and "RPKI".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.routing import BgpSession
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

MAX_FILES: Final = 1000
_COMMENT: Final = re.compile(r"/\*.*?\*/|#[^\n]*", re.DOTALL)
_INCLUDE: Final = re.compile(r"^\s*include\s+\"([^\"]+)\"\s*;", re.MULTILINE)
_HEAD: Final = re.compile(
    r"\b(?:(?P<kind>protocol|template)\s+bgp(?:\s+(?P<name>[\w'-]+))?(?:\s+from\s+(?P<base>[\w'-]+))?"
    r"|(?:filter|function)\s+(?P<filter>[\w'-]+)[^{;]*)\s*\{"
)
_AS: Final = re.compile(r"\blocal\b[^;]*\bas\s+(\w+)")
_NEIGHBOR: Final = re.compile(r"\bneighbor\s+([^;]*);")
_IMPORT: Final = re.compile(r"\bimport\s+([^;{]*(?:\{[^}]*\})?)")
_OFF: Final = re.compile(r"\bdisabled\s*(?:yes|on)?\s*;")
_CHECK: Final = re.compile(r"\broa_check\s*\(|\baspa_check")


class _Block:
    def __init__(self, kind: str, name: str, base: str, body: str, source: Source) -> None:
        self.kind = kind
        self.name = name
        self.base = base
        self.body = body
        self.source = source


def sessions(following: Following, path: str) -> Iterator[BgpSession]:
    """One session for each protocol whose neighbour is in another network and whose routes are taken."""
    blocks = [block for file in _files(following, path) for block in _blocks(file)]
    named = {block.name: block for block in blocks if block.kind == "filter"}
    templates = {block.name: block for block in blocks if block.kind == "template"}
    for block in blocks:
        if block.kind != "protocol":
            continue
        text = _with_base(block, templates)
        neighbor = _NEIGHBOR.search(text)
        local = _AS.search(text)
        if neighbor is None or re.search(r"\binternal\b", neighbor[1]) or _OFF.search(text):
            continue
        other = re.search(r"\bas\s+(\w+)", neighbor[1])
        if other and local and other[1] == local[1]:
            continue
        taken = [match[1].strip() for match in _IMPORT.finditer(text)]
        if not taken or all(one == "none" for one in taken):
            continue  # without a word BIRD takes no routes of an external neighbour (RFC 8212)
        validates = all(one == "none" or _checks(one, named) for one in taken)
        yield BgpSession("bird", neighbor[1].split()[0], validates, block.source)


def _files(following: Following, path: str) -> Iterator[Artifact]:
    waiting = [path]
    seen: set[str] = set()
    while waiting and len(seen) < MAX_FILES:
        asked = waiting.pop(0)
        named_by = Source(f"files{path}", f'include "{asked}"') if asked != path else None
        for file in following.matching(asked, named_by) if "*" in asked else (following.file(asked, named_by),):
            if file is None or file.name in seen:
                continue
            seen.add(file.name)
            folder = path.rpartition("/")[0]
            named = _INCLUDE.findall(_plain(file.text))
            waiting += [name if name.startswith("/") else f"{folder}/{name}" for name in named]
            yield file


def _plain(text: str) -> str:
    """The text without comments, lines kept."""
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


def _blocks(file: Artifact) -> Iterator[_Block]:
    text = _plain(file.text)
    for head in _HEAD.finditer(text):
        depth, end = 1, head.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        line = text.count("\n", 0, head.start()) + 1
        source = Source(file.name, file.text.splitlines()[line - 1].strip(), line)
        kind, name = head["kind"] or "filter", head["name"] or head["filter"] or ""
        yield _Block(kind, name, head["base"] or "", text[head.end() : end], source)


def _with_base(block: _Block, templates: dict[str, _Block], depth: int = 0) -> str:
    base = templates.get(block.base)
    inherited = _with_base(base, templates, depth + 1) if base and depth < len(templates) else ""
    return inherited + block.body


def _checks(text: str, named: dict[str, _Block]) -> bool:
    """Whether a filter, or what it calls, compares origins."""
    seen: set[str] = set()
    waiting = [text]
    while waiting:
        body = waiting.pop()
        if _CHECK.search(body):
            return True
        for word in set(re.findall(r"[\w'-]+", body)) & named.keys() - seen:
            seen.add(word)
            waiting.append(named[word].body)
    return False
