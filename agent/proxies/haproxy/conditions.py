"""ACLs and the conditions that are made of them (``parse_acl_expr`` and ``parse_acl_cond`` in acl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, NEVER, Clients, Open, Ports, Targets
from agent.proxies.haproxy.expressions import Call, Expression, expression
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
COMPARED: Final = (*WAYS, "reg", "len", "found", "bool", "int", "ip", "bin")
MAX_PATTERNS: Final = 20_000


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
        suites: list[list[Test]] = [[]]
        inverted = False
        left = list(words)
        while left:
            word = left.pop(0)
            bare = word.lstrip("!")
            inverted ^= (len(word) - len(bare)) % 2 == 1
            if not bare:
                continue
            if bare.lower() in ("or", "||"):
                suites.append([])
                inverted = False
                continue
            if bare == "{":
                if "}" not in left:
                    raise Malformed("a brace is not closed")
                end = left.index("}")
                test = self._anonymous(left[:end], flow)
                del left[: end + 1]
            else:
                test = self.named(bare, flow)
            suites[-1].append(opposite(test) if inverted else test)
            inverted = False
        if not any(suites):
            raise Malformed("a condition is empty")
        return some(every(suite) for suite in suites if suite)

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
    fold, literal, files, patterns = False, False, [], list(words[1:])
    gathered: list[tuple[str, bool]] = []
    while patterns and patterns[0].startswith("-") and not literal:
        match patterns.pop(0):
            case "-i":
                fold = True
            case "-n" | "-M":
                pass
            case "--":
                literal = True
            case "-u" if patterns:
                patterns.pop(0)
            case "-m" if patterns and patterns[0] in COMPARED:
                way = patterns.pop(0)
            case "-f" if patterns:
                files.append((patterns.pop(0), fold))
            case flag:
                raise Malformed(f"the flag {flag} is not understood")
    way = way or {"str": "str", "int": "int", "bool": "bool", "ip": "ip", "meth": "meth"}.get(taken.type, "?")
    for path, folded in files:
        lines = flow.listed(path, narrow=way in ("str", "end") and _is_name(taken.value))
        if lines is None:
            raise Malformed(f"the list {path} is not followed")
        gathered += [(line, folded) for _, line in lines]
    gathered += [(word, fold) for word in patterns]
    if len(gathered) > MAX_PATTERNS:
        raise Malformed(f"more than {MAX_PATTERNS} patterns to follow")
    return _compared(taken, way, gathered)


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
        case Const(text) if text.lstrip("-").isdigit():
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
    named: list[str] = []
    anonymous: list[tuple[str, ...]] = []
    left = list(words)
    while left and left[0] not in ("if", "unless"):
        left.pop(0)
    left = left[1:]
    while left:
        bare = left.pop(0).lstrip("!")
        if bare == "{" and "}" in left:
            end = left.index("}")
            anonymous.append(tuple(left[:end]))
            left = left[end + 1 :]
        elif bare and bare.lower() not in ("or", "||"):
            named.append(bare)
    return named, anonymous


def asks_for_content(words: Sequence[str], section: Section) -> bool:
    """Whether the first ACL of a condition looks into what the client sends, and so waits for it."""
    if len(words) < 2:
        return False
    name = words[1].lstrip("!") or (words[2] if len(words) > 2 else "")
    at = words.index("{") if name == "{" and "{" in words else -1
    if at >= 0:
        looked = [words[at + 1]] if at + 1 < len(words) else []
    else:
        looked = [line[2] for line in section.own("acl") if line[1] == name][:1] or [PREDEFINED.get(name, "")]
    for word in looked:
        stem = word.partition("(")[0].partition(",")[0]
        fetch = alias(Expression(Call(stem)))[0].fetch.name
        if fetch in NEED_CONTENT or stem.split(" ")[0] in ("req.len", "req_len", "wait_end"):
            return True
    return False
