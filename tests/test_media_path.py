"""From whatever an engine delivers to exact frames, and no faster than anybody listens."""

from __future__ import annotations

from collections.abc import AsyncIterable
from random import Random

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from fakes import Pieces, ScriptedSpeaker, numbered_pcm
from trioaudio.carriers.raw import CARRIER, RawSettings
from trioaudio.carriers.telecmi import CARRIER as TELECMI
from trioaudio.core.carrier import Carrier
from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.payload import payload_pcm
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio, PlayoutItem, UtteranceEnd
from trioaudio.core.speech import SpeechNews, SpeechSink, SpokenWord
from trioaudio.media_path import (
    CHUNKS_AHEAD,
    WHOLE_UTTERANCE_FRAMES,
    ChunkSink,
    Framing,
    Script,
    Shape,
    shape_for,
    speak,
)
from trioaudio.playout_queue import FRAMES_AHEAD, PlayoutQueue

FRAME = 960


def shape(frames: int = 1, rate: int = 8000, carrier: Carrier = CARRIER) -> Shape:
    return shape_for(carrier, RawSettings(frames_per_message=frames), PcmFormat(rate))


def script(pieces: AsyncIterable[str] | None = None) -> Script:
    return Script(1, pieces or Pieces("x"), VoiceChoice(), lambda _news: None)


def pcm_of(items: list[PlayoutItem]) -> bytes:
    return b"".join(
        payload_pcm(item.payload, Encoding.PCM16, PayloadForm.BINARY)
        for item in items
        if isinstance(item, Audio)
    )


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    return chunks


def framed(chunks: list[bytes], to: Shape) -> list[PlayoutItem]:
    script = Script(7, Pieces(), VoiceChoice(), lambda _news: None, generation=3)
    framing = Framing(to, script)
    items = [item for chunk in chunks for item in framing.push(chunk, 1.0)]
    return items + framing.finish(2.0)


NOISE = np.random.default_rng(5).normal(0, 6000, 24_000).astype("<i2").tobytes()


# --- Framing -------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8000, 16000]),
    length=st.integers(0, 30_001),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_frames_do_not_depend_on_how_the_audio_came(
    rate: int, length: int, sizes: list[int]
) -> None:
    pcm = NOISE[:length]
    items = framed(cut(pcm, sizes), shape(rate=rate))
    *speech, end = items
    assert isinstance(end, UtteranceEnd)
    assert (end.generation, end.utterance) == (3, 7)
    size = PcmFormat(rate).frame_bytes
    for item in speech:
        assert isinstance(item, Audio)
        assert len(item.payload) == size
        assert (item.generation, item.utterance, item.frames) == (3, 7, 1)
    assert pcm_of(items) == pcm.ljust(-(-len(pcm) // size) * size, b"\0")


def test_the_tail_is_completed_with_silence() -> None:
    items = framed([numbered_pcm(2)[:-100]], shape())
    assert pcm_of(items) == numbered_pcm(2)[:-100] + bytes(100)
    assert [item.ready_at for item in items if isinstance(item, Audio)] == [1.0, 2.0]


def test_no_audio_is_only_an_end() -> None:
    for frames in (0, 1, 4):
        (end,) = framed([], shape(frames))
        assert isinstance(end, UtteranceEnd)


@pytest.mark.parametrize(
    ("frames", "count", "expected"),
    [
        (1, 3, [1, 1, 1]),
        (4, 8, [4, 4]),
        (4, 9, [4, 4, 1]),
        (4, 3, [3]),
        (0, 50, [50]),
        (0, WHOLE_UTTERANCE_FRAMES + 1, [WHOLE_UTTERANCE_FRAMES, 1]),
    ],
)
def test_frames_to_a_message(frames: int, count: int, expected: list[int]) -> None:
    pcm = numbered_pcm(count)
    items = framed(cut(pcm, [500, 301]), shape(frames))
    assert [item.frames for item in items if isinstance(item, Audio)] == expected
    assert pcm_of(items) == pcm


def test_the_queues_bound_is_a_duration() -> None:
    bounds = {frames: shape(frames).queue_bound for frames in (1, 2, 4, 0)}
    assert bounds == {
        1: FRAMES_AHEAD,
        2: FRAMES_AHEAD // 2,
        4: max(2, FRAMES_AHEAD // 4),
        0: 2,  # one is played while the next is made
    }


def test_payloads_are_made_as_the_carrier_wants_them() -> None:
    items = framed([numbered_pcm(2)], shape(carrier=TELECMI))
    assert all(isinstance(item.payload, str) for item in items if isinstance(item, Audio))
    assert pcm_of(items) == numbered_pcm(2)


# --- The engine's end ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_no_step_is_longer_than_200_ms(rate: int, nursery: trio.Nursery) -> None:
    chunks_in, chunks_out = trio.open_memory_channel[bytes](0)
    told: list[SpeechNews] = []
    queue = PlayoutQueue()
    sink = ChunkSink(chunks_in, shape(rate=rate), queue, told.append)
    assert (sink.sample_rate, sink.ahead_s()) == (rate, 0.0)
    pcm = Random(1).randbytes(rate * 2 + 37)

    async def write() -> None:
        async with chunks_in:
            await sink.write(pcm)
            await sink.write(b"")
            await sink.write(b"ab")

    nursery.start_soon(write)
    steps = [step async for step in chunks_out]
    assert b"".join(steps) == pcm + b"ab"
    assert max(len(step) for step in steps) == rate // 5 * 2
    word = SpokenWord(0, 1, 2.0)
    sink.tell(word)
    assert told == [word]
    await queue.put(framed([numbered_pcm(3)], shape(rate=8000))[:3])
    assert sink.ahead_s() == pytest.approx(0.18)


async def test_a_chunk_no_longer_than_a_step_is_passed_on_uncopied() -> None:
    chunks_in, chunks_out = trio.open_memory_channel[bytes](1)
    chunk = bytes(3200)
    await ChunkSink(chunks_in, shape(), PlayoutQueue(), lambda _news: None).write(chunk)
    assert chunks_out.receive_nowait() is chunk


# --- All of it -----------------------------------------------------------------------------


async def drained(queue: PlayoutQueue) -> list[PlayoutItem]:
    """Take as a leg would, until an utterance has ended."""
    items: list[PlayoutItem] = []
    while not (items and isinstance(items[-1], UtteranceEnd)):
        item = queue.take()
        if item is None:
            await wait_all_tasks_blocked()
        else:
            items.append(item)
            if isinstance(item, Audio):
                queue.sent(item)
    return items


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_an_utterance_goes_from_text_to_the_queue(rate: int, nursery: trio.Nursery) -> None:
    async def awkward(sink: SpeechSink) -> None:
        for chunk in cut(NOISE, [1, 333, 10_000, 7]):
            await sink.write(chunk)

    queue = PlayoutQueue()
    speaker = ScriptedSpeaker(awkward)
    to = shape(rate=rate)
    nursery.start_soon(speak, script(Pieces("one ", "two")), speaker, to, queue)
    items = await drained(queue)
    assert speaker.texts == ["one two"]
    expected = framed([NOISE], to)
    assert pcm_of(items) == pcm_of(expected)
    assert queue.ledger.framed == queue.ledger.sent == len(expected) - 1


async def test_a_full_queue_stops_the_engine(nursery: trio.Nursery) -> None:
    written = 0

    async def fast(sink: SpeechSink) -> None:
        nonlocal written
        while True:
            await sink.write(bytes(FRAME))
            written += 1

    queue = PlayoutQueue()
    nursery.start_soon(speak, script(), ScriptedSpeaker(fast), shape(), queue)
    await wait_all_tasks_blocked()
    # The queue, what framing holds, what the channel holds; and no more, however long it takes.
    held = FRAMES_AHEAD + 2 * CHUNKS_AHEAD
    assert FRAMES_AHEAD <= written <= held
    before = written
    await wait_all_tasks_blocked()
    assert written == before
    for _ in range(FRAMES_AHEAD):
        queue.take()
    await wait_all_tasks_blocked()
    assert before < written <= held + FRAMES_AHEAD


async def test_a_big_chunk_does_not_get_round_the_bound(nursery: trio.Nursery) -> None:
    done = trio.Event()

    async def huge(sink: SpeechSink) -> None:
        await sink.write(bytes(FRAME * 1000))
        done.set()

    queue = PlayoutQueue()
    nursery.start_soon(speak, script(), ScriptedSpeaker(huge), shape(), queue)
    await wait_all_tasks_blocked()
    assert not done.is_set()
    assert queue.depth == FRAMES_AHEAD
    # At most a step more than what is queued: the frames of 200 ms, and the one begun.
    assert queue.ledger.framed <= FRAMES_AHEAD + 4


async def test_an_engine_that_fails_in_the_middle(nursery: trio.Nursery) -> None:
    async def breaks(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(2))
        await wait_all_tasks_blocked()
        raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)

    queue = PlayoutQueue()
    with pytest.RaisesGroup(EngineError, flatten_subgroups=True):
        await speak(script(), ScriptedSpeaker(breaks), shape(), queue)
    taken = [queue.take() for _ in range(4)]
    assert pcm_of([item for item in taken if item]) == numbered_pcm(2)
    assert queue.ledger.queued == 2


async def test_an_engine_that_fails_while_framing_waits_for_room() -> None:
    async def breaks(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(3))
        await wait_all_tasks_blocked()
        raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)

    queue = PlayoutQueue(2)
    with pytest.RaisesGroup(EngineError, flatten_subgroups=True):
        await speak(script(), ScriptedSpeaker(breaks), shape(), queue)
    assert (queue.ledger.framed, queue.ledger.flushed, queue.depth) == (3, 1, 2)


async def no_wait() -> None:
    await trio.lowlevel.checkpoint()


async def test_cancelling_at_every_await_leaks_nothing(autojump_clock: MockClock) -> None:
    """Cancel after n steps of the scheduler, for every n there is until it is done by itself."""

    async def chunks(sink: SpeechSink) -> None:
        for chunk in cut(numbered_pcm(9), [1900, 700, 5000]):
            await trio.lowlevel.checkpoint()
            await sink.write(chunk)

    async def reader(queue: PlayoutQueue) -> None:
        while True:
            await trio.lowlevel.checkpoint()
            if isinstance(item := queue.take(), Audio):
                queue.sent(item)

    finished_at = None
    for steps in range(200):
        queue = PlayoutQueue(3)
        speaker = ScriptedSpeaker(chunks)
        tasks_before = trio.lowlevel.current_statistics().tasks_living
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader, queue)
            nursery.start_soon(_cancel_after, steps, scope)
            with scope:
                await speak(script(), speaker, shape(), queue)
            nursery.cancel_scope.cancel()
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        there = sum(item.frames for item in queue.waiting if isinstance(item, Audio))
        ledger = queue.ledger
        assert ledger.queued == there
        assert ledger.framed == ledger.sent + ledger.flushed + there
        if not scope.cancelled_caught:
            finished_at = steps
            break
        assert speaker.cancelled <= 1
    assert finished_at is not None
    assert finished_at > 5


async def test_an_engine_at_work_sees_a_cancellation_and_no_broken_channel() -> None:
    """The call ends just as framing took a chunk: the engine is awake and will write again."""

    async def for_ever(sink: SpeechSink) -> None:
        while True:
            await sink.write(bytes(FRAME))

    for _ in range(50):  # Trio shuffles: one of some four orders is the bad one
        queue = PlayoutQueue(2)
        speaker = ScriptedSpeaker(for_ever)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(speak, script(), speaker, shape(), queue)
                await wait_all_tasks_blocked()
                queue.take()
                queue.take()
                await trio.lowlevel.checkpoint()
                scope.cancel()
        assert speaker.cancelled == 1


async def _cancel_after(steps: int, scope: trio.CancelScope) -> None:
    for _ in range(steps):
        await trio.lowlevel.checkpoint()
    scope.cancel()
