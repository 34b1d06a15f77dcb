"""Rule sets, ``tcp-request`` and ``http-request``: in each the first rule that ends it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, DENIED, DROPPED, NEVER, PASS, Act, Form, Open, ProxyRule, ProxyStage, Ruling
from agent.proxies.haproxy.conditions import Acls, waits
from agent.proxies.haproxy.expressions import expression
from agent.proxies.haproxy.keywords import ACTIONS, ANSWERS, FILTERS, OPTIONS, PROXIES
from agent.proxies.haproxy.samples import sample, text
from agent.proxies.variables.logic import every, opposite
from agent.proxies.variables.texts import How, Literal
from agent.proxies.variables.values import Cases, Missing, Page, Unknown, fits, instead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.proxy import Test
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.haproxy.sections import Line, Section
    from agent.proxies.variables.values import Value

ENDS: Final = {
    "tcp-request": {
        "accept": PASS, "reject": DROPPED, "silent-drop": DROPPED, "expect-proxy": DROPPED,
        "expect-netscaler-cip": DROPPED, "use-service": DENIED,
        "switch-mode": Ruling(Act.OPEN, "switch-mode is not followed"),
    },
    "http-request": {
        "allow": PASS, "deny": DENIED, "tarpit": DENIED, "reject": DROPPED, "silent-drop": DROPPED, "redirect": DENIED,
        "return": DENIED, "auth": DENIED, "use-service": DENIED,
    },
}  # fmt: skip
"""Actions that end a rule set, and how."""
URL: Final = frozenset(
    ["set-path", "set-pathq", "set-uri", "set-query", "replace-path", "replace-pathq", "replace-uri", "normalize-uri"]
)
NO_DELAY: Final = "whether the client's first words are there in time: there is no tcp-request inspect-delay"


def lines_of(section: Section, *words: str) -> Iterator[tuple[Section, Line]]:
    """The lines of a rule set, those of ``defaults`` first, each with the section whose ACLs it means."""
    if section.inherits is not None:
        yield from lines_of(section.inherits, *words)
    for line in section.own(*words):
        yield section, line


def guarded(line: Line, condition: Sequence[str], owner: Section, flow: Flow) -> Test:
    """The test of a line's condition; open, with a gap, where it is not understood."""
    flow.source = line.source
    if line.unknown:
        return Open(f"{line.source}", f"{line.unknown[0]} is not known")
    try:
        return Acls(owner).condition(condition, flow)
    except Malformed as error:
        flow.gap(f"line {line.source.line}: {error}", line.source)
        return Open(f"{line.source}", str(error))


class RuleSet:
    """Makes a stage of a rule set, and tells the flow what its rules change."""

    def __init__(self, title: str, flow: Flow, *, waits: bool = False) -> None:
        self._title = title
        self._flow = flow
        self._waits = waits
        """Whether conditions wait for what the client sends; what actions look at does not (``SMP_OPT_FINAL``)."""
        self._rules: list[ProxyRule] = []
        self._left: list[Test] = []
        """When rules that end the set without refusing do so."""

    def stage(self, section: Section, *words: str) -> Iterator[ProxyStage]:
        """Give the stage of the lines that begin with these words, if there are any."""
        for owner, line in lines_of(section, *words):
            self._rule(line, owner, words[0], line.words[len(words) :])
        if self._rules:
            yield ProxyStage(self._title, tuple(self._rules))

    def _rule(self, line: Line, owner: Section, family: str, words: Sequence[str]) -> None:
        condition = _condition(words)
        action = words[: len(words) - len(condition)]
        if not action:
            return
        self._flow.waiting = self._waits
        test = guarded(line, condition, owner, self._flow)
        self._flow.waiting = False
        if self._waits and not self._left and waits(condition, owner):
            self._flow.late = ""
        name, _, rest = action[0].partition("(")
        ruling = ENDS[family].get(name)
        if name.startswith("lua.") or (name == "use-service" and action[1:2] and action[1].startswith("lua.")):
            self._flow.opaque = ruling = Ruling(Act.OPEN, "a script decides")
        if ruling is None:
            if because := ACTIONS.doubt(name):
                self._flow.gap(f"line {line.source.line}: {because}", line.source)
                self._rules.append(ProxyRule(test, Ruling(Act.OPEN, because), line.source))
            if name in URL and self._flow.form is Form.CONNECT:
                self._rules.append(ProxyRule(test, Ruling(Act.OPEN, "CONNECT asks for something else"), line.source))
            reached = every((*(opposite(one) for one in self._left), test))
            if reached != NEVER:
                self._change(name, rest.rstrip(")"), action[1:], reached)
            return
        if test != NEVER:
            self._rules.append(ProxyRule(test, ruling, line.source))
        if ruling == PASS and test != NEVER:
            self._left.append(test)

    def _change(self, name: str, inside: str, words: Sequence[str], when: Test) -> None:
        """What an action that does not end the set changes."""
        flow = self._flow
        argument = words[0] if words else ""
        match name:
            case "set-var":
                name, sometimes, _ = inside.partition(",")
                value: Value = Unknown(f"var {name}", "conditions of set-var are not followed")
                flow.set_variable(name, value if sometimes else self._value(argument), when)
            case "set-var-fmt":
                flow.set_variable(inside.partition(",")[0], text(argument, flow), when)
            case "unset-var":
                flow.set_variable(inside, Missing(), when)
            case "do-resolve":
                flow.resolve([part.strip() for part in inside.split(",")], self._value(argument), when)
            case "set-dst":
                flow.dst = instead(flow.dst, self._value(argument), when)
            case "set-dst-port":
                flow.dst_port = instead(flow.dst_port, self._value(argument), when)
            case "set-src":
                flow.change("src", "the client's address is set by a rule")
            case "set-method":
                flow.change("method", "the method is set by a rule")
            case _ if name in URL:
                flow.change("url", "the URL is changed by a rule")
            case "set-header" | "add-header" | "del-header" | "replace-header" | "replace-value":
                self._header(name, argument.lower(), words, when)
            case "send-spoe-group" | "ot-group":
                flow.opaque = Ruling(Act.OPEN, "another program sets variables")

    def _header(self, name: str, header: str, words: Sequence[str], when: Test) -> None:
        flow = self._flow
        new: Value
        match name:
            case "set-header" if len(words) > 1:
                new = text(words[1], flow)
            case "del-header":
                new = Missing()
            case _:
                new = Unknown(f"header {header}", f"the header {header} is changed by a rule")
        if header == "host":
            flow.host = Cases(((when, new),), flow.host) if when != ALWAYS else new
        elif header == "user-agent":
            flow.agent = Cases(((when, new),), flow.agent) if when != ALWAYS else new

    def _value(self, written: str) -> Value:
        try:
            found, _ = expression(written)
            return sample(found, self._flow).value
        except Malformed as error:
            return Unknown(written, str(error))


def _condition(words: Sequence[str]) -> Sequence[str]:
    at = next((at for at, word in enumerate(words) if word in ("if", "unless")), len(words))
    return words[at:]


def doubts(section: Section, flow: Flow) -> Iterator[ProxyStage]:
    """A stage for what is not followed: whoever gets here does not know what becomes of him."""
    for line in section.all():
        because = _doubt(line, http=flow.http)
        if because:
            flow.gap(f"line {line.source.line}: {because}", line.source)
            yield ProxyStage(line[0], (), Ruling(Act.OPEN, because), line.source)


def _doubt(line: Line, *, http: bool) -> str:
    """Why a line may matter that is not followed."""
    match line.words:
        case "option", name, *_:
            return OPTIONS.doubt(name)
        case "filter", name, *_:
            return FILTERS.doubt(name)
        case "http-response", action, *_:
            return ANSWERS.doubt(action.partition("(")[0]) if http else ""
        case "tcp-response", _, action, *_:
            return ANSWERS.doubt(action.partition("(")[0])
    return PROXIES.doubt(line[0])


def own_pages(section: Section, flow: Flow) -> Iterator[ProxyStage]:
    """Pages that the proxy itself answers: ``monitor-uri``, ``stats uri``, and ``redirect``."""
    rules: list[ProxyRule] = []
    asked = flow.changed("url") or Page("/")
    monitor = section.last("monitor-uri")
    if monitor is not None:
        rules.append(ProxyRule(fits(asked, (Literal(How.WHOLE, monitor[1]),)), DENIED, monitor.source))
    stats = section.last("stats", "uri")
    if stats is not None:
        rules.append(ProxyRule(fits(asked, (Literal(How.BEGINS, stats[2]),)), DENIED, stats.source))
    rules += [
        ProxyRule(guarded(line, _condition(line.words), section, flow), DENIED, line.source)
        for line in section.own("redirect")
    ]
    kept = tuple(rule for rule in rules if rule.test != NEVER)
    if kept:
        yield ProxyStage("pages of its own", kept)
