"""Requests that rules make up to see what a proxy does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.course import BROWSERS, Ask, walk
from agent.model.proxy import Act, Form

if TYPE_CHECKING:
    from agent.model.course import Decision
    from agent.model.proxy import Door
    from agent.model.source import Source

ELSEWHERE: Final = "anything.gateproof.example"
"""A name that no list mentions."""
PORTS: Final = {Form.CONNECT: 443, Form.TLS: 443, Form.SOCKS: 443, Form.GET: 80, Form.HTTP: 80}


def ways(
    door: Door, form: Form, name: str, *, method: str = "GET", agents: tuple[str, ...] = BROWSERS
) -> tuple[Decision, ...]:
    """Every way that a request may go; none where the door serves no such requests."""
    course = door.course(form)
    return () if course is None else walk(course, Ask(form, name, PORTS[form], method, agents=agents))


def decrypted(door: Door, form: Form, name: str) -> Source | None:
    """What has TLS end at a proxy for a name that it lets pass, whichever way it goes."""
    found = [way for way in ways(door, form, name) if way.ruling.act is Act.ALLOW]
    if not found or any(way.decrypted_by is None for way in found):
        return None
    return found[0].decrypted_by
