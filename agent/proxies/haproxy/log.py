r"""HAProxy's log: ``option tcplog``, ``httplog``, ``httpslog``, and layouts of ``log-format`` (configuration.txt, 8.2).

::

    haproxy[14389]: 10.0.1.2:33317 [06/Feb/2026:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0
    haproxy[14389]: 10.0.1.2:33317 [06/Feb/2026:12:14:14.655] web static/srv1 10/0/30/69/109 200 2750 - - ----
      1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"

Its times have no zone: they are of the machine that wrote them. Of a connection without HTTP nothing is said but with
a layout that has the server name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.proxies.access_log import CAPTURED, AccessReader, Field, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.logline import Clock

KIND: Final = "haproxy"
_HTTP: Final = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
)
TEXTS: Final = {
    "httplog": _HTTP,
    "tcplog": "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
    "httpslog": _HTTP + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed]"
    " %[ssl_fc_sni]/%sslv/%sslc",
}  # fmt: skip
"""Layouts that it knows by name."""
_FIELDS: Final = {
    "ci": "client", "cp": "client_port", "t": "time", "tr": "time", "T": "time", "Tl": "time", "trl": "time",
    "trg": "time", "Ts": "epoch", "ms": "millis", "Ta": "lasted_ms", "Tt": "lasted_ms", "si": "server",
    "sp": "server_port", "ST": "status", "HM": "method", "HU": "url", "HV": "version", "r": "request", "sslv": "tls",
}  # fmt: skip
_SAMPLES: Final = {
    "src": "client", "src_port": "client_port", "ssl_fc_sni": "sni", "req.ssl_sni": "sni", "req_ssl_sni": "sni",
    "method": "method", "url": "url", "hdr(host)": "host", "req.hdr(host)": "host", "req.hdr(user-agent)": "agent",
    "hdr(user-agent)": "agent", "status": "status", "ssl_fc_protocol": "tls",
}  # fmt: skip
_ZONED: Final = frozenset({"T", "Tl", "trl", "trg"})
_CODE: Final = re.compile(r"%(?:%|(?:\{([^}]*)\})?(?:\[((?:[^\[\]\\]|\\.)*)\]|([A-Za-z]+)))")
_DIRECTIVE: Final = re.compile(r"^[ \t]*log-format[ \t]+(\S.*?)[ \t\r]*$", re.MULTILINE)
_OWN: Final = re.compile(
    rb"(?:.{0,255}[ >])?[^ >]+:\d{1,5} \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] \S+ \S+/\S+ "
    rb"[+-]?\d[\d/+-]* .*\d{1,9}/\d{1,9}/\d{1,9}/\d{1,9}/\+?\d{1,9} \d{1,9}/\d{1,9}.*",
    re.DOTALL,
)


def recognises(line: bytes) -> bool:
    """Whether it is a line of a layout that HAProxy has built in."""
    return _OWN.fullmatch(line.rstrip(b"\r\n")) is not None


def layouts(text: str) -> Iterator[Layout]:
    """The layouts that a text gives: ``log-format`` directives in it, else itself; raises Malformed."""
    for one in _DIRECTIVE.findall(text) or [TEXTS.get(text.strip(), text.strip())]:
        yield Layout(_parts(_unquoted(one)))


def _unquoted(text: str) -> str:
    """The argument of a directive as HAProxy takes it: one pair of quotes, or backslashes in front of spaces."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\$])', r"\1", text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    return re.sub(r"\\([ \"\\#'])", r"\1", text)


def _parts(text: str) -> Iterator[Field | str]:
    at = 0
    for found in _CODE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        flags, sample, code = found.groups()
        if sample is None and code is None:
            yield "%"
        elif code in ("hr", "hs"):
            yield Field(CAPTURED if code == "hr" else None, optional=True)
        else:
            field = _FIELDS.get(code) if code else _sampled(sample)
            quoted = "Q" in (flags or "") and "-Q" not in (flags or "")
            yield from ('"', Field(field), '"') if quoted else (Field(field, spaced=code in _ZONED),)
    yield text[at:]


def _sampled(sample: str) -> str | None:
    """The field for a sample expression; what captures and variables hold, only their writer knows."""
    fetch = sample.partition(",")[0].replace(" ", "").lower()
    return CAPTURED if fetch.startswith(("capture.req.hdr(", "var(")) else _SAMPLES.get(fetch)


class Reader(AccessReader):
    """Takes the lines of a log; ``formats`` are further layouts, or a configuration that has them."""

    def __init__(self, clock: Clock, formats: Iterable[str] = ()) -> None:
        texts = (*formats, *TEXTS.values())
        super().__init__(KIND, (one for text in texts for one in layouts(text)), clock)
