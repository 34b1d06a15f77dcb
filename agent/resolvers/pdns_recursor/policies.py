"""The policy zones that a Lua configuration names, in order (``rec-lua-conf.cc``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.resolvers.lua import Call, Computed, Name, Table, Value, statements
from agent.resolvers.pdns_recursor.options import LUA_HARMLESS, LUA_OPEN, ROOT_KEYS
from agent.resolvers.pdns_recursor.settings import KIND
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.resolvers.lua import Statement
    from agent.resolvers.pdns_recursor.settings import Settings
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

ACTIONS: Final = frozenset({"NoAction", "Drop", "NXDOMAIN", "NODATA", "Truncate", "Custom"})
OF_TRANSFER: Final = frozenset({
    "tsigname", "tsigalgo", "tsigsecret", "refresh", "maxReceivedMBytes", "localAddress", "axfrTimeout", "seedFile",
    "dumpFile",
})  # fmt: skip
"""Options of ``rpzPrimary`` alone."""
TRANSFERRED: Final = frozenset({"rpzPrimary", "rpzMaster"})
QUIET: Final = frozenset({"newNMG", "newNetmask", "newCA", "newDN", "os.getenv", "tonumber", "tostring"})
"""What may be called to make a value."""
OPTIONS: Final = frozenset({
    "policyName", "defpol", "defpolOverrideLocalData", "defcontent", "defttl", "tags", "overridesGettag", "maxTTL",
    "zoneSizeHint", "extendedErrorCode", "extendedErrorExtra", "includeSOA", "ignoreDuplicates",
})  # fmt: skip


@record
class Policy:
    """One policy zone: its file, and what takes the place of the actions there."""

    file: Artifact
    source: Source
    action: str = ""
    """``defpol``; empty: each record's own."""
    target: str = ""
    """``defcontent``, for the action Custom."""
    overrides_data: bool = True
    """Whether records with data of their own get that action as well."""
    zone: str = ""
    """What the zone has to be called; empty: anything."""


def policies(given: Settings, following: Following) -> tuple[tuple[Policy, ...], tuple[Gap, ...]]:
    """Give the policy zones in order, and what is not followed."""
    setting = given.get("lua-config-file")
    artifact = following.file(setting.value, setting.source) if setting.value else None
    if artifact is None:
        return (), ()
    try:
        written = statements(artifact)
    except Malformed as error:
        source = Source(artifact.name, "", error.line)
        return (), (Gap(KIND, f"line {error.line}: {error}", source),)
    found = [one for each in written for one in _read(each, following)]
    return tuple(one for one in found if isinstance(one, Policy)), tuple(one for one in found if isinstance(one, Gap))


def _read(statement: Statement, following: Following) -> Iterator[Policy | Gap]:
    """What one statement adds."""
    value, source = statement.value, statement.source
    for name in statement.inner:
        if name not in QUIET:
            yield Gap(KIND, f"line {source.line}: {name or 'a function'} is called within something else", source)
    if isinstance(value, Call) and (value.function == "rpzFile" or value.function in TRANSFERRED):
        try:
            policy = _policy(value, source, following)
        except Malformed as error:
            yield Gap(KIND, f"line {source.line}: {error}", source)
        else:
            yield from (policy,) if policy else ()
    elif isinstance(value, Call) and value.function == "dofile" and value.arguments == (ROOT_KEYS,):
        return
    elif isinstance(value, Call) and value.function not in LUA_HARMLESS:
        reason = LUA_OPEN.get(value.function, "a function that is not known")
        yield Gap(KIND, f"line {source.line}: {value.function}: {reason}", source)
    elif isinstance(value, Computed) and not statement.target:
        yield Gap(KIND, f"line {source.line}: a Lua program decides", source)


def _policy(call: Call, source: Source, following: Following) -> Policy | None:
    """One ``rpzFile(path, {options})`` or ``rpzPrimary(address, zone, {options})``; None where there is no file.

    Of a zone that comes from another server the file is read to which it is saved. Raises Malformed.
    """
    name = call.function
    moved = name in TRANSFERRED
    given = call.arguments[1:] if moved else call.arguments
    path, options = (*given, None, None)[:2]
    options = Table() if options is None else options
    if not isinstance(path, str) or not isinstance(options, Table):
        raise Malformed(f"{name}: what it is given is computed")
    for option, value in options.fields:
        if isinstance(value, Computed | Call) and option not in ("policyName", "tags"):
            raise Malformed(f"{name}: {option} is computed")
        if option not in OPTIONS and not (moved and option in OF_TRANSFER):
            raise Malformed(f"{name}: unknown option {option}")
    saved = options.get("dumpFile") if moved else path
    if not isinstance(saved, str):
        raise Malformed(f"{name}: a policy zone comes from another server, and is not saved (dumpFile)")
    artifact = following.file(saved, source)
    if artifact is None:
        return None
    action = _action(options.get("defpol"))
    content = options.get("defcontent")
    if action == "Custom" and not isinstance(content, str):
        raise Malformed(f"{name}: defpol=Policy.Custom needs defcontent")
    target = zone_name(str(content)) if action == "Custom" else ""
    zone = zone_name(path) if moved else ""
    return Policy(artifact, source, action, target, options.get("defpolOverrideLocalData") is not False, zone)


def _action(value: Value) -> str:
    """``Policy.NXDOMAIN`` to ``NXDOMAIN``."""
    if value is None:
        return ""
    if isinstance(value, Name) and value.path.removeprefix("Policy.") in ACTIONS:
        return value.path.removeprefix("Policy.")
    raise Malformed("defpol is not known")
