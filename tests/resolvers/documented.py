"""Names of settings as the programs document them, for those that cannot be installed here."""

from __future__ import annotations

from typing import Final

PIHOLE_6: Final = """
dns.upstreams dns.CNAMEdeepInspect dns.blockESNI dns.EDNS0ECS dns.ignoreLocalhost dns.showDNSSEC
dns.analyzeOnlyAandAAAA dns.piholePTR dns.replyWhenBusy dns.blockTTL dns.hosts dns.domainNeeded dns.expandHosts
dns.domain dns.domain.name dns.domain.local dns.bogusPriv dns.dnssec dns.interface dns.hostRecord dns.listeningMode
dns.queryLogging dns.cnameRecords dns.port dns.localise dns.revServers dns.cache.size dns.cache.optimizer
dns.cache.upstreamBlockedTTL dns.cache.rrtype dns.blocking.active dns.blocking.mode dns.blocking.edns
dns.specialDomains.mozillaCanary dns.specialDomains.iCloudPrivateRelay dns.specialDomains.designatedResolver
dns.reply.host.force4 dns.reply.host.IPv4 dns.reply.host.force6 dns.reply.host.IPv6 dns.reply.blocking.force4
dns.reply.blocking.IPv4 dns.reply.blocking.force6 dns.reply.blocking.IPv6 dns.rateLimit.count dns.rateLimit.interval
dhcp.active dhcp.start dhcp.end dhcp.router dhcp.netmask dhcp.leaseTime dhcp.ipv6 dhcp.rapidCommit dhcp.multiDNS
dhcp.logging dhcp.ignoreUnknownClients dhcp.hosts ntp.ipv4.active ntp.sync.active resolver.resolveIPv4
resolver.resolveIPv6 resolver.macNames resolver.networkNames resolver.refreshNames database.DBimport
database.maxDBdays database.DBinterval database.useWAL database.network.parseARPcache database.network.expire
webserver.domain webserver.acl webserver.port webserver.session.timeout webserver.tls.cert webserver.paths.webroot
webserver.interface.theme webserver.api.pwhash files.pid files.database files.gravity files.gravity_tmp
files.macvendor files.setupVars files.pcap files.log.ftl files.log.dnsmasq files.log.webserver misc.privacylevel
misc.delay_startup misc.nice misc.addr2line misc.etc_dnsmasq_d misc.dnsmasq_lines misc.extraLogging misc.readOnly
misc.normalizeCPU misc.hide_dnsmasq_warn misc.check.load misc.check.shmem misc.check.disk debug.database debug.all
"""
"""pihole.toml: github.com/pi-hole/FTL, test/pihole.toml."""

PIHOLE_5: Final = """
BLOCKINGMODE CNAME_DEEP_INSPECT BLOCK_ESNI EDNS0_ECS RATE_LIMIT LOCAL_IPV4 LOCAL_IPV6 BLOCK_IPV4 BLOCK_IPV6
REPLY_WHEN_BUSY MOZILLA_CANARY BLOCK_TTL BLOCK_ICLOUD_PR MAXLOGAGE PRIVACYLEVEL IGNORE_LOCALHOST AAAA_QUERY_ANALYSIS
ANALYZE_ONLY_A_AND_AAAA SHOW_DNSSEC SOCKET_LISTENING FTLPORT RESOLVE_IPV6 RESOLVE_IPV4 PIHOLE_PTR DELAY_STARTUP NICE
MAXNETAGE NAMES_FROM_NETDB REFRESH_HOSTNAMES PARSE_ARP_CACHE CHECK_LOAD CHECK_SHMEM CHECK_DISK DBIMPORT MAXDBDAYS
DBINTERVAL DBFILE LOGFILE PIDFILE PORTFILE SOCKETFILE SETUPVARSFILE MACVENDORDB GRAVITYDB
"""
"""pihole-FTL.conf: github.com/pi-hole/docs, docs/ftldns/configfile.md."""
