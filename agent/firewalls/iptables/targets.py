"""Targets: one reader for each, from options to steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.firewalls.iptables import names, nat, setmatch
from agent.firewalls.iptables.context import READ
from agent.firewalls.iptables.headers import address, dscp_value
from agent.model.expression import Binary, Expr, Field, Literal, Opaque
from agent.model.firewall import Assign, Notrack, NotUnderstood, Queue, Reject, Simple, Step, Tproxy, Uncertain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.firewalls.iptables.context import Context
    from agent.firewalls.iptables.save import Option

WORD: Final = 0xFFFFFFFF
CONSTANT: Final[dict[str, tuple[Step, ...]]] = {
    "ACCEPT": (Simple.ACCEPT,),
    "DROP": (Simple.DROP,),
    "RETURN": (Simple.RETURN,),
    "NOTRACK": (Notrack.NOTRACK,),
    "QUEUE": (Queue(),),
    "STEAL": (Simple.DROP,),
    "TARPIT": (Simple.DROP,),  # it answers, but lets nothing through
    # nodes of a cluster share an address; each drops what is another's
    "CLUSTERIP": (Uncertain("CLUSTERIP: another node's packet"), Simple.DROP),
    "DNPT": (Assign(Field.DADDR, Opaque("DNPT")),),  # sixteen of the host's bits come from a checksum
    "SNPT": (Assign(Field.SADDR, Opaque("SNPT")),),
    "HMARK": (Assign(Field.MARK, Opaque("HMARK")),),
    "IPMARK": (Assign(Field.MARK, Opaque("IPMARK")),),
    "TOS": (Assign(Field.DSCP, Opaque("TOS")),),
}
"""Targets whose options do not change what is modelled of them."""
BARE: Final = frozenset({"ACCEPT", "DROP", "RETURN", "NOTRACK"})
"""Targets without options: what stands behind one would narrow the rule, so it must not be passed over."""

NO_EFFECT: Final = frozenset({
    "ACCOUNT", "AUDIT", "CHECKSUM", "CLASSIFY", "CONNSECMARK", "ECN", "FLOWOFFLOAD", "IDLETIMER", "LED", "LOG",
    "LOGMARK", "NFLOG", "RATEEST", "SECMARK", "TCPMSS", "TCPOPTSTRIP", "TEE", "TRACE", "ULOG",
})  # fmt: skip
"""Targets that neither stop this packet nor change what a later rule sees."""

REJECTS: Final = {
    4: {
        "icmp-net-unreachable": "net-unreachable", "net-unreach": "net-unreachable",
        "icmp-host-unreachable": "host-unreachable", "host-unreach": "host-unreachable",
        "icmp-proto-unreachable": "prot-unreachable", "proto-unreach": "prot-unreachable",
        "icmp-port-unreachable": "port-unreachable", "port-unreach": "port-unreachable",
        "icmp-net-prohibited": "net-prohibited", "net-prohib": "net-prohibited",
        "icmp-host-prohibited": "host-prohibited", "host-prohib": "host-prohibited",
        "icmp-admin-prohibited": "admin-prohibited", "admin-prohib": "admin-prohibited",
    },
    6: {
        "icmp6-no-route": "no-route", "no-route": "no-route",
        "icmp6-adm-prohibited": "admin-prohibited", "adm-prohibited": "admin-prohibited",
        "icmp6-addr-unreachable": "addr-unreachable", "addr-unreach": "addr-unreachable",
        "icmp6-port-unreachable": "port-unreachable", "port-unreach": "port-unreachable",
        "icmp6-policy-fail": "policy-fail", "policy-fail": "policy-fail",
        "icmp6-reject-route": "reject-route", "reject-route": "reject-route",
    },
}  # fmt: skip
"""The names of iptables (libipt_REJECT.c, libip6t_REJECT.c), and those of nftables."""


def target(name: str, options: Sequence[Option], context: Context, chain: str) -> tuple[Step, ...]:
    """The steps of ``-j NAME``, its options under the names of options.py; chains are the caller's business."""
    if name in NO_EFFECT:
        return ()
    if options and name in BARE:
        return (NotUnderstood(" ".join([f"-j {name}", *map(str, options)])),)
    constant = CONSTANT.get(name)
    if constant is not None:
        return constant
    values = {option.name: option.args[0] if option.args else "" for option in options}
    try:
        return _other(name, values, options, context, chain)
    except (ValueError, IndexError, KeyError) as error:
        text = " ".join([name, *map(str, options)])
        reason = error if isinstance(error, ValueError) else "an argument is missing, or not known"
        return (NotUnderstood(f"-j {text}: {reason}"),)


def _other(
    name: str, values: Mapping[str, str], options: Sequence[Option], context: Context, chain: str
) -> tuple[Step, ...]:
    match name:
        case "REJECT":
            return (Reject(_reject(values.get("--reject-with", ""), context.family)),)
        case "NFQUEUE":
            return (Queue("--queue-bypass" in values),)
        case "MARK":
            return (Assign(Field.MARK, _marked(Field.MARK, values)),)
        case "CONNMARK":
            return (_connmark(values),)
        case "CT":
            return (Notrack.NOTRACK,) if "--notrack" in values else ()
        case "DNAT" | "REDIRECT" | "NETMAP" | "SNAT" | "MASQUERADE":
            return nat.mapping(name, options, context.family, chain)
        case "TPROXY":
            return _tproxy(values, context.family)
        case "SET":
            return _set(options, context)
        case "DSCP":
            text = values.get("--set-dscp") or values["--set-dscp-class"]
            return (Assign(Field.DSCP, Literal(dscp_value(text))),)
        case "TTL" | "HL":
            text = values.get("--ttl-set") or values.get("--hl-set") or ""
            return (Assign(Field.TTL, Literal(int(text, 0)) if text else Opaque(name)),)
        case _:
            return (NotUnderstood(" ".join([f"-j {name}", *map(str, options)])),)


def _reject(kind: str, family: int) -> str:
    if kind in ("tcp-reset", "tcp-rst"):
        return "tcp reset"
    word = REJECTS[family][kind] if kind else "port-unreachable"
    return f"{'icmp' if family == 4 else 'icmpv6'} {word}"


def _marked(where: Field, values: Mapping[str, str]) -> Expr:
    """The new mark: (old & ~mask) ^ value (mark_tg in xt_mark.c), or one of the short forms."""
    for option, op in (("--and-mark", "&"), ("--or-mark", "|"), ("--xor-mark", "^")):
        if option in values:
            return Binary(op, READ[where], Literal(int(values[option], 0)))
    if "--set-xmark" in values:
        value, mask = names.masked(values["--set-xmark"])
    else:  # --set-mark clears the mask's bits, and sets the value's
        value, mask = names.masked(values["--set-mark"])
        mask |= value
    return _replaced(where, WORD ^ mask, Literal(value))


def _replaced(where: Field, kept: int, new: Expr) -> Expr:
    return new if kept == 0 else Binary("^", Binary("&", READ[where], Literal(kept)), new)


def _connmark(values: Mapping[str, str]) -> Step:
    """connmark_tg in xt_connmark.c: save writes the packet's mark to the connection, restore the other way."""
    restores = "--restore-mark" in values
    if "--left-shift-mark" in values or "--right-shift-mark" in values:
        return Assign(Field.MARK if restores else Field.CT_MARK, Opaque("CONNMARK with a shift"))
    mask = values.get("--mask", "0xffffffff")
    nfmask, ctmask = int(values.get("--nfmask", mask), 0), int(values.get("--ctmask", mask), 0)
    if restores:
        return Assign(Field.MARK, _replaced(Field.MARK, WORD ^ nfmask, _taken(Field.CT_MARK, ctmask)))
    if "--save-mark" in values:
        return Assign(Field.CT_MARK, _replaced(Field.CT_MARK, WORD ^ ctmask, _taken(Field.MARK, nfmask)))
    return Assign(Field.CT_MARK, _marked(Field.CT_MARK, values))


def _taken(where: Field, mask: int) -> Expr:
    return READ[where] if mask == WORD else Binary("&", READ[where], Literal(mask))


def _tproxy(values: Mapping[str, str], family: int) -> tuple[Step, ...]:
    """With a listening socket the mark is set and the packet accepted; without, it is dropped."""
    steps: list[Step] = []
    if "--tproxy-mark" in values:
        value, mask = names.masked(values["--tproxy-mark"])
        steps.append(Assign(Field.MARK, _replaced(Field.MARK, WORD ^ mask, Literal(value))))
    port = int(values["--on-port"]) if "--on-port" in values else 0
    where = address(values["--on-ip"], family) if "--on-ip" in values else 0
    return (*steps, Tproxy(port or None, where or None, terminal=True))


def _set(options: Sequence[Option], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    for option in options:
        if option.name in ("--add-set", "--del-set"):
            directions = option.args[1].split(",")
            steps += setmatch.change(context, option.args[0], directions, delete=option.name == "--del-set")
        elif option.name == "--map-mark":  # the element's own mark
            steps.append(Assign(Field.MARK, Opaque("mark of a set's element")))
    return tuple(steps)
