"""A call's audio as it comes over a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import anyio

from trioaudio.client.arrivals import Arrivals
from trioaudio.client.errors import StreamCutError

AUDIO_AHEAD: Final = 167
"""Frames that may wait to be read: 10 s."""
LAST_S: Final = 0.2
"""How long frames are waited for when their call is over."""


class AudioFrames:
    """Iterates over frames of 60 ms: PCM16 LE mono at `sample_rate`.

    Ends with the call; StreamCutError when the stream ends before. A reader more than 10 s late
    misses the oldest frames: `lost` counts them. Leaving `async with`, or `aclose`, ends the
    listening.
    """

    def __init__(self, sample_rate: int, leave: Callable[[], Awaitable[None]]) -> None:
        self.sample_rate = sample_rate
        self._frames = Arrivals[bytes](AUDIO_AHEAD)
        self._leave = leave
        self._cut: StreamCutError | None = None
        self._call_over = False

    @property
    def lost(self) -> int:
        """Frames that came and were not read in time."""
        return self._frames.lost

    def put(self, pcm: bytes) -> None:
        """Take a frame from the stream."""
        self._frames.put(pcm)

    def end(self, cut: StreamCutError) -> None:
        """Let the reader end with the stream's error."""
        self._call_over = False
        self._cut = cut
        self._frames.end()

    def end_with_call(self) -> None:
        """Let the reader end when what is on its way has come."""
        self._call_over = True
        self._frames.end()

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next frame."""
        frame = await self._frames.take()
        if frame is None and self._call_over:
            # The call's end may be told before the last frames.
            self._call_over = False
            await anyio.sleep(LAST_S)
            frame = await self._frames.take()
        if frame is None:
            if self._cut is not None:
                raise StreamCutError(str(self._cut), self._cut.lost)
            raise StopAsyncIteration
        return frame

    async def aclose(self) -> None:
        """Have no more audio sent."""
        self._call_over = False
        self._frames.end()
        await self._leave()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the listening; on an error the stream's own end does that."""
        if exc is None:
            await self.aclose()
