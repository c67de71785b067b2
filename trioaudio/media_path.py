"""From text to playout items: ingest and framing, two tasks linked by a bounded channel.

    pieces of text → speaker → chunks of PCM at the carrier's rate → frames
    → the carrier's encoding, one message's worth at a time → the call's playout queue

Everything waits for the stage after it: the queue is full, so framing waits, so the speaker's
write waits, so no engine is asked for more, and audio nobody will hear is not made.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Any

import attrs
import trio

from trioaudio.core.carrier import Acknowledges, Carrier, CarrierSettings
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.framing import Framer
from trioaudio.core.mark_name import mark_name
from trioaudio.core.payload import PayloadEncoder, payload_encoder
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat, silence
from trioaudio.core.playout_item import Audio, Mark, PlayoutItem, UtteranceEnd
from trioaudio.core.speech import Speaker, SpeechNews
from trioaudio.playout_queue import FRAMES_AHEAD, KEPT, PlayoutQueue

STEP_MS = 200
"""The most audio that goes through the channel as one chunk."""

CHUNKS_AHEAD = 3
"""600 ms at most: how far the engine may run ahead of framing, so that one wake-up of each is for
as much as framing takes in one go."""

WHOLE_UTTERANCE_FRAMES = 1000
"""60 s: the longest message when a whole utterance goes in one."""


@attrs.frozen
class Shape:
    """What framing makes for one call: the format, the encoding, and frames to a message."""

    pcm: PcmFormat
    media: MediaFormat
    to_payload: PayloadEncoder
    frames_per_item: int
    smallest_item: int = 1
    """Frames: an utterance's last message is filled up with silence to as many."""
    lead_frames: int = 0
    """Frames a carrier holds that were sent before they were due."""
    marks: bool = False
    """Whether the carrier is asked to tell when an utterance has been played."""

    @property
    def queue_bound(self) -> int:
        """Playout items that may wait: FRAMES_AHEAD in frames, but two messages at least."""
        return max(2, FRAMES_AHEAD // self.frames_per_item)

    @property
    def kept(self) -> int:
        """Playout items that can be called back after they were sent; none of half a minute."""
        frames = KEPT + self.lead_frames
        return 0 if self.frames_per_item > FRAMES_AHEAD else max(2, frames // self.frames_per_item)


def shape_for(carrier: Carrier, settings: CarrierSettings, pcm: PcmFormat) -> Shape:
    """Return what framing makes for a carrier. ConfigError when it takes no such audio."""
    media = carrier.media_format(settings, pcm.sample_rate)
    unit = carrier.unit
    frame_bytes = media.bytes_in(pcm.ptime_ms)
    wanted = carrier.frames_per_message(settings, frame_bytes) or WHOLE_UTTERANCE_FRAMES
    return Shape(
        pcm=pcm,
        media=media,
        to_payload=payload_encoder(
            media.encoding, carrier.form, unit.multiple, never=carrier.never
        ),
        frames_per_item=max(1, min(wanted, unit.largest // frame_bytes)),
        smallest_item=-(-unit.smallest // frame_bytes),
        lead_frames=-(-settings.lead_ms // pcm.ptime_ms),
        marks=carrier.acknowledges is Acknowledges.MARKS,
    )


class ChunkSink:
    """The speaker's end: a `core.speech.SpeechSink` that passes chunks on in steps of 200 ms."""

    __slots__ = ("_chunks_in", "_ptime", "_queue", "_step", "sample_rate", "tell")

    def __init__(
        self,
        chunks_in: trio.MemorySendChannel[bytes],
        shape: Shape,
        queue: PlayoutQueue,
        on_news: Callable[[SpeechNews], Any],
    ) -> None:
        self.sample_rate = shape.pcm.sample_rate
        self.tell = on_news
        self._chunks_in = chunks_in
        self._step = shape.pcm.samples_in(STEP_MS) * SAMPLE_BYTES
        self._queue = queue
        self._ptime = shape.pcm.ptime

    def ahead_s(self) -> float:
        """Return how much is framed and not yet sent: what hides a pause of the engine."""
        return self._queue.ledger.queued * self._ptime

    async def write(self, chunk: bytes) -> None:
        """Pass PCM on; waits while framing is behind."""
        # One step as it is, without a copy; and not waiting is ten times cheaper than waiting
        # for nothing.
        whole = len(chunk) <= self._step
        for start in range(0, len(chunk), self._step):
            step = chunk if whole else chunk[start : start + self._step]
            try:
                self._chunks_in.send_nowait(step)
            except trio.WouldBlock:
                await self._chunks_in.send(step)


async def ingest(
    script: Script,
    speaker: Speaker,
    sink: ChunkSink,
    chunks_in: trio.MemorySendChannel[bytes],
) -> None:
    """Have an utterance spoken into the chunk channel, and close it. EngineError."""
    await speaker.speak(script.pieces, sink, script.choice)
    # Only now: to framing, a closed channel is an utterance that was spoken to its end.
    chunks_in.close()


@attrs.define(eq=False)
class Script:
    """One utterance as the media path needs it."""

    utterance: int
    pieces: AsyncIterable[str]
    choice: VoiceChoice
    on_news: Callable[[SpeechNews], Any]
    generation: int = 0
    """What its items are of; it follows the queue's when only others were cut."""
    gain: Callable[[bytes], bytes] | None = None
    """Makes PCM louder or softer, sample for sample."""


@attrs.define(eq=False)
class Framing:
    """Turns one utterance's chunks into playout items; state of the framing task."""

    shape: Shape
    script: Script
    _framer: Framer = attrs.field(init=False)
    _waiting: list[bytes] = attrs.field(factory=list)  # frames of a message not yet full

    def __attrs_post_init__(self) -> None:
        self._framer = Framer(self.shape.pcm.frame_bytes)

    def push(self, chunk: bytes, now: float) -> list[PlayoutItem]:
        """Return the items a chunk completes."""
        script, shape = self.script, self.shape
        if script.gain is not None:
            chunk = script.gain(chunk)
        if shape.frames_per_item > 1:
            return self._items(self._framer.push(chunk), now)
        frames = self._framer.push_whole(chunk)
        payloads = shape.to_payload.each(frames, shape.pcm.frame_bytes)
        return [Audio(script.generation, script.utterance, now, 1, each) for each in payloads]

    def finish(self, now: float) -> list[PlayoutItem]:
        """Return what is left, its last frame padded with silence, and the utterance's end."""
        tail = self._framer.flush()
        items: list[PlayoutItem] = [] if tail is None else self._items([tail], now)
        if self._waiting:
            missing = self.shape.smallest_item - len(self._waiting)
            self._waiting += [silence(self.shape.pcm.frame_samples)] * missing
            items.append(self._item(self._waiting, now))
        generation, utterance = self.script.generation, self.script.utterance
        items.append(UtteranceEnd(generation, utterance))
        if self.shape.marks:
            items.append(Mark(generation, mark_name(utterance, generation), utterance))
        return items

    def _items(self, frames: list[bytes], now: float) -> list[PlayoutItem]:
        items: list[PlayoutItem] = []
        for frame in frames:
            self._waiting.append(frame)
            if len(self._waiting) == self.shape.frames_per_item:
                items.append(self._item(self._waiting, now))
                self._waiting = []
        return items

    def _item(self, frames: list[bytes], now: float) -> Audio:
        pcm = frames[0] if len(frames) == 1 else b"".join(frames)
        script = self.script
        return Audio(
            script.generation, script.utterance, now, len(frames), self.shape.to_payload(pcm)
        )


async def frame(
    chunks_out: trio.MemoryReceiveChannel[bytes], framing: Framing, queue: PlayoutQueue
) -> None:
    """Frame every chunk into the queue until the engine has no more."""
    while (chunk := await _next_chunks(chunks_out)) is not None:
        items = framing.push(chunk, trio.current_time())
        del chunk  # its samples are in the items; a thousand calls need not keep both
        await queue.put(items)
    await queue.put(framing.finish(trio.current_time()))


async def _next_chunks(chunks_out: trio.MemoryReceiveChannel[bytes]) -> bytes | None:
    """Return all that has come, as one chunk: encoding costs by the piece. None at the end."""
    chunks: list[bytes] = []
    try:
        while len(chunks) < CHUNKS_AHEAD:
            chunks.append(chunks_out.receive_nowait())
    except (trio.WouldBlock, trio.EndOfChannel):
        if not chunks:
            try:
                return await chunks_out.receive()
            except trio.EndOfChannel:
                return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def speak(script: Script, speaker: Speaker, shape: Shape, queue: PlayoutQueue) -> None:
    """Speak one utterance into the queue; return when its last frame is in it.

    Raises EngineError. When cancelled, frames not yet queued count as flushed.
    """
    chunks_in, chunks_out = trio.open_memory_channel[bytes](CHUNKS_AHEAD)
    script.generation = queue.generation
    framing = Framing(shape, script)
    sink = ChunkSink(chunks_in, shape, queue, script.on_news)
    # Closed when both tasks are over: an engine that is being cancelled must not find the channel
    # broken before it finds that out.
    with chunks_in, chunks_out:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ingest, script, speaker, sink, chunks_in)
            await frame(chunks_out, framing, queue)
