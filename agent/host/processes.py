"""Programs that run here, as JSON: ``[{name, pid, arguments, namespace, listeners: [{proto, address, port}]}]``.

``namespace`` is empty for programs of this network namespace, else ``net:[4026532007]``.
"""

from __future__ import annotations

import json
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
        })  # fmt: skip
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
