"""Addresses and names as tinyproxy compares them (hostspec.c, acl.c): all addresses have 128 bits."""

from __future__ import annotations

import re
import socket
from typing import Final

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import ALWAYS, NEVER, Clients, Names, Open, Test
from agent.model.resolver import NameSet, Scope

MAPPED: Final = 0xFFFF << 32
"""Where IPv4 addresses stand among the others (``full_inet_pton``)."""
_DIGITS: Final = re.compile(r"[0-9]+")
_DOTTED: Final = re.compile(r"[0-9.]+")


def client(text: str) -> Test | None:
    """Who is meant by the value of Allow or Deny; None where tinyproxy leaves it out."""
    if found := _network(text):
        network, mask = found
        low, high = network, network | ~mask & (1 << 128) - 1
        mapped = Intervals.span(max(low, MAPPED) - MAPPED, min(high, MAPPED | 0xFFFFFFFF) - MAPPED)
        return Clients(((4, mapped), (6, Intervals.span(low, high))))
    if "/" in text or ":" in text:
        return None
    if text.lower() == "localhost":  # no other machine's address has this name
        return Clients(((4, Intervals.single(0x7F000001)), (6, Intervals.single(1))))
    if _DOTTED.fullmatch(text) and (value := _short(text)) is not None:
        return Clients(((4, Intervals.single(value)),))
    return Open(f"client is {text.lower()}", f"it depends on whether the client's address has the name {text}")


def site(text: str | None) -> Test | None:
    """Which names are meant by the site of an upstream; None where tinyproxy leaves the line out."""
    if text is None:
        return ALWAYS
    if found := _network(text):
        return NEVER if found[1] else ALWAYS  # a name is compared like an address that nobody knows
    if "/" in text or ":" in text:
        return None
    name = text.lower()
    if not name.startswith("."):
        return Names((NameSet(Scope.EXACT, name),))
    return Names((NameSet(Scope.BELOW, name[1:]),)) if len(name) > 1 else NEVER


def _network(text: str) -> tuple[int, int] | None:
    """Network and mask of an address; None where it is none, or its mask is not understood."""
    host, slash, tail = text.rpartition("/") if "/" in text else (text, "", "")
    found = as_address(host) if "%" not in host else None
    if found is None:
        return None
    family, value = found
    value |= MAPPED if family == 4 else 0
    bits = 128
    if slash and "." in tail:
        dotted = as_address(tail)
        if family == 6 or dotted is None or dotted[0] != 4:
            return None
        mask = (1 << 128) - (1 << 32) | dotted[1]
        return value & mask, mask
    if slash:
        digits = _DIGITS.match(tail.lstrip(" \t").removeprefix("+"))
        bits = int(digits[0]) + (96 if family == 4 else 0) if digits else 129
    if bits > 128:
        return None
    mask = (1 << 128) - (1 << 128 - bits)
    return value & mask, mask


def _short(text: str) -> int | None:
    """Give the address that getaddrinfo finds without asking anybody: ``127.1``."""
    try:
        return int.from_bytes(socket.inet_aton(text), "big")
    except OSError:
        return None
