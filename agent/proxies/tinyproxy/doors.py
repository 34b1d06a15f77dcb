"""One tinyproxy: its listening sockets, and the stages of each form of request (``process_request`` in reqs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.network import Listener
from agent.model.proxy import ALWAYS, Act, Door, Form, Proxy, ProxyRule, ProxyStage, Ruling
from agent.model.source import Gap, Source
from agent.proxies.tinyproxy import DEFAULT, NAME
from agent.proxies.tinyproxy.lines import directives
from agent.proxies.tinyproxy.mistakes import mistakes
from agent.proxies.tinyproxy.stages import Stages

if TYPE_CHECKING:
    from agent.model.names import Interest
    from agent.proxies.tinyproxy.lines import Directive
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

FORMS: Final = (Form.CONNECT, Form.GET, Form.HTTP)
"""It reads a request line first: nothing becomes of TLS that is diverted here."""
LOOKS_UP: Final = frozenset(FORMS)
"""Where diverted pages go their Host header says."""
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - where it listens without Listen


def proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    """One proxy as its file has it."""
    path = _file(program.arguments)
    artifact = following.file(path)
    written: list[Directive] = []
    if artifact is None:
        reason = next((gap.reason for gap in following.gaps), f"{path} is not there")
        return _unknown(program, written, Gap(NAME, reason, None, "take the snapshot with gateproof collect"))
    try:
        for one in directives(artifact):
            written.append(one)  # noqa: PERF402 - what stands before a mistake is kept
        return _read(written, artifact, following, interest)
    except Malformed as error:
        reason = f"line {error.line}: {error}" if error.line else str(error)
        return _unknown(program, written, Gap(NAME, reason, Source(artifact.name, "", error.line)))


def _read(written: list[Directive], artifact: Artifact, following: Following, interest: Interest) -> Proxy:
    stages = Stages(written, following, interest)
    port = _last(written, "port")
    if port is None or not 0 < port.number <= 0xFFFF:
        raise Malformed("there is no port to listen on", line=port.source.line if port else None)
    courses = tuple((form, tuple(stages.of(form))) for form in FORMS)
    listen = [one for one in written if one.name == "listen"]
    bind = [one for one in written if one.name == "bind"]
    free = any(one.name == "bindsame" and one.on for one in written)  # the address of the client's connection instead
    return Proxy(
        NAME,
        tuple(Door(Listener("tcp", one.value, port.number), courses, one.source, looks_up=LOOKS_UP) for one in listen)
        or tuple(
            Door(Listener("tcp", address, port.number), courses, port.source, looks_up=LOOKS_UP)
            for address in EVERYWHERE
        ),
        Source(artifact.name, ""),
        families=frozenset(6 if ":" in one.value else 4 for one in bind if not free) or frozenset({4, 6}),
        mistakes=tuple(mistakes(stages, interest)),
        gaps=(*stages.gaps, *following.gaps),
    )


def _unknown(program: Program, written: list[Directive], gap: Gap) -> Proxy:
    """A proxy of which nothing but its sockets is known."""
    source = gap.source or Source("", gap.reason)
    stage = ProxyStage("tinyproxy.conf", (ProxyRule(ALWAYS, Ruling(Act.OPEN, gap.reason), source),))
    port = _last(written, "port")
    listeners = program.listeners or tuple(
        Listener("tcp", address, port.number if port else 8888) for address in EVERYWHERE
    )
    doors = tuple(Door(one, tuple((form, (stage,)) for form in FORMS), source, looks_up=LOOKS_UP) for one in listeners)
    return Proxy(NAME, doors, gap.source, gaps=(gap,))


def _last(written: list[Directive], name: str) -> Directive | None:
    return next((one for one in reversed(written) if one.name == name), None)


def _file(arguments: tuple[str, ...]) -> str:
    """The file that ``-c FILE`` names (getopt, ``c:vdh``)."""
    for at, argument in enumerate(arguments[1:], 1):
        before, option, behind = argument.partition("c")
        if argument.startswith("-") and option and before.strip("vdh") == "-":
            return behind or next(iter(arguments[at + 1 :]), DEFAULT)
    return DEFAULT
