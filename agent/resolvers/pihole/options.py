"""The settings of Pi-hole 6 (pihole.toml) and 5 (pihole-FTL.conf, setupVars.conf), by what they mean for a name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    dns.CNAMEdeepInspect dns.blocking.active dns.blocking.mode dns.reply.blocking files.gravity
    dns.specialDomains.mozillaCanary dns.specialDomains.iCloudPrivateRelay
    dns.upstreams dns.hosts dns.domainNeeded dns.expandHosts dns.domain dns.hostRecord dns.interface dns.listeningMode
    dns.cnameRecords dns.port dns.revServers misc.etc_dnsmasq_d misc.dnsmasq_lines
    BLOCKINGMODE CNAME_DEEP_INSPECT BLOCK_IPV4 BLOCK_IPV6 REPLY_ADDR4 REPLY_ADDR6 MOZILLA_CANARY BLOCK_ICLOUD_PR
    GRAVITYDB SETUPVARSFILE BLOCKING_ENABLED
""")
"""Read, and followed; what is about dnsmasq is read where FTL writes it down for the dnsmasq in itself."""

HARMLESS: Final = _names("""
    dns.blockESNI dns.EDNS0ECS dns.ignoreLocalhost dns.showDNSSEC dns.analyzeOnlyAandAAAA dns.piholePTR
    dns.replyWhenBusy dns.blockTTL dns.bogusPriv dns.dnssec dns.queryLogging dns.localise dns.cache dns.blocking.edns
    dns.specialDomains.designatedResolver dns.reply.host dns.rateLimit
    dhcp ntp resolver database webserver debug
    files.pid files.database files.gravity_tmp files.macvendor files.setupVars files.pcap files.log
    misc.delay_startup misc.nice misc.addr2line misc.extraLogging misc.readOnly misc.normalizeCPU misc.check
    misc.hide_dnsmasq_warn misc.hide_connection_error
    BLOCK_ESNI EDNS0_ECS RATE_LIMIT LOCAL_IPV4 LOCAL_IPV6 REPLY_WHEN_BUSY BLOCK_TTL MAXLOGAGE
    IGNORE_LOCALHOST AAAA_QUERY_ANALYSIS ANALYZE_ONLY_A_AND_AAAA SHOW_DNSSEC SOCKET_LISTENING FTLPORT RESOLVE_IPV6
    RESOLVE_IPV4 PIHOLE_PTR DELAY_STARTUP NICE MAXNETAGE NAMES_FROM_NETDB REFRESH_HOSTNAMES PARSE_ARP_CACHE CHECK_LOAD
    CHECK_SHMEM CHECK_DISK ADDR2LINE DBIMPORT MAXDBDAYS DBINTERVAL DBFILE LOGFILE PIDFILE PORTFILE SOCKETFILE
    MACVENDORDB
""")
"""Cannot change whether a public name gets its addresses: logs, statistics, caches, limits on the number of questions,
DHCP, the web page, names of this host, DNSSEC (names that do not validate fail for everybody). Of a group, all."""

OPEN: Final = {
    "misc.privacylevel": "at the highest level of privacy questions are not looked at",
    "PRIVACYLEVEL": "at the highest level of privacy questions are not looked at",
}
"""Not followed, and why that may matter."""

WELL: Final = {"misc.privacylevel": _names("0 1 2"), "PRIVACYLEVEL": _names("0 1 2")}
"""Values of these that do not matter."""


def is_in(key: str, table: frozenset[str]) -> bool:
    """Whether a setting, or a group that it is in, is in a table."""
    return any(key.rsplit(".", depth)[0] in table for depth in range(key.count(".") + 1))


def doubt_about(key: str, value: str) -> str:
    """Why it matters that a setting is not followed; empty where it does not."""
    if is_in(key, MODELLED | HARMLESS) or key.startswith("DEBUG_") or value in WELL.get(key, ()):
        return ""
    return OPEN.get(key, "unknown setting")
