"""Programs that run here, as JSON: ``[{name, pid, arguments, namespace, listeners: [{proto, address, port}]}]``.

``namespace`` is empty for programs of this network namespace, else ``net:[4026532007]``; those have ``addresses`` (of
their namespace), ``root`` (where their files are) and ``container`` (its name, as far as its control group tells).
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.snapshot import Artifact, Processes, Status, Want
from agent.snapshot.redact import redact_arguments

if TYPE_CHECKING:
    import psutil


def running(want: Want) -> Artifact:
    """Give the programs that a question names; sockets of other users need rights, and their lack is said."""
    import psutil  # noqa: PLC0415 - costs 30 ms that most commands need not pay

    if not isinstance(want.ask, Processes):
        raise TypeError("a question about processes is expected")
    names = frozenset(want.ask.names)
    found = []
    hidden = False
    for process in psutil.process_iter(["name", "pid", "cmdline"]):
        if process.info["name"] not in names:
            continue
        try:
            namespace = _namespace(process.info["pid"])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        listeners, denied = _listeners(process)
        hidden = hidden or denied
        found.append({
            "name": process.info["name"],
            "pid": process.info["pid"],
            "arguments": redact_arguments(tuple(process.info["cmdline"] or ())),
            "namespace": namespace,
            "listeners": listeners,
        } | (_elsewhere(process.info["pid"]) if namespace else {}))  # fmt: skip
    found.sort(key=lambda one: (one["name"], one["pid"]))
    detail = "the listening sockets of other users' programs were not readable" if hidden else ""
    data = json.dumps(found, indent=1, sort_keys=True).encode()
    return Artifact(want.name, Status.OK, data, detail, want.remedy if hidden else "")


def _namespace(pid: int) -> str:
    """The network namespace of a program, where it is another than ours and may be known.

    Raises FileNotFoundError or ProcessLookupError where the program has ended.
    """
    try:
        found = str(Path(f"/proc/{pid}/ns/net").readlink())
    except PermissionError:
        return ""
    return "" if found == str(Path("/proc/self/ns/net").readlink()) else found


def _listeners(process: psutil.Process) -> tuple[list[dict[str, Any]], bool]:
    import psutil  # noqa: PLC0415 - see above

    try:
        connections = process.net_connections("inet")
    except psutil.AccessDenied:
        return [], True
    except psutil.NoSuchProcess:
        return [], False
    listening = {
        ("tcp" if one.type == socket.SOCK_STREAM else "udp", one.laddr.ip, one.laddr.port)
        for one in connections
        if (one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr))
    }
    return [{"proto": proto, "address": address, "port": port} for proto, address, port in sorted(listening)], False


def _elsewhere(pid: int) -> dict[str, Any]:
    """Where a program of another namespace lives."""
    process = Path(f"/proc/{pid}")
    addresses = _addresses(_text(process / "net/fib_trie")) | _addresses_6(_text(process / "net/if_inet6"))
    return {
        "addresses": sorted(addresses),
        "root": f"{process}/root",
        "container": _container(_text(process / "cgroup")),
    }  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _addresses(trie: str) -> set[str]:
    """The IPv4 addresses of a namespace, as the kernel's routing trie has them."""
    found, last = set(), ""
    for line in trie.splitlines():
        if "|--" in line:
            last = line.split()[-1]
        elif "/32 host LOCAL" in line and not last.startswith("127."):
            found.add(last)
    return found


def _addresses_6(interfaces: str) -> set[str]:
    """The global IPv6 addresses of a namespace (proc_net if_inet6: address, index, length, scope...)."""
    lines = (line.split() for line in interfaces.splitlines())
    return {str(ipaddress.IPv6Address(int(words[0], 16))) for words in lines if len(words) > 3 and words[3] == "00"}


def _container(groups: str) -> str:
    """``docker-0123456789ab`` of ``0::/system.slice/docker-0123456789ab....scope``."""
    name = groups.strip().rpartition("/")[2].removesuffix(".scope").removesuffix(".service")
    return re.sub(r"([0-9a-f]{12})[0-9a-f]{20,}", r"\1", name)
