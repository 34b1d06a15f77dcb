#!/bin/sh
# Takes a gateproof snapshot on a router without Python: the same questions, the same names, the same statuses.
# Only reads. Usage: collect.sh DIR|FILE.tar   (audit it elsewhere: gateproof audit --snapshot DIR|FILE.tar)
set -u
umask 077
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH

if [ $# -ne 1 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: collect.sh DIR|FILE.tar" >&2
    exit 2
fi
target=$1
[ ! -e "$target" ] || {
    echo "collect.sh: $target exists already; name a new one" >&2
    exit 2
}
case $target in
*.tar) work=${target%.tar}.$$ ;;
*) work=$target.$$ ;;
esac
mkdir -p "$work/artifacts" || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
entries=$work/entries
: >"$entries"

# Text as the inside of a JSON string.
quoted() { printf '%s' "$1" | tr '\n\t\r' '   ' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

note() { # NAME STATUS DETAIL REMEDY
    printf '{"name": "%s", "status": "%s", "detail": "%s", "remedy": "%s"}\n' \
        "$(quoted "$1")" "$2" "$(quoted "$3")" "$(quoted "$4")" >>"$entries"
}

# Secrets go before anything is kept; lines stay lines.
redact() {
    sed -e 's|\([A-Za-z][A-Za-z0-9+.-]*://\)[^/@[:space:]"'"'"'<>]*@|\1***@|g' \
        -e '/^[[:space:]]*#/!s/\([Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd]\|[Pp][Aa][Ss][Ss][Ww][Dd]\|[Ss][Ee][Cc][Rr][Ee][Tt]\|[Tt][Oo][Kk][Ee][Nn]\|[Pp]rivate[_-]*[Kk]ey\|[Pp]reshared[_-]*[Kk]ey\)\(["'"'"']*[[:space:]]*[=:][[:space:]]*\)[^[:space:]"'"'"';][^[:space:];]*/\1\2***/g' \
        -e '/-----BEGIN .*PRIVATE KEY-----/,/-----END .*PRIVATE KEY-----/{/-----/!s/.*//;}'
}

run() { # NAME REMEDY COMMAND...
    name=$1 remedy=$2
    shift 2
    if ! command -v "$1" >/dev/null 2>&1; then
        note "$name" absent "$1 is not installed" ""
        return
    fi
    mkdir -p "$(dirname "$work/artifacts/$name")"
    if command -v timeout >/dev/null 2>&1; then
        timeout 20 "$@" >"$work/raw" 2>"$work/err" </dev/null
    else
        "$@" >"$work/raw" 2>"$work/err" </dev/null
    fi
    code=$?
    said=$(sed -n '/[^[:space:]]/{p;q;}' "$work/err")
    if grep -qiE 'permission denied|not permitted|must be root|need to be root' "$work/err"; then
        note "$name" denied "$said" "$remedy"
    elif [ "$code" = 124 ] && command -v timeout >/dev/null 2>&1; then
        note "$name" timeout "$* gave no answer within 20 s" "$remedy"
    elif [ "$code" != 0 ]; then
        if grep -qiE "does not exist|can't initialize|no such file|not supported|cannot open session to kernel|booted with systemd|connect to bus" "$work/err"; then
            note "$name" absent "$said" ""
        else
            note "$name" failed "${said:-$1 ended with status $code}" "$remedy"
        fi
    elif [ ! -s "$work/raw" ] && [ "$(id -u)" != 0 ] && [ "${1%save}" != "$1" ]; then
        note "$name" denied "$1 shows nothing to this user" "$remedy"
    else
        redact <"$work/raw" >"$work/artifacts/$name"
        note "$name" ok "" ""
    fi
}

file() { # PATH
    name=files$1
    if [ -e "$work/artifacts/$name" ]; then
        return
    elif [ ! -e "$1" ]; then
        note "$name" absent "no such file" ""
    elif [ ! -f "$1" ]; then
        note "$name" failed "not a regular file" ""
    elif ! cat "$1" >"$work/raw" 2>/dev/null; then
        note "$name" denied "permission denied" "run as root"
    else
        mkdir -p "$(dirname "$work/artifacts/$name")"
        redact <"$work/raw" >"$work/artifacts/$name"
        note "$name" ok "" ""
    fi
}

echo "collect.sh: asking nft, iptables, ipset and ip"
tables="run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_DAC_READ_SEARCH"
run nft.json "run as root, or with CAP_NET_ADMIN" nft -j list ruleset
run iptables-legacy.txt "$tables" iptables-legacy-save
run ip6tables-legacy.txt "$tables" ip6tables-legacy-save
run iptables-nft.txt "$tables" iptables-nft-save
run ip6tables-nft.txt "$tables" ip6tables-nft-save
if ! grep -v '"absent"' "$entries" | grep -q 'tables-'; then
    run iptables.txt "$tables" iptables-save
    run ip6tables.txt "$tables" ip6tables-save
fi
run ipset.txt "$tables" ipset save
run ip-addr.json "install iproute2" ip -j -d addr show
run ip-route4.json "install iproute2" ip -j -4 route show table all
run ip-route6.json "install iproute2" ip -j -6 route show table all
run ip-rule4.json "install iproute2" ip -j -4 rule show
run ip-rule6.json "install iproute2" ip -j -6 rule show
if command -v pfctl >/dev/null 2>&1; then
    run pf.txt "run as root" pfctl -a '*' -P -sr
    run pf-nat.txt "run as root" pfctl -a '*' -P -sn
    # shellcheck disable=SC2016 # the inner shell expands it
    run pf-tables.txt "run as root" sh -c 'for name in $(pfctl -sT); do echo "table <$name>"; pfctl -t "$name" -T show; done'
    run ifconfig.txt "" ifconfig -a
fi
run systemd-environment.txt "" systemctl show-environment

echo "collect.sh: reading files"
for path in /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/environment /etc/apt/apt.conf \
    /etc/systemd/system.conf /etc/ufw/ufw.conf /etc/dnsmasq.conf /etc/unbound/unbound.conf \
    /etc/nftables.conf /etc/iptables.rules /etc/sysconfig/iptables /etc/sysconfig/ip6tables \
    /etc/sysconfig/nftables.conf /etc/firewall /etc/firewall.sh /etc/firewall.user /etc/rc.local \
    /proc/modules /proc/net/ip_tables_names /proc/net/ip6_tables_names \
    /proc/sys/net/ipv4/ip_forward /proc/sys/net/netfilter/nf_conntrack_tcp_loose; do
    file "$path"
done
for path in /etc/profile.d/*.sh /etc/apt/apt.conf.d/* /etc/systemd/system.conf.d/*.conf \
    /etc/dnsmasq.d/* /tmp/etc/dnsmasq.conf.* /var/etc/dnsmasq.conf.* /etc/unbound/unbound.conf.d/*.conf \
    /etc/unbound/*.zone /etc/unbound/*.rpz /etc/unbound/*.conf /var/lib/unbound/*.zone /var/lib/unbound/*.rpz \
    /etc/nftables.d/* /etc/nftables/* /etc/iptables/* /etc/firewall/* /etc/init.d/*firewall* \
    /etc/init.d/*iptables* /etc/network/if-pre-up.d/* /etc/network/if-up.d/* \
    /etc/NetworkManager/dispatcher.d/* \
    /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/rp_filter \
    /proc/sys/net/ipv4/conf/*/src_valid_mark /proc/sys/net/ipv6/conf/*/forwarding \
    /proc/sys/net/bridge/bridge-nf-call-*; do
    file "$path" # a pattern that matches nothing stays as it is: then that is the answer
done

hash() { { sha256sum 2>/dev/null || openssl dgst -sha256 -r; } | cut -c1-32; }
machine=$(head -n 1 /etc/machine-id 2>/dev/null || uname -n)
# shellcheck disable=SC1091 # the system's own description of itself
os=$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-Linux}")
{
    printf '{\n "schema": "gateproof.snapshot/1",\n "taken_at": "%s",\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf ' "host": {"agent_version": "collect.sh", "id": "%s", "kernel": "%s", "name": "%s", "os": "%s"},\n' \
        "$(printf 'gateproof host id v1:%s' "$machine" | hash)" "$(quoted "$(uname -r)")" \
        "$(quoted "$(uname -n)")" "$(quoted "${os:-Linux}")"
    printf ' "artifacts": [\n'
    sed '$!s/$/,/' "$entries"
    printf ' ]\n}\n'
} >"$work/manifest.json"
rm -f "$work/raw" "$work/err" "$entries"

case $target in
*.tar) (cd "$work" && tar cf - manifest.json artifacts) >"$target" || exit 2 ;;
*) mv "$work" "$target" || exit 2 ;;
esac
echo "collect.sh: wrote $target; audit it with: gateproof audit --snapshot $target"
