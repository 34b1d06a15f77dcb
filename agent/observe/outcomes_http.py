"""What became of a request over HTTP, or of a proxy's CONNECT."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.model.record import record
from agent.observe.outcomes import Judged, inconclusive
from agent.observe.required import host_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.observation import HttpRequest, HttpResponse

HTTP: Final = OutcomeStage.HTTP
PROXIES: Final = (
    "squid", "e2guardian", "privoxy", "tinyproxy", "fortigate", "fortiproxy", "zscaler", "sophos", "bluecoat",
    "blue coat", "mcafee web gateway", "websense", "barracuda", "ironport", "netskope", "sonicwall", "webwasher",
)  # fmt: skip
"""Words in the Server header of programs that filter; what they deny, they deny themselves."""
PAGE: Final = re.compile(
    r"block|denied|deny|forbid|restrict|filter|warn|captive|portal|policy|prohibit|sinkhole|censor|notallowed",
    re.IGNORECASE,
)
"""Words in the address of a page that tells of a block."""
_HOST: Final = re.compile(r"(?:https?:)?//(?:[^/@?#]*@)?(\[[^\]]*\]|[^/:?#]+)", re.IGNORECASE)


@record
class Exchange:
    """A request and its response."""

    at: float
    """When the response came."""
    request: HttpRequest
    response: HttpResponse
    here: bool
    """A proxy on this gateway gave the response."""


def judge(exchange: Exchange, covered: Callable[[str], bool], *, unauthenticated: bool = False) -> Judged | None:
    """What a response says; ``covered``: whether a pack requires a name.

    None where the client is asked who it is and may come again; ``unauthenticated``: it has not.
    """
    at, request, response, here = exchange.at, exchange.request, exchange.response, exchange.here
    status = response.status
    facts: tuple[tuple[str, str | int], ...] = (("status", status),)
    if request.connect_host is not None:
        return _connect(response, at, facts, unauthenticated=unauthenticated)
    clue = Clue(at, f"status {status}{_by(response)}", facts)
    proxy = here or _filters(response)
    if status == 451:
        return Judged(Fate.HTTP_BLOCK_PAGE, 0.95, HTTP, (clue,))
    if status == 511:
        portal = Clue(at, "status 511: a portal wants the user to log in first", facts)
        return Judged(Fate.HTTP_BLOCK_PAGE, 0.9, HTTP, (portal,))
    if status == 403:
        return Judged(Fate.HTTP_BLOCK_PAGE, 0.9 if proxy else 0.6, HTTP, (clue,))
    if status == 407:
        return Judged(Fate.HTTP_PROXY_DENIED, 0.7, HTTP, (clue,)) if unauthenticated else None
    if status in {301, 302, 303, 307, 308} and response.location is not None:
        return _redirect(request, response.location, at, clue, proxy=proxy, covered=covered)
    if status in {502, 503, 504} and proxy:
        return inconclusive(HTTP, at, "the proxy could not reach the server", clue)
    return Judged(Fate.OK, 0.7 if here else 0.9, HTTP, (clue,))


def _connect(
    response: HttpResponse, at: float, facts: tuple[tuple[str, str | int], ...], *, unauthenticated: bool
) -> Judged | None:
    status = response.status
    clue = Clue(at, f"status {status} to CONNECT{_by(response)}", facts)
    if 200 <= status < 300:
        return Judged(Fate.OK, 0.7, HTTP, (clue,))
    if status == 407:
        return Judged(Fate.HTTP_PROXY_DENIED, 0.8, HTTP, (clue,)) if unauthenticated else None
    if status in {401, 403, 405, 451}:
        return Judged(Fate.HTTP_PROXY_DENIED, 0.95, HTTP, (clue,))
    if 300 <= status < 400:  # no browser follows it, but that is how some deny
        return Judged(Fate.HTTP_PROXY_DENIED, 0.9, HTTP, (clue,))
    return inconclusive(HTTP, at, "the proxy could not reach the server", clue)


def _redirect(  # noqa: PLR0913 - a case of the above, with what it needs
    request: HttpRequest, location: str, at: float, clue: Clue, *, proxy: bool, covered: Callable[[str], bool]
) -> Judged:
    found = _HOST.match(location)
    host = host_of(found[1]) if found is not None else ""
    if not host or covered(host) or host == host_of(request.host or ""):
        return Judged(Fate.OK, 0.9, HTTP, (clue,))
    elsewhere = Clue(at, "it leads to a host that no pack covers")
    told = (request.host or "") in location and "=" in location
    if _is_inside(host) or PAGE.search(location) is not None or told:
        return Judged(Fate.HTTP_BLOCK_PAGE, 0.85, HTTP, (clue, elsewhere))
    if proxy:
        return Judged(Fate.HTTP_BLOCK_PAGE, 0.7, HTTP, (clue, elsewhere))
    # services move and buy each other: a redirect alone is no block
    return inconclusive(HTTP, at, "it leads to a host that no pack covers, and nothing else tells of a block", clue)


def _is_inside(host: str) -> bool:
    """Whether it is an address that is not public, or a name that only a local network knows."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".home.arpa", ".localdomain"))


def _filters(response: HttpResponse) -> bool:
    server = (response.server or "").lower()
    return any(word in server for word in PROXIES)


def _by(response: HttpResponse) -> str:
    return " by a program that filters" if _filters(response) else ""
