"""PAC files that this host serves its clients, by WPAD or by name.

A script is a program: it is asked about the names of interest, about those that it mentions below them, and about new
ones, in a child without network (``agent/host/pac.py``). Names that it tells apart without mentioning them, by a
pattern, are a sample. Sources: developer.mozilla.org, "Proxy Auto-Configuration (PAC) file"; draft-ietf-wrec-wpad-01.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import Malformed
from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.model.pac import Pac, PacRule
from agent.model.resolver import NameSet, Scope
from agent.model.source import Gap, Source
from agent.snapshot import Files, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

FOLDERS: Final = (
    "/var/www", "/var/www/html", "/var/www/wpad", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/www",
    "/usr/local/www", "/etc/proxy.pac.d",
)  # fmt: skip
NAMES: Final = ("wpad.dat", "wpad.da", "*.pac")
MAX_MENTIONED: Final = 500
"""Names below those of interest that a script is asked about."""
SCHEMES: Final = {443: "https", 80: "http"}
_LITERAL: Final = re.compile(r"[\"'/]([^\"'\s/]{2,253})[\"'/]")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z0-9-]+")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The usual places."""
    if not any(name.startswith("files/var/www") for name in snapshot.artifacts):
        for folder in FOLDERS:
            for name in NAMES:
                yield Want("files", Files(f"{folder}/{name}"), "run as root")


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """Every script, with its answers; one that gives none is a gap."""
    found: list[Pac] = []
    gaps: list[Gap] = []
    for artifact in _scripts(snapshot):
        source = Source(artifact.name, "FindProxyForURL")
        try:
            found.append(Pac(source, tuple(_rules(artifact, interest, _clients(snapshot)))))
        except Malformed as error:
            gaps.append(Gap("pac", f"{artifact.name.removeprefix('files')}: {error}", source))
            found.append(Pac(source, (), str(error)))
    return Piece(pacs=tuple(found), gaps=tuple(gaps))


def _scripts(snapshot: Snapshot) -> Iterator[Artifact]:
    folders = {f"files{folder}" for folder in FOLDERS}
    seen: set[bytes] = set()
    for artifact in snapshot.under("files/"):
        folder, _, name = artifact.name.rpartition("/")
        if folder in folders and (name in NAMES or name.endswith(".pac")) and artifact.status is Status.OK:
            if artifact.data not in seen:  # the same script by another name
                yield artifact
            seen.add(artifact.data)


def _rules(artifact: Artifact, interest: frozenset[str], clients: tuple[str, ...]) -> Iterator[PacRule]:
    """One rule for each name that is mentioned, for all below it, and for the rest."""
    from agent.host.pac import CLIENTS, run  # noqa: PLC0415 - few hosts have a script

    about = [(NameSet(Scope.EXACT, name), name) for name in sorted(_mentioned(artifact.text, interest))]
    about += [(NameSet(Scope.BELOW, names.text), f"gateproof-new.{name}") for names, name in about]
    about.sort(key=lambda one: (-one[0].text.count("."), one[0].text, one[0].scope))
    asked = [(names, port, f"{scheme}://{name}/", name) for names, name in about for port, scheme in SCHEMES.items()]
    answers = run(artifact.text, [(url, name) for *_, url, name in asked], clients or CLIENTS)
    for (names, port, _, _), answer in zip(asked, answers, strict=True):
        yield PacRule(names, port, answer.ways, answer.depends_on)


def _mentioned(text: str, interest: frozenset[str]) -> set[str]:
    """The names of interest, and those below them that the script writes out."""
    wanted = Interest(interest)
    plain = text.replace("\\\\.", ".").replace("\\.", ".")
    written = (found.lower().strip("*.^$") for found in _LITERAL.findall(plain))
    names = [name for name in written if _NAME.fullmatch(name) and interest and wanted.holds(name)]
    return set(interest) | set(names[:MAX_MENTIONED])


def _clients(snapshot: Snapshot) -> tuple[str, ...]:
    """An address beside each of this host's own."""
    artifact = snapshot.get("ip-addr.json")
    try:
        links = orjson.loads(artifact.data) if artifact.status is Status.OK else []
        own = [one["local"] for link in links for one in link.get("addr_info", ()) if one.get("family") == "inet"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()
    pairs = (address.rpartition(".") for address in own if not address.startswith("127."))
    return tuple(f"{head}.{int(last) % 250 + 2}" for head, _, last in pairs)


KIND = Kind("pac", wants, read)
