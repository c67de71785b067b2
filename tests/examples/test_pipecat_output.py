"""The Pipecat example in a Python that has Pipecat: a hundred packages, installed for this test.

PIPECAT_PYTHON names an interpreter that has them already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.served import Served, served
from examples.playing import EXAMPLES
from system.processes import Runner, Running
from trioaudio.api import commands

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

INTERRUPTED = """
import asyncio
from pipecat_output import *
from pipecat.frames.frames import InterruptionFrame

async def main():
    async with Client() as client, client.stream() as stream:
        call = await stream.create(to="100")
        await stream.subscribe([call.id])
        worker = PipelineWorker(Pipeline([TrioaudioOutput(stream, call)]))
        started = asyncio.Event()

        @worker.event_handler("on_pipeline_started")
        async def _(worker, frame):
            started.set()

        async def talk():
            await started.wait()
            for frame in (
                LLMFullResponseStartFrame(), LLMTextFrame("One "), LLMTextFrame("two ")
            ):
                await worker.queue_frame(frame)
            await asyncio.sleep(0.5)
            await worker.queue_frame(InterruptionFrame())
            await asyncio.sleep(0.5)
            for frame in (
                LLMFullResponseStartFrame(), LLMTextFrame("Three."), LLMFullResponseEndFrame(),
                TTSSpeakFrame("Four."), EndFrame(),
            ):
                await worker.queue_frame(frame)

        runner = WorkerRunner()
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), talk())

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    if there := os.environ.get("PIPECAT_PYTHON"):
        return there
    folder = tmp_path_factory.mktemp("pipecat")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    wanted = ["pipecat-ai==1.14.0", "httpx", "httpx-ws", "attrs", "msgspec", "anyio"]
    subprocess.run([folder / "bin/pip", "install", "--quiet", *wanted], check=True)
    return str(folder / "bin/python")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    yield made
    made.close()


def start(runner: Runner, far: Served, python: str, *arguments: str) -> Running:
    paths = os.pathsep.join([str(EXAMPLES.parent), str(EXAMPLES)])
    return runner.start(*arguments, command=[python], env={**far.environ, "PYTHONPATH": paths})


def test_it_says_the_pipeline_s_text_and_hangs_up(runner: Runner, python: str) -> None:
    with served() as far:
        running = start(runner, far, python, str(EXAMPLES / "pipecat_output.py"), "+919800000000")
        done = running.wait(60)
        assert done.code == 0, done.err
        call = far.desk.known["call-1"]
        assert call.utterances[1].text == "Hello, this is Pipecat, speaking through trioaudio."
        assert call.commands[-2:] == [
            commands.Close(utterance=1),
            commands.HangUp(when="after-played"),
        ]


def test_an_interruption_reaches_the_call(runner: Runner, python: str) -> None:
    with served() as far:
        running = start(runner, far, python, "-c", INTERRUPTED)
        done = running.wait(60)
        assert done.code == 0, done.err
        call = far.desk.known["call-1"]
        assert [each.text for each in call.utterances.values()] == ["One two ", "Three.", "Four."]
        assert call.utterances[1].view.cause == "barge-in"
        assert commands.BargeIn(kind="speech") in call.commands
