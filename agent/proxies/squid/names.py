"""Elements about the server's name: ``dstdomain``, ``ssl::server_name`` and their patterns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.names import normalise
from agent.model.proxy import ALWAYS, NEVER, Names, Open, Targets
from agent.model.resolver import NameSet, Scope
from agent.proxies.squid.logic import any_of
from agent.proxies.squid.moments import Phase
from agent.proxies.squid.patterns import of_address, of_names, of_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.model.proxy import Test
    from agent.proxies.squid.acls import Acl
    from agent.proxies.squid.moments import Moment

REVERSE: Final = "reverse name in"
"""Begins the keys of tests on names that addresses have."""
_NOT_NAMED: Final = re.compile(r"[*/: ]")
NOBODY: Final = "none"
"""What is compared where there is no name."""


def name_set(text: str) -> NameSet | None:
    """The names of one word (``matchDomainName``): a dot in front adds all below; None where no name is like it."""
    bare = text.lower().removeprefix(".")
    try:
        if bare != normalise(bare) or _NOT_NAMED.search(bare) or as_address(bare):
            return None
    except ValueError:
        return None
    return NameSet(Scope.SUBTREE if text.startswith(".") else Scope.EXACT, bare)


def _sets(acl: Acl, *, hello: bool) -> Test:
    found = tuple(one for value in acl.values if (one := name_set(value.text)))
    return Names(found, hello) if found else NEVER


def _dstdomain(acl: Acl, moment: Moment) -> Test:
    if moment.nameless:
        return any_of((_addresses(acl), _reverse(acl)))
    return _sets(acl, hello=moment.phase is Phase.NAMED and moment.diverted)


def _dstdom_regex(acl: Acl, moment: Moment) -> Test:
    if moment.nameless:
        because = f"acl {acl.name}: of a diverted connection the address alone is known"
        return any_of((of_address(acl.values, f"address in {acl.name}", because), _reverse(acl)))
    return of_names(acl.values, hello=moment.phase is Phase.NAMED and moment.diverted)


def _addresses(acl: Acl) -> Test:
    """The server's address stands among the names."""
    found = [one for value in acl.values if (one := as_address(value.text))]
    spans = {family: [(one, one) for kind, one in found if kind == family] for family in (4, 6)}
    return Targets(tuple((family, Intervals.of(some)) for family, some in spans.items())) if found else NEVER


def _reverse(acl: Acl) -> Test:
    """The server's address has a name that is listed."""
    if "-n" in acl.options:
        return NEVER
    because = f"acl {acl.name}: of a diverted connection the address alone is known, and its reverse name is not"
    return Open(f"{REVERSE} {acl.name}", because)


def _server_name(acl: Acl, moment: Moment) -> Test:
    if _is_nobody(acl, moment):
        return ALWAYS if any(value.text.lower() == NOBODY for value in acl.values) else NEVER
    if _is_certificate(acl, moment):
        return _certificate(acl)
    return _addresses(acl) if moment.nameless and not moment.hello else _sets(acl, hello=moment.hello)


def _server_name_regex(acl: Acl, moment: Moment) -> Test:
    if _is_nobody(acl, moment):
        return of_text(acl.values, NOBODY)
    if _is_certificate(acl, moment):
        return _certificate(acl)
    if moment.nameless and not moment.hello:
        because = f"acl {acl.name}: patterns are compared with the server's address"
        return of_address(acl.values, f"address in {acl.name}", because)
    return of_names(acl.values, hello=moment.hello)


def _is_nobody(acl: Acl, moment: Moment) -> bool:
    """Whether nothing is known that could be compared."""
    provided = "--server-provided" in acl.options and not moment.certificate
    return provided or (moment.phase is Phase.BARE and not moment.hello)


def _is_certificate(acl: Acl, moment: Moment) -> bool:
    """Whether the names in the server's certificate are compared."""
    return moment.certificate and not acl.options & {"--client-requested", "--consensus"}


def _certificate(acl: Acl) -> Test:
    return Open(f"certificate in {acl.name}", f"acl {acl.name}: the names in the server's certificate decide")


TYPES: Final[Mapping[str, Callable[[Acl, Moment], Test]]] = {
    "dstdomain": _dstdomain,
    "dstdom_regex": _dstdom_regex,
    "ssl::server_name": _server_name,
    "ssl::server_name_regex": _server_name_regex,
}
