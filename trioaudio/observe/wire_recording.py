"""What we put on the wire, as a WAV file: for calls whose far end records nothing for us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from trioaudio.core.encoding import Encoding, Payload, PayloadForm
from trioaudio.core.errors import OutputError
from trioaudio.core.payload import payload_pcm
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.core.playout_item import Audio
from trioaudio.wav_file import WavFile

SENT_AHEAD = 2000
"""Messages waiting to be written: two minutes. A disk slower than that loses the recording."""

BATCH_S = 0.5


class WireRecording:
    """A `leg.SentHook` that never waits; a thread writes what it collects twice a second.

    Audio stands where the callee was to hear it: gaps between talkspurts become silence, and how
    late a frame was sent changes nothing. What a clear made the carrier forget stays in.
    """

    def __init__(self, wav: WavFile, pcm: PcmFormat, encoding: Encoding, form: PayloadForm) -> None:
        self._wav = wav
        self._pcm = pcm
        self._encoding = encoding
        self._form = form
        self._sent_in, self._sent_out = trio.open_memory_channel[tuple[float, Payload]](SENT_AHEAD)
        self._began_at: float | None = None
        self._samples = 0
        self._lost = 0
        self._failure: OutputError | None = None
        self._ending = trio.Event()
        self._done = trio.Event()

    def __call__(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        """Note one message."""
        del sent_at, lateness
        try:
            self._sent_in.send_nowait((due, item.payload))
        except trio.WouldBlock:
            self._lost += 1

    async def write(self) -> None:
        """Write until `finish`, which raises what went wrong: a call outlives a full disk."""
        async for first in self._sent_out:
            batch = [first]
            while len(batch) < SENT_AHEAD:
                try:
                    batch.append(self._sent_out.receive_nowait())
                except (trio.WouldBlock, trio.EndOfChannel):
                    break
            if self._failure is None:
                try:
                    await trio.to_thread.run_sync(self._write, batch)
                except OutputError as exc:
                    self._failure = exc
            with trio.move_on_after(BATCH_S):
                await self._ending.wait()
        self._done.set()

    async def finish(self) -> None:
        """Write what is left and give the file its name. OutputError when it is not complete."""
        self._sent_in.close()
        self._ending.set()
        await self._done.wait()
        if self._failure is not None:
            raise self._failure
        if self._lost:
            raise OutputError(f"the recording lacks {self._lost} messages: the disk is too slow")
        await trio.to_thread.run_sync(self._wav.finish)

    def _write(self, batch: list[tuple[float, Payload]]) -> None:
        for due, payload in batch:
            audio = payload_pcm(payload, self._encoding, self._form)
            if self._began_at is None:
                self._began_at = due
            gap = round((due - self._began_at) * self._pcm.sample_rate) - self._samples
            if gap > 1:  # one sample is a rounding of the same instant
                self._wav.write_silence(gap)
                self._samples += gap
            self._wav.write(audio)
            self._samples += len(audio) // SAMPLE_BYTES


@asynccontextmanager
async def open_recording(
    path: Path, pcm: PcmFormat, encoding: Encoding, form: PayloadForm
) -> AsyncIterator[WireRecording]:
    """Record into a WAV file; without `finish` nothing is left behind. OutputError."""
    with WavFile(path, pcm.sample_rate) as wav:
        recording = WireRecording(wav, pcm, encoding, form)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recording.write)
            yield recording
            nursery.cancel_scope.cancel()
