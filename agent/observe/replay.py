"""A capture, read from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.observe.filters import expression
from agent.observe.pcap import Filter, Offline, PcapError
from agent.wire.capture import Capture
from agent.wire.dissect import Dissector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from agent.model.observation import Observation
    from agent.model.outcome import Outcome
    from agent.observe.inference import Inference

Frame = tuple[float, int, bytes, int, str | None]


class Replay:
    """The observations of a capture, to be iterated once; raises Malformed where the file is none.

    ``path`` is that of a regular file, None of a stream. ``live`` leaves out what the kernel would not give to the tap.
    ``inference`` is told of all, and its outcomes are among ``everything``.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int | None = None,
        path: str | None = None,
        *,
        live: bool = False,
        inference: Inference | None = None,
    ) -> None:
        self.capture = Capture(file.read1 if path is None and hasattr(file, "read1") else file.read, size)
        self.dissector = Dissector(live=live, watch=inference)
        self._inference = inference
        self._path = path
        self._live = live
        self._offline: Offline | None = None

    @property
    def truncated(self) -> bool:
        """Whether the capture ended within a frame."""
        return self.capture.truncated or (self._offline is not None and self._offline.truncated)

    def __iter__(self) -> Iterator[Observation]:
        take = self.dissector.take
        timestamp = 0.0
        for timestamp, link_type, frame, _, iface in self._frames():
            found = take(timestamp, link_type, frame, iface)
            if found:
                yield from found
        yield from self.dissector.finish(timestamp)

    def everything(self) -> Iterator[Observation | Outcome]:
        """Observations as they come, and outcomes as they are decided."""
        inference, take = self._inference, self.dissector.take
        timestamp = 0.0
        for timestamp, link_type, frame, _, iface in self._frames():
            yield from take(timestamp, link_type, frame, iface)
            if inference is not None:
                yield from inference.tick(timestamp)
        yield from self.dissector.finish(timestamp)
        if inference is not None:
            yield from inference.finish(timestamp)

    def _frames(self) -> Iterable[Frame]:
        if not self._live:
            return self.capture
        if self._path is not None:
            try:
                offline = Offline(self._path)
            except PcapError:  # compressed, or with several link types
                return self._filtered()
            self._offline = offline
            return offline.frames(expression(offline.link_type))
        return self._filtered()

    def _filtered(self) -> Iterator[Frame]:
        """The same one by one, for what libpcap cannot read itself."""
        filters: dict[int, Filter] = {}
        for frame in self.capture:
            found = filters.get(frame[1])
            if found is None:
                found = filters[frame[1]] = Filter(expression(frame[1]), frame[1])
            if found.passes(frame[2], frame[3]):
                yield frame
