"""The embedded voice with its real worker, on the real clock."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import trio

from engines.listening import (
    DEFAULT,
    SENTENCE,
    Clauses,
    EndlessClauses,
    Recorder,
    alive,
    children_of,
    files_of,
    pid_of,
    say,
    setup,
)
from trioaudio.core.engine import EngineSettings, VoiceChoice, WordTiming
from trioaudio.core.errors import ConfigError, EngineError
from trioaudio.core.front_end.front_end import clauses_of
from trioaudio.engines.espeak import EspeakEngine, open_engine

RATE = 22050
BYTES_PER_SECOND = RATE * 2


@pytest.fixture
async def engine() -> AsyncIterator[EspeakEngine]:
    with trio.fail_after(60):
        async with open_engine(setup()) as opened:
            yield opened


async def test_the_first_audio_comes_while_the_text_is_still_written(engine: EspeakEngine) -> None:
    sink = Recorder()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            clauses = EndlessClauses("Hello, your order has shipped.")
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.told.wait()
            nursery.cancel_scope.cancel()
    assert len(sink.chunks[0]) * 1000 / BYTES_PER_SECOND == 20
    assert sink.spoken == [1]


async def test_clauses_are_joined_with_their_pause_and_none_is_left_at_the_end(
    engine: EspeakEngine,
) -> None:
    one = (await say(engine, "Hello there.")).pcm
    two = (await say(engine, "Good day.")).pcm
    sink = await say(engine, "Hello there.", "Good day.")
    both = sink.pcm
    pause = both[len(one) : -len(two)]
    assert both.startswith(one)
    assert both.endswith(two)
    assert not any(pause)
    assert 0.2 < len(pause) / BYTES_PER_SECOND < 0.4
    assert any(two[-20:])
    assert list(zip(sink.spoken, sink.spoken_at, strict=True)) == [(1, len(one)), (2, len(both))]


async def test_a_sentence_cut_for_its_length_goes_on_without_a_pause(engine: EspeakEngine) -> None:
    cut = [each.text for each in clauses_of("word " * 80)]
    assert len(cut) == 2
    parts = [(await say(engine, each)).pcm for each in cut]
    assert (await say(engine, *cut)).pcm == b"".join(parts)


async def test_words_are_told_where_they_stand_and_when_they_sound(engine: EspeakEngine) -> None:
    clauses = ("Café naïve 1234.", "Order 😀 नमस्ते done,", "at 5.6% more!")
    sink = await say(engine, *clauses)
    said = [clauses[word.clause][word.start : word.start + word.length] for word in sink.words]
    assert said == [
        *("Café", "naïve", "1234", "Order", "😀", "नमस्ते", "done", "at", "5.6", "%", "more"),
    ]
    times = [word.at_ms for word in sink.words]
    assert times == sorted(times)
    assert times[0] < 100
    assert times[-1] < len(sink.pcm) * 1000 / BYTES_PER_SECOND


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("hi", "नमस्ते, आपका ऑर्डर 25 भेज दिया है। धन्यवाद।"),
        ("ta", "தமிழ் மொழி வணக்கம். நன்றி."),
        ("hi", "आपका order भेज दिया है।"),
    ],
)
async def test_indian_text_is_spoken_word_by_word(
    engine: EspeakEngine, language: str, text: str
) -> None:
    sink = await say(engine, text, choice=VoiceChoice(language=language))
    assert len(sink.pcm) > BYTES_PER_SECOND
    said = [text[word.start : word.start + word.length] for word in sink.words]
    assert said[0] == text.split(maxsplit=1)[0].rstrip(",")
    assert all(word in text and " " not in word for word in said)


@pytest.mark.parametrize("text", ["...", "\x00\x01", "\ufeff"])
async def test_a_clause_without_sound_writes_nothing(engine: EspeakEngine, text: str) -> None:
    sink = await say(engine, text)
    assert sink.chunks == []
    assert sink.spoken == [1]


async def test_control_characters_are_no_commands_to_the_library(engine: EspeakEngine) -> None:
    plain = await say(engine, "one  9S two")
    assert (await say(engine, "one \x019S two")).pcm == plain.pcm
    assert (await say(engine, "a\ud800b")).pcm == (await say(engine, "a b")).pcm


async def test_emoji_and_unknown_characters_hurt_nobody(engine: EspeakEngine) -> None:
    assert (await say(engine, "😀👩‍👩‍👧 fine")).pcm
    await say(engine, "\U000e0041 𓀀 ㍿ done")


async def test_a_long_text_is_spoken_to_its_last_word(engine: EspeakEngine) -> None:
    clauses = [SENTENCE] * 360  # 20 kB
    sink = Recorder()
    longest = 0

    async def watch(chunk: bytes) -> None:
        nonlocal longest
        longest = max(longest, engine.statistics().unwritten_bytes)
        sink.chunks.append(chunk)
        await trio.lowlevel.checkpoint()

    sink.write = watch  # type: ignore[method-assign]
    with trio.fail_after(60):
        await engine.synthesize(Clauses(*clauses), sink, DEFAULT, RATE)
    assert len(sink.pcm) > 1000 * BYTES_PER_SECOND
    last = sink.words[-1]
    assert (last.clause, last.start) == (359, len(SENTENCE) - len("say."))
    assert sink.spoken == [*range(1, 361)]
    clause = len((await say(engine, SENTENCE)).pcm)
    assert longest <= clause + 1.5 * BYTES_PER_SECOND


async def test_twenty_at_once_are_never_mixed(engine: EspeakEngine) -> None:
    voices = ["en-us", "hi", "ta", "en-us+f3"]
    lines = [([f"Caller {n}.", *[SENTENCE] * (n % 4 + 1)], voices[n % 4]) for n in range(20)]
    alone = [await say(engine, *said, choice=VoiceChoice(voice=voice)) for said, voice in lines]
    together = [Recorder() for _ in lines]
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for (said, voice), sink in zip(lines, together, strict=True):
                choice = VoiceChoice(voice=voice)
                nursery.start_soon(engine.synthesize, Clauses(*said), sink, choice, RATE)
    assert [each.pcm for each in together] == [each.pcm for each in alone]
    assert [each.words for each in together] == [each.words for each in alone]


async def test_a_stalled_utterance_mutes_nobody_and_holds_one_clause(engine: EspeakEngine) -> None:
    clause = len((await say(engine, SENTENCE)).pcm)
    stalled = Recorder(closed=True)
    clauses = Clauses(*[SENTENCE] * 100)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, stalled, DEFAULT, RATE)
            await stalled.offered.wait()
            await say(engine, "Somebody else speaks meanwhile.")  # after the stalled one's clause
            held = engine.statistics()
            assert held.clauses_asked == 0
            assert held.unwritten_bytes <= clause
            assert clauses.taken <= 3
            stalled.gate.set()
    assert clauses.taken == 100


async def test_cancelling_stops_at_once_and_leaves_nothing(engine: EspeakEngine) -> None:
    reference = await say(engine, "Fine.")
    for _ in range(5):
        sink = Recorder(closed=True)
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.synthesize, Clauses("x " * 2000), sink, DEFAULT, RATE)
                await sink.offered.wait()
                began = trio.current_time()
                nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 0.2
        assert sink.chunks == []
        assert engine.statistics().clauses_asked == 0
        assert (await say(engine, "Fine.")).pcm == reference.pcm
        assert trio.current_time() - began < 1
    assert engine.statistics().unwritten_bytes == engine.statistics().utterances == 0


async def test_clauses_cancelled_while_they_queue_are_not_spoken(engine: EspeakEngine) -> None:
    with trio.move_on_after(0):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(engine.synthesize, Clauses(SENTENCE), Recorder(), DEFAULT, RATE)
    sink = Recorder(closed=True)
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(engine.synthesize, Clauses("y " * 150), sink, DEFAULT, RATE)
        await sink.offered.wait()
        nursery.cancel_scope.cancel()
    began = trio.current_time()
    await say(engine, "Now.")
    assert trio.current_time() - began < 0.5  # fifty of them would take longer
    assert engine.statistics().clauses_asked == 0


async def test_the_callers_own_errors_come_out_as_they_are(engine: EspeakEngine) -> None:
    class Full(Recorder):
        async def write(self, chunk: bytes) -> None:
            raise OSError(f"no room for {len(chunk)} bytes")

    class Torn(Clauses):
        async def at_end(self) -> None:
            raise ValueError("torn")

    with pytest.raises(OSError, match="no room"):
        await engine.synthesize(Clauses(SENTENCE), Full(), DEFAULT, RATE)
    with pytest.raises(ValueError, match="torn"):
        await engine.synthesize(Torn("Hello.", "Hello."), Recorder(), DEFAULT, RATE)
    with pytest.raises(KeyError):
        async with open_engine(setup()):
            raise KeyError
    assert engine.statistics().utterances == 0


async def test_nothing_is_left_after_two_hundred_utterances_and_the_end() -> None:
    own = os.getpid()
    before = len(files_of(own))
    with trio.fail_after(60):
        async with open_engine(setup()) as engine:
            pid = pid_of(engine)
            await say(engine, "One.")
            in_worker, in_us = len(files_of(pid)), len(files_of(own))
            for n in range(200):
                await say(engine, f"Number {n}.")
            # The pipes of the speaker that waits for the next clause are there already, or not yet.
            assert abs(len(files_of(pid)) - in_worker) <= 2
            assert len(files_of(own)) == in_us
            assert len(children_of(pid)) <= 1
            assert children_of(own) == [pid]
            (speaker,) = children_of(pid) or [pid]
    assert len(files_of(own)) <= before
    assert children_of(own) == []
    assert not alive(pid)
    assert not alive(speaker)


async def test_speech_ends_with_the_engine() -> None:
    sink = Recorder(closed=True)

    async def outlive(engine: EspeakEngine) -> None:
        with pytest.raises(EngineError, match="closed"):
            await engine.synthesize(Clauses(*[SENTENCE] * 9), sink, DEFAULT, RATE)

    async def open_and_close(nursery: trio.Nursery) -> EspeakEngine:
        async with open_engine(setup()) as engine:
            nursery.start_soon(outlive, engine)
            await sink.offered.wait()
        return engine

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            engine = await open_and_close(nursery)
            sink.gate.set()
        await outlive(engine)


async def test_the_worker_inherits_no_socket_and_no_ctrl_c(engine: EspeakEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        async with open_engine(setup()) as other:
            inode = os.fstat(listener.fileno()).st_ino
            assert f"socket:[{inode}]" not in files_of(pid_of(other))
    pid = pid_of(engine)
    assert os.getpgid(pid) == pid
    assert os.getpgid(pid) != os.getpgid(0)
    reference = await say(engine, SENTENCE)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.killpg(pid, number)
        assert (await say(engine, SENTENCE)).pcm == reference.pcm
    assert pid_of(engine) == pid


def test_the_daemon_never_loads_the_library() -> None:
    program = """
import sys, trio
from trioaudio.core.engine import EngineSetup
from trioaudio.engines import engine_names, load_engine
async def main():
    kind = load_engine("espeak")
    async with kind.open(EngineSetup(kind.settings, print)):
        pass
trio.run(main)
assert engine_names() == sorted(set(engine_names()))
assert "espeak" in engine_names(), engine_names()
assert "espeakng_loader" not in sys.modules
maps = open("/proc/self/maps").read()
assert "espeak" not in maps, maps
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


async def test_voices_listed_can_be_chosen(engine: EspeakEngine) -> None:
    voices = await engine.voices()
    names = [voice.name for voice in voices]
    assert {"hi", "ta", "te", "bn", "mr", "gu", "kn", "ml", "pa", "ur", "en-us"} <= set(names)
    assert len(names) == len(set(names)) > 100
    for voice in voices:
        engine.check(VoiceChoice(voice=voice.name))
        engine.check(VoiceChoice(language=voice.languages[0]))
        assert voice.gender in ("male", "female")
        assert voice.description


async def test_every_voice_speaks(engine: EspeakEngine) -> None:
    for voice in await engine.voices():
        sink = await say(engine, "12 a ᏣᎳᎩ", choice=VoiceChoice(voice=voice.name))
        assert len(sink.pcm) > BYTES_PER_SECOND / 5, voice


async def test_a_voice_by_any_of_its_names_is_the_same_voice(engine: EspeakEngine) -> None:
    names = ["en-us", "EN-US", "gmw/en-US", "English (America)", "en-US"]
    said = {(await say(engine, "Hello.", choice=VoiceChoice(voice=name))).pcm for name in names}
    said.add((await say(engine, "Hello.")).pcm)
    said.add((await say(engine, "Hello.", choice=VoiceChoice("en-us", "hi"))).pcm)
    assert len(said) == 1
    variant = await say(engine, "Hello.", choice=VoiceChoice(voice="en-us+F3"))
    assert variant.pcm not in said


async def test_the_operators_voice_is_the_default_and_an_authors_choice_goes_first() -> None:
    async with open_engine(setup(EngineSettings(voice="hi"))) as engine:
        hindi = await say(engine, "नमस्ते", choice=VoiceChoice(voice="hi"))
        assert (await say(engine, "नमस्ते")).pcm == hindi.pcm
        english = await say(engine, "Hello.", choice=VoiceChoice(language="en-US"))
        assert english.pcm == (await say(engine, "Hello.", choice=VoiceChoice("en-us"))).pcm
        recipes = [engine.recipe(DEFAULT), engine.recipe(VoiceChoice(language="hi"))]
        assert recipes[0] == recipes[1] != engine.recipe(VoiceChoice("en-us"))
        engine.check_text("नमस्ते", DEFAULT)
    with pytest.raises(ConfigError, match="no voice 'hindy'; did you mean hindi"):
        async with open_engine(setup(EngineSettings(voice="hindy"))):
            pass


async def test_it_has_one_rate_whatever_is_wanted(engine: EspeakEngine) -> None:
    assert {engine.sample_rate_for(wanted) for wanted in (8000, 16000, 48000)} == {RATE}
    assert len((await say(engine, "Hello.", sample_rate=RATE)).pcm) > BYTES_PER_SECOND / 4


async def test_words_are_numbered_from_the_first_clause_of_each_utterance(
    engine: EspeakEngine,
) -> None:
    for _ in range(2):
        sink = await say(engine, "One.", "Two three.")
        assert [(word.clause, word.start) for word in sink.words] == [(0, 0), (1, 0), (1, 4)]
        assert isinstance(sink.words[0], WordTiming)
