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

ADGUARD_HOME: Final = """
http.pprof.port http.pprof.enabled http.address http.session_ttl users auth_attempts block_auth_min http_proxy language
theme dns.bind_hosts dns.port dns.anonymize_client_ip dns.ratelimit dns.ratelimit_subnet_len_ipv4
dns.ratelimit_subnet_len_ipv6 dns.ratelimit_whitelist dns.refuse_any dns.upstream_dns dns.upstream_dns_file
dns.bootstrap_dns dns.fallback_dns dns.upstream_mode dns.all_servers dns.fastest_addr dns.fastest_timeout
dns.allowed_clients dns.disallowed_clients dns.blocked_hosts dns.trusted_proxies dns.cache_enabled dns.cache_size
dns.cache_ttl_min dns.cache_ttl_max dns.cache_optimistic dns.bogus_nxdomain dns.aaaa_disabled dns.enable_dnssec
dns.edns_client_subnet.custom_ip dns.edns_client_subnet.enabled dns.max_goroutines dns.handle_ddr dns.ipset
dns.ipset_file dns.bootstrap_prefer_ipv6 dns.upstream_timeout dns.private_networks dns.use_private_ptr_resolvers
dns.local_ptr_upstreams dns.use_dns64 dns.dns64_prefixes dns.serve_http3 dns.use_http3_upstreams dns.serve_plain_dns
dns.hostsfile_enabled dns.pending_requests.enabled dns.protection_enabled dns.blocking_mode dns.blocking_ipv4
dns.blocking_ipv6 dns.blocked_response_ttl dns.protection_disabled_until dns.parental_block_host
dns.safebrowsing_block_host dns.filtering_enabled dns.filters_update_interval dns.parental_enabled
dns.safebrowsing_enabled dns.safebrowsing_cache_size dns.safesearch_cache_size dns.parental_cache_size dns.cache_time
dns.safe_search.enabled dns.rewrites dns.blocked_services tls.enabled tls.server_name tls.port_dns_over_tls
querylog.enabled querylog.interval statistics.enabled filters whitelist_filters user_rules dhcp.enabled
dhcp.interface_name dhcp.local_domain_name dhcp.dhcpv4.gateway_ip dhcp.dhcpv6.range_start filtering.blocking_ipv4
filtering.blocking_ipv6 filtering.blocked_services.schedule.time_zone filtering.blocked_services.ids
filtering.protection_disabled_until filtering.safe_search.enabled filtering.safe_search.bing filtering.blocking_mode
filtering.parental_block_host filtering.safebrowsing_block_host filtering.rewrites filtering.rewrites_enabled
filtering.safe_fs_patterns filtering.safebrowsing_cache_size filtering.safesearch_cache_size
filtering.parental_cache_size filtering.cache_time filtering.filters_update_interval filtering.blocked_response_ttl
filtering.filtering_enabled filtering.parental_enabled filtering.safebrowsing_enabled filtering.protection_enabled
clients.runtime_sources.whois clients.runtime_sources.arp clients.runtime_sources.hosts clients.persistent log.enabled
log.file log.verbose os.group os.user os.rlimit_nofile schema_version
"""
"""AdGuardHome.yaml: github.com/AdguardTeam/AdGuardHome, wiki, page Configuration."""
