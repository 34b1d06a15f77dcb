"""The elements of access lists by name, and what each tests at a moment."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from agent.model.proxy import NEVER, Open
from agent.proxies.squid import names, requests
from agent.proxies.squid.addresses import Addresses, addresses
from agent.proxies.squid.logic import all_of, any_of, none_of
from agent.proxies.squid.moments import Moment, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.proxy import Test
    from agent.proxies.squid.access import Rule
    from agent.proxies.squid.acls import Acl

MAX_DEPTH: Final = 32
"""Groups within groups."""
MAX_SIZE: Final = 10_000
"""Elements of a group, and of the groups in it."""
LOGINS: Final = frozenset({"proxy_auth", "proxy_auth_regex"})
GROUPS: Final = frozenset({"any-of", "all-of"})
TYPES: Final = {**names.TYPES, **requests.TYPES}
OPEN: Final = {
    "adaptation_service": "it depends on what adaptation services did",
    "arp": "the client's hardware address is not known",
    "ca_cert": "it depends on the client's certificate",
    "client_connection_mark": "it depends on the mark of the connection",
    "clientside_mark": "it depends on the mark of the connection",
    "dst_as": "autonomous systems are not followed",
    "eui64": "the client's hardware address is not known",
    "ext_user": "a helper program decides",
    "ext_user_regex": "a helper program decides",
    "external": "a helper program decides",
    "hier_code": "it depends on where the request was sent",
    "ident": "the client's user is not known",
    "ident_regex": "the client's user is not known",
    "max_user_ip": "it depends on the other addresses of the user",
    "maxconn": "it depends on the number of the client's connections",
    "note": "it depends on notes that are made on the way",
    "proxy_auth_regex": "it depends on the user",
    "random": "it is left to chance",
    "server_cert_fingerprint": "it depends on the server's certificate",
    "src_as": "autonomous systems are not followed",
    "srcdom_regex": "it depends on the client's reverse name",
    "srcdomain": "it depends on the client's reverse name",
    "ssl_error": "it depends on the server's certificate",
    "squid_error": "it depends on what went wrong",
    "tag": "a helper program decides",
    "time": "it depends on the time of day",
    "user_cert": "it depends on the client's certificate",
}
"""Types that configuration does not decide."""
HELPED: Final = LOGINS | {"external", "ext_user", "ext_user_regex", "ident", "ident_regex"}
"""Types of which a helper may note things."""
ANNOTATING: Final = frozenset({"annotate_transaction", "annotate_client"})
KNOWN_TYPES: Final = TYPES.keys() | requests.ADDRESSES.keys() | GROUPS | OPEN.keys()


class Elements:
    """All elements, by their names in lower case; gives the test of each at a moment."""

    def __init__(
        self,
        acls: Mapping[str, Acl],
        http_access: tuple[Rule, ...] = (),
        later: tuple[Rule, ...] = (),
        *,
        helped: bool = False,
    ) -> None:
        self.acls = acls
        self._later = later
        """The rules of lists that are asked after ``http_access``."""
        self._helped = helped
        """Whether helpers of directives may note things about requests."""
        self._http_access = http_access
        self._addresses: dict[str, Addresses] = {}
        self._made: dict[tuple[str, Moment], Test | None] = {}
        self._sizes: dict[str, int] = {}

    def test(self, name: str, moment: Moment, depth: int = 0) -> Test:
        """Give what ``name`` or ``!name`` tests."""
        plain = name.removeprefix("!")
        acl = self.acls.get(plain.lower())
        if acl is None:
            return Open(f"acl {plain}", f"acl {plain} is not defined")
        key = (acl.name, moment)
        made: Test | None = None
        if self._size(acl, depth) <= MAX_SIZE:
            if key not in self._made:
                self._made[key] = None  # until it is known
                found = self._test(acl, moment, depth)
                self._made[key] = any_of((found, Open(f"acl {acl.name}", acl.trouble))) if acl.trouble else found
            made = self._made[key]
        if made is None:
            made = Open(f"acl {acl.name}", f"acl {acl.name} is part of itself, or made of too many others")
        return none_of(made) if plain != name else made

    def _size(self, acl: Acl, depth: int) -> int:
        """How many elements it is made of; more than ``MAX_SIZE`` where groups are too deep."""
        if acl.type not in GROUPS:
            return 1
        if depth > MAX_DEPTH:
            return MAX_SIZE + 1
        if acl.name not in self._sizes:
            self._sizes[acl.name] = MAX_SIZE + 1  # until it is known
            members = (self.acls.get(value.text.removeprefix("!").lower()) for value in acl.values)
            self._sizes[acl.name] = sum(self._size(one, depth + 1) for one in members if one is not None)
        return self._sizes[acl.name]

    def _logged_in(self, moment: Moment) -> Test:
        """Whether the client was asked to log in by a CONNECT: later requests of it are not."""
        found: Test = NEVER
        for rule in reversed(self._http_access):
            before = self._before_login(rule)
            passed = all_of(self.test(name, moment) for name in before)
            found = all_of((none_of(passed), found)) if before == rule.elements else any_of((passed, found))
        return found

    def refused(self, rule: Rule, action: str) -> Rule:
        """What becomes of a rule where nobody logs in: another action as soon as that is asked for."""
        before = self._before_login(rule)
        return rule if before == rule.elements else replace(rule, action=action, elements=before)

    def ended(self, rule: Rule, moment: Moment) -> Test:
        """When a list that cannot wait ends at a rule, undecided: it needs a login for which nobody has asked yet."""
        before = self._before_login(rule)
        if not moment.fast or moment.diverted or before == rule.elements:
            return NEVER
        return all_of((none_of(self._known(moment)), *(self.test(name, moment) for name in before)))

    def _known(self, moment: Moment) -> Test:
        """Whether Squid knows the user: it asked now, or where it asks others, it may have before."""
        asked = self._logged_in(self._asking(moment))
        if not moment.fast:
            return asked
        ever = asked != NEVER or any(self._is_login(name) for rule in self._later for name in rule.elements)
        seen = Open(f"login before {moment.phase}", "whether the user has logged in before")
        return any_of((asked, seen)) if ever else NEVER

    @staticmethod
    def _asking(moment: Moment) -> Moment:
        """The moment at which clients are asked to log in: inside of a tunnel they are not any more."""
        within = moment.phase in (Phase.NAMED, Phase.INNER) and not moment.port.accelerated
        return Moment(Phase.CONNECT, moment.port) if within else replace(moment, fast=False)

    def _before_login(self, rule: Rule) -> tuple[str, ...]:
        return tuple(takewhile(lambda name: not self._is_login(name), rule.elements))

    def _is_login(self, name: str) -> bool:
        acl = self.acls.get(name.removeprefix("!").lower())
        return acl is not None and acl.type in LOGINS

    def _is_noted(self, acl: Acl) -> bool:
        """Whether anything may note what an element looks for: helpers, or elements that do."""
        keys = {key for entry in acl.entries for key in entry.first}
        return self._helped or any(
            one.type in HELPED or (one.type in ANNOTATING and any(_key(value.text) in keys for value in one.values))
            for one in self.acls.values()
        )

    def addresses(self, acl: Acl) -> Addresses:
        """Give the addresses that an element lists."""
        if acl.name not in self._addresses:
            self._addresses[acl.name] = addresses(acl)
        return self._addresses[acl.name]

    def _test(self, acl: Acl, moment: Moment, depth: int) -> Test:
        if acl.type == "any-of":
            return any_of(self.test(value.text, moment, depth + 1) for value in acl.values)
        if acl.type == "all-of":
            return any_of(
                all_of(self.test(value.text, moment, depth + 1) for value in entry.values) for entry in acl.entries
            )
        if acl.type in requests.ADDRESSES:
            return requests.ADDRESSES[acl.type](acl, self.addresses(acl), moment)
        if acl.type == "note" and not self._is_noted(acl):
            return NEVER
        known = TYPES.get(acl.type)
        if acl.type in LOGINS and not moment.diverted and (asking := self._asking(moment)) != moment:
            return all_of((self._known(moment), self.test(acl.name, asking)))
        if known is not None:
            return known(acl, moment)
        because = OPEN.get(acl.type, f"the type {acl.type} is not known")
        return Open(f"acl {acl.name}", f"acl {acl.name}: {because}")


def _key(text: str) -> str:
    """The key of ``key=value`` or ``key+=value``."""
    return text.partition("=")[0].removesuffix("+")
