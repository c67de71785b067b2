from __future__ import annotations

import contextlib
import resource
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioaudio.core.errors import OutputError
from trioaudio.wav_file import WavFile


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A disk that is full once a file has this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


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


def test_two_channels(tmp_path: Path) -> None:
    path = tmp_path / "both.wav"
    with WavFile(path, 8000, 2) as wav:
        wav.write(b"\1\0\2\0" * 3)
        wav.write_silence(5)
        wav.finish()
    with wave.open(str(path)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getnframes()) == (2, 8000, 8)
        assert read.readframes(8) == b"\1\0\2\0" * 3 + bytes(20)


def test_what_the_disk_took_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with file_size_limit(200_000), WavFile(path, 8000, 2) as wav:
        with pytest.raises(OutputError, match="File too large"):
            wav.write(b"\1\0\2\0" * 100_000)
        seconds = wav.salvage()
    with wave.open(str(path)) as read:
        frames = read.getnframes()
        assert frames == round(seconds * 8000) == (200_000 - 44) // 4
        assert read.readframes(frames) == b"\1\0\2\0" * frames
    assert [each.name for each in tmp_path.iterdir()] == ["x.wav"]


def test_what_cannot_be_saved_is_removed(tmp_path: Path) -> None:
    part = tmp_path / "x.wav.part"
    part.symlink_to("/dev/full")
    with WavFile(tmp_path / "x.wav", 8000) as wav:
        with pytest.raises(OutputError):
            wav.write(bytes(200_000))
        with pytest.raises(OutputError, match="cannot write"):
            wav.salvage()
    assert list(tmp_path.iterdir()) == []
