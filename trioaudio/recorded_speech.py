"""What a call says without an engine: recordings, keys, and nothing at all.

Each is a `core.speech.Speaker` whose text is of no account: it is not read, and none of it is
told to have been spoken.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Protocol

import attrs
import trio

from trioaudio.core.dtmf_tones import dtmf_ms, dtmf_pcm
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import RecordingError
from trioaudio.core.pcm import SAMPLE_BYTES, SampleAligner
from trioaudio.core.resampling import Resampler
from trioaudio.core.speech import SpeechSink, Stretch
from trioaudio.core.wav_recording import LARGEST_RECORDING, WavRecording, read_wav
from trioaudio.core.wav_sound import FASTEST_RATE, SLOWEST_RATE

__all__ = ["RecordedSpeech", "Recording", "Silence", "Sound", "Tones", "WavRecording", "read_wav"]

_STEP_MS = 200


class Sound(Protocol):
    """A recording in steps; `Recording` is one, and `core.wav_recording.WavRecording`."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Return its PCM16 LE mono, cut anywhere; again each time it is asked."""
        ...


@attrs.frozen
class Recording:
    """PCM16 LE mono. RecordingError when there is too much of it, or nobody has such a rate."""

    pcm: bytes = attrs.field(repr=False)
    sample_rate: int

    def __attrs_post_init__(self) -> None:
        """Refuse what is not played."""
        if not SLOWEST_RATE <= self.sample_rate <= FASTEST_RATE:
            raise RecordingError(
                f"a recording of {self.sample_rate} samples a second; choose {SLOWEST_RATE} to"
                f" {FASTEST_RATE} Hz"
            )
        if len(self.pcm) > LARGEST_RECORDING:
            raise RecordingError(
                f"the recording is longer than {LARGEST_RECORDING // 10**6} MB of PCM; split it"
            )

    def __iter__(self) -> Iterator[bytes]:
        """Return all of it."""
        yield self.pcm


class RecordedSpeech:
    """Plays a recording as it is, at the call's rate; any number of times."""

    name = "recording"

    def __init__(self, recording: Sound) -> None:
        self._recording = recording

    def check(self, choice: VoiceChoice) -> None:
        """Accept every choice: it was spoken long ago."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Accept every text: it is not read."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Play it; see `core.speech.Speaker`."""
        del pieces, choice
        await _play(self.name, _converted(self._recording, sink.sample_rate), sink)


class Tones:
    """Presses keys: `w` is half a second of silence. TextError for what is no key."""

    name = "tones"

    def __init__(self, digits: str) -> None:
        dtmf_ms(digits)
        self._digits = digits

    def check(self, choice: VoiceChoice) -> None:
        """Accept every choice: keys have no voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Accept every text: it is not read."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Press them; see `core.speech.Speaker`."""
        del pieces, choice
        # One by one: all of them at once would be computed for longer than a call may wait.
        keys = (dtmf_pcm(each, sink.sample_rate) for each in self._digits)
        await _play(self.name, keys, sink)


class Silence:
    """Says nothing and is done: a place in the order of what is said."""

    name = "silence"

    def check(self, choice: VoiceChoice) -> None:
        """Accept every choice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Accept every text."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Write nothing and tell nothing; see `core.speech.Speaker`."""
        del pieces, sink, choice
        await trio.lowlevel.checkpoint()


def _converted(recording: Sound, sample_rate: int) -> Iterator[bytes]:
    """Return PCM at another rate, little by little; a half sample at the end is left out."""
    aligner = SampleAligner()
    resampler = Resampler(recording.sample_rate, sample_rate)
    step = recording.sample_rate * _STEP_MS // 1000 * SAMPLE_BYTES
    for chunk in recording:
        for start in range(0, len(chunk), step):
            yield resampler.push(aligner.push(chunk[start : start + step]))
    yield resampler.flush()


async def _play(name: str, parts: Iterable[bytes], sink: SpeechSink) -> None:
    """Write PCM in chunks of 200 ms at most, and tell how much it was, however it ends."""
    step = sink.sample_rate * _STEP_MS // 1000 * SAMPLE_BYTES
    written = 0
    try:
        await trio.lowlevel.checkpoint()
        for pcm in parts:
            for start in range(0, len(pcm), step):
                chunk = pcm[start : start + step]
                written += len(chunk)
                await sink.write(chunk)
                await trio.lowlevel.checkpoint()  # a sink with room does not wait
            await trio.lowlevel.checkpoint()
    finally:
        if written:
            audio_ms = written // SAMPLE_BYTES * 1000 / sink.sample_rate
            sink.tell(Stretch(name, 0, 0, round(audio_ms, 3)))
