"""What the caller says: silence, a tone or a file, for ever, in the stream's encoding."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import attrs

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.pcm import SAMPLE_BYTES

SILENCE = "silence"
TONE = "tone"
NONE = "none"
_TONE_HZ = 400  # whole periods in 20 ms, so that one frame repeats without a click
_TONE_PEAK = 8000


@attrs.frozen
class CallerAudio:
    """Audio in the stream's encoding, repeated without end, `message_bytes` at a time."""

    audio: bytes
    message_bytes: int

    def message(self, n: int) -> bytes:
        """Return the audio of the n-th message."""
        start = n * self.message_bytes % len(self.audio)
        piece = self.audio[start : start + self.message_bytes]
        while len(piece) < self.message_bytes:
            piece += self.audio[: self.message_bytes - len(piece)]
        return piece


def caller_audio(what: str, media: MediaFormat, ptime_ms: int) -> CallerAudio | None:
    """Return the caller's audio in messages of `ptime_ms`; None if there is to be none.

    `what` is silence, tone, none, or the path of a WAV file. ConfigError says what is wrong with
    the file.
    """
    message_bytes = media.bytes_in(ptime_ms)
    samples = media.sample_rate * ptime_ms // 1000
    match what:
        case "none":
            return None
        case "silence":
            return CallerAudio(media.encoding.silence * samples, message_bytes)
        case "tone":
            return CallerAudio(_encode(_tone(media.sample_rate), media.encoding), message_bytes)
        case path:
            return CallerAudio(
                _encode(_read_wav(Path(path), media.sample_rate), media.encoding), message_bytes
            )


def _tone(sample_rate: int) -> bytes:
    """Return one 50th of a second of a tone: whole periods."""
    samples = sample_rate // 50
    turn = 2 * math.pi * _TONE_HZ / sample_rate
    wave = (round(_TONE_PEAK * math.sin(turn * n)) for n in range(samples))
    return struct.pack(f"<{samples}h", *wave)


def _encode(pcm: bytes, encoding: Encoding) -> bytes:
    if encoding is Encoding.PCM16:
        return pcm
    from trioaudio.core.payload import encode  # noqa: PLC0415  brings numpy

    return encode(pcm, encoding)


def _read_wav(path: Path, sample_rate: int) -> bytes:
    import wave  # noqa: PLC0415  for those who ask for a file

    try:
        with wave.open(str(path)) as file:
            found = (file.getsampwidth(), file.getnchannels(), file.getframerate())
            pcm = bytes(file.readframes(file.getnframes()))
    except OSError as exc:
        raise ConfigError(f"--caller {path}: {exc.strerror or exc}") from exc
    except (wave.Error, EOFError) as exc:
        raise ConfigError(f"--caller {path}: no WAV file of 16-bit PCM: {exc}") from exc
    if found != (SAMPLE_BYTES, 1, sample_rate):
        width, channels, rate = found
        raise ConfigError(
            f"--caller {path}: {8 * width} bits, {channels} channels, {rate} Hz;"
            f" wanted 16 bits, 1 channel, {sample_rate} Hz, for nothing is resampled here"
        )
    if not pcm:
        raise ConfigError(f"--caller {path}: there is no audio in it")
    return pcm
