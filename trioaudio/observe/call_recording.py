"""Both sides of a call as a stereo WAV file with a JSON index, written as the call goes on.

Left is what we put on the wire, at the time the callee was to hear it; right is the caller. Nothing
here waits: what happens is put in a list, and a thread writes twice a second what is older than
`HORIZON_S`. A disk that is full or slow costs the recording, never the call; the index says what it
lacks. docs/recording.md describes both files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.errors import OutputError
from trioaudio.core.payload import payload_pcm
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio
from trioaudio.lone_error import lone_error
from trioaudio.observe.call_tape import Arrival, CallTape, arrival
from trioaudio.observe.recording_index import IndexFacts, Note, Plain, recording_index
from trioaudio.pending_file import PendingFile
from trioaudio.wav_file import WavFile

HORIZON_S = 2.0
"""What is older is written. It is more than any carrier is sent ahead, so a clear finds all of what
it takes back still in memory."""

BATCH_S = 0.5

LOOK_AHEAD_S = 0.25
"""How long the caller's audio waits to see whether a stall is being caught up. Stalls of up to
`HORIZON_S` less this and `BATCH_S` are told from gaps."""

ENTRIES_AHEAD = 2000
"""Messages of both sides that may wait for the disk: half a minute, about a megabyte."""

NOTES_MOST = 10_000

INDEX_ROOM = 64 << 10
"""Bytes of audio given up on a full disk, so that the index which tells of it finds room."""

_Entry: TypeAlias = tuple[float, Audio | bytes | None]


@attrs.frozen
class Recorded:
    """A recording that is complete, or as complete as it could be."""

    wav: Path
    index: Path
    duration_ms: float
    lost_messages: int
    error: str | None


@attrs.frozen
class RecordingFiles:
    """Both files under construction, and their names when they are complete."""

    wav: WavFile
    index: PendingFile
    wav_path: Path
    index_path: Path


@attrs.frozen
class RecordingFormat:
    """What is recorded: the call's PCM, and how our messages are encoded."""

    pcm: PcmFormat
    encoding: Encoding
    form: PayloadForm


class CallRecording:
    """Takes what is heard on a call; `ours` is a `leg.SentHook`. Times are on Trio's clock."""

    def __init__(
        self,
        files: RecordingFiles,
        form: RecordingFormat,
        began_at: float,
        facts: IndexFacts,
        limiter: trio.CapacityLimiter | None = None,
    ) -> None:
        self._files = files
        self._form = form
        self._began_at = began_at
        self._facts = facts
        self._limiter = limiter
        self._tape = CallTape(form.pcm.sample_rate, files.wav)
        # In order: a time, and our audio, the caller's, or None for a clear.
        self._entries: list[_Entry] = []
        self._unlaid: list[Arrival] = []
        self._notes: list[Note] = []
        self._notes_lost = 0
        self._lost = 0
        self._failure: OutputError | None = None
        self._ending = trio.Event()
        self._done = trio.Event()

    # --- What happens; nothing here waits --------------------------------------------

    def ours(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        """Note a message of ours, heard from `due` on."""
        del sent_at, lateness
        if len(self._entries) < ENTRIES_AHEAD:
            self._entries.append((due, item))
        else:
            self._lost += 1

    def theirs(self, pcm: bytes, arrived_at: float) -> None:
        """Note a message of the caller's: PCM16 LE at the call's rate."""
        if len(self._entries) < ENTRIES_AHEAD:
            self._entries.append((arrived_at, pcm))
        else:
            self._lost += 1

    def cleared(self, at: float) -> None:
        """Note that the carrier was told to forget what is due after `at`: it was not heard."""
        # Beyond the bound: without it the recording would have sound nobody heard. Two in a row
        # say what the first says.
        if not self._entries or self._entries[-1][1] is not None or self._entries[-1][0] > at:
            self._entries.append((at, None))

    def note(self, name: str, at: float, **facts: Plain) -> None:
        """Note for the index what happened at a time."""
        if len(self._notes) < NOTES_MOST:
            self._notes.append(Note(name, at - self._began_at, facts))
        else:
            self._notes_lost += 1

    # --- Writing ---------------------------------------------------------------------

    async def write(self) -> None:
        """Write until `finish`. The call outlives a full disk; the index will tell."""
        try:
            while not self._ending.is_set():
                await self._write_until(trio.current_time() - HORIZON_S - self._began_at)
                with trio.move_on_after(BATCH_S):
                    await self._ending.wait()
        finally:
            self._done.set()

    async def finish(self) -> Recorded:
        """Write what is left and give both files their names, however much the disk took.

        OutputError when one of them cannot be had at all; it is not left behind half-written.
        """
        self._ending.set()
        await self._done.wait()
        ended_s = trio.current_time() - self._began_at
        await self._write_until(ended_s, last=True)
        return await trio.to_thread.run_sync(self._complete, limiter=self._limiter)

    async def _write_until(self, until_s: float, *, last: bool = False) -> None:
        batch, self._entries = self._entries, []
        if self._failure is not None:
            self._lost += _messages(batch)
            return
        try:
            await trio.to_thread.run_sync(self._lay, batch, until_s, last, limiter=self._limiter)
        except OutputError as exc:
            self._failure = exc
            self._lost += _messages(batch)

    # In the thread; one call at a time, so nothing here is shared while it runs.
    def _lay(self, batch: list[_Entry], until_s: float, last: bool) -> None:  # noqa: FBT001
        tape, form, began_at = self._tape, self._form, self._began_at
        if batch:
            # After a long silence, or when the beginning is long ago, nothing is held in memory
            # that is over: no message belongs further back than the horizon.
            first_s = min(at for at, _ in batch) - began_at
            tape.write(min(until_s, first_s - HORIZON_S))
        for at, what in batch:
            if what is None:
                tape.clear(at - began_at)
            elif isinstance(what, bytes):
                self._unlaid.append(arrival(at - began_at, what))
            else:
                pcm = payload_pcm(what.payload, form.encoding, form.form)
                tape.lay_ours(at - began_at, pcm, what.utterance)
        known = until_s + HORIZON_S - LOOK_AHEAD_S
        final = sum(each.at_s <= known for each in self._unlaid) if not last else len(self._unlaid)
        tape.lay_theirs(self._unlaid, final)
        del self._unlaid[:final]
        tape.write(max(until_s, tape.end_s) if last else until_s)

    def _complete(self) -> Recorded:
        files, tape, rate = self._files, self._tape, self._form.pcm.sample_rate
        duration_s = tape.written / rate
        if self._failure is None:
            try:
                files.wav.finish()
            except OutputError as exc:
                self._failure = exc
        if self._failure is not None:
            duration_s = files.wav.salvage(spare_bytes=INDEX_ROOM)
            tape.spans.cut(round(duration_s * rate))
        lost = self._lost + tape.misplaced
        error = None if self._failure is None else str(self._failure)
        files.index.write(
            recording_index(
                self._facts,
                tape,
                self._notes,
                duration_s=duration_s,
                lost_messages=lost,
                lost_notes=self._notes_lost,
                error=error,
            )
        )
        return Recorded(files.wav_path, files.index_path, round(duration_s * 1000, 3), lost, error)


def _messages(batch: list[_Entry]) -> int:
    return sum(what is not None for _, what in batch)


def _seconds_since_1970() -> float:
    return datetime.now(UTC).timestamp()


@asynccontextmanager
async def open_call_recording(  # noqa: PLR0913  each by name, most with one sensible value
    path: Path,
    *,
    pcm: PcmFormat,
    encoding: Encoding,
    form: PayloadForm,
    began_at: float,
    facts: Mapping[str, Plain] | None = None,
    wall_clock: Callable[[], float] = _seconds_since_1970,
    limiter: trio.CapacityLimiter | None = None,
) -> AsyncIterator[CallRecording]:
    """Record a call into `path` and an index beside it, until the block is left.

    `began_at` on Trio's clock is the first sample's time; `facts`, such as the call's id, go into
    the index. Without `finish` nothing is left behind. `limiter` bounds the threads of all
    recordings, so that a disk that hangs leaves others to those who need them. OutputError.
    """
    index_path = path.with_suffix(".json")
    if index_path == path:
        raise OutputError(f"cannot record into {path}: its index needs that name; end it with .wav")
    began_wall = wall_clock() - (trio.current_time() - began_at)
    index_facts = IndexFacts(path.name, began_wall, pcm, encoding, dict(facts or {}))
    run = partial(trio.to_thread.run_sync, limiter=limiter)
    with await run(_open, path, pcm) as wav, await run(PendingFile, index_path) as index:
        files = RecordingFiles(wav, index, path, index_path)
        what = RecordingFormat(pcm, encoding, form)
        recording = CallRecording(files, what, began_at, index_facts, limiter)
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(recording.write)
                yield recording
                nursery.cancel_scope.cancel()


def _open(path: Path, pcm: PcmFormat) -> WavFile:
    return WavFile(path, pcm.sample_rate, channels=2)
