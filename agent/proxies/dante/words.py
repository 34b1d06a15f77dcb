"""The grammar of danted.conf: settings, then blocks of attributes (``lib/config_scan.l``, ``lib/config_parse.y``).

The program refuses a whole file for one mistake in it; so does this reader, with ``Malformed``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals, as_address
from agent.model.record import record
from agent.proxies.dante.cursor import Cursor
from agent.proxies.dante.options import SERVICES, WORDS, entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.source import Source
    from agent.snapshot import Artifact

HIGHEST: Final = 65535
ALL_PORTS: Final = Intervals.span(0, HIGHEST)
_RULE: Final = re.compile(r"(?:(client|hostid|socks) +)?(pass|block)(?![\w.])")
_OTHER: Final = re.compile(r"(route|monitor)(?=\s*\{)")
_KEYWORD: Final = re.compile(r"([a-z][\w.-]*)")
_COLON: Final = re.compile(r"\s*:")
_OPENING: Final = re.compile(r"\s*\{")
_CLOSING: Final = re.compile(r"\}")
_ADDRESS: Final = re.compile(r"(0(?=/)|\.(?=\s)|::(?=/)|[^ \t\n][^/ \t\n]+)")
_MASK: Final = re.compile(r"[ \t]*/[ \t]*([0-9]+)")
_PORT: Final = re.compile(r"[ \t]*port(?![\w.])")
_OPERATOR: Final = re.compile(r"[ \t]*(eq|ne|ge|gt|le|lt|!=|>=|<=|=|>|<)")
_NUMBER: Final = re.compile(r"[ \t]*([0-9]+)")
_TO_NUMBER: Final = re.compile(r"[ \t]*-[ \t]*([0-9]+)")
_SERVICE: Final = re.compile(r"[ \t]*([a-zA-Z][^: /\t\n]*)")
_WORD: Final = re.compile(r"[ \t]*([^\s:{}#]+)(?!\s*:)")
_NAME: Final = re.compile(r"[ \t]*([^: \t\n#]+)")
_LINE: Final = re.compile(r"[ \t]*([^\n]*)")

WITH_ADDRESS: Final = frozenset({"from", "to", "via", "hostid", "internal", "external"})
OF_USERS: Final = frozenset({"user", "group"})
TO_THE_END: Final = frozenset({
    "bsdauth.stylename", "clientmethod", "command", "group", "log", "method", "protocol", "proxyprotocol",
    "socksmethod", "user",
})  # fmt: skip
"""Attributes whose values go on to the end of the line or of the block."""


@record
class Address:
    """``10.0.0.0/8``, ``0/0``, a name or an interface, with ports."""

    text: str
    """Lower case."""
    block: tuple[int, tuple[int, int]] | None = None
    """Family, first and last address; None for names and for ``0/0``."""
    ports: Intervals | None = ALL_PORTS
    """None: ``service`` is not known here."""
    service: str = ""
    ignored: str = ""
    """A port that is read and compared with nothing."""

    @property
    def is_any(self) -> bool:
        """Whether it stands for every address of both families."""
        return self.text == "0" and self.block is None

    @property
    def is_name(self) -> bool:
        """Whether it is a name, or an interface."""
        return self.block is None and not self.is_any


@record
class Attribute:
    """``keyword: values``."""

    name: str
    values: tuple[str, ...]
    source: Source
    address: Address | None = None


@record
class Block:
    """A rule, a route or a monitor."""

    kind: str
    """``client``, ``socks``, ``hostid``, ``route`` or ``monitor``."""
    passes: bool
    attributes: tuple[Attribute, ...]
    source: Source

    def get(self, name: str) -> Attribute | None:
        """Give the last attribute of a name."""
        return next((one for one in reversed(self.attributes) if one.name == name), None)

    def values(self, *names: str) -> tuple[str, ...]:
        """All values of attributes of these names."""
        return tuple(value for one in self.attributes if one.name in names for value in one.values)


@record
class Written:
    """A whole file."""

    settings: tuple[Attribute, ...]
    blocks: tuple[Block, ...]

    def values(self, *names: str) -> tuple[str, ...]:
        """All values of settings of these names."""
        return tuple(value for one in self.settings if one.name in names for value in one.values)

    def addresses(self, name: str) -> Iterator[tuple[Address, Source]]:
        """Addresses of settings of a name."""
        return ((one.address, one.source) for one in self.settings if one.name == name and one.address)


def written(artifact: Artifact) -> Written:
    """Take a file apart; raises Malformed for what the program would refuse."""
    cursor = Cursor(artifact)
    settings: list[Attribute] = []
    blocks: list[Block] = []
    while not cursor.at_end:
        source = cursor.source
        if found := cursor.take(_RULE):
            blocks.append(_block(cursor, found[1] or "socks", source, passes=found[2] == "pass"))
        elif found := cursor.take(_OTHER):
            blocks.append(_block(cursor, found[1], source, passes=True))
        elif blocks:
            raise cursor.trouble("settings stand before all rules")
        else:
            settings.append(_attribute(cursor, source, masks=False))
        cursor.skip()
    return Written(tuple(settings), tuple(blocks))


def _block(cursor: Cursor, kind: str, source: Source, *, passes: bool) -> Block:
    if not cursor.take(_OPENING):
        raise cursor.trouble("a { is missing")
    attributes: list[Attribute] = []
    while True:
        cursor.skip()
        if cursor.at_end:
            raise cursor.trouble("a } is missing")
        if cursor.take(_CLOSING):
            break
        attributes.append(_attribute(cursor, cursor.source, masks=True))
    if kind == "route":
        _check_route(cursor, attributes)
    names = [one.name for one in attributes if one.name in ("from", "to")]
    if names != ["from", "to"]:
        raise cursor.trouble(f"{kind} rule without one from: and one to: after it")
    return Block(kind, passes, tuple(attributes), source)


def _check_route(cursor: Cursor, attributes: Sequence[Attribute]) -> None:
    """Routes are for clients by their address, and for connections."""
    for one in attributes:
        if one.name == "from" and one.address is not None and one.address.is_name:
            raise cursor.trouble(f"route from {one.address.text}: names and interfaces are not supported")
        if one.name == "command" and set(one.values) - {"connect"}:
            raise cursor.trouble("route for other commands than connect")


def _attribute(cursor: Cursor, source: Source, *, masks: bool) -> Attribute:
    found = cursor.take(_KEYWORD)
    if found is None:
        raise cursor.trouble("not understood")
    name = found[1]
    if name == "redirect" and masks:
        raise cursor.trouble("redirect: connections are sent elsewhere")
    if not cursor.take(_COLON):
        raise cursor.trouble(f"{name} without a colon")
    if not entry(name):
        raise cursor.trouble(f"unknown keyword {name}")
    if name in WITH_ADDRESS:
        if cursor.at_word:
            raise cursor.trouble(f"a blank is missing after {name}:")
        cursor.blank()
        address = _address(cursor, masks=masks and name != "via")
        if address.ports is None and name in ("internal", "via"):
            raise cursor.trouble(f"service {address.service} is not known here")
        return Attribute(name, (), source, address)
    pattern = _LINE if name == "libwrap" else _NAME if name in OF_USERS or not masks else _WORD
    values = []
    cursor.blank()
    while word := cursor.take(pattern):
        values.append(word[1].strip())
        cursor.blank()
        if pattern is _LINE:
            break
    if wrong := set(values) - WORDS.get(name, set(values)):
        raise cursor.trouble(f"{name} knows no {min(wrong)}")
    if masks and name in TO_THE_END and not cursor.at_line_end:
        raise cursor.trouble(f"{name} ends its line")
    return Attribute(name, tuple(values), source)


def _address(cursor: Cursor, *, masks: bool) -> Address:
    found = cursor.take(_ADDRESS)
    if found is None:
        raise cursor.trouble("an address is missing")
    text = found[1].lower()
    known = as_address(text)
    block = None
    if known or text == "0":
        mask = cursor.take(_MASK)
        if masks != bool(mask):
            raise cursor.trouble(f"{text} {'lacks a' if masks else 'has a'} netmask")
        if known:
            block = _prefix(cursor, known, mask[1] if mask else None)
        elif not mask or _number(mask[1]):
            raise cursor.trouble("0 is only written 0/0")
    return _with_ports(cursor, Address(text, block))


def _prefix(cursor: Cursor, known: tuple[int, int], mask: str | None) -> tuple[int, tuple[int, int]]:
    family, value = known
    width = 32 if family == 4 else 128
    length = width if mask is None else _number(mask)
    if length > width:
        raise cursor.trouble(f"a netmask of {length} bits")
    rest = (1 << width - length) - 1
    return family, (value & ~rest, value | rest)


def _with_ports(cursor: Cursor, address: Address) -> Address:
    """The address with what is said about its port."""
    if not cursor.take(_PORT):
        return address
    if cursor.take(_COLON):
        # without an operator a number is compared with nothing (``operator`` stays ``none``)
        if number := cursor.take(_NUMBER):
            return replace(address, ignored=str(_port(cursor, number[1])))
        raise cursor.trouble("a port is missing")
    operator = cursor.take(_OPERATOR)
    if operator and (service := cursor.take(_SERVICE)):
        port = SERVICES.get(service[1])
        return replace(address, ports=None if port is None else _compared(operator[1], port), service=service[1])
    number = cursor.take(_NUMBER)
    if number is None:
        raise cursor.trouble("a port is missing")
    if operator:
        return replace(address, ports=_compared(operator[1], _port(cursor, number[1])))
    end = cursor.take(_TO_NUMBER)
    if end is None:
        raise cursor.trouble("a range of ports lacks its end: write port = 443")
    low, high = _port(cursor, number[1]), _port(cursor, end[1])
    if high < low:
        raise cursor.trouble(f"a range of ports from {low} to {high}")
    return replace(address, ports=Intervals.span(low, high))


def _port(cursor: Cursor, text: str) -> int:
    found = _number(text)
    if found > HIGHEST:
        raise cursor.trouble(f"no port: {text}")
    return found


def _number(text: str) -> int:
    """A number as strtoll(3) reads it, where a leading zero means octal; raises Malformed."""
    try:
        return int(text, 8 if text.startswith("0") else 10)
    except ValueError as error:
        raise Malformed(f"not a number: {text}") from error


def _compared(operator: str, port: int) -> Intervals:
    match operator:
        case "eq" | "=":
            return Intervals.span(port, port)
        case "ne" | "!=":
            return ALL_PORTS - Intervals.span(port, port)
        case "ge" | ">=":
            return Intervals.span(port, HIGHEST)
        case "gt" | ">":
            return Intervals.span(port + 1, HIGHEST)
        case "le" | "<=":
            return Intervals.span(0, port)
        case _:
            return Intervals.span(0, port - 1)
