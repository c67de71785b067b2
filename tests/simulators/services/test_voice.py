"""What the services speak with: real speech and the tone."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from trioaudio.simulators.services.sound import SpokenWord
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import Line, VoiceKind, open_speaker


@attrs.define
class Ear:
    pcm: bytes = b""
    words: list[SpokenWord] = attrs.field(factory=list)
    chunks: int = 0

    async def hear(self, pcm: bytes) -> None:
        assert len(pcm) % 2 == 0
        self.pcm += pcm
        self.chunks += 1

    def hear_word(self, word: SpokenWord) -> None:
        self.words.append(word)


async def spoken(kind: VoiceKind, line: Line) -> Ear:
    ear = Ear()
    async with open_speaker(kind) as speaker:
        await speaker.speak(line, ear)
    return ear


@pytest.mark.parametrize("rate", [8000, 44100])
async def test_real_speech_at_any_rate_with_its_words(rate: int) -> None:
    text = "Hello there, dear world! This is a second sentence."
    ear = await spoken(VoiceKind.ESPEAK, Line(text, rate))
    seconds = len(ear.pcm) / 2 / rate
    assert 2 < seconds < 5
    assert np.abs(np.frombuffer(ear.pcm, "<i2")).max() > 3000
    assert [each.text for each in ear.words] == text.split()
    assert ear.words[0].start < 0.1
    for one, after in zip(ear.words, ear.words[1:], strict=False):
        assert one.start < one.end <= after.start
    assert ear.words[-1].end == pytest.approx(seconds)


async def test_a_language_the_voice_lacks_is_read_anyway() -> None:
    assert (await spoken(VoiceKind.ESPEAK, Line("Hello.", 8000, language="tlh"))).pcm


async def test_another_language_sounds_different() -> None:
    english = await spoken(VoiceKind.ESPEAK, Line("Signal", 8000, language="en"))
    german = await spoken(VoiceKind.ESPEAK, Line("Signal", 8000, language="de"))
    assert english.pcm != german.pcm


@pytest.mark.parametrize("kind", list(VoiceKind))
async def test_nothing_to_say_is_silence_at_once(kind: VoiceKind) -> None:
    assert (await spoken(kind, Line("", 8000))).pcm == b""


async def test_a_tone_is_made_bit_by_bit() -> None:
    ear = await spoken(VoiceKind.TONE, Line("SOMETHING A LITTLE LONGER.", 8000, owner="c"))
    heard = read_tone(ear.pcm, 8000)
    assert "".join(each.character for each in heard) == "SOMETHING A LITTLE LONGER."
    assert {each.owner for each in heard} == {owner_of("c")}
    assert ear.chunks > 1
    assert [each.text for each in ear.words] == ["SOMETHING", "A", "LITTLE", "LONGER."]
