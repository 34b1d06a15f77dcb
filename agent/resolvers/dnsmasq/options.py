"""The options of dnsmasq 2.90 (``dnsmasq --help``), by what they mean for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    address server local addn-hosts hostsdir no-hosts expand-hosts domain cname host-record resolv-file no-resolv
    servers-file conf-file conf-dir listen-address port filter-A filter-AAAA nftset ipset
    mx-host txt-record ptr-record naptr-record srv-host caa-record dns-rr
""")
"""Read, and followed."""

HARMLESS: Final = _names("""
    add-cpe-id add-mac add-subnet all-servers auth-peer auth-sec-servers auth-soa auth-ttl bind-dynamic
    bind-interfaces bogus-priv bootp-dynamic bridge-interface cache-rr cache-size clear-on-reload conntrack
    dhcp-alternate-port dhcp-authoritative dhcp-boot dhcp-broadcast dhcp-circuitid dhcp-client-update
    dhcp-duid dhcp-fqdn dhcp-generate-names dhcp-host dhcp-hostsdir dhcp-hostsfile dhcp-ignore dhcp-ignore-clid
    dhcp-ignore-names dhcp-lease-max dhcp-leasefile dhcp-luascript dhcp-mac dhcp-match dhcp-name-match
    dhcp-no-override dhcp-option dhcp-option-force dhcp-pxe-vendor dhcp-optsdir dhcp-optsfile dhcp-proxy dhcp-range
    dhcp-rapid-commit dhcp-relay dhcp-remoteid dhcp-reply-delay dhcp-script dhcp-scriptuser dhcp-sequential-ip
    dhcp-subscrid dhcp-ttl dhcp-userclass dhcp-vendorclass dns-forward-max dns-loop-detect dnssec
    dnssec-check-unsigned dnssec-debug dnssec-limits dnssec-no-timecheck dnssec-timestamp domain-needed dumpfile
    dumpmask edns-packet-max enable-dbus enable-ra enable-tftp enable-ubus except-interface fast-dns-retry
    filter-rr filterwin2k group help interface keep-in-foreground leasefile-ro local-service local-ttl localise-queries
    localmx log-async log-debug log-dhcp log-facility log-queries max-cache-ttl max-port max-tcp-connections max-ttl
    min-cache-ttl min-port mx-target neg-ttl no-daemon no-dhcp-interface no-dhcpv4-interface no-dhcpv6-interface
    no-ident no-negcache no-ping no-poll no-round-robin pid-file port-limit proxy-dnssec pxe-prompt pxe-service
    query-port quiet-dhcp quiet-dhcp6 quiet-ra quiet-tftp ra-param read-ethers rebind-domain-ok rebind-localhost-ok
    rev-server script-arp script-on-renewal selfmx shared-network stop-dns-rebind strict-order strip-mac strip-subnet
    tag-if test tftp-lowercase tftp-max tftp-mtu tftp-no-blocksize tftp-no-fail tftp-port-range tftp-root tftp-secure
    tftp-single-port tftp-unique-root trust-anchor umbrella use-stale-cache user version
""")
"""Cannot change whether a public name gets its addresses: DHCP, TFTP, logs, caches, limits, DNSSEC (names that do not
validate fail for everybody), protection against answers with private addresses, reverse names."""

OPEN: Final = {
    "alias": "answers' addresses are rewritten",
    "auth-server": "names are served to the outside",
    "auth-zone": "a zone is served",
    "bogus-nxdomain": "answers with some addresses become NXDOMAIN",
    "conf-script": "a program writes the configuration",
    "connmark-allowlist": "names are allowed by connection mark",
    "connmark-allowlist-enable": "names are allowed by connection mark",
    "dynamic-host": "a name follows the addresses of an interface",
    "ignore-address": "answers with some addresses are ignored",
    "interface-name": "a name follows the addresses of an interface",
    "synth-domain": "names of a domain are made up",
}
"""Not followed, and why that may matter."""

SHORT: Final = {
    "a": "listen-address", "A": "address", "b": "bogus-priv", "B": "bogus-nxdomain", "c": "cache-size",
    "C": "conf-file", "d": "no-daemon", "D": "domain-needed", "e": "selfmx", "E": "expand-hosts",
    "f": "filterwin2k", "F": "dhcp-range", "g": "group", "G": "dhcp-host", "h": "no-hosts", "H": "addn-hosts",
    "i": "interface", "I": "except-interface", "j": "dhcp-userclass", "J": "dhcp-ignore",
    "k": "keep-in-foreground", "K": "dhcp-authoritative", "l": "dhcp-leasefile", "L": "localmx", "m": "mx-host",
    "M": "dhcp-boot", "n": "no-poll", "N": "no-negcache", "o": "strict-order", "O": "dhcp-option", "p": "port",
    "P": "edns-packet-max", "q": "log-queries", "Q": "query-port", "R": "no-resolv", "r": "resolv-file",
    "S": "server", "s": "domain", "t": "mx-target", "T": "local-ttl", "u": "user", "U": "dhcp-vendorclass",
    "v": "version", "V": "alias", "W": "srv-host", "w": "help", "x": "pid-file", "X": "dhcp-lease-max",
    "y": "localise-queries", "Y": "txt-record", "z": "bind-interfaces", "Z": "read-ethers", "1": "enable-dbus",
    "2": "no-dhcp-interface", "3": "bootp-dynamic", "4": "dhcp-mac", "5": "no-ping", "6": "dhcp-script",
    "7": "conf-dir", "8": "log-facility", "9": "leasefile-ro", "0": "dns-forward-max",
}  # fmt: skip
"""Letters of the command line."""

VALUELESS: Final = _names("""
    all-servers bind-dynamic bind-interfaces bogus-priv bootp-dynamic clear-on-reload conntrack dhcp-authoritative
    dhcp-client-update dhcp-fqdn dhcp-ignore-clid dhcp-no-override dhcp-rapid-commit dhcp-sequential-ip
    dns-loop-detect dnssec dnssec-debug dnssec-no-timecheck domain-needed enable-ra expand-hosts filter-A filter-AAAA
    filterwin2k help keep-in-foreground leasefile-ro local-service localise-queries localmx log-debug log-dhcp
    no-daemon no-hosts no-ident no-negcache no-ping no-poll no-resolv no-round-robin proxy-dnssec quiet-dhcp
    quiet-dhcp6 quiet-ra quiet-tftp read-ethers rebind-localhost-ok script-arp script-on-renewal selfmx
    stop-dns-rebind strict-order strip-mac strip-subnet test tftp-lowercase tftp-no-blocksize tftp-no-fail tftp-secure
    tftp-single-port version
""")
"""Options whose next word on the command line is an option of its own."""
