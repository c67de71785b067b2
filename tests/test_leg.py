"""One connection as the pacer serves it: on time, held, stalled, starved, and lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise

import attrs
import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from fake_inlet import SocketInlet
from fakes import FakeConnection, Received, SpelledCodec, inbound, number_of, numbered_pcm
from trioaudio.carriers.raw import CARRIER
from trioaudio.core.carrier import (
    CallerAudio,
    Carrier,
    CarrierSettings,
    EndStream,
    Event,
    FlowPaused,
    HangUp,
    Idle,
    Message,
    Metadata,
    SendDtmf,
    Starts,
    Stopped,
)
from trioaudio.core.connection import Closing
from trioaudio.core.errors import LegLostError, LocalProtocolError, RemoteProtocolError
from trioaudio.core.facts import Fact, FirstFrameSent, Resynced, Stalled, Underrun, UtteranceSent
from trioaudio.core.pcm import PcmFormat, silence
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd
from trioaudio.core.websocket_frame import Opcode
from trioaudio.core.websocket_split import DataFrame
from trioaudio.heartbeat import LegTiming
from trioaudio.leg import Leg, Steer
from trioaudio.line import idle_filler
from trioaudio.media_path import Shape, shape_for
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue

PTIME = 0.06
PCM = PcmFormat(8000)
SILENCE = silence(480)


def carrier(parts: int = 1, **facts: object) -> Carrier:
    """A carrier of plain words."""
    facts.setdefault("clears", True)
    return attrs.evolve(CARRIER, new_codec=lambda *_: SpelledCodec(parts), **facts)  # type: ignore[arg-type]


def speech(*numbers: int, generation: int = 0, utterance: int = 1, frames: int = 1) -> list[Audio]:
    """Frames that are ready now; a message of several is told by its first frame's number."""
    now = trio.current_time()
    return [
        Audio(generation, utterance, now, frames, numbered_pcm(frames, start=number))
        for number in numbers
    ]


@attrs.define(eq=False)
class Rig:
    """A leg with all that is around it."""

    leg: Leg
    connection: FakeConnection
    queue: PlayoutQueue
    pacer: Pacer
    facts: list[Fact]
    events: list[Event]
    sent: list[tuple[Audio, float, float, float]]
    lateness: Histogram

    async def put(self, *items: PlayoutItem) -> None:
        await self.queue.put(items)

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def numbers(self) -> list[int]:
        return [number_of(each) for each in self.connection.audio if each != SILENCE]

    @property
    def speech_times(self) -> list[float]:
        return [
            each.at
            for each in self.connection.received
            if isinstance(each.message, bytes) and each.message != SILENCE
        ]

    @property
    def filler_times(self) -> list[float]:
        return [each.at for each in self.connection.received if each.message == SILENCE]


@asynccontextmanager
async def leg_on(
    kind: Carrier | None = None,
    *,
    early: float = 0.0,
    timing: LegTiming | None = None,
    queue: PlayoutQueue | None = None,
    steer: Steer | None = None,
    connection: FakeConnection | None = None,
    **changes: object,
) -> AsyncIterator[Rig]:
    """A leg at work, on a carrier with some settings; what ends it is raised here."""
    kind = kind or carrier()
    settings = attrs.evolve(CarrierSettings(tail_ms=0), **changes)  # type: ignore[arg-type]
    shape: Shape = shape_for(kind, settings, PCM)
    connection, pacer = connection or FakeConnection(), Pacer(early=early)
    facts: list[Fact] = []
    events: list[Event] = []
    sent: list[tuple[Audio, float, float, float]] = []
    lateness = Histogram()
    queue = queue or PlayoutQueue(100)
    leg = Leg(
        carrier=kind,
        settings=settings,
        codec=kind.new_codec(settings, shape.media),
        connection=connection,
        queue=queue,
        pacer=pacer,
        ptime=PTIME,
        filler=idle_filler(settings, shape),
        filler_frames=shape.smallest_item,
        lateness=lateness,
        tell=facts.append,
        on_event=events.append,
        on_sent=lambda *each: sent.append(each),
        timing=timing,
        steer=steer,
    )
    async with trio.open_nursery() as nursery:
        connection.start_soon = nursery.start_soon
        nursery.start_soon(pacer.run)
        nursery.start_soon(leg.watch)
        nursery.start_soon(connection.receive, leg.hearing.receive)
        await wait_all_tasks_blocked()
        leg.attach()
        yield Rig(leg, connection, queue, pacer, facts, events, sent, lateness)
        leg.detach()
        nursery.cancel_scope.cancel()


def about(seconds: float) -> float:
    """A time to the microsecond; typed as what it is compared with."""
    return pytest.approx(seconds, abs=1e-6)  # type: ignore[return-value]


def grid(first: float, count: int, step: float = PTIME) -> list[float]:
    return [about(first + n * step) for n in range(count)]


@contextmanager
def lost(match: str) -> Iterator[None]:
    with pytest.RaisesGroup(pytest.RaisesExc(LegLostError, match=match), flatten_subgroups=True):
        yield


# --- Speech and starvation -----------------------------------------------------------------


async def test_a_starved_leg_sends_nothing_and_starts_at_once(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await trio.sleep(10.01)
        await rig.put(*speech(0, 1, 2))
        await trio.sleep(1)
        assert rig.numbers == [0, 1, 2]
        assert rig.speech_times == grid(10.01, 3)
        assert rig.leg.statistics().clock.frames == 3
        assert rig.leg.statistics().idle_frames == 0
        assert rig.leg.statistics().wire_bytes == 3 * 965
        assert [late for _, _, late, _ in rig.sent] == [pytest.approx(0.0, abs=1e-6)] * 3
        assert rig.lateness.count == 3


async def test_starved_within_an_utterance_is_an_underrun(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1))
        await trio.sleep(0.2)
        await rig.put(*speech(2), UtteranceEnd(0, 1))
        await trio.sleep(1)
        (underrun,) = rig.of(Underrun)
        assert underrun == Underrun(about(0.08))
        assert rig.speech_times == grid(0.0, 2) + grid(0.2, 1)


async def test_an_item_that_comes_before_its_time_waits_for_it(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        for n in range(5):
            await rig.put(*speech(n))
            await trio.sleep(0.05)
        await trio.sleep(1)
        assert rig.speech_times == grid(0.0, 5)
        assert rig.of(Underrun) == []


async def test_a_lead_sends_the_first_frames_at_once(autojump_clock: MockClock) -> None:
    async with leg_on(lead_ms=180) as rig:
        await rig.put(*speech(*range(6)))
        await trio.sleep(1)
        assert rig.speech_times == [0.0] * 4 + grid(PTIME, 2)
        assert rig.leg.heard_until == pytest.approx(6 * PTIME)


async def test_a_carrier_that_stamps_by_arrival_gets_no_lead(autojump_clock: MockClock) -> None:
    async with leg_on(carrier(stamps_by_arrival=True), lead_ms=180) as rig:
        await rig.put(*speech(*range(6)))
        await trio.sleep(1)
        assert rig.speech_times == grid(0.0, 6)


async def test_several_frames_in_a_message_keep_their_time(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 4, 8, frames=4), UtteranceEnd(0, 1))
        await trio.sleep(2)
        assert rig.numbers == [0, 4, 8]
        assert rig.speech_times == grid(0.0, 3, step=4 * PTIME)
        assert rig.queue.ledger.sent == 12
        assert rig.of(UtteranceSent) == [UtteranceSent(1, 12, about(12 * PTIME))]


async def test_several_messages_of_a_frame_are_written_in_one_piece(
    autojump_clock: MockClock,
) -> None:
    async with leg_on(carrier(parts=3)) as rig:
        await rig.put(*speech(0, 1))
        await trio.sleep(1)
        assert rig.connection.writes == 3  # the answer first
        assert [len(each) for each in rig.connection.audio] == [320] * 6
        assert b"".join(rig.connection.audio) == numbered_pcm(2)


async def test_what_is_told_of_utterances(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1, 2), UtteranceEnd(0, 1))
        await rig.put(*speech(3, 4, utterance=2), UtteranceEnd(0, 2))
        await rig.put(UtteranceEnd(0, 3))  # one without a sound
        await trio.sleep(1)
        assert rig.facts == [
            FirstFrameSent(1, 0.0),
            UtteranceSent(1, 3, about(3 * PTIME)),
            FirstFrameSent(2, about(3 * PTIME)),
            UtteranceSent(2, 2, about(5 * PTIME)),
            UtteranceSent(3, 0, about(5 * PTIME)),
        ]


async def test_marks_keep_their_place(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1), Mark(0, "a"), Mark(0, "b"), *speech(2), Mark(0, "c"))
        await trio.sleep(1)
        wire = [
            each.message if isinstance(each.message, str) else number_of(each.message)
            for each in rig.connection.received
        ]
        assert wire == ["answer", 0, 1, "mark a", "mark b", 2, "mark c"]
        assert rig.connection.when("mark c") == grid(3 * PTIME, 1)


# --- Actions -------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [0.0, 0.001])
async def test_an_action_fires_on_played_plus_tail(autojump_clock: MockClock, early: float) -> None:
    async with leg_on(lead_ms=180, tail_ms=200, early=early) as rig:
        await rig.put(*speech(*range(5)), UtteranceEnd(0, 1), Action(0, HangUp()))
        await trio.sleep(2)
        (at,) = rig.connection.when("hangup")
        assert at == pytest.approx(5 * PTIME + 0.2, abs=1e-6 + early)
        assert rig.leg.finishing
        assert rig.connection.closed_with == 1000


async def test_an_action_with_nothing_before_it_fires_at_once(autojump_clock: MockClock) -> None:
    async with leg_on(tail_ms=200) as rig:
        await trio.sleep(5)
        await rig.put(Action(0, EndStream()))
        await trio.sleep(1)
        assert rig.connection.when("endstream") == [5.0]
        assert rig.connection.closed_with == 1000


async def test_an_action_that_ends_nothing_lets_speech_go_on(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0), Action(0, SendDtmf("1")), *speech(1))
        await trio.sleep(1)
        assert rig.numbers == [0, 1]
        assert not rig.leg.finishing


async def test_a_clear_forgets_the_action_at_hand(autojump_clock: MockClock) -> None:
    async with leg_on(tail_ms=500) as rig:
        await rig.put(*speech(0), Action(0, HangUp()))
        await trio.sleep(0.2)
        rig.queue.flush()
        rig.leg.drop_at_hand(None)
        rig.leg.clear()
        await trio.sleep(2)
        assert rig.connection.when("hangup") == []


async def test_a_leg_that_ends_hands_its_action_on(autojump_clock: MockClock) -> None:
    queue = PlayoutQueue()
    async with leg_on(tail_ms=500, queue=queue) as rig:
        await rig.put(*speech(0), Action(0, HangUp()))
        await trio.sleep(0.2)
        assert queue.depth == 0
    assert queue.depth == 1
    async with leg_on(queue=queue) as rig:
        await trio.sleep(1)
        assert len(rig.connection.when("hangup")) == 1


async def test_nothing_is_sent_once_the_close_has_begun(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.SILENCE) as rig:
        rig.connection.close_takes = 1.0
        await rig.put(*speech(0), Action(0, HangUp()), *speech(1, 2))
        await trio.sleep(3)
        assert rig.connection.closed_with == 1000
        since = rig.connection.closing_since
        assert since is not None
        assert [each for each in rig.connection.received if each.at > since] == []
        assert rig.numbers == [0]


async def test_a_far_end_that_does_not_answer_the_close(autojump_clock: MockClock) -> None:
    with lost("has read nothing for 5 s"):
        async with leg_on() as rig:
            rig.connection.close_takes = 3600
            rig.leg.finish()
            await trio.sleep(100)


# --- Idle ----------------------------------------------------------------------------------


async def test_silence_goes_on_an_exact_grid(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.SILENCE, lead_ms=180) as rig:
        await trio.sleep(600)
        assert rig.filler_times == grid(0.0, 10_001)[: len(rig.filler_times)]
        assert len(rig.filler_times) >= 10_000
        statistics = rig.leg.statistics()
        assert statistics.idle_frames == len(rig.filler_times)
        assert statistics.clock.frames == 0
        assert rig.queue.ledger.framed == 0
        assert rig.lateness.count == 0
        assert rig.leg.heard_until == pytest.approx(rig.filler_times[-1] + PTIME)


async def test_a_pacer_that_is_always_a_little_late_makes_no_drift(
    autojump_clock: MockClock,
) -> None:
    async with leg_on(idle=Idle.SILENCE) as rig:

        class Heavy:
            turn = 0

            def tick(self, now: float) -> float:
                autojump_clock.jump(0.0005)  # what somebody else's turn costs
                return now + 0.0017

            def fail(self, exc: Exception) -> None:
                raise exc

        rig.pacer.wake(Heavy(), 0.0)
        await trio.sleep(30)
        times = rig.filler_times
        assert len(times) > 490
        assert max(at - n * PTIME for n, at in enumerate(times)) < 0.002


async def test_comfort_noise_is_low_and_varies(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.COMFORT_NOISE) as rig:
        await trio.sleep(16 * PTIME - 0.01)
        frames = rig.connection.audio
        assert len(frames) == 16
        assert len(set(frames)) == 16
        await trio.sleep(PTIME)
        assert rig.connection.audio[16] == frames[0]
        assert rig.connection.times == grid(0.0, 17)


async def test_speech_interrupts_filler_at_once_and_filler_follows_it(
    autojump_clock: MockClock,
) -> None:
    async with leg_on(idle=Idle.SILENCE) as rig:
        await trio.sleep(0.13)
        await rig.put(*speech(0, 1), UtteranceEnd(0, 1))
        await trio.sleep(0.5)
        assert rig.speech_times == grid(0.13, 2)
        assert rig.filler_times[:3] == grid(0.0, 3)
        # The carrier has 50 ms of the filler, and the speech: then it would run dry.
        assert rig.filler_times[3:] == grid(0.18 + 2 * PTIME, len(rig.filler_times) - 3)
        assert rig.leg.statistics().clock.frames == 2
        assert rig.of(Underrun) == []


@pytest.mark.parametrize("spoke_before", [False, True])
async def test_where_arrival_is_the_time_speech_takes_the_next_slot(
    autojump_clock: MockClock, spoke_before: bool
) -> None:
    async with leg_on(carrier(stamps_by_arrival=True), idle=Idle.SILENCE) as rig:
        if spoke_before:
            await rig.put(*speech(7), UtteranceEnd(0, 1))
        await trio.sleep(0.13)
        await rig.put(*speech(0, 1, utterance=2), UtteranceEnd(0, 2))
        await trio.sleep(1)
        assert rig.speech_times[-2:] == grid(0.18, 2)
        assert rig.connection.times == grid(0.0, len(rig.connection.times))


async def test_barge_ins_do_not_make_the_filler_hurry(autojump_clock: MockClock) -> None:
    async with leg_on(carrier(clears=False), idle=Idle.SILENCE) as rig:
        await trio.sleep(0.13)
        for _ in range(5):
            rig.queue.flush()
            rig.leg.clear()
            await trio.sleep(0.001)
        await trio.sleep(1)
        assert rig.filler_times == grid(0.0, len(rig.filler_times))


async def test_after_a_clear_the_filler_begins_anew(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.SILENCE, clear_gap_ms=30) as rig:
        await trio.sleep(0.13)
        rig.leg.clear()  # the carrier has forgotten what it held: it is dry
        await trio.sleep(0.2)
        assert rig.filler_times == grid(0.0, 3) + grid(0.16, 3)


async def test_a_pause_holds_filler_too(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.SILENCE) as rig:
        await trio.sleep(0.13)
        rig.connection.say("pause")
        rig.connection.say("resume")
        await trio.sleep(0.06)
        assert rig.filler_times == grid(0.0, 4)
        rig.connection.say("pause")
        await trio.sleep(10)
        assert len(rig.filler_times) == 4


async def test_filler_into_a_full_socket_is_a_stall(autojump_clock: MockClock) -> None:
    async with leg_on(idle=Idle.SILENCE) as rig:
        rig.connection.full_after = 3  # the answer, and two frames
        await trio.sleep(1.015)
        assert rig.of(Stalled) == [Stalled()]
        assert len(rig.filler_times) == 2
        rig.connection.drain()
        await trio.sleep(0.2)
        assert rig.filler_times[2:] == grid(1.015, 4)


# --- Held ----------------------------------------------------------------------------------


async def test_a_paused_leg_resumes_where_it_was(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(*range(6)))
        await trio.sleep(0.07)
        rig.connection.say("pause")
        await trio.sleep(0.1)  # frames 2 at 0.12 was due
        assert rig.numbers == [0, 1]
        rig.connection.say("resume")
        await trio.sleep(1)
        assert rig.numbers == list(range(6))
        assert rig.speech_times[2] == pytest.approx(0.17)
        assert rig.speech_times[3:] == grid(0.18, 3)
        assert FlowPaused() in rig.events


async def test_a_resume_makes_no_frame_leave_before_its_time(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(*range(6)))
        for _ in range(20):
            rig.connection.say("resume")
            await trio.sleep(0.01)
        await trio.sleep(1)
        assert rig.speech_times == grid(0.0, 6)


async def test_a_pause_for_long_is_one_resync(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        rig.connection.say("pause")
        await wait_all_tasks_blocked()
        await rig.put(*speech(*range(4)))
        await trio.sleep(0.5)
        assert rig.numbers == []
        rig.connection.say("resume")
        await trio.sleep(0.01)
        rig.connection.say("pause")
        await trio.sleep(1)
        rig.connection.say("resume")
        await trio.sleep(1)
        assert rig.numbers == list(range(4))
        assert len(rig.of(Resynced)) == 1


async def test_nothing_is_sent_before_the_start_message(autojump_clock: MockClock) -> None:
    async with leg_on(carrier(starts=Starts.ON_MESSAGE), idle=Idle.SILENCE) as rig:
        await rig.put(*speech(0, 1))
        rig.connection.say("resume")
        await trio.sleep(5)
        assert rig.connection.received == []
        rig.connection.say("start")
        rig.connection.say("start")  # said twice, heard once
        await trio.sleep(0.09)
        assert rig.connection.texts == ["answer"]
        assert rig.speech_times == grid(5.0, 2)


@pytest.mark.parametrize("early", [0.0, 0.001])
async def test_no_audio_within_the_gap_after_a_clear(
    autojump_clock: MockClock, early: float
) -> None:
    async with leg_on(clear_gap_ms=60, idle=Idle.SILENCE, early=early) as rig:
        await rig.put(*speech(*range(9)))
        await trio.sleep(0.2)
        before = len(rig.connection.audio)
        rig.queue.flush()
        rig.leg.clear()
        cleared = trio.current_time()
        await rig.put(*speech(20, 21, 22, generation=1))
        await trio.sleep(1)
        after = [
            each.at
            for each in rig.connection.received[rig.connection.received.index(_first(rig)) :]
            if isinstance(each.message, bytes)
        ]
        assert rig.connection.when("clearaudio") == [cleared]
        assert after[0] == pytest.approx(cleared + 0.06, abs=2 * early + 1e-9)
        assert after[0] >= cleared + 0.06 - 1e-9
        assert rig.numbers[before:] == [20, 21, 22]
        assert rig.speech_times[before:] == [
            pytest.approx(after[0] + n * PTIME, abs=early + 1e-6) for n in range(3)
        ]


def _first(rig: Rig) -> Received:
    return next(each for each in rig.connection.received if each.message == "clearaudio")


async def test_what_a_carrier_holds_after_a_clear(autojump_clock: MockClock) -> None:
    for clears, left in ((True, 0.0), (False, 4 * PTIME)):
        async with leg_on(carrier(clears=clears), lead_ms=240) as rig:
            start = trio.current_time()
            await rig.put(*speech(*range(4)))
            await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            rig.leg.clear()
            assert rig.leg.heard_until == pytest.approx(start + left)


# --- Stalled -------------------------------------------------------------------------------


async def test_a_stall_loses_no_frame_and_catches_up(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        rig.connection.full_after = 4  # the answer, frames 0 to 2
        await rig.put(*speech(*range(8)))
        await trio.sleep(0.25)
        assert rig.numbers == [0, 1, 2]
        assert rig.of(Stalled) == [Stalled()]
        rig.connection.drain()
        await trio.sleep(1)
        assert rig.numbers == list(range(8))
        times = rig.speech_times
        assert times[3:5] == [pytest.approx(0.25)] * 2  # due at 0.18 and 0.24
        assert times[5:] == grid(0.30, 3)
        assert rig.leg.statistics().stalls == 1
        assert rig.queue.ledger.sent == 8


async def test_after_a_short_stall_no_frame_leaves_before_its_time(
    autojump_clock: MockClock,
) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(*range(6)))
        for frame in range(3):
            rig.connection.full_after = 2 + frame  # right after this frame, and again
            await trio.sleep_until(frame * PTIME + 0.002)
            assert rig.connection.full
            rig.connection.drain()
        rig.connection.full_after = None
        await trio.sleep(1)
        assert rig.speech_times == grid(0.0, 6)
        assert rig.leg.statistics().stalls == 3


async def test_a_stall_seen_at_the_turn(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1))
        await trio.sleep(0.01)
        rig.connection.full = True
        await trio.sleep(0.2)
        assert rig.numbers == [0]
        rig.connection.drain()
        await trio.sleep(1)
        assert rig.numbers == [0, 1]
        assert rig.leg.statistics().stalls == 1


async def test_a_command_into_a_full_socket_is_sent_and_is_a_stall(
    autojump_clock: MockClock,
) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0), Mark(0, "a"), *speech(1))
        await wait_all_tasks_blocked()
        rig.connection.full_after = None

        def full_at_the_mark(
            data: bytes, send: Callable[[bytes], None] = rig.connection.send_control
        ) -> None:
            send(data)
            rig.connection.full = b"mark" in data

        rig.connection.send_control = full_at_the_mark  # type: ignore[method-assign]
        await trio.sleep(0.2)
        assert rig.connection.texts == ["answer", "mark a"]
        assert rig.numbers == [0]
        assert rig.of(Stalled) == [Stalled()]
        rig.connection.drain()
        await trio.sleep(0.1)
        assert rig.numbers == [0, 1]


async def test_a_stall_longer_than_the_send_deadline_loses_the_leg(
    autojump_clock: MockClock,
) -> None:
    with lost("fake:1 has read nothing for 2 s"):
        async with leg_on(timing=LegTiming(send_deadline=2.0)) as rig:
            await rig.put(*speech(*range(4)))
            await trio.sleep(0.01)
            rig.connection.full = True
            await trio.sleep(2.0)
            assert rig.numbers == [0]
            await trio.sleep(10)
            raise AssertionError
    assert trio.current_time() == pytest.approx(PTIME + 2.0)


async def test_a_failure_during_a_stall_is_not_forgotten(autojump_clock: MockClock) -> None:
    with lost("gone"):
        async with leg_on() as rig:
            await rig.put(*speech(0, 1))
            await trio.sleep(0.01)
            rig.connection.full = True
            await trio.sleep(0.1)
            rig.leg.fail(LegLostError("gone"))
            rig.connection.drain()
            await trio.sleep(3600)


async def test_a_close_during_a_stall_comes_after_what_was_written(
    autojump_clock: MockClock,
) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1))
        await trio.sleep(0.01)
        rig.connection.full = True
        await trio.sleep(0.1)
        rig.leg.finish()
        await trio.sleep(1)
        assert rig.connection.closing_since is None
        rig.connection.drain()
        await trio.sleep(1)
        assert rig.connection.closed_with == 1000


# --- Lost ----------------------------------------------------------------------------------


async def test_a_frame_the_socket_did_not_take_stays_for_the_next_leg(
    autojump_clock: MockClock,
) -> None:
    queue = PlayoutQueue()
    with lost("reset"):
        async with leg_on(queue=queue) as rig:
            await rig.put(*speech(0, 1, 2))
            await trio.sleep(0.01)
            rig.connection.broken = "reset"
            try:
                await trio.sleep(1)
            finally:
                rig.leg.detach()
    assert rig.numbers == [0]
    assert queue.depth == queue.ledger.queued == 2
    async with leg_on(queue=queue) as rig:
        await trio.sleep(1)
        assert rig.numbers == [1, 2]
    assert queue.ledger.sent == 3


def takes_nothing(data: bytes) -> bool:
    return False


async def test_audio_into_a_full_socket_is_our_mistake(autojump_clock: MockClock) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(LocalProtocolError, match="stalled"), flatten_subgroups=True
    ):
        async with leg_on() as rig:
            rig.connection.try_send = takes_nothing  # type: ignore[method-assign]
            await rig.put(*speech(0))
            await trio.sleep(1)
    assert rig.queue.ledger.queued == 1


async def test_pings_are_answered_for_ever(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await trio.sleep(3600)
        assert rig.connection.pings == 120
        assert rig.pacer.statistics().wakeups < 2 * 120 + 10


async def test_no_sign_of_life_after_a_ping_loses_the_leg(autojump_clock: MockClock) -> None:
    timing = LegTiming(ping_interval=20, pong_timeout=10)
    with lost("fake:1 gave no sign of life for 10 s"):
        async with leg_on(timing=timing) as rig:
            rig.connection.answers_pings = False
            await trio.sleep(29.9)
            assert rig.connection.pings == 1
            await trio.sleep(1)
            raise AssertionError
    assert trio.current_time() == pytest.approx(30)


async def test_anything_heard_is_a_sign_of_life(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        rig.connection.answers_pings = False
        for _ in range(20):
            await trio.sleep(9)
            rig.connection.say(b"\0" * 320)
        assert rig.connection.pings == 6
        assert rig.leg.statistics().media_in == 19


async def test_a_ping_into_a_broken_connection_loses_the_leg(autojump_clock: MockClock) -> None:
    with lost("reset"):
        async with leg_on() as rig:
            rig.connection.broken = "reset"
            await trio.sleep(100)


async def test_a_detached_leg_pings_and_takes_nothing(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        await rig.put(*speech(0, 1, 2))
        await trio.sleep(0.01)
        rig.leg.detach()
        await rig.put(*speech(3))
        await trio.sleep(100)
        assert rig.numbers == [0]
        assert rig.connection.pings == 0
        assert rig.queue.depth == 3


# --- Inbound -------------------------------------------------------------------------------


class Unread(DataFrame):
    """Caller audio that may be looked at, and not decoded."""

    def message(self) -> Message:
        raise AssertionError("nobody listens")


async def test_media_nobody_listens_to_is_not_decoded(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        rig.connection.say(Unread(Opcode.BINARY, bytes(320), None))
        rig.connection.say("hello")
        await wait_all_tasks_blocked()
        assert rig.events == [Metadata("hello")]
        rig.leg.hearing.listening = True
        rig.connection.say(bytes(320))
        await wait_all_tasks_blocked()
        assert rig.events[1:] == [CallerAudio(bytes(320))]
        statistics = rig.leg.statistics()
        assert (statistics.messages_in, statistics.media_in) == (3, 1)


async def test_text_that_is_no_utf8_is_the_carriers_fault(autojump_clock: MockClock) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(RemoteProtocolError, match="UTF-8"), flatten_subgroups=True
    ):
        async with leg_on() as rig:
            rig.connection.say(DataFrame(Opcode.TEXT, b"\xff\xfe", None))
            await trio.sleep(1)


async def test_events_are_handed_on_in_order(autojump_clock: MockClock) -> None:
    async with leg_on() as rig:
        for each in ("pause", "one", "stop"):
            rig.connection.say(each)
        await wait_all_tasks_blocked()
        assert rig.events == [FlowPaused(), Metadata("one"), Stopped("far end")]
        rig.connection.say(Closing(1000))


# --- Read in the pacer's turns -------------------------------------------------------------


class PolledConnection(FakeConnection):
    """A connection whose messages the pacer reads: what `inlet` says is a line each."""

    def __init__(self) -> None:
        super().__init__()
        self.inlet: SocketInlet = SocketInlet()  # type: ignore[assignment]


@asynccontextmanager
async def polled_leg(**how: object) -> AsyncIterator[tuple[Rig, SocketInlet]]:
    connection = PolledConnection()
    try:
        async with leg_on(connection=connection, **how) as rig:  # type: ignore[arg-type]
            connection.inlet.on_line = lambda line: rig.leg.hearing.receive(inbound(line))
            await trio.sleep(1.0)
            yield rig, connection.inlet
    finally:
        connection.inlet.close()


def read_now(rig: Rig) -> None:
    """Have the next turn be one in which the connection is read."""
    assert rig.leg._reading is not None
    rig.pacer.wake(rig.leg._reading, trio.current_time())


Both = pytest.mark.parametrize("reads_first", [True, False])


async def put_and_read(rig: Rig, items: list[Audio], *, reads_first: bool) -> None:
    """Have speech sent and what was said read in one batch of turns."""
    if reads_first:
        read_now(rig)
    await rig.put(*items)
    if not reads_first:
        read_now(rig)


async def test_a_silent_leg_reads_what_is_said(autojump_clock: MockClock) -> None:
    async with polled_leg() as (rig, inlet):
        assert rig.leg.polled
        inlet.say("hello")
        await trio.sleep(0.0601)
        assert rig.events == [Metadata("hello")]
        assert inlet.lines[0][0] == about(1.0 + 0.06) or inlet.lines[0][0] < 1.06


@Both
async def test_what_goes_wrong_in_reading_leaves_the_frame_sent_with_it_sent(
    autojump_clock: MockClock, reads_first: bool
) -> None:
    """It ends the leg for its own reason, and the next leg does not say the frame again."""
    queue = PlayoutQueue(100)
    connections = []
    with pytest.RaisesGroup(
        pytest.RaisesExc(RemoteProtocolError, match="makes no sense"), flatten_subgroups=True
    ):
        async with polled_leg(queue=queue) as (rig, inlet):

            def refuse(line: str) -> None:
                raise RemoteProtocolError(f"{line} makes no sense")

            inlet.on_line = refuse
            inlet.say("this")
            connections.append(rig.connection)
            await put_and_read(rig, speech(0, 1), reads_first=reads_first)
            await trio.sleep(1)
    (connection,) = connections
    assert [number_of(each) for each in connection.audio] == [0]
    assert (queue.ledger.sent, queue.ledger.queued) == (1, 1)
    following = queue.take()
    assert isinstance(following, Audio)
    assert following.payload == numbered_pcm(1, start=1)


async def test_a_heartbeat_that_fails_beside_a_frame_leaves_the_frame_sent(
    autojump_clock: MockClock,
) -> None:
    timing = LegTiming(ping_interval=20, pong_timeout=10)
    queue = PlayoutQueue(100)
    connection = FakeConnection()
    connection.answers_pings = False
    with lost("no sign of life"):
        async with leg_on(timing=timing, queue=queue, connection=connection, early=0.001) as rig:
            await trio.sleep(29.9987)  # it pinged at 19.9995
            await rig.put(*speech(0, 1))
            await trio.sleep(1)
    assert trio.current_time() == about(29.9987)
    assert [number_of(each) for each in connection.audio] == [0]
    assert (queue.ledger.sent, queue.ledger.queued) == (1, 1)


async def test_the_first_failure_is_the_one_that_is_told(autojump_clock: MockClock) -> None:
    with lost("it broke"):
        async with polled_leg() as (rig, inlet):

            def refuse(line: str) -> None:
                raise RemoteProtocolError(line)

            inlet.on_line = refuse
            inlet.say("and then it made no sense")
            rig.connection.broken = "it broke"
            await put_and_read(rig, speech(0), reads_first=True)
            await trio.sleep(1)
            raise AssertionError


@Both
async def test_a_resume_read_beside_a_frame_makes_no_frame_leave_early(
    autojump_clock: MockClock, reads_first: bool
) -> None:
    async with polled_leg() as (rig, inlet):
        inlet.say("resume")
        await put_and_read(rig, speech(0, 1, 2), reads_first=reads_first)
        await trio.sleep(1)
        assert rig.speech_times == grid(1.0, 3)


@Both
async def test_a_clear_said_while_a_frame_is_sent_forgets_that_frame_too(
    autojump_clock: MockClock, reads_first: bool
) -> None:
    async with polled_leg(lead_ms=120) as (rig, inlet):

        def interrupt(line: str) -> None:
            rig.queue.flush()
            rig.leg.clear()

        inlet.on_line = interrupt
        inlet.say("stop")
        await put_and_read(rig, speech(0, 1, 2), reads_first=reads_first)
        await trio.sleep(0.01)
        assert rig.connection.received[-1].message == "clearaudio"
        assert rig.leg.unheard_s(trio.current_time()) == 0.0
        assert rig.queue.ledger.sent == len(rig.numbers) == 1
        assert rig.queue.ledger.flushed == 2


async def test_a_mark_that_is_owed_is_read_soon_and_then_no_more(
    autojump_clock: MockClock,
) -> None:
    async with polled_leg(mark_wait_ms=2000) as (rig, inlet):
        await rig.put(*speech(0), Mark(0, "m"))
        await trio.sleep(0.1)

        async def gaps() -> list[float]:
            """Have something to read all the time, and look how often it is."""
            inlet.fetches.clear()
            for _ in range(30):
                inlet.say("x")
                await trio.sleep(0.01)
            return [late - early for early, late in pairwise(inlet.fetches)]

        assert max(await gaps()) <= 0.0201
        inlet.say("played m")
        await trio.sleep(0.1)
        assert min(await gaps()) >= 0.0599


@pytest.mark.parametrize("way", ["listen", "finish", "starting"])
async def test_who_waits_for_what_is_said_reads_soon(autojump_clock: MockClock, way: str) -> None:
    starts = Starts.ON_MESSAGE if way == "starting" else Starts.ON_CONNECT
    async with polled_leg(kind=carrier(starts=starts)) as (rig, inlet):
        if way == "listen":
            rig.leg.listen(on=True)
        elif way == "finish":
            rig.connection.close_takes = 10
            rig.leg.finish()
        await trio.sleep(0.1)
        inlet.fetches.clear()
        for _ in range(30):
            inlet.say("x")
            await trio.sleep(0.01)
        assert max(b - a for a, b in pairwise(inlet.fetches)) <= 0.0201


async def test_a_detached_leg_is_not_read(autojump_clock: MockClock) -> None:
    async with polled_leg() as (rig, inlet):
        rig.leg.detach()
        inlet.say("too late")
        await trio.sleep(1)
        assert inlet.lines == []
        assert rig.pacer.rounds._rounds == {True: [], False: []}
