from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from core.wav_files import ENCODINGS, RATE, TUNE
from trioaudio.core.wav_head import WavHead
from trioaudio.core.wav_sound import WavSound

NAMES = {1: "PCM", 3: "float", 6: "A-law", 7: "mu-law"}


def head(encoding: str = "PCM", bits: int = 16, channels: int = 1, rate: int = RATE) -> WavHead:
    return WavHead(encoding, bits, channels, rate, 44, None)


@pytest.mark.parametrize(("code", "bits", "encode", "off"), ENCODINGS)
def test_every_encoding_is_the_same_sound(
    code: int, bits: int, encode: Callable[[npt.NDArray[np.int16]], bytes], off: float
) -> None:
    sound = WavSound(head(NAMES[code], bits))
    out = np.frombuffer(sound.convert(encode(TUNE)), dtype="<i2").astype(np.float64)
    assert np.abs(out - TUNE).max() <= off


def test_pcm16_mono_is_passed_on_as_it_is() -> None:
    data = TUNE.tobytes()
    assert WavSound(head()).convert(data) == data
    assert WavSound(head()).convert(data + b"x") == data


def test_channels_are_averaged_and_half_a_frame_is_left_out() -> None:
    stereo = np.stack((TUNE, -TUNE // 2), axis=1).astype("<i2")
    sound = WavSound(head(channels=2))
    assert sound.frame_bytes == 4
    out = np.frombuffer(sound.convert(stereo.tobytes() + b"abc"), dtype="<i2")
    assert len(out) == len(TUNE)
    assert np.abs(out - stereo.mean(axis=1)).max() <= 0.5


def test_floats_beyond_all_bounds_are_as_loud_as_can_be() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0], dtype="<f4")
    out = np.frombuffer(WavSound(head("float", 32)).convert(values.tobytes()), dtype="<i2")
    assert out.tolist() == [0, 32767, -32768, 32767, -32768]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (head("MP3"), "holds 16-bit MP3, mono, 8000 Hz, which is not read"),
        (head(bits=12), "which is not read"),
        (head(channels=0), "which is not read"),
        (head(channels=9), "which is not read"),
        (head(rate=3999), "3999 samples a second"),
        (head(rate=192_001), "192001 samples a second"),
    ],
)
def test_what_cannot_be_read_is_told(wrong: WavHead, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WavSound(wrong)
