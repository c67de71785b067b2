"""What the daemon says first on every call: a text, or a recording read from a WAV file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import attrs

from trioaudio.core.errors import ConfigError, RecordingError
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.wav_recording import read_wav
from trioaudio.settings import variable

LARGEST_FILE = 16 << 20
"""Bytes of a greeting's file: a minute and a half of stereo at 44.1 kHz."""


@attrs.frozen
class RecordedGreeting:
    """A recording, as PCM16 LE mono of its own sample rate in Hz."""

    file: Path
    sample_rate: int
    pcm: bytes = attrs.field(repr=False)

    def __iter__(self) -> Iterator[bytes]:
        """Return it in one piece, as whoever plays recordings wants it."""
        yield self.pcm

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / SAMPLE_BYTES / self.sample_rate


def read_greeting(written: str, cwd: Path) -> str | RecordedGreeting | None:
    """Return what `TRIOAUDIO_GREETING` stands for; None when nothing is to be said.

    Reads a file, relative ones from `cwd`, so it may block. ConfigError when there is no such
    recording, or it cannot be played.
    """
    if not written:
        return None
    if not written.startswith("@"):
        return written
    try:
        return _recording(cwd / Path(written[1:]).expanduser())
    except OSError as exc:
        wrong = f"{exc.strerror or exc}; give a WAV file this user may read"
    except RuntimeError:  # Path.expanduser
        wrong = "the home folder is not known; give the whole path"
    except RecordingError as exc:
        wrong = str(exc)
    raise ConfigError(f"{variable('greeting')}={written!r}: {wrong}")


def _recording(file: Path) -> RecordedGreeting:
    """Read a file. OSError; RecordingError when it cannot be played."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise RecordingError("it is no ordinary file; give a WAV file")
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise RecordingError(f"it has more than {LARGEST_FILE >> 20} MiB; give a shorter one")
    pcm, sample_rate = read_wav(data)
    return RecordedGreeting(file, sample_rate, pcm)
