"""The plain part of Lua, as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.resolvers.lua import MAX_DEPTH, Call, Computed, Name, Statement, Table, Value, statements
from agent.snapshot import Artifact, Status


def read(text: str) -> tuple[Statement, ...]:
    return statements(Artifact("files/x.lua", Status.OK, text.encode()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a\\'b'", "a'b"),
        ('"\\4chat\\003com\\0"', "\x04chat\x03com\0"),
        ('"\\x41\\n\\\\"', "A\n\\"),
        ("[[two\nlines]]", "two\nlines"),
        ("[==[a]]b]==]", "a]]b"),
        ("10", 10.0),
        ("0x10", 16.0),
        ("-1.5e2", -150.0),
        ("true", True),
        ("nil", None),
        ("('a')", "a"),
        ("{}", Table()),
        ("{1, 'a'; x = true, ['y z'] = {}, [kres.type.A] = 2,}", Table((1.0, "a"), (("x", True), ("y z", Table()), ("kres.type.A", 2.0)))),
        ("policy.DENY", Name("policy.DENY")),
        ("policy['DENY']", Name("policy.DENY")),
        ("f 'a'", Call("f", ("a",))),
        ("f{1}", Call("f", (Table((1.0,)),))),
        ("view:addr('x', g())", Call("view:addr", ("x", Call("g", ())))),
        ("'a' .. 'b'", Computed(1)),
        ("100 * MB", Computed(1)),
        ("not true", Computed(1)),
        ("#x", Computed(1)),
        ("function (a) return a end", Computed(1)),
        ("f(1)(2)", Computed(1)),
        ("f().x", Computed(1)),
    ],
)  # fmt: skip
def test_values(text: str, value: Value) -> None:
    (found,) = read(f"x = {text} -- why")
    assert found.target == "x"
    assert found.value == value


def test_names_stand_for_what_they_were_given() -> None:
    *_, call = read("local path, other = '/x', 2\nlocal path = '/y'\nrpzFile(path, {a = other, b = unknown})")
    assert call.value == Call("rpzFile", ("/y", Table((), (("a", 2.0), ("b", Name("unknown"))))))
    assert call.source.line == 3


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("f('x')", ()),
        ("x = f(g(1))", ("g",)),
        ("x = f().id", ("f",)),
        ("x = y and f() or h.i{}", ("f", "h.i")),
        ("x = {f(), a = {g()}}", ("f", "g")),
        ("x = f()()", ("f", "")),
        ("x, y = f(), g()", ("g",)),
    ],
)
def test_calls_within_a_statement_are_said(text: str, inner: tuple[str, ...]) -> None:
    assert read(text)[0].inner == inner


@pytest.mark.parametrize(
    "block",
    [
        "if x then f() else g() end",
        "for i = 1, 3 do f(i) end",
        "while f() do if x then break end end",
        "repeat f() until x",
        "do local x = 1 end",
        "function f(a)\n return function () end\nend",
        "local function f() for k, v in pairs(t) do g() end end",
    ],
)
def test_blocks_of_control_are_gone_past(block: str) -> None:
    first, second = read(f"{block}\nafter('it')")
    assert isinstance(first.value, Computed)
    assert first.source.line == 1
    assert second.value == Call("after", ("it",))


def test_what_stands_behind_return_is_not_run() -> None:
    assert [type(one.value) for one in read("f()\nreturn x\n")] == [Call, Computed]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("f(", 1),
        ("f('a\n')", 1),
        ("\n\nx = {1, 2", 3),
        ("if x then", 1),
        ("x = = 1", 1),
        ("x = {a b}", 1),
        ("\n--[[ never closed", 2),
        ("x = " + "{" * (MAX_DEPTH + 2), 1),
        ("f() = 3 4", 1),
        ("\n@", 2),
    ],
)
def test_what_is_no_lua_says_where(text: str, line: int) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert caught.value.line == line


def test_bytes_of_another_encoding_stay_in_their_string() -> None:
    (found,) = statements(Artifact("files/x.lua", Status.OK, b"f('caf\xe9') -- \xff"))
    assert found.value == Call("f", ("caf\ufffd",))


@given(st.text(alphabet="f('\"\\){}[]=,;.:-0x \nnilendifthforpolicy", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except Malformed:
        return
    assert len(found) <= len(text)
