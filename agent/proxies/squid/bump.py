"""The steps of ``ssl_bump``: what becomes of TLS (``client_side.cc``, ``PeekingPeerConnector.cc``).

At step 1 Squid knows what the client told the proxy, at step 2 the name in the hello, at step 3 the server's
certificate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.proxy import ALLOWED, ALWAYS, DROPPED, PASS, Open
from agent.proxies.squid.access import decided, rules
from agent.proxies.squid.courses import Draft, Go, named
from agent.proxies.squid.logic import all_of, none_of
from agent.proxies.squid.moments import Moment, Phase
from agent.proxies.squid.stages import access, connected, forwarded, verified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.model.proxy import Ruling, Test
    from agent.model.source import Source
    from agent.proxies.squid.access import Rule
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.ports import Port

HIDDEN: Final = Open("TLS 1.3", "a server that speaks TLS 1.3 hides its certificate, and Squid then passes on")
ACTIONS: Final = (
    "splice", "bump", "peek", "stare", "terminate", "none", "client-first", "server-first", "allow", "deny",
)  # fmt: skip
DECRYPTING: Final = frozenset({"bump", "client-first", "server-first"})
OLD: Final = {"allow": "client-first", "deny": "none"}
"""The words of version 3.1."""


def bumped(config: Configuration, moment: Moment) -> Iterator[Draft]:
    """The stages of a CONNECT."""
    yield from access(config, moment)
    if moment.port.has("ssl-bump") and config.all("ssl_bump"):
        to = {
            **dict.fromkeys(("splice", "none"), "tunnel"),
            **dict.fromkeys(("bump", "client-first"), "plain"),
            "server-first": "first",
            **dict.fromkeys(("peek", "stare"), "step2"),
        }
        yield _step(config, moment, "step1", to, Go("tunnel"))
        yield from _later_steps(config, moment, "again")
        second = Moment(Phase.NAMED, moment.port, step=2, hello=True)  # what is spliced now is asked about anew
        yield from named("again", access(config, second, "again-"))
        yield from forwarded(config, second, "again-out")
    yield from forwarded(config, moment, "tunnel")
    yield from _insides(config, moment)


def diverted(config: Configuration, port: Port) -> Iterator[Draft]:
    """The stages of a TLS connection that was diverted here: the first step comes before any access list.

    From then on what was decided cannot change, while ``http_access`` is asked for a CONNECT to the server's address.
    """
    if not config.all("ssl_bump"):  # its own certificate for all, and no CONNECT
        yield Draft("static", "https_port", ((ALWAYS, Go("plain", decrypts=True), port.source),))
        yield from _insides(config, Moment(Phase.ADDRESSED, port))
        return
    bare, moment = Moment(Phase.BARE, port), Moment(Phase.ADDRESSED, port)
    to = {
        **dict.fromkeys(("splice", "none"), "blind"),
        **dict.fromkeys(("bump", "client-first"), "to-plain"),
        "server-first": "to-first",
        **dict.fromkeys(("peek", "stare"), "to-step2"),
    }
    yield _step(config, bare, "step1", to, Go("blind"))
    for name, target in (("blind", "tunnel"), ("to-plain", "plain"), ("to-first", "first"), ("to-step2", "step2")):
        *before, last = access(config, moment, f"{name}-")
        yield from named(name, (*before, _leading(last, target)))
    yield from _later_steps(config, moment, "named")
    second = Moment(Phase.NAMED, port, step=2, hello=True)
    yield from named("named", (*verified(config, second), *access(config, second, "named-")))
    yield from forwarded(config, second, "named-out")
    yield from forwarded(config, moment, "tunnel")
    yield from _insides(config, moment)


def _leading(draft: Draft, target: str) -> Draft:
    """A stage that leads elsewhere than to the next."""

    def lead(what: Ruling | Go) -> Ruling | Go:
        return Go(target) if what == PASS else what

    return replace(
        draft,
        rules=tuple((test, lead(what), source) for test, what, source in draft.rules),
        otherwise=lead(draft.otherwise),
    )


def _later_steps(config: Configuration, moment: Moment, spliced: str) -> Iterator[Draft]:
    """Steps 2 and 3; what was peeked at cannot be decrypted any more, what was stared at not be left alone."""
    second = moment.later(2)
    to = {"splice": spliced, "bump": "second", "peek": "peek", "stare": "stare"}
    yield _step(config, second, "step2", to, Go(spliced))
    yield from connected(config, second, "peek", "peeked")
    yield _peeked(_step(config, moment.later(3, certificate=True), "peeked", {"splice": ""}, ALLOWED))
    yield from connected(config, second, "stare", "stared")
    to = {"bump": "inner3"}
    yield _step(config, moment.later(3, certificate=True), "stared", to, Go("inner3", decrypts=True))
    yield from connected(config, moment, "first", "inner1")
    yield from connected(config, second, "second", "inner2")


def _peeked(draft: Draft) -> Draft:
    """The same stage where TLS 1.3 hides the certificate: then Squid asks nobody, and splices."""
    rules = draft.rules if any(what == DROPPED for _, what, _ in draft.rules) else ()
    return replace(draft, rules=tuple((all_of((none_of(HIDDEN), test)), what, source) for test, what, source in rules))


def _step(config: Configuration, moment: Moment, name: str, to: Mapping[str, str], otherwise: Ruling | Go) -> Draft:
    """One step; actions that it cannot take are passed over (``banAction``)."""
    found = rules(config.all("ssl_bump"), ACTIONS)
    kept: list[tuple[Test, Ruling | Go, Source]] = []
    able: Iterable[Rule] = (rule for rule in found if OLD.get(rule.action, rule.action) in (*to, "terminate"))
    if moment.phase is Phase.BARE:  # a login cannot be asked for: the list ends
        able = (config.elements.refused(rule, "none") for rule in able)
    for test, rule in decided(able, config.elements, moment):
        action = OLD.get(rule.action, rule.action)
        if action == "terminate":
            kept.append((test, DROPPED, rule.source))
        else:
            there = Go(to[action], decrypts=action in DECRYPTING) if to[action] else ALLOWED
            kept.append((test, there, rule.source))
    return Draft(name, f"ssl_bump step {moment.step}", tuple(kept), otherwise, found[-1].source if found else None)


def _insides(config: Configuration, moment: Moment) -> Iterator[Draft]:
    """What becomes of the requests inside, by the step at which that was decided."""
    for name, step, certificate in (("plain", 1, False), ("inner1", 1, True), ("inner2", 2, True), ("inner3", 3, True)):
        inside = Moment(Phase.INNER, moment.port, step, hello=True, certificate=certificate)
        same = verified(config, inside, f"{name}-") if moment.diverted else ()
        yield from named(name, (*same, *access(config, inside, f"{name}-")))
        yield from forwarded(config, inside, f"{name}-out")
