"""What an utterance sends and when, against a service that says what the test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engines.listening import DEFAULT, Clauses, EndlessClauses, Recorder, setup
from engines.puppet_cartesia import Puppet, PuppetSocket, pcm, settings
from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._cartesia_utterance import MOST_TURNED_AWAY
from trioaudio.engines.cartesia import CartesiaEngine, open_engine


class SlowClauses(Clauses):
    """Their author pauses before each clause but the first, and before the end."""

    def __init__(self, pause_s: float, *clauses: str) -> None:
        super().__init__(*clauses)
        self._pause_s = pause_s

    async def __anext__(self) -> str:
        if self.taken:
            await trio.sleep(self._pause_s)
        return await super().__anext__()


class RealTime(Recorder):
    """A sink that takes audio no faster than it is heard."""

    async def write(self, chunk: bytes) -> None:
        await super().write(chunk)
        await trio.sleep(len(chunk) / 16_000)


@attrs.define(eq=False)
class Stage:
    """An open engine, its first socket, and one utterance being spoken."""

    engine: CartesiaEngine
    puppet: Puppet
    socket: PuppetSocket
    nursery: trio.Nursery

    def speak(self, clauses: Clauses, sink: Recorder | None = None) -> Speech:
        speech = Speech(sink or Recorder())
        self.nursery.start_soon(speech.run, self.engine, clauses)
        return speech

    def check_nothing_is_left(self) -> None:
        statistics = self.engine.statistics()
        assert statistics.utterances == statistics.unwritten_bytes == 0
        assert statistics.pool.contexts == statistics.pool.cancelled == statistics.pool.unsent == 0
        assert statistics.leases.active == statistics.leases.waiting == 0


@attrs.define(eq=False)
class Speech:
    """One utterance, and how it ended."""

    sink: Recorder
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)
    error: EngineError | None = None

    async def run(self, engine: CartesiaEngine, clauses: Clauses) -> None:
        try:
            with self.scope:
                await engine.synthesize(clauses, self.sink, DEFAULT, 8000)
        except EngineError as exc:
            self.error = exc
        self.ended.set()

    async def end(self) -> EngineError | None:
        with trio.fail_after(30):
            await self.ended.wait()
        return self.error


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    puppet = Puppet()
    async with (
        open_engine(setup(settings()), open_socket=puppet.open) as engine,
        trio.open_nursery() as nursery,
    ):
        yield Stage(engine, puppet, await puppet.opened(), nursery)
        nursery.cancel_scope.cancel()


async def test_one_context_takes_all_clauses_and_is_ended(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(Clauses("One.", "Two."))
    socket = stage.socket
    first = await socket.asked()
    assert first.kind == "One. "
    second = await socket.asked()
    assert second.fields == {**first.fields, "transcript": "Two. "}
    context = first.context_id
    assert await socket.asked_for("end") == context
    socket.say_audio(context, pcm(100, 1))
    socket.say("flush_done", context)
    socket.say_audio(context, pcm(200, 2))
    socket.say("flush_done", context)
    socket.say("done", context)
    assert await speech.end() is None
    assert speech.sink.pcm == pcm(100, 1) + pcm(200, 2)
    assert speech.sink.spoken == [1, 2]
    assert speech.sink.spoken_at == [1600, 4800]
    stage.check_nothing_is_left()


async def test_no_clauses_ask_for_nothing(autojump_clock: MockClock, stage: Stage) -> None:
    assert await stage.speak(Clauses()).end() is None
    assert stage.socket.unread == 0


async def test_a_long_clause_is_heard_before_the_next_is_asked_for(
    autojump_clock: MockClock, stage: Stage
) -> None:
    clauses = Clauses("a" * 100, "b" * 100, "c")
    speech = stage.speak(clauses, RealTime())
    socket = stage.socket
    context = (await socket.asked()).context_id
    await wait_all_tasks_blocked()
    assert clauses.taken == 1
    for _ in range(60):
        socket.say_audio(context, pcm(100))
    socket.say("flush_done", context)
    begun = trio.current_time()
    # The context falls silent long before the sink is hungry: it is ended, not left to expire.
    assert await socket.asked_for("end") == context
    assert trio.current_time() - begun == pytest.approx(0.8)
    socket.say("done", context)
    second = await socket.asked()
    assert second.kind == "b" * 100 + " "
    assert second.context_id != context
    assert trio.current_time() - begun == pytest.approx(3.0, abs=0.11)
    assert clauses.taken == 2
    speech.scope.cancel()


async def test_an_author_who_thinks_holds_no_lease(autojump_clock: MockClock, stage: Stage) -> None:
    speech = stage.speak(SlowClauses(10, "One.", "Two."))
    socket = stage.socket
    first = (await socket.asked()).context_id
    socket.say_audio(first, pcm(100))
    begun = trio.current_time()
    assert await socket.asked_for("end") == first
    assert trio.current_time() - begun == pytest.approx(0.8)
    socket.say("timestamps", first, word_timestamps={"words": ["One"], "start": [0.01]})
    socket.say("done", first)
    await wait_all_tasks_blocked()
    assert stage.engine.statistics().leases.active == 0
    assert speech.sink.spoken == [1]
    second = await socket.asked_for("Two. ")
    assert second != first
    words = {"words": ["Two", "three"], "start": [0.05, 0.06]}
    socket.say("timestamps", second, word_timestamps=words)
    socket.say_audio(second, pcm(100))
    assert await socket.asked_for("end") == second
    socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.spoken == [1, 2]
    assert speech.sink.words == [WordTiming(0, 0, 3, 10.0), WordTiming(1, 0, 3, 150.0)]
    stage.check_nothing_is_left()


async def test_an_author_who_keeps_up_stays_in_one_context(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(0.5, "One.", "Two.", "Three."))
    socket = stage.socket
    context = await socket.asked_for("One. ")
    socket.say_audio(context, pcm(50))
    assert await socket.asked_for("Two. ") == context
    # Nothing has come of the second yet: however long that takes, it is not silence.
    await trio.sleep(5)
    assert await socket.asked_for("Three. ") == context
    socket.say_audio(context, pcm(50))
    assert await socket.asked_for("end") == context
    socket.say("done", context)
    assert await speech.end() is None


async def test_a_clause_that_came_too_late_is_spoken_in_a_new_context(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(0.7, "One.", "Two."))
    socket = stage.socket
    first = await socket.asked_for("One. ")
    socket.say_audio(first, pcm(50))
    assert await socket.asked_for("Two. ") == first
    socket.say("done", first)  # it had expired when the second clause came
    second = await socket.asked_for("Two. ")
    assert second != first
    socket.refuse(400, first, "Context has closed")
    socket.say_audio(second, pcm(70))
    assert await socket.asked_for("end") == second
    socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.pcm == pcm(120)
    assert speech.sink.spoken == [1, 2]


async def test_closed_says_the_service_and_a_new_context_is_opened_once(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(EndlessClauses("One.", "Two."))
    socket = stage.socket
    first = await socket.asked_for("One. ")
    socket.say_audio(first, pcm(50))
    socket.say("flush_done", first)
    assert await socket.asked_for("Two. ") == first
    socket.refuse(400, first, "Context has closed")
    assert await socket.asked_for("cancel") == first
    second = await socket.asked_for("Two. ")
    socket.refuse(400, second, "Context has closed")
    error = await speech.end()
    assert error is not None
    assert error.kind is EngineFault.UNAVAILABLE
    assert speech.sink.spoken == [1]
    stage.check_nothing_is_left()


async def test_nothing_to_speak_is_no_error(autojump_clock: MockClock, stage: Stage) -> None:
    speech = stage.speak(Clauses("?!", "Two."))
    socket = stage.socket
    first = await socket.asked_for("?! ")
    assert await socket.asked_for("Two. ") == first
    await socket.asked_for("end")
    socket.refuse(400, first, "the initial transcript is empty or contains only punctuation")
    assert await socket.asked_for("cancel") == first
    second = await socket.asked_for("Two. ")
    await socket.asked_for("end")
    socket.say_audio(second, pcm(50))
    socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.spoken == [1, 2]
    stage.check_nothing_is_left()


@pytest.mark.parametrize("lose", ["socket", "orphan", "context"])
async def test_what_nobody_heard_is_said_again_once(
    autojump_clock: MockClock, stage: Stage, lose: str
) -> None:
    def fail(socket: PuppetSocket, context: str) -> None:
        if lose == "socket":
            socket.lose()
        else:
            socket.refuse(500, context if lose == "context" else None)

    speech = stage.speak(Clauses("One."))
    socket = stage.socket
    first = await socket.asked_for("One. ")
    await socket.asked_for("end")
    fail(socket, first)
    again = socket if lose == "context" else await stage.puppet.opened()
    second = await again.asked_for("One. ")
    assert second != first
    await again.asked_for("end")
    fail(again, second)
    error = await speech.end()
    assert error is not None
    assert error.kind is EngineFault.UNAVAILABLE
    assert error.retryable
    stage.check_nothing_is_left()


async def test_what_was_heard_is_not_said_again(autojump_clock: MockClock, stage: Stage) -> None:
    speech = stage.speak(Clauses("One."))
    context = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(context, pcm(50))
    stage.socket.lose("it closed the connection (code 1000)")
    error = await speech.end()
    assert error is not None
    assert "code 1000" in str(error)
    assert speech.sink.pcm == pcm(50)
    assert speech.sink.spoken == []
    stage.check_nothing_is_left()


async def test_a_socket_lost_while_the_author_thinks_is_no_loss(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(0.5, "One.", "Two."))
    context = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(context, pcm(50))
    stage.socket.say("flush_done", context)
    await wait_all_tasks_blocked()
    stage.socket.lose()
    socket = await stage.puppet.opened()
    second = await socket.asked_for("Two. ")
    socket.say_audio(second, pcm(50))
    await socket.asked_for("end")
    socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.spoken == [1, 2]
    assert speech.sink.pcm == pcm(100)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, EngineFault.BAD_REQUEST),
        (401, EngineFault.AUTH),
        (402, EngineFault.QUOTA),
        (404, EngineFault.BAD_REQUEST),
    ],
)
async def test_a_refusal_is_an_error_at_once(
    autojump_clock: MockClock, stage: Stage, status: int, kind: EngineFault
) -> None:
    other = stage.speak(Clauses("Other."))
    kept = await stage.socket.asked_for("Other. ")
    await stage.socket.asked_for("end")
    speech = stage.speak(Clauses("One."))
    context = await stage.socket.asked_for("One. ")
    stage.socket.refuse(status, context, "no such thing, sk-not-to-be-seen")
    error = await speech.end()
    assert error is not None
    assert error.kind is kind
    assert not error.retryable
    assert "no such thing, ***" in str(error)
    stage.socket.say_audio(kept, pcm(50))
    stage.socket.say("done", kept)
    assert await other.end() is None
    stage.check_nothing_is_left()


@pytest.mark.parametrize("orphan", [False, True])
async def test_over_the_limit_it_waits_its_turn_and_harms_nobody(
    autojump_clock: MockClock, stage: Stage, orphan: bool
) -> None:
    socket = stage.socket
    busy = stage.speak(Clauses("Busy."))
    kept = await socket.asked_for("Busy. ")
    await socket.asked_for("end")
    socket.say_audio(kept, pcm(50))
    await wait_all_tasks_blocked()
    speech = stage.speak(Clauses("One."))
    refused = await socket.asked_for("One. ")
    await socket.asked_for("end")
    later = stage.speak(Clauses("Later."))
    await wait_all_tasks_blocked()
    waiting = await socket.asked_for("Later. ")
    await socket.asked_for("end")
    socket.say_audio(waiting, pcm(30))
    await wait_all_tasks_blocked()
    socket.refuse(429, None if orphan else refused, "concurrency limit reached")
    await wait_all_tasks_blocked()
    if orphan:
        assert await socket.asked_for("cancel") == refused
    statistics = stage.engine.statistics().leases
    assert (statistics.limit, statistics.waiting) == (2, 1)
    assert socket.unread == 0
    socket.say("done", waiting)
    assert await later.end() is None
    # It lingers where it was not said which one was refused: then the next to end makes room.
    if orphan:
        socket.say_audio(kept, pcm(50))
        socket.say("done", kept)
        assert await busy.end() is None
    again = await socket.asked_for("One. ")
    await socket.asked_for("end")
    socket.say_audio(again, pcm(50))
    socket.say("done", again)
    assert await speech.end() is None
    if not orphan:
        socket.say("done", kept)
        assert await busy.end() is None
        stage.check_nothing_is_left()


async def test_refused_again_and_again_it_gives_up_and_takes_its_time(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(Clauses("One."))
    asked: list[float] = []
    for _ in range(MOST_TURNED_AWAY + 1):
        context = await stage.socket.asked_for("One. ")
        await stage.socket.asked_for("end")
        asked.append(trio.current_time())
        stage.socket.refuse(429, context)
    error = await speech.end()
    assert error is not None
    assert error.kind is EngineFault.RATE
    assert asked[0] == asked[1] < asked[2] < asked[-1]
    stage.check_nothing_is_left()


async def test_cancelled_it_leaves_at_once_and_its_lease_follows(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(EndlessClauses("One."))
    socket = stage.socket
    context = await socket.asked_for("One. ")
    socket.say_audio(context, pcm(50))
    await speech.sink.offered.wait()
    begun = trio.current_time()
    speech.scope.cancel()
    await speech.end()
    assert trio.current_time() == begun
    assert await socket.asked_for("cancel") == context
    for _ in range(3):
        socket.say_audio(context, pcm(50))
    await wait_all_tasks_blocked()
    assert len(speech.sink.pcm) <= len(pcm(50))
    assert stage.engine.statistics().leases.lingering == 1
    assert stage.engine.statistics().pool.cancelled == 1
    socket.say("done", context)
    await wait_all_tasks_blocked()
    stage.check_nothing_is_left()


@pytest.mark.parametrize("ending", ["error", "grace", "socket"])
async def test_a_cancelled_context_gives_its_lease_back_somehow(
    autojump_clock: MockClock, stage: Stage, ending: str
) -> None:
    speech = stage.speak(EndlessClauses("One."))
    context = await stage.socket.asked_for("One. ")
    speech.scope.cancel()
    await speech.end()
    assert stage.engine.statistics().leases.active == 1
    match ending:
        case "error":
            stage.socket.refuse(400, context)
        case "socket":
            stage.socket.lose()
        case "grace":
            await trio.sleep(3)
    await wait_all_tasks_blocked()
    stage.check_nothing_is_left()


async def test_cancelled_while_it_waits_for_a_lease_it_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    puppet = Puppet()
    async with (
        open_engine(setup(settings(concurrency=1)), open_socket=puppet.open) as engine,
        trio.open_nursery() as nursery,
    ):
        stage = Stage(engine, puppet, await puppet.opened(), nursery)
        busy = stage.speak(Clauses("Busy."))
        context = await stage.socket.asked_for("Busy. ")
        await stage.socket.asked_for("end")
        waiting = stage.speak(Clauses("One."))
        await wait_all_tasks_blocked()
        assert engine.statistics().leases.waiting == 1
        waiting.scope.cancel()
        await waiting.end()
        stage.socket.say("done", context)
        assert await busy.end() is None
        assert stage.socket.unread == 0
        stage.check_nothing_is_left()


async def test_a_context_that_said_everything_is_not_waited_for_long(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(Clauses("One."))
    context = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(context, pcm(50))
    stage.socket.say("flush_done", context)
    await wait_all_tasks_blocked()
    begun = trio.current_time()
    assert await speech.end() is None
    assert trio.current_time() - begun == pytest.approx(1.0)


async def test_the_next_clause_does_not_wait_for_a_done_that_says_nothing(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(1, "One.", "Two."))
    first = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(first, pcm(50))
    stage.socket.say("flush_done", first)
    assert await stage.socket.asked_for("end") == first
    begun = trio.current_time()
    second = await stage.socket.asked_for("Two. ")
    assert trio.current_time() - begun == pytest.approx(0.2)
    assert second != first
    stage.socket.say("done", first)
    stage.socket.say_audio(second, pcm(50))
    stage.socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.spoken == [1, 2]
    stage.check_nothing_is_left()


async def test_audio_that_goes_on_after_a_silence_stays_in_order(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(1, "One.", "Two."))
    first = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(first, pcm(50, 1))
    assert await stage.socket.asked_for("end") == first
    await trio.sleep(5)
    assert stage.socket.unread == 0  # it is not known that the first is complete
    stage.socket.say_audio(first, pcm(50, 2))
    stage.socket.say("done", first)
    second = await stage.socket.asked_for("Two. ")
    stage.socket.say_audio(second, pcm(50, 3))
    stage.socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.pcm == pcm(50, 1) + pcm(50, 2) + pcm(50, 3)


async def test_half_a_sample_does_not_shift_the_next_context(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(SlowClauses(2, "One.", "Two."))
    first = await stage.socket.asked_for("One. ")
    stage.socket.say_audio(first, pcm(50)[:-1])
    await stage.socket.asked_for("end")
    stage.socket.say("done", first)
    second = await stage.socket.asked_for("Two. ")
    stage.socket.say_audio(second, pcm(50)[:3])
    stage.socket.say_audio(second, pcm(50)[3:])
    stage.socket.say("done", second)
    assert await speech.end() is None
    assert speech.sink.pcm == pcm(50)[:-2] + pcm(50)


@pytest.mark.parametrize("what", ["mp3", "no base64"])
async def test_what_is_no_pcm_is_an_error_and_no_noise(
    autojump_clock: MockClock, stage: Stage, what: str
) -> None:
    speech = stage.speak(Clauses("One."))
    context = await stage.socket.asked_for("One. ")
    await stage.socket.asked_for("end")
    if what == "mp3":
        stage.socket.say_audio(context, b"ID3\x04\0\0\0\0\0\x21" + bytes(4000))
    else:
        stage.socket.say("chunk", context, data="A")
    assert await stage.socket.asked_for("cancel") == context
    error = await speech.end()
    assert error is not None
    assert error.kind is EngineFault.PROTOCOL
    assert speech.sink.pcm == b""


async def test_what_is_not_understood_is_ignored_and_counted(
    autojump_clock: MockClock, stage: Stage
) -> None:
    speech = stage.speak(Clauses("One."))
    context = await stage.socket.asked_for("One. ")
    stage.socket.say_raw("{")
    stage.socket.say_raw(b"\0")
    stage.socket.say("phoneme_timestamps", context, phoneme_timestamps={})
    stage.socket.say_audio("somebody-else", pcm(50))
    stage.socket.say("flush_done", context, data="")
    stage.socket.say_audio(context, pcm(50))
    stage.socket.say("done", context)
    assert await speech.end() is None
    assert speech.sink.pcm == pcm(50)
    assert stage.engine.statistics().pool.ignored == 3


async def test_the_error_of_an_author_is_the_authors(
    autojump_clock: MockClock, stage: Stage
) -> None:
    class Broken(Clauses):
        async def at_end(self) -> None:
            raise LookupError("the author's own")

    with pytest.raises(LookupError, match="the author's own"):
        await stage.engine.synthesize(Broken("One."), Recorder(), DEFAULT, 8000)
    await trio.sleep(3)
    stage.check_nothing_is_left()


async def test_one_sink_that_takes_nothing_blocks_nobody(
    autojump_clock: MockClock, stage: Stage
) -> None:
    stuck = stage.speak(Clauses("Stuck."), Recorder(closed=True))
    context = await stage.socket.asked_for("Stuck. ")
    await stage.socket.asked_for("end")
    for _ in range(500):
        stage.socket.say_audio(context, pcm(100))
    other = stage.speak(Clauses("Other."))
    heard = await stage.socket.asked_for("Other. ")
    stage.socket.say_audio(heard, pcm(100))
    stage.socket.say("done", heard)
    assert await other.end() is None
    assert stuck.sink.pcm == b""
    stuck.sink.gate.set()
    stage.socket.say("done", context)
    assert await stuck.end() is None
    assert stuck.sink.pcm == pcm(50_000)
