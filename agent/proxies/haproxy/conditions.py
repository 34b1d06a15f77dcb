"""ACLs and the conditions that are made of them (``parse_acl_expr`` and ``parse_acl_cond`` in acl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, NEVER, Clients, Open, Ports, Targets
from agent.model.record import record
from agent.proxies.haproxy.expressions import Call, Expression, expression
from agent.proxies.haproxy.flags import COMPARED, written
from agent.proxies.haproxy.patterns import WAYS, networks, numbers, text_pattern
from agent.proxies.haproxy.samples import NEED_CONTENT, SAME, Sample, sample
from agent.proxies.variables.logic import every, opposite, some
from agent.proxies.variables.texts import How, Literal
from agent.proxies.variables.values import Cases, Client, Const, Missing, Port, Spelled, Target, Unknown, first, fits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.model.intervals import Intervals
    from agent.model.proxy import Test, Texts
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.haproxy.sections import Line, Section
    from agent.proxies.variables.values import Value

PREDEFINED: Final = {
    "FALSE": "always_false", "TRUE": "always_true", "HTTP": "req.proto_http", "HTTP_1.0": "req.ver 1.0",
    "HTTP_1.1": "req.ver 1.1", "HTTP_2.0": "req.ver 2.0", "HTTP_CONTENT": "req.hdr_val(content-length) gt 0",
    "HTTP_URL_ABS": "url_reg ^[^/:]*://", "HTTP_URL_SLASH": "url_beg /", "HTTP_URL_STAR": "url *",
    "LOCALHOST": "src 127.0.0.1/8 ::1", "METH_CONNECT": "method CONNECT", "METH_DELETE": "method DELETE",
    "METH_GET": "method GET HEAD", "METH_HEAD": "method HEAD", "METH_OPTIONS": "method OPTIONS",
    "METH_POST": "method POST", "METH_PUT": "method PUT", "METH_TRACE": "method TRACE",
    "RDP_COOKIE": "req.rdp_cookie_cnt gt 0", "REQ_CONTENT": "req.len gt 0", "WAIT_END": "wait_end",
}  # fmt: skip
"""Section 7.4 of the manual."""
ALIASES: Final = ("base", "cook", "hdr", "path", "url", "urlp", "ssl_fc_sni")
"""Fetches that ACLs know with a way to compare behind: ``hdr_end(host)``."""
DEFAULT_WAYS: Final = {"str": "str", "int": "int", "bool": "bool", "ip": "ip", "meth": "meth"}
"""How values of a type are compared where that is not said."""
MAX_PATTERNS: Final = 20_000


@record
class Term:
    """An ACL in a condition, by its name or as it is."""

    acl: tuple[str, ...]
    named: bool
    inverted: bool


def suites(words: Sequence[str]) -> list[list[Term]]:
    """The alternatives of a condition, each with what must hold; raises Malformed."""
    found: list[list[Term]] = [[]]
    inverted = False
    left = list(words)
    while left:
        word = left.pop(0)
        bare = word.lstrip("!")
        inverted ^= (len(word) - len(bare)) % 2 == 1
        if not bare:
            continue
        if bare.lower() in ("or", "||"):
            found.append([])
        elif bare == "{":
            if "}" not in left:
                raise Malformed("a brace is not closed")
            end = left.index("}")
            found[-1].append(Term(tuple(left[:end]), named=False, inverted=inverted))
            del left[: end + 1]
        else:
            found[-1].append(Term((bare,), named=True, inverted=inverted))
        inverted = False
    if not any(found):
        raise Malformed("a condition is empty")
    return [suite for suite in found if suite]


class Acls:
    """The ACLs that a section declares."""

    def __init__(self, section: Section) -> None:
        self._declared: dict[str, list[Line]] = {}
        for line in section.own("acl"):
            self._declared.setdefault(line[1], []).append(line)

    def condition(self, words: Sequence[str], flow: Flow) -> Test:
        """The test of ``if ...`` or ``unless ...``; always without either; raises Malformed."""
        if not words:
            return ALWAYS
        if words[0] not in ("if", "unless"):
            raise Malformed(f"{words[0]} is not understood")
        found = self._either(words[1:], flow)
        return found if words[0] == "if" else opposite(found)

    def _either(self, words: Sequence[str], flow: Flow) -> Test:
        found: list[Test] = []
        for terms in suites(words):
            tests = [
                (one, self.named(one.acl[0], flow) if one.named else self._anonymous(one.acl, flow)) for one in terms
            ]
            found.append(every(opposite(test) if one.inverted else test for one, test in tests))
        return some(found)

    def named(self, name: str, flow: Flow) -> Test:
        """The test that an ACL is; raises Malformed where there is none of that name."""
        if name in self._declared:
            return some(
                Open(f"{line.source}", f"{line.unknown[0]} is not known") if line.unknown else self._acl(line, flow)
                for line in self._declared[name]
            )
        if name in PREDEFINED:
            return acl(PREDEFINED[name].split(), flow)
        raise Malformed(f"no ACL is called {name}")

    def _acl(self, line: Line, flow: Flow) -> Test:
        return self._anonymous(line.words[2:], flow)

    @staticmethod
    def _anonymous(words: Sequence[str], flow: Flow) -> Test:
        try:
            return acl(words, flow)
        except Malformed as error:
            return Open(f"{words}", str(error))


def acl(words: Sequence[str], flow: Flow) -> Test:
    """The test of ``fetch(arguments),converter -flags patterns``; raises Malformed."""
    if not words:
        raise Malformed("an ACL is empty")
    found, end = expression(words[0])
    if end != len(words[0]):
        raise Malformed(f"{words[0]} is not understood")
    found, way = alias(found)
    if found.fetch.name in ("req.len", "req_len") and not found.converters and list(words[1:]) == ["gt", "0"]:
        return Open("hello in time", flow.too_early) if flow.too_early else ALWAYS
    taken = sample(found, flow)
    given = written(words[1:])
    way = given.way or way or DEFAULT_WAYS.get(taken.type, "?")
    patterns: list[tuple[str, bool]] = []
    for file in given.files:
        lines = flow.listed(file.path, narrow=way in ("str", "end") and _is_name(taken.value))
        if lines is None:
            raise Malformed(f"the list {file.path} is not followed")
        patterns += [(file.word(line), file.fold) for _, line in lines]
    patterns += [(word, given.fold) for word in given.words]
    if len(patterns) > MAX_PATTERNS:
        raise Malformed(f"more than {MAX_PATTERNS} patterns to follow")
    return _compared(taken, way, patterns)


def alias(found: Expression) -> tuple[Expression, str]:
    """``hdr_end(host)`` is ``req.hdr(host) -m end``."""
    name = SAME.get(found.fetch.name, found.fetch.name)
    stem, _, way = name.rpartition("_")
    if stem in ALIASES and way in COMPARED and name != "hdr_ip":
        return Expression(Call(SAME.get(stem, stem), found.fetch.arguments), found.converters), way
    return Expression(Call(name, found.fetch.arguments), found.converters), ""


def _is_name(value: Value) -> bool:
    """Whether it is a name or nothing for all requests on usual ports."""
    return isinstance(value, Spelled) and not value.before and not value.after and not value.path


def _compared(taken: Sample, way: str, patterns: Sequence[tuple[str, bool]]) -> Test:
    words = [word for word, _ in patterns]
    if isinstance(taken.value, Unknown):
        return Open(f"{taken.value.key} {way} {patterns}", taken.value.because)
    match way:
        case "found":
            return _present(taken.value)
        case "bool":
            return _true(taken.value)
        case "int":
            return _number(taken.value, numbers(words))
        case "ip":
            return _address(taken, words)
        case "meth":
            return fits(taken.value, [Literal(How.WHOLE, word, fold) for word, fold in patterns])
        case _ if way in WAYS or way == "reg":
            made: list[Texts] = [text_pattern(word, way, fold=fold) for word, fold in patterns]
            if taken.type not in ("str", "meth"):
                raise Malformed(f"a value of type {taken.type} is compared as a text")
            return fits(taken.value, made)
    raise Malformed(f"-m {way} is not followed")


def _present(value: Value) -> Test:
    if isinstance(value, Cases):
        return _of_cases(value, _present)
    return NEVER if isinstance(value, Missing) else ALWAYS


def _true(value: Value) -> Test:
    match value:
        case Cases():
            return _of_cases(value, _true)
        case Missing():
            return NEVER
        case Const(text):
            return NEVER if text == "0" else ALWAYS
    return Open(f"true {value}", getattr(value, "because", "") or "it depends on more than the configuration")


def _number(value: Value, held: Intervals) -> Test:
    match value:
        case Cases():
            return _of_cases(value, lambda one: _number(one, held))
        case Missing():
            return NEVER
        case Port():
            return Ports(held)
        case Const(text) if text.lstrip("-").isdecimal():
            return ALWAYS if int(text) in held else NEVER
        case Const():
            return NEVER
    return Open(f"{value} {held}", getattr(value, "because", "") or "it depends on more than the configuration")


def _address(taken: Sample, words: Sequence[str]) -> Test:
    held = networks(words)
    match taken.value:
        case Client():
            return Clients(held)
        case Target():
            return Targets(held)
        case Missing():
            return NEVER
        case Spelled():  # a name is no address
            return NEVER
    return Open(f"{taken} {held}", getattr(taken.value, "because", "") or "it depends on an address")


def _of_cases(value: Cases, test: Callable[[Value], Test]) -> Test:
    return first((*((guard, test(inner)) for guard, inner in value.cases), (ALWAYS, test(value.otherwise))))


def parted(words: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of ACLs in the condition of a line, and its anonymous ACLs."""
    at = next((at for at, word in enumerate(words) if word in ("if", "unless")), len(words))
    try:
        terms = [term for suite in suites(words[at + 1 :]) for term in suite] if at < len(words) else []
    except Malformed:
        return [], []
    return [one.acl[0] for one in terms if one.named], [one.acl for one in terms if not one.named]


def waits(words: Sequence[str], section: Section) -> bool:
    """Whether a condition waits for what the client sends, whoever asks (``acl_exec_cond``).

    It does where no alternative holds without, and one of them consists of nothing else.
    """
    try:
        found = [[_looks(term, section) for term in suite] for suite in suites(words[1:])]
    except Malformed:
        return False
    return any(all(suite) for suite in found) and all(any(suite) for suite in found)


def _looks(term: Term, section: Section) -> bool:
    """Whether an ACL looks into what the client sends, in each of its lines."""
    if not term.named:
        lines = [term.acl]
    else:
        lines = [line.words[2:] for line in section.own("acl") if line[1] == term.acl[0]]
        lines = lines or [tuple(PREDEFINED.get(term.acl[0], "").split())]
    return all(_looked(words[0]) if words else False for words in lines)


def _looked(word: str) -> bool:
    stem = word.partition("(")[0].partition(",")[0]
    fetch = alias(Expression(Call(stem)))[0].fetch.name
    return fetch in NEED_CONTENT or stem in ("req.len", "req_len", "wait_end")
