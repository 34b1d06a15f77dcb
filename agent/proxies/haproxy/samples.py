"""What sample fetches and converters give for one request (sections 7.3 of the configuration manual)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals
from agent.model.proxy import Form, Ports
from agent.model.record import record
from agent.proxies.haproxy.expressions import Expression, format_parts
from agent.proxies.haproxy.maps import looked_up
from agent.proxies.variables.values import (
    Cases,
    Client,
    Const,
    Found,
    Method,
    Missing,
    Page,
    Port,
    Spelled,
    Target,
    Unknown,
    each,
    joined,
    ways,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.proxies.haproxy.expressions import Call
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.variables.values import Value

USUAL: Final = {Form.TLS: (443,), Form.HTTP: (80,), Form.GET: (80,), Form.CONNECT: (80, 443)}
"""Ports that browsers leave out of the Host header."""


@record
class Sample:
    """A value with its type: ``str``, ``int``, ``bool``, ``ip`` or ``meth``."""

    value: Value
    type: str


def host_of(form: Form) -> Value:
    """The Host header that browsers send; of CONNECT the program takes usual ports away (``h1.c``)."""
    if form not in USUAL:
        return Missing()
    usual = Intervals.of((port, port) for port in USUAL[form])
    return Cases(((Ports(usual), Spelled()),), Spelled(after=":", path=True))


def sample(found: Expression, flow: Flow) -> Sample:
    """What an expression gives."""
    taken = _fetched(found.fetch, flow)
    for converter in found.converters:
        taken = _converted(taken, converter, flow)
    return taken


def text(written: str, flow: Flow) -> Value:
    """What a text with ``%[...]`` in it gives; of what is missing nothing is left."""
    try:
        parts = list(format_parts(written))
    except Malformed as error:
        return Unknown(written, str(error))
    return joined([Const(part) if isinstance(part, str) else _shown(sample(part, flow).value) for part in parts])


def _shown(value: Value) -> Value:
    if isinstance(value, Missing):
        return Const("")
    if isinstance(value, Cases):
        return Cases(tuple((test, _shown(inner)) for test, inner in value.cases), _shown(value.otherwise))
    return value


def _fetched(call: Call, flow: Flow) -> Sample:
    name = call.name
    found = _given(call, flow)
    if name in NEED_CONTENT and flow.too_early and not isinstance(found.value, Missing):
        return Sample(Unknown("hello in time", flow.too_early), found.type)
    return found


def _given(call: Call, flow: Flow) -> Sample:
    """What a fetch gives once what the client sends is there."""
    name, arguments = call.name, call.arguments
    if name in ("req.hdr", "req.fhdr", "hdr"):
        return Sample(_header(arguments, flow), "str")
    match name:
        case "var":
            return _variable(arguments, flow)
        case "str" if arguments:
            return Sample(Const(arguments[0]), "str")
        case "int" | "bool" if arguments:
            return Sample(Const({"true": "1", "false": "0"}.get(arguments[0], arguments[0])), name)
        case "env" if arguments:
            known = flow.environment.get(arguments[0])
            return Sample(Const(known) if known is not None else Unknown(f"env {arguments}", "a variable"), "str")
        case "ipv4" | "ipv6" if arguments:
            return Sample(Const(arguments[0]), "ip")
        case _ if name in FETCHES:
            kind, give = FETCHES[name]
            return Sample(give(flow), kind)
    return Sample(Unknown(f"{name}{arguments}", f"{name} depends on more than the configuration"), "?")


def _variable(arguments: tuple[str, ...], flow: Flow) -> Sample:
    name = arguments[0] if arguments else ""
    default: Value = Const(arguments[1]) if len(arguments) > 1 else Missing()
    value = flow.variables.get(name, default)
    elsewhere = name.startswith(("proc.", "sess.", "check."))  # set for another request, or by none
    if name not in flow.variables and (flow.opaque or elsewhere):
        value = Unknown(f"var {name}", f"what sets {name} is not followed")
    return Sample(value, "ip" if all(isinstance(one, Found) for _, one in ways(value)) else "str")


def _header(arguments: tuple[str, ...], flow: Flow) -> Value:
    if not flow.parsed or not arguments:
        return Missing()
    match arguments[0].lower():
        case "host":
            return flow.host
        case "user-agent":
            return flow.agent
    return Unknown(f"header {arguments[0].lower()}", f"it depends on the header {arguments[0]}")


def _hello(flow: Flow) -> bool:
    """Whether the hello of TLS can be seen in what comes."""
    return flow.form is Form.TLS and not flow.http and not flow.decrypted


def _here(flow: Flow) -> bool:
    """Whether TLS ended at this section's own socket."""
    return flow.decrypted and not flow.inner


def _base(flow: Flow) -> Value:
    return joined((flow.host, Page("/"))) if flow.parsed else Missing()


def _url(flow: Flow) -> Value:
    match flow.form:
        case _ if not flow.parsed:
            return Missing()
        case Form.GET:
            return Spelled("http://", "", path=True)
        case Form.CONNECT:
            named = tuple((Ports(Intervals.single(port)), Spelled(after=f":{port}")) for port in (443, 80))
            return Cases(named, Spelled(after=":", path=True))
        case _:
            return Page("/")


def _dst(flow: Flow) -> Value:
    return flow.changed("dst") or (Unknown("dst", "the address of the proxy") if flow.explicit else Target())


def _port(flow: Flow) -> Value:
    return Unknown("dst_port", "the port of the proxy") if flow.explicit else Port()


def _when(*, yes: bool) -> Value:
    return Const("1" if yes else "0")


FETCHES: Final[dict[str, tuple[str, Callable[[Flow], Value]]]] = {
    "req.ssl_sni": ("str", lambda flow: Spelled(hello=True) if _hello(flow) else Missing()),
    "req.ssl_hello_type": ("int", lambda flow: Const("1") if _hello(flow) else Missing()),
    "ssl_fc_sni": ("str", lambda flow: Spelled(hello=True) if _here(flow) else Missing()),
    "ssl_fc": ("bool", lambda flow: _when(yes=_here(flow))),
    "ssl_fc_has_sni": ("bool", lambda flow: _when(yes=_here(flow))),
    "base": ("str", _base),
    "url": ("str", lambda flow: flow.changed("url") or _url(flow)),
    "path": ("str", lambda flow: flow.changed("url") or (Page("/") if flow.parsed else Missing())),
    "pathq": ("str", lambda flow: flow.changed("url") or (Page("/") if flow.parsed else Missing())),
    "method": ("meth", lambda flow: flow.changed("method") or _method(flow)),
    "src": ("ip", lambda flow: flow.changed("src") or Client()),
    "dst": ("ip", _dst),
    "dst_port": ("int", lambda flow: flow.changed("dst") or _port(flow)),
    "always_true": ("bool", lambda _: Const("1")),
    "always_false": ("bool", lambda _: Const("0")),
    "wait_end": ("bool", lambda _: Const("1")),
    "req.proto_http": ("bool", lambda flow: Const("1") if flow.parsed else Missing()),
    "req.hdr_ip": ("ip", lambda _: Missing()),
}
SAME: Final = {
    "req_ssl_sni": "req.ssl_sni", "req_ssl_hello_type": "req.ssl_hello_type", "req_len": "req.len",
    "req_proto_http": "req.proto_http", "hdr_ip": "req.hdr_ip", "hdr": "req.hdr",
}  # fmt: skip
"""Older names."""
FETCHES.update({old: FETCHES[new] for old, new in SAME.items() if new in FETCHES})
NEED_CONTENT: Final = frozenset(
    {
        "req.ssl_sni", "req_ssl_sni", "req.ssl_hello_type", "req_ssl_hello_type", "req.hdr", "hdr", "method", "path",
        "base", "url", "req.proto_http", "req_proto_http",
    }
)  # fmt: skip
"""Fetches that look into what the client sent."""


def _method(flow: Flow) -> Value:
    if not flow.parsed:
        return Missing()
    return Const("CONNECT") if flow.form is Form.CONNECT else Method()


def _converted(taken: Sample, call: Call, flow: Flow) -> Sample:
    name, arguments = call.name, call.arguments
    if name == "map" or name.startswith("map_"):
        return Sample(*looked_up(taken.value, taken.type, call, flow))
    change = _TEXT.get(name)
    if name in ("field", "word") and arguments == ("1", ":"):
        change = _without_port
    if change is not None and taken.type == "str":
        return Sample(each(taken.value, change), "str")
    if name == "bool" or (name == "not" and taken.type in ("int", "bool")):
        return Sample(each(taken.value, lambda one: _truth(one, inverted=name == "not")), "bool")
    because = f"what {name} makes of it is not followed"
    return Sample(each(taken.value, lambda one: Unknown(f"{one} {call}", because)), "?")


def _truth(value: Value, *, inverted: bool) -> Value:
    if isinstance(value, Const):
        return _when(yes=(value.text != "0") is not inverted)
    return Unknown(f"truth of {value}", "it depends on more than the configuration")


def _lower(value: Value) -> Value:
    match value:
        case Const(text):
            return Const(text.lower())
        case Spelled(before, after, path, hello):
            return Spelled(before.lower(), after.lower(), path, hello)  # names come in lower case
    return Unknown(f"lower {value}", "a text that depends on the request is changed")


def _upper(value: Value) -> Value:
    if isinstance(value, Const):
        return Const(value.text.upper())
    return Unknown(f"upper {value}", "a text that depends on the request is changed")


def _without_port(value: Value) -> Value:
    match value:
        case Const(text):
            return Const(text.partition(":")[0])
        case Spelled("", after, _, hello) if not after or after.startswith(":"):
            return Spelled(hello=hello)
    return Unknown(f"host of {value}", "a part of a text that depends on the request is taken")


_TEXT: Final[dict[str, Callable[[Value], Value]]] = {
    "lower": _lower, "upper": _upper, "host_only": _without_port,
    "ltrim": lambda value: value, "rtrim": lambda value: value,
}  # fmt: skip
