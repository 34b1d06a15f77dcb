"""What is known of a request at one place of its course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import ALWAYS, Form
from agent.model.source import Gap
from agent.proxies.haproxy import NAME
from agent.proxies.haproxy.lists import Narrow, listed
from agent.proxies.haproxy.samples import host_of
from agent.proxies.variables.values import Agent, Cases, Found, Missing, Port, Target, Unknown, each, instead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agent.model.names import Interest
    from agent.model.proxy import Ruling, Test
    from agent.model.source import Source
    from agent.proxies.variables.values import Value
    from agent.snapshot.following import Following


class Lists:
    """Files of patterns, read once."""

    def __init__(self, following: Following, interest: Interest, base: str, changing: Iterable[str]) -> None:
        self._following = following
        self._narrow = Narrow(interest)
        self._base = base
        self._changing = changing
        self.gaps: dict[str, Gap] = {}
        self.chained = 0
        self.resolvers: dict[str, Sequence[str]] = {}
        """Sections that names are looked up with, and the family that is asked for."""
        self._known: dict[tuple[str, bool], list[tuple[int, str]] | None] = {}

    def get(self, path: str, named_by: Source | None, *, narrow: bool) -> list[tuple[int, str]] | None:
        """Give the entries of a file; None where it cannot be read, or holds too many."""
        whole = path if path.startswith("/") else f"{self._base.rstrip('/')}/{path}"
        if path in self._changing:
            return None
        if (whole, narrow) not in self._known:
            artifact = self._following.file(whole, named_by)
            self._known[whole, narrow] = listed(artifact, self._narrow if narrow else None) if artifact else None
        return self._known[whole, narrow]


class Flow:
    """One form of request on one door. It changes from rule to rule."""

    def __init__(self, form: Form, lists: Lists, environment: Mapping[str, str], looked_up: set[Form]) -> None:
        self.form = form
        self.environment = environment
        self.lists = lists
        self.looked_up = looked_up
        """Forms of which the server's name is looked up."""
        self.http = False
        """It is taken for HTTP."""
        self.decrypted: bool = False
        self.tproxy = False
        """The socket takes packets for any address, so that the server's is seen in IPv6 too."""
        self.inner = False
        """TLS ended before it came here."""
        self.late = ""
        """Why what the client sends may not be there yet."""
        self.waiting = False
        """Conditions that are read now wait for it."""
        self.variables: dict[str, Value] = {}
        self.host: Value = host_of(form)
        self.agent: Value = Agent()
        self.dst: Value = Target()
        self.dst_port: Value = Port()
        self.source: Source | None = None
        """The line that is read just now."""
        self.opaque: Ruling | None = None
        """What may set variables without our knowing."""
        self._changed: dict[str, str] = {}

    def copy(self) -> Flow:
        """Give another one that goes another way from here."""
        other = Flow(self.form, self.lists, self.environment, self.looked_up)
        other.__dict__.update(self.__dict__)
        other.variables = dict(self.variables)
        other._changed = dict(self._changed)
        return other

    @property
    def explicit(self) -> bool:
        """Whether the client speaks to the proxy as such."""
        return self.form in (Form.CONNECT, Form.GET, Form.SOCKS)

    @property
    def too_early(self) -> str:
        """Why what the client sends may not be seen here."""
        return "" if self.http or self.waiting else self.late

    @property
    def parsed(self) -> bool:
        """Whether there is an HTTP request to look at."""
        return (
            self.http
            or (self.form in (Form.HTTP, Form.GET, Form.CONNECT))
            or (self.form is Form.TLS and self.decrypted)
        )

    def gap(self, reason: str, source: Source) -> None:
        """Note what is not understood."""
        self.lists.gaps.setdefault(reason, Gap(NAME, reason, source))

    def set_variable(self, name: str, value: Value, when: Test) -> None:
        """Note what a rule puts into a variable."""
        old = self.variables.get(name, Missing())
        self.variables[name] = value if when == ALWAYS else Cases(((when, value),), old)

    def resolve(self, arguments: Sequence[str], value: Value, when: Test) -> None:
        """Note that a variable gets the address of a name, from the servers of a section ``resolvers``."""
        self.variables[arguments[0]] = instead(self.variables.get(arguments[0], Missing()), each(value, Found), when)
        self.lists.resolvers.setdefault(arguments[1] if len(arguments) > 1 else "", arguments[2:])

    def change(self, what: str, because: str) -> None:
        """Note that ``url``, ``method`` or ``src`` is no longer what the client sent."""
        self._changed[what] = because

    def changed(self, what: str) -> Value | None:
        """Give what is left of it, where it is not what the client sent."""
        because = self._changed.get(what)
        return Unknown(what, because) if because else None

    def listed(self, path: str, *, narrow: bool) -> list[tuple[int, str]] | None:
        """Give the entries of a file."""
        return self.lists.get(path, self.source, narrow=narrow)
