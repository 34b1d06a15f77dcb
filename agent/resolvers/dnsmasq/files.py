"""All options of one dnsmasq: its command line, and the files that these and each other name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.resolvers.dnsmasq import DEFAULT
from agent.resolvers.dnsmasq.lines import Option, in_file, on_command_line, plain
from agent.snapshot.following import Following
from agent.snapshot.programs import ARTIFACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.snapshot import Artifact, Snapshot, Want
    from agent.snapshot.programs import Program

SYSTEM_HOSTS: Final = "/etc/hosts"
SYSTEM_RESOLV: Final = "/etc/resolv.conf"
MAX_FILES: Final = 10_000


@record
class Configuration:
    """Options in order, and the files that hold names and servers."""

    options: tuple[Option, ...]
    hosts: tuple[Artifact, ...]
    upstream_files: tuple[Artifact, ...]
    wants: tuple[Want, ...]
    gaps: tuple[Gap, ...]

    def values(self, *names: str) -> Iterator[tuple[str, Option]]:
        """The values of options that have one."""
        return ((one.value, one) for one in self.options if one.name in names and one.value is not None)

    def has(self, name: str) -> bool:
        """Whether an option is given."""
        return any(one.name == name for one in self.options)


def load(snapshot: Snapshot, program: Program, interest: Interest) -> Configuration:
    """Follow all files from a command line; what is not there is wanted, or a gap. Lists are searched for names."""
    following = Following.of(snapshot, "dnsmasq", program)
    gaps: list[Gap] = []
    options = tuple(_expanded(on_command_line(program.arguments, ARTIFACT), interest, following, gaps))
    config = Configuration(options, (), (), (), ())
    hosts: list[Artifact | None] = []
    if not config.has("no-hosts"):
        hosts.append(following.file(SYSTEM_HOSTS))
    for value, option in config.values("addn-hosts"):
        hosts.extend(_worth_reading(following.file_or_folder(plain(value), option.source)))
    for value, option in config.values("hostsdir"):
        hosts.extend(_worth_reading(following.matching(f"{plain(value).rstrip('/')}/*", option.source)))
    servers: list[Artifact | None] = []
    if not config.has("no-resolv"):
        named = list(config.values("resolv-file"))
        servers = [following.file(plain(value), option.source) for value, option in named] or [
            following.file(SYSTEM_RESOLV)
        ]
    return Configuration(
        options,
        tuple(one for one in hosts if one),
        tuple(one for one in servers if one),
        following.wants,
        (*gaps, *following.gaps),
    )


def _expanded(given: Iterable[Option], interest: Interest, following: Following, gaps: list[Gap]) -> Iterator[Option]:
    """The options with those of all files they name; a file is read once, as dnsmasq does."""
    queue = list(given)
    if not any(option.name == "conf-file" for option in queue):
        queue.append(Option("conf-file", DEFAULT, Source(ARTIFACT, "")))
    seen: set[str] = set()
    while queue:
        option = queue.pop(0)
        files: tuple[Artifact | None, ...] = ()
        if option.value is None or option.name not in ("conf-file", "conf-dir", "servers-file"):
            yield option
        elif option.name == "conf-dir":
            files = tuple(_in_folder(option.value, option.source, following))
        else:
            files = (following.file(plain(option.value), option.source if option.source.text else None),)
        inner: list[Option] = []
        for file in files:
            if file is None or file.name in seen:
                continue
            seen.add(file.name)
            if len(seen) > MAX_FILES:
                gaps.append(Gap("dnsmasq", f"more than {MAX_FILES} configuration files", option.source))
                return
            try:
                inner.extend(in_file(file, interest))
            except Malformed as error:
                gaps.append(Gap("dnsmasq", f"line {error.line}: {error}", Source(file.name, "", error.line)))
        queue[:0] = inner


def _in_folder(value: str, source: Source, following: Following) -> Iterator[Artifact]:
    """The files of ``conf-dir=FOLDER,EXTENSION...``: an extension is left out, or with ``*`` the only one taken."""
    folder, *extensions = (part.strip() for part in plain(value).split(","))
    taken = tuple(one[1:] for one in extensions if one.startswith("*") and len(one) > 1)
    left_out = tuple(one for one in extensions if one and not one.startswith("*"))
    for file in _worth_reading(following.matching(f"{folder.rstrip('/')}/*", source)):
        if not file.name.endswith(left_out) and (not taken or file.name.endswith(taken)):
            yield file


def _worth_reading(files: Iterable[Artifact]) -> Iterator[Artifact]:
    """What dnsmasq takes of a folder (``expand_filelist``, ``one_file``)."""
    for file in files:
        name = file.name.rpartition("/")[2]
        if not (name.endswith("~") or name.startswith(".") or (name.startswith("#") and name.endswith("#"))):
            yield file
