"""What the kernel's own programs print of rules that they loaded, is understood whole."""

from __future__ import annotations

import pytest

from agent.firewalls.iptables import KIND, ipset
from agent.firewalls.iptables.read import read
from agent.model.firewall import Tool
from tests.firewalls.unread import unread
from tests.kernel import needs
from tests.kernel.netns import Namespace, ProgramFailed

pytestmark = needs.kernel

SETS = (
    "create a hash:ip", "create n hash:net", "create p hash:ip,port", "create np hash:net,port", "create i hash:net,iface",
    "create bp bitmap:port range 0-65535", "create b bitmap:ip range 10.0.0.0/24", "create l list:set",
    "create m bitmap:ip,mac range 10.0.0.0/24",
)  # fmt: skip
EITHER = (
    "FORWARD -i lan+ ! -o wan0 -j ACCEPT", "FORWARD -p tcp --dport 80:90 --syn -j DROP", "FORWARD ! -p udp -j RETURN",
    "FORWARD -p tcp -m multiport ! --dports 80,443,8000:8010 -j ACCEPT", "FORWARD -p sctp --dport 5 -j ACCEPT",
    "FORWARD -p udp --sport :1023 -j ACCEPT", "FORWARD -p tcp --tcp-flags SYN,RST,ACK SYN -j DROP",
    "FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "FORWARD -m conntrack --ctstate DNAT,NEW -j ACCEPT",
    "FORWARD -m conntrack ! --ctproto 47 --ctdir REPLY -j ACCEPT", "FORWARD -m conntrack --ctstatus ASSURED -j ACCEPT",
    "FORWARD -m state --state NEW,INVALID -j DROP", "FORWARD -m mark --mark 0x1/0xff -j ACCEPT",
    "FORWARD -m connmark ! --mark 5 -j ACCEPT", 'FORWARD -m limit --limit 5/min -j LOG --log-prefix "x: -j "',
    "FORWARD -m comment --comment \"it's \\\"so\\\" \\\\ -j\" -j ACCEPT", "FORWARD -m comment --comment -j -j ACCEPT",
    "FORWARD -m recent --set --name x --rsource", "FORWARD -m recent --update --seconds 60 --hitcount 4 --name x -j DROP",
    "FORWARD -m pkttype --pkt-type multicast -j DROP", "FORWARD -m length --length 100:1500 -j ACCEPT",
    "FORWARD -m dscp --dscp-class AF21 -j ACCEPT", "FORWARD -m mac --mac-source 00:11:22:33:44:55 -j ACCEPT",
    "FORWARD -m statistic --mode random --probability 0.5 -j ACCEPT", "FORWARD -m time --timestart 08:00 -j ACCEPT",
    "FORWARD -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name h -j DROP",
    'FORWARD -m string --string "x y" --algo bm -j DROP', "FORWARD -m physdev --physdev-is-bridged -j ACCEPT",
    "FORWARD -p tcp -m connlimit --connlimit-above 5 -j DROP", "FORWARD -m quota --quota 5000 -j ACCEPT",
    "OUTPUT -m owner --uid-owner 1000-2000 -j ACCEPT", "OUTPUT -m owner ! --gid-owner 5 -j ACCEPT",
    "OUTPUT -m owner --socket-exists -j ACCEPT", "FORWARD -j NFQUEUE --queue-num 1 --queue-bypass",
    "FORWARD -p tcp -j REJECT --reject-with tcp-reset", "FORWARD -j REJECT", "FORWARD -g web", "FORWARD -j web",
    "INPUT -m addrtype --dst-type LOCAL -j ACCEPT", "FORWARD -m policy --dir in --pol none -j ACCEPT",
    "FORWARD -m set --match-set bp dst -j ACCEPT", "FORWARD -m helper --helper ftp -j ACCEPT",
)  # fmt: skip
V4 = (
    "FORWARD -s 10.0.0.0/8 ! -d 10.0.0.9/255.0.0.255 -j ACCEPT", "FORWARD -p icmp --icmp-type host-prohibited -j ACCEPT",
    "FORWARD ! -f -j ACCEPT", "FORWARD -m iprange --dst-range 10.0.0.1-10.0.0.9 -j ACCEPT", "FORWARD -m ttl --ttl-lt 5 -j DROP",
    "FORWARD -m addrtype ! --src-type BROADCAST --limit-iface-in -j ACCEPT", "FORWARD -j REJECT --reject-with icmp-admin-prohibited",
    "FORWARD -m set --match-set a src -j ACCEPT", "FORWARD -m set ! --match-set p src,dst -j ACCEPT",
    "FORWARD -m set --match-set n dst --return-nomatch -j DROP", "FORWARD -m set --match-set l src,dst -j ACCEPT",
    "FORWARD -m set --match-set i src,src -j ACCEPT", "FORWARD -m set --match-set np dst,dst -j ACCEPT",
    "FORWARD -m set --match-set m src,src -j ACCEPT", "FORWARD -m set --match-set b dst -j ACCEPT",
    "FORWARD -m set --match-set a src --packets-gt 5 -j ACCEPT", "FORWARD -j SET --add-set a src --exist --timeout 5",
    "FORWARD -m conntrack --ctorigdst 10.0.0.1 --ctorigdstport 80 -j ACCEPT",
)  # fmt: skip
V6 = (
    "FORWARD -s 2001:db8::/32 ! -d fe80::1 -j ACCEPT", "FORWARD -p icmpv6 --icmpv6-type no-route -j ACCEPT",
    "FORWARD -m rt --rt-type 0 -j DROP", "FORWARD -m hl --hl-eq 255 -j ACCEPT", "FORWARD -m frag --fragfirst -j DROP",
    "FORWARD -j REJECT --reject-with icmp6-adm-prohibited", "FORWARD -m addrtype --dst-type UNICAST,LOCAL -j ACCEPT",
    "FORWARD -m iprange --src-range 2001:db8::1-2001:db8::9 -j ACCEPT", "FORWARD -m ipv6header --header hop-by-hop -j DROP",
)  # fmt: skip
OTHER = {
    "raw": ("PREROUTING -j NOTRACK", "PREROUTING -j CT --notrack", "OUTPUT -p tcp --dport 21 -j CT --zone 1"),
    "mangle": (
        "PREROUTING -j MARK --set-mark 0x1/0xff", "PREROUTING -j MARK --or-mark 0x4", "PREROUTING -j CONNMARK --save-mark",
        "PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff", "FORWARD -j DSCP --set-dscp-class EF",
        "PREROUTING -p tcp -j TPROXY --on-port 3129 --tproxy-mark 0x1/0x1", "POSTROUTING -j CLASSIFY --set-class 1:2",
        "FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu", "POSTROUTING -p udp -j CHECKSUM --checksum-fill",
    ),
}  # fmt: skip
NAT = {
    4: (
        "PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90", "PREROUTING -p tcp -j REDIRECT --to-ports 3128",
        "PREROUTING -j NETMAP --to 10.0.0.0/24", "POSTROUTING -j MASQUERADE --random", "POSTROUTING -j SNAT --to-source 10.0.0.1",
        "PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80-90/8080", "OUTPUT -p udp -j REDIRECT --to-ports 53 --random",
    ),
    6: (
        "PREROUTING -p tcp -j DNAT --to-destination [2001:db8::1-2001:db8::9]:80-90", "POSTROUTING -j MASQUERADE",
        "PREROUTING -j DNAT --to-destination 2001:db8::1", "POSTROUTING -p udp -j SNAT --to-source [2001:db8::1]:1024-2048",
    ),
}  # fmt: skip


def rules(family: int) -> list[tuple[str, str]]:
    found = [("filter", rule) for rule in (*EITHER, *(V4 if family == 4 else V6))]
    found += [(table, rule) for table, listed in OTHER.items() for rule in listed]
    return found + [("nat", rule) for rule in NAT[family]]


@pytest.mark.parametrize("backend", ["legacy", "nft"])
@pytest.mark.parametrize("family", [4, 6])
def test_rules_come_back_understood(backend: str, family: int) -> None:
    program = f"ip{'6' if family == 6 else ''}tables-{backend}"
    loaded = 0
    refused: list[str] = []
    namespace = Namespace()
    try:
        for line in SETS:
            namespace.run(("ipset", *line.split()))
        for table, rule in rules(family):
            chains = ":web - [0:0]\n" if table == "filter" else ""
            try:
                text = f"*{table}\n{chains}-A {rule}\nCOMMIT\n"
                namespace.run((f"{program}-restore", "--noflush"), text)
                loaded += 1
            except ProgramFailed:
                refused.append(rule)  # this kernel lacks the extension
        dump = namespace.run((f"{program}-save", "-c"))
        sets = ipset.parse(namespace.run(("ipset", "save")))
    finally:
        namespace.close()
    assert len(refused) < loaded / 3, refused
    assert KIND.recognise(dump.encode()) == f"{program}.txt"
    tool = Tool.IPTABLES_LEGACY if backend == "legacy" else Tool.IPTABLES_NFT
    tables, gaps = read(dump, tool, family, "x", sets)
    assert not gaps
    found = [rule for table in tables for chain in table.chains.values() for rule in chain.rules]
    assert len(found) == loaded
    assert not [str(rule.wording) for rule in found if unread(rule.steps)]
