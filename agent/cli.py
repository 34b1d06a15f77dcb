"""The command line. Heavy imports stand inside the commands that need them: ``--version`` is instant."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent import __version__
from agent.errors import GateproofError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from agent.config import Settings
    from agent.model.gateway import Gateway
    from agent.packs import Pack
    from agent.snapshot import Snapshot

OK, FINDINGS, TROUBLE = 0, 1, 2
SEVERITIES = ("info", "low", "medium", "high", "critical")
FIREWALL_ARTIFACTS = ("nft.json", "iptables-legacy.txt", "iptables-nft.txt", "iptables.txt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; an expected error is one line on standard error and status 2."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
    except GateproofError as error:
        sys.stderr.write(f"gateproof: {error}\n")
        return TROUBLE
    except BrokenPipeError:  # the reader has seen enough; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except KeyboardInterrupt:
        return 128 + 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateproof", description="Proves that required domains can pass this gateway, and names what stops them."
    )
    parser.add_argument("--version", action="version", version=f"gateproof {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, help_: str, command: object) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=command)
        return sub

    audit = add("audit", "audit this host, a snapshot, or bare rule dumps", _audit)
    _add_input(audit)
    _add_policy(audit)
    _add_output(audit, ("text", "json", "jsonl"))
    audit.add_argument("--fail-on", choices=SEVERITIES, help="exit 1 for findings from here on (default low)")
    explain = add("explain", "show the road of one domain, hop by hop", _explain)
    explain.add_argument("domain", metavar="DOMAIN[:PORT]")
    explain.add_argument("--from", dest="zone", metavar="ZONE", help="one zone only")
    _add_input(explain)
    _add_policy(explain)
    trace = add("trace", "answer a batch of flows, one verdict for each", _trace)
    trace.add_argument("--flows", required=True, metavar="FILE|-", help="flows as JSON Lines")
    _add_input(trace)
    reach = add("reach", "print the exact address sets that pass and that are stopped", _reach)
    reach.add_argument("--in-iface", metavar="I|any")
    reach.add_argument("--out-iface", metavar="I|any")
    reach.add_argument("--src", metavar="ADDR")
    reach.add_argument("--proto", required=True, choices=("tcp", "udp"))
    reach.add_argument("--dport", required=True, type=int)
    reach.add_argument("--family", type=int, choices=(4, 6), default=4)
    _add_input(reach)
    collect = add("collect", "take a snapshot of this host", _collect)
    collect.add_argument("--output", required=True, type=Path, metavar="DIR|TAR")
    policy = add("policy", "list, show or check packs", _policy)
    policy.add_argument("action", choices=("list", "show", "check"))
    policy.add_argument("name", nargs="?", metavar="NAME|FILE")
    policy.add_argument("--config", type=Path)
    check = add("check-config", "check the configuration and all packs", _check_config)
    check.add_argument("--config", type=Path)
    run = add("run", "run as a daemon: audit on a schedule and keep findings", _run)
    run.add_argument("--config", type=Path)
    run.add_argument("--state-dir", type=Path)
    run.add_argument("--once", action="store_true", help="one audit, then end")
    schema = add("schema", "print a JSON Schema", _schema)
    schema.add_argument("what", choices=("report", "finding", "pack", "config"))
    return parser


def _add_input(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--snapshot", type=Path, metavar="DIR|TAR", help="a recorded host instead of this one")
    group.add_argument("--ruleset", type=Path, action="append", metavar="FILE", help="a bare dump; may be repeated")


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", action="append", default=[], metavar="NAME", help="default: all packs")
    parser.add_argument("--config", type=Path, help="default: /etc/gateproof/gateproof.toml")


def _add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    parser.add_argument("--format", choices=formats, default="text")
    parser.add_argument("--output", default="-", metavar="FILE|-")


# ---- inputs ----


def _snapshot(arguments: argparse.Namespace) -> Snapshot:
    from datetime import UTC, datetime

    if arguments.snapshot:
        from agent.snapshot import load

        return load(arguments.snapshot)
    if arguments.ruleset:
        return _bare(arguments.ruleset)
    from agent.collect import collect
    from agent.host.live import LiveHost

    return collect(LiveHost(), datetime.now(UTC))


def _bare(files: Sequence[Path]) -> Snapshot:
    """A snapshot of nothing but dumps, recognised by their content."""
    from datetime import UTC, datetime

    from agent.catalog import recognise
    from agent.snapshot import Artifact, Snapshot, Status

    artifacts: dict[str, Artifact] = {}
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
        name = recognise(data)
        if name is None:
            known = "the output of `nft -j list ruleset`, iptables-save, ip6tables-save or ipset save"
            raise UsageError(f"{file}: not a dump that is known; expected {known}")
        if name in artifacts:
            raise UsageError(f"{file}: a second dump of the same kind ({name}); one of each can be judged together")
        artifacts[name] = Artifact(name, Status.OK, data)
    return Snapshot(datetime.now(UTC), {"agent_version": __version__}, artifacts)


def _settings_and_packs(arguments: argparse.Namespace) -> tuple[Settings, tuple[Pack, ...]]:
    from agent.config import load_settings
    from agent.packs import find_packs, select

    settings = load_settings(arguments.config)
    return settings, select(find_packs(settings.pack_folder), arguments.pack or settings.packs)


def _gateway(arguments: argparse.Namespace) -> Gateway:
    from agent.catalog import read

    return read(_snapshot(arguments), frozenset())


# ---- commands ----


def _audit(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from agent.model.vocabulary import Severity
    from agent.outputs import renderer
    from agent.pipeline import audit

    settings, packs = _settings_and_packs(arguments)
    snapshot = _snapshot(arguments)
    live = not (arguments.snapshot or arguments.ruleset)
    report = audit(snapshot, packs, settings, datetime.now(UTC) if live else snapshot.taken_at)
    _write(renderer(arguments.format)(report), arguments.output)
    if _nothing_read(snapshot):
        sys.stderr.write("gateproof: no packet filter could be read, so nothing was audited; run as root\n")
        return TROUBLE
    limit = Severity(arguments.fail_on) if arguments.fail_on else settings.fail_on
    return FINDINGS if any(one.severity.rank >= limit.rank for one in report.findings) else OK


def _nothing_read(snapshot: Snapshot) -> bool:
    """Whether every listing of rules was refused or broken (absent programs are a fact, not a failure)."""
    from agent.snapshot import Status

    asked = [snapshot.artifacts[name].status for name in FIREWALL_ARTIFACTS if name in snapshot.artifacts]
    return bool(asked) and Status.OK not in asked and any(status is not Status.ABSENT for status in asked)


def _explain(arguments: argparse.Namespace) -> int:
    from agent.model.names import normalise
    from agent.outputs.text import render_explanations
    from agent.pipeline import explain

    name, colon, port = arguments.domain.partition(":")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{arguments.domain!r}: a port is a number from 1 to 65535")
    try:
        domain = ("*." if name.startswith("*.") else "") + normalise(name.removeprefix("*."))
    except ValueError as error:
        raise UsageError(str(error)) from error
    settings, packs = _settings_and_packs(arguments)
    number = int(port) if colon else None
    roads = explain(_snapshot(arguments), packs, settings, domain, number, arguments.zone)
    sys.stdout.write(render_explanations(roads))
    return OK if all(one.verdict in ("allowed", "not-routed") for one in roads) else FINDINGS


def _trace(arguments: argparse.Namespace) -> int:
    import json

    from agent.errors import Malformed
    from agent.judge.flow import read_flow
    from agent.judge.trace import Tracer

    lines = _read(arguments.flows).splitlines()
    tracer = Tracer(_gateway(arguments))
    status = OK
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = tracer.answer(read_flow(line, number)).to_json()
        except Malformed as error:
            sys.stderr.write(f"gateproof: {arguments.flows}: {error}\n")
            answer = {
                "verdict": "unknown",
                "rule": None,
                "table": None,
                "chain": None,
                "handle": None,
                "why": [str(error)],
            }
            status = TROUBLE
        sys.stdout.write(json.dumps(answer) + "\n")
    return status


def _reach(arguments: argparse.Namespace) -> int:
    import json

    from agent.judge.reach import Prover, Question
    from agent.model.intervals import address_value

    src = None
    if arguments.src is not None:
        try:
            family, src = address_value(arguments.src)
        except ValueError as error:
            raise UsageError(f"--src: {error}") from error
        if family != arguments.family:
            raise UsageError(f"--src {arguments.src} is not an address of IPv{arguments.family}")
    if not 0 <= arguments.dport <= 65535:
        raise UsageError("--dport is a number from 0 to 65535")
    proto = {"tcp": 6, "udp": 17}[arguments.proto]
    question = Question(arguments.family, proto, arguments.dport, arguments.in_iface, src, arguments.out_iface)
    sys.stdout.write(json.dumps(Prover(_gateway(arguments)).reach(question).to_json()) + "\n")
    return OK


def _collect(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from agent.collect import collect
    from agent.host.live import LiveHost
    from agent.snapshot import Status, save

    snapshot = collect(LiveHost(), datetime.now(UTC))
    save(snapshot, arguments.output)
    for artifact in snapshot.artifacts.values():
        if artifact.status not in (Status.OK, Status.ABSENT):
            sys.stderr.write(f"gateproof: {artifact.name}: {artifact.status}: {artifact.detail}\n")
    count = sum(one.status is Status.OK for one in snapshot.artifacts.values())
    sys.stdout.write(f"{arguments.output}: {count} answers of {snapshot.host['name']}\n")
    return OK


def _policy(arguments: argparse.Namespace) -> int:
    from agent.config import load_settings
    from agent.packs import find_packs, read_pack, select
    from agent.strict import read_bytes

    if arguments.action == "check" and arguments.name:
        file = Path(arguments.name)
        pack = read_pack(read_bytes(file), str(file))
        sys.stdout.write(f"{file}: {pack.title}, {len(pack.domains)} domains: good\n")
        return OK
    found = find_packs(load_settings(arguments.config).pack_folder)
    if arguments.action == "show":
        if not arguments.name:
            raise UsageError(f"policy show needs a name; there are: {', '.join(one.pack.name for one in found)}")
        (chosen,) = select(found, [arguments.name])
        sys.stdout.write(chosen.model_dump_json(by_alias=True, indent=2) + "\n")
        return OK
    for one in found:
        pack = one.pack
        place = f"{one.where}, in place of {one.replaces}" if one.replaces else one.where
        state = "good" if arguments.action == "check" else f"{len(pack.domains)} domains, checked {pack.checked}"
        sys.stdout.write(f"{pack.name:<14} {pack.title}: {state} ({place})\n")
    return OK


def _check_config(arguments: argparse.Namespace) -> int:
    settings, chosen = _settings_and_packs(argparse.Namespace(config=arguments.config, pack=[]))
    names = ", ".join(pack.name for pack in chosen)
    zones = ", ".join(zone.name for zone in settings.zones) or "found on the host"
    sys.stdout.write(f"good: packs {names}; zones {zones}; an audit every {settings.schedule.every}\n")
    return OK


def _run(arguments: argparse.Namespace) -> int:
    from agent.daemon import run

    return run(arguments.config, arguments.state_dir, once=arguments.once)


def _schema(arguments: argparse.Namespace) -> int:
    import json

    from agent.config import Settings
    from agent.model.report import Finding, Report
    from agent.packs import Pack

    models: dict[str, type[BaseModel]] = {"report": Report, "finding": Finding, "pack": Pack, "config": Settings}
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    document |= models[arguments.what].model_json_schema(by_alias=True)
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return OK


# ---- files ----


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error


def _write(data: bytes, name: str) -> None:
    """Write to standard output, or replace a file as a whole."""
    if name == "-":
        sys.stdout.buffer.write(data)
        return
    target = Path(name)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.replace(target)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from error


if __name__ == "__main__":
    raise SystemExit(main())
