"""The settings of PowerDNS Recursor 4.8 (``pdns_recursor --config=default``), by what they mean for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    allow-from allow-from-file auth-zones config-dir config-name disable-packetcache dns64-prefix
    dont-query etc-hosts-file export-etc-hosts
    export-etc-hosts-search-suffix forward-zones forward-zones-file forward-zones-recurse ignore-unknown-settings
    include-dir local-address local-port lua-config-file proxy-protocol-from
""")
"""Read, and followed."""

HARMLESS: Final = _names("""
    aggressive-cache-max-nsec3-hash-cost aggressive-nsec-cache-size allow-notify-for allow-notify-for-file
    allow-notify-from allow-notify-from-file allow-trust-anchor-query any-to-tcp api-key
    carbon-instance carbon-interval carbon-namespace carbon-ourname carbon-server client-tcp-timeout cpu-map daemon
    disable-syslog distribution-load-factor distribution-pipe-buffer-size distributor-threads
    dnssec dnssec-log-bogus dont-throttle-names dont-throttle-netmasks dot-to-auth-names dot-to-port-853 ecs-add-for
    ecs-cache-limit-ttl ecs-ipv4-bits ecs-ipv4-cache-bits ecs-ipv4-never-cache ecs-ipv6-bits ecs-ipv6-cache-bits
    ecs-ipv6-never-cache ecs-minimum-ttl-override ecs-scope-zero-address edns-outgoing-bufsize edns-padding-from
    edns-padding-mode edns-padding-out edns-padding-tag edns-subnet-allow-list edns-subnet-whitelist entropy-source
    event-trace-enabled extended-resolution-errors gettag-needs-edns-options hint-file latency-statistic-size
    limit-qtype-any log-common-errors log-rpz-changes log-timestamp logging-facility loglevel lowercase-outgoing
    lua-maintenance-interval max-busy-dot-probes max-cache-bogus-ttl max-cache-entries max-cache-ttl
    max-concurrent-requests-per-tcp-connection max-dnskeys max-ds-per-zone max-generate-steps max-include-depth
    max-mthreads max-negative-ttl max-ns-address-qperq max-ns-per-resolve max-nsec3-hash-computations-per-query
    max-nsec3s-per-record max-packetcache-entries max-qperq max-recursion-depth max-rrset-size max-rrsigs-per-record
    max-signature-validations-per-query max-tcp-clients max-tcp-per-client max-tcp-queries-per-connection
    max-total-msec max-udp-queries-per-round minimum-ttl-override network-timeout no-shuffle non-local-bind
    non-resolving-ns-max-fails non-resolving-ns-throttle-time nothing-below-nxdomain nsec3-max-iterations
    packetcache-servfail-ttl packetcache-ttl pdns-distributes-queries processes protobuf-use-kernel-timestamp
    proxy-protocol-maximum-size public-suffix-list-file qname-minimization query-local-address quiet
    record-cache-locked-ttl-perc record-cache-shards refresh-on-ttl-perc reuseport rng root-nx-trust
    save-parent-ns-set security-poll-suffix serve-rfc1918 serve-stale-extensions server-down-max-fails
    server-down-throttle-time server-id setgid setuid signature-inception-skew single-socket snmp-agent
    snmp-daemon-socket snmp-master-socket soa-minimum-ttl socket-dir socket-group socket-mode socket-owner
    spoof-nearmiss-max stack-size statistics-interval stats-api-blacklist stats-api-disabled-list
    stats-carbon-blacklist stats-carbon-disabled-list stats-rec-control-blacklist stats-rec-control-disabled-list
    stats-ringbuffer-entries stats-snmp-blacklist stats-snmp-disabled-list structured-logging
    structured-logging-backend tcp-fast-open tcp-fast-open-connect tcp-out-max-idle-ms tcp-out-max-idle-per-auth
    tcp-out-max-idle-per-thread tcp-out-max-queries threads trace udp-source-port-avoid udp-source-port-max
    udp-source-port-min udp-truncation-threshold use-incoming-edns-subnet version-string webserver webserver-address
    webserver-allow-from webserver-hash-plaintext-credentials webserver-loglevel webserver-password webserver-port
    write-pid x-dnssec-names
""")
"""Cannot change whether a public name gets its addresses: transport, caches, limits, logs, statistics, NOTIFY, reverse
names of private addresses, DNSSEC (names that do not validate fail for everybody), questions for ANY."""

OTHER_VERSIONS: Final = _names("""
    allow-no-rd auth-can-lower-ttl bypass-server-throttling-probability dnssec-disabled-algorithms enable-old-settings
    max-chain-length max-cnames-followed new-domain-db-size new-domain-db-snapshot-interval new-domain-history-dir
    new-domain-ignore-list new-domain-ignore-list-file new-domain-log new-domain-lookup new-domain-pb-tag
    new-domain-tracking new-domain-whitelist packetcache-negative-ttl packetcache-shards qname-max-minimize-count
    qname-minimize-one-label query-local-address6 serve-rfc6303 stack-cache-size system-resolver-interval
    system-resolver-self-resolve-check system-resolver-ttl tcp-threads unique-response-db-size
    unique-response-history-dir unique-response-ignore-list unique-response-ignore-list-file unique-response-log
    unique-response-pb-tag unique-response-tracking
""")
"""As harmless, in versions or builds that are not Debian's."""

OPEN: Final = {
    "api-config-dir": "zones are added over the REST API",
    "chroot": "files are named as seen from another root",
    "delegation-only": "zones may only delegate",
    "lua-dns-script": "a Lua script changes questions and answers",
    "proxy-protocol-exceptions": "clients are told apart by the address they ask",
    "xpf-allow-from": "addresses of clients are taken from what a proxy says",
}
"""Not followed, and why that may matter."""

OFF: Final = frozenset({"no", "off"})
"""What switches a setting off; all else switches it on (``ArgvMap::mustDo``)."""

DEFAULTS: Final = {
    "allow-from": "127.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 192.168.0.0/16, 172.16.0.0/12, ::1/128, "
    "fc00::/7, fe80::/10",
    "dont-query": "127.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 192.168.0.0/16, 172.16.0.0/12, ::1/128, "
    "fc00::/7, fe80::/10, 0.0.0.0/8, 192.0.0.0/24, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 240.0.0.0/4, "
    "::/96, ::ffff:0:0/96, 100::/64, 2001:db8::/32",
    "etc-hosts-file": "/etc/hosts",
    "disable-packetcache": "no",
    "export-etc-hosts": "off",
    "local-address": "127.0.0.1",
    "local-port": "53",
}

LUA_HARMLESS: Final = _names("""
    addAllowedAdditionalQType addDS addNTA addSortList addTA clearDS clearNTA clearSortlist clearTA
    dnstapFrameStreamServer dnstapNODFrameStreamServer getProtobufTags outgoingProtobufServer pdnslog protobufServer
    readTrustAnchorsFromFile setProtobufMasks
""")
"""Functions of the Lua configuration that change no answer: trust anchors, the order of addresses, exports."""
LUA_OPEN: Final = {
    "addProxyMapping": "addresses of clients are taken for others",
    "dofile": "a Lua file is run",
    "zoneToCache": "a zone is put into the cache",
}
ROOT_KEYS: Final = "/usr/share/pdns-recursor/lua-config/rootkeys.lua"
"""What Debian's own Lua configuration runs: it sets trust anchors."""
