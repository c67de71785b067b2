"""The sentence to be proud of: every frame within a microsecond of its time, for an hour.

Virtual time throughout, `early` is 0. The same checks fail a pacer that sleeps after each send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
from trio.testing import MockClock

from fakes import FakeConnection, Pieces, ScriptedSpeaker, connects, number_of, numbered_pcm
from trioaudio.call import Call, Hooks
from trioaudio.carriers.raw import CARRIER, RawSettings
from trioaudio.core.connection import Closing
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact, Resynced, Underrun
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.pacer import Pacer
from trioaudio.supervise import RecoveryPolicy
from trioaudio.utterances import Say

PTIME = 0.06
MICROSECOND = 1e-6


@attrs.define(eq=False)
class Run:
    """What a call on virtual time left behind."""

    connection: FakeConnection
    facts: list[Fact]
    lateness: Histogram
    call: Call

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def line(lead_ms: int = 0) -> Line:
    settings = RawSettings(lead_ms=lead_ms, tail_ms=0)
    return Line(
        carrier=CARRIER,
        settings=settings,
        shape=shape_for(CARRIER, settings, PcmFormat(8000)),
        policy=RecoveryPolicy(CARRIER.recovery),
    )


async def run_call(
    script: Callable[[SpeechSink], Awaitable[None]],
    *,
    lead_ms: int = 0,
    meanwhile: Callable[[Call, Say], Awaitable[None]] | None = None,
    times: int = 1,
) -> Run:
    """Say what `script` writes, `times` times without a pause, and hang up."""
    connection = FakeConnection()
    facts: list[Fact] = []
    lateness = Histogram()
    pacer = Pacer(early=0.0)
    call = Call(
        line=line(lead_ms),
        speaker=ScriptedSpeaker(script),
        pacer=pacer,
        lateness=lateness,
        hooks=Hooks(
            tell=facts.append,
            on_event=lambda _event: None,
        ),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        async with trio.open_nursery() as calls:
            calls.start_soon(call.run, connects(connection))
            said = [await call.say(Pieces("x"), VoiceChoice()) for _ in range(times)]
            await call.hang_up()
            if meanwhile is not None:
                await meanwhile(call, said[-1])
        nursery.cancel_scope.cancel()
    assert connection.closed_with == 1000
    return Run(connection, facts, lateness, call)


def assert_on_time(times: list[float], *, ptime: float = PTIME) -> None:
    """Check that frame n left at the first frame's time plus n ptime, to the microsecond."""
    worst = max(abs(at - (times[0] + n * ptime)) for n, at in enumerate(times))
    assert worst < MICROSECOND, f"a frame is {worst * 1000:.3f} ms off its time"


async def test_an_hour_of_speech_every_frame_on_its_microsecond(autojump_clock: MockClock) -> None:
    frames = 60_000

    async def an_hour(sink: SpeechSink) -> None:
        for start in range(0, frames, 50):
            await sink.write(numbered_pcm(50, start=start))

    run = await run_call(an_hour)
    assert [number_of(frame) for frame in run.connection.audio] == list(range(frames))
    assert all(len(frame) == 960 for frame in run.connection.audio)
    assert_on_time(run.connection.times)
    assert run.call.queue.ledger.sent == frames
    assert run.call.queue.ledger.queued == 0


async def test_a_pacer_that_sleeps_after_each_send_fails_the_same_check(
    autojump_clock: MockClock,
) -> None:
    times = []
    for _ in range(1000):
        times.append(trio.current_time())
        autojump_clock.jump(0.0002)  # what sending costs
        await trio.sleep(PTIME)
    with pytest.raises(AssertionError, match="off its time"):
        assert_on_time(times)


def stalls(
    clock: MockClock, after_frame: int, seconds: float
) -> Callable[[Call, Say], Awaitable[None]]:
    """Stop the whole loop for a while, as a blocking call or a suspended machine would."""

    async def stall(call: Call, said: Say) -> None:
        await trio.sleep(after_frame * PTIME + 0.01)
        clock.jump(seconds)

    return stall


async def two_seconds(sink: SpeechSink) -> None:
    await sink.write(numbered_pcm(34))


def heard_without_a_gap(run: Run, lead: float) -> bool:
    """Say whether a carrier that plays at its own rate, a lead behind, never ran dry."""
    first = run.connection.times[0]
    return all(at <= first + n * PTIME + MICROSECOND for n, at in enumerate(run.connection.times))


async def test_a_loop_stall_within_the_lead_is_not_heard(autojump_clock: MockClock) -> None:
    run = await run_call(
        two_seconds, lead_ms=240, meanwhile=stalls(autojump_clock, after_frame=10, seconds=0.2)
    )
    assert heard_without_a_gap(run, 0.24)
    assert run.of(Resynced) == []
    assert run.of(Underrun) == []
    assert run.lateness.max == pytest.approx(0.2, abs=0.06)
    # Back on the same schedule: the last frames leave a lead before they are due.
    times = run.connection.times
    assert times[-1] == pytest.approx(times[0] + 33 * PTIME - 0.24, abs=MICROSECOND)


async def test_a_long_loop_stall_is_exactly_one_resync(autojump_clock: MockClock) -> None:
    run = await run_call(
        two_seconds, lead_ms=240, meanwhile=stalls(autojump_clock, after_frame=10, seconds=0.6)
    )
    assert len(run.of(Resynced)) == 1
    assert run.of(Underrun) == []
    times = run.connection.times
    late = next(n for n in range(1, 34) if times[n] - times[n - 1] > 0.3)
    # The lead is refilled as at a talkspurt's start, four frames more at once, and never more.
    assert times[late + 4] == pytest.approx(times[late], abs=MICROSECOND)
    assert times[late + 5] == pytest.approx(times[late] + PTIME, abs=MICROSECOND)
    assert_on_time(times[late + 4 :])


async def test_without_a_lead_a_stall_of_two_frames_catches_up_and_moves_nothing(
    autojump_clock: MockClock,
) -> None:
    run = await run_call(
        two_seconds, meanwhile=stalls(autojump_clock, after_frame=10, seconds=0.12)
    )
    assert run.of(Resynced) == []
    times = run.connection.times
    schedule = [times[0] + n * PTIME for n in range(34)]
    late = [n for n in range(34) if times[n] - schedule[n] > MICROSECOND]
    assert late == [11, 12]
    assert_on_time(times[:11])
    assert times[13:] == pytest.approx(schedule[13:], abs=MICROSECOND)


def just_in_time(stall: float) -> Callable[[SpeechSink], Awaitable[None]]:
    """An engine that keeps a lead ahead of real time, and then stalls once."""

    async def script(sink: SpeechSink) -> None:
        start = trio.current_time()
        for n in range(40):
            await trio.sleep_until(start + max(0.0, n * PTIME - 0.24) + (stall if n >= 20 else 0))
            await sink.write(numbered_pcm(1, start=n))

    return script


@pytest.mark.parametrize("stall", [0.150, 0.239])
async def test_an_engine_stall_within_the_lead_costs_nothing(
    autojump_clock: MockClock, stall: float
) -> None:
    run = await run_call(just_in_time(stall), lead_ms=240)
    assert heard_without_a_gap(run, 0.24)
    assert run.of(Underrun) == []
    assert run.of(Resynced) == []
    assert run.lateness.max < MICROSECOND  # the engine's stall is never counted as our lateness


async def test_an_engine_stall_beyond_the_lead_is_one_underrun_of_known_length(
    autojump_clock: MockClock,
) -> None:
    run = await run_call(just_in_time(0.4), lead_ms=240)
    (underrun,) = run.of(Underrun)
    assert isinstance(underrun, Underrun)
    assert underrun.seconds == pytest.approx(0.16, abs=MICROSECOND)
    assert run.of(Resynced) == []
    times = run.connection.times
    # The rest of the speech is moved by the gap, and by nothing else.
    assert times[-1] <= times[0] + 39 * PTIME + 0.16 + MICROSECOND
    assert run.lateness.max < MICROSECOND


async def test_utterances_without_a_pause_join_in_one_talkspurt(autojump_clock: MockClock) -> None:
    run = await run_call(two_seconds, times=3)
    assert len(run.connection.audio) == 3 * 34
    assert_on_time(run.connection.times)
    assert run.call.queue.ledger.statistics().sent == 3 * 34


async def test_a_pause_between_utterances_is_a_new_talkspurt_and_no_underrun(
    autojump_clock: MockClock,
) -> None:
    connection = FakeConnection()
    facts: list[Fact] = []
    pacer = Pacer(early=0.0)
    call = Call(
        line=line(),
        speaker=ScriptedSpeaker(two_seconds),
        pacer=pacer,
        lateness=Histogram(),
        hooks=Hooks(
            tell=facts.append,
            on_event=lambda _event: None,
        ),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        nursery.start_soon(call.run, connects(connection))
        for _ in range(2):
            said = await call.say(Pieces("x"), VoiceChoice())
            await said.done.wait()
            await trio.sleep(1.0)
        assert call.leg is not None
        assert call.leg.clock.talkspurts == 2
        assert not [fact for fact in facts if isinstance(fact, Underrun | Resynced)]
        nursery.cancel_scope.cancel()
    assert_on_time(connection.times[:34])
    assert_on_time(connection.times[34:])


async def test_chunks_of_any_size_become_exact_frames(autojump_clock: MockClock) -> None:
    pcm = numbered_pcm(20)

    async def odd_chunks(sink: SpeechSink) -> None:
        sizes = [500, 300, 700, 200, 1, 3, 959]
        at = 0
        while at < len(pcm):
            size = sizes[at % len(sizes)]
            await sink.write(pcm[at : at + size])
            at += size

    run = await run_call(odd_chunks)
    assert b"".join(run.connection.audio) == pcm
    assert {len(frame) for frame in run.connection.audio} == {960}


async def test_barge_in_leaves_no_stale_frame_even_from_a_framer_at_work(
    autojump_clock: MockClock,
) -> None:
    async def old(sink: SpeechSink) -> None:
        await sink.write(b"\x01" * 960 * 500)

    connection = FakeConnection()
    pacer = Pacer(early=0.0)
    speaker = ScriptedSpeaker(old)
    call = Call(
        line=line(),
        speaker=speaker,
        pacer=pacer,
        lateness=Histogram(),
        hooks=Hooks(
            tell=lambda _fact: None,
            on_event=lambda _event: None,
        ),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        nursery.start_soon(call.run, connects(connection))
        said = await call.say(Pieces("x"), VoiceChoice())
        await trio.sleep(0.61)
        before = len(connection.audio)
        assert before == 11
        dropped = call.barge_in().frames
        assert dropped > 0
        assert said.done.is_set()

        async def new(sink: SpeechSink) -> None:
            await sink.write(b"\x02" * 960 * 5)

        speaker._script = new
        await call.say(Pieces("y"), VoiceChoice())
        await trio.sleep(2.0)
        nursery.cancel_scope.cancel()
    assert set(connection.audio[before:]) == {b"\x02" * 960}
    assert len(connection.audio) == before + 5
    ledger = call.queue.ledger
    assert ledger.framed == ledger.sent + ledger.flushed
    assert speaker.cancelled == 1


def broken_at_frame(connection: FakeConnection, number: int) -> FakeConnection:
    """Have a connection's wire format raise, as a bug in a codec would."""
    wire = connection.wire
    sent = 0

    def breaks(message: str | bytes) -> bytes:
        nonlocal sent
        sent += 1
        if sent == number:
            raise ZeroDivisionError("a bug in a codec")
        return wire(message)

    connection.wire = breaks  # type: ignore[method-assign]
    return connection


async def test_a_turn_that_raises_harms_one_leg_of_fifty(autojump_clock: MockClock) -> None:
    pacer = Pacer(early=0.0)
    connections = [FakeConnection() for _ in range(50)]
    broken = broken_at_frame(connections[7], 100)
    outcomes = []

    async def ten_seconds(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(167))

    async def one(connection: FakeConnection) -> None:
        call = Call(
            line=line(),
            speaker=ScriptedSpeaker(ten_seconds),
            pacer=pacer,
            lateness=Histogram(),
            hooks=Hooks(
                tell=lambda _fact: None,
                on_event=lambda _event: None,
            ),
        )
        await call.say(Pieces("x"), VoiceChoice())
        await call.hang_up()
        outcomes.append(await call.run(connects(connection)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        async with trio.open_nursery() as calls:
            for connection in connections:
                calls.start_soon(one, connection)
        nursery.cancel_scope.cancel()

    assert pacer.statistics().failures == 1
    failures = [outcome.reason for outcome in outcomes if not isinstance(outcome, Closing)]
    assert failures == ["internal error: ZeroDivisionError: a bug in a codec"]
    assert len(broken.audio) == 99
    for connection in connections:
        if connection is not broken:
            assert [number_of(frame) for frame in connection.audio] == list(range(167))
            assert_on_time(connection.times)
