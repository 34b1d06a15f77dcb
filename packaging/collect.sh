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

# Secrets go before anything is kept; lines stay lines, and JSON, YAML and TOML stay what they are.
keys='password|passwd|passphrase|pwhash|secret|token|api[_-]?key|private[_-]?key|preshared[_-]?key'
spoken="(^|[[:space:]{;])(BasicAuth[[:blank:]]+[^[:space:]]+|cachemgr_passwd|(insecure-|ca-)?password|secret\
|proxy_set_header[[:blank:]]+\"?(proxy-)?authorization\"?)([[:blank:]]+)"
pem='PRIVATE KEY-----'
redact() {
    sed -E -e "s#([a-z][a-z0-9+.-]*://)[^/@[:space:]\"'<>]+@#\1***@#gI" \
        -e 's,^([[:blank:]]*(upstream|forward|forward-socks[a-z0-9]*)[[:blank:]][^#]*[[:blank:]])[^[:space:]:@/#]+:[^[:space:]@]+@,\1***@,I' \
        -e 's/(login=)[^[:space:]:]*:[^[:space:]]+/\1***/gI' \
        -e "s/(-----BEGIN [A-Z0-9 ]*$pem).*(-----END [A-Z0-9 ]*$pem)/\1***\2/" \
        -e "/-----BEGIN [A-Z0-9 ]*${pem}[^*]*\$/,/-----END [A-Z0-9 ]*$pem/{/-----/!s/.*//;}" \
        -e "s/$spoken\"[^\"]*\"/\1\2\5\"***\"/gI" -e "s/$spoken'[^']*'/\1\2\5'***'/gI" \
        -e "s/${spoken}[^[:space:];\"'=:][^[:space:];]*/\1\2\5***/gI" \
        -e '/^[[:space:]]*#/b' -e '/:[[:blank:]]*[|>][0-9+-]*[[:blank:]]*$/b' \
        -e "s/(($keys)[\"']?[[:blank:]]*[=:][[:blank:]]*)\"([^\"\\\\]|\\\\.)+\"/\1\"***\"/gI" \
        -e "s/(($keys)[\"']?[[:blank:]]*[=:][[:blank:]]*)'([^']|'')+'/\1'***'/gI" \
        -e "s/(($keys)[\"']?[[:blank:]]*:[[:blank:]]*)[^[:space:]\"';][^[:space:];]*/\1\"***\"/gI" \
        -e "s/(($keys)[\"']?[[:blank:]]*=[[:blank:]]*)[^[:space:]\"';][^[:space:];]*/\1***/gI"
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
        if grep -qiE "does not exist|no such table|can't initialize|no such file|not supported|cannot open session to kernel|booted with systemd|connect to bus" "$work/err"; then
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
    case $1 in *.key | *_key | *.keytab | *.pem | *.p12 | */private/* | *htpasswd* | *keys/*) return ;; esac
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

# A table of an SQLite database as text: the names of its columns, then its rows, parted by tabs.
rows() { # DATABASE TABLE COLUMN...
    database=$1 table=$2
    shift 2
    names='' values=''
    for column in "$@"; do
        names="$names${names:+ || char(9) || }'$column'"
        values="$values${values:+ || char(9) || }replace(replace(replace(ifnull(\"$table\".\"$column\", ''), char(9), ' '), char(10), ' '), char(13), ' ')"
    done
    sqlite=sqlite3
    ! command -v pihole-FTL >/dev/null 2>&1 || sqlite='pihole-FTL sqlite3'
    # shellcheck disable=SC2086 # two words
    run "rows$database/$table" "run as root" $sqlite -readonly "$database" "SELECT $names; SELECT $values FROM \"$table\""
}

# Listening sockets of one process as JSON, from /proc/PID/net and the sockets among its files.
listeners() { # PID
    # shellcheck disable=SC2012 # names of links to sockets are plain, and BusyBox has no find -printf
    inodes=$(ls -l "/proc/$1/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p' | tr '\n' ' ')
    for table in tcp tcp6 udp udp6; do
        [ -r "/proc/$1/net/$table" ] || continue
        awk -v inodes=" $inodes" -v table="$table" '
            function hex(text,    i, value) {
                for (i = 1; i <= length(text); i++) value = value * 16 + index("0123456789ABCDEF", substr(text, i, 1)) - 1
                return value
            }
            function word(text) { return substr(text, 7, 2) substr(text, 5, 2) substr(text, 3, 2) substr(text, 1, 2) }
            function address(text,    i, all, out) {
                if (length(text) == 8) {
                    all = word(text)
                    return hex(substr(all, 1, 2)) "." hex(substr(all, 3, 2)) "." hex(substr(all, 5, 2)) "." hex(substr(all, 7, 2))
                }
                for (i = 1; i <= 25; i += 8) all = all word(substr(text, i, 8))
                if (all ~ /^0+$/) return "::"
                for (i = 1; i <= 29; i += 4) out = out (i > 1 ? ":" : "") tolower(substr(all, i, 4))
                return out
            }
            NR > 1 && index(inodes, " " $10 " ") {
                if (table ~ /^tcp/ ? $4 != "0A" : $3 !~ /:0000$/) next
                split($2, where, ":")
                printf "{\"proto\": \"%s\", \"address\": \"%s\", \"port\": %d}\n", substr(table, 1, 3), address(where[1]), hex(where[2])
            }' "/proc/$1/net/$table"
    done | sort -u | sed '$!s/$/,/'
}

programs=" squid haproxy nginx tinyproxy privoxy e2guardian danted sockd named unbound dnsmasq systemd-resolved \
    systemd-resolve pdns_recursor kresd pihole-FTL AdGuardHome coredns firewalld dockerd fail2ban-server crowdsec \
    tailscaled bgpd bird libvirtd "

# Programs that may decide about the web, as JSON; the files that their arguments name are noted for later.
processes() {
    sep=
    mine=$(readlink /proc/self/ns/net 2>/dev/null)
    echo '['
    for process in /proc/[0-9]*; do
        comm=$(cat "$process/comm" 2>/dev/null) || continue
        case $programs in *" $comm "*) ;; *) continue ;; esac
        [ -n "$(tr -d '\000' <"$process/cmdline" 2>/dev/null)" ] || continue # it has ended
        space=$(readlink "$process/ns/net" 2>/dev/null)
        [ "$space" != "$mine" ] || space=
        printf '%s{"name": "%s", "pid": %s, "namespace": "%s", "arguments": [' "$sep" "$comm" "${process#/proc/}" "$space"
        tr '\000' '\n' <"$process/cmdline" | redact | {
            comma=
            while IFS= read -r argument; do
                printf '%s"%s"' "$comma" "$(quoted "$argument")"
                comma=', '
                named=${argument#*=}
                case $named in /*) [ -n "$space" ] || printf '%s\n' "$named" >>"$work/named" ;; esac
            done
        }
        printf '], "listeners": [%s]}\n' "$(listeners "${process#/proc/}")"
        sep=,
    done
    echo ']'
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
if [ -r /proc/self/comm ]; then
    processes >"$work/artifacts/processes.json"
    note processes.json ok "" ""
fi

echo "collect.sh: reading files"
for path in /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/environment /etc/apt/apt.conf \
    /etc/systemd/system.conf /etc/ufw/ufw.conf /etc/dnsmasq.conf /etc/unbound/unbound.conf \
    /etc/nftables.conf /etc/iptables.rules /etc/sysconfig/iptables /etc/sysconfig/ip6tables \
    /etc/sysconfig/nftables.conf /etc/firewall /etc/firewall.sh /etc/firewall.user /etc/rc.local \
    /proc/modules /proc/net/ip_tables_names /proc/net/ip6_tables_names \
    /proc/sys/net/ipv4/ip_forward /proc/sys/net/netfilter/nf_conntrack_tcp_loose; do
    file "$path"
done
if [ -f "$work/named" ]; then # secrets are not configuration
    while IFS= read -r path; do
        case $path in *.key | *key | */private/* | *shadow* | *htpasswd* | */.*) ;; /etc/* | /var/* | /opt/* | /usr/* | /srv/*) file "$path" ;; esac
    done <"$work/named"
fi
for path in /etc/profile.d/*.sh /etc/apt/apt.conf.d/* /etc/systemd/system.conf.d/*.conf \
    /etc/dnsmasq.d/* /tmp/etc/dnsmasq.conf.* /var/etc/dnsmasq.conf.* /etc/unbound/unbound.conf.d/*.conf \
    /etc/unbound/*.zone /etc/unbound/*.rpz /etc/unbound/*.conf /var/lib/unbound/*.zone /var/lib/unbound/*.rpz \
    /etc/nftables.d/* /etc/nftables/* /etc/iptables/* /etc/firewall/* /etc/init.d/*firewall* \
    /etc/init.d/*iptables* /etc/network/if-pre-up.d/* /etc/network/if-up.d/* \
    /etc/NetworkManager/dispatcher.d/* /etc/systemd/system/multi-user.target.wants/*.service \
    /etc/squid/* /etc/squid/*/* /etc/haproxy/* /etc/haproxy/*/* /etc/nginx/*.conf /etc/nginx/*/* /etc/tinyproxy/* \
    /etc/privoxy/* /etc/e2guardian/* /etc/e2guardian/authplugins/* /etc/e2guardian/lists/* /etc/e2guardian/lists/*/* \
    /etc/e2guardian/lists/*/*/* /etc/danted.conf /etc/sockd.conf \
    /etc/bind/* /var/cache/bind/* /var/lib/bind/* /etc/powerdns/* /etc/powerdns/*/* /etc/knot-resolver/* /var/lib/knot-resolver/* \
    /etc/systemd/system/kresd.target.wants/*.service \
    /etc/systemd/resolved.conf /etc/systemd/resolved.conf.d/* /etc/pihole/*.toml /etc/pihole/*.conf /etc/pihole/*.list \
    /opt/AdGuardHome/AdGuardHome.yaml /opt/AdGuardHome/data/filters/* /etc/frr/*.conf /etc/bird/*.conf \
    /var/www/*.pac /var/www/html/*.pac /var/www/html/wpad.dat /var/www/wpad.dat /srv/www/*.pac /srv/www/wpad.dat \
    /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/rp_filter \
    /proc/sys/net/ipv4/conf/*/src_valid_mark /proc/sys/net/ipv6/conf/*/forwarding \
    /proc/sys/net/bridge/bridge-nf-call-*; do
    file "$path" # a pattern that matches nothing stays as it is: then that is the answer
done
if [ -f /etc/pihole/gravity.db ]; then
    rows /etc/pihole/gravity.db group id enabled name
    rows /etc/pihole/gravity.db domainlist id type domain enabled
    rows /etc/pihole/gravity.db domainlist_by_group domainlist_id group_id
    rows /etc/pihole/gravity.db adlist id enabled address
    rows /etc/pihole/gravity.db adlist_by_group adlist_id group_id
    rows /etc/pihole/gravity.db client id ip
    rows /etc/pihole/gravity.db client_by_group client_id group_id
    rows /etc/pihole/gravity.db info property value
    rows /etc/pihole/gravity.db gravity domain adlist_id
    rows /etc/pihole/gravity.db antigravity domain adlist_id
fi

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
rm -f "$work/raw" "$work/err" "$work/named" "$entries"

case $target in
*.tar) (cd "$work" && tar cf - manifest.json artifacts) >"$target" || exit 2 ;;
*) mv "$work" "$target" || exit 2 ;;
esac
echo "collect.sh: wrote $target; audit it with: gateproof audit --snapshot $target"
