"""Proxies, resolvers and firewall managers that run here, with their configuration files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import Kind, Piece
from agent.model.network import Service
from agent.model.source import Gap, Source
from agent.snapshot import Files, Processes, Status, Want
from agent.snapshot.programs import ARTIFACT, UNITS, running, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

JUDGED: Final = ("proxy", "resolver")
"""Roles of programs whose configuration is judged."""
PROXY, RESOLVER, FIREWALL, ROUTING = "proxy", "resolver", "firewall-manager", "routing-daemon"
PROGRAMS: Final = {
    "squid": (PROXY, "-f", "/etc/squid/squid.conf"),
    "haproxy": (PROXY, "-f", "/etc/haproxy/haproxy.cfg"),
    "nginx": (PROXY, "-c", "/etc/nginx/nginx.conf"),
    "tinyproxy": (PROXY, "-c", "/etc/tinyproxy/tinyproxy.conf"),
    "privoxy": (PROXY, "", "/etc/privoxy/config"),
    "e2guardian": (PROXY, "-c", "/etc/e2guardian/e2guardian.conf"),
    "danted": (PROXY, "-f", "/etc/danted.conf"),
    "sockd": (PROXY, "-f", "/etc/sockd.conf"),
    "named": (RESOLVER, "-c", "/etc/bind/named.conf"),
    "unbound": (RESOLVER, "-c", "/etc/unbound/unbound.conf"),
    "dnsmasq": (RESOLVER, "-C", "/etc/dnsmasq.conf"),
    "systemd-resolved": (RESOLVER, "", "/etc/systemd/resolved.conf"),
    "systemd-resolve": (RESOLVER, "", "/etc/systemd/resolved.conf"),  # the kernel cuts names to fifteen bytes
    "pdns_recursor": (RESOLVER, "", "/etc/powerdns/recursor.conf"),
    "kresd": (RESOLVER, "-c", "/etc/knot-resolver/kresd.conf"),
    "pihole-FTL": (RESOLVER, "", "/etc/pihole/pihole.toml"),
    "AdGuardHome": (RESOLVER, "-c", "/opt/AdGuardHome/AdGuardHome.yaml"),
    "coredns": (RESOLVER, "-conf", "/etc/coredns/Corefile"),
    "firewalld": (FIREWALL, "", "/etc/firewalld/firewalld.conf"),
    "dockerd": (FIREWALL, "--config-file", "/etc/docker/daemon.json"),
    "fail2ban-server": (FIREWALL, "-c", "/etc/fail2ban"),
    "crowdsec": (FIREWALL, "-c", "/etc/crowdsec/config.yaml"),
    "tailscaled": (FIREWALL, "", ""),
    "bgpd": (ROUTING, "-f", "/etc/frr/frr.conf"),
    "bird": (ROUTING, "-c", "/etc/bird/bird.conf"),
    "libvirtd": (FIREWALL, "", "/etc/libvirt"),
}
"""Program to role, the option that names its configuration, and the file it reads without that option."""
UFW: Final = "/etc/ufw/ufw.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The programs by name, and whether ufw is switched on (it does not run)."""
    if ARTIFACT not in snapshot.artifacts:
        yield Want(ARTIFACT, Processes(tuple(PROGRAMS)), "run as root")
    if f"files{UFW}" not in snapshot.artifacts:
        yield Want("files", Files(UFW))
        for name, (role, _, default) in PROGRAMS.items():
            if role in JUDGED and default:
                yield Want("files", Files(default), "run as root")
                yield Want("files", Files(unit_of(name)))


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """The services; a list that cannot be read is a gap."""
    found: list[Service] = []
    gaps: list[Gap] = []
    artifact = snapshot.get(ARTIFACT)
    if artifact.status is Status.OK:
        try:
            found = [_service(one) for one in running(snapshot) if one.name in PROGRAMS]
        except Malformed as error:
            gaps.append(Gap("services", str(error), Source(ARTIFACT, "")))
        if artifact.detail:
            gaps.append(Gap("services", artifact.detail, Source(ARTIFACT, ""), artifact.remedy))
    ufw = snapshot.get(f"files{UFW}")
    if ufw.status is Status.OK and any(line.strip().lower() == "enabled=yes" for line in ufw.text.splitlines()):
        found.append(Service("ufw", FIREWALL, 0, (), UFW))
    return Piece(services=tuple(found), gaps=tuple(gaps), notes=tuple(_idle(snapshot, {one.name for one in found})))


def _idle(snapshot: Snapshot, running_here: set[str]) -> Iterator[str]:
    """Programs that are installed, but neither run nor start at boot: mentioned, not judged."""
    if snapshot.get(ARTIFACT).status is not Status.OK:
        return
    for name, (role, _, default) in PROGRAMS.items():
        enabled = snapshot.get(f"files{unit_of(name)}").status is Status.OK
        installed = role in JUDGED and default and snapshot.get(f"files{default}").status is Status.OK
        if installed and not enabled and name not in running_here and name not in UNITS.values():
            yield f"{name} is installed, but neither runs nor starts at boot: {default} was not judged"


def _service(one: Program) -> Service:
    role, option, default = PROGRAMS[one.name]
    config = _config(one.arguments, option) or default
    return Service(one.name, role, one.pid, one.arguments, config, one.listeners)


def _config(arguments: tuple[str, ...], option: str) -> str:
    """The file that an option names: ``-f FILE``, ``-fFILE``, ``--config=FILE``."""
    for at, argument in enumerate(arguments):
        if option and argument == option and at + 1 < len(arguments):
            return arguments[at + 1]
        if option and argument.startswith((option + "=", option + "/")):
            return argument[len(option) :].removeprefix("=")
        if argument.startswith(("--config=", "--conf-file=")):
            return argument.partition("=")[2]
    return ""


KIND = Kind("services", wants, read)
