"""Lines of proxies' access logs: from the layout that a program was given to what a line says.

A layout is literal text and fields in turn. It becomes one regular expression in which every field ends where the
literal behind it begins, so that no line takes longer than its length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.logline import address, entry, name, number, port
from agent.model.observation import HttpRequest, HttpResponse, Observation, TlsLog
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.logline import Clock
    from agent.model.observation import Message

FIELDS: Final = 64
"""Fields of a layout at the most."""
CAPTURED: Final = "captured"
"""What was captured without saying what it is: values with ``|`` between them."""
_HOST_SHAPE: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?\.?(?::\d{1,5})?", re.IGNORECASE)
_TRAILING: Final = "(?> *(?= ))"
"""Spaces behind a padded field, up to the one that the layout has there."""
_ADDRESSES: Final = frozenset({"client", "server"})
_METHOD: Final = re.compile(r"[A-Z][A-Z0-9_-]{0,31}")
_AUTHORITY: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@?#]*@)?(\[[0-9a-f:.]+\]|[^/:?#@\[\]]+)(?::(\d+))?", re.IGNORECASE
)
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}


@record
class Field:
    """A place in a line; ``name`` is one that ``observations`` knows, None what is of no interest."""

    name: str | None
    padded: bool = False
    optional: bool = False
    """It and the space behind it may be left out together."""
    listed: bool = False
    """It may be several values with ``, `` between them."""
    spaced: bool = False
    """Its own text has one space, as the time of access logs has before its zone."""


class Layout:
    """What lines of one layout look like; raises Malformed where it cannot be told where its fields end."""

    def __init__(self, parts: Iterable[Field | str]) -> None:
        joined = _joined(parts)
        self.names = tuple(one.name for one in joined if isinstance(one, Field))
        if not self.names or len(self.names) > FIELDS:
            raise Malformed(f"a layout of a log has 1 to {FIELDS} fields")
        self._line = re.compile("".join(_expression(joined, at) for at in range(len(joined))), re.DOTALL)

    def take(self, text: str) -> dict[str, str] | None:
        """The fields of a line by name, without those that are ``-`` or empty; None where it is of another layout."""
        found = self._line.fullmatch(text)
        if found is None:
            return None
        facts: dict[str, str] = {}
        for key, value in zip(self.names, found.groups(), strict=True):
            if key is not None and value and value != "-":
                facts[key] = f"{facts[key]}|{value}" if key == CAPTURED and key in facts else value
        return facts


def _joined(parts: Iterable[Field | str]) -> list[Field | str]:
    """The same without literals beside each other."""
    joined: list[Field | str] = []
    for one in parts:
        if isinstance(one, str) and joined and isinstance(joined[-1], str):
            joined[-1] += one
        elif one:
            joined.append(one)
    return joined


def _expression(parts: list[Field | str], at: int) -> str:
    one = parts[at]
    behind = parts[at + 1] if at + 1 < len(parts) else ""
    if isinstance(one, str):
        # what is left out takes the space behind it along
        before = parts[at - 1] if at else ""
        return re.escape(one[1:] if isinstance(before, Field) and before.optional and one.startswith(" ") else one)
    if one.optional:
        return r"(?:\{([^}]*)\} )?"
    if isinstance(behind, Field):
        raise Malformed("two fields of a log's layout stand beside each other with nothing between them")
    # whatever is taken for padding stays so: no line takes longer than its length
    padding = " *+" if one.padded else ""
    if not behind:
        return padding + ("(.*)" if one.spaced else r"(\S*)")
    before = parts[at - 1] if at else ""
    # only what stands in quotes or brackets has spaces of its own
    space = "" if isinstance(before, str) and before[-1:] in tuple("\"[{('") else " "
    if behind[0] == '"':
        return padding + r'((?:[^"\\]|\\.)*)'
    if behind[0] == ":" and one.name in _ADDRESSES:
        return padding + r"([^ ]{0,64})"  # of IPv6 there are colons in it
    if one.listed:
        return r"(\S*(?:, \S+)*)"
    if behind[0] == " " and one.spaced:
        return padding + r"([^ ]* [^ ]*)"
    trailing = (_TRAILING if behind[0] == " " else " *+") if one.padded else ""
    return f"{padding}([^{space}{re.escape(behind[0])}]*)" + trailing


class AccessReader:
    """Takes the lines of one kind of log, with whatever layout fits of those that it is given."""

    def __init__(self, kind: str, layouts: Iterable[Layout], clock: Clock) -> None:
        self.malformed = 0
        """Lines that were not understood."""
        self._kind = kind
        self._layouts = tuple(layouts)
        self._clock = clock

    def take(self, line: bytes) -> list[Observation]:
        """What a line says; nothing where it is counted in ``malformed``, or says nothing of a request."""
        try:
            head = entry(line, self._clock)
            for one in self._layouts:
                facts = one.take(head.text)
                if facts is not None:
                    return observations(facts, self._clock, self._kind, head.at)
        except Malformed:
            pass
        self.malformed += 1
        return []


# ---- what it says ----


def observations(facts: Mapping[str, str], clock: Clock, sensor: str, at: float | None = None) -> list[Observation]:
    """The request, its answer, and the TLS connection that the fields of a line tell of; raises Malformed.

    ``at`` is the time in front of the line, for layouts without one of their own. Of what was captured without a name
    the first that looks like the name of a host counts as the one that was asked for.
    """
    end, begin = _times(facts, clock, at)
    method, url, version = _request(facts)
    host, host_port = _authority(url if method else facts.get("host"))
    last_server, _, last_port = facts.get("server_pair", "").rpartition(", ")[2].rpartition(":")
    client, server = address(facts.get("client")), address(facts.get("server", last_server))
    # another proxy that was asked in the server's place has a port of its own
    direct = method and facts.get("hierarchy", "DIRECT").endswith(("DIRECT", "ORIGINAL_DST"))
    server_port = port(facts.get("server_port", last_port)) or (host_port if server and direct else None)
    there = (client, server, port(facts.get("client_port")), server_port)
    found: list[Observation] = []

    def say(when: float, message: Message, *, back: bool = False) -> None:
        one, other, one_port, other_port = there
        ends = (other, one, other_port, one_port) if back else (one, other, one_port, other_port)
        found.append(Observation(when, *ends, "tcp", message, sensor=sensor))

    captured = next(filter(_HOST_SHAPE.fullmatch, facts.get(CAPTURED, "").split("|")), None)
    sni = name(facts.get("sni") or (captured if not method else None))
    if sni is not None or "tls" in facts:
        say(begin, TlsLog(sni, _tls(facts.get("tls"))))
    if method:
        connect = url if method == "CONNECT" else None
        shown = _host(facts.get("host"), host, url) or (captured and captured.lower())
        say(begin, HttpRequest(method, shown, url, facts.get("agent"), version, connect and connect.lower()))
        status = number(facts.get("status"))
        if status is not None and 100 <= status <= 999:
            say(end, HttpResponse(status, "", None, facts.get("location"), facts.get("type")), back=True)
    return found


def _times(facts: Mapping[str, str], clock: Clock, at: float | None) -> tuple[float, float]:
    """When it ended and began."""
    known = [
        _float(facts["epoch"] + "." + facts.get("millis", "0")) if "epoch" in facts else None,
        _float(facts["epoch_whole"]) if "epoch_whole" in facts else None,
        clock.common(facts["time"]) + (number(facts.get("millis")) or 0) / 1000 if "time" in facts else None,
        clock.iso(facts["iso"]) if "iso" in facts else None,
        at,
    ]
    end = next((one for one in known if one is not None), None)
    if end is None:
        end = clock.nowhere()
    if "elapsed_ms" in facts:
        return end, end - max(_float(facts["elapsed_ms"]), 0.0) / 1000
    if "elapsed" in facts:
        return end, end - max(_float(facts["elapsed"]), 0.0)
    if "lasted_ms" in facts:
        return end + max(_float(facts["lasted_ms"].lstrip("+")), 0.0) / 1000, end
    return end, end


def _float(text: str) -> float:
    try:
        found = float(text)
    except ValueError as error:
        raise Malformed(f"no number: {text[:40]!r}") from error
    if not -1e12 < found < 1e12:
        raise Malformed(f"no time: {text[:40]!r}")
    return found


def _request(facts: Mapping[str, str]) -> tuple[str, str, str]:
    """Method, target and version; empty where the line has none or a broken one."""
    method, url, version = facts.get("method", ""), facts.get("url", ""), facts.get("version", "")
    if "request" in facts:
        method, _, rest = facts["request"].partition(" ")
        url, _, version = rest.rpartition(" ") if " HTTP/" in rest else (rest, "", "")
    if not _METHOD.fullmatch(method) or not url:
        return "", "", ""
    return method, url, version.removeprefix("HTTP/")


def _authority(text: str | None) -> tuple[str | None, int | None]:
    """Host and port of a URL, of ``host:port`` or of a name; neither of a path."""
    found = _AUTHORITY.match(text) if text and not text.startswith("/") else None
    if found is None or text is None:
        return None, None
    return name(found[1]), port(found[2]) or _PORTS.get(text.partition("://")[0].lower())


def _host(header: str | None, host: str | None, url: str) -> str | None:
    """The Host header where it is logged, else as the client must have sent it for this target."""
    if header is not None:
        return header.lower()
    if host is None:
        return None
    found = _AUTHORITY.match(url)
    return f"{host}:{found[2]}" if found is not None and found[2] else host


def _tls(text: str | None) -> str | None:
    """``TLS/1.3``, ``TLSv1.3`` and ``TLS1.3`` in the words of observations."""
    found = re.fullmatch(r"TLSv?/?1(?:\.([0-3]))?", text or "", re.IGNORECASE)
    return f"TLSv1.{found[1] or 0}" if found else None
