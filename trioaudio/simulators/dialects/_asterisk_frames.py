"""How Asterisk's WebSocket channel cuts binary messages into frames of 20 ms.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket. What is left over of a
message is dropped, unless the sender has asked for buffering; then it waits for the next one, and
at the end is made a whole frame with silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.encoding import MediaFormat
from trioaudio.simulators.dialect import Audio
from trioaudio.simulators.dialects._strict_reading import DeviationError, demand_samples

FRAME_MS = 20


@attrs.define(eq=False)
class Frames:
    """What became of the audio of one channel."""

    media: MediaFormat
    count: int = 0
    """Frames taken since the queue was known to be empty."""
    _left_over: bytes | None = None
    """While buffering: what is no whole frame yet."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.media.bytes_in(FRAME_MS)

    @property
    def is_buffering(self) -> bool:
        """Whether messages may be of any length."""
        return self._left_over is not None

    def take(self, data: bytes) -> Sequence[Audio]:
        """Return a message's whole frames; DeviationError if there is none and it is lost."""
        if self._left_over is not None:
            data = self._left_over + data
            whole = len(data) - len(data) % self.frame_bytes
            self._left_over = data[whole:]
            return self._frames(data[:whole])
        demand_samples(data, self.media.encoding)
        left_over = len(data) % self.frame_bytes
        if not left_over:
            return self._frames(data)
        problem = f"{len(data)} bytes of audio; must be frames of {self.frame_bytes}"
        if left_over == len(data):
            raise DeviationError(f"{problem}, so all is dropped")
        return self._frames(data[:-left_over], f"{problem}, so {left_over} are dropped")

    def start_buffering(self) -> None:
        """Take messages of any length from now on."""
        if self._left_over is not None:
            raise DeviationError("START_MEDIA_BUFFERING while buffering")
        self._left_over = b""

    def stop_buffering(self) -> Sequence[Audio]:
        """Return what is left, made a whole frame with silence."""
        if self._left_over is None:
            raise DeviationError("STOP_MEDIA_BUFFERING without START_MEDIA_BUFFERING")
        rest, self._left_over = self._left_over, None
        if not rest:
            return []
        demand_samples(rest, self.media.encoding)
        encoding = self.media.encoding
        missing = (self.frame_bytes - len(rest)) // encoding.sample_bytes
        return self._frames(rest + encoding.silence * missing)

    def flush(self) -> None:
        """Forget everything; buffering is over."""
        self._left_over = None
        self.forget()

    def forget(self) -> None:
        """Count from here: the queue is empty."""
        self.count = 0

    def _frames(self, data: bytes, problem: str | None = None) -> Sequence[Audio]:
        self.count += len(data) // self.frame_bytes
        return [Audio(data, problem)] if data else []
