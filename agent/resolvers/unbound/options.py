"""The attributes of unbound.conf(5), version 1.17, by what they mean for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLAUSES: Final = _names("""
    server view stub-zone forward-zone auth-zone rpz remote-control python dynlib dnscrypt cachedb ipset dnstap
""")

MODELLED: Final = _names("""
    local-zone local-data local-zone-tag local-zone-override define-tag access-control access-control-tag
    access-control-tag-action access-control-tag-data access-control-view name view-first interface port
    forward-addr forward-host forward-first stub-addr stub-host stub-first include include-toplevel
    for-downstream for-upstream zonefile module-config rpz-action-override rpz-cname-override tags name-v4 name-v6
    response-ip response-ip-data private-address ip-address
""")
"""Read, and followed."""

HARMLESS: Final = _names("""
    add-holddown aggressive-nsec allow-notify auto-trust-anchor-file backend cache-max-negative-ttl
    cache-max-ttl cache-min-ttl cachedb-no-store cachedb-check-when-serve-expired caps-exempt caps-whitelist chroot
    control-cert-file control-enable control-interface control-key-file control-port control-use-cert del-holddown
    delay-close deny-any directory disable-dnssec-lame-check discard-timeout dlv-anchor dlv-anchor-file
    dns64-ignore-aaaa dns64-prefix dns64-synthall dnscrypt-enable dnscrypt-port dnscrypt-provider
    dnscrypt-provider-cert dnscrypt-provider-cert-rotated dnscrypt-secret-key dnscrypt-shared-secret-cache-size
    dnscrypt-shared-secret-cache-slabs dnscrypt-nonce-cache-size dnscrypt-nonce-cache-slabs dnstap-bidirectional
    dnstap-enable dnstap-identity dnstap-ip dnstap-log-client-query-messages dnstap-log-client-response-messages
    dnstap-log-forwarder-query-messages dnstap-log-forwarder-response-messages dnstap-log-resolver-query-messages
    dnstap-log-resolver-response-messages dnstap-send-identity dnstap-send-version dnstap-socket-path dnstap-tls
    dnstap-tls-cert-bundle dnstap-tls-client-cert-file dnstap-tls-client-key-file dnstap-tls-server-name
    dnstap-version do-daemonize do-ip4 do-ip6 do-nat64 do-not-query-address do-not-query-localhost do-tcp do-udp
    domain-insecure dynlib-file ede ede-serve-expired edns-buffer-size edns-client-string edns-client-string-opcode
    edns-tcp-keepalive edns-tcp-keepalive-timeout extended-statistics fallback-enabled fast-server-num
    fast-server-permil low-rtt low-rtt-permil forward-no-cache forward-ssl-upstream forward-tcp-upstream
    forward-tls-upstream harden-algo-downgrade harden-below-nxdomain harden-dnssec-stripped harden-glue
    harden-large-queries harden-referral-path harden-short-bufsize harden-unknown-additional hide-http-user-agent
    hide-identity hide-trustanchor hide-version http-endpoint http-max-streams http-nodelay http-notls-downstream
    http-query-buffer-size http-response-buffer-size http-user-agent http-user-agent https-port identity
    ignore-cd-flag incoming-num-tcp infra-cache-max-rtt infra-cache-min-rtt infra-cache-numhosts infra-cache-slabs
    infra-host-ttl infra-keep-probing infra-lame-cache-size infra-lame-ttl insecure-lan-zones
    interface-automatic interface-automatic-ports ip-dscp ip-freebind ip-ratelimit ip-ratelimit-backoff
    ip-ratelimit-cookie ip-ratelimit-factor ip-ratelimit-size ip-ratelimit-slabs ip-transparent ipsecmod-allow
    ipsecmod-enabled ipsecmod-hook ipsecmod-ignore-bogus ipsecmod-max-ttl ipsecmod-strict ipsecmod-whitelist
    iter-scrub-promiscuous jostle-timeout keep-missing key-cache-size key-cache-slabs local-data-ptr log-identity
    log-destaddr log-local-actions log-queries log-replies log-servfail log-tag-queryreply log-time-ascii
    log-time-iso logfile max-client-subnet-ipv4 max-client-subnet-ipv6 max-ecs-tree-size-ipv4 max-ecs-tree-size-ipv6
    max-query-restarts max-reuse-tcp-queries max-sent-count max-udp-size min-client-subnet-ipv4
    min-client-subnet-ipv6 minimal-responses msg-buffer-size msg-cache-size msg-cache-slabs neg-cache-size nsid
    num-queries-per-thread num-threads outbound-msg-retry outgoing-interface outgoing-num-tcp outgoing-port-avoid
    outgoing-port-permit outgoing-range outgoing-tcp-mss pad-queries pad-queries-block-size pad-responses
    pad-responses-block-size permit-small-holddown pidfile prefer-ip4 prefer-ip6 prefetch prefetch-key primary
    master private-domain proxy-protocol-port python-script qname-minimisation qname-minimisation-strict ratelimit
    ratelimit-backoff ratelimit-below-domain ratelimit-factor ratelimit-for-domain ratelimit-size ratelimit-slabs
    redis-expire-records redis-logical-db redis-server-host redis-server-password redis-server-path
    redis-server-port redis-timeout root-hints root-key-sentinel rpz-log rpz-log-name rpz-signal-nxdomain-ra
    rrset-cache-size rrset-cache-slabs rrset-roundrobin secret-seed send-client-subnet client-subnet-always-forward
    client-subnet-opcode client-subnet-zone serve-expired serve-expired-client-timeout serve-expired-reply-ttl
    serve-expired-ttl serve-expired-ttl-reset serve-original-ttl server-cert-file server-key-file shm-enable shm-key
    so-rcvbuf so-reuseport so-sndbuf sock-queue-timeout ssl-cert-bundle ssl-port ssl-service-key ssl-service-pem
    ssl-upstream statistics-cumulative statistics-inhibit-zero statistics-interval stream-wait-size stub-no-cache
    stub-prime stub-ssl-upstream stub-tcp-upstream stub-tls-upstream target-fetch-policy tcp-auth-query-timeout
    tcp-connection-limit tcp-idle-timeout tcp-mss tcp-reuse-timeout tcp-upstream tls-additional-port
    tls-additional-ports tls-cert-bundle tls-ciphers tls-ciphersuites tls-port tls-service-key tls-service-pem
    tls-session-ticket-keys tls-system-cert tls-upstream tls-use-sni tls-win-cert trust-anchor trust-anchor-file
    trust-anchor-signaling trusted-keys-file udp-connect udp-upstream-without-downstream unblock-lan-zones
    unknown-server-time-limit unwanted-reply-threshold url use-caps-for-id use-syslog use-systemd username
    val-bogus-ttl val-clean-additional val-log-level val-log-squelch val-max-restart val-nsec3-keysize-iterations
    val-override-date val-permissive-mode val-sig-skew-max val-sig-skew-min verbosity version wait-limit
    wait-limit-cookie wait-limit-netblock zonemd-check zonemd-permissive-mode zonemd-reject-absence answer-cookie
    cookie-secret cookie-secret-file log-thread-id
""")
"""Cannot change whether a public name gets its addresses: transport, caches, limits, logs, DNSSEC (names that do not
validate fail for everybody), DNS64 (it adds addresses)."""

OPEN: Final = {
    "edns-client-tag": "answers depend on tags that clients send",
    "interface-action": "clients are told apart by the address they ask",
    "interface-tag": "clients are told apart by the address they ask",
    "interface-tag-action": "clients are told apart by the address they ask",
    "interface-tag-data": "clients are told apart by the address they ask",
    "interface-view": "clients are told apart by the address they ask",
    "response-ip-tag": "answers with some addresses are changed",
}
"""Not followed, and why that may matter."""

VALUES: Final = {
    "local-zone": 2, "local-zone-tag": 2, "local-zone-override": 3, "access-control": 2, "access-control-tag": 2,
    "access-control-tag-action": 3, "access-control-tag-data": 3, "access-control-view": 2, "interface-action": 2,
    "interface-tag": 2, "interface-tag-action": 3, "interface-tag-data": 3, "interface-view": 2, "response-ip": 2,
    "response-ip-data": 2, "response-ip-tag": 2, "edns-client-tag": 2, "edns-client-string": 2,
    "ratelimit-for-domain": 2, "ratelimit-below-domain": 2, "wait-limit-netblock": 2, "wait-limit-cookie-netblock": 2,
}  # fmt: skip
"""Attributes with another number of values than one."""
