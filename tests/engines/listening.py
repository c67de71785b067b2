"""A sink that remembers, text in pieces, and a look at a worker's processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from trioaudio.core.engine import Engine, VoiceChoice, WordTiming
from trioaudio.core.facts import Fact
from trioaudio.engines.espeak import EspeakEngine

DEFAULT = VoiceChoice()
SENTENCE = "This is a sentence of an ordinary length, I should say. "


class Text:
    """Pieces of an utterance, as fast as they are taken; `taken` counts them."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = list(pieces)
        self.taken = 0

    def __aiter__(self) -> Text:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        if self.taken == len(self._pieces):
            await self.at_end()
            raise StopAsyncIteration
        self.taken += 1
        return self._pieces[self.taken - 1]

    async def at_end(self) -> None:
        await trio.lowlevel.checkpoint()


class EndlessText(Text):
    """Its author never says it is complete."""

    async def at_end(self) -> None:
        await trio.sleep_forever()


class Recorder:
    """A sink that keeps everything; it takes nothing while `gate` is closed."""

    def __init__(self, *, closed: bool = False) -> None:
        self.chunks: list[bytes] = []
        self.words: list[WordTiming] = []
        self.offered = trio.Event()
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


async def say(engine: Engine, *pieces: str, choice: VoiceChoice = DEFAULT) -> Recorder:
    sink = Recorder()
    with trio.fail_after(30):
        await engine.synthesize(Text(*pieces), sink, choice)
    return sink


def ignore(fact: Fact) -> None:
    """Hear of no restarts."""


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
