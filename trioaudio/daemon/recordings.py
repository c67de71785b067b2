"""Where recordings of calls go, and what they are called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import trio

from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.shared import Recording
from trioaudio.core.errors import OutputError
from trioaudio.observe.call_recording import open_call_recording

THREADS = 4
"""Of all recordings together: a disk that hangs leaves the others to those who need them."""


class Recorder:
    """Opens recordings in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._limiter = trio.CapacityLimiter(THREADS)

    @asynccontextmanager
    async def open(self, live: LiveCall) -> AsyncIterator[Recording]:
        """Record a call; OutputError when that cannot be written."""
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        folder = self._folder / day
        try:
            await trio.to_thread.run_sync(_make, folder, limiter=self._limiter)
        except OSError as exc:
            raise OutputError(f"cannot record into {folder}: {exc.strerror or exc}") from exc
        number = live.audio.recordings
        name = f"{live.id}.wav" if number == 1 else f"{live.id}-{number}.wav"
        shape = live.line.shape
        async with open_call_recording(
            folder / name,
            pcm=shape.pcm,
            encoding=shape.media.encoding,
            form=live.line.carrier.form,
            began_at=trio.current_time(),
            facts={
                "call": live.id,
                "carrier": live.carrier,
                "carrier_call_id": live.call.call_id,
                "to": live.wanted.to or live.called,
                "caller_id": live.wanted.caller_id or live.caller,
            },
            wall_clock=live.shared.clock.now,
            limiter=self._limiter,
        ) as recording:
            yield recording


def _make(folder: Path) -> None:
    # The mode holds for the last folder only.
    folder.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    folder.mkdir(mode=0o750, exist_ok=True)
