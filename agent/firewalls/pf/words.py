"""One line of pfctl's output as words, and as what they say (pf.conf(5), "GRAMMAR")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from agent.errors import Malformed

WORD: Final = re.compile(r'"[^"]*"|\([^)]*\)|\{[^}]*\}|[{}]|<[^>]*>|[^\s"(){}]+')
ALONE: Final = frozenset({
    "allow-opts", "fastroute", "divert-reply", "log", "all", "static-port", "random", "round-robin", "bitmask",
    "source-hash", "sticky-address", "endpoint-independent",
})  # fmt: skip
"""Words that change nothing about which packets match, nor what becomes of them."""
ONE_MORE: Final = frozenset({
    "label", "ridentifier", "queue", "dnpipe", "dnqueue", "rtable", "prio", "set", "dup-to", "rdomain", "min-ttl",
    "max-mss",
})  # fmt: skip
"""Likewise, each with a word behind it."""
UNKNOWABLE: Final = frozenset({"probability", "user", "group", "tos", "max-pkt-rate", "max-pkt-size"})
"""Conditions that an audit cannot know, each with a value."""
TRANSLATIONS: Final = frozenset({"nat-to", "rdr-to", "binat-to", "af-to", "divert-to", "divert-packet"})
COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})


@dataclass(slots=True)
class Host:
    """``from`` or ``to``: an address word (``any``, ``<table>``, ``(em0)``, a prefix, a range), and ports."""

    word: str = "any"
    negated: bool = False
    port: tuple[str, ...] = ()
    """``=`` and a port, a comparison, or the parts of a range."""


@dataclass(slots=True)
class Line:
    """One rule; ``inner`` holds the rules of an anchor."""

    action: str
    text: str
    number: int
    kind: str = ""
    """``drop`` or ``return...`` for block; the name for an anchor."""
    direction: str = ""
    quick: bool = False
    passes: bool = False
    """``rdr pass``: filter rules are not asked."""
    iface: str = ""
    iface_negated: bool = False
    family: int | None = None
    proto: str = ""
    proto_negated: bool = False
    source: Host = field(default_factory=Host)
    destination: Host = field(default_factory=Host)
    flags: str = ""
    icmp: tuple[str, ...] = ()
    keeps_state: bool = True
    fragment: bool = False
    received_on: tuple[bool, str] | None = None
    tagged: tuple[bool, str] | None = None
    tag: str = ""
    conditions: list[str] = field(default_factory=list)
    """What cannot be known."""
    unknown: list[str] = field(default_factory=list)
    """Words that are not understood."""
    statements: list[str] = field(default_factory=list)
    """Effects that are not understood."""
    target: tuple[str, ...] = ()
    """Behind ``->``."""
    inner: list[Line] | None = None


def lines_of(text: str) -> list[Line]:
    """The rules of a listing, nested as their anchors are; raises Malformed."""
    top: list[Line] = []
    open_: list[list[Line]] = [top]
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line == "}":
            if len(open_) == 1:
                raise Malformed(f"line {number}: a brace closes nothing")
            open_.pop()
            continue
        opens = line.endswith("{")
        rule = _Parser(line.removesuffix("{").strip(), number).line()
        open_[-1].append(rule)
        if opens:
            rule.inner = []
            open_.append(rule.inner)
    if len(open_) > 1:
        raise Malformed("the listing ends within an anchor")
    return top


class _Parser:
    """Reads the words of one line from left to right."""

    def __init__(self, text: str, number: int) -> None:
        self._words = WORD.findall(text)
        self._at = 0
        self._rule = Line("", text, number)

    def line(self) -> Line:
        rule = self._rule
        first = self._next()
        if first == "no":
            rule.action = f"no {self._next()}"
        elif first.endswith("anchor"):
            rule.action, rule.kind = first, self._next().strip('"')
        else:
            rule.action = first
            if rule.action in ("rdr", "nat", "binat") and self._peek() == "pass":
                rule.passes = bool(self._next())
            if rule.action == "block":
                self._block()
        while self._at < len(self._words):
            self._option(self._next())
        return rule

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _block(self) -> None:
        word = self._peek()
        if word == "drop" or word.startswith("return"):
            self._rule.kind = self._next()
            if self._peek().startswith("("):
                self._next()

    def _option(self, word: str) -> None:  # noqa: C901, PLR0912 - one case for each word of the grammar
        rule = self._rule
        match word:
            case "in" | "out":
                rule.direction = word
            case "quick":
                rule.quick = True
            case "on":
                rule.iface_negated, rule.iface = self._negatable()
            case "inet" | "inet6":
                rule.family = 4 if word == "inet" else 6
            case "proto":
                rule.proto_negated, rule.proto = self._negatable()
            case "from" | "to":
                self._host(rule.source if word == "from" else rule.destination)
            case "flags":
                rule.flags = self._next()
            case "icmp-type" | "icmp6-type":
                code = self._next(), *((self._next(), self._next()) if self._peek() == "code" else ())
                rule.icmp = code
            case "fragment":
                rule.fragment = True
            case "keep" | "modulate" | "synproxy":
                self._next()
                self._state_options()
            case "no":
                rule.keeps_state = self._next() != "state"
            case "received-on":
                rule.received_on = self._negatable()
            case "tagged":
                rule.tagged = (False, self._next())
            case "!" if self._peek() == "tagged":
                self._next()
                rule.tagged = (True, self._next())
            case "tag":
                rule.tag = self._next()
            case "route-to" | "reply-to":
                self._route()
            case "log" if self._peek().startswith("("):
                self._next()
            case "->":
                rule.target = tuple(self._words[self._at :])
                self._at = len(self._words)
            case "once":
                rule.conditions.append(word)
            case _:
                self._other(word)

    def _other(self, word: str) -> None:
        rule = self._rule
        if word in UNKNOWABLE:
            self._compared()
            rule.conditions.append(word)
        elif word in TRANSLATIONS:
            rule.statements.append(word)
            self._at = len(self._words)
        elif word in ONE_MORE:
            self._next()
        elif word not in ALONE:
            rule.unknown.append(word)

    def _negatable(self) -> tuple[bool, str]:
        word = self._next()
        return (True, self._next()) if word == "!" else (False, word)

    def _compared(self) -> tuple[str, ...]:
        word = self._next()
        return (word, self._next()) if word in COMPARISONS else ("=", word)

    def _host(self, host: Host) -> None:
        host.negated, host.word = self._negatable()
        if self._peek() == "-":  # a range of addresses
            self._next()
            host.word += f"-{self._next()}"
        if self._peek() == "port":
            self._next()
            host.port = self._compared()
            if self._peek() in ("><", "<>"):
                host.port = (host.port[1], self._next(), self._next())
        if self._peek() == "os":
            self._rule.conditions.append(f"os {(self._next(), self._next())[1]}")

    def _state_options(self) -> None:
        if self._peek().startswith("("):
            options = self._next()
            if re.search(r"\bmax\b|max-src|overload", options):
                self._rule.conditions.append(f"state limits {options}")

    def _route(self) -> None:
        """Where it leaves the gateway is another matter than whether it may."""
        self._next()
        while self._peek() in ("round-robin", "sticky-address", "random", "bitmask", "source-hash"):
            self._next()
