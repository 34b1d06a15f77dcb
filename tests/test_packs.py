"""Packs: what is accepted, and what each mistake is answered with."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError, UsageError
from agent.model.requirement import PortNeed
from agent.packs import find_packs, read_pack, select

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = """\
name: desk
title: Desk
description: A service.
vendor: Example
owner: the network team
version: "2"
checked: 2026-11-23
sources:
  - title: A page
    url: https://example.com/help
domains:
  - "*.Desk.example"
  - api.example.net
apex: false
ports:
  required: [tcp/443]
  preferred: [udp/443]
"""
NOWHERE = Path("/nonexistent/packs")


def test_livechat_says_what_the_vendor_requires() -> None:
    (found,) = (one for one in find_packs(NOWHERE) if one.pack.name == "livechat")
    assert found.built_in
    assert found.pack.domains == (
        "*.livechat.com",
        "*.livechatinc.com",
        "*.livechat-static.com",
        "*.helpdesk.com",
        "*.helpdesk-static.com",
        "*.chatbot.com",
    )
    assert set(found.pack.assumed) == {"ports", "apex"}
    assert found.pack.addresses is not None
    assert found.pack.addresses.published == ()
    first = found.pack.requirements()[0]
    assert first.ports == (PortNeed("tcp", 443), PortNeed("tcp", 80), PortNeed("udp", 443, required=False))
    assert first.webhook_agents == ("LiveChat webhook/1.0", "chatbot/1.0")
    assert "web-filtered-by-ip" in {one.practice for one in found.pack.discouraged}


def test_a_pack_becomes_requirements_in_its_order_with_normalised_names() -> None:
    pack = read_pack(GOOD.encode(), "desk.yaml")
    assert [one.pattern for one in pack.requirements()] == ["*.desk.example", "api.example.net"]
    assert {one.apex for one in pack.requirements()} == {False}
    assert pack.references() == ["https://example.com/help"]


def _changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_changed("domains:", "domians:"), "x.yaml line 11: unknown key `domians`; did you mean `domains`?"),
        (_changed("  required:", "  requierd:"), "x.yaml line 16: unknown key `requierd`; did you mean `required`?"),
        (_changed("    url:", "    colour:"), "x.yaml line 10: unknown key `colour`; known: title, url"),
        (_changed("apex: false\n", ""), "x.yaml: `apex` is missing"),
        (_changed("apex: false", "apex: maybe"), 'x.yaml line 14: `apex` must be true or false, not "maybe"'),
        (_changed("[tcp/443]", "tcp/443"), 'x.yaml line 16: `ports.required` must be a list, not "tcp/443"'),
        (_changed("api.example.net", "17"), "x.yaml line 13: `domains[1]` must be text, not 17"),
        (_changed("api.example.net", "net"), "x.yaml line 13: `domains[1]` must be a domain name of at least two"),
        (_changed("api.example.net", '"*.*.net"'), "x.yaml line 13: `domains[1]` must be a domain name"),
        (_changed("tcp/443", "sctp/443"), "x.yaml line 16: `ports.required[0]` must be a protocol and a port"),
        (_changed("tcp/443", "tcp/65536"), "x.yaml line 16: `ports.required[0]` must be a protocol and a port"),
        (_changed("[tcp/443]", "[tcp/443, tcp/443]"), "names tcp/443 twice"),
        (_changed("api.example.net", '"*.desk.example"'), "names *.desk.example twice"),
        (_changed("2026-11-23", "2026-13-45"), "x.yaml line 7: `checked` must be a"),
        (_changed("apex: false", "apex: false\nname: other"), "line 15: `name` is given twice; first in line 1"),
        (_changed("apex: false", "apex: false\n17: x"), "x.yaml line 15: a key must be text; quote it"),
        (b"", "x.yaml: empty; it must hold a mapping of keys to values"),
        (b"# only a comment\n", "x.yaml: empty"),
        (b"- a\n- b\n", "x.yaml line 1: must hold a mapping of keys to values, not a list"),
        (b"a: [1\nb: 2\n", "x.yaml line 2: not YAML: "),
        (b"a: 1\n--- \nb: 2\n", "x.yaml line 2: not YAML: "),
        (b"\x7fELF\x02\x01\x01\x00", "x.yaml: not YAML: "),
        (b"name: a\ntitle: \xff\xfe\n", "x.yaml line 2: not UTF-8 text"),
        (b"a: !!python/object/apply:os.system [id]\n", "x.yaml line 1: the tag !!python/object/apply:os.system is"),
        (b"a: !!binary aGk=\n", "x.yaml line 1: the tag !!binary is not allowed"),
        (b"a: !!int many\n", "x.yaml line 1: "),
        (b"a: !!bool many\n", "x.yaml line 1: "),
        (b"a: &a [1]\nb: *a\n", "x.yaml line 1: anchors and aliases are not allowed"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"a: " + b"9" * 10000, "x.yaml line 1: "),
        (b"a: .inf\n", "x.yaml"),
        (b"a: '" + b"x" * 300_000 + b"'", "x.yaml: larger than 256 KiB"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pack(data, "x.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("x.yaml")
    assert "\n" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}]" for at in range(1, 60))]
    with pytest.raises(ConfigError, match="aliases are not allowed"):
        read_pack("\n".join(lines).encode(), "bomb.yaml")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pack_or_a_config_error(data: bytes) -> None:
    try:
        read_pack(data, "x.yaml")
    except ConfigError as error:
        assert str(error).startswith("x.yaml")  # noqa: PT017 - either outcome is right


@given(st.integers(0, len(GOOD)), st.sampled_from(list("!&*-[]{}:#'\"\n\t |>%@`x")))
def test_one_foreign_character_never_breaks_the_reader(at: int, character: str) -> None:
    try:
        read_pack((GOOD[:at] + character + GOOD[at:]).encode(), "x.yaml")
    except ConfigError as error:
        assert re.match(r"x\.yaml( line \d+)?: ", str(error))  # noqa: PT017 - either outcome is right


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(**packs: str) -> Path:
        for name, text in packs.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path

    return write


def test_an_operators_pack_is_added(folder: Callable[..., Path]) -> None:
    found = find_packs(folder(desk=GOOD))
    assert [one.pack.name for one in found] == ["desk", "livechat"]
    assert not found[0].replaces


def test_an_operators_pack_replaces_the_built_in_of_that_name_and_says_so(folder: Callable[..., Path]) -> None:
    (found,) = find_packs(folder(mine=GOOD.replace("name: desk", "name: livechat")))
    assert found.pack.title == "Desk"
    assert found.where.endswith("mine.yaml")
    assert found.replaces == "built-in livechat.yaml"


def test_two_operators_packs_of_one_name_are_refused(folder: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"b\.yaml: the name `desk` is taken by .*a\.yaml"):
        find_packs(folder(a=GOOD, b=GOOD))


def test_a_broken_pack_is_named_with_its_path(folder: Callable[..., Path]) -> None:
    path = folder(bad="name: [")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}/bad\.yaml line \d+: "):
        find_packs(path)


def test_other_files_in_the_folder_are_left_alone(folder: Callable[..., Path]) -> None:
    path = folder(desk=GOOD)
    (path / "notes.txt").write_text("not yaml: [")
    (path / ".desk.yaml.swp").write_text("x")
    (path / ".hidden.yaml").write_text("x")
    assert len(find_packs(path)) == 2


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "packs").write_text("")
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        find_packs(tmp_path / "packs")


def test_select_takes_all_or_the_named_and_suggests(folder: Callable[..., Path]) -> None:
    found = find_packs(folder(desk=GOOD))
    names: list[list[str]] = [[pack.name for pack in select(found, some)] for some in ([], ["desk", "desk"])]
    assert names == [["desk", "livechat"], ["desk"]]
    with pytest.raises(UsageError, match="no pack `livechta`; did you mean `livechat`"):
        select(found, ["livechta"])


def test_what_is_shipped_unchecked_is_right() -> None:
    """Built-in packs are loaded without the check that an operator's go through."""
    for found in find_packs(Path("/nowhere")):
        name = found.where.removeprefix("built-in ")
        data = importlib.resources.files("rules.packs").joinpath(name).read_bytes()
        assert read_pack(data, name) == found.pack
