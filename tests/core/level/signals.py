"""Sounds to measure with, and independent measures of them."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import soxr

from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.resampling import Resampler

Samples = npt.NDArray[np.float64]

OPTIONS = LevelOptions()

_ESPEAK_RATE = 22050
_SPEAK = """
import sys, espeakng_loader
from trioaudio.engines._espeak_library_worker import Espeak
espeak = Espeak(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
assert espeak.sample_rate == 22050
pcm = []
problem = espeak.speak(b"en", sys.argv[1].encode(), lambda chunk, events: pcm.append(chunk))
assert not problem, problem
sys.stdout.buffer.write(b"".join(pcm))
"""
_TEXT = (
    "Hello, this is the clinic calling about your appointment. Please press one to confirm it, "
    "or two to change it. For security reasons, we never ask for your password over the telephone."
)


@functools.cache
def speech(sample_rate: int) -> Samples:
    """Return some twelve seconds of the embedded voice, at another rate."""
    spoken = subprocess.run(
        [sys.executable, "-c", _SPEAK, _TEXT], check=True, capture_output=True, timeout=60
    ).stdout
    resampler = Resampler(_ESPEAK_RATE, sample_rate)
    return samples_of(resampler.push(spoken) + resampler.flush())


def pcm_of(samples: Samples) -> bytes:
    """Return PCM16 LE, clipped."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def samples_of(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def tone(
    frequency: float, sample_rate: int, seconds: float, amplitude: float, phase: float = 0.0
) -> Samples:
    at = np.arange(int(sample_rate * seconds)) / sample_rate
    wave: Samples = amplitude * 32767 * np.sin(2 * np.pi * frequency * at + phase)
    return wave


def louder(samples: Samples, gain_db: float) -> Samples:
    return samples * float(10 ** (gain_db / 20))


def level(
    samples: Samples,
    sample_rate: int,
    gain_db: float = 0.0,
    options: LevelOptions = OPTIONS,
    *,
    seeking: bool = False,
) -> Samples:
    """Return a whole stretch, levelled."""
    leveller = Leveller(sample_rate, gain_db, options, seeking=seeking)
    return samples_of(leveller.push(pcm_of(samples)) + leveller.flush())


def decibels(amplitude: float) -> float:
    """Return an amplitude in PCM16 units in dB against full scale."""
    return 20 * float(np.log10(max(amplitude, 1e-9) / 32768))


def true_peak_dbtp(samples: Samples, sample_rate: int) -> float:
    """Read the peak of the waveform 16 times a sample, through soxr's steepest filter."""
    silence = np.zeros(1000)
    wave = np.concatenate([silence, samples, silence])
    return decibels(float(np.abs(soxr.resample(wave, sample_rate, 16 * sample_rate, "VHQ")).max()))


def p56_dbov(samples: Samples, sample_rate: int) -> float:
    """Measure the active speech level sample by sample, as ITU-T P.56 method B is written."""
    wave = samples / 32768
    keep = float(np.exp(-1 / (0.03 * sample_rate)))
    smooth = envelope = 0.0
    envelopes = []
    for height in np.abs(wave).tolist():
        smooth = keep * smooth + (1 - keep) * height
        envelope = keep * envelope + (1 - keep) * smooth
        envelopes.append(envelope)
    heights = np.array(envelopes)
    at = np.arange(len(wave))
    before = None
    for power in range(-15, 0):
        last_active = np.maximum.accumulate(np.where(heights >= 2.0**power, at, -(10**9)))
        active = int(np.sum(at - last_active <= 0.2 * sample_rate))
        active_level = 10 * float(np.log10(np.sum(wave**2) / active))
        margin = active_level - 20 * float(np.log10(2.0**power)) - 15.9
        if margin <= 0:
            assert before is not None
            share = before[0] / (before[0] - margin)
            return before[1] + share * (active_level - before[1])
        before = (margin, active_level)
    raise AssertionError("no speech in it")
