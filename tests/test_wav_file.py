from __future__ import annotations

import wave
from pathlib import Path

import pytest

from trioaudio.core.errors import OutputError
from trioaudio.wav_file import WavFile

LOUD = b"\x01\x00\xff\x7f\x00\x80"


def test_a_wav_file_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with WavFile(path, 16000) as wav:
        wav.write(LOUD)
        wav.write_silence(100_000)
        wav.write(LOUD)
        assert not path.exists()
        wav.finish()
    with wave.open(str(path)) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, 16000)
        assert read.readframes(read.getnframes()) == LOUD + bytes(200_000) + LOUD
    assert [each.name for each in tmp_path.iterdir()] == ["heard.wav"]


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    path.write_bytes(b"before")
    with WavFile(path, 8000) as wav:
        wav.write(LOUD)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["heard.wav"]


def test_unwritable_places(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        WavFile(tmp_path / "no" / "heard.wav", 8000)
    with pytest.raises(OutputError, match="it is a folder"):
        WavFile(tmp_path, 8000)


def test_a_name_that_cannot_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with WavFile(path, 8000) as wav:
        path.mkdir()
        with pytest.raises(OutputError, match="cannot write"):
            wav.finish()
    assert [each.name for each in tmp_path.iterdir()] == ["heard.wav"]


def test_a_full_disk(tmp_path: Path) -> None:
    part = tmp_path / "heard.wav.part"
    part.symlink_to("/dev/full")
    with (
        pytest.raises(OutputError, match="No space left"),
        WavFile(tmp_path / "heard.wav", 8000) as wav,
    ):
        wav.write(bytes(200_000))
    assert list(tmp_path.iterdir()) == []
