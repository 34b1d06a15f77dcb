r"""nginx's access logs, of http and stream: the layout ``combined``, and those of ``log_format``.

::

    10.1.2.3 - - [26/Nov/2026:17:40:03 +0000] "GET /chat HTTP/1.1" 502 157 "-" "Mozilla/5.0"

Of stream only a layout with ``$ssl_preread_server_name`` says a name; its directive must be given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.proxies.access_log import AccessReader, Field, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.logline import Clock

KIND: Final = "nginx"
COMBINED: Final = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
"""The layout that nginx uses where none is named (ngx_http_log_module.c)."""
_FIELDS: Final = {
    "remote_addr": "client", "remote_port": "client_port", "time_local": "time", "time_iso8601": "iso",
    "msec": "epoch_whole", "request": "request", "request_method": "method", "request_uri": "url", "uri": "url",
    "server_protocol": "version", "status": "status", "http_user_agent": "agent", "http_host": "host", "host": "host",
    "upstream_addr": "server_pair", "ssl_preread_server_name": "sni", "ssl_server_name": "sni", "ssl_protocol": "tls",
    "request_time": "elapsed", "session_time": "elapsed", "sent_http_content_type": "type",
    "sent_http_location": "location",
}  # fmt: skip
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_DIRECTIVE: Final = re.compile(
    r"(?:^|[;{}\s])log_format\s+[^\s;]+((?:\s+(?:escape=\w+|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s;'\"]+))+)\s*;"
)
_WORD: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(\S+)")
_OWN: Final = re.compile(
    rb'(?:.{0,255}: )?[^ ]+ - [^ ]+ \[[^\]]{26}\] "(?:[^"\\]|\\.)*" \d{3} \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"'
)


def recognises(line: bytes) -> bool:
    """Whether it is a line of the layout ``combined``, which other web servers write as well."""
    return _OWN.fullmatch(line.rstrip(b"\r\n")) is not None


def layouts(text: str) -> Iterator[Layout]:
    """The layouts that a text gives: ``log_format`` directives in it, else itself; raises Malformed."""
    directives = _DIRECTIVE.findall(text)
    if not directives:
        yield Layout(_parts(text.strip()))
    for one in directives:
        words = [re.sub(r"\\(.)", r"\1", single or double or bare) for single, double, bare in _WORD.findall(one)]
        yield Layout(_parts("".join(word for word in words if not word.startswith("escape="))))


def _parts(text: str) -> Iterator[Field | str]:
    at = 0
    for found in _VARIABLE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        variable = found[1] or found[2]
        yield Field(_FIELDS.get(variable), spaced=variable == "time_local", listed=variable.startswith("upstream_"))
    yield text[at:]


class Reader(AccessReader):
    """Takes the lines of a log; ``formats`` are further layouts, or a configuration that has them."""

    def __init__(self, clock: Clock, formats: Iterable[str] = ()) -> None:
        texts = (*formats, COMBINED)
        super().__init__(KIND, (one for text in texts for one in layouts(text)), clock)
