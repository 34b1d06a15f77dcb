"""Runs the functions of a storyboard on a request of which some things are known (``StoryBoard::runFunct``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.proxies.e2guardian.state import Asked, Flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.proxies.e2guardian.conditions import Conditions
    from agent.proxies.e2guardian.state import Question, Request
    from agent.proxies.e2guardian.story import Line, Story

MAX_CALLS: Final = 500
MAX_DEPTH: Final = 50
"""Calls of functions for one request, and within each other: a storyboard that calls itself never ends."""
HARMLESS: Final = frozenset({
    "setaddheader", "setlogcategory", "setmodheader", "setnocheckcert", "setnolog", "true", "unsetviruscheck",
})  # fmt: skip
"""Actions after which a request goes the way that it would have gone, and that are true."""
NEVER_TRUE: Final = frozenset({"false", "unsetbypassallow", "unsetinfectionbypassallow"})
"""Actions that are not true for a request without a bypass."""


class Run:
    """One request on one way: ``known`` says how questions turn out."""

    def __init__(self, request: Request, conditions: Conditions, known: Mapping[str, bool]) -> None:
        self._request = request
        self._conditions = conditions
        self._known = known
        self._calls = 0
        self._depth = 0
        self.flags = Flags()

    def call(self, story: Story, name: str) -> bool:
        """Run a function and say what it returns; raises Asked, or Malformed where it does not end."""
        self._calls += 1
        if self._calls > MAX_CALLS or self._depth > MAX_DEPTH:
            raise Malformed(f"storyboard: {name} does not end")
        self._depth += 1
        result = False
        matched: Question | None = None
        for line in story.functions.get(name, ()):
            fits, question = self._fits(line)
            matched = question if fits and question else matched
            if fits is not line.holds:
                result = False
                self.flags = replace(self.flags, returned=False)
                continue
            result = self._act(story, line, matched if line.state in ("true", "returnset") else question)
            self.flags = replace(self.flags, returned=result)
            if line.ends == "return" or (line.ends == "returnif" and result):
                break
        self._depth -= 1
        return result

    def _fits(self, line: Line) -> tuple[bool, Question | None]:
        flags = self.flags
        own = {
            "exceptionset": flags.exception, "greyset": flags.grey, "blockset": flags.block, "doneset": flags.done,
            "returnset": flags.returned, "redirectset": flags.redirect, "connect": self._request.connect,
        }  # fmt: skip
        if line.state in own:
            return own[line.state], None
        found = self._conditions.condition(line, self._request)
        if isinstance(found, bool):
            return found, None
        if found.key not in self._known:
            raise Asked(found)
        return self._known[found.key], found

    def _act(self, story: Story, line: Line, decider: Question | None) -> bool:
        action = line.action
        flags = replace(self.flags, source=line.source, decider=decider if line.holds else None)
        match action:
            case "setexception":
                self.flags = replace(flags, exception=True, grey=False, block=False)
            case "setgrey":
                self.flags = replace(self.flags, exception=False, grey=True, block=False)
            case "setblock":
                self.flags = replace(flags, exception=False, grey=False, block=True)
            case "setgomitm":
                self.flags = replace(flags, decrypt=True) if self._request.may_decrypt else self.flags
                return self._request.may_decrypt
            case "setredirect":
                self.flags = replace(flags, redirect=True)
            case "setmodurl" | "setconnectsite":
                self.flags = replace(flags, elsewhere=f"the request becomes one for another place ({action})")
            case "unsetbypass":
                self.flags = replace(self.flags, exception=False)
            case "setdone":
                self.flags = replace(self.flags, done=True)
            case "setgodirect":
                self.flags = replace(self.flags, direct=True)
            case _ if action in NEVER_TRUE:
                return False
            case _ if action in story.functions:
                return self.call(story, action)
        return True
