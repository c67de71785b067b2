"""Bare PCM, one frame in each binary message, and two text messages if they were agreed upon.

Nobody's protocol: what a media endpoint of one's own is likely to speak.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.pcm import SAMPLE_BYTES, PcmFormat
from trioaudio.simulators.dialect import Action, Audio, CallFacts, DialectKind, Malformed, Reading
from trioaudio.simulators.dialects._says_nothing import SaysNothing


@attrs.frozen
class Raw(SaysNothing):
    """One connection."""

    pcm: PcmFormat
    clear_message: str | None = None
    end_message: str | None = None

    def opening(self) -> Sequence[Message]:
        """Return nothing: the audio begins."""
        return ()

    def caller_audio(self, audio: bytes) -> Message:
        """Return it as it is."""
        return audio

    def read(self, message: Message) -> Sequence[Reading]:
        """Read one frame of audio, or a text that was agreed upon."""
        if isinstance(message, bytes):
            return (self._read_audio(message),)
        if message == self.clear_message:
            return (Action.CLEAR,)
        if message == self.end_message:
            return (Action.STOP,)
        return (Malformed("text message; bare PCM is binary only"),)

    def _read_audio(self, audio: bytes) -> Reading:
        wanted = self.pcm.frame_bytes
        if len(audio) == wanted:
            return Audio(audio)
        problem = f"{len(audio)} bytes of audio; must be exactly one frame of {wanted}"
        if not audio:
            return Malformed(problem)
        if len(audio) % SAMPLE_BYTES:
            return Malformed(f"{problem}, and are no whole samples")
        return Audio(audio, problem)

    def malformed(self) -> Sequence[Message]:
        """Return texts nobody agreed upon, and audio that is no whole samples."""
        return ("", "hello", "{", b"", b"\x01", bytes(self.pcm.frame_bytes + 1))


def _new(facts: CallFacts) -> Raw:
    return Raw(
        PcmFormat(facts.media.sample_rate, facts.ptime_ms),
        facts.options.get("clear-message"),
        facts.options.get("end-message"),
    )


DIALECT = DialectKind(
    name="raw",
    new=_new,
    listens=True,
    caller_ptime_ms=0,
    options={
        "clear-message": "the text message that clears; none without it",
        "end-message": "the text message that ends the stream; none without it",
    },
)
