"""A speaker of numbered audio that has nothing else to say."""

from __future__ import annotations

from collections.abc import AsyncIterable

import attrs

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.speech import SpeechSink

CHUNK_BYTES = 3000  # no multiple of a frame, and more than a tenth of a second


@attrs.define(eq=False)
class NumberedSpeaker:
    """Writes the same numbered frames for every utterance, as fast as it may.

    Synthesis is not what is measured, so its chunks are made once and shared by all legs.
    """

    chunks: list[bytes]
    name: str = "numbered"

    @classmethod
    def of(cls, pcm: bytes) -> NumberedSpeaker:
        """Cut audio into chunks of an awkward size."""
        return cls([pcm[start : start + CHUNK_BYTES] for start in range(0, len(pcm), CHUNK_BYTES)])

    def check(self, choice: VoiceChoice) -> None:
        """Any voice will do."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """So will any text."""

    async def speak(
        self,
        pieces: AsyncIterable[str],
        sink: SpeechSink,
        choice: VoiceChoice,
    ) -> None:
        """Write it all; waiting in the sink is the pace."""
        async for _ in pieces:
            for chunk in self.chunks:
                await sink.write(chunk)
