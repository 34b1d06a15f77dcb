"""The statements of named.conf(5), version 9.18, by what they mean for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    acl allow-query allow-query-cache allow-query-cache-on allow-query-on allow-recursion allow-recursion-on
    allow-update blackhole bogus check-integrity check-names clients delegation-only deny-answer-addresses
    deny-answer-aliases directory dns64 exclude file forward forwarders http in-view journal listen-on listen-on-v6
    managed-keys masterfile-format match-clients match-destinations options plugin port primaries recursion
    recursive-only response-policy server server-addresses tls trust-anchors trusted-keys type update-policy view
    zone
""")
"""Read, and followed."""

HARMLESS: Final = _names("""
    algorithm all-per-second allow-notify allow-transfer allow-update-forwarding also-notify alt-transfer-source
    alt-transfer-source-v6 answer-cookie auth-nxdomain auto-dnssec automatic-interface-scan avoid-v4-udp-ports
    avoid-v6-udp-ports bindkeys-file break-dnssec buffered ca-file category cert-file channel check-dup-records
    check-mx check-mx-cname check-sibling check-spf check-srv-cname check-wildcard ciphers clients-per-query
    controls cookie-algorithm cookie-secret coresize datasize dhparam-file dialup disable-algorithms
    disable-ds-digests disable-empty-zone dns64-contact dns64-server dnskey-sig-validity dnskey-ttl
    dnssec-accept-expired dnssec-dnskey-kskonly dnssec-loadkeys-interval dnssec-policy dnssec-secure-to-insecure
    dnssec-update-mode dnssec-validation dnstap dnstap-identity dnstap-output dnstap-version dscp dual-stack-servers
    dump-file edns edns-udp-size edns-version empty-contact empty-server empty-zones-enable endpoints
    errors-per-second exempt-clients fetch-quota-params fetches-per-server fetches-per-zone files
    flush-zones-on-shutdown fstrm-set-buffer-hint fstrm-set-flush-timeout fstrm-set-input-queue-size
    fstrm-set-output-notify-threshold fstrm-set-output-queue-model fstrm-set-output-queue-size
    fstrm-set-reopen-interval geoip-directory glue-cache heartbeat-interval hostname http-listener-clients http-port
    http-streams-per-connection https-port inet interface-interval ipv4-prefix-length ipv4only-contact
    ipv4only-enable ipv4only-server ipv6-prefix-length ixfr-from-differences keep-response-order key key-directory
    key-file keys lame-ttl listener-clients lmdb-mapsize lock-file log-only logging managed-keys-directory mapped
    masterfile-style match-mapped-addresses match-recursive-only max-cache-size max-cache-ttl max-clients-per-query
    max-ixfr-ratio max-journal-size max-ncache-ttl max-refresh-time max-retry-time max-rsa-exponent-size
    max-stale-ttl max-table-size max-transfer-idle-in max-transfer-idle-out max-transfer-time-in
    max-transfer-time-out max-udp-size max-zone-ttl memstatistics memstatistics-file message-compression
    min-cache-ttl min-ncache-ttl min-refresh-time min-retry-time min-table-size minimal-any minimal-responses
    multi-master new-zones-directory no-case-compress nocookie-udp-size nodata-per-second notify notify-delay
    notify-rate notify-source notify-source-v6 notify-to-soa nsec3-test-zone nsec3param nta-lifetime nta-recheck
    null nxdomains-per-second padding parent-ds-ttl parent-propagation-delay parent-registration-delay
    parental-agents parental-source parental-source-v6 pid-file prefer-server-ciphers preferred-glue prefetch
    print-category print-severity print-time protocols provide-ixfr publish-safety purge-keys qname-minimization
    qps-scale query-source query-source-v6 querylog random-device recursing-file recursive-clients
    referrals-per-second remote-hostname request-expire request-ixfr request-nsid require-server-cookie
    reserved-sockets resolver-nonbackoff-tries resolver-query-timeout resolver-retry-interval response-padding
    responses-per-second retire-safety reuseport root-key-sentinel rrset-order search secret secroots-file
    send-cookie serial-query-rate serial-update-method server-id servfail-ttl session-keyalg session-keyfile
    session-keyname session-tickets severity sig-signing-nodes sig-signing-signatures sig-signing-type
    sig-validity-interval signatures-jitter signatures-refresh signatures-validity signatures-validity-dnskey slip
    sortlist stacksize stale-answer-client-timeout stale-answer-enable stale-answer-ttl stale-cache-enable
    stale-refresh-time startup-notify-rate statistics-channels statistics-file stderr streams-per-connection suffix
    suppress-initial-notify synth-from-dnssec syslog tcp-advertised-timeout tcp-clients tcp-idle-timeout
    tcp-initial-timeout tcp-keepalive tcp-keepalive-timeout tcp-listen-queue tcp-only tcp-receive-buffer
    tcp-send-buffer tkey-dhkey tkey-domain tkey-gssapi-credential tkey-gssapi-keytab tls-port transfer-format
    transfer-message-size transfer-source transfer-source-v6 transfers transfers-in transfers-out transfers-per-ns
    trust-anchor-telemetry try-tcp-refresh udp-receive-buffer udp-send-buffer unix update-check-ksk update-quota
    use-alt-transfer-source use-v4-udp-ports use-v6-udp-ports v6-bias validate-except version window zero-no-soa-ttl
    zero-no-soa-ttl-cache zone-propagation-delay zone-statistics
""")
"""Cannot change whether a public name gets its addresses: transfers and updates between servers, logs, caches,
transport, limits against floods, keys and signing of zones, DNSSEC (names that do not validate fail for everybody),
reverse names."""

OPEN: Final = {
    "allow-new-zones": "zones may be added while it runs",
    "attach-cache": "views share what they know",
    "catalog-zones": "another zone says which zones there are",
    "database": "a zone's records come from elsewhere",
    "dlz": "a zone's records come from elsewhere",
    "dnsrps-enable": "another program decides about names",
    "dnsrps-options": "another program decides about names",
    "dnssec-must-be-secure": "answers of some domains fail unless they are signed",
    "dyndb": "a zone's records come from elsewhere",
    "inline-signing": "a zone is served from a copy",
    "max-query-count": "questions fail after some steps",
    "max-query-restarts": "aliases are followed for some steps only",
    "max-records": "a zone of more records is not loaded",
    "max-records-per-type": "a zone of more records is not loaded",
    "max-recursion-depth": "questions fail after some steps",
    "max-recursion-queries": "questions fail after some steps",
    "max-types-per-name": "a zone of more records is not loaded",
    "nxdomain-redirect": "names that do not exist get other answers",
    "rate-limit": "answers that come often are dropped",
    "root-delegation-only": "answers of top domains are said not to exist",
    "server-names": "a zone's servers are known by name only",
}
"""Not followed, and why that may matter."""
