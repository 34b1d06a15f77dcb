"""What may be asked of a host. All of it only reads."""

from __future__ import annotations

import re
from typing import Final

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


FILES: Final = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/environment",
    "/etc/profile.d/*.sh",
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/*",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
    "/etc/ufw/ufw.conf",
    "/etc/dnsmasq.conf",
    "/etc/dnsmasq.d/*",
    "/tmp/etc/dnsmasq.conf.*",  # noqa: S108 - where OpenWrt keeps it; it is only read
    "/var/etc/dnsmasq.conf.*",
    "/etc/unbound/unbound.conf",
    "/etc/unbound/unbound.conf.d/*.conf",
    "/etc/nftables.conf",
    "/etc/nftables.d/*",
    "/etc/nftables/*",
    "/etc/iptables/*",
    "/etc/iptables.rules",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
    "/etc/sysconfig/nftables.conf",
    "/etc/firewall",
    "/etc/firewall.sh",
    "/etc/firewall.user",
    "/etc/firewall/*",
    "/etc/init.d/*firewall*",
    "/etc/init.d/*iptables*",
    "/etc/rc.local",
    "/etc/network/if-pre-up.d/*",
    "/etc/network/if-up.d/*",
    "/etc/NetworkManager/dispatcher.d/*",
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
DENIED: Final = re.compile(
    r"permission denied|operation not permitted|must be root|you need to be root|not permitted|\bEPERM\b", re.IGNORECASE
)
UNSUPPORTED: Final = re.compile(
    r"table does not exist|can't initialize|no such file or directory|protocol not supported|not supported by kernel"
    r"|cannot open session to kernel|not been booted with systemd|failed to connect to bus",
    re.IGNORECASE,
)
"""What programs say when the kernel has no such thing: a fact, like a missing program."""
