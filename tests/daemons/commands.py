"""The directives that a program of nginx's make knows, from its tables of commands (``ngx_command_t``).

::

    length of the name | name | type: contexts, arguments | function that reads it | ...

The words are eight bytes each; pointers are filled in as the program is loaded, from its table of relocations.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELATIVE = {62: 8, 183: 1027}
"""``R_X86_64_RELATIVE``, ``R_AARCH64_RELATIVE`` by machine (elf.h)."""
SHT_RELA = 4
LEAST_CONTEXT = 0x10000
"""``NGX_DIRECT_CONF``, the lowest bit that says where a directive may stand; variables and headers have none."""
NAME = re.compile(rb"[a-z][a-z0-9_]*")


class Section(NamedTuple):
    kind: int
    address: int
    offset: int
    size: int


def directives(path: Path) -> set[str]:
    """Names of all directives in a 64-bit little-endian ELF file."""
    data = path.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", "64 bits, little-endian"
    machine = struct.unpack_from("<H", data, 18)[0]
    begin = struct.unpack_from("<Q", data, 40)[0]
    size, number = struct.unpack_from("<HH", data, 58)
    sections = [Section(*struct.unpack_from("<4xI8xQQQ", data, begin + at * size)) for at in range(number)]
    pointers = {place: (kind, target) for place, kind, target in _pointers(data, sections)}
    found = set()
    for place, (kind, target) in pointers.items():
        name_at, length_at = _offset(sections, target), _offset(sections, place - 8)
        if kind != RELATIVE[machine] or name_at is None or length_at is None or place + 16 not in pointers:
            continue
        length, _, contexts = struct.unpack_from("<QQQ", data, length_at)
        name = data[name_at : name_at + length] if length < 64 else b""
        if NAME.fullmatch(name) and data[name_at + length] == 0 and contexts >= LEAST_CONTEXT:
            found.add(name.decode())
    return found


def _pointers(data: bytes, sections: list[Section]) -> Iterator[tuple[int, int, int]]:
    """Where pointers stand, of which kind they are, and where they lead to."""
    for section in sections:
        if section.kind == SHT_RELA:
            for at in range(section.offset, section.offset + section.size, 24):
                place, kind, target = struct.unpack_from("<QQq", data, at)
                yield place, kind & 0xFFFFFFFF, target


def _offset(sections: list[Section], address: int) -> int | None:
    """Where in the file an address stands."""
    for section in sections:
        if section.address and section.kind != 8 and section.address <= address < section.address + section.size:
            return section.offset + address - section.address
    return None
