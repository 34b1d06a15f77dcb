"""What an element of access lists tests at a moment: the types of ``acl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.names import normalise
from agent.model.proxy import ALWAYS, NEVER, Clients, Methods, Names, Open, Ports, Targets, Test
from agent.model.resolver import NameSet, Scope
from agent.proxies.squid.addresses import addresses
from agent.proxies.squid.logic import all_of, any_of, none_of
from agent.proxies.squid.moments import Phase
from agent.proxies.squid.patterns import name_test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.proxies.squid.acls import Acl
    from agent.proxies.squid.moments import Moment

MAX_DEPTH: Final = 32
"""Groups within groups."""
Meaning = "Callable[[Acl, Moment], Test]"


class Elements:
    """All elements; gives the test of each at a moment."""

    def __init__(self, acls: Mapping[str, Acl]) -> None:
        self.acls = acls
        self._made: dict[tuple[str, Moment], Test] = {}

    def test(self, name: str, moment: Moment, depth: int = 0) -> Test:
        """What ``name`` or ``!name`` tests."""
        if name.startswith("!"):
            return none_of(self.test(name[1:], moment, depth))
        acl = self.acls.get(name)
        if acl is None:
            return Open(f"acl {name}", f"acl {name} is not defined")
        if depth > MAX_DEPTH:
            return Open(f"acl {name}", f"acl {name} is part of itself")
        key = (name, moment)
        if key not in self._made:
            self._made[key] = self._with_trouble(acl, self._test(acl, moment, depth))
        return self._made[key]

    @staticmethod
    def _with_trouble(acl: Acl, test: Test) -> Test:
        return any_of((test, Open(f"acl {acl.name}", acl.trouble))) if acl.trouble else test

    def _test(self, acl: Acl, moment: Moment, depth: int) -> Test:
        if acl.type == "any-of":
            return any_of(self.test(value.text, moment, depth + 1) for value in acl.values)
        if acl.type == "all-of":
            return any_of(
                all_of(self.test(value.text, moment, depth + 1) for value in entry.values) for entry in acl.entries
            )
        known = TYPES.get(acl.type)
        if known is not None:
            return known(acl, moment)
        because = OPEN.get(acl.type, f"acl type {acl.type} is not known")
        return Open(f"acl {acl.name}", f"acl {acl.name}: {because}")


# ---- addresses ----


def _src(acl: Acl, moment: Moment) -> Test:
    del moment
    return _within(Clients, acl)


def _dst(acl: Acl, moment: Moment) -> Test:
    if "-n" in acl.options and moment.phase is not Phase.ADDRESSED:
        return NEVER  # requests are for names
    return _within(Targets, acl)


def _localip(acl: Acl, moment: Moment) -> Test:
    if moment.diverted:
        return _within(Targets, acl)
    own = as_address(moment.port.listener.address)
    found = addresses(acl)
    if own and own[1] and not found.hosts:
        return ALWAYS if any(own[0] == family and own[1] in some for family, some in found.sets) else NEVER
    return Open(f"acl {acl.name}", f"acl {acl.name}: the proxy's address that a client asks is not known")


def _within(what: type[Clients | Targets], acl: Acl) -> Test:
    """The test, or what is certain of it."""
    found = addresses(acl)
    if found.every:
        return ALWAYS
    tests: list[Test] = [what(found.sets)] if any(some for _, some in found.sets) else []
    if found.hosts:
        tests.append(Open(f"acl {acl.name}", f"acl {acl.name}: the addresses of {found.hosts[0]}"))
    return any_of(tests)


# ---- names ----


def _sets(acl: Acl) -> tuple[NameSet, ...]:
    """The names of a list of domains (``matchDomainName``): a dot in front stands for the domain and all below it."""
    found = (name_set(value.text) for value in acl.values)
    return tuple(one for one in found if one is not None)


def name_set(text: str) -> NameSet | None:
    """The names of one word; None where no name is like it."""
    bare = text.lower().removeprefix(".")
    try:
        if not bare or bare != normalise(bare) or "*" in bare:
            return None
    except ValueError:
        return None
    return NameSet(Scope.SUBTREE if text.startswith(".") else Scope.EXACT, bare)


def _dstdomain(acl: Acl, moment: Moment) -> Test:
    if moment.phase is Phase.ADDRESSED:
        return _of_address(acl)
    sets = _sets(acl)
    return Names(sets, hello=moment.phase is Phase.NAMED) if sets else NEVER


def _of_address(acl: Acl) -> Test:
    """An address stands where a name is expected: it may be listed, or its reverse name."""
    tests = [_listed_addresses(acl)]
    if "-n" not in acl.options:
        because = f"acl {acl.name}: of a diverted connection the address alone is known, and its reverse name is not"
        tests.append(Open(f"reverse name in {acl.name}", because))
    return any_of(tests)


def _listed_addresses(acl: Acl) -> Test:
    """The server's address stands among the names."""
    found = [one for value in acl.values if (one := as_address(value.text))]
    spans = {family: [(one, one) for kind, one in found if kind == family] for family in (4, 6)}
    return Targets(tuple((family, Intervals.of(some)) for family, some in spans.items())) if found else NEVER


def _dstdom_regex(acl: Acl, moment: Moment) -> Test:
    if moment.phase is Phase.ADDRESSED:
        return Open(
            f"reverse name in {acl.name}", f"acl {acl.name}: of a diverted connection the address alone is known"
        )
    return _patterns(acl, hello=moment.phase is Phase.NAMED)


def _server_name(acl: Acl, moment: Moment) -> Test:
    asked = _asked_name(acl, moment)
    if asked is not None:
        return asked
    if moment.phase is Phase.ADDRESSED and not moment.hello:
        return _listed_addresses(acl)
    sets = _sets(acl)
    return Names(sets, hello=moment.hello) if sets else NEVER


def _server_name_regex(acl: Acl, moment: Moment) -> Test:
    asked = _asked_name(acl, moment)
    if asked is not None:
        return asked
    if moment.phase is Phase.ADDRESSED and not moment.hello:
        return Open(f"address in {acl.name}", f"acl {acl.name}: the pattern is compared with the server's address")
    return _patterns(acl, hello=moment.hello)


def _asked_name(acl: Acl, moment: Moment) -> Test | None:
    """What holds where it is not the name that the client asks for which is compared; None where it is."""
    if "--client-requested" in acl.options:
        return None
    if "--server-provided" in acl.options and not moment.certificate:
        return NEVER if "none" not in {value.text for value in acl.values} else ALWAYS
    if moment.certificate:
        return Open(f"certificate in {acl.name}", f"acl {acl.name}: the names in the server's certificate decide")
    return None


def _patterns(acl: Acl, *, hello: bool) -> Test:
    return any_of(name_test(value.text, ignore_case=value.ignore_case, hello=hello) for value in acl.values)


# ---- requests ----


def _port(acl: Acl, moment: Moment) -> Test:
    del moment
    return Ports(_numbers(acl))


def _numbers(acl: Acl) -> Intervals:
    spans = []
    for value in acl.values:
        low, dash, high = value.text.partition("-")
        if low.isdecimal() and (not dash or high.isdecimal()):
            spans.append((int(low), int(high or low)))
    return Intervals.of(spans)


def _localport(acl: Acl, moment: Moment) -> Test:
    if moment.diverted:
        return Ports(_numbers(acl))  # where the client believes to be
    return ALWAYS if moment.port.listener.port in _numbers(acl) else NEVER


def _myportname(acl: Acl, moment: Moment) -> Test:
    return ALWAYS if moment.port.name in {value.text for value in acl.values} else NEVER


def _method(acl: Acl, moment: Moment) -> Test:
    words = frozenset(value.text.upper() for value in acl.values)
    if moment.tunnel:
        return ALWAYS if "CONNECT" in words else NEVER
    return Methods(words)


def _proto(acl: Acl, moment: Moment) -> Test:
    words = {value.text.upper() for value in acl.values}
    own = "NONE" if moment.tunnel else "HTTPS" if moment.phase is Phase.INNER else "HTTP"
    return ALWAYS if own in words else NEVER


def _at_step(acl: Acl, moment: Moment) -> Test:
    return ALWAYS if f"SslBump{moment.step}" in {value.text for value in acl.values} else NEVER


def _proxy_auth(acl: Acl, moment: Moment) -> Test:
    if moment.diverted:
        return NEVER  # "Authentication not applicable on intercepted requests"
    if any(value.text == "REQUIRED" for value in acl.values):
        return ALWAYS  # users of a zone are taken to log in
    return Open(f"acl {acl.name}", f"acl {acl.name}: it depends on the user")


def _has(acl: Acl, moment: Moment) -> Test:
    words = {value.text for value in acl.values}
    return ALWAYS if words & {"request", "ALE"} or (moment.reply and "response" in words) else NEVER


def _initiator(acl: Acl, moment: Moment) -> Test:
    del moment
    return ALWAYS if {value.text for value in acl.values} & {"client", "all"} else NEVER


def _always(acl: Acl, moment: Moment) -> Test:
    del acl, moment
    return ALWAYS


def _never(acl: Acl, moment: Moment) -> Test:
    del acl, moment
    return NEVER


def _of_reply(acl: Acl, moment: Moment) -> Test:
    if not moment.reply:
        return NEVER  # "ACL is used in context without an HTTP response. Assuming mismatch."
    return Open(f"acl {acl.name}", f"acl {acl.name}: it depends on the server's answer")


def _url(acl: Acl, moment: Moment) -> Test:
    if acl.name == "manager":
        return NEVER  # nobody requires Squid's own pages
    del moment
    return Open(f"acl {acl.name}", f"acl {acl.name}: URLs")


TYPES: Final[Mapping[str, Callable[[Acl, Moment], Test]]] = {
    "src": _src, "dst": _dst, "localip": _localip,
    "dstdomain": _dstdomain, "dstdom_regex": _dstdom_regex,
    "ssl::server_name": _server_name, "ssl::server_name_regex": _server_name_regex,
    "port": _port, "localport": _localport, "myportname": _myportname, "method": _method, "proto": _proto,
    "at_step": _at_step, "proxy_auth": _proxy_auth, "has": _has, "transaction_initiator": _initiator,
    "annotate_transaction": _always, "annotate_client": _always,
    "snmp_community": _never, "urllogin": _never,
    "rep_mime_type": _of_reply, "rep_header": _of_reply, "http_status": _of_reply,
    "url_regex": _url, "urlpath_regex": _url,
}  # fmt: skip
OPEN: Final = {
    "arp": "the client's hardware address is not known",
    "time": "it depends on the time of day",
}
