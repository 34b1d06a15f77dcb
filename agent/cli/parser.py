"""What can be asked on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from agent import __version__
from agent.errors import UsageError
from agent.outputs import exporters, formats

if TYPE_CHECKING:
    from collections.abc import Sequence

SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
SCOPES: Final = ("findings", "metrics", "read")
SCHEMAS: Final = ("report", "finding", "evidence", "pack", "config", "suppressions")


class _Commands(Protocol):
    """The part of argparse's action that is used here; its class is private."""

    def add_parser(self, name: str, *, help: str, description: str) -> argparse.ArgumentParser: ...  # noqa: A002 - argparse's word


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, with the command's name in ``command``; raises UsageError, exits for --help and --version."""
    return build().parse_args(argv)


def build() -> argparse.ArgumentParser:
    """The parser, from which manual page and completion are made too."""
    parser = _Parser(
        prog="gateproof",
        description="Proves that required domains can pass this gateway, and names the rule that stops what cannot.",
        epilog="Exit status: 0 nothing to act on, 1 findings, 2 trouble.",
    )
    parser.add_argument("--version", action="version", version=f"gateproof {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (
        _audit,
        _explain,
        _trace,
        _reach,
        _replay,
        _observe,
        _collect,
        _findings,
        _policy,
        _check_config,
        _run,
        _serve,
        _token,
        _schema,
    ):
        add(commands)
    return parser


def _add(commands: _Commands, name: str, help_: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")


def _audit(commands: _Commands) -> None:
    parser = _add(commands, "audit", "audit this host, a snapshot, or bare dumps of rules")
    _input(parser)
    _packs(parser)
    parser.add_argument("--evidence", metavar="FILE", help="what traffic has shown, from observe, replay or the daemon")
    parser.add_argument(
        "--suppressions",
        metavar="FILE",
        help="decisions to live with findings (default: for this host, those that are configured)",
    )
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        help="the least severity that makes the exit status 1 (default: low, or what the configuration says)",
    )
    _output(parser, formats())


def _explain(commands: _Commands) -> None:
    parser = _add(commands, "explain", "show the road of one domain, with the rule that decides")
    parser.add_argument("domain", metavar="DOMAIN[:PORT]")
    parser.add_argument("--from", dest="zone", metavar="ZONE", help="from this zone only")
    _input(parser)
    _packs(parser)
    _output(parser, ("text", "json"))


def _trace(commands: _Commands) -> None:
    parser = _add(commands, "trace", "answer flows: one verdict for each, as JSON Lines, in order")
    parser.add_argument("--flows", required=True, metavar="FILE|-", help="one JSON object a line")
    _input(parser)


def _reach(commands: _Commands) -> None:
    parser = _add(commands, "reach", "print the exact sets of addresses that are accepted, dropped, rejected, unknown")
    parser.add_argument("--in-iface", metavar="I|any", help="where it comes in (default: from this host itself)")
    parser.add_argument("--out-iface", metavar="I|any", help="where it goes out (default: by the routing table)")
    parser.add_argument("--src", metavar="ADDR")
    parser.add_argument("--proto", required=True, choices=("tcp", "udp"))
    parser.add_argument("--dport", required=True, type=int, metavar="PORT")
    parser.add_argument("--family", type=int, choices=(4, 6), default=4)
    _input(parser)


def _replay(commands: _Commands) -> None:
    parser = _add(commands, "replay", "read a capture or a log: what its DNS, TLS, QUIC, HTTP and ICMP messages say")
    parser.add_argument(
        "capture",
        metavar="FILE|-",
        help="pcap, pcapng, or a log of a proxy, a resolver, the kernel's firewall, Suricata or Zeek; "
        "compressed with gzip or not",
    )
    parser.add_argument(
        "--filter", choices=("live",), help="only the packets that would leave the kernel in live observation"
    )
    _layout(parser)
    parser.add_argument(
        "--evidence", metavar="FILE", help="write there what it shows of required domains; audit reads it"
    )
    _packs(parser)
    _output(parser, ("text", "jsonl"))


def _observe(commands: _Commands) -> None:
    parser = _add(commands, "observe", "watch live traffic: what is said about required names, and what is answered")
    parser.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="I",
        help="may be repeated (default: those where clients are, and of uplinks what this host itself sends)",
    )
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="[KIND:]FILE",
        help="follow a log as well, from its end on; KIND: squid, haproxy, nginx, dnsmasq, unbound, bind, kernel, eve "
        "or zeek, where its lines do not show it; may be repeated",
    )
    _layout(parser)
    parser.add_argument(
        "--log-state",
        metavar="FILE",
        help="keep how far the logs were read, and go on there (default: from their ends)",
    )
    parser.add_argument("--no-tap", action="store_true", help="logs alone, without watching interfaces")
    parser.add_argument("--promiscuous", action="store_true", help="also frames that are for other machines")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="share the traffic by flow (default: 1)")
    parser.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="default: until interrupted")
    parser.add_argument(
        "--clients",
        choices=("full", "truncated", "hashed"),
        help="addresses of clients: whole, their network, or hashed with a key of this run (default: truncated)",
    )
    parser.add_argument(
        "--all-names", action="store_true", help="everything that is seen, with whole addresses of clients"
    )
    parser.add_argument(
        "--evidence", metavar="FILE", help="keep there what was seen of required domains, each minute; audit reads it"
    )
    _packs(parser)
    _output(parser, ("text", "jsonl"))


def _collect(commands: _Commands) -> None:
    parser = _add(commands, "collect", "take a snapshot of this host, to audit it elsewhere")
    parser.add_argument("--output", required=True, metavar="DIR|TAR", help="a folder, or an archive by its ending")


def _findings(commands: _Commands) -> None:
    parser = _add(commands, "findings", "list, show, export or suppress the findings that the daemon keeps")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    listing = _add(actions, "list", "list findings, most severe first")
    show = _add(actions, "show", "show one finding, with what to do")
    export = _add(actions, "export", "write findings in the schema of another program")
    suppress = _add(actions, "suppress", "live with a finding, or with a scope of them, for a while")
    show.add_argument("uid", metavar="UID", help="its first digits are enough")
    show.add_argument("--format", choices=("text", "json"), default="text", help="default: text, for people")
    suppress.add_argument("uid", metavar="UID", nargs="?", help="in place of a scope; its first digits are enough")
    for name, what in (
        ("rule", "of this rule"),
        ("domain", "about this domain"),
        ("zone", "from this zone"),
        ("locus", "that name a rule with this text"),
    ):
        suppress.add_argument(f"--{name}", metavar=name.upper(), help=f"findings {what}")
    suppress.add_argument("--owner", required=True, help="who answers for it")
    suppress.add_argument("--reason", required=True)
    until = suppress.add_mutually_exclusive_group(required=True)
    until.add_argument("--for", dest="duration", metavar="TIME", help="for so long: 12h, 30d")
    until.add_argument("--until", metavar="DATE", help="to the end of this day, UTC")
    suppress.add_argument("--file", metavar="FILE", help="default: /etc/gateproof/suppressions.toml")
    for action in (listing, export):
        action.add_argument("--status", choices=("open", "suppressed", "resolved", "all"), default="open")
        action.add_argument("--severity", choices=SEVERITIES)
    _output(listing, ("text", "json", "jsonl", "csv"))
    export.add_argument("--format", choices=exporters(), required=True)
    export.add_argument("--output", default="-", metavar="FILE|-", help="default: standard output")
    for action in (listing, show, export, suppress):
        action.add_argument("--state-dir", metavar="DIR", help="where findings are kept (default: /var/lib/gateproof)")
        _config(action)


def _policy(commands: _Commands) -> None:
    policy = _add(commands, "policy", "list, show or check packs: what services require")
    actions = policy.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    listing = _add(actions, "list", "list the packs, built-in and the operator's own")
    show = _add(actions, "show", "show one pack")
    show.add_argument("name", metavar="NAME")
    check = _add(actions, "check", "check pack files, or all packs that would be used")
    check.add_argument("files", nargs="*", metavar="FILE")
    for action in (listing, show, check):
        _config(action)
    for action in (listing, show):
        _output(action, ("text", "json"))


def _check_config(commands: _Commands) -> None:
    _config(_add(commands, "check-config", "check the configuration and the packs it names"))


def _run(commands: _Commands) -> None:
    parser = _add(commands, "run", "run in the foreground: audit on a schedule and keep the findings")
    _config(parser)
    parser.add_argument("--state-dir", metavar="DIR", help="where findings are kept (default: /var/lib/gateproof)")
    _listen(parser)
    parser.add_argument("--once", action="store_true", help="one audit, then end")


def _listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="ADDR:PORT",
        help="where findings are offered (default: 127.0.0.1:9817, or what the configuration says); may be repeated",
    )


def _serve(commands: _Commands) -> None:
    parser = _add(commands, "serve", "offer findings over HTTP, from the state folder of a daemon")
    parser.add_argument("--parent", type=int, metavar="PID", help=argparse.SUPPRESS)  # of the daemon, to end with it
    _config(parser)
    parser.add_argument("--state-dir", metavar="DIR", help="where findings are kept (default: /var/lib/gateproof)")
    _listen(parser)


def _token(commands: _Commands) -> None:
    token = _add(commands, "token", "make, revoke or list the tokens that let programs read over HTTP")
    actions = token.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    create = _add(actions, "create", "make a token and print it: it is shown this once")
    create.add_argument("--name", required=True, metavar="NAME", help="who or what it is for")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it may read: findings (and verdicts, events...), metrics, or read: all; may be repeated",
    )
    create.add_argument("--expires", type=_lasting, metavar="TIME", help="90d, 12h...; default: never")
    revoke = _add(actions, "revoke", "take a token away, at once")
    revoke.add_argument("token", metavar="ID|NAME")
    listing = _add(actions, "list", "list the tokens; their secrets are kept nowhere")
    listing.add_argument("--format", choices=("text", "json"), default="text", help="default: text, for people")
    for action in (create, revoke, listing):
        _config(action)
        action.add_argument("--state-dir", metavar="DIR", help="where they are kept (default: /var/lib/gateproof)")


def _lasting(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"`{text}`: must be a time like 12h or 90d")
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]: int(match[1])})


def _schema(commands: _Commands) -> None:
    parser = _add(commands, "schema", "print the JSON Schema of what gateproof writes and reads")
    parser.add_argument("what", choices=SCHEMAS)


def _input(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--snapshot", metavar="DIR|TAR", help="a recorded host in place of this one")
    group.add_argument(
        "--ruleset",
        action="append",
        default=[],
        metavar="FILE",
        help="a bare dump (nft -j, iptables-save, ipset save) in place of this host; may be repeated",
    )


def _layout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout",
        action="append",
        default=[],
        metavar="FILE",
        help="a configuration with layouts of logs (logformat, log-format, log_format); may be repeated",
    )


def _packs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", action="append", default=[], metavar="NAME", help="may be repeated (default: all)")
    _config(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="default: /etc/gateproof/gateproof.toml")


def _output(parser: argparse.ArgumentParser, choices: Sequence[str]) -> None:
    parser.add_argument("--format", choices=choices, default="text", help="default: text, for people")
    parser.add_argument("--output", default="-", metavar="FILE|-", help="default: standard output")
