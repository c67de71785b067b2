"""Nothing drifts: an hour of a call, sample by sample, without waiting an hour."""

from __future__ import annotations

import random
from collections.abc import Iterator

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trioaudio.core.playout import PlayoutClock
from trioaudio.observe import call_tape
from trioaudio.observe.call_tape import AHEAD_MOST_S, TOLERANCE_S, CallTape, arrival

RATE = 8000
HOUR = 3600


@attrs.define
class Reel:
    """Keeps what a recording would hold."""

    parts: list[bytes] = attrs.field(factory=list)

    def write(self, pcm: bytes) -> None:
        self.parts.append(pcm)

    def write_silence(self, samples: int) -> None:
        self.parts.append(bytes(samples * 4))

    def channel(self, number: int) -> NDArray[np.int16]:
        return np.frombuffer(b"".join(self.parts), dtype="<i2")[number::2]


def numbered(start: int, count: int) -> bytes:
    """Samples that tell their own place; never 0."""
    return (np.arange(start, start + count) % 32749 + 1).astype("<i2").tobytes()


@pytest.mark.parametrize(("epoch", "seconds"), [(1 / 3, HOUR), (17.0 + 0.5 / RATE, 600)])
def test_our_side_is_exact_to_the_sample_after_an_hour(epoch: float, seconds: int) -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    for n in range(seconds * 1000 // 60):
        due = epoch + n * 0.06
        tape.lay_ours(due, numbered(n * 480, 480), 1)
        tape.write(due - 2)
    tape.write(tape.end_s)
    heard = reel.channel(0)
    first = round(epoch * RATE)
    assert not heard[:first].any()
    assert heard[first:].tobytes() == numbered(0, seconds * RATE)
    [span] = tape.spans
    assert (span.start, span.end) == (first, first + seconds * RATE)
    assert not reel.channel(1).any()


def test_due_times_as_a_leg_tells_them() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    clock = PlayoutClock(ptime=0.06, lead=0.18)
    clock.start(12.345678)
    for n in range(1000):
        # The engine is too slow for frame 500; frame 700 is sent late, which nobody hears.
        ready_at = clock.due + 0.25 if n == 500 else clock.send_at - 1
        sent_at = max(clock.send_at + (0.15 if n == 700 else 0.0), ready_at)
        clock.tick(sent_at, ready_at)
        tape.lay_ours(clock.due - clock.ptime, numbered(n * 480, 480), 1)
        tape.write(sent_at - 2)
    tape.write(tape.end_s)
    heard = reel.channel(0)
    first, second = round(12.345678 * RATE), round((12.345678 + 30.25) * RATE)
    assert heard[first : first + 240_000].tobytes() == numbered(0, 240_000)
    assert not heard[first + 240_000 : second].any()
    assert heard[second:].tobytes() == numbered(240_000, 240_000)
    assert [(span.start, span.end) for span in tape.spans] == [
        (first, first + 240_000),
        (second, second + 240_000),
    ]


def arrivals(skew: float, seconds: int) -> Iterator[tuple[float, int]]:
    """When each message comes: the clock is off, and the network jitters by 20 ms."""
    draw = random.Random(5)
    for n in range(seconds * 50):
        yield (n + 1) * 0.02 * (1 + skew) + draw.uniform(0, 0.02), n


@pytest.mark.parametrize(
    ("skew", "seconds", "re_anchors"),
    [(0.0, 600, range(1)), (100e-6, HOUR, range(2, 5)), (-100e-6, HOUR, range(2, 5))],
)
def test_the_callers_clock_may_be_wrong_for_an_hour(
    skew: float, seconds: int, re_anchors: range
) -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    for at, n in arrivals(skew, seconds):
        # Each message says which it is, so that its place can be found afterwards.
        one = np.full(160, n % 30_000 + 1, dtype="<i2").tobytes()
        tape.lay_theirs([arrival(at, one)], 1)
        if n % 25 == 0:
            tape.write(at - 2)
    tape.write(tape.end_s)
    heard = reel.channel(1)
    assert tape.re_anchors in re_anchors
    assert len(tape.told) == tape.re_anchors
    worst = 0.0
    for at, n in arrivals(skew, seconds):
        if n % 97:
            continue
        middle = round((at - 0.01) * RATE)
        around = slice(max(0, middle - 1600), middle + 1600)
        places = np.flatnonzero(heard[around] == n % 30_000 + 1)
        if len(places):  # what a step back in time replaced is not there
            end = around.start + int(places[-1]) + 1
            worst = max(worst, abs(end / RATE - at))
    assert worst <= TOLERANCE_S + 1 / RATE
    # Contiguous otherwise: silence or loss only where it was anchored anew.
    silent = int((heard[: seconds * RATE] == 0).sum())
    assert silent <= (tape.re_anchors + 1) * (TOLERANCE_S + 0.04) * RATE


def test_a_pause_of_the_callers_is_silence() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    tape.lay_theirs([arrival(0.02, numbered(0, 160)), arrival(1.02, numbered(0, 160))], 2)
    tape.write(1.02)
    heard = reel.channel(1)
    assert heard[:160].tobytes() == heard[8000:].tobytes() == numbered(0, 160)
    assert not heard[160:8000].any()
    assert [(each.at_s, each.by_s) for each in tape.told] == [(1.0, 0.98)]


def test_a_stall_of_the_network_is_no_pause() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    tape.lay_theirs([arrival(0.02, numbered(0, 160))], 1)
    # Half a second of nothing, then all that was held back, at once, then as before.
    late = [arrival(0.54, numbered(160 * n, 160)) for n in range(1, 27)]
    live = [arrival(0.02 * (n + 1), numbered(160 * n, 160)) for n in range(27, 40)]
    tape.lay_theirs([*late, *live], len(late) + len(live))
    tape.write(0.8)
    assert reel.channel(1).tobytes() == numbered(0, 160 * 40)
    assert tape.re_anchors == 0


def test_what_only_tells_whether_it_catches_up_is_not_laid_yet() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    tape.lay_theirs([arrival(0.02, numbered(0, 160)), arrival(0.04, numbered(160, 160))], 1)
    assert tape.end_s == 0.02


def test_a_clear_silences_what_was_sent_ahead_and_not_what_comes_after() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    for n in range(4):
        tape.lay_ours(n * 0.06, numbered(0, 480), 1)
    tape.lay_theirs([arrival(0.24, numbered(0, 1920))], 1)
    tape.clear(0.1)
    tape.lay_ours(0.15, numbered(0, 480), 2)
    tape.write(0.3)
    ours = reel.channel(0)
    assert ours[:800].tobytes() == (numbered(0, 480) + numbered(0, 480))[:1600]
    assert not ours[800:1200].any()
    assert ours[1200:1680].tobytes() == numbered(0, 480)
    assert not ours[1680:].any()
    assert reel.channel(1)[:1920].tobytes() == numbered(0, 1920)
    assert [(s.utterance, s.start, s.end) for s in tape.spans] == [(1, 0, 800), (2, 1200, 1680)]


def test_a_clear_of_what_is_written_changes_nothing() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    tape.lay_ours(0.0, numbered(0, 480), 1)
    tape.write(0.06)
    tape.clear(0.0)
    tape.write(0.1)
    assert reel.channel(0)[:480].tobytes() == numbered(0, 480)


def test_times_that_cannot_be_are_counted() -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    tape.write(1.0)
    tape.lay_ours(0.97, numbered(0, 480), 1)  # half of it is too late
    tape.lay_ours(0.5, numbered(0, 480), 1)  # all of it
    tape.lay_ours(1.0 + AHEAD_MOST_S, numbered(0, 480), 1)
    tape.lay_ours(1.2, b"", 1)
    assert tape.misplaced == 3
    tape.write(1.03)
    assert reel.channel(0)[8000:].tobytes() == numbered(240, 240)


def test_half_a_sample_is_left_out() -> None:
    assert len(arrival(1.0, b"\1\2\3").samples) == 1


def test_few_of_many_re_anchors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_tape, "RE_ANCHORS_TOLD", 2)
    tape = CallTape(RATE, Reel())
    for n in range(6):
        tape.lay_theirs([arrival(n + 1.0, numbered(0, 160))], 1)
    assert (tape.re_anchors, len(tape.told)) == (5, 2)


@given(st.lists(st.floats(0.0, 3.0), max_size=20), st.lists(st.integers(0, 700), max_size=20))
def test_the_file_grows_with_time_whatever_comes(times: list[float], lengths: list[int]) -> None:
    reel = Reel()
    tape = CallTape(RATE, reel)
    for step, (at, length) in enumerate(zip(times, lengths, strict=False)):
        tape.lay_ours(at, numbered(0, length), 1)
        tape.lay_theirs([arrival(at, numbered(0, length))], 1)
        if step % 5 == 2:
            tape.clear(at)
        tape.write(step * 0.1)
        assert len(reel.channel(0)) == tape.written == round(step * 0.1 * RATE)
