from __future__ import annotations

import struct
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.payload import decode
from trioaudio.simulators.caller import CallerAudio, caller_audio

PCM = MediaFormat(Encoding.PCM16, 8000)


def write_wav(path: Path, pcm: bytes, rate: int = 8000, channels: int = 1, width: int = 2) -> str:
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes(pcm)
    return str(path)


@given(st.binary(min_size=1, max_size=50), st.integers(1, 40), st.integers(1, 30))
def test_audio_is_repeated_without_a_hole(audio: bytes, size: int, count: int) -> None:
    caller = CallerAudio(audio, size)
    said = b"".join(caller.message(n) for n in range(count))
    whole = audio * (len(said) // len(audio) + 1)
    assert said == whole[: size * count]


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_a_tone_repeats_without_a_click(rate: int) -> None:
    caller = caller_audio("tone", MediaFormat(Encoding.PCM16, rate), 20)
    assert caller is not None
    data = caller.message(0) + caller.message(1)
    samples = struct.unpack(f"<{len(data) // 2}h", data)
    assert len(samples) == rate * 40 // 1000
    period = rate // 400
    assert samples[:period] == samples[-period:]
    assert max(samples) == 8000


@pytest.mark.parametrize("encoding", list(Encoding))
def test_silence_is_the_encodings_own(encoding: Encoding) -> None:
    caller = caller_audio("silence", MediaFormat(encoding, 8000), 20)
    assert caller is not None
    pcm = decode(caller.message(3), encoding)
    assert len(pcm) == 320
    assert max(map(abs, struct.unpack("<160h", pcm))) <= 8


def test_nothing_is_said() -> None:
    assert caller_audio("none", PCM, 20) is None


def test_a_file_is_said_again_and_again(tmp_path: Path) -> None:
    pcm = bytes(range(100))
    caller = caller_audio(write_wav(tmp_path / "a.wav", pcm), PCM, 20)
    assert caller is not None
    assert caller.message(0) + caller.message(1) == (pcm * 7)[:640]


def test_a_file_is_encoded(tmp_path: Path) -> None:
    pcm = struct.pack("<3h", 100, -100, 1000)
    file = write_wav(tmp_path / "a.wav", pcm)
    caller = caller_audio(file, MediaFormat(Encoding.ALAW, 8000), 20)
    assert caller is not None
    assert len(caller.audio) == 3


def test_files_that_are_of_no_use(tmp_path: Path) -> None:
    wrong = [
        (write_wav(tmp_path / "r.wav", bytes(10), rate=16000), "16000 Hz; wanted 16 bits"),
        (write_wav(tmp_path / "s.wav", bytes(8), channels=2), "2 channels"),
        (write_wav(tmp_path / "w.wav", bytes(8), width=1), "8 bits"),
        (write_wav(tmp_path / "e.wav", b""), "no audio in it"),
        (str(tmp_path / "missing.wav"), "No such file"),
        (__file__, "no WAV file"),
    ]
    for path, problem in wrong:
        with pytest.raises(ConfigError, match=problem):
            caller_audio(path, PCM, 20)
