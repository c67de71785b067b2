"""A whole WAV file in memory, as PCM16 LE mono of its own rate."""

from __future__ import annotations

from collections.abc import Iterator

from trioaudio.core.errors import RecordingError
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.wav_head import WavHead, read_wav_head, starts_wav
from trioaudio.core.wav_sound import WavSound

LARGEST_RECORDING = 60_000_000
"""Bytes of PCM16: an hour at 8 kHz."""

_STEP_MS = 200


class WavRecording:
    """Iterated, it gives its PCM in steps of 200 ms, converted when they are asked for.

    So the file is held as it came, and converting costs no call its rhythm. 8, 16, 24 and 32-bit
    PCM, floats, μ-law and A-law are read; channels are averaged. A file that ends too early is
    played as far as it goes. RecordingError when there is nothing to play in it, or too much.
    """

    __slots__ = ("_data", "_end", "_sound", "_start", "_step", "sample_rate")

    def __init__(self, data: bytes) -> None:
        try:
            head = _head_of(data)
            self._sound = WavSound(head)
        except ValueError as exc:
            raise RecordingError(f"the recording {exc}; give a WAV file of PCM or G.711") from None
        frame_bytes = self._sound.frame_bytes
        there = len(data) - head.length
        size = there if head.audio_bytes is None else min(there, head.audio_bytes)
        size -= size % frame_bytes
        if not size:
            raise RecordingError("the recording holds no sound; give one with samples in it")
        if size // frame_bytes * SAMPLE_BYTES > LARGEST_RECORDING:
            raise RecordingError(
                f"the recording is longer than {LARGEST_RECORDING // 10**6} MB of PCM; split it,"
                " or give it at a lower sample rate"
            )
        self._data = data
        self._start = head.length
        self._end = head.length + size
        self._step = max(1, head.sample_rate * _STEP_MS // 1000) * frame_bytes
        self.sample_rate = head.sample_rate
        """Hz."""

    @property
    def audio_ms(self) -> float:
        """How long it is."""
        samples = (self._end - self._start) // self._sound.frame_bytes
        return samples * 1000 / self.sample_rate

    def __iter__(self) -> Iterator[bytes]:
        """Return its PCM in steps."""
        for start in range(self._start, self._end, self._step):
            yield self._sound.convert(self._data[start : min(start + self._step, self._end)])


def _head_of(data: bytes) -> WavHead:
    if not starts_wav(data):
        raise ValueError("is no WAV file")
    head = read_wav_head(data)
    if head is None:
        raise ValueError("has no samples")
    return head


def read_wav(data: bytes) -> tuple[bytes, int]:
    """Return a WAV file's PCM16 LE mono and its rate in Hz. RecordingError.

    All at once, up to 15 ms a minute of sound; to play it, take a `WavRecording`.
    """
    recording = WavRecording(data)
    return b"".join(recording), recording.sample_rate
