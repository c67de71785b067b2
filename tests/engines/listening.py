"""A sink that remembers, clauses to speak, engines opened by name, and a look at processes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import trio

from trioaudio.core.engine import (
    Engine,
    EngineSettings,
    EngineSetup,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.facts import Fact, Tell
from trioaudio.engines import load_engine
from trioaudio.engines.espeak import EspeakEngine

DEFAULT = VoiceChoice()
SENTENCE = "This is a sentence of an ordinary length, I should say."


class Clauses:
    """Clauses of an utterance, as fast as they are taken; `taken` counts them."""

    def __init__(self, *clauses: str) -> None:
        self._clauses = clauses
        self.taken = 0

    def __aiter__(self) -> Clauses:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        if self.taken == len(self._clauses):
            await self.at_end()
            raise StopAsyncIteration
        self.taken += 1
        return self._clauses[self.taken - 1]

    async def at_end(self) -> None:
        await trio.lowlevel.checkpoint()


class EndlessClauses(Clauses):
    """Their author never says that there are no more."""

    async def at_end(self) -> None:
        await trio.sleep_forever()


class Recorder:
    """A sink that keeps everything; it takes nothing while `gate` is closed."""

    def __init__(self, *, closed: bool = False) -> None:
        self.chunks: list[bytes] = []
        self.words: list[WordTiming] = []
        self.spoken: list[int] = []
        """What `tell_spoken` was told."""
        self.spoken_at: list[int] = []
        """Bytes that had been written when it was told."""
        self.offered = trio.Event()
        """Set when audio is offered for the first time."""
        self.told = trio.Event()
        """Set when a clause is told to be spoken for the first time."""
        self.gate = trio.Event()
        if not closed:
            self.gate.set()

    @property
    def pcm(self) -> bytes:
        return b"".join(self.chunks)

    async def write(self, chunk: bytes) -> None:
        self.offered.set()
        await self.gate.wait()
        await trio.lowlevel.checkpoint()
        self.chunks.append(chunk)

    def tell_word(self, word: WordTiming) -> None:
        self.words.append(word)

    def tell_spoken(self, clauses: int) -> None:
        self.told.set()
        self.spoken.append(clauses)
        self.spoken_at.append(sum(map(len, self.chunks)))


async def say(
    engine: Engine,
    *clauses: str,
    choice: VoiceChoice = DEFAULT,
    sample_rate: int | None = None,
) -> Recorder:
    """Have an engine speak, at the rate it gives for 8000 Hz if no other is wanted."""
    sink = Recorder()
    rate = engine.sample_rate_for(8000) if sample_rate is None else sample_rate
    with trio.fail_after(30):
        await engine.synthesize(Clauses(*clauses), sink, choice, rate)
    return sink


def ignore(fact: Fact) -> None:
    """Hear of no restarts."""


def setup(
    settings: EngineSettings | None = None,
    *,
    tell: Tell = ignore,
    sample_rate: int = 8000,
    ca_file: str | None = None,
) -> EngineSetup:
    """Return what an engine is opened with; the settings are all engines' defaults."""
    return EngineSetup(settings or EngineSettings(), tell, sample_rate, ca_file)


@contextlib.asynccontextmanager
async def opened(
    name: str, *, tell: Tell = ignore, sample_rate: int = 8000, **changes: object
) -> AsyncIterator[Engine]:
    """Open an engine by its name, with its own default settings but for the changes."""
    kind = load_engine(name)
    settings = attrs.evolve(kind.settings, **changes)  # type: ignore[arg-type]  # by name
    async with kind.open(setup(settings, tell=tell, sample_rate=sample_rate)) as engine:
        yield engine


def bad_worker(mode: str, flag: Path | None = None) -> tuple[str, ...]:
    """Return the command of a worker that fails on purpose, once if there is a `flag`."""
    script = Path(__file__).with_name("bad_worker.py")
    return (sys.executable, str(script), mode, str(flag or ""))


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]


def files_of(pid: int) -> list[str]:
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(each.readlink()))
        except FileNotFoundError:  # the file the directory is read through
            continue
    return links


def pid_of(engine: EspeakEngine) -> int:
    pid = engine.statistics().pid
    assert pid is not None
    return pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def wait_gone(pid: int) -> None:
    """Wait until a process that is nobody's child here has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)
