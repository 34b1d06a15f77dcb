"""Scripts that load packet filters: host names in their rules, which were resolved once when they ran.

iptables, ipset and nft take names in place of addresses; the kernel never sees them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.naming import ResolvedName
from agent.model.source import Source
from agent.snapshot import Files, Want

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

FILES: Final = (
    "/etc/nftables.conf",
    "/etc/nftables.d/*",
    "/etc/nftables/*",
    "/etc/iptables/*",
    "/etc/iptables.rules",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
    "/etc/sysconfig/nftables.conf",
    "/etc/firewall",
    "/etc/firewall.sh",
    "/etc/firewall.user",
    "/etc/firewall/*",
    "/etc/init.d/*firewall*",
    "/etc/init.d/*iptables*",
    "/etc/rc.local",
    "/etc/network/if-pre-up.d/*",
    "/etc/network/if-up.d/*",
    "/etc/NetworkManager/dispatcher.d/*",
)
MAX_WORDS: Final = 1000
"""Words that a variable of a script may stand for."""
NAME: Final = re.compile(r"(?=[^/]{4,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z][A-Za-z0-9-]*")
_IPTABLES: Final = re.compile(r"(?:^|[\s;&|(/\"'`$}])ip6?tables(?:-legacy|-nft)?[\"'}]?\s|^\s*-[AI]\s")
_IPTABLES_ADDRESS: Final = re.compile(r"\s(?:-d|-s|--dst|--src|--destination|--source)(?:\s+!)?[\s=]+(\S+)")
_IPSET: Final = re.compile(r"\bipset\s+(?:-\S+\s+)*(?:add|-A)\s+(?:-\S+\s+)*\S+\s+(\S+)|^\s*add\s+\S+\s+(\S+)")
_NFT_ADDRESS: Final = re.compile(r"\bip6?\s+[sd]addr\s+(?:!=\s*)?(\{[^}]*\}|\S+)")
_ASSIGNED: Final = re.compile(
    r"^\s*(?:export\s+|define\s+|local\s+|readonly\s+)?(\w+)\s*=\s*(\"[^\"]*\"|'[^']*'|\{[^}]*\}|\S+)"
)
_LOOP: Final = re.compile(r"\bfor\s+(\w+)\s+in\s+([^;]+?)\s*(?:;|$|\bdo\b)")
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The usual places."""
    if "files/etc/rc.local" not in snapshot.artifacts:
        for pattern in FILES:
            yield Want("files", Files(pattern), "run as root")


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """Every name with the line it is in, once for each file."""
    names = sorted(name for name in snapshot.artifacts if name.startswith("files/"))
    patterns = [re.compile("files" + re.escape(one).replace(r"\*", "[^/]*")) for one in FILES if names]
    found: dict[tuple[str, str], ResolvedName] = {}
    for name in names:
        if any(one.fullmatch(name) for one in patterns):
            for resolved in _names(snapshot.artifacts[name]):
                found.setdefault((name, resolved.name), resolved)
    return Piece(resolved_names=tuple(found.values()))


def _names(artifact: Artifact) -> Iterator[ResolvedName]:
    variables: dict[str, list[str]] = {}
    for number, line in _lines(artifact.text):
        if assigned := _ASSIGNED.match(line):
            variables[assigned[1]] = _words(assigned[2], variables)
        if loop := _LOOP.search(line):
            variables[loop[1]] = _words(loop[2], variables)
        for value in _addresses(line):
            for word in _words(value, variables):
                name = word.partition("/")[0].lower()
                if NAME.fullmatch(name):
                    yield ResolvedName(name, Source(artifact.name, line.strip(), number))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, continued ones joined, comments taken away."""
    start, held = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        held += re.sub(r"(?:^|\s)#.*", "", line)
        if held.endswith("\\") and not line.lstrip().startswith("#"):
            held = held[:-1] + " "
            continue
        yield start, held
        start, held = 0, ""
    if held:
        yield start, held


def _addresses(line: str) -> Iterator[str]:
    """What stands where an address is expected."""
    if _IPTABLES.search(line):
        yield from _IPTABLES_ADDRESS.findall(line)
    for one, other in _IPSET.findall(line):
        yield one or other
    yield from _NFT_ADDRESS.findall(line)


def _words(text: str, variables: dict[str, list[str]]) -> list[str]:
    """The words of a value, variables replaced by what they hold."""
    found: list[str] = []
    for word in re.split(r"[\s,{}\"']+", text):
        variable = _VARIABLE.fullmatch(word)
        found += variables.get(variable[1], []) if variable else [word]
    return [word for word in found if word][:MAX_WORDS]


KIND = Kind("scripts", wants, read)
