"""A proxy filters by the name in CONNECT, and never looks at the name in the TLS hello.

Why it matters: a program may ask for a tunnel to an allowed name and then speak to another service inside it
(domain fronting); the list of names keeps honest clients out and lets the others pass.
Instead: have the proxy compare the server name of the TLS hello with the list as well: in Squid, peek at step 1 and
splice by `ssl::server_name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import Act, Form, Names, leaves
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule
from agent.practice.requests import ELSEWHERE, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Door, ProxyRule


def find(case: Case) -> Iterator[Hit]:
    """One hit for each proxy."""
    for proxy in case.gateway.proxies:
        sources = tuple(
            dict.fromkeys(
                one.source
                for door in proxy.doors
                if not door.hands_on or "" in door.sends_to(Form.CONNECT)
                for one in _by_name_alone(door)
            )
        )
        if sources:
            yield Hit(
                f"{proxy.kind} decides by the name in CONNECT and never sees the one in TLS: {sources[0]}",
                ("proxy", proxy.kind),
                sources[:20],
                "Have it compare the server name of the TLS hello as well."
                + (" Peek at step 1, and splice by an acl of type ssl::server_name." if proxy.kind == "squid" else ""),
                tool=proxy.kind,
                key=sources[0].text,
            )


def _by_name_alone(door: Door) -> Iterator[ProxyRule]:
    """The rules by which some tunnels are let through and others not, where none looks at the hello."""
    course = door.course(Form.CONNECT) or ()
    if any(way.ruling.act is Act.ALLOW for way in ways(door, Form.CONNECT, ELSEWHERE)):
        return  # it lets every name pass: nothing is filtered
    rules = [rule for stage in course for rule in stage.rules]
    tests = [test for rule in rules for test in leaves(rule.test) if isinstance(test, Names)]
    if not any(test.hello for test in tests):
        for rule in rules:
            if rule.ruling.act in (Act.ALLOW, Act.NEXT) and any(isinstance(one, Names) for one in leaves(rule.test)):
                yield rule


RULE = Rule("proxy-trusts-connect-host", "A proxy trusts the name in CONNECT", Severity.MEDIUM, find)
