from __future__ import annotations

import struct
from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.greeting import LARGEST_FILE, RecordedGreeting, read_greeting
from trioaudio.wav_file import WavFile

PCM = struct.pack("<4h", 0, 1000, -1000, 32767)


def wav(path: Path, pcm: bytes = PCM, rate: int = 16000) -> Path:
    with WavFile(path, rate) as file:
        file.write(pcm)
        file.finish()
    return path


def stereo(left: bytes) -> bytes:
    samples = [left[at : at + 2] * 2 for at in range(0, len(left), 2)]
    data = b"".join(samples)
    head = struct.pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + head
        + b"data" + struct.pack("<I", len(data)) + data + b"LIST" + struct.pack("<I", 4) + b"tags"
    )  # fmt: skip


def test_none_and_a_text(tmp_path: Path) -> None:
    assert read_greeting("", tmp_path) is None
    assert read_greeting("Good day.", tmp_path) == "Good day."


def test_a_recording(tmp_path: Path) -> None:
    file = wav(tmp_path / "hello.wav")
    expected = RecordedGreeting(file, 16000, PCM)
    assert read_greeting("@hello.wav", tmp_path) == expected
    assert read_greeting(f"@{file}", Path("/")) == expected
    assert expected.seconds == 4 / 16000
    assert b"".join(expected) == PCM
    assert "1000" not in repr(expected)


def test_other_kinds_of_wav_and_what_stands_behind_the_sound(tmp_path: Path) -> None:
    (tmp_path / "two.wav").write_bytes(stereo(PCM))
    found = read_greeting("@two.wav", tmp_path)
    assert isinstance(found, RecordedGreeting)
    assert (found.sample_rate, found.pcm) == (8000, PCM)


def test_what_cannot_be_played(tmp_path: Path) -> None:
    wav(tmp_path / "empty.wav", b"")
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "short.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    mp3 = bytearray(wav(tmp_path / "mp3.wav").read_bytes())
    mp3[20] = 85
    (tmp_path / "mp3.wav").write_bytes(mp3)
    with (tmp_path / "huge.wav").open("wb") as huge:
        huge.truncate(LARGEST_FILE + 1)
    for name, said in (
        ("missing.wav", "No such file"),
        ("empty.wav", "the recording holds no sound"),
        ("text.wav", "the recording is no WAV file"),
        ("short.wav", "the recording has no samples"),
        ("mp3.wav", "holds 16-bit MP3, mono, 16000 Hz, which is not read"),
        ("huge.wav", "it has more than 16 MiB"),
        (".", "it is no ordinary file"),
        ("~no-such-user/x.wav", "the home folder is not known"),
    ):
        with pytest.raises(ConfigError) as caught:
            read_greeting(f"@{name}", tmp_path)
        assert str(caught.value).startswith(f"TRIOAUDIO_GREETING='@{name}': ")
        assert said in str(caught.value)
