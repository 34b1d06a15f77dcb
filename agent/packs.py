"""Packs: what a service requires of a gateway, as YAML with a strict schema.

Built-in packs are found by looking in ``rules.packs``; operators add theirs under ``/etc/gateproof/packs``.
"""

from __future__ import annotations

import importlib
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from agent.errors import ConfigError, UsageError
from agent.model.intervals import prefix_interval
from agent.model.limits import STRICT, Checked, Limits
from agent.model.names import apex_of, covers, normalise
from agent.model.record import record
from agent.model.requirement import PortNeed, Requirement
from agent.strict import parse_yaml, read_bytes, suggest, trusted, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BUILT_IN: Final = "rules.packs"
OPERATOR_FOLDER: Final = Path("/etc/gateproof/packs")
PORT: Final = re.compile(r"(tcp|udp)/([1-9][0-9]{0,4})")


def domain_pattern(text: str) -> str:
    """``*.example.com`` or ``example.com``, normalised; raises ValueError for anything else."""
    try:
        name = normalise(apex_of(text))
    except ValueError as error:
        raise ValueError(f"must be a domain name or `*.` and one: {error}") from error
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", name):
        raise ValueError("must be a domain name of at least two labels, or `*.` and one")
    return f"*.{name}" if text.startswith("*.") else name


def _port(text: str) -> str:
    match = PORT.fullmatch(text)
    if match is None or int(match[2]) > 0xFFFF:
        raise ValueError("must be a protocol and a port, for example tcp/443")
    return text


def _prefix(text: str) -> str:
    try:
        prefix_interval(text)
    except ValueError as error:
        raise ValueError(f"must be an address prefix, for example 192.0.2.0/24: {error}") from error
    return text


Pattern = Annotated[str, Checked(domain_pattern)]
Port = Annotated[str, Checked(_port)]
Prefix = Annotated[str, Checked(_prefix)]
Name = Annotated[str, Limits(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Line = Annotated[str, Limits(min_length=1, max_length=500)]


@record(kw_only=True)
class Ports:
    """Ports that must be open, and ports that should be."""

    __pydantic_config__: ClassVar = STRICT
    required: Annotated[tuple[Port, ...], Limits(min_length=1)]
    preferred: tuple[Port, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is named twice; raises ValueError."""
        both = [*self.required, *self.preferred]
        twice = next((port for port in both if both.count(port) > 1), None)
        if twice:
            raise ValueError(f"names {twice} twice")


@record(kw_only=True)
class Addresses:
    """What the vendor says about its addresses; ``published`` is empty where it publishes none."""

    __pydantic_config__: ClassVar = STRICT
    published: tuple[Prefix, ...] = ()
    note: Line


@record(kw_only=True)
class Discouraged:
    """A practice that the vendor discourages, by the id of the rule that finds it, and why."""

    __pydantic_config__: ClassVar = STRICT
    practice: Name
    what: Line
    because: tuple[Line, ...] = ()


@record(kw_only=True)
class Alias:
    """A name that leads to others (CNAME): a filter that stops one of these stops it as well."""

    __pydantic_config__: ClassVar = STRICT
    name: Pattern
    leads_to: Annotated[tuple[Pattern, ...], Limits(min_length=1)]
    """In the order of the chain, as a resolver showed it."""


@record(kw_only=True)
class Webhooks:
    """How the service identifies itself when it calls the customer."""

    __pydantic_config__: ClassVar = STRICT
    user_agents: Annotated[tuple[Line, ...], Limits(min_length=1)]


@record(kw_only=True)
class Citation:
    """Where the facts of a pack come from."""

    __pydantic_config__: ClassVar = STRICT
    title: Line
    url: Annotated[str, Limits(pattern=r"^https://[^\s]+$")] | None = None


@record(kw_only=True)
class Pack:
    """What one service requires of a gateway."""

    __pydantic_config__: ClassVar = STRICT
    name: Name
    title: Line
    description: Line
    vendor: Line
    owner: Line
    """Who keeps this pack up to date."""
    version: Annotated[str, Limits(pattern=r"^\d+(\.\d+){0,2}$")]
    checked: date
    """When the facts were last compared with the sources."""
    sources: Annotated[tuple[Citation, ...], Limits(min_length=1)]
    domains: Annotated[tuple[Pattern, ...], Limits(min_length=1)]
    apex: bool
    """Whether ``example.com`` itself belongs to ``*.example.com``."""
    ports: Ports
    assumed: tuple[Literal["apex", "ports"], ...] = ()
    """What this pack says though the vendor does not."""
    addresses: Addresses | None = None
    discouraged: tuple[Discouraged, ...] = ()
    recommended: tuple[Line, ...] = ()
    tls: Line | None = None
    webhooks: Webhooks | None = None
    aliases: tuple[Alias, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is named twice; raises ValueError."""
        twice = next((one for one in self.domains if self.domains.count(one) > 1), None)
        if twice:
            raise ValueError(f"`domains` names {twice} twice")
        for alias in self.aliases:
            if not any(alias.name == one or covers(one, alias.name, apex=self.apex) for one in self.domains):
                raise ValueError(f"`aliases` names {alias.name}, which belongs to none of the domains")

    def requirements(self) -> tuple[Requirement, ...]:
        """What judging needs: one requirement for each domain, in the pack's order."""
        ports = tuple(
            PortNeed(proto, int(number), required)
            for texts, required in ((self.ports.required, True), (self.ports.preferred, False))
            for proto, _, number in (text.partition("/") for text in texts)
        )
        agents = self.webhooks.user_agents if self.webhooks else ()
        return tuple(
            Requirement(self.name, domain, ports, self.apex, agents, tuple(self._aliases(domain)))
            for domain in self.domains
        )

    def _aliases(self, domain: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        for alias in self.aliases:
            if alias.name == domain or covers(domain, alias.name, apex=self.apex):
                yield alias.name, alias.leads_to

    def references(self) -> list[str]:
        """Links to the sources of the facts; titles where there is no link."""
        return [source.url or source.title for source in self.sources]


@record
class FoundPack:
    """A pack and where it was found; ``replaces`` is the place of the built-in pack that it hides."""

    pack: Pack
    where: str
    built_in: bool
    replaces: str = ""


def read_pack(data: bytes, where: str) -> Pack:
    """One pack; raises ConfigError with file, line and what to do."""
    return validate(Pack, parse_yaml(data, where))


def find_packs(folder: Path = OPERATOR_FOLDER) -> tuple[FoundPack, ...]:
    """All packs by name, an operator's in place of the built-in of that name; raises ConfigError."""
    found: dict[str, FoundPack] = {}
    for name, data in _built_in():
        pack = trusted(Pack, parse_yaml(data, f"built-in {name}"))
        found[pack.name] = FoundPack(pack, f"built-in {name}", built_in=True)
    for path in _operators(folder):
        pack = read_pack(read_bytes(path), str(path))
        known = found.get(pack.name)
        if known and not known.built_in:
            raise ConfigError(f"{path}: the name `{pack.name}` is taken by {known.where}; rename one of them")
        found[pack.name] = FoundPack(pack, str(path), built_in=False, replaces=known.where if known else "")
    return tuple(found[name] for name in sorted(found))


def select(found: Sequence[FoundPack], names: Iterable[str]) -> tuple[Pack, ...]:
    """The packs of these names, all where none is named; raises UsageError for an unknown name."""
    by_name = {one.pack.name: one.pack for one in found}
    wanted = sorted(set(names)) or sorted(by_name)
    for name in wanted:
        if name not in by_name:
            raise UsageError(f"no pack `{name}`{suggest(name, by_name)}")
    return tuple(by_name[name] for name in wanted)


def _built_in() -> list[tuple[str, bytes]]:
    folders = map(Path, importlib.import_module(BUILT_IN).__path__)
    return sorted((file.name, file.read_bytes()) for folder in folders for file in folder.glob("*.yaml"))


def _operators(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".yaml" and not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from error
