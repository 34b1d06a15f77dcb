"""Elements about the client, the server's address and the request itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import ALWAYS, NEVER, Clients, Methods, Open, Ports, Targets
from agent.proxies.squid.logic import any_of
from agent.proxies.squid.moments import Phase
from agent.proxies.squid.patterns import of_address, of_agents, of_authority, of_names, of_text, of_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.model.proxy import Test
    from agent.proxies.squid.acls import Acl
    from agent.proxies.squid.addresses import Addresses
    from agent.proxies.squid.moments import Moment

_RANGE: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")

# ---- addresses ----


def _src(acl: Acl, found: Addresses, moment: Moment) -> Test:
    del moment
    return _within(Clients, acl, found)


def _dst(acl: Acl, found: Addresses, moment: Moment) -> Test:
    if moment.diverted:
        return _within(Targets, acl, found)
    if "-n" in acl.options:
        return NEVER  # clients ask by name
    if moment.fast:
        return Open(f"address in {acl.name}", f"acl {acl.name}: it depends on what Squid has looked up before")
    return _within(Targets, acl, found)


def _localip(acl: Acl, found: Addresses, moment: Moment) -> Test:
    if moment.diverted and moment.phase is not Phase.BARE:
        return _within(Targets, acl, found)  # where the client believes to be
    own = as_address(moment.port.listener.address)
    if own and own[1] and not found.hosts:
        return ALWAYS if any(own[0] == family and own[1] in some for family, some in found.sets) else NEVER
    return Open(f"acl {acl.name}", f"acl {acl.name}: the proxy's address that a client asks is not known")


def _within(what: type[Clients | Targets], acl: Acl, found: Addresses) -> Test:
    """The test, or what is certain of it."""
    if found.every:
        return ALWAYS
    tests: list[Test] = [what(found.sets)] if any(some for _, some in found.sets) else []
    if found.hosts:
        tests.append(Open(f"acl {acl.name}", f"acl {acl.name}: the addresses of {found.hosts[0]}"))
    return any_of(tests)


# ---- what is asked ----


def _port(acl: Acl, moment: Moment) -> Test:
    del moment
    return Ports(_numbers(acl))


def _numbers(acl: Acl) -> Intervals:
    found = (_RANGE.fullmatch(value.text) for value in acl.values)
    return Intervals.of((int(one[1]), int(one[2] or one[1])) for one in found if one)


def _localport(acl: Acl, moment: Moment) -> Test:
    if moment.diverted and moment.phase is not Phase.BARE:
        return Ports(_numbers(acl))
    return _known(moment.port.listener.port in _numbers(acl))


def _myportname(acl: Acl, moment: Moment) -> Test:
    return _known(moment.port.name in _words(acl))


def _method(acl: Acl, moment: Moment) -> Test:
    words = frozenset(word.upper() for word in _words(acl))
    if moment.phase is Phase.BARE:
        return NEVER
    return _known("CONNECT" in words) if moment.tunnel else Methods(words)


def _proto(acl: Acl, moment: Moment) -> Test:
    match moment.phase:
        case Phase.CONNECT | Phase.BARE:
            own = "NONE"
        case Phase.INNER:
            own = "HTTPS"
        case _:
            own = "HTTP"
    return _known(own in {word.upper() for word in _words(acl)})


def _url_regex(acl: Acl, moment: Moment) -> Test:
    if acl.name == "manager":
        return NEVER  # nobody requires Squid's own pages
    if moment.phase is Phase.CONNECT:
        return of_authority(acl.values, hello=False)
    if moment.phase is Phase.NAMED:
        return of_authority(acl.values, hello=moment.diverted)
    if moment.nameless:
        because = f"acl {acl.name}: patterns are compared with the server's address"
        return of_address(acl.values, f"address in {acl.name}", because)
    scheme, port = ("https", 443) if moment.phase is Phase.INNER else ("http", 80)
    own = moment.port.number if moment.port.accelerated else None
    return of_url(acl.values, scheme, port, hello=moment.hello, own=own)


def _urlpath_regex(acl: Acl, moment: Moment) -> Test:
    if moment.phase in (Phase.CONNECT, Phase.BARE):
        return NEVER
    if moment.phase in (Phase.ADDRESSED, Phase.NAMED):
        return of_text(acl.values, "/")
    return Open(f"path in {acl.name}", f"acl {acl.name}: it depends on the path of the URL")


def _browser(acl: Acl, moment: Moment) -> Test:
    return NEVER if _is_headless(moment) else of_agents(acl.values)


def _header(acl: Acl, moment: Moment) -> Test:
    if _is_headless(moment):
        return NEVER
    header = "".join(acl.entries[-1].first).lower()  # of several lines, the last one's for all
    if header == "user-agent":
        return of_agents(acl.values)
    if header == "host":
        if moment.tunnel:
            return of_authority(acl.values, hello=False)
        return of_names(acl.values, hello=moment.hello)
    return Open(f"header in {acl.name}", f"acl {acl.name}: it depends on the headers of the request")


def _of_page(acl: Acl, moment: Moment) -> Test:
    return NEVER if moment.tunnel else _header(acl, moment)


def _is_headless(moment: Moment) -> bool:
    """Whether the request is of Squid's own making."""
    return moment.phase in (Phase.BARE, Phase.ADDRESSED, Phase.NAMED)


# ---- how it is asked ----


def _at_step(acl: Acl, moment: Moment) -> Test:
    return _known(f"SslBump{moment.step}" in _words(acl))


def _connections_encrypted(acl: Acl, moment: Moment) -> Test:
    del acl
    return _known(moment.port.tls or moment.phase is Phase.INNER)


def _proxy_auth(acl: Acl, moment: Moment) -> Test:
    if moment.diverted:
        return NEVER  # "Authentication not applicable on intercepted requests"
    if moment.port.accelerated:
        return Open(f"login in {acl.name}", f"acl {acl.name}: nobody logs in to a web server that does not ask")
    if "REQUIRED" in _words(acl):
        return ALWAYS  # users of a zone are taken to log in
    return Open(f"acl {acl.name}", f"acl {acl.name}: it depends on the user")


def _has(acl: Acl, moment: Moment) -> Test:
    return _known(bool(_words(acl) & {"request", "ALE"}) or (moment.reply and "response" in _words(acl)))


def _transaction_initiator(acl: Acl, moment: Moment) -> Test:
    del moment
    return _known(bool(_words(acl) & {"client", "all"}))


def _of_reply(acl: Acl, moment: Moment) -> Test:
    if not moment.reply:
        return NEVER  # "ACL is used in context without an HTTP response. Assuming mismatch."
    return Open(f"acl {acl.name}", f"acl {acl.name}: it depends on the server's answer")


def _annotate_client(acl: Acl, moment: Moment) -> Test:
    del acl
    return _known(moment.phase is not Phase.BARE)


def _always(acl: Acl, moment: Moment) -> Test:
    del acl, moment
    return ALWAYS


def _never(acl: Acl, moment: Moment) -> Test:
    del acl, moment
    return NEVER


def _known(holds: bool) -> Test:  # noqa: FBT001 - it is what it says
    return ALWAYS if holds else NEVER


def _words(acl: Acl) -> frozenset[str]:
    return frozenset(value.text for value in acl.values)


ADDRESSES: Final[Mapping[str, Callable[[Acl, Addresses, Moment], Test]]] = {
    "src": _src,
    "dst": _dst,
    "localip": _localip,
}
TYPES: Final[Mapping[str, Callable[[Acl, Moment], Test]]] = {
    "port": _port, "localport": _localport, "myportname": _myportname,
    "method": _method, "proto": _proto, "url_regex": _url_regex, "urlpath_regex": _urlpath_regex,
    "urllogin": _never, "browser": _browser, "req_header": _header, "referer_regex": _of_page,
    "req_mime_type": _of_page, "at_step": _at_step, "connections_encrypted": _connections_encrypted,
    "proxy_auth": _proxy_auth, "has": _has, "transaction_initiator": _transaction_initiator,
    "annotate_transaction": _always, "annotate_client": _annotate_client, "snmp_community": _never,
    "rep_mime_type": _of_reply, "rep_header": _of_reply, "http_status": _of_reply, "peername": _of_reply,
    "peername_regex": _of_reply,
}  # fmt: skip
