"""What comes of one clause, whichever attempt it comes of: not nothing, and not without end."""

from __future__ import annotations

import attrs

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._status import broke_protocol

HELD_MS = 10_000
"""An answer that is further ahead of the callee is left in its socket."""
LONGEST_S = 180
"""No clause takes longer, however slowly it is spoken: it is speech without end."""


@attrs.define(eq=False)
class ClauseAudio:
    """The audio of one clause on its way into the inbox."""

    engine: str
    inbox: Inbox
    sample_rate: int
    _bytes: int = 0

    @property
    def begun(self) -> bool:
        """Whether audio came; what has been spoken once cannot be asked for again."""
        return self._bytes > 0

    @property
    def unwritten_s(self) -> float:
        """Seconds of audio, of earlier clauses too, that still wait for the callee."""
        return self.inbox.unwritten_bytes / (self.sample_rate * SAMPLE_BYTES)

    def take(self, pcm: bytes) -> None:
        """Take whole samples. EngineError when there is no end of them."""
        self._bytes += len(pcm)
        if self._bytes > LONGEST_S * self.sample_rate * SAMPLE_BYTES:
            raise broke_protocol(self.engine, f"more than {LONGEST_S} s of audio for one clause")
        self.inbox.put(pcm)

    def finish(self) -> None:
        """Note that all has come. EngineError when that was nothing: silence is no speech."""
        if not self.begun:
            raise EngineError(
                f"{self.engine} sent no audio for a clause",
                kind=EngineFault.EMPTY,
                retryable=True,
            )

    async def wait_room(self) -> None:
        """Wait until more of the answer may be taken out of its socket."""
        await self.inbox.wait_below(HELD_MS)
