"""Noise that calls say in stretches, and the sum over all of it that a callee should hear."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Sequence

import attrs
import numpy as np

from trioaudio.core.carrier import Carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.payload import decode, encode
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.speech import SpeechSink
from trioaudio.media_path import Shape

UTTERANCES = 3
CHUNK_MS = 170  # no multiple of a frame


def noise(samples: int) -> bytes:
    """Return noise whose every stretch is unlike every other."""
    values = np.random.default_rng(1).integers(-12000, 12000, samples)
    return values.astype("<i2").tobytes()


@attrs.frozen
class Stretch:
    """What one utterance says of the noise, in samples."""

    start: int
    length: int

    @property
    def text(self) -> str:
        """As `NoiseSpeaker` reads it."""
        return f"{self.start} {self.length}"


def script(call: int, rate: int, seconds: float) -> list[Stretch]:
    """Return a call's utterances: unlike any other call's, none of whole frames."""
    length = int(seconds * rate / UTTERANCES)
    return [Stretch(call * 61 + part * length, length - 37 * part) for part in range(UTTERANCES)]


@attrs.define(eq=False)
class NoiseSpeaker:
    """A speaker that reads where in the noise to begin and how many samples to say."""

    noise: bytes
    name: str = "noise"

    def check(self, choice: VoiceChoice) -> None:
        """Have every voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Read everything."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Say a stretch of the noise."""
        del choice
        start, length = map(int, "".join([piece async for piece in pieces]).split())
        chunk = sink.sample_rate * CHUNK_MS // 1000
        for at in range(start, start + length, chunk):
            end = min(at + chunk, start + length)
            await sink.write(self.noise[at * SAMPLE_BYTES : end * SAMPLE_BYTES])


def expected_sum(
    source: bytes, stretches: Sequence[Stretch], carrier: Carrier, shape: Shape
) -> str:
    """Return the sum over all samples the callee should hear."""
    heard = hashlib.sha256()
    frame = shape.pcm.frame_bytes
    for each in stretches:
        pcm = source[each.start * SAMPLE_BYTES : (each.start + each.length) * SAMPLE_BYTES]
        frames = -(-len(pcm) // frame)
        rest = frames % shape.frames_per_item
        frames += max(0, shape.smallest_item - rest) if rest else 0
        pcm = pcm.ljust(frames * frame, b"\0")
        if carrier.never is not None:
            samples = np.frombuffer(pcm, dtype="<i2")
            pcm = np.where(samples == carrier.never, 0, samples).astype("<i2").tobytes()
            pcm += bytes(SAMPLE_BYTES)  # the sample each mark of such a carrier binds to
        heard.update(decode(encode(pcm, shape.media.encoding), shape.media.encoding))
    return heard.hexdigest()
