from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.level.signals import Samples, decibels, pcm_of, samples_of, tone
from trioaudio.core.level.gain import Gain

RATE = 8000
FRAME = 960
GLIDE = RATE // 50


def at(db: float, rate: int = RATE) -> Gain:
    """Return a gain that has arrived."""
    gain = Gain(rate)
    gain.set_db(db)
    gain.apply(bytes(rate))
    return gain


def frames(samples: Samples) -> list[bytes]:
    pcm = pcm_of(samples)
    return [pcm[start : start + FRAME] for start in range(0, len(pcm), FRAME)]


def test_no_gain_costs_nothing() -> None:
    gain = Gain(RATE)
    frame = pcm_of(tone(400, RATE, 0.06, 1.0))
    assert gain.apply(frame) is frame
    gain.set_db(0)
    assert gain.apply(frame) is frame
    gain.set_db(6)
    assert gain.apply(frame) is not frame
    gain.set_db(0)
    assert gain.apply(frame) is not frame
    assert gain.apply(frame) is frame
    assert gain.apply(b"") == b""


@pytest.mark.parametrize("db", [-40.0, -12.0, -1.0, 3.0, 12.0, 20.0])
def test_it_is_as_loud_as_was_asked(db: float) -> None:
    quiet = np.rint(tone(400, RATE, 1.0, 0.05))
    out = samples_of(at(db).apply(pcm_of(quiet)))
    assert np.abs(out - quiet * 10 ** (db / 20)).max() <= 0.51


def test_a_change_glides_over_20_ms() -> None:
    gain = Gain(RATE)
    steady = np.full(RATE // 5, 10_000.0)
    before, change, *after = frames(steady)
    gain.apply(before)
    gain.set_db(-20)
    out = samples_of(gain.apply(change))
    assert out[0] == pytest.approx(10_000, abs=5)
    assert out[GLIDE // 2] == pytest.approx(5_500, abs=100)
    assert np.abs(out[GLIDE:] - 1000).max() <= 1
    assert np.abs(np.diff(out)).max() < 10_000 * 0.9 * np.pi / 2 / GLIDE * 1.05
    assert set(samples_of(gain.apply(after[0]))) == {1000.0}


def test_a_change_on_the_way_begins_where_the_gain_is() -> None:
    gain = Gain(RATE)
    steady = pcm_of(np.full(GLIDE // 2, 10_000.0))
    out = []
    for db in (-20.0, 6.0, -6.0, -40.0, 0.0):
        gain.set_db(db)
        out.append(samples_of(gain.apply(steady)))
    whole = np.concatenate([np.full(1, 10_000.0), *out])
    assert np.abs(np.diff(whole)).max() < 250


def test_a_change_before_any_sound_is_a_glide_as_well() -> None:
    gain = Gain(RATE)
    gain.set_db(-20)
    gain.set_db(0)
    frame = pcm_of(tone(400, RATE, 0.06, 0.5))
    assert gain.apply(frame) is frame, "it had not left"


@given(
    st.lists(st.integers(-32768, 32767), min_size=1, max_size=400),
    st.lists(st.floats(-40, 20), min_size=1, max_size=4),
    st.integers(1, 100),
)
def test_samples_in_are_samples_out_however_they_are_cut(
    values: list[int], gains: list[float], step: int
) -> None:
    pcm = np.array(values, dtype="<i2").tobytes()
    whole, cut = Gain(RATE), Gain(RATE)
    for db in gains:
        whole.set_db(db)
        cut.set_db(db)
        at_once = whole.apply(pcm)
        pieces = [cut.apply(pcm[at : at + 2 * step]) for at in range(0, len(pcm), 2 * step)]
        assert len(at_once) == len(pcm)
        assert np.abs(samples_of(b"".join(pieces)) - samples_of(at_once)).max() <= 1


@pytest.mark.parametrize("db", [0.1, 3.0, 6.0, 12.0, 20.0])
def test_the_loudest_is_rounded_off_and_never_wraps(db: float) -> None:
    heights = np.arange(-32768, 32768).astype(np.float64)
    out = samples_of(at(db).apply(pcm_of(heights)))
    assert (out[0], out[-1]) == (-32768, pytest.approx(32767, abs=1))
    assert np.diff(out).min() >= 0, "louder in is never softer out"
    straight = np.abs(heights) * 10 ** (db / 20) < 0.69 * 32768
    assert np.abs(out - heights * 10 ** (db / 20))[straight].max() <= 0.51


def test_the_curve_has_no_corner() -> None:
    heights = np.arange(0, 32768, 8).astype(np.float64)
    out = samples_of(at(12).apply(pcm_of(heights)))
    slopes = np.diff(out) / 8
    assert slopes[0] == pytest.approx(10 ** (12 / 20), abs=0.1)
    smooth = np.convolve(slopes, np.ones(16) / 16, "valid")
    assert np.abs(np.diff(smooth)).max() < 0.15


def test_gain_that_begins_on_a_full_scale_sound_makes_no_step() -> None:
    gain = Gain(RATE)
    loud = tone(100, RATE, 0.6, 1.0)
    out = []
    for number, frame in enumerate(frames(loud)):
        if number == 4:
            gain.set_db(0.5)
        out.append(samples_of(gain.apply(frame)))
    whole = np.concatenate(out)
    steps = np.abs(np.diff(whole))
    assert steps.max() < np.abs(np.diff(loud)).max() * 1.07


def test_a_rounded_off_tone_stays_the_tone_it_was() -> None:
    loud = tone(300, RATE, 1.0, 0.9)
    out = samples_of(at(6).apply(pcm_of(loud)))
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert int(np.argmax(spectrum)) == 300
    assert decibels(float(spectrum[900 - 3 : 900 + 4].max() / spectrum[300]) * 32768) < -14


@pytest.mark.parametrize("db", [-40.1, 20.1, float("nan")])
def test_a_gain_that_makes_no_sense_is_refused(db: float) -> None:
    with pytest.raises(ValueError, match="choose -40 to 20"):
        Gain(RATE).set_db(db)


def test_every_change_is_heard_frame_by_frame() -> None:
    gain = Gain(16000)
    frame = pcm_of(np.full(960, 1000.0))
    levels = []
    for db in (0.0, 6.0, -6.0, 0.0):
        gain.set_db(db)
        gain.apply(frame)
        levels.append(float(samples_of(gain.apply(frame))[-1]))
    assert levels == pytest.approx([1000, 1995, 501, 1000], abs=1)
    assert all(one != other for one, other in itertools.pairwise(levels))
