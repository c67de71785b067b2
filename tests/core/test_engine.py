from collections.abc import AsyncIterable

import attrs
import pytest

from trioaudio.core.engine import Engine, PcmSink, Voice, VoiceChoice, WordTiming
from trioaudio.core.errors import ConfigError, TextError


class Beep:
    """The least an engine can be; the type checker compares it with the Protocol."""

    name = "beep"
    sample_rate = 8000

    def check(self, choice: VoiceChoice) -> None:
        if choice.voice not in (None, "low"):
            raise ConfigError(f"no voice {choice.voice}")

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        self.check(choice)
        if not text.isascii():
            raise TextError("beeps are ASCII")

    async def synthesize(
        self, pieces: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice
    ) -> None:
        self.check(choice)
        start = 0
        async for piece in pieces:
            sink.tell_word(WordTiming(start=start, length=len(piece), at_ms=10.0 * start))
            await sink.write(bytes(160 * len(piece)))
            start += len(piece)

    async def voices(self) -> list[Voice]:
        return [Voice("low", ("en",))]


class Sink:
    def __init__(self) -> None:
        self.pcm = b""
        self.words: list[WordTiming] = []

    async def write(self, chunk: bytes) -> None:
        self.pcm += chunk

    def tell_word(self, word: WordTiming) -> None:
        self.words.append(word)


class Pieces:
    def __init__(self, *pieces: str) -> None:
        self._left = list(pieces)

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> str:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


async def test_text_goes_in_by_pieces_and_pcm_and_word_timings_come_out() -> None:
    engine: Engine = Beep()
    sink = Sink()
    await engine.synthesize(Pieces("one", "two"), sink, VoiceChoice())
    assert len(sink.pcm) == 160 * 6
    assert sink.words == [WordTiming(0, 3, 0.0), WordTiming(3, 3, 30.0)]


async def test_a_choice_is_checked_against_the_voices_there_are() -> None:
    engine: Engine = Beep()
    (voice,) = await engine.voices()
    engine.check(VoiceChoice(voice=voice.name))
    engine.check(VoiceChoice())
    with pytest.raises(ConfigError, match="no voice high"):
        engine.check(VoiceChoice(voice="high"))
    engine.check_text("one", VoiceChoice())
    with pytest.raises(TextError):
        engine.check_text("வணக்கம்", VoiceChoice())


def test_voices_are_values() -> None:
    assert Voice("low", ("en",)) == attrs.evolve(
        Voice("low", ("en",), description="deep"), description=""
    )
