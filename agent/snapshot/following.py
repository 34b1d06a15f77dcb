"""Files that name other files: what of them is there, what is still to be asked, what cannot be had."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from agent.model.source import Gap, Source
from agent.snapshot.snapshot import Files, Status, Want
from agent.snapshot.table import artifact_name

if TYPE_CHECKING:
    from agent.snapshot.programs import Program
    from agent.snapshot.snapshot import Artifact, Rows, Snapshot

FILES: Final = "files"
NOT_A_FILE: Final = "not a regular file"
"""What the host says of a folder."""


class Following:
    """One program's files. ``wants`` and ``gaps`` grow as they are asked for."""

    def __init__(self, snapshot: Snapshot, program: str, root: str = "") -> None:
        """``root`` is where a container's files are."""
        self.snapshot = snapshot
        """What is known of the host."""
        self._program = program
        self._root = root
        self._wants: dict[str, Want] = {}
        self._gaps: dict[str, Gap] = {}

    @classmethod
    def of(cls, snapshot: Snapshot, name: str, program: Program) -> Following:
        """Follow the files of a program, in its container if it runs in one; gaps then name that."""
        return cls(snapshot, f"{name} in {program.place}" if program.root else name, program.root)

    @property
    def wants(self) -> tuple[Want, ...]:
        """Files that were not asked for yet."""
        return tuple(self._wants.values())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Files that are needed and not there."""
        return tuple(self._gaps.values())

    def artifact(self, path: str) -> str:
        """The name that the answer about a file has."""
        return FILES + self._root + path

    def file(self, path: str, named_by: Source | None = None) -> Artifact | None:
        """Give one file; None, and a gap unless nothing names it, where it is not there."""
        whole = self._root + path
        return self._answer(FILES + whole, Files(whole), named_by, path, path)

    def rows(self, ask: Rows, named_by: Source | None = None) -> Artifact | None:
        """Give the rows of a table of a database; None, and a gap unless nothing names it, where there are none."""
        what = f"{ask.path}, table {ask.table}"
        ask = replace(ask, path=self._root + ask.path)
        return self._answer(artifact_name(ask.path, ask.table), ask, named_by, ask.path, what)

    def _answer(self, name: str, ask: Files | Rows, named_by: Source | None, path: str, what: str) -> Artifact | None:
        """Give what is there; of one path, one gap is enough."""
        artifact = self.snapshot.artifacts.get(name)
        if artifact is None:
            self._wants[name] = Want(FILES, ask, "run as root")
        elif artifact.status is Status.OK:
            return artifact
        elif artifact.status is Status.ABSENT and named_by is None:
            return None
        trouble = artifact.trouble if artifact else "not in this snapshot"
        remedy = artifact.remedy if artifact else "take the snapshot with gateproof collect"
        self._gaps[path] = Gap(self._program, f"{what}: {trouble}", named_by, remedy)
        return None

    def matching(self, pattern: str, named_by: Source | None = None) -> tuple[Artifact, ...]:
        """Give the readable files that match a pattern, by name; ``*`` does not match a slash."""
        pattern = self._root + pattern
        depth = pattern.count("/")
        found = [
            one
            for name, one in sorted(self.snapshot.artifacts.items())
            if name.count("/") == depth and name.startswith(FILES + "/") and fnmatchcase(name[len(FILES) :], pattern)
        ]
        if not found:
            self._wants[pattern] = Want(FILES, Files(pattern), "run as root")
            self._gaps[pattern] = Gap(self._program, f"{pattern}: not in this snapshot", named_by)
        for one in found:
            if one.status not in (Status.OK, Status.ABSENT):
                self._gaps[one.name] = Gap(self._program, f"{one.name}: {one.trouble}", named_by, one.remedy)
        return tuple(one for one in found if one.status is Status.OK)

    def file_or_folder(self, path: str, named_by: Source) -> tuple[Artifact, ...]:
        """Give a file, or the readable files of a folder."""
        known = self.snapshot.artifacts.get(FILES + self._root + path)
        folder = FILES + self._root + path.rstrip("/") + "/"
        if any(name.startswith(folder) for name in self.snapshot.artifacts) or (known and known.detail == NOT_A_FILE):
            return self.matching(f"{path.rstrip('/')}/*", named_by)
        found = self.file(path, named_by)
        return (found,) if found else ()
