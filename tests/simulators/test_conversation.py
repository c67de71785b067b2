"""Whole calls in virtual time: a sender's messages in, what the carrier says and when."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest

from simulators.fake_dialect import PlainDialect, RememberedWire
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.pcm import PcmFormat
from trioaudio.simulators.agenda import Agenda
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.callee import Callee
from trioaudio.simulators.caller import caller_audio
from trioaudio.simulators.conversation import Conversation
from trioaudio.simulators.dialect import Backlog
from trioaudio.simulators.faults import Strike, Strikes, read_faults
from trioaudio.simulators.flow import flow_control
from trioaudio.simulators.marks import Acknowledgements
from trioaudio.simulators.playout import Playout
from trioaudio.simulators.script import script
from trioaudio.simulators.timetable import Keys, Occurrence, Timetable

MEDIA = MediaFormat(Encoding.PCM16, 8000)
FRAME = b"\x01\x02" * 480


@attrs.define(eq=False)
class Rig:
    """A conversation and a clock of its own, which the test moves."""

    faults: tuple[str, ...] = ()
    caller: str = "none"
    keys: tuple[Keys, ...] = ()
    hang_up_after: float | None = None
    backlog: Backlog | None = None
    now: float = 100.0
    wire: RememberedWire = attrs.field(factory=RememberedWire)
    events: Agenda[Occurrence] = attrs.field(factory=Agenda)
    told: list[str] = attrs.field(factory=list)
    call: SimulatedCall = attrs.field(init=False)
    strikes: Strikes = attrs.field(init=False)
    conversation: Conversation = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        faults = read_faults(self.faults)
        callee = Callee()
        self.strikes = Strikes(faults)
        self.call = SimulatedCall(
            dialect="plain",
            call_id="c",
            media=MEDIA,
            pcm=PcmFormat(8000),
            decode=lambda audio: audio,
            arrivals=Arrivals(8000, 0.0),
            callee=callee,
            playout=Playout(8000, callee),
            marks=Acknowledgements(faults, random.Random(0)),
            flow=flow_control(self.backlog, 8000),
            tell=lambda name, _more: self.told.append(name),
            plays="reject-silently" not in self.faults,
        )
        self.connect()

    def connect(self) -> None:
        faults = read_faults(self.faults)
        self.conversation = Conversation(
            call=self.call,
            dialect=PlainDialect(),
            script=script(
                MEDIA,
                caller_audio(self.caller, MEDIA, 20),
                0.02,
                faults,
                Timetable(self.keys, self.hang_up_after, faults),
            ),
            strikes=self.strikes,
            events=self.events,
            wire=self.wire,
        )
        self.call.connected(self.now, "peer")
        self.wire.now = self.now
        self.conversation.open(self.now)

    def until(self, now: float) -> None:
        """Let time pass as the metronome does: from one due time to the next."""
        while (due := self.conversation.due) is not None and due <= now:
            self.wire.now = due
            self.conversation.step(due)
        self.now = self.wire.now = now

    def send(self, *messages: str | bytes) -> None:
        for message in messages:
            self.wire.now = self.now
            self.conversation.take(message, self.now)

    def since(self, begin: float = 100.0) -> list[tuple[float, Any]]:
        return [(round(at - begin, 4), message) for at, message in self.wire.said]


def test_it_opens_and_plays_and_says_so() -> None:
    rig = Rig()
    rig.send(FRAME, "mark a", FRAME, "mark b")
    rig.until(101.0)
    assert rig.since() == [
        (0.0, "start"),
        (0.0, "late"),
        (0.06, "played a"),
        (0.12, "played b"),
        (0.12, "drained"),
    ]
    assert rig.call.marks.statistics() == {"asked": 2, "played": 2, "cleared": 0, "lost": 0}
    assert rig.call.callee.samples == 0
    rig.call.playout.finish(rig.now)
    assert rig.call.callee.samples == 960


def test_caller_audio_has_absolute_deadlines_and_the_late_opening_follows_the_first() -> None:
    rig = Rig(caller="tone")
    rig.until(102.0)
    times = [at for at, _ in rig.wire.spoken]
    assert times == pytest.approx([100 + n * 0.02 for n in range(len(times))], abs=1e-4)
    assert 100 <= len(times) <= 101
    assert rig.since() == [(0.0, "start"), (0.0, "late")]
    assert rig.call.caller_messages == len(times)


def test_a_step_that_comes_late_does_everything_in_order() -> None:
    rig = Rig(caller="silence", keys=(Keys("12", 0.3),))
    rig.send(FRAME, "mark a")
    rig.conversation.step(100.9)
    assert rig.wire.words == ["start", "late", "played a", "drained", "key 1", "key 2"]
    assert len(rig.wire.spoken) == 46


def test_caller_audio_that_is_far_too_late_is_left_out() -> None:
    rig = Rig(caller="silence")
    rig.conversation.step(160.0)
    assert len(rig.wire.spoken) < 120
    rig.until(160.5)
    assert rig.wire.spoken[-1][0] == pytest.approx(160.5, abs=0.021)


def test_a_clear_takes_audio_and_marks() -> None:
    rig = Rig()
    rig.send(FRAME * 10, "mark a", "mark b")
    rig.until(100.1)
    rig.send("clear", FRAME, "mark c")
    rig.until(101.0)
    assert rig.since()[2:] == [(0.1, "cleared a b"), (0.16, "played c"), (0.16, "drained")]
    assert rig.call.marks.statistics() == {"asked": 3, "played": 1, "cleared": 2, "lost": 0}
    assert rig.call.clears == 1
    assert "clear" in rig.told


def test_a_mark_that_is_due_at_the_moment_of_the_clear_was_played() -> None:
    rig = Rig()
    rig.send(FRAME, "mark a")
    rig.now = 100.06
    rig.send("clear")
    assert rig.wire.words[2:] == ["played a", "drained", "cleared"]


def test_several_readings_of_one_message() -> None:
    rig = Rig()
    rig.send(FRAME, "two")
    assert rig.wire.words[2:] == ["cleared", "played after"]


def test_pause_and_resume() -> None:
    rig = Rig()
    rig.send(FRAME, "mark a")
    rig.until(100.03)
    rig.send("pause")
    rig.until(101.0)
    assert len(rig.wire.said) == 2
    rig.send("resume")
    rig.until(102.0)
    assert rig.since()[2:] == [(1.03, "played a"), (1.03, "drained")]


@pytest.mark.parametrize("word", ["stop", "hang-up"])
def test_the_sender_ends_it(word: str) -> None:
    rig = Rig(caller="silence")
    rig.send(word, "mark a")
    assert rig.conversation.over == Closed(1000, word, "carrier")
    assert rig.wire.words[-1] == f"closing: {word}"
    assert rig.conversation.due is None
    assert rig.call.command_count == 1


def test_the_callee_hangs_up() -> None:
    rig = Rig(hang_up_after=2.0)
    rig.until(105.0)
    assert rig.since()[-1] == (2.0, "closing: the callee hung up")
    assert rig.conversation.over == Closed(1000, "the callee hung up", "carrier")


def test_keys_are_pressed_once_in_a_call_whatever_happens_to_its_connections() -> None:
    rig = Rig(keys=(Keys("12", 1.0), Keys("3", 5.0)))
    rig.until(102.0)
    rig.call.disconnected(102.0, Closed(1006, "", "fault"))
    rig.now = 110.0
    rig.connect()
    rig.until(111.0)
    keys = [(at, words) for at, words in rig.since() if str(words).startswith("key")]
    assert keys == [(1.0, "key 1"), (1.2, "key 2"), (10.0, "key 3")]
    assert rig.call.keys_pressed == 3


def test_controls_and_violations_are_listed_and_answered() -> None:
    rig = Rig()
    rig.send("do answer", "do answer", "do dance", "nonsense", b"\0\0")
    assert rig.wire.words[2:] == ["done answer", "done answer", "done dance", "pardon"]
    assert dict(rig.call.controls) == {"answer": 2, "dance": 1}
    assert rig.call.commands[0] == {"at": 100.0, "command": "answer", "more": "{'to': 42}"}
    problems = [each["problem"] for each in rig.call.protocol_errors]
    assert problems == ["what is nonsense?", "short"]


def test_flow_control() -> None:
    rig = Rig(backlog=Backlog(600, 500, 100))
    rig.send(*[FRAME] * 9)
    rig.until(102.0)
    assert rig.since()[2:] == [(0.0, "xoff"), (0.44, "xon"), (0.54, "drained")]
    assert rig.call.flow.pauses == 1


def test_audio_beyond_the_backlog_is_dropped_and_blamed_once() -> None:
    rig = Rig(backlog=Backlog(300))
    rig.send(*[FRAME] * 9)
    assert rig.call.playout.waiting == 2400
    assert rig.call.refused == 9 * 480 - 2400
    assert rig.call.protocol_error_count == 1
    rig.until(100.2)
    rig.send(FRAME)
    rig.send(*[FRAME] * 9)
    assert rig.call.protocol_error_count == 2


def test_what_waits_when_the_connection_ends_is_unplayed() -> None:
    rig = Rig()
    rig.send(FRAME, FRAME, "mark a")
    rig.call.disconnected(100.03, Closed(1006, "", "network"))
    assert rig.call.unplayed == 960 - 240
    assert rig.call.marks.lost == 1


# --- Faults ------------------------------------------------------------------------------


def test_early_media() -> None:
    rig = Rig(faults=("early-media",), caller="silence")
    rig.until(100.2)
    assert rig.since() == [(0.0, "late"), (0.1, "start")]
    assert sum(1 for at, _ in rig.wire.spoken if at < 100.0999) == 5


def test_a_late_start() -> None:
    rig = Rig(faults=("late-start=2",), caller="silence")
    rig.until(103.0)
    assert rig.since() == [(2.0, "start"), (2.0, "late")]
    assert rig.wire.spoken[0][0] == 102.0


def test_a_start_that_comes_twice() -> None:
    assert Rig(faults=("duplicate-start",)).wire.words == ["start", "start", "late"]


def test_no_start_and_caller_audio_all_the_same() -> None:
    rig = Rig(faults=("no-start",), caller="silence")
    rig.until(101.0)
    assert rig.wire.said == []
    assert len(rig.wire.spoken) >= 50


def test_late_and_lost_and_duplicate_and_stale_marks() -> None:
    rig = Rig(faults=("late-marks=0.5", "duplicate-marks", "stale-mark-after-clear"))
    rig.send(FRAME, "mark a", FRAME, "mark b")
    rig.until(100.1)
    rig.send("clear")
    rig.until(102.0)
    assert rig.since()[2:] == [
        (0.1, "cleared b"),
        (0.3, "played b"),
        (0.56, "played a"),
        (0.56, "played a"),
    ]
    lost = Rig(faults=("lost-marks",))
    lost.send(FRAME, "mark a")
    lost.until(101.0)
    assert lost.wire.words[2:] == ["drained"]


def test_a_clear_race_plays_on_and_takes_what_came_meanwhile() -> None:
    rig = Rig(faults=("clear-race=200",))
    rig.send(FRAME * 10, "mark a")
    rig.until(100.1)
    rig.send("clear", FRAME, "mark b")
    rig.until(101.0)
    assert rig.since()[2:] == [(0.3, "cleared a b")]
    assert rig.call.playout.statistics().played == 2400


def test_storms() -> None:
    rig = Rig(faults=("dtmf-storm", "xoff-storm"))
    rig.until(103.0)
    assert rig.call.keys_pressed == 500
    assert rig.wire.words.count("xoff") == rig.wire.words.count("xon") == 50
    assert rig.call.flow.pauses == 0


def test_malformed_and_big_messages_come_once_in_a_call() -> None:
    rig = Rig(faults=("malformed", "big-message"))
    assert rig.wire.words[2] == "}{"
    assert len(rig.wire.words[3]) == 10_000_000
    rig.connect()
    assert rig.wire.words[4:] == ["start", "late"]


def test_a_flood() -> None:
    rig = Rig(faults=("flood",), caller="silence")
    rig.until(100.99)
    assert len(rig.wire.spoken) == 50 * 20


def test_audio_rejected_in_silence() -> None:
    rig = Rig(faults=("reject-silently",))
    rig.send(FRAME, "mark a")
    rig.until(101.0)
    assert rig.wire.words == ["start", "late"]
    assert rig.call.refused == 480


def test_a_close_is_the_carriers_and_a_reset_a_fault() -> None:
    closed = Rig(faults=("close-after=2",))
    closed.send(FRAME, FRAME, FRAME)
    assert closed.conversation.over == Closed(1000, "close-after", "carrier")
    assert closed.call.frames == 2
    reset = Rig(faults=("reset-after=1",))
    reset.send(FRAME)
    assert reset.conversation.over == Closed(1006, "reset-after", "fault")
    assert reset.wire.strikes == [Strike.RESET]


def test_an_early_stop_goes_on() -> None:
    rig = Rig(faults=("early-stop-after=1",), caller="silence")
    rig.send(FRAME)
    rig.until(100.5)
    assert rig.wire.words[2:] == ["closing: early-stop-after", "drained"]
    assert len(rig.wire.spoken) > 20
    assert rig.conversation.over is None


def test_half_open_is_silence() -> None:
    rig = Rig(faults=("half-open-after=1", "garbage-after=1"), caller="silence")
    rig.until(100.05)
    spoken = len(rig.wire.spoken)
    rig.send(FRAME, "do answer", "mark a")
    rig.until(101.0)
    assert rig.wire.words == ["start", "late"]
    assert len(rig.wire.spoken) == spoken
    assert set(rig.wire.strikes) == {Strike.HALF_OPEN, Strike.GARBAGE}


def test_an_end_is_said_once() -> None:
    rig = Rig()
    rig.conversation.end("told to")
    rig.conversation.end("again")
    assert rig.wire.words[2:] == ["closing: told to"]
