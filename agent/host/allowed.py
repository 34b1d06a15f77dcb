"""What may be asked of a host. All of it only reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.host.inside import split

if TYPE_CHECKING:
    from agent.snapshot import Rows

COMMANDS: Final = frozenset({
    ("nft", "-j", "-t", "list", "ruleset"),
    ("iptables-legacy-save",),
    ("ip6tables-legacy-save",),
    ("iptables-nft-save",),
    ("ip6tables-nft-save",),
    ("iptables-save",),
    ("ip6tables-save",),
    ("ipset", "save"),
    ("ip", "-j", "-d", "addr", "show"),
    ("ip", "-j", "-4", "route", "show", "table", "all"),
    ("ip", "-j", "-6", "route", "show", "table", "all"),
    ("ip", "-j", "-4", "rule", "show"),
    ("ip", "-j", "-6", "rule", "show"),
    ("systemctl", "show-environment"),
})  # fmt: skip
_SET: Final = re.compile(
    r"nft -j list (?:set|map) (?:inet|ip|ip6|netdev|bridge|arp) [A-Za-z][\w/.\\]* [A-Za-z][\w/.\\]*"
)
"""The elements of one set (nft's scanner: letters, digits, and ``/ \\ _ .``)."""


def may_ask(argv: tuple[str, ...]) -> bool:
    """Whether a command is one that only reads."""
    return argv in COMMANDS or _SET.fullmatch(" ".join(argv)) is not None


COLUMNS: Final = {
    "gravity": {"domain", "adlist_id"},
    "antigravity": {"domain", "adlist_id"},
    "domainlist": {"id", "type", "domain", "enabled"},
    "domainlist_by_group": {"domainlist_id", "group_id"},
    "adlist": {"id", "address", "enabled"},
    "adlist_by_group": {"adlist_id", "group_id"},
    "client": {"id", "ip"},
    "client_by_group": {"client_id", "group_id"},
    "group": {"id", "enabled", "name"},
    "info": {"property", "value"},
}
"""Tables of databases, and what of them may be asked: no comments, which are for people."""


def may_select(rows: Rows) -> bool:
    """Whether these columns may be read of a database."""
    return rows.columns != () and COLUMNS.get(rows.table, set()) >= set(rows.columns)


FILES: Final = (
    "/proc/modules",
    "/proc/net/ip_tables_names",
    "/proc/net/ip6_tables_names",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/conf/*/forwarding",
    "/proc/sys/net/ipv4/conf/*/rp_filter",
    "/proc/sys/net/ipv4/conf/*/src_valid_mark",
    "/proc/sys/net/ipv6/conf/*/forwarding",
    "/proc/sys/net/bridge/bridge-nf-call-*",
    "/proc/sys/net/netfilter/nf_conntrack_tcp_loose",
)
"""What the kernel says."""
_CONFIGURATION: Final = re.compile(r"/(?:etc|usr|lib|var|opt|run|srv|tmp|home|nix|www)(?:/(?!\.\.(?:/|$))[^/\0\n]+)+")
"""Where programs keep configuration and lists, and what their configuration may name."""
_SECRET: Final = re.compile(
    r"/(?:g?shadow-?|opasswd|sudoers[^/]*)$|/(?:private|\.ssh|\.gnupg|secrets?)/|/ssh/|\.(?:key|keytab|p12|pfx|jks)$|_key$"
    r"|htpasswd|/id_[a-z0-9]+$"
)


def may_read(pattern: str) -> bool:
    """Whether a file, or what matches a pattern, may be read: never what is there to be kept secret."""
    return pattern in FILES or is_configuration(pattern)


def is_configuration(path: str) -> bool:
    """Whether a path, or a pattern, is where configuration is kept, and no secret; in a container as well."""
    _, path = split(path)
    return bool(_CONFIGURATION.fullmatch(path) and not _SECRET.search(path))


DENIED: Final = re.compile(
    r"permission denied|operation not permitted|must be root|you need to be root|not permitted|\bEPERM\b", re.IGNORECASE
)
UNSUPPORTED: Final = re.compile(
    r"table does not exist|can't initialize|no such file or directory|protocol not supported|not supported by kernel"
    r"|cannot open session to kernel|not been booted with systemd|failed to connect to bus",
    re.IGNORECASE,
)
"""What programs say when the kernel has no such thing: a fact, like a missing program."""
