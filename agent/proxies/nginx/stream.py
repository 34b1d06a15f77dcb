"""Servers of ``stream``: access, then the hello is read, then it is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import ALWAYS, DENIED, DROPPED, Act, Form, Open, ProxyRule, ProxyStage, Ruling
from agent.proxies.nginx.access import access, nearest
from agent.proxies.nginx.directives import DIRECTIVES
from agent.proxies.nginx.upstreams import Towards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.proxies.nginx.flow import Flow
    from agent.proxies.nginx.listening import Listen
    from agent.proxies.nginx.syntax import Directive


def stages(
    levels: tuple[Directive, ...], listen: Listen, flow: Flow, groups: Mapping[str, Directive]
) -> Iterator[ProxyStage]:
    """The stages of one form of request; raises Malformed."""
    if listen.wrapped:
        yield ProxyStage("listen", (), DROPPED, listen.source)  # clients send no PROXY header
        return
    limits = nearest(levels, "limit_conn")
    if limits:
        yield limited(limits)
    yield from access(levels, DROPPED)
    if listen.ssl:
        if flow.form is not Form.TLS or flow.inner:
            yield ProxyStage("listen ssl", (), DROPPED, listen.source)
            return
        flow.decrypted = True
        yield ProxyStage("listen ssl", (ProxyRule(ALWAYS, Ruling(Act.NEXT, decrypts=True), listen.source),))
    flow.preread = switched_on(levels, "ssl_preread")
    yield from doubts(levels)
    server = levels[-1]
    answer, passed = server.last("return"), server.last("proxy_pass")
    if answer is not None:
        yield ProxyStage("return", (), DENIED, answer.source)
    elif passed is None:
        yield ProxyStage("server", (), DROPPED, server.source)
    elif switched_on(levels, "proxy_ssl"):
        yield ProxyStage("proxy_ssl", (), Ruling(Act.OPEN, "TLS is put around what is passed on"), passed.source)
    else:
        resolver = bool(nearest(levels, "resolver"))
        towards = Towards(groups, DROPPED, resolver=resolver)
        rules = towards.rules(flow.text(passed[0]), ALWAYS, passed.source, fixed="$" not in passed[0])
        yield ProxyStage("proxy_pass", tuple(rules), DROPPED, passed.source)


def switched_on(levels: Sequence[Directive], name: str) -> bool:
    """Whether the innermost directive of a name says ``on``."""
    return any(one[0] == "on" for one in nearest(levels, name)[-1:])


def doubts(levels: Sequence[Directive]) -> Iterator[ProxyStage]:
    """Stages for what is not followed: whoever gets here does not know what becomes of him."""
    for level in levels:
        for one in level.block or ():
            because = DIRECTIVES.doubt(one.name)
            if because and not (one.name == "ssl_verify_client" and one[0] in ("off", "optional", "optional_no_ca")):
                yield ProxyStage(one.name, (), Ruling(Act.OPEN, because), one.source)


def limited(limits: tuple[Directive, ...]) -> ProxyStage:
    """The stage of limits: whether they are reached is not known."""
    rules = tuple(
        ProxyRule(Open(f"{one.source}", f"whether {one.name} is reached"), DENIED, one.source) for one in limits
    )
    return ProxyStage(limits[0].name, rules)
