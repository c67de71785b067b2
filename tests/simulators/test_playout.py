from __future__ import annotations

import struct
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.simulators.playout import Playout

RATE = 8000
MS = RATE // 1000
START = 12345.678


@attrs.define
class Heard:
    """Keeps what was played; silence as None-valued runs."""

    audio: bytearray = attrs.field(factory=bytearray)
    line: bytearray = attrs.field(factory=bytearray)
    gaps: list[int] = attrs.field(factory=list)

    def hear(self, pcm: bytes) -> None:
        assert pcm
        assert len(pcm) % 2 == 0
        self.audio += pcm
        self.line += pcm

    def hear_silence(self, samples: int) -> None:
        assert samples > 0
        self.gaps.append(samples)
        self.line += bytes(2 * samples)

    def finish(self) -> None:
        pass


def ramp(milliseconds: int, first: int = 1) -> bytes:
    """Return samples that are all different and never zero."""
    count = milliseconds * MS
    return struct.pack(f"<{count}h", *range(first, first + count))


def new(**more: Any) -> tuple[Playout, Heard]:
    heard = Heard()
    return Playout(RATE, heard, **more), heard


def test_plays_at_real_rate_from_arrival() -> None:
    playout, heard = new()
    playout.put(START, ramp(60))
    assert heard.audio == b""
    playout.advance(START + 0.025)
    assert heard.audio == ramp(60)[: 25 * MS * 2]
    playout.advance(START + 0.0601)
    assert heard.audio == ramp(60)
    assert playout.statistics().waiting == 0


def test_frames_on_time_are_joined_without_a_gap() -> None:
    playout, heard = new()
    for n in range(1000):
        playout.put(START + n * 0.06, ramp(60, n + 1))
    playout.finish(START + 60)
    assert heard.gaps == []
    assert playout.statistics().played == 60 * RATE
    assert playout.statistics().dropped == 0


def test_running_dry_is_silence_of_the_right_length_and_is_counted() -> None:
    playout, heard = new()
    playout.put(START, ramp(60))
    playout.put(START + 0.36, ramp(60))
    playout.finish(START + 1)
    assert heard.gaps == [300 * MS]
    assert heard.line == ramp(60) + bytes(300 * MS * 2) + ramp(60)
    assert (playout.statistics().dry_count, playout.statistics().dry) == (1, 300 * MS)


def test_more_than_a_second_of_silence_is_no_running_dry() -> None:
    playout, heard = new()
    playout.put(START, ramp(60))
    playout.put(START + 2, ramp(60))
    assert heard.gaps == [1940 * MS]
    assert playout.statistics().dry_count == 0


def test_delay_hides_jitter_up_to_its_length() -> None:
    playout, heard = new(delay=0.02)
    for n, late in enumerate((0, 0.019, 0.001, 0.02, 0)):
        playout.put(START + n * 0.06 + late, ramp(60))
    playout.finish(START + 1)
    assert heard.gaps == []
    assert heard.audio == ramp(60) * 5


def test_delay_does_not_change_how_long_a_gap_is() -> None:
    playout, heard = new(delay=0.02)
    playout.put(START, ramp(60))
    playout.put(START + 0.36, ramp(60))
    assert heard.gaps == [300 * MS]


def test_break_drops_what_was_not_played() -> None:
    playout, heard = new()
    playout.put(START, ramp(300))
    playout.clear(START + 0.1)
    assert heard.audio == ramp(300)[: 100 * MS * 2]
    assert playout.statistics().dropped == 200 * MS
    playout.put(START + 0.5, ramp(60))
    playout.finish(START + 1)
    assert heard.gaps == [400 * MS]
    assert playout.statistics().dry_count == 0


def test_new_audio_cuts_the_old_in_cut_mode() -> None:
    playout, heard = new(delay=0.02)
    playout.put(START, ramp(300), cuts=True)
    playout.put(START + 0.1, ramp(60, 7), cuts=True)
    playout.finish(START + 1)
    assert heard.line == ramp(300)[: 100 * MS * 2] + ramp(60, 7)
    assert playout.statistics().dropped == 200 * MS


def test_pause_holds_and_resume_goes_on() -> None:
    playout, heard = new()
    playout.put(START, ramp(100))
    playout.pause(START + 0.04)
    playout.put(START + 0.05, ramp(60, 3000))
    playout.pause(START + 0.06)
    playout.advance(START + 0.2)
    assert heard.audio == ramp(100)[: 40 * MS * 2]
    playout.resume(START + 0.24)
    playout.finish(START + 1)
    assert heard.audio == ramp(100) + ramp(60, 3000)
    assert heard.gaps == [200 * MS]
    assert playout.statistics().dry_count == 0


def test_pause_before_any_audio() -> None:
    playout, heard = new()
    playout.resume(START)
    playout.pause(START)
    playout.put(START + 0.1, ramp(60))
    playout.advance(START + 5)
    assert heard.line == b""
    playout.resume(START + 5)
    playout.finish(START + 6)
    assert heard.line == bytes(4900 * MS * 2) + ramp(60)


def test_break_ends_a_pause() -> None:
    playout, heard = new()
    playout.put(START, ramp(100))
    playout.pause(START + 0.04)
    playout.clear(START + 0.05)
    playout.put(START + 0.1, ramp(60))
    playout.finish(START + 1)
    assert heard.audio == ramp(100)[: 40 * MS * 2] + ramp(60)


def test_finish_drops_the_rest() -> None:
    playout, heard = new()
    playout.put(START, ramp(100))
    playout.finish(START + 0.03)
    assert len(heard.audio) == 30 * MS * 2
    assert playout.statistics().dropped == 70 * MS


def test_nothing_is_played_before_the_delay_is_over() -> None:
    playout, heard = new(delay=0.02)
    playout.put(START, ramp(60))
    playout.pause(START + 0.01)
    playout.resume(START + 0.015)
    playout.advance(START + 0.0199)
    assert heard.line == b""


def names(playout: Playout) -> list[str]:
    due, _ = playout.collect()
    return list(due)


def test_a_mark_is_due_when_the_audio_before_it_was_played() -> None:
    playout, _ = new()
    playout.put(START, ramp(60))
    playout.mark(START, "a")
    playout.put(START + 0.01, ramp(60))
    playout.mark(START + 0.01, "b")
    assert playout.next_due == pytest.approx(START + 0.06)
    playout.advance(START + 0.0599)
    assert names(playout) == []
    playout.advance(START + 0.06)
    assert names(playout) == ["a"]
    assert playout.next_due == pytest.approx(START + 0.12)
    playout.advance(START + 5)
    assert names(playout) == ["b"]
    assert playout.next_due is None


def test_a_mark_on_an_empty_queue_is_due_at_once() -> None:
    playout, _ = new()
    playout.mark(START, "a")
    assert playout.has_news
    assert names(playout) == ["a"]
    assert not playout.has_news


def test_a_clear_takes_marks_and_later_ones_are_not_late_by_it() -> None:
    playout, _ = new()
    now = START
    for n in range(10):
        playout.put(now, ramp(500))
        playout.mark(now, f"m{n}")
        now += 0.1
        assert playout.clear(now) == [f"m{n}"]
    playout.put(now, ramp(60))
    playout.mark(now, "last")
    playout.advance(now + 0.0599)
    assert names(playout) == []
    playout.advance(now + 0.06)
    assert names(playout) == ["last"]


def test_a_mark_waits_while_the_playout_is_paused() -> None:
    playout, _ = new()
    playout.put(START, ramp(60))
    playout.mark(START, "a")
    playout.pause(START + 0.03)
    assert playout.next_due is None
    playout.advance(START + 1)
    assert names(playout) == []
    playout.resume(START + 1)
    assert playout.next_due == pytest.approx(START + 1.03)
    playout.advance(START + 1.03)
    assert names(playout) == ["a"]


def test_running_empty_is_told_once() -> None:
    playout, _ = new()
    playout.put(START, ramp(60))
    assert playout.next_due == pytest.approx(START + 0.06)
    playout.advance(START + 0.06)
    assert playout.collect() == ([], True)
    playout.advance(START + 1)
    assert playout.collect() == ([], False)


def test_when_only_so_much_waits() -> None:
    playout, _ = new(delay=0.02)
    playout.put(START, ramp(100))
    assert playout.when_waiting(30 * MS) == pytest.approx(START + 0.09)
    assert playout.when_waiting(100 * MS) is None


def test_the_depth_of_the_queue_over_time() -> None:
    playout, _ = new()
    playout.put(START, ramp(450))
    playout.put(START + 0.25, ramp(100))
    playout.finish(START + 1)
    assert playout.depth.values[:7] == [450, 350, 250, 250, 150, 50, 0]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("put", "put", "put", "mark", "advance", "clear", "pause", "resume")),
        st.floats(0, 0.5),
        st.integers(1, 300),
    ),
    max_size=60,
)


@pytest.mark.parametrize("cuts", [False, True])
@given(steps=STEPS, delay=st.sampled_from((0.0, 0.02)))
def test_nothing_is_lost_invented_or_reordered(
    *, cuts: bool, steps: list[tuple[str, float, int]], delay: float
) -> None:
    playout, heard = new(delay=delay)
    delay = 0.0 if cuts else delay
    now, put, asked, answered = START, 0, 0, 0
    for step, wait, milliseconds in steps:
        now += wait
        if step == "put":
            count = milliseconds * MS
            # Each sample says which one it is, modulo what 15 bits hold.
            pcm = struct.pack(f"<{count}H", *(n % 32768 for n in range(put, put + count)))
            playout.put(now, pcm, cuts=cuts)
            put += count
        elif step == "mark":
            playout.mark(now, str(asked))
            asked += 1
        elif step == "clear":
            answered += len(playout.clear(now))
        else:
            getattr(playout, step)(now)
        due, _ = playout.collect()
        answered += len(due)
        assert answered <= asked
        if not cuts and playout.next_due is None and not playout.statistics().waiting:
            assert answered == asked
        counts = playout.statistics()
        assert put == counts.played + counts.dropped + counts.waiting
        assert len(heard.audio) == 2 * counts.played
        assert counts.played + sum(heard.gaps) <= (now + delay - START) * RATE + 1
        assert counts.dry <= sum(heard.gaps)
    playout.finish(now)
    assert playout.statistics().waiting == 0
    if not cuts and not any(step == "clear" for step, _, _ in steps):
        played = struct.unpack(f"<{len(heard.audio) // 2}H", heard.audio)
        assert played == tuple(n % 32768 for n in range(len(played)))


@given(jitter=st.lists(st.floats(0, 0.0199), min_size=2, max_size=200))
def test_jitter_within_the_delay_is_never_heard(jitter: list[float]) -> None:
    playout, heard = new(delay=0.02)
    # Only the first frame's own lateness moves the line; the others are late against it.
    for n, late in enumerate([0.0, *jitter]):
        playout.put(START + n * 0.06 + late, ramp(60))
    playout.finish(START + 60)
    assert heard.gaps == []
