"""The keywords of danted.conf(5), Dante 1.4.2, by what they mean for a required name.

Some keywords with dots stand for many: ``cpu`` for ``cpu.mask.io``.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    client socks pass block internal external external.protocol socksmethod clientmethod method from to port command
    protocol proxyprotocol user group route via resolveprotocol srchost libwrap libwrap.hosts_access session
""")
"""Read, and followed; those who log in, ident, libwrap's own files and limits are open there."""

HARMLESS: Final = _names("""
    bandwidth child clientcompatibility compatibility cpu debug errorlog extension external.alarm external.log
    external.rotation gssapi.enctype gssapi.keytab gssapi.servicename bsdauth.stylename internal.alarm internal.log
    internal.protocol log logoutput monitor pam.servicename alarm realm timeout.connect timeout.io timeout.io.tcp
    timeout.io.udp timeout.negotiate timeout.tcp_fin_wait udp.connectdst udp.portrange user.libwrap user.notprivileged
    user.privileged user.unprivileged ip_portrange ip_tos connecttimeout iotimeout
""")
"""Cannot change whether a name passes: logs, times to wait, users of the system, UDP, ways to log in."""

OPEN: Final = {
    "hostid": "clients are told apart by a number in their TCP header",
    "hostindex": "clients are told apart by a number in their TCP header",
    "ldap": "a directory is asked about who logs in",
    "libwrap.allow": "libwrap reads a file of its own",
    "libwrap.deny": "libwrap reads a file of its own",
    "redirect": "connections are sent elsewhere",
    "external.ip": "an option of outgoing connections",
    "external.socket": "an option of outgoing connections",
    "external.tcp": "an option of outgoing connections",
    "external.udp": "an option of outgoing connections",
    "internal.ip": "an option of clients' connections",
    "internal.socket": "an option of clients' connections",
    "internal.tcp": "an option of clients' connections",
    "internal.udp": "an option of clients' connections",
}
"""Not followed, and why that may matter."""

SOCKET_OPTIONS: Final = _names("""
    ip_tos ip_portrange so_broadcast so_keepalive so_oobinline so_priority so_rcvbuf so_rcvbufforce so_sndbuf
    so_sndbufforce tcp_cork tcp_keepcnt tcp_keepidle tcp_keepintvl tcp_nodelay udp_cork
""")
"""Those that only make connections slower or faster."""

_METHODS: Final = _names("bsdauth gssapi none pam pam.address pam.any pam.username rfc931 username")
WORDS: Final = {
    "clientmethod": _METHODS,
    "command": _names("bind bindreply connect udpassociate udpreply"),
    "log": _names("connect data disconnect error ioop iooperation tcpinfo"),
    "method": _METHODS,
    "protocol": _names("fake tcp udp"),
    "proxyprotocol": _names("http http_v1.0 socks_v4 socks_v5 upnp"),
    "socksmethod": _METHODS,
}
"""Values of which there are no others."""

TABLES: Final = (MODELLED, HARMLESS, OPEN.keys())

SERVICES: Final = {
    "domain": 53, "ftp": 21, "ftp-data": 20, "http": 80, "http-alt": 8080, "https": 443, "imap": 143, "imap2": 143,
    "imaps": 993, "ldap": 389, "ldaps": 636, "nntp": 119, "ntp": 123, "pop3": 110, "pop3s": 995, "smtp": 25,
    "socks": 1080, "ssh": 22, "submission": 587, "telnet": 23, "webcache": 8080, "www": 80, "xmpp-client": 5222,
}  # fmt: skip
"""Names of ports that every system's /etc/services has."""


FAMILIES: Final = _names("""
    alarm cpu external.alarm external.ip external.log external.socket external.tcp external.udp internal.alarm
    internal.ip internal.log internal.socket internal.tcp internal.udp ldap session
""")
"""What keywords with more dots may begin with."""


def entry(name: str) -> str:
    """Give the name under which a keyword is listed in a table; empty where it is in none."""
    parts = name.split(".")
    if parts[0] in ("internal", "external") and len(parts) > 2 and parts[2] in SOCKET_OPTIONS:
        return "ip_tos"
    if any(name in table for table in TABLES):
        return name
    return next((one for one in (".".join(parts[:2]), parts[0]) if one in FAMILIES), "")
