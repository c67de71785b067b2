"""An utterance whose clauses are asked for one by one, each on a connection of its own choice.

The next clause is asked for while the end of the last one is still being heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable

import attrs
import trio

from trioaudio.core.engine import PcmSink
from trioaudio.core.errors import EngineError
from trioaudio.engines._clause_audio import ClauseAudio
from trioaudio.engines._inbox import Inbox, Spoken
from trioaudio.lone_error import lone_error


@attrs.frozen
class ClauseByClause:
    """How an engine speaks its clauses."""

    engine: str
    sample_rate: int
    ahead_ms: float
    """Audio still unwritten when the next clause is asked for."""
    speak: Callable[[str, ClauseAudio], Awaitable[None]]
    """Speaks a clause; returns when all of it has come. EngineError."""

    async def deliver(self, clauses: AsyncIterable[str], sink: PcmSink) -> None:
        """Speak an utterance; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it leaves at once.
        """
        inbox = Inbox(self.sample_rate)
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._ask, clauses, inbox)
                await inbox.deliver(sink)

    async def _ask(self, clauses: AsyncIterable[str], inbox: Inbox) -> None:
        number = 0
        async for clause in clauses:
            audio = ClauseAudio(self.engine, inbox, self.sample_rate)
            try:
                await self.speak(clause, audio)
                audio.finish()
            except EngineError as exc:
                inbox.fail(exc)
                return
            number += 1
            inbox.put(Spoken(number))
            await inbox.wait_below(self.ahead_ms)
        inbox.end()
