"""What ElevenLabs says: audio with the alignment of its characters, as JSON values.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from trioaudio.simulators.services import elevenlabs_faults as here
from trioaudio.simulators.services.delivery import Delivery
from trioaudio.simulators.services.faults import Strikes
from trioaudio.simulators.services.sound import SpokenWord

Reply: TypeAlias = dict[str, object]
_OTHER_NAMES = {
    "contextId": "context_id",
    "isFinal": "is_final",
    "normalizedAlignment": "normalized_alignment",
    "charStartTimesMs": "charsStartTimesMs",
    "charDurationsMs": "charsDurationsMs",
}


def characters(word: SpokenWord) -> list[SpokenWord]:
    """Return a word's characters with their times, and a space after it."""
    step = (word.end - word.start) / len(word.text)
    found = [
        SpokenWord(letter, word.start + n * step, word.start + (n + 1) * step)
        for n, letter in enumerate(word.text)
    ]
    return [*found, SpokenWord(" ", word.end, word.end)]


@attrs.define(eq=False)
class AlignedDelivery(Delivery):
    """A delivery that keeps characters for the message that has their audio."""

    _characters: list[SpokenWord] = attrs.field(factory=list)

    def hear_word(self, word: SpokenWord) -> None:
        """Take a word of the line being spoken."""
        before = len(self._heard_words)
        super().hear_word(word)
        for heard in self._heard_words[before:]:
            self._characters += characters(heard)
        del self._heard_words[before:]

    def take_characters(self) -> list[SpokenWord]:
        """Return the characters that have been sent to their end, each once."""
        if here.EARLY_ALIGNMENT in self.strikes:
            found, self._characters = self._characters, []
            return found
        until = self.sent_seconds + 1e-6
        found = [each for each in self._characters if each.end <= until]
        self._characters = self._characters[len(found) :]
        return found


def alignment(spoken: Sequence[SpokenWord], begin: float) -> Reply | None:
    """Return the alignment of characters, timed from `begin` seconds; None without any.

    One that began in the chunk before is told as if it began with this one.
    """
    if not spoken:
        return None
    spoken = [attrs.evolve(each, start=max(each.start, begin)) for each in spoken]
    return {
        "chars": [each.text for each in spoken],
        "charStartTimesMs": [round((each.start - begin) * 1000) for each in spoken],
        "charDurationsMs": [round((each.end - each.start) * 1000) for each in spoken],
    }


def audio(data: bytes, spoken: Reply | None, strikes: Strikes) -> Reply:
    """Return audio."""
    return {
        "audio": base64.b64encode(data).decode(),
        "isFinal": None,
        "alignment": None if here.NORMALIZED_ONLY in strikes else spoken,
        "normalizedAlignment": spoken,
    }


def final() -> Reply:
    """Return that a context is over."""
    return {"audio": None, "isFinal": True, "alignment": None, "normalizedAlignment": None}


def of_context(reply: Reply, ident: str | None, strikes: Strikes) -> Reply:
    """Return a reply that says which context it is of, spelled as the faults want it."""
    if ident is not None and here.NO_CONTEXT_ID not in strikes:
        reply = {**reply, "contextId": ident}
    return _respelled(reply) if here.OTHER_SPELLING in strikes else reply


def _respelled(value: Reply) -> Reply:
    return {
        _OTHER_NAMES.get(name, name): _respelled(each) if isinstance(each, dict) else each
        for name, each in value.items()
    }
