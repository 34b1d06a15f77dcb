r"""Squid's access log: its own layout, those that it has built in, and those of ``logformat`` (cf.data.pre).

::

    1795714803.123    211 10.1.2.3 TCP_TUNNEL/200 5129 CONNECT www.example.com:443 - HIER_DIRECT/192.0.2.7 -
    1795714804.007      0 10.1.2.3 TCP_DENIED/403 3941 CONNECT api.example.com:443 - HIER_NONE/- text/html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.proxies.access_log import AccessReader, Field, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.logline import Clock

KIND: Final = "squid"
TEXTS: Final = {
    "squid": "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
    "common": '%>a %[ui %[un [%tl] "%rm %ru %rv" %>Hs %<st %Ss:%Sh',
    "combined": '%>a %[ui %[un [%tl] "%rm %ru %rv" %>Hs %<st "%{Referer}>h" "%{User-Agent}>h" %Ss:%Sh',
}
"""Layouts that every Squid knows by name; of a request that was none the version is not one of HTTP."""
_FIELDS: Final = {
    "ts": "epoch", "tu": "millis", "tr": "elapsed_ms", "tl": "time", "tg": "time",
    ">a": "client", ">p": "client_port", "<a": "server", "<p": "server_port",
    "Sh": "hierarchy", "rm": "method", ">rm": "method", "ru": "url", ">ru": "url", "rv": "version", ">rv": "version",
    ">Hs": "status", "Hs": "status", "mt": "type", "ssl::>sni": "sni", "ssl::>negotiated_version": "tls",
    "tls::>negotiated_version": "tls",
}  # fmt: skip
_HEADERS: Final = {"user-agent": "agent", "host": "host"}
_UNZONED: Final = "%d/%b/%Y:%H:%M:%S"
_ZONED: Final = _UNZONED + " %z"
"""Forms of times that are understood of those that one can choose."""
_CODE: Final = re.compile(
    r"%(?:(?P<percent>%)|[\"\[#'/\\]?(?P<width>-?\d*)(?:\.\d+)?(?:\{(?P<argument>[^}]*)\})?"
    r"(?P<code>(?:[a-z]+::)?[<>]?(?:[a-z]+_[a-z_]+|[A-Za-z]{1,2}(?![a-z])|[A-Za-z]+))(?:\{(?P<last>[^}]*)\})?)"
)
_DIRECTIVE: Final = re.compile(r"^[ \t]*logformat[ \t]+\S+[ \t]+(\S.*?)[ \t\r]*$", re.MULTILINE)
_OWN: Final = re.compile(rb"(?:.{0,255}: )?\d{9,11}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} \S+ \S+ \S+ \S+ [A-Z_]+/\S+ \S+")
_SHARED: Final = re.compile(
    rb'(?:.{0,255}: )?[^ ]+ [^ ]+ [^ ]+ \[[^\]]{20,30}\] "[^"]*" \d{1,3} \d+ (?:"[^"]*" "[^"]*" )?[A-Z_]+:[A-Z_]+'
)


def recognises(line: bytes) -> bool:
    """Whether it is a line of a layout that Squid has built in."""
    line = line.rstrip(b"\r\n")
    return _OWN.fullmatch(line) is not None or _SHARED.fullmatch(line) is not None


def layouts(text: str) -> Iterator[Layout]:
    """The layouts that a text gives: ``logformat`` directives in it, else itself; raises Malformed."""
    found = _DIRECTIVE.findall(text) or [TEXTS.get(text.strip(), text.strip())]
    for one in found:
        yield Layout(_parts(one))


def _parts(text: str) -> Iterator[Field | str]:
    at = 0
    for found in _CODE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        if found["percent"]:
            yield "%"
            continue
        code = found["code"].removeprefix("http::")
        argument = found["argument"] or found["last"] or ""
        field = _HEADERS.get(argument.lower()) if code in (">h", ">ha") else _FIELDS.get(code)
        is_time = code in ("tl", "tg")
        if is_time and argument and not (argument == _ZONED or (code == "tl" and argument == _UNZONED)):
            field = None
        spaced = " " in argument if argument else is_time
        yield Field(field, padded=bool(found["width"].strip("0-")), spaced=is_time and spaced)
    yield text[at:]


class Reader(AccessReader):
    """Takes the lines of a log; ``formats`` are further layouts, or a configuration that has them."""

    def __init__(self, clock: Clock, formats: Iterable[str] = ()) -> None:
        texts = (*formats, *TEXTS.values())
        super().__init__(KIND, (one for text in texts for one in layouts(text)), clock)
