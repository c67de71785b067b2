"""What lies above a call's band must vanish and not come back as a whistle within it.

Every engine's rate, in pieces of 60 ms, read three ways: in the steady state; over the whole output
but for the filter's own edges; and over all of it, for a tone that begins and ends gently and so
has nothing in the band itself.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import pytest

from trioaudio.core.resampling import Resampler

Samples = npt.NDArray[np.float64]

ENGINE_RATES = [16000, 22050, 24000, 32000, 44100, 48000]
AMPLITUDE = 16000
EDGE_MS = 20
ABOVE_8K = [4200, 4500, 5000, 6000, 7000, 9000]
ABOVE_16K = [8400, 9000, 10000, 12000, 14000, 18000]


def cases(target_rate: int, frequencies: list[int]) -> list[tuple[int, int, int]]:
    """Return every engine rate that must be brought down, with what it can carry of the tones."""
    return [
        (source_rate, target_rate, frequency)
        for source_rate in ENGINE_RATES
        if source_rate > target_rate
        for frequency in frequencies
        if frequency < source_rate / 2
    ]


@functools.cache
def heard(source_rate: int, target_rate: int, frequency: int, ramp_ms: int) -> Samples:
    """Return a tone of one second after the resampler, fed in pieces of 60 ms."""
    at = np.arange(source_rate) / source_rate
    samples = AMPLITUDE * np.sin(2 * np.pi * frequency * at)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, source_rate * ramp_ms // 1000))
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    pcm = np.rint(samples).astype("<i2").tobytes()
    piece = source_rate * 60 // 1000 * 2
    resampler = Resampler(source_rate, target_rate)
    pieces = [resampler.push(pcm[start : start + piece]) for start in range(0, len(pcm), piece)]
    return np.frombuffer(b"".join([*pieces, resampler.flush()]), dtype="<i2").astype(np.float64)


def level_db(samples: Samples) -> float:
    """Return the level against the tone's own, in dB."""
    power = float(np.mean(samples**2)) / (AMPLITUDE**2 / 2)
    return 10 * float(np.log10(max(power, 1e-20)))


@pytest.mark.parametrize(
    ("source_rate", "target_rate", "frequency"), [*cases(8000, ABOVE_8K), *cases(16000, ABOVE_16K)]
)
def test_a_tone_above_the_band_is_60_db_down(
    source_rate: int, target_rate: int, frequency: int
) -> None:
    sudden = heard(source_rate, target_rate, frequency, 0)
    steady = sudden[len(sudden) // 4 : -len(sudden) // 4]
    edge = target_rate * EDGE_MS // 1000
    gentle = heard(source_rate, target_rate, frequency, 20)
    assert len(sudden) == len(gentle) == target_rate
    assert level_db(steady) <= -60
    assert level_db(sudden[edge:-edge]) <= -60
    assert level_db(gentle) <= -60


@pytest.mark.parametrize(
    ("source_rate", "target_rate", "frequency"),
    [*cases(8000, [300, 1000, 2000, 3000, 3400]), *cases(16000, [300, 1000, 3400, 6000, 6800])],
)
def test_a_tone_of_speech_keeps_its_level(
    source_rate: int, target_rate: int, frequency: int
) -> None:
    whole = heard(source_rate, target_rate, frequency, 0)
    edge = target_rate * EDGE_MS // 1000
    assert level_db(whole[edge:-edge]) == pytest.approx(0, abs=0.5)


def test_a_converter_without_a_filter_would_be_found_out() -> None:
    """The measure itself: every third sample of 24 kHz turns 5 kHz into 3 kHz at full level."""
    at = np.arange(24000) / 24000
    decimated: Samples = (AMPLITUDE * np.sin(2 * np.pi * 5000 * at))[::3]
    assert level_db(decimated[320:-320]) > -1
