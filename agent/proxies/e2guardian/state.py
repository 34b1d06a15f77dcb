"""What a storyboard has done to a request so far, and what can be asked about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.proxy import Form, Test
    from agent.model.source import Source


@record
class Request:
    """What kind of request it is."""

    form: Form
    connect: bool = False
    """A tunnel is asked for."""
    diverted_tls: bool = False
    """It came to the port for TLS connections."""
    may_decrypt: bool = False
    """The filter group and the port let TLS be decrypted."""
    knows_client: bool = True
    """The client's address is compared; before the hello of diverted TLS is looked at, it is not."""


@record
class Question:
    """Something that is not known while a storyboard is read."""

    key: str
    test: Test
    choices: tuple[tuple[Test, Source], ...] = ()
    """The lines of a list, each by itself."""


@record
class Flags:
    """The marks of a request (``NaughtyFilter``)."""

    exception: bool = False
    grey: bool = False
    block: bool = False
    done: bool = False
    returned: bool = False
    decrypt: bool = False
    redirect: bool = False
    direct: bool = False
    elsewhere: str = ""
    """Why the request becomes another one than the client sent."""
    source: Source | None = None
    """What marked it last."""
    decider: Question | None = None
    """The list that this came from."""


class Asked(Exception):  # noqa: N818 - a question, not an error
    """A storyboard depends on something that has not been decided on this way."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.key)
        self.question = question
