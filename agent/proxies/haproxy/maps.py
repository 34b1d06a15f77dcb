"""Converters that look a sample up in a map (map.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, NEVER, Clients, Targets
from agent.proxies.haproxy.patterns import WAYS, networks, text_pattern
from agent.proxies.variables.texts import How, Literal
from agent.proxies.variables.values import (
    Cases,
    Client,
    Const,
    Found,
    Missing,
    Spelled,
    Target,
    Unknown,
    each,
    fits,
    ways,
)

if TYPE_CHECKING:
    from agent.model.proxy import Test
    from agent.proxies.haproxy.expressions import Call
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.variables.values import Value

MAX_ENTRIES: Final = 2000
"""Entries of a map of which each may fit."""


def looked_up(given: Value, given_type: str, call: Call, flow: Flow) -> tuple[Value, str]:
    """``map_WAY_TYPE(FILE,DEFAULT)``: of names the first line that fits, of beginnings and addresses the longest."""
    parts = call.name.split("_")[1:]
    way = parts[0] if parts and parts[0] in (*WAYS, "reg", "ip", "int") else "str"
    kind = parts[-1] if len(parts) > 1 or (parts and parts[0] == "int") else "str"
    if not call.arguments:
        return Unknown(f"{call}", "a map without a file"), kind
    lines = flow.listed(call.arguments[0], narrow=_narrows(given, way))
    default: Value = Const(call.arguments[1]) if len(call.arguments) > 1 else Missing()
    if lines is None or len(lines) > MAX_ENTRIES:
        return Unknown(f"{given} {call}", f"the map {call.arguments[0]} is not followed"), kind
    pairs = [re.split(r"[ \t]+", line, maxsplit=1) for _, line in lines]
    entries = [(words[0], words[1].strip() if len(words) > 1 else "") for words in pairs]
    if way == "beg":
        entries.sort(key=lambda entry: -len(entry[0]))

    def look(value: Value) -> Value:
        cases: list[tuple[Test, Value]] = []
        for key, result in entries:
            try:
                test = NEVER if isinstance(value, Found) else _fits_key(value, key, way, given_type)
            except Malformed as error:
                return Unknown(f"{value} {call}", str(error))
            if test == ALWAYS:
                return Cases(tuple(cases), Const(result)) if cases else Const(result)
            if test != NEVER:
                cases.append((test, Const(result)))
        return Cases(tuple(cases), default) if cases else default

    if way == "ip" or given_type == "ip":
        try:
            entries.sort(key=lambda entry: networks((entry[0],))[0][1].size())
        except Malformed as error:
            return Unknown(f"{given} {call}", str(error)), kind
    return each(given, look), kind


def _fits_key(value: Value, key: str, way: str, kind: str) -> Test:
    if kind == "ip":
        held = networks((key,))
        if isinstance(value, Client):
            return Clients(held)
        if isinstance(value, Target):
            return Targets(held)
    if kind in ("int", "bool", "meth"):
        return fits(value, (Literal(How.WHOLE, key),))
    if way in ("ip", "int"):
        return NEVER
    return fits(value, (text_pattern(key, way, fold=False),))


def _narrows(value: Value, way: str) -> bool:
    """Whether only entries that end names can fit."""
    return way in ("str", "end") and all(
        isinstance(one, Missing | Const) or (isinstance(one, Spelled) and not one.after and not one.path)
        for _, one in ways(value)
        if not isinstance(one, Const)
    )
