"""What every engine must do, found by name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from engines.listening import DEFAULT, SENTENCE, EndlessText, Recorder, Text, ignore, say
from trioaudio.core.engine import Engine, VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.core.pcm import PcmFormat
from trioaudio.engines import engine_names, load_engine


@pytest.fixture(params=engine_names())
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    with trio.fail_after(60):
        async with load_engine(request.param)(ignore) as opened:
            yield opened


def test_names_are_of_engines_only() -> None:
    assert "espeak" in engine_names()
    for name in engine_names():
        assert callable(load_engine(name))
    with pytest.raises(ConfigError, match="did you mean espeak"):
        load_engine("espaek")


async def test_it_writes_whole_samples(engine: Engine) -> None:
    sink = await say(engine, SENTENCE * 3)
    assert engine.name in engine_names()
    assert PcmFormat(engine.sample_rate, ptime_ms=1000).frame_samples == engine.sample_rate
    assert sink.chunks
    assert all(chunk and len(chunk) % 2 == 0 for chunk in sink.chunks)
    assert len(sink.pcm) > 2 * 2 * engine.sample_rate


async def test_empty_text_writes_nothing(engine: Engine) -> None:
    for pieces in ([], [""], [" ", "\n"]):
        assert (await say(engine, *pieces)).chunks == []


async def test_it_speaks_before_the_text_is_complete(engine: Engine) -> None:
    sink = Recorder()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, EndlessText(SENTENCE, "And"), sink, DEFAULT)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()


async def test_pieces_cut_anywhere_are_the_same_speech(engine: Engine) -> None:
    text = SENTENCE * 2 + "It costs 3.50 today! Really?"
    whole = await say(engine, text)
    letters = await say(engine, *text)
    assert letters.pcm == whole.pcm
    assert letters.words == whole.words


async def test_cancelled_it_stops_within_one_chunk(engine: Engine) -> None:
    sink = Recorder(closed=True)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Text(SENTENCE * 20), sink, DEFAULT)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
    sink.gate.set()
    await say(engine, SENTENCE)
    assert len(sink.chunks) <= 1


async def test_a_slow_sink_holds_the_text_back(engine: Engine) -> None:
    sink = Recorder(closed=True)
    text = Text(*[SENTENCE] * 200)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, text, sink, DEFAULT)
            await sink.offered.wait()
            await say(engine, SENTENCE)
            assert text.taken < 10
            nursery.cancel_scope.cancel()


async def test_words_are_in_order_and_within_text_and_audio(engine: Engine) -> None:
    text = SENTENCE * 3
    sink = await say(engine, text)
    ends = [word.start + word.length for word in sink.words]
    assert ends == sorted(ends)
    assert all(0 <= word.start < len(text) and word.length > 0 for word in sink.words)
    times = [word.at_ms for word in sink.words]
    assert times == sorted(times)
    assert all(0 <= at <= len(sink.pcm) * 500 / engine.sample_rate for at in times)


async def test_its_voices_can_be_chosen(engine: Engine) -> None:
    voices = await engine.voices()
    assert voices
    for voice in voices:
        engine.check(VoiceChoice(voice=voice.name))
        assert voice.languages


async def test_unknown_choices_are_the_operators_error(engine: Engine) -> None:
    engine.check(DEFAULT)
    engine.check_text("Hello", DEFAULT)
    for choice in (VoiceChoice(voice="no such voice"), VoiceChoice(language="xx-none")):
        with pytest.raises(ConfigError):
            engine.check(choice)
        with pytest.raises(ConfigError):
            await engine.synthesize(Text("Hello."), Recorder(), choice)
