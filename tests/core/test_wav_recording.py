from __future__ import annotations

import io
import wave
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wav_files import ENCODINGS, RATE, TUNE, wav_file
from trioaudio.core import wav_recording
from trioaudio.core.errors import RecordingError
from trioaudio.core.wav_recording import WavRecording, read_wav

DATA = TUNE.tobytes()


@pytest.mark.parametrize(("code", "bits", "encode", "off"), ENCODINGS)
@pytest.mark.parametrize("extensible", [False, True])
def test_every_encoding_is_the_same_sound(
    code: int,
    bits: int,
    encode: Callable[[npt.NDArray[np.int16]], bytes],
    off: float,
    extensible: bool,
) -> None:
    pcm, rate = read_wav(wav_file(encode(TUNE), code=code, bits=bits, extensible=extensible))
    assert rate == RATE
    assert np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.float64) - TUNE).max() <= off


def test_the_standard_librarys_files_are_read() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((2, 2, 22050, 0, "NONE", ""))
        written.writeframes(DATA)
    recording = WavRecording(file.getvalue())
    assert recording.sample_rate == 22050
    assert recording.audio_ms == pytest.approx(4000 / 22.05)
    pcm, rate = read_wav(file.getvalue())
    assert (len(pcm), rate) == (len(DATA) // 2, 22050)


@given(st.integers(1, 5000), st.sampled_from([4000, 8000, 44100]), st.sampled_from([1, 2, 3]))
def test_steps_are_200_ms_and_together_all_of_it(samples: int, rate: int, channels: int) -> None:
    data = bytes(range(1, 251)) * 24
    file = wav_file(data[: samples * channels * 2], rate=rate, channels=channels)
    recording = WavRecording(file)
    steps = list(recording)
    assert b"".join(steps) == read_wav(file)[0]
    assert {len(each) for each in steps[:-1]} <= {rate // 5 * 2}
    assert 0 < len(steps[-1]) <= rate // 5 * 2
    whole = min(samples, len(data) // 2 // channels)
    assert recording.audio_ms == pytest.approx(whole * 1000 / rate)
    assert list(recording) == steps, "it can be played again"


def test_what_follows_the_samples_is_not_played() -> None:
    assert read_wav(wav_file(DATA) + b"LIST\4\0\0\0abcd")[0] == DATA


def test_a_file_cut_short_is_played_as_far_as_it_goes() -> None:
    assert read_wav(wav_file(DATA)[:-1001])[0] == DATA[:-1002]
    assert read_wav(wav_file(DATA, size=0xFFFF_FFFF))[0] == DATA


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no WAV file"),
        (b"ID3\3\0\0\0\0\0\0\0\0\0", "is no WAV file"),
        (b"RIFF\0\0\0\0WAVE", "has no samples"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "has audio before its format"),
        (wav_file(DATA, code=85), "holds 16-bit MP3, mono, 8000 Hz, which is not read"),
        (wav_file(b""), "holds no sound"),
        (wav_file(b"x"), "holds no sound"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(RecordingError, match=words) as caught:
        read_wav(data)
    assert "\n" not in str(caught.value)


def test_a_recording_is_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav_recording, "LARGEST_RECORDING", 1000)
    pcm8 = (TUNE // 256 + 128).astype(np.uint8).tobytes()
    assert len(read_wav(wav_file(pcm8[:500], bits=8))[0]) == 1000
    with pytest.raises(RecordingError, match="longer than"):
        read_wav(wav_file(pcm8[:501], bits=8))
