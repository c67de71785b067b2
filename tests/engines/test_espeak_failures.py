"""The embedded voice when its processes die, hang, or never come to be."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from engines.listening import (
    DEFAULT,
    SENTENCE,
    Clauses,
    Recorder,
    bad_worker,
    children_of,
    pid_of,
    say,
    setup,
)
from trioaudio.core.errors import ChildError, EngineError, EngineFault, FaultScope
from trioaudio.core.facts import EngineRestarted, Fact
from trioaudio.engines import espeak
from trioaudio.engines.espeak import open_engine

RATE = 22050


@pytest.mark.parametrize("victim", ["speaker", "worker"])
async def test_speech_goes_on_seamlessly_when_a_process_is_killed_in_the_middle(
    tmp_path: Path, victim: str
) -> None:
    text = [SENTENCE] * 3
    facts: list[Fact] = []
    command = bad_worker(f"die-in-the-middle-of-{victim}", tmp_path / "died")
    (tmp_path / "died").touch()
    with trio.fail_after(30):
        async with open_engine(setup(tell=facts.append), command=command) as engine:
            undisturbed = await say(engine, *text)
            (tmp_path / "died").unlink()
            disturbed = await say(engine, *text)
            others = await say(engine, SENTENCE)
            restarts = engine.statistics().restarts
    assert (tmp_path / "died").exists()
    assert disturbed.pcm == undisturbed.pcm
    assert disturbed.words == undisturbed.words
    assert disturbed.spoken == [1, 2, 3]
    assert undisturbed.pcm.startswith(others.pcm)
    if victim == "worker":
        assert facts == [EngineRestarted("espeak", "was killed by signal 9")]
        assert restarts == 1
    else:
        assert facts == []


async def test_many_utterances_survive_the_death_of_the_worker() -> None:
    facts: list[Fact] = []
    sinks = [Recorder() for _ in range(10)]
    with trio.fail_after(30):
        async with open_engine(setup(tell=facts.append)) as engine:
            alone = await say(engine, *[SENTENCE] * 5)
            async with trio.open_nursery() as nursery:
                for sink in sinks:
                    nursery.start_soon(
                        engine.synthesize, Clauses(*[SENTENCE] * 5), sink, DEFAULT, RATE
                    )
                await sinks[0].offered.wait()
                os.kill(pid_of(engine), signal.SIGKILL)
    assert {sink.pcm for sink in sinks} == {alone.pcm}
    assert len(facts) == 1


@pytest.mark.parametrize("victim", ["speaker", "worker"])
async def test_a_clause_that_kills_twice_fails_its_own_utterance_only(victim: str) -> None:
    facts: list[Fact] = []
    good, bad = Recorder(), Recorder()
    with trio.fail_after(30):
        async with open_engine(
            setup(tell=facts.append), command=bad_worker(f"poison-{victim}")
        ) as engine:
            before = await say(engine, "A good start.")
            alone = await say(engine, *[SENTENCE] * 10)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    engine.synthesize, Clauses(*[SENTENCE] * 10), good, DEFAULT, RATE
                )
                clauses = Clauses("A good start.", "POISON now.", "More.")
                with pytest.raises(
                    EngineError, match=r"'POISON now\.'.*(SIGKILL|signal 9), twice"
                ) as caught:
                    await engine.synthesize(clauses, bad, DEFAULT, RATE)
            await say(engine, "Still there.")
    assert caught.value.kind is EngineFault.UNAVAILABLE
    assert not caught.value.retryable
    assert caught.value.scope is FaultScope.UTTERANCE
    assert bad.spoken == [1]
    assert bad.pcm.startswith(before.pcm)
    assert not any(bad.pcm[len(before.pcm) :])
    assert good.pcm == alone.pcm
    assert len(facts) == (2 if victim == "worker" else 0)


async def test_a_clause_that_never_ends_is_ended() -> None:
    with trio.fail_after(30):
        async with open_engine(setup(), command=bad_worker("hang")) as engine:
            with pytest.raises(EngineError, match="SIGXCPU"):
                await say(engine, "Hello.")


async def test_what_the_library_refuses_is_the_utterances_error() -> None:
    with trio.fail_after(10):
        async with open_engine(setup(), command=bad_worker("refuse")) as engine:
            with pytest.raises(EngineError, match="on strike") as caught:
                await say(engine, "Hello.")
    assert caught.value.kind is EngineFault.BAD_REQUEST


async def test_a_worker_that_cannot_be_started_again_fails_who_waits_and_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak, "RESTARTS", 2)
    monkeypatch.setattr(espeak, "REST_SECONDS", 0.05)
    restarted = trio.Event()
    flag = tmp_path / "started"
    with trio.fail_after(30):
        async with open_engine(
            setup(tell=lambda _fact: restarted.set()), command=bad_worker("start-once", flag)
        ) as engine:
            os.kill(pid_of(engine), signal.SIGKILL)
            for _ in range(2):
                with pytest.raises(EngineError, match="ended with status 5") as caught:
                    await say(engine, "Hello.")
                assert caught.value.retryable
                assert caught.value.scope is FaultScope.CONNECTION
            flag.unlink()
            await restarted.wait()
            assert (await say(engine, "Back again.")).pcm


async def test_no_process_no_voice() -> None:
    with pytest.raises(ChildError, match=r"no process for the embedded voice: .*No such file"):
        async with open_engine(setup(), command=("/nowhere/python", "-m", "x")):
            pass


async def test_a_missing_package_is_named() -> None:
    with pytest.raises(EngineError, match="espeakng_loader") as caught:
        async with open_engine(setup(), command=bad_worker("without-loader")):
            pass
    assert caught.value.kind is EngineFault.UNAVAILABLE
    assert caught.value.scope is FaultScope.CONNECTION


async def test_a_worker_that_leaves_before_it_is_ready_is_an_error() -> None:
    with pytest.raises(EngineError, match="ended with status 3 before it was ready"):
        async with open_engine(setup(), command=(sys.executable, "-c", "raise SystemExit(3)")):
            pass


async def test_a_worker_that_never_gets_ready_is_killed() -> None:
    command = bad_worker("half-ready")
    with trio.fail_after(10):
        with pytest.raises(EngineError, match=r"not ready within 0\.3 s"):
            async with open_engine(setup(), command=command, ready_seconds=0.3):
                pass
    assert children_of(os.getpid()) == []


async def test_junk_on_the_pipe_costs_a_restart_and_nothing_else(tmp_path: Path) -> None:
    facts: list[Fact] = []
    with trio.fail_after(30):
        async with open_engine(
            setup(tell=facts.append), command=bad_worker("junk", tmp_path / "x")
        ) as engine:
            disturbed = await say(engine, SENTENCE)
            assert (await say(engine, SENTENCE)).pcm == disturbed.pcm
    (fact,) = facts
    assert isinstance(fact, EngineRestarted)
    assert "sent a message of 4294967295 bytes" in fact.reason
