"""How nft writes one value: numbers and words, addresses, interfaces, ranges and prefixes, as intervals."""

from __future__ import annotations

from functools import partial
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Any, Final

from agent.errors import Malformed
from agent.model.intervals import name_prefix, name_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.model.intervals import Interval

    Reading = Callable[[Any], Interval]

CATCH_ALL: Final = "*"
NO_INTERFACE: Final = "0"


def _strange(item: Any) -> Malformed:
    return Malformed(f"value {str(item)[:60]!r} is not understood")


def number(item: Any) -> Interval:
    """One integer; nft writes those of more than 64 bits in hexadecimal. Raises Malformed."""
    if isinstance(item, int):
        return int(item), int(item)
    if isinstance(item, str):
        try:
            value = int(item, 0)
        except ValueError:
            raise _strange(item) from None
        return value, value
    raise _strange(item)


def words(table: Mapping[str, int]) -> Reading:
    """Give a reader of numbers and of the words of a table."""

    def read(item: Any) -> Interval:
        if isinstance(item, str) and (value := table.get(item)) is not None:
            return value, value
        return number(item)

    return read


def _address(family: int, item: Any) -> Interval:
    try:
        value = int.from_bytes(inet_pton(family, item), "big")
    except (OSError, TypeError, ValueError):
        raise _strange(item) from None
    return value, value


address4: Final[Reading] = partial(_address, AF_INET)
address6: Final[Reading] = partial(_address, AF_INET6)


def interface_name(item: Any) -> Interval:
    """Read a name; a trailing ``*`` stands for any rest, unless it is escaped."""
    if not isinstance(item, str):
        raise _strange(item)
    if item.endswith("\\*"):
        value = name_value(item[:-2] + "*")
    elif item.endswith("*"):
        return name_prefix(item[:-1])
    else:
        value = name_value(item)
    return value, value


def interface_index(item: Any) -> Interval:
    """Read an index that nft writes as the interface's name: 0 is none, other numbers have lost theirs."""
    if item in (NO_INTERFACE, 0):
        return 0, 0
    if not isinstance(item, str) or item.isdecimal():
        raise Malformed(f"interface index {item} has no name here")
    value = name_value(item)
    return value, value


def mac(item: Any) -> Interval:
    """Read a link-layer address."""
    try:
        parts = [int(part, 16) for part in item.split(":")]
        value = int.from_bytes(bytes(parts), "big")
    except (AttributeError, ValueError):
        raise _strange(item) from None
    if len(parts) != 6:
        raise _strange(item)
    return value, value


def interval(item: Any, read: Reading, highest: int) -> Interval:
    """Read one value, range, prefix, or flags joined by ``|``; ``highest`` is the field's highest value."""
    if type(item) is not dict:
        return read(item)
    if "range" in item:
        low, high = item["range"]
        return read(low)[0], read(high)[1]
    if "prefix" in item:
        body = item["prefix"]
        rest = highest.bit_length() - body["len"]
        if not 0 <= rest <= highest.bit_length():
            raise _strange(item)
        low = read(body["addr"])[0] >> rest << rest
        return low, low | ((1 << rest) - 1)
    value = bits(item, read)
    return value, value


def bits(item: Any, read: Reading) -> int:
    """Read one number: a value, a list of flags, or flags joined by ``|``."""
    if type(item) is list:
        value = 0
        for flag in item:
            value |= bits(flag, read)
        return value
    if type(item) is dict:
        if "|" not in item:
            raise _strange(item)
        return bits(item["|"], read)
    low, high = read(item)
    if low != high:
        raise _strange(item)
    return low
