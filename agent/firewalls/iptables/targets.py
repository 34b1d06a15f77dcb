"""Targets: one reader for each, from options to steps."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import ipset, names
from agent.model.firewall import (
    AddToSet,
    Assign,
    Binary,
    Dnat,
    Expr,
    Field,
    Literal,
    Notrack,
    NotUnderstood,
    Queue,
    Read,
    Reject,
    Simple,
    Snat,
    Step,
    Tproxy,
)
from agent.model.intervals import Intervals, prefix_interval

if TYPE_CHECKING:
    from agent.firewalls.iptables.matches import Context
    from agent.firewalls.iptables.save import Option

VERDICTS: Final = {"ACCEPT": Simple.ACCEPT, "DROP": Simple.DROP, "RETURN": Simple.RETURN}
NO_EFFECT: Final = frozenset({
    "AUDIT", "CHECKSUM", "CLASSIFY", "CONNSECMARK", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER", "LED", "LOG", "NFLOG",
    "RATEEST", "SECMARK", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TRACE", "TTL", "ULOG",
})  # fmt: skip
"""Targets that neither stop this packet nor change what a modelled match of a later rule sees."""
WORD: Final = 0xFFFFFFFF


def target(name: str, options: tuple[Option, ...], context: Context, chain: str) -> tuple[Step, ...]:
    """The steps of ``-j NAME``; chains of the table are the caller's business."""
    if name in VERDICTS:
        return (VERDICTS[name],)
    if name in NO_EFFECT:
        return ()
    by_name = {option.name: option.args[0] if option.args else "" for option in options}
    try:
        return _other(name, by_name, options, context, chain)
    except (ValueError, IndexError, KeyError) as error:
        return (NotUnderstood(f"-j {name}: {error}"),)


def _other(  # noqa: C901, PLR0912 - one case for each target
    name: str, by_name: dict[str, str], options: tuple[Option, ...], context: Context, chain: str
) -> tuple[Step, ...]:
    match name:
        case "REJECT":
            return (Reject(_reject(by_name.get("--reject-with", ""), context.family)),)
        case "QUEUE" | "NFQUEUE":
            return (Queue("--queue-bypass" in by_name),)
        case "MARK":
            return (Assign(Field.MARK, _marked(Field.MARK, by_name)),)
        case "CONNMARK":
            return _connmark(by_name)
        case "NOTRACK":
            return (Notrack.NOTRACK,)
        case "CT":
            return (Notrack.NOTRACK,) if "--notrack" in by_name else ()
        case "DNAT":
            addresses, ports = _destination(by_name["--to-destination"])
            return (Dnat(addresses, ports, family=context.family),)
        case "REDIRECT":
            ports = (
                Intervals.span(*names.numbers(by_name["--to-ports"], "-")) if "--to-ports" in by_name else Intervals()
            )
            return (Dnat(Intervals(), ports, redirect=True, family=context.family),)
        case "NETMAP":
            span = Intervals.span(*prefix_interval(by_name["--to"])[1])
            if chain in ("POSTROUTING", "INPUT"):
                return (Snat(span, Intervals()),)
            return (Dnat(span, Intervals(), netmap=True, family=context.family),)
        case "SNAT":
            return (Snat(*_destination(by_name["--to-source"])),)
        case "MASQUERADE":
            ports = (
                Intervals.span(*names.numbers(by_name["--to-ports"], "-")) if "--to-ports" in by_name else Intervals()
            )
            return (Snat(Intervals(), ports, masquerade=True),)
        case "TPROXY":
            return _tproxy(by_name)
        case "SET":
            return _set(options, context)
        case _:
            return (NotUnderstood(f"-j {name}"),)


def _reject(kind: str, family: int) -> str:
    if kind in ("tcp-reset", "tcp-rst"):
        return "tcp reset"
    word = kind.removeprefix("icmp6-").removeprefix("icmp-") or "port-unreachable"
    short = {"port-unreach": "port-unreachable", "net-unreach": "net-unreachable", "host-unreach": "host-unreachable",
             "adm-prohibited": "admin-prohibited", "proto-unreachable": "prot-unreachable"}  # fmt: skip
    return f"{'icmp' if family == 4 else 'icmpv6'} {short.get(word, word)}"


def _marked(where: Field, by_name: dict[str, str]) -> Expr:
    """The new mark: (old & ~mask) ^ value, or one of the short forms."""
    for option, op in (("--and-mark", "&"), ("--or-mark", "|"), ("--xor-mark", "^")):
        if option in by_name:
            return Binary(op, Read(where), Literal(int(by_name[option], 0)))
    if "--set-xmark" in by_name:
        value, mask = names.masked(by_name["--set-xmark"])
        kept = WORD ^ mask
    else:  # --set-mark: the mask's bits are cleared, then the value's bits are set
        value, mask = names.masked(by_name["--set-mark"])
        kept = WORD ^ (mask | value)
    return Literal(value) if kept == 0 else Binary("^", Binary("&", Read(where), Literal(kept)), Literal(value))


def _connmark(by_name: dict[str, str]) -> tuple[Step, ...]:
    """xt_connmark.c: save writes the packet's mark to the connection, restore the other way."""
    nfmask = int(by_name.get("--nfmask") or by_name.get("--mask") or "0xffffffff", 0)
    ctmask = int(by_name.get("--ctmask") or by_name.get("--mask") or "0xffffffff", 0)
    if "--save-mark" in by_name:
        return (Assign(Field.CT_MARK, _copied(Field.CT_MARK, ctmask, Field.MARK, nfmask)),)
    if "--restore-mark" in by_name:
        return (Assign(Field.MARK, _copied(Field.MARK, nfmask, Field.CT_MARK, ctmask)),)
    return (Assign(Field.CT_MARK, _marked(Field.CT_MARK, by_name)),)


def _copied(to: Field, cleared: int, source: Field, taken: int) -> Expr:
    new: Expr = Read(source) if taken == WORD else Binary("&", Read(source), Literal(taken))
    kept = WORD ^ cleared
    return new if kept == 0 else Binary("^", Binary("&", Read(to), Literal(kept)), new)


def _destination(text: str) -> tuple[Intervals, Intervals]:
    """``address[-address][:port[-port[/base]]]`` with brackets around IPv6; either part may be missing."""
    address, ports = text, ""
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        if rest.startswith("-["):
            last, _, rest = rest[2:].partition("]")
            address = f"{address}-{last}"
        ports = rest.removeprefix(":")
    elif text.count(":") == 1:
        address, _, ports = text.partition(":")
    found = Intervals()
    if address:
        low, _, high = address.partition("-")
        found = Intervals.span(int(ip_address(low)), int(ip_address(high or low)))
    return found, Intervals.span(*names.numbers(ports.partition("/")[0], "-")) if ports else Intervals()


def _tproxy(by_name: dict[str, str]) -> tuple[Step, ...]:
    steps: list[Step] = []
    if "--tproxy-mark" in by_name:
        value, mask = names.masked(by_name["--tproxy-mark"])
        steps.append(
            Assign(Field.MARK, Binary("^", Binary("&", Read(Field.MARK), Literal(WORD ^ mask)), Literal(value)))
        )
    port = int(by_name["--on-port"]) if "--on-port" in by_name else None
    address = int(ip_address(by_name["--on-ip"])) if "--on-ip" in by_name else None
    return (*steps, Tproxy(port, address, terminal=True))


def _set(options: tuple[Option, ...], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        if option.name in ("--add-set", "--del-set"):
            one = context.sets.get(option.args[0])
            directions = option.args[1].split(",")
            if one is not None and one.content is not None and one.dimensions != ("set",):
                steps.append(AddToSet(one.content, ipset.key(one, directions), option.name == "--del-set"))
    return tuple(steps)
