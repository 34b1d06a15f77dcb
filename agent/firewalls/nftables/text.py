"""A rule's JSON back in nft's own syntax, as ``nft list ruleset`` prints it, without counters.

Where versions differ it is that of nft 1.1, whichever listed the rules, so that a finding keeps its name.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from agent.firewalls.nftables.symbols import GROUPS
from agent.model.record import record

SILENT: Final = frozenset({"counter", "comment"})
ARITHMETIC: Final = frozenset({"&", "|", "^", "<<", ">>"})
GROUP_KEYS: Final = frozenset({"iifgroup", "oifgroup"})
QUOTED_KEYS: Final = frozenset({"iif", "oif", "iifname", "oifname", "helper", "hour", "time", "day"})
HEX_KEYS: Final = frozenset({"mark"})
RAW: Final = "raw"
BIT_KEYS: Final = frozenset({"flags", "state", "status"})
"""Where a plain value asks for any of its bits, and ``==`` has to be said."""


@record
class Statements:
    """The JSON of one rule; ``str`` gives its text, made only when somebody reads it.

    The bytes take a tenth of the room of what they are parsed to.
    """

    json: bytes
    family: str = ""

    def __str__(self) -> str:
        shown = (statement(one, self.family) for one in orjson.loads(self.json).get("expr", ()) if not _silent(one))
        return " ".join(text for text in shown if text)


def _silent(one: dict[str, Any]) -> bool:
    """Counters and comments are not shown, but the name of a counter object is."""
    return bool(SILENT & one.keys()) and not isinstance(one.get("counter"), str)


def statement(one: dict[str, Any], family: str = "") -> str:
    """One statement; ``family`` is the table's."""
    ((kind, body),) = one.items()
    match kind:
        case "match":
            return _match(body)
        case "accept" | "drop" | "return" | "continue" | "notrack":
            return kind
        case "jump" | "goto":
            return f"{kind} {body['target']}"
        case "vmap":
            return f"{_expr(body['key'])} vmap {_right(body['data'], body['key'])}"
        case "mangle":
            return f"{_expr(body['key'], set_=True)} set {_value(body['value'], body['key'])}"
        case "reject":
            return _reject(body, family)
        case "dnat" | "snat" | "redirect" | "masquerade" | "tproxy":
            return _nat(kind, body or {})
        case "limit":
            return _limit(body)
        case "log":
            return "log" + "".join(f" {key} {_quoted(key, value)}" for key, value in (body or {}).items())
        case "set":
            return _set_statement(body)
        case "xt":
            return f"xt {body.get('type')} {body.get('name')}"
        case _:
            return _plain(kind, body)


def _match(body: dict[str, Any]) -> str:
    op, left, right = body.get("op", "=="), body["left"], body["right"]
    sign = "" if op in ("==", "in") else f" {op}"
    if isinstance(left, dict) and "&" in left and op in ("==", "!=") and isinstance(left["&"][1], list):
        return f"{_expr(left['&'][0])}{sign} {_right(right, left['&'][0])} / {','.join(left['&'][1])}"
    if isinstance(left, dict) and any(sign in left for sign in ARITHMETIC):
        return f"{_expr(left)} {op} {_right(right, left)}"
    if op == "==" and _key_name(left) in BIT_KEYS and not isinstance(right, dict):
        sign = " =="
    if isinstance(right, bool):
        return f"{_expr(left)} {'exists' if right else 'missing'}"
    return f"{_expr(left)}{sign} {_right(right, left)}"


def _expr(item: Any, *, set_: bool = False) -> str:
    if not isinstance(item, dict):
        return str(item)
    ((kind, body),) = item.items()
    match kind:
        case "meta":
            key = body["key"]
            return (
                key
                if key in ("iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup") and not set_
                else f"meta {key}"
            )
        case "ct":
            return " ".join(part for part in ("ct", body.get("dir", ""), str(body["key"])) if part)
        case "payload":
            if "protocol" in body:
                return f"{body['protocol']} {body['field']}"
            return f"@{body['base']},{body['offset']},{body['len']}"
        case "fib":
            flags = body["flags"]
            return f"fib {' . '.join([flags] if isinstance(flags, str) else flags)} {body['result']}"
        case "concat":
            return " . ".join(_expr(part) for part in body)
        case "rt" | "socket":
            return " ".join([kind, *([body["family"]] if "family" in body else []), body["key"]])
        case "map":
            return _map(body)
        case "exthdr" | "tcp option":
            words = [str(value) for value in body.values()]
            return " ".join(words if kind == "exthdr" and "field" in body else [kind, *words])
        case "numgen":
            return f"numgen {body['mode']} mod {body['mod']}"
        case "jhash" | "symhash":
            what = f" {_expr(body['expr'])}" if "expr" in body else ""
            return f"{kind}{what} mod {body['mod']}"
        case _ if kind in ARITHMETIC:
            return _arithmetic(kind, body, item)
        case _:
            return _plain(kind, body)


def _value(item: Any, like: Any) -> str:
    """What a field is set to: the data of a map are written as its other values are."""
    return _map(item["map"], like) if isinstance(item, dict) and "map" in item else _right(item, like)


def _map(body: dict[str, Any], like: Any = None) -> str:
    return f"{_expr(body['key'])} map {_right(body['data'], body['key'], like)}"


def _arithmetic(kind: str, body: list[Any], item: Any) -> str:
    sides = []
    for part in body:
        text = _expr(part) if isinstance(part, dict) else _right(part, item)
        inner = next(iter(part)) if isinstance(part, dict) else ""
        sides.append(f"({text})" if kind == "&" and inner in ("|", "^") else text)
    return f" {kind} ".join(sides)


def _key_name(like: Any) -> str:
    """The field whose values are printed: for quotes, and for numbers in hexadecimal."""
    while isinstance(like, dict):
        ((kind, body),) = like.items()
        if kind in ARITHMETIC:
            like = body[0]
        elif not isinstance(body, dict):
            return ""
        elif "base" in body:
            return RAW
        else:  # the result of `fib` is an interface, written in quotes like iif
            return next((str(body[name]) for name in ("key", "result", "field") if name in body), "")
    return ""


def _right(item: Any, like: Any, data_like: Any = None) -> str:
    """A value, written as values of ``like`` are; the data of a map's elements as those of ``data_like``."""
    key = _key_name(like)
    if isinstance(item, dict):
        if "set" in item:
            return "{ " + ", ".join(_element(one, like, data_like) for one in item["set"]) + " }"
        if "range" in item:
            # text has names of groups for single values only, JSON everywhere
            ends = [GROUPS.get(end, end) if key in GROUP_KEYS else end for end in item["range"]]
            return "-".join(_right(end, like) for end in ends)
        if "prefix" in item:
            return f"{item['prefix']['addr']}/{item['prefix']['len']}"
        if "|" in item and not any(isinstance(part, dict) for part in item["|"]):
            return " | ".join(_right(part, like) for part in item["|"])
        if "elem" in item:
            return _right(item["elem"]["val"], like)
        if "concat" in item:
            parts = like["concat"] if isinstance(like, dict) and "concat" in like else [None] * len(item["concat"])
            return " . ".join(_right(part, one) for part, one in zip(item["concat"], parts, strict=False))
        return _expr(item) if len(item) == 1 else str(item)
    if isinstance(item, list):
        return ",".join(_right(part, like) for part in item)
    if (key in QUOTED_KEYS and not str(item).startswith("@")) or (key in GROUP_KEYS and isinstance(item, str)):
        return f'"{item}"'
    if (key in BIT_KEYS or key in (RAW, "frag-off")) and isinstance(item, int):
        return f"{item:#x}"
    if key in HEX_KEYS and isinstance(item, int):
        return f"0x{item:08x}"
    return str(item)


def _element(one: Any, like: Any, data_like: Any) -> str:
    if isinstance(one, list):
        left, right = one
        verdict = statement(right) if isinstance(right, dict) and _is_verdict(right) else _right(right, data_like)
        return f"{_right(left, like)} : {verdict}"
    return _right(one, like)


def _is_verdict(item: dict[str, Any]) -> bool:
    return bool(item.keys() & {"accept", "drop", "return", "continue", "jump", "goto"})


def _reject(body: Any, family: str) -> str:
    kind, expr = (body or {}).get("type"), (body or {}).get("expr")
    usual = {"ip": "icmp", "ip6": "icmpv6"}.get(family, "icmpx")
    if kind is None or (kind == usual and expr == "port-unreachable"):
        return "reject"
    return f"reject with {kind}" + (f" {expr}" if expr else "")


def _nat(kind: str, body: dict[str, Any]) -> str:
    family = f" {body['family']}" if "family" in body else ""
    prefix = " prefix" if body.get("type_flags") == "prefix" else ""
    target = ""
    if "addr" in body:
        address = _right(body["addr"], None)
        target = f"[{address}]" if ":" in address and "port" in body and "{" not in address else address
    if "port" in body:
        target += f":{_right(body['port'], None)}"
    flags = body.get("flags", [])
    flags = [flags] if isinstance(flags, str) else flags
    shown = ",".join(flag for flag in flags if flag != "netmap" or not prefix)
    return f"{kind}{family}{prefix}" + (f" to {target}" if target else "") + (f" {shown}" if shown else "")


def _limit(body: Any) -> str:
    if isinstance(body, str):
        return f'limit name "{body}"'
    over = "over " if body.get("inv") else ""
    unit = f" {body['rate_unit']}" if "rate_unit" in body else ""
    burst = f" burst {body['burst']} {body.get('burst_unit', 'packets')}" if body.get("burst") else ""
    return f"limit rate {over}{body['rate']}{unit}/{body.get('per', 'second')}{burst}"


def _set_statement(body: dict[str, Any]) -> str:
    element = body["elem"]
    timeout = ""
    if isinstance(element, dict) and "elem" in element:
        if "timeout" in element["elem"]:
            timeout = f" timeout {_duration(element['elem']['timeout'])}"
        element = element["elem"]["val"]
    limits = "".join(f" {statement(one)}" for one in body.get("stmt", []))
    return f"{body['op']} {body['set']} {{ {_expr(element)}{timeout}{limits} }}"


def _duration(seconds: int) -> str:
    """``1h30m``: days, hours, minutes and seconds where there are any."""
    parts = (seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _quoted(key: str, value: Any) -> str:
    return f'"{value}"' if key == "prefix" else str(value)


def _plain(kind: str, body: Any) -> str:
    """Statements that are just words and numbers."""
    if kind == "quota" and isinstance(body, dict):
        return f"quota {'over ' if body.get('inv') else ''}{body.get('val')} {body.get('val_unit')}"
    if kind == "ct count" and isinstance(body, dict):
        return f"ct count {'over ' if body.get('inv') else ''}{body.get('val')}"
    if isinstance(body, dict):
        return " ".join([kind, *(f"{key} {value}" for key, value in body.items())])
    if isinstance(body, str):
        return f'{kind} name "{body}"'
    return kind
