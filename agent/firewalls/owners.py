"""Whose rule is it? Tools that write rules, known by the tables, chains, sets and comments they make.

A rule that a tool wrote comes back with the tool's next reload: it must be changed where the tool keeps it. The
names are those of the tools themselves; tests read dumps that the real tools made.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.model.firewall import Firewall, Table
    from agent.model.source import Source

Commands = tuple[str, ...]
LAST: Final = 8
"""Rules at the end of a chain: few enough to read them in any table."""


@record
class Owner:
    """The tool that a rule belongs to, and where an administrator changes it."""

    tool: str
    place: str
    """Completes the sentence "change it ..."."""
    commands: Commands = ()
    """In the order in which they are typed."""


@record
class _Sign:
    """One way in which a tool shows; all patterns that are given must match whole names, or be found in texts."""

    tool: str
    place: str
    """With the named groups of the patterns in braces."""
    commands: Commands | Callable[[Source, dict[str, str]], Commands] = ()
    table: str = ""
    """Family and name of the rule's table."""
    chain: str = ""
    """The rule's chain."""
    text: str = ""
    """Part of the rule."""
    beside: str = ""
    """Some chain of the same table; with the groups found so far in braces."""
    nearby: str = ""
    """Part of one of the last rules in some base chain of the same table."""
    policy: bool | None = None
    """Whether it is a policy; None for either."""

    def fits(self, table: str, chain: str) -> dict[str, str] | None:
        """What the names of a table and a chain say, if they are such names; else None."""
        found: dict[str, str] = {}
        for pattern, name in ((self.table, table), (self.chain, chain)):
            match = re.fullmatch(pattern, name) if pattern else None
            if pattern and match is None:
                return None
            found |= match.groupdict("") if match else {}
        return found

    def reads(self, source: Source) -> dict[str, str] | None:
        """What a rule itself says, if it is such a rule; else None."""
        if self.policy is not None and self.policy != source.text.startswith("policy "):
            return None
        match = re.search(self.text, source.text) if self.text else None
        if self.text and match is None:
            return None
        return match.groupdict("") if match else {}

    def shows(self, table: Table, found: dict[str, str]) -> bool:
        """Whether the tool shows elsewhere in the table."""
        if self.beside:
            beside = self.beside.format(**{name: re.escape(value) for name, value in found.items()})
            if not any(re.fullmatch(beside, name) for name in table.chains):
                return False
        based = [chain for chain in table.chains.values() if chain.base is not None] if self.nearby else []
        return not self.nearby or any(
            re.search(self.nearby, str(rule.wording)) for chain in based for rule in chain.rules[-LAST:]
        )

    def owner(self, source: Source, found: dict[str, str]) -> Owner:
        """The tool, and what it says about a rule."""
        commands = self.commands
        given = commands(source, found) if callable(commands) else tuple(one.format(**found) for one in commands)
        return Owner(self.tool, self.place.format(**found), given)


class Owners:
    """The tools that wrote the rules of one firewall."""

    def __init__(self, firewall: Firewall) -> None:
        self._tables = {(table.artifact, table.title): table for table in reversed(firewall.tables)}
        self._signs: dict[tuple[str, str], list[tuple[_Sign, dict[str, str]]]] = {}
        self._known: dict[Source, Owner | None] = {}

    def of(self, source: Source) -> Owner | None:
        """The tool that wrote a rule or set a policy; None where nothing tells."""
        if source not in self._known:
            self._known[source] = next(self._owners(source), None)
        return self._known[source]

    def _owners(self, source: Source) -> Iterator[Owner]:
        table = self._tables.get((source.artifact, source.table or ""))
        where = source.table or "", source.chain or ""
        if where not in self._signs:
            fitting = [(sign, sign.fits(*where)) for sign in SIGNS]
            self._signs[where] = [(sign, names) for sign, names in fitting if names is not None]
        for sign, names in self._signs[where]:
            read = sign.reads(source)
            if read is None:
                continue
            found = names | read
            if not (sign.beside or sign.nearby) or (table is not None and sign.shows(table, found)):
                yield sign.owner(source, found)


# ---- ufw ----

_UFW_VERBS: Final = {"DROP": "deny", "REJECT": "reject", "ACCEPT": "allow"}
_UFW_POLICIES: Final = {"input": "incoming", "output": "outgoing", "forward": "routed"}
_UFW_RULE: Final = re.compile(
    r"-A ufw6?-user-(?P<hook>input|output|forward)(?: -s (?P<src>\S+))?(?: -d (?P<dst>\S+))?"
    r"(?: -i (?P<iif>\S+))?(?: -o (?P<oif>\S+))?"
    r"(?: -p (?P<proto>tcp|udp)(?: -m (?:tcp|udp))?)?(?: -m multiport)?(?: --dports? (?P<port>\S+))?"
    r" -j (?P<verb>DROP|REJECT|ACCEPT)(?: --reject-with \S+)?"
)


def _ufw_delete(source: Source, _: dict[str, str]) -> Commands:
    """The command that takes back the one that made the rule; the numbered list where it was no simple one."""
    match = _UFW_RULE.fullmatch(source.text)
    if match is None:
        return "ufw status numbered", "ufw delete NUMBER"
    hook = match["hook"]
    words = ["ufw", "route", "delete"] if hook == "forward" else ["ufw", "delete"]
    words.append(_UFW_VERBS[match["verb"]])
    if hook == "output":
        words.append("out")
    for way, name in (("in", match["iif"]), ("out", match["oif"])):
        if name:
            words += ["on", name] if way == "out" and hook == "output" else [way, "on", name]
    words += ["from", _plain(match["src"])] if match["src"] else []
    words += ["to", _plain(match["dst"]) if match["dst"] else "any"]
    words += ["port", match["port"]] if match["port"] else []
    words += ["proto", match["proto"]] if match["proto"] else []
    return (" ".join(words),)


def _plain(prefix: str) -> str:
    """An address as people write it, without the length of a single host."""
    return prefix.removesuffix("/32").removesuffix("/128")


def _ufw_default(_: Source, found: dict[str, str]) -> Commands:
    hook = found["hook"].lower()
    return (f"ufw default allow {_UFW_POLICIES[hook]}",)


# ---- programs that ban addresses ----


def _unban(source: Source, found: dict[str, str]) -> Commands:
    jail = found["jail"]
    banned = re.search(r"-s (\S+) |saddr ([0-9a-fA-F:.]+)(?: |$)", source.text)
    if banned is None:
        return f"fail2ban-client status {jail}", f"fail2ban-client set {jail} unbanip ADDRESS"
    return (f"fail2ban-client set {jail} unbanip {_plain(banned[1] or banned[2])}",)


_FAIL2BAN: Final = "in the jail {jail} of fail2ban (`ignoreip` in /etc/fail2ban/jail.local keeps an address out)"

# ---- all signs, the most particular first ----

_ZONE: Final = r"(?:filter_)?(?:IN|FWD[IO]?|OUT)_(?P<zone>.+?)(?:_(?:pre|log|deny|allow|post))?"
_POLICY: Final = r"(?:filter_)?(?:IN|FWD|OUT)_policy_(?P<policy>.+?)(?:_(?:pre|log|deny|allow|post))?"
_FIREHOL: Final = r'--log-prefix "\S*(?:DROP )?UNMATCHED (?:IN|OUT|PASS)-'
"""FireHOL logs so before its policies."""
_VYOS_RULE: Final = r'comment "ipv(?P<version>4|6)-(?P<hook>FWD|INP|OUT)-filter-(?P<number>\d+)"'
_VYOS_NAMED: Final = r'comment "ipv(?P<version>4|6)-NAM-(?P<name>\S+)-(?P<number>\d+)"'
_VYOS_HOOKS: Final = {"FWD": "forward", "INP": "input", "OUT": "output"}


def _vyos_delete(_: Source, found: dict[str, str]) -> Commands:
    place = f"{_VYOS_HOOKS[found['hook']]} filter" if "hook" in found else f"name {found['name']}"
    delete = f"delete firewall ipv{found['version']} {place} rule {found['number']}"
    return "configure", delete, "commit", "save"


# tools that show in several ways, and are told of in the same words each time
_crowdsec = partial(
    _Sign,
    "CrowdSec",
    "among the decisions of CrowdSec",
    ("cscli decisions list --all", "cscli decisions delete --ip ADDRESS"),
)
_fail2ban = partial(_Sign, "fail2ban", _FAIL2BAN, _unban)
_firewalld_zone = partial(
    _Sign,
    "firewalld",
    "in the zone {zone} of firewalld",
    ("firewall-cmd --permanent --info-zone={zone}", "firewall-cmd --reload"),
    chain=_ZONE,
)
_libvirt = partial(_Sign, "libvirt", "in the networks of libvirt", ("virsh net-list --all",))
_podman = partial(_Sign, "Podman", "in the networks of Podman", ("podman network ls",))
_shorewall = partial(_Sign, "Shorewall", commands=("shorewall check", "shorewall reload"), beside="shorewall")
_sshguard = partial(_Sign, "sshguard", "in /etc/sshguard/whitelist; then restart sshguard")
_ufw_policy = partial(_Sign, "ufw", "with ufw's default policies", _ufw_default)

SIGNS: Final = (
    # comments
    _Sign(
        "wg-quick",
        "in /etc/wireguard/{name}.conf",
        ("wg-quick down {name}", "wg-quick up {name}"),
        text=r"wg-quick\(8\) rule for (?P<name>[^\s\"]+)",
    ),
    _Sign(
        "OpenWrt",
        "in /etc/config/firewall, where it is named “{name}”",
        ("uci show firewall", "service firewall restart"),
        text=r'!fw[34]: (?P<name>[^"]+)',
    ),
    _Sign(
        "OPNsense or pfSense",
        "in its web interface, where it is described as “{name}”",
        table=r"inet pf",
        text=r'label "USER_RULE: (?P<name>[^"]+)"',
    ),
    _Sign("VyOS", "in rule {number} of the ruleset {name}", _vyos_delete, text=_VYOS_NAMED),
    _Sign("VyOS", "in rule {number} of a base ruleset", _vyos_delete, text=_VYOS_RULE),
    # sets
    _crowdsec(text=r"(?:@|--match-set )crowdsec6?-blacklists"),
    _fail2ban(text=r"(?:@addr6?-set-|--match-set f2b-)(?P<jail>[^\s\"]+)"),
    _sshguard(text=r"--match-set sshguard[46] "),
    _Sign(
        "FireHOL IP lists",
        "where update-ipsets keeps the list {list}",
        ("update-ipsets disable {list}",),
        text=r"(?:@|--match-set )(?P<list>firehol_\w+|[a-z0-9_]+_(?:[17]|30|180)d)\b",
    ),
    # chains
    _Sign("ufw", "with ufw", _ufw_delete, chain=r"ufw6?-user-(?:input|output|forward|limit|limit-accept)"),
    _Sign(
        "ufw",
        "in /etc/ufw/{when}.rules or {when}6.rules",
        ("ufw reload",),
        chain=r"ufw6?-(?P<when>before|after)-(?:input|output|forward)",
    ),
    _ufw_policy(chain=r"ufw6?-skip-to-policy-(?P<hook>\w+)"),
    _Sign("ufw", "in /etc/ufw/before.rules or before6.rules", ("ufw reload",), chain=r"ufw6?-.+"),
    _fail2ban(chain=r"(?:f2b|fail2ban)-(?P<jail>.+)"),
    _crowdsec(chain=r"CROWDSEC_CHAIN|CROWDSEC_LOG"),
    _sshguard(chain="sshguard"),
    _Sign(
        "Docker",
        "in DOCKER-USER, which Docker leaves to the administrator, and wherever it is loaded at boot",
        chain="DOCKER-USER",
    ),
    _Sign(
        "Docker",
        "in the networks and published ports of Docker; rules of your own belong into DOCKER-USER",
        ("docker network ls", "docker ps --format '{{{{.Names}}}} {{{{.Ports}}}}'"),
        chain=r"DOCKER(?:[-_].+)?",
    ),
    _podman(chain=r"(?:NETAVARK|CNI)[-_].+"),
    _libvirt(chain=r"LIBVIRT_(?:FW[IOX]|INP|OUT|PRT)"),
    _Sign("Calico", "in the network policies", ("kubectl get networkpolicy --all-namespaces",), chain=r"cali-.+"),
    _Sign("Cilium", "in the network policies", ("kubectl get networkpolicy --all-namespaces",), chain=r"CILIUM_.+"),
    _Sign(
        "Kubernetes",
        "in the Services and NetworkPolicies of the cluster",
        ("kubectl get networkpolicy,services --all-namespaces",),
        chain=r"KUBE-.+",
    ),
    _Sign(
        "Tailscale",
        "with tailscale; it can leave the packet filter alone",
        ("tailscale set --netfilter-mode=nodivert",),
        chain=r"ts-(?:input|forward|postrouting)",
    ),
    _Sign("Proxmox VE", "in /etc/pve/firewall", ("pve-firewall compile",), chain=r"PVEFW-.+"),
    # tables of a tool alone
    _Sign(
        "firewalld",
        "in the policy {policy} of firewalld",
        ("firewall-cmd --permanent --info-policy={policy}", "firewall-cmd --reload"),
        table=r"(?:inet|ip|ip6) firewalld",
        chain=_POLICY,
    ),
    _firewalld_zone(table=r"(?:inet|ip|ip6) firewalld"),
    _Sign(
        "firewalld",
        "in the zones and policies of firewalld, which let nothing pass between zones unless they are told to",
        ("firewall-cmd --get-active-zones", "firewall-cmd --get-active-policies"),
        table=r"(?:inet|ip|ip6) firewalld(?:_policy_drop)?",
    ),
    _crowdsec(table=r"ip6? crowdsec6?"),
    _Sign(
        "fail2ban", _FAIL2BAN.replace("the jail {jail}", "a jail"), ("fail2ban-client status",), table=r"\w+ f2b-table"
    ),
    _sshguard(table=r"ip6? sshguard"),
    _Sign(
        "Docker",
        "in the networks of Docker; rules of your own belong into a table of your own",
        ("docker network ls",),
        table=r"ip6? docker-bridges",
    ),
    _podman(table=r"inet netavark"),
    _libvirt(table=r"ip6? libvirt_network"),
    _Sign(
        "Kubernetes",
        "in the Services of the cluster",
        ("kubectl get services --all-namespaces",),
        table=r"ip6? kube-proxy",
    ),
    _Sign("wg-quick", "in /etc/wireguard/{name}.conf", ("wg-quick down {name}",), table=r"ip6? wg-quick-(?P<name>.+)"),
    _Sign(
        "OpenWrt",
        "in /etc/config/firewall: the defaults, zones and forwardings there",
        ("uci show firewall", "service firewall restart"),
        table=r"inet fw4",
    ),
    _Sign("VyOS", "in the configuration of VyOS", ("show firewall",), table=r"(?:ip6?|bridge) vyos_\w+"),
    _Sign(
        "pf",
        "in /etc/pf.conf, or in the web interface of OPNsense or pfSense",
        ("pfctl -nf /etc/pf.conf", "pfctl -f /etc/pf.conf"),
        table=r"inet pf(?: nat)?",
    ),
    # tools that own all built-in chains of a table, known by a chain beside
    _Sign(
        "firewalld",
        "in the direct rules of firewalld",
        ("firewall-cmd --permanent --direct --get-all-rules",),
        chain=r"(?:INPUT|OUTPUT|FORWARD)_direct",
        beside="FORWARD_direct",
    ),
    _firewalld_zone(beside="FORWARD_direct"),
    _Sign("firewalld", "in the zones of firewalld", ("firewall-cmd --get-active-zones",), beside="FORWARD_direct"),
    _shorewall("in /etc/shorewall/policy", policy=True),
    _shorewall(
        "in /etc/shorewall/rules and policy, for traffic from zone {source} to zone {to}",
        chain=r"(?P<source>[A-Za-z0-9]+)(?:-|2)(?P<to>[A-Za-z0-9]+)",
    ),
    _shorewall("in /etc/shorewall"),
    _Sign(
        "FireHOL",
        "in /etc/firehol/firehol.conf, in the interface or router {part}",
        ("firehol try",),
        chain=r"(?:in|out)_(?P<part>.+?)(?:_[a-z0-9]+_[sc]\d+)?",
        nearby=_FIREHOL,
    ),
    _Sign("FireHOL", "in /etc/firehol/firehol.conf", ("firehol try",), nearby=_FIREHOL),
    _ufw_policy(chain=r"(?P<hook>INPUT|OUTPUT|FORWARD)", beside=r"ufw6?-user-forward", policy=True),
    _Sign(
        "Docker",
        "in DOCKER-USER, as Docker sets the policy of FORWARD; accept there what must pass",
        chain="FORWARD",
        beside="DOCKER-USER",
        policy=True,
    ),
)
