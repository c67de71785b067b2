"""Some utterances cut and others not, silence and speech again, order, and the start gate."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import PTIME, Talk, in_turn, line, speaks, state, talk
from fakes import Pieces, Script, number_of, numbered_pcm
from trioaudio.core.carrier import EndStream, HangUp
from trioaudio.core.connection import Closing
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.speech import SpeechSink, SpokenWord
from trioaudio.core.utterance import Cause, Certainty, Interruptible, UtteranceState
from trioaudio.utterances import Order, Say

NEVER, DTMF, SPEECH, ANY = (
    Interruptible.NEVER,
    Interruptible.DTMF,
    Interruptible.SPEECH,
    Interruptible.ANY,
)


def tells(frames: int, start: int, word_every: int) -> Script:
    """Speak numbered frames, and a word of four letters every so many of them."""

    async def script(sink: SpeechSink) -> None:
        for n, at in enumerate(range(0, frames, word_every)):
            sink.tell(SpokenWord(5 * n, 4, at * PTIME * 1000))
        await sink.write(numbered_pcm(frames, start=start))

    return script


def order(made: Talk, **wishes: object) -> Say:
    said, _ = made.call.speech.order(Order(Pieces("x"), **wishes))  # type: ignore[arg-type]
    return said


def heard(made: Talk, since: float, until: float) -> list[int]:
    """The speech frames sent within a time."""
    return [
        number_of(each.message)
        for link in made.connections
        for each in link.received
        if isinstance(each.message, bytes) and any(each.message) and since <= each.at <= until
    ]


# --- Some are cut ------------------------------------------------------------------------------


async def test_what_must_be_heard_survives_a_barge_in(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(10), speaks(10, 100))) as made:
        first, second = order(made), order(made, interruptible=NEVER)
        await trio.sleep(0.2)
        cut = made.call.barge_in()
        assert cut.utterances == (1,)
        await trio.sleep(2)
        assert state(first)[:2] == (UtteranceState.INTERRUPTED, Cause.BARGE_IN)
        assert state(second)[:2] == (UtteranceState.PLAYED, Cause.NORMAL)
        assert made.numbers == [0, 1, 2, 3, *range(100, 110)]
        assert made.connections[0].when("clearaudio") == [pytest.approx(0.2)]


async def test_one_that_is_being_framed_goes_on_in_the_new_generation(
    autojump_clock: MockClock,
) -> None:
    """It is longer than the queue, so its framer waits for room while another one is cut."""
    async with talk(in_turn(speaks(60), speaks(5, 100))) as made:
        first, second = order(made, interruptible=NEVER), order(made)
        await trio.sleep(0.5)
        assert made.call.barge_in().utterances == (2,)
        await trio.sleep(6)
        assert made.numbers == list(range(60))
        assert state(first)[:2] == (UtteranceState.PLAYED, Cause.NORMAL)
        assert state(second)[:2] == (UtteranceState.INTERRUPTED, Cause.BARGE_IN)
        # It was not heard yet, so nothing had to be forgotten.
        assert made.connections[0].when("clearaudio") == []


@pytest.mark.parametrize(
    ("by", "cut"),
    [(ANY, [2, 3, 4]), (DTMF, [2, 4]), (SPEECH, [3, 4])],
    ids=["control", "dtmf", "speech"],
)
async def test_who_may_cut_what(
    by: Interruptible, cut: list[int], autojump_clock: MockClock
) -> None:
    async with talk(speaks(3)) as made:
        for each in (NEVER, DTMF, SPEECH, ANY):
            order(made, interruptible=each)
        await trio.sleep(0.01)
        assert sorted(made.call.barge_in(by=by).utterances) == cut


async def test_one_of_several_is_stopped(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(5), speaks(5, 100), speaks(5, 200))) as made:
        one, two, three = order(made), order(made), order(made)
        await trio.sleep(0.07)
        assert made.call.speech.cut([2]).utterances == (2,)
        await trio.sleep(2)
        assert made.numbers == [0, 1, 2, 3, 4, 200, 201, 202, 203, 204]
        assert [each.utterance.cause for each in (one, two, three)] == [
            Cause.NORMAL,
            Cause.CANCELLED,
            Cause.NORMAL,
        ]


async def test_what_survives_and_was_sent_ahead_is_sent_again(autojump_clock: MockClock) -> None:
    """The carrier holds the end of one and the beginning of the next, and forgets both."""
    async with talk(in_turn(speaks(3), speaks(6, 100)), line(lead_ms=240)) as made:
        first, second = order(made), order(made, interruptible=NEVER)
        await trio.sleep(0.13)
        assert made.numbers == [0, 1, 2, 100, 101, 102, 103]
        made.call.barge_in()
        await trio.sleep(2)
        assert made.numbers == [0, 1, 2, 100, 101, 102, 103, *range(100, 106)]
        assert first.utterance.played_ms == pytest.approx(130, abs=1)
        assert state(second)[:2] == (UtteranceState.PLAYED, Cause.NORMAL)
        assert second.utterance.played_ms == pytest.approx(360)
        assert made.call.queue.ledger.recalled == 4


async def test_the_consequence_of_what_is_cut_does_not_come(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(3), speaks(3, 100)), line(hangs_up=True)) as made:
        order(made, then=HangUp())
        order(made, interruptible=NEVER)
        await trio.sleep(0.1)
        made.call.barge_in()
        await trio.sleep(3)
        assert made.outcome is None
        assert made.connections[0].when("hangup") == []


async def test_marks_of_what_survives_get_new_names(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(3), speaks(3, 100)), line(marks=True, lead_ms=600)) as made:
        first, second = order(made), order(made, interruptible=NEVER)
        await trio.sleep(0.01)
        assert made.connections[0].texts[-2:] == ["mark u1g0", "mark u2g0"]
        made.call.barge_in()
        made.connections[0].say("played u2g0")  # as some carriers do when they clear
        await trio.sleep(0.1)
        assert made.connections[0].texts[-1] == "mark u2g1"
        assert not second.utterance.state.final
        await trio.sleep(0.2)
        made.connections[0].say("played u2g1")
        await wait_all_tasks_blocked()
        assert state(second) == (UtteranceState.PLAYED, Cause.NORMAL, Certainty.ACKED)
        assert state(first)[:2] == (UtteranceState.INTERRUPTED, Cause.BARGE_IN)


# --- Order -------------------------------------------------------------------------------------


async def test_priority_orders_what_waits_and_cuts_nothing(autojump_clock: MockClock) -> None:
    spoken: list[str] = []

    async def script(sink: SpeechSink) -> None:
        spoken.append(made.speaker.texts[-1])
        await sink.write(numbered_pcm(20))

    async with talk(script) as made:
        for name, priority in (("a", 0), ("b", 0), ("c", 5), ("d", -5), ("e", 5)):
            made.call.speech.order(Order(Pieces(name), priority=priority))
            await trio.sleep(0.01)
        await trio.sleep(10)
        assert spoken == ["a", "c", "e", "b", "d"]


async def test_a_hang_up_waits_for_all_that_was_there(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), line(hangs_up=True)) as made:
        said = [order(made, priority=each) for each in (0, 5, -5)]
        await made.call.hang_up()
        await trio.sleep(3)
        assert made.outcome == Closing(1000)
        assert [each.utterance.cause for each in said] == [Cause.NORMAL] * 3


@pytest.mark.parametrize("then", [HangUp(), EndStream()], ids=["hang-up", "end-stream"])
async def test_a_consequence_comes_before_any_other_text(
    then: HangUp | EndStream, autojump_clock: MockClock
) -> None:
    async with talk(in_turn(speaks(3), speaks(3, 100)), line(hangs_up=True)) as made:
        order(made, then=then, tail=0.5)
        order(made)
        await trio.sleep(3)
        assert made.numbers == [0, 1, 2]
        assert made.connections[0].when(type(then).__name__.lower()) == [
            pytest.approx(3 * PTIME + 0.5)
        ]


async def test_a_failure_has_its_consequence(autojump_clock: MockClock) -> None:
    async def fails(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(2))
        raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)

    async with talk(fails, line(hangs_up=True)) as made:
        said = order(made, then=HangUp())
        await trio.sleep(1)
        assert said.utterance.cause is Cause.ERROR
        assert made.outcome == Closing(1000)


async def test_what_begins_too_late_is_not_said(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(30), speaks(3, 100))) as made:
        order(made)
        late, last = order(made, expires=0.5), order(made)
        await trio.sleep(5)
        assert late.utterance.cause is Cause.EXPIRED
        assert late.done.is_set()
        assert last.utterance.cause is Cause.NORMAL
        assert made.numbers == [*range(30), 100, 101, 102]


async def test_without_room_nothing_is_accepted(autojump_clock: MockClock) -> None:
    async with talk(speaks(50), attrs.evolve(line(), utterances_ahead=2)) as made:
        order(made)
        await trio.sleep(0.01)
        order(made), order(made)
        with pytest.raises(trio.WouldBlock):
            order(made)
        assert made.call.open_utterances == 3
        made.call.barge_in()
        assert order(made).utterance.id == 4


# --- Pause and resume --------------------------------------------------------------------------


async def test_a_pause_goes_on_with_the_next_frame(autojump_clock: MockClock) -> None:
    async with talk(speaks(10)) as made:
        said = order(made)
        await trio.sleep(0.2)
        made.call.speech.pause()
        made.call.speech.pause()
        assert made.call.speech.paused
        await trio.sleep(5)
        assert made.numbers == [0, 1, 2, 3]
        made.call.speech.resume()
        await trio.sleep(2)
        assert made.numbers == list(range(10))
        assert heard(made, 5.2, 5.21) == [4]
        assert said.utterance.cause is Cause.NORMAL
        assert said.utterance.played_ms == pytest.approx(600)


@pytest.mark.parametrize("lead_ms", [0, 180])
async def test_a_pause_in_a_word_goes_on_from_its_beginning(
    lead_ms: int, autojump_clock: MockClock
) -> None:
    async with talk(tells(20, 0, word_every=5), line(lead_ms=lead_ms)) as made:
        said = order(made)
        await trio.sleep(0.44)  # in the eighth frame, which is of the second word
        made.call.speech.pause()
        assert said.utterance.played_ms == pytest.approx(300)  # where it goes on
        await trio.sleep(1)
        before = len(made.numbers)
        made.call.speech.resume()
        await trio.sleep(3)
        assert made.numbers[before:] == list(range(5, 20))
        assert made.connections[0].when("clearaudio") == ([0.44] if lead_ms else [])
        assert said.utterance.cause is Cause.NORMAL
        assert said.utterance.played_ms == pytest.approx(1200)


async def test_a_pause_after_all_was_sent(autojump_clock: MockClock) -> None:
    """Its end was told before, and is told again."""
    async with talk(tells(6, 0, word_every=3), line(lead_ms=600, marks=True)) as made:
        said = order(made)
        await trio.sleep(0.1)
        assert state(said)[0] is UtteranceState.SENT
        made.call.speech.pause()
        assert state(said)[0] is UtteranceState.SPEAKING
        await trio.sleep(10)
        made.call.speech.resume()
        await trio.sleep(0.01)
        assert made.numbers == [*range(6), *range(6)]
        assert said.utterance.state is UtteranceState.SENT
        await trio.sleep(5)
        assert said.utterance.cause is Cause.NORMAL


async def test_what_is_said_in_a_pause_waits(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(3), speaks(3, 100))) as made:
        made.call.speech.pause()
        order(made)
        await trio.sleep(3)
        assert made.numbers == []
        made.call.speech.resume()
        await trio.sleep(1)
        assert made.numbers == [0, 1, 2]


async def test_a_barge_in_ends_a_pause(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(10), speaks(3, 100))) as made:
        said = order(made)
        await trio.sleep(0.2)
        made.call.speech.pause()
        made.call.barge_in()
        assert not made.call.speech.paused
        order(made)
        await trio.sleep(2)
        assert made.numbers == [0, 1, 2, 3, 100, 101, 102]
        assert said.utterance.cause is Cause.BARGE_IN


async def test_a_pause_over_a_lost_connection(autojump_clock: MockClock) -> None:
    async with talk(speaks(10), line(keep=60.0), links=2) as made:
        order(made)
        await trio.sleep(0.2)
        made.call.speech.pause()
        made.connections[0].break_off()
        await trio.sleep(5)
        assert made.numbers == [0, 1, 2, 3]
        made.call.speech.resume()
        await trio.sleep(2)
        assert made.numbers == list(range(10))


async def test_filler_goes_on_in_a_pause(autojump_clock: MockClock) -> None:
    async with talk(speaks(10), line(idle="silence")) as made:
        made.call.speech.pause()
        await trio.sleep(0.61)
        assert len(made.connections[0].audio) == 11


# --- A lost connection ---------------------------------------------------------------------------


async def test_what_a_lost_carrier_had_not_played_is_sent_again(autojump_clock: MockClock) -> None:
    async with talk(speaks(10), line(lead_ms=180), links=2) as made:
        said = order(made)
        await trio.sleep(0.13)
        assert made.numbers == [0, 1, 2, 3, 4, 5]
        made.connections[0].break_off()
        await trio.sleep(3)
        # The third frame was half played: that it is cut is heard less than that it comes twice.
        assert made.numbers == [0, 1, 2, 3, 4, 5, *range(3, 10)]
        assert said.utterance.cause is Cause.NORMAL
        assert made.call.queue.ledger.recalled == 3


# --- The start gate ------------------------------------------------------------------------------


async def test_speech_waits_for_the_far_ends_first_audio(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), attrs.evolve(line(), start_gate=5.0)) as made:
        order(made)
        await trio.sleep(1)
        assert made.numbers == []
        assert made.speaker.texts == ["x"]  # it is spoken ahead all the same
        made.connections[0].say(b"\1\1")
        await trio.sleep(1)
        assert heard(made, 1.0, 1.01) == [0]
        assert made.numbers == [0, 1, 2]


async def test_nobody_waits_for_the_far_end_for_ever(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), attrs.evolve(line(), start_gate=2.0)) as made:
        order(made)
        await trio.sleep(4)
        assert heard(made, 2.0, 2.01) == [0]
        assert made.numbers == [0, 1, 2]


async def test_the_gate_stays_open_and_a_pause_is_a_pause(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), attrs.evolve(line(), start_gate=2.0), links=2) as made:
        made.call.speech.pause()
        made.call.listen(on=True)
        order(made)
        made.connections[0].say(b"\1\1")
        await trio.sleep(3)
        assert made.numbers == []
        made.connections[0].break_off()
        await trio.sleep(0.1)
        made.call.speech.resume()
        await trio.sleep(1)
        assert made.numbers == [0, 1, 2]
