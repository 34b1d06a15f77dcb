"""The settings of AdGuardHome.yaml up to version 0.107, by what they mean for a required name."""

from __future__ import annotations

from typing import Any, Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILTERING: Final = _names("""
    protection_enabled filtering_enabled blocking_mode blocking_ipv4 blocking_ipv6 parental_enabled
    safebrowsing_enabled safe_search safesearch_enabled rewrites rewrites_enabled blocked_services
""")
_OF_FILTERING: Final = _names("""
    blocked_response_ttl parental_block_host safebrowsing_block_host protection_disabled_until filters_update_interval
    safebrowsing_cache_size safesearch_cache_size parental_cache_size cache_time safe_fs_patterns
""")

MODELLED: Final = frozenset(f"{group}.{name}" for group in ("dns", "filtering") for name in _FILTERING) | _names("""
        dns.bind_hosts dns.bind_host dns.port dns.upstream_dns dns.upstream_dns_file dns.allowed_clients
        dns.disallowed_clients dns.blocked_hosts dns.aaaa_disabled dns.bogus_nxdomain dns.hostsfile_enabled
        dns.serve_plain_dns filters whitelist_filters user_rules clients
        dhcp.enabled dhcp.local_domain_name
    """)
"""Read, and followed."""

HARMLESS: Final = frozenset(f"{group}.{name}" for group in ("dns", "filtering") for name in _OF_FILTERING) | _names("""
        http users auth_attempts block_auth_min http_proxy language theme rlimit_nofile debug_pprof web_session_ttl
        bind_host bind_port tls querylog statistics log os schema_version log_file
        log_max_backups log_max_size log_max_age log_compress log_localtime verbose
        dhcp.interface_name dhcp.dhcpv4 dhcp.dhcpv6 dhcp.gateway_ip
        dns.anonymize_client_ip dns.ratelimit dns.ratelimit_subnet_len_ipv4 dns.ratelimit_subnet_len_ipv6
        dns.ratelimit_whitelist dns.refuse_any dns.bootstrap_dns dns.fallback_dns dns.upstream_mode dns.all_servers
        dns.fastest_addr dns.fastest_timeout dns.trusted_proxies dns.cache_enabled dns.cache_size dns.cache_ttl_min
        dns.cache_ttl_max dns.cache_optimistic dns.cache_optimistic_answer_ttl dns.cache_optimistic_max_age
        dns.enable_dnssec dns.edns_client_subnet dns.max_goroutines dns.handle_ddr dns.ipset dns.ipset_file
        dns.bootstrap_prefer_ipv6 dns.upstream_timeout dns.private_networks dns.use_private_ptr_resolvers
        dns.local_ptr_upstreams dns.use_dns64 dns.dns64_prefixes dns.serve_http3 dns.use_http3_upstreams
        dns.pending_requests dns.local_domain_name dns.resolve_clients dns.querylog_enabled dns.querylog_file_enabled
        dns.querylog_interval dns.querylog_size_memory dns.statistics_interval dns.autohost_tld
    """)
"""Cannot change whether a public name gets its addresses: the web page, logs, caches, limits on the number of
questions, which of several servers is asked, DNSSEC (names that do not validate fail for everybody), DNS64 (it adds
addresses), reverse names. Of a group, all."""

OPEN: Final = {
    "dns.fallback_mode": "other servers may be asked",
}
"""Not followed, and why that may matter."""


def is_in(key: str, table: frozenset[str]) -> bool:
    """Whether a setting, or a group that it is in, is in a table."""
    return any(key.rsplit(".", depth)[0] in table for depth in range(key.count(".") + 1))


def doubt_about(key: str, _value: Any) -> str:
    """Why it matters that a setting is not followed; empty where it does not."""
    return "" if is_in(key, MODELLED | HARMLESS) else OPEN.get(key, "unknown setting")
