import itertools
import timeit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.level.signals import (
    OPTIONS,
    Samples,
    decibels,
    level,
    louder,
    p56_dbov,
    pcm_of,
    samples_of,
    speech,
    tone,
    true_peak_dbtp,
)
from trioaudio.core.level.leveller import Leveller, LevelOptions
from trioaudio.core.level.loudness import LevelMeasure, VoiceGains

RATES = [8000, 16000]
FADE = 40  # samples of 5 ms at 8 kHz
HELD_AT_MOST = 60


def square(frequency: float, sample_rate: int) -> Samples:
    return 32767 * np.sign(tone(frequency, sample_rate, 0.5, 1.0, 0.1))


# --- Gain --------------------------------------------------------------------------------


def test_in_the_middle_of_a_stretch_a_gain_is_all_that_is_done() -> None:
    spoken = louder(speech(8000), -20.0)
    samples = samples_of(pcm_of(spoken))
    leveller = Leveller(8000, 6.0, OPTIONS)
    levelled = samples_of(leveller.push(pcm_of(spoken)) + leveller.flush())
    expected = np.rint(louder(samples, 6.0))[leveller.trimmed_samples :]
    assert np.abs(levelled - expected)[FADE:-FADE].max() <= 1


def test_with_no_gain_what_is_not_loud_stays_as_it_is() -> None:
    samples = samples_of(pcm_of(tone(700, 8000, 1.0, 0.3)))
    levelled = level(samples, 8000)
    assert np.array_equal(levelled[FADE:-FADE], samples[FADE:-FADE])


@pytest.mark.parametrize("sample_rate", RATES)
def test_speech_comes_out_at_the_level_aimed_at(sample_rate: int) -> None:
    spoken = speech(sample_rate)
    levelled = level(spoken, sample_rate, -23.0 - p56_dbov(spoken, sample_rate))
    assert p56_dbov(levelled, sample_rate) == pytest.approx(-23.0, abs=0.3)


def test_what_was_measured_is_the_input_before_the_gain() -> None:
    spoken = louder(speech(8000), -8.0)
    leveller = Leveller(8000, 9.0, OPTIONS)
    assert leveller.measured == LevelMeasure(None, 0.0)
    leveller.push(pcm_of(spoken))
    leveller.flush()
    assert leveller.measured.active_dbov == pytest.approx(p56_dbov(spoken, 8000), abs=0.3)
    assert leveller.measured.active_seconds > 8


def test_two_voices_of_different_loudness_come_out_equal_from_their_second_stretch_on() -> None:
    gains = VoiceGains(OPTIONS)
    levels: dict[str, list[float]] = {"soft": [], "loud": []}
    for part, key in itertools.product(np.array_split(speech(8000), 3), levels):
        spoken = louder(part, -16.0 if key == "soft" else -2.0)
        leveller = Leveller(8000, gains.gain_db(key), OPTIONS, seeking=not gains.settled(key))
        levelled = samples_of(leveller.push(pcm_of(spoken)) + leveller.flush())
        levels[key].append(p56_dbov(levelled, 8000))
        measured = leveller.measured
        assert measured.active_dbov is not None
        gains.learn(key, measured.active_dbov, measured.active_seconds)
    assert levels["soft"][1:] == pytest.approx(levels["loud"][1:], abs=0.2)
    assert levels["soft"][2] == pytest.approx(-23.0, abs=1.0)


# --- An unknown voice --------------------------------------------------------------------


@pytest.mark.parametrize("gain_db", [-14.0, 4.0])
def test_an_unknown_voice_glides_to_the_level_within_its_first_stretch(gain_db: float) -> None:
    spoken = louder(speech(8000), gain_db)
    leveller = Leveller(8000, 0.0, OPTIONS, seeking=True)
    levelled = samples_of(leveller.push(pcm_of(spoken)) + leveller.flush())
    assert p56_dbov(levelled[4 * 8000 :], 8000) == pytest.approx(-23.0, abs=1.0)


def test_the_gain_of_an_unknown_voice_moves_no_faster_than_6_db_a_second() -> None:
    levelled = level(tone(1000, 8000, 6.0, 0.02), 8000, seeking=True)
    levels = [decibels(np.abs(part).max()) for part in np.split(levelled, 60)][1:-1]
    steps = np.diff(levels)
    assert steps.max() < 0.7
    assert steps.min() > -0.1
    assert levels[0] == pytest.approx(-34.0, abs=0.1)
    assert levels[-1] == pytest.approx(-20.0, abs=0.5)


def test_a_gain_that_has_arrived_stays() -> None:
    loud_then_soft = np.concatenate([tone(1000, 8000, 4.0, 0.1), tone(1000, 8000, 6.0, 0.05)])
    levelled = level(loud_then_soft, 8000, seeking=True)
    assert np.abs(levelled[5 * 8000 : -800]).max() == pytest.approx(0.05 * 32767, rel=0.02)


def test_without_seeking_the_gain_never_moves() -> None:
    levelled = level(tone(1000, 8000, 6.0, 0.02), 8000)
    assert decibels(np.abs(levelled[-8000:]).max()) == pytest.approx(-34.0, abs=0.1)


# --- Peaks -------------------------------------------------------------------------------


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("phase", [0.0, 0.3, np.pi / 4])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.2, 0.25, 0.333, 0.4, 0.425])
def test_no_tone_passes_the_ceiling(sample_rate: int, phase: float, part: float) -> None:
    samples = tone(part * sample_rate, sample_rate, 0.3, 0.99, phase)
    levelled = level(samples, sample_rate, 12.0)
    assert -4.2 < true_peak_dbtp(levelled, sample_rate) <= -3.0


def test_a_peak_between_the_samples_is_seen() -> None:
    samples = tone(2000, 8000, 0.3, 0.9, np.pi / 4)
    assert decibels(np.abs(samples).max()) < -3.9
    levelled = level(samples, 8000)
    assert decibels(np.abs(levelled).max()) < -6.0
    assert true_peak_dbtp(levelled, 8000) <= -3.0


@pytest.mark.parametrize("gain_db", [0.0, 12.0])
@pytest.mark.parametrize("frequency", [50, 333, 1000, 2000])
@pytest.mark.parametrize("sample_rate", RATES)
def test_no_square_wave_passes_the_ceiling(
    sample_rate: int, frequency: int, gain_db: float
) -> None:
    levelled = level(square(frequency, sample_rate), sample_rate, gain_db)
    assert true_peak_dbtp(levelled, sample_rate) <= -3.0


@pytest.mark.parametrize("gain_db", [0.0, 6.0, 12.0])
@pytest.mark.parametrize("sample_rate", RATES)
def test_no_speech_passes_the_ceiling(sample_rate: int, gain_db: float) -> None:
    levelled = level(speech(sample_rate), sample_rate, gain_db)
    assert -4.0 < true_peak_dbtp(levelled, sample_rate) <= -3.0


@pytest.mark.parametrize("ceiling", [-0.5, -6.0])
def test_the_ceiling_can_be_chosen(ceiling: float) -> None:
    options = LevelOptions(ceiling_dbtp=ceiling)
    levelled = level(speech(8000), 8000, 12.0, options)
    assert ceiling - 1.0 < true_peak_dbtp(levelled, 8000) <= ceiling


def test_a_burst_that_no_gain_can_hold_neither_clips_nor_wraps() -> None:
    noise = np.random.default_rng(1).choice([-32768.0, 32767.0], 8000)
    levelled = level(noise, 8000, 15.0)
    assert np.abs(levelled).max() <= 32768 * 10 ** (-3 / 20)
    inner = slice(FADE, -FADE)
    assert np.all(np.sign(levelled[inner]) == np.sign(noise[inner]))


@pytest.mark.parametrize("frequency", [300, 1000])
def test_what_is_turned_down_stays_a_pure_tone(frequency: int) -> None:
    levelled = level(tone(frequency, 8000, 2.0, 0.9), 8000, 12.0)[4000:12000]
    spectrum = np.abs(np.fft.rfft(levelled * np.blackman(8000))) ** 2
    near = np.abs(np.arange(4001) - frequency) < 20
    assert 10 * np.log10(spectrum[~near].sum() / spectrum[near].sum()) < -60


def test_the_gain_comes_down_and_goes_back_without_a_step() -> None:
    soft, loud = tone(200, 8000, 1.0, 0.05), tone(200, 8000, 1.0, 0.9)
    levelled = level(np.concatenate([soft, loud, soft]), 8000, 12.0)
    steepest_of_a_tone = 2 * np.pi * 200 / 8000 * 32768 * 10 ** (-3 / 20)
    assert np.abs(np.diff(levelled)).max() < 1.1 * steepest_of_a_tone
    last = levelled[2 * 8000 :]
    envelope = np.array([np.abs(part).max() for part in np.split(last[:4000], 100)])
    back = np.flatnonzero(envelope > 0.9 * 0.05 * 32767 * 10**0.6)[0] * 0.005
    assert 0.05 < back < 0.3


# --- Edges -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["flush", "cut"])
def test_both_edges_of_a_stretch_are_faded(end: str) -> None:
    samples = np.full(4000, 5000.0)
    leveller = Leveller(8000, 0.0, OPTIONS)
    pcm = leveller.push(pcm_of(samples))
    tail = samples_of(getattr(leveller, end)())
    levelled = np.concatenate([samples_of(pcm), tail])
    assert len(levelled) == 4000
    assert np.abs(np.diff(levelled)).max() < 5000 * np.pi / 2 / FADE * 1.05
    assert levelled[0] < 10
    assert levelled[-1] < 10
    assert np.all(np.diff(levelled[:FADE]) > 0)
    assert np.all(levelled[FADE:-HELD_AT_MOST] == 5000)


def test_a_cut_fades_all_that_is_held_and_a_flush_the_last_milliseconds() -> None:
    tails = []
    for end in ("flush", "cut"):
        leveller = Leveller(8000, 0.0, OPTIONS)
        leveller.push(pcm_of(np.full(4055, 5000.0)))
        assert leveller.held_samples == 55
        tails.append(samples_of(getattr(leveller, end)()))
    flushed, cut = tails
    assert len(flushed) == len(cut) == 55
    assert np.all(flushed[:15] == 5000)
    assert np.all(np.diff(cut) < 0)


@pytest.mark.parametrize("samples", [1, 2, 15, 40, 55, 79, 80, 100])
def test_a_stretch_shorter_than_its_fades_rises_and_falls(samples: int) -> None:
    levelled = level(np.full(samples, 8000.0), 8000)
    assert len(levelled) == samples
    assert levelled[0] < 600
    assert levelled[-1] < 600
    top = int(np.argmax(levelled))
    assert np.all(np.diff(levelled[: top + 1]) >= 0)
    assert np.all(np.diff(levelled[top:]) <= 0)


def test_a_longer_fade_can_be_chosen() -> None:
    levelled = level(np.full(4000, 5000.0), 8000, 0.0, LevelOptions(fade_ms=10.0))
    assert levelled[75] < 5000
    assert np.all(levelled[80:-80] == 5000)
    assert levelled[-75] < 5000


@pytest.mark.parametrize("end", ["flush", "cut"])
@pytest.mark.parametrize("samples", [0, 1, 100, 8000])
def test_a_stretch_of_silence_comes_out_empty(end: str, samples: int) -> None:
    leveller = Leveller(8000, 0.0, OPTIONS)
    assert leveller.push(bytes(2 * samples)) == b""
    assert getattr(leveller, end)() == b""
    assert leveller.trimmed_samples == samples
    assert leveller.held_samples == 0


def test_leading_silence_goes_but_for_the_last_20_ms() -> None:
    leveller = Leveller(8000, 0.0, OPTIONS)
    samples = np.concatenate([np.zeros(2400), np.full(4000, 5000.0)])
    levelled = samples_of(leveller.push(pcm_of(samples)) + leveller.flush())
    assert leveller.trimmed_samples == 2400 - 160
    assert len(levelled) == 4160
    assert not levelled[:160].any()
    assert levelled[160] == 5000


def test_what_is_a_sound_is_judged_after_the_gain() -> None:
    whisper = np.full(800, 60.0)  # −55 dBov
    assert len(level(whisper, 8000)) == 0
    assert len(level(whisper, 8000, 10.0)) == 800


def test_pauses_after_the_first_sound_stay() -> None:
    samples = np.concatenate([np.full(800, 5000.0), np.zeros(8000), np.full(800, 5000.0)])
    assert len(level(samples, 8000)) == 9600


# --- Streaming ---------------------------------------------------------------------------


@given(
    sizes=st.lists(st.one_of(st.integers(0, 50), st.integers(0, 5000)), min_size=1, max_size=25),
    gain_db=st.sampled_from([-6.0, 0.0, 5.3, 14.0]),
    sample_rate=st.sampled_from([8000, 11025, 16000]),
    seeking=st.booleans(),
    end=st.sampled_from(["flush", "cut"]),
    start=st.integers(0, 30000),
)
def test_any_chunking_gives_the_same_samples(
    sizes: list[int], gain_db: float, sample_rate: int, seeking: bool, end: str, start: int
) -> None:
    spoken = np.concatenate([np.zeros(start % 700), speech(8000)[start : start + sum(sizes)]])
    sizes = [start % 700, *sizes]
    at_once = Leveller(sample_rate, gain_db, OPTIONS, seeking=seeking)
    in_pieces = Leveller(sample_rate, gain_db, OPTIONS, seeking=seeking)
    whole = at_once.push(pcm_of(spoken))
    pieces = []
    pushed = returned = 0
    for chunk in np.split(spoken, np.cumsum(sizes)[:-1]):
        pieces.append(in_pieces.push(pcm_of(chunk)))
        pushed += len(chunk)
        returned += len(pieces[-1]) // 2
        assert returned + in_pieces.trimmed_samples + in_pieces.held_samples == pushed
    assert b"".join(pieces) == whole
    assert getattr(in_pieces, end)() == getattr(at_once, end)()
    assert in_pieces.measured == at_once.measured
    assert in_pieces.trimmed_samples == at_once.trimmed_samples


@pytest.mark.parametrize("samples", [160, 333, 2400, 7001])
@pytest.mark.parametrize("seeking", [False, True])
def test_chunks_of_any_one_length_give_the_same_samples(samples: int, *, seeking: bool) -> None:
    """Long enough for a glide to arrive, and loud enough to be limited all along."""
    spoken = louder(speech(8000), 6.0)
    leveller = Leveller(8000, 2.0, OPTIONS, seeking=seeking)
    starts = range(0, len(spoken), samples)
    pieces = [leveller.push(pcm_of(spoken[at : at + samples])) for at in starts]
    in_pieces = samples_of(b"".join([*pieces, leveller.flush()]))
    assert np.array_equal(in_pieces, level(spoken, 8000, 2.0, seeking=seeking))


@pytest.mark.parametrize(("sample_rate", "least", "most"), [(8000, 40, 59), (16000, 80, 119)])
def test_no_more_than_seven_and_a_half_milliseconds_are_held(
    sample_rate: int, least: int, most: int
) -> None:
    leveller = Leveller(sample_rate, 0.0, OPTIONS)
    held = []
    for sample in range(2000):
        leveller.push(pcm_of(np.array([5000.0])))
        if sample >= most:
            held.append(leveller.held_samples)
    assert (min(held), max(held)) == (least, most)


@pytest.mark.parametrize("end", ["flush", "cut"])
def test_nothing_goes_in_after_the_end(end: str) -> None:
    leveller = Leveller(8000, 0.0, OPTIONS)
    leveller.push(pcm_of(np.full(500, 5000.0)))
    assert getattr(leveller, end)()
    assert leveller.held_samples == 0
    assert leveller.flush() == b""
    assert leveller.cut() == b""
    with pytest.raises(RuntimeError, match="has ended"):
        leveller.push(bytes(20))


def test_it_is_cheap_enough_for_a_thousand_calls() -> None:
    chunk = pcm_of(louder(speech(8000)[16000:18400], -14.0))  # 300 ms
    leveller = Leveller(8000, 3.0, OPTIONS)
    leveller.push(chunk)
    seconds = min(timeit.repeat(lambda: leveller.push(chunk), number=50, repeat=20)) / 50
    assert seconds < 150e-6  # some 15 on an idle machine
