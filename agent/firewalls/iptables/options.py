"""Which options each extension takes, by their names and aliases (the option tables of extensions/lib*.c).

iptables takes any unambiguous beginning of an option's name, and lets an option stand away from its ``-m``.
"""

from __future__ import annotations

from typing import Final

_PORTS: Final = {
    "--sport": "--sport", "--source-port": "--sport", "--dport": "--dport", "--destination-port": "--dport",
}  # fmt: skip


def _own(*names: str) -> dict[str, str]:
    return {name: name for name in names}


MATCHES: Final[dict[str, dict[str, str]]] = {
    "addrtype": _own("--src-type", "--dst-type", "--limit-iface-in", "--limit-iface-out"),
    "comment": _own("--comment"),
    "connmark": _own("--mark"),
    "conntrack": _own(
        "--ctstate", "--ctproto", "--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst", "--ctorigsrcport",
        "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport", "--ctstatus", "--ctexpire", "--ctdir",
    ),
    "dccp": _PORTS | _own("--dccp-types", "--dccp-option"),
    "dscp": _own("--dscp", "--dscp-class"),
    "hl": {"--hl": "-eq", "--hl-eq": "-eq", "--hl-lt": "-lt", "--hl-gt": "-gt"},
    "icmp": _own("--icmp-type"),
    "icmp6": {"--icmpv6-type": "--icmp-type"},
    "iprange": _own("--src-range", "--dst-range"),
    "length": _own("--length"),
    "mac": _own("--mac-source"),
    "mark": _own("--mark"),
    "multiport": _own("--ports") | {
        "--sports": "--sport", "--source-ports": "--sport", "--dports": "--dport", "--destination-ports": "--dport",
    },
    "owner": _own(
        "--uid-owner", "--gid-owner", "--socket-exists", "--suppl-groups", "--pid-owner", "--sid-owner", "--cmd-owner",
    ),
    "pkttype": _own("--pkt-type"),
    "recent": _own(
        "--set", "--rcheck", "--update", "--remove", "--seconds", "--reap", "--hitcount", "--rttl", "--name",
        "--rsource", "--rdest", "--mask",
    ),
    "rpfilter": _own("--loose", "--validmark", "--accept-local", "--invert"),
    "sctp": _PORTS | _own("--chunk-types"),
    "set": {"--match-set": "--match-set", "--set": "--match-set"} | _own(
        "--return-nomatch", "--update-counters", "--update-subcounters", "--packets-eq", "--packets-lt",
        "--packets-gt", "--bytes-eq", "--bytes-lt", "--bytes-gt",
    ),
    "state": {"--state": "--ctstate"},
    "tcp": _PORTS | _own("--tcp-flags", "--syn", "--tcp-option"),
    "ttl": {"--ttl": "-eq", "--ttl-eq": "-eq", "--ttl-lt": "-lt", "--ttl-gt": "-gt"},
    "udp": _PORTS,
    "udplite": _PORTS,
}  # fmt: skip
"""The extensions that are modelled: each option's name or alias, and the name that their readers use."""

SYNONYMS: Final = {"icmpv6": "icmp6", "ipv6-icmp": "icmp6", "mport": "multiport"}
OF_PROTOCOL: Final = {
    1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmp6", 132: "sctp", 135: "mh",
    136: "udplite",
}  # fmt: skip
"""The extension that ``-p`` brings with it."""

TARGETS: Final[dict[str, dict[str, str]]] = {
    "CONNMARK": _own(
        "--set-mark", "--set-xmark", "--and-mark", "--or-mark", "--xor-mark", "--save-mark", "--restore-mark",
        "--nfmask", "--ctmask", "--mask", "--left-shift-mark", "--right-shift-mark",
    ),
    "CT": _own(
        "--notrack", "--helper", "--timeout", "--ctevents", "--expevents", "--zone", "--zone-orig", "--zone-reply",
    ),
    "DNAT": _own("--to-destination", "--random", "--persistent"),
    "DSCP": _own("--set-dscp", "--set-dscp-class"),
    "HL": _own("--hl-set", "--hl-inc", "--hl-dec"),
    "MARK": _own("--set-mark", "--set-xmark", "--and-mark", "--or-mark", "--xor-mark"),
    "MASQUERADE": _own("--to-ports", "--random", "--random-fully"),
    "NETMAP": _own("--to"),
    "NFQUEUE": _own("--queue-num", "--queue-balance", "--queue-bypass", "--queue-cpu-fanout"),
    "REDIRECT": _own("--to-ports", "--random"),
    "REJECT": _own("--reject-with"),
    "SET": _own(
        "--add-set", "--del-set", "--map-set", "--exist", "--timeout", "--map-mark", "--map-prio", "--map-queue",
    ),
    "SNAT": _own("--to-source", "--random", "--random-fully", "--persistent"),
    "TPROXY": _own("--on-port", "--on-ip", "--tproxy-mark"),
    "TTL": _own("--ttl-set", "--ttl-inc", "--ttl-dec"),
}  # fmt: skip


def match_option(extension: str, name: str, *, whole: bool = False) -> str | None:
    """The reader's name of a match's option, None where it has no such; ``whole`` takes no abbreviation."""
    own = MATCHES[extension].get(name)
    return own if own is not None or whole else _beginning(MATCHES, extension, name)


def target_option(target: str, name: str) -> str | None:
    """The reader's name of a target's option, None where it has no such."""
    return TARGETS.get(target, {}).get(name) or _beginning(TARGETS, target, name)


def _beginning(tables: dict[str, dict[str, str]], extension: str, name: str) -> str | None:
    found = {own for alias, own in tables.get(extension, {}).items() if alias.startswith(name)}
    return found.pop() if len(found) == 1 and len(name) > 3 else None
