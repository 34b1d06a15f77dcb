"""Whatever named.conf is written like, its words and blocks are read as they are meant."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.resolvers.bind.statements import Block, Statement, statements
from agent.snapshot import Artifact, Status

BARE = st.from_regex(r"[a-z0-9.:*-]{1,8}(/[0-9]{1,2})?", fullmatch=True)
QUOTED = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=8)
GAP = st.sampled_from((" ", "\n", "\t", ' /* } " ; */ ', " // } ;\n", ' # { "\n', "\r\n"))
WORD = st.one_of(BARE.map(lambda word: (word, word)), QUOTED.map(lambda text: (text, _quoted(text))))
TREE = st.recursive(
    st.lists(st.lists(WORD, min_size=1, max_size=3), max_size=3),
    lambda inner: st.lists(st.lists(st.one_of(WORD, inner), min_size=1, max_size=3), max_size=3),
    max_leaves=12,
)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written(tree: list[Any], gap: Any) -> str:
    text = ""
    for parts in tree:
        for part in parts:
            text += f"{{{gap()}{_written(part, gap)}}}" if isinstance(part, list) else part[1]
            text += gap()
        text += f";{gap()}"
    return text


def _meant(tree: list[Any]) -> list[Any]:
    return [[_meant(part) if isinstance(part, list) else part[0] for part in parts] for parts in tree]


def _read(found: tuple[Statement, ...]) -> list[Any]:
    return [[_read(part.statements) if isinstance(part, Block) else part for part in one.parts] for one in found]


def _of(data: bytes) -> tuple[Statement, ...]:
    return tuple(statements(Artifact("files/named.conf", Status.OK, data), lambda _name, _text: False))


@given(TREE, st.data())
def test_what_is_written_is_read(tree: list[Any], data: st.DataObject) -> None:
    text = _written(tree, lambda: data.draw(GAP))
    assert _read(_of(text.encode())) == _meant(tree)


@given(st.binary(max_size=60) | st.text(alphabet='{};"!/*# \\\nab', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_with_their_line(data: bytes) -> None:
    try:
        right = all(one.parts for one in _of(data))
    except Malformed as error:
        right = bool(error.line)
    assert right


def test_zones_that_nobody_asks_about_are_passed_by() -> None:
    text = b'zone "a" { type master; file "x"; };\nzone b IN { masters { 10.0.0.1; }; }; # }\nzone c { // };\n };\n'
    artifact = Artifact("files/named.conf", Status.OK, text)
    left = statements(artifact, lambda name, _text: name != "b")
    assert [(one.value(), one.source.line) for one in left] == [("b", 2), ("c", 3)]
