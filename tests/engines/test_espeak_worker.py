"""The worker's process by itself: its messages, its manners, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from engines.listening import SENTENCE, alive, children_of, files_of, wait_gone
from trioaudio.core.child_protocol import Message, MessageReader, pack
from trioaudio.engines._espeak_messages import (
    AUDIO,
    CANCEL,
    DONE,
    DONE_PAYLOAD,
    FAILED,
    LIST,
    READY,
    SPEAK,
    VOICES,
    WORD,
    WORD_PAYLOAD,
)
from trioaudio.engines.espeak import WORKER_COMMAND

LONG = f"{SENTENCE} " * 5


class Peer:
    """The daemon's end of the pipes, with nothing clever in it."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.pid = process.pid
        self._reader = MessageReader()
        self._messages: list[Message] = []

    async def ask(self, kind: int, ident: int, payload: bytes = b"") -> None:
        await self.stdin.send_all(pack(kind, ident, payload))

    async def speak(self, ident: int, text: str, voice: str = "gmw/en-US") -> None:
        await self.ask(SPEAK, ident, f"{voice}\0{text}".encode())

    async def receive(self) -> Message:
        while not self._messages:
            data = await self.stdout.receive_some(65536)
            if not data:
                raise trio.EndOfChannel
            self._messages = self._reader.push(bytes(data))
        return self._messages.pop(0)

    async def until(self, kind: int, ident: int = 0) -> list[Message]:
        messages = [await self.receive()]
        while messages[-1][:2] != (kind, ident):
            messages.append(await self.receive())
        return messages


@asynccontextmanager
async def ready_worker(environment: Mapping[str, str] | None = None) -> AsyncIterator[Peer]:
    with trio.fail_after(30):
        process = await trio.lowlevel.open_process(
            WORKER_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        peer = Peer(process)
        try:
            async with peer.stdin, peer.stdout:
                yield peer
        finally:
            with trio.move_on_after(5, shield=True):
                await process.wait()


def samples(messages: list[Message]) -> int:
    return sum(len(payload) for kind, _, payload in messages if kind == AUDIO) // 2


def mapped_into(pid: int) -> set[str]:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return {line.split()[-1] for line in maps.splitlines()}


async def test_it_says_what_it_is_and_needs_nothing_of_its_environment() -> None:
    async with ready_worker({"PATH": "", "LD_LIBRARY_PATH": "", "HOME": "/nonexistent"}) as worker:
        ((kind, ident, payload),) = await worker.until(READY)
        rate, library, data, version = payload.decode().split("\0")
        assert (kind, ident, rate, version) == (READY, 0, "22050", "1.52.0")
        assert {each for each in mapped_into(worker.pid) if "espeak" in each} == {library}
    assert Path(library).parent == Path(data).parent
    assert "site-packages/espeakng_loader" in library


async def test_blocks_are_short_first_and_long_then_and_words_precede_their_audio() -> None:
    async with ready_worker() as worker:
        await worker.speak(7, "Hello, your order has shipped.")
        _, *messages = await worker.until(DONE, 7)
    sizes = [len(payload) for kind, _, payload in messages if kind == AUDIO]
    assert sizes[0] == 441 * 2
    assert set(sizes[1:-1]) == {4410 * 2}
    assert 0 < sizes[-1] <= 4410 * 2
    assert {ident for _, ident, _ in messages} == {7}
    sent = 0
    words = []
    for kind, _, payload in messages:
        if kind == AUDIO:
            sent += len(payload) // 2
        elif kind == WORD:
            at, start, length = WORD_PAYLOAD.unpack(payload)
            assert at >= sent
            words.append((start, length))
    assert words == [(0, 5), (7, 4), (12, 5), (18, 3), (22, 7)]
    (pause,) = DONE_PAYLOAD.unpack(messages[-1][2])
    assert 0.25 < pause / 22050 < 0.35


async def test_equal_clauses_are_equal_pcm_whatever_came_between() -> None:
    async with ready_worker() as worker:
        await worker.speak(1, SENTENCE)
        _, *first = await worker.until(DONE, 1)
        await worker.speak(1, "नमस्ते", "inc/hi+f3")
        await worker.until(DONE, 1)
        await worker.speak(1, SENTENCE)
        assert await worker.until(DONE, 1) == first


async def test_clauses_are_spoken_first_come_first_served() -> None:
    async with ready_worker() as worker:
        for ident in range(1, 6):
            await worker.speak(ident, f"Number {ident}.")
        messages = await worker.until(DONE, 5)
    assert [ident for kind, ident, _ in messages if kind == DONE] == [1, 2, 3, 4, 5]
    assert [ident for _, ident, _ in messages] == sorted(ident for _, ident, _ in messages)


async def test_cancelled_half_spoken_or_queued_nothing_more_is_made() -> None:
    async with ready_worker() as worker:
        await worker.speak(1, LONG)
        whole = samples(await worker.until(DONE, 1))
        for _ in range(5):
            await worker.speak(2, LONG)
            await worker.speak(3, LONG)
            await worker.speak(4, "Hi.")
            spoken = await worker.until(AUDIO, 2)
            await worker.ask(CANCEL, 3)
            await worker.ask(CANCEL, 2)
            began = trio.current_time()
            spoken += await worker.until(AUDIO, 4)
            assert trio.current_time() - began < 0.2
            assert samples([each for each in spoken if each[1] == 2]) <= whole
            assert not [each for each in spoken if each[1] == 3]
            await worker.until(DONE, 4)


async def test_cancelling_what_is_not_there_does_nothing() -> None:
    async with ready_worker() as worker:
        await worker.ask(CANCEL, 99)
        await worker.speak(1, "Hi.")
        await worker.until(DONE, 1)
        await worker.ask(CANCEL, 1)
        await worker.speak(2, "Hi.")
        assert (DONE, 1) not in [each[:2] for each in await worker.until(DONE, 2)]


async def test_an_unknown_voice_fails_the_clause_and_nothing_else() -> None:
    async with ready_worker() as worker:
        await worker.speak(1, "Hi.", "no/such")
        await worker.speak(2, "Hi.")
        messages = await worker.until(DONE, 2)
    assert (FAILED, 1, b"eSpeak NG has no voice no/such") in messages


async def test_the_list_holds_voices_that_can_speak_and_their_variants() -> None:
    async with ready_worker() as worker:
        await worker.ask(LIST, 0)
        listing = json.loads((await worker.until(VOICES))[-1][2])
    names = {tag for voice in listing["voices"] for _, tag in voice["languages"]}
    assert {"en-us", "hi", "ta", "te", "bn", "mr", "gu", "kn", "ml", "pa", "ur"} <= names
    assert names.isdisjoint({"fo", "kaa", "xex"})  # the package lacks their dictionaries
    assert {"f3", "whisper", "Mr serious"} <= set(listing["variants"])


@pytest.mark.parametrize("read", [True, False])
async def test_it_leaves_at_once_when_stdin_closes_in_the_middle_of_speech(read: bool) -> None:
    async with ready_worker() as worker:
        await worker.until(READY)
        for ident in range(20):
            await worker.speak(ident, LONG)
        await worker.until(AUDIO, 0)
        if not read:
            await worker.until(AUDIO, 1)  # and nothing after it: stdout fills up
        speakers = children_of(worker.pid)
        began = trio.current_time()
        await worker.stdin.aclose()
        if read:
            with pytest.raises(trio.EndOfChannel):
                await worker.until(DONE, 19)
        await worker.process.wait()
        assert trio.current_time() - began < 0.5
        assert worker.process.returncode == 0
    assert not any(alive(pid) for pid in speakers)


async def test_killed_it_takes_its_speaker_along() -> None:
    async with ready_worker() as worker:
        await worker.until(READY)
        await worker.speak(1, "Hi.")
        await worker.until(AUDIO, 1)
        speakers = children_of(worker.pid)
        worker.process.kill()
        with pytest.raises(trio.EndOfChannel):  # only when nobody holds the pipe any more
            await worker.until(AUDIO, 2)
        for pid in speakers:
            await wait_gone(pid)


async def test_signals_to_the_whole_group_do_not_end_it() -> None:
    async with ready_worker() as worker:
        await worker.until(READY)
        for number in (signal.SIGINT, signal.SIGTERM):
            await worker.speak(1, LONG)
            await worker.until(AUDIO, 1)
            for pid in (worker.pid, *children_of(worker.pid)):
                os.kill(pid, number)
            await worker.until(DONE, 1)


async def test_the_speaker_holds_nothing_but_its_pipes() -> None:
    async with ready_worker() as worker:
        await worker.speak(1, LONG)
        await worker.until(AUDIO, 1)  # and nothing after it: the speaker waits for room
        (speaker,) = children_of(worker.pid)
        files = files_of(speaker)
    assert len(files) == 5
    assert sum(each.startswith("pipe:") for each in files) == 2
    assert files.count("/dev/null") == 3


def test_it_imports_nothing_heavy() -> None:
    program = (
        "import sys, trioaudio.engines.espeak_worker;"
        "print(sorted({'trio', 'attr', 'attrs', 'numpy', 'espeakng_loader', 'asyncio', 'threading'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=20, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
