"""Where a fact comes from, and what was not understood."""

from __future__ import annotations

from agent.model.record import record


@record
class Source:
    """The place an administrator would look at: an artifact and a line, or a rule by its handle."""

    artifact: str
    text: str
    """The statement as the administrator wrote it, or as its own tool prints it."""
    line: int | None = None
    table: str | None = None
    """Family and name, for example ``inet filter``."""
    chain: str | None = None
    handle: int | None = None

    @property
    def file(self) -> str:
        """The path of a file; of other artifacts their name."""
        return self.artifact.removeprefix("files") if self.artifact.startswith("files/") else self.artifact

    def __str__(self) -> str:
        """One phrase for a sentence: place, then text."""
        place = " ".join(part for part in (self.table, self.chain) if part) or self.file
        if self.handle is not None:
            place += f" handle {self.handle}"
        elif self.line is not None:
            place += f" line {self.line}"
        return f"{place}: {self.text}" if self.text else place


@record
class Gap:
    """Something that could not be read or understood; verdicts that depend on it become unknown."""

    subject: str
    """What is affected, for example ``nftables`` or ``inet filter forward``."""
    reason: str
    source: Source | None = None
    remedy: str = ""
    """The command or setting that would make it readable, where there is one."""

    def __str__(self) -> str:
        text = f"{self.subject}: {self.reason}"
        return f"{text} ({self.remedy})" if self.remedy else text
