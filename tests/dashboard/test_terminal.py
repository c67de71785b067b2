"""What is written to a terminal: what has changed, and in the end what makes it as it was."""

from __future__ import annotations

import os
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from trioaudio.core.errors import OutputError
from trioaudio.dashboard.terminal import ENTER, LEAVE, USUAL_SIZE, Terminal, size_of


@attrs.frozen
class Pair:
    terminal: Terminal
    far: int

    async def came(self) -> str:
        await trio.lowlevel.wait_readable(self.far)
        return os.read(self.far, 65536).decode()


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    await trio.lowlevel.checkpoint()
    far, near = os.openpty()
    try:
        yield Pair(Terminal(near, near), far)
    finally:
        os.close(far)
        os.close(near)


async def test_only_lines_that_have_changed_are_written() -> None:
    async with pair() as made:
        terminal = made.terminal
        assert await terminal.paint(["before it is ours"]) == 0
        await terminal.enter()
        assert await made.came() == ENTER
        assert await terminal.paint(["one", "two", "three"]) > 0
        first = await made.came()
        assert "\x1b[2J" in first
        assert "\x1b[2;1Htwo\x1b[0m\x1b[K" in first
        assert await terminal.paint(["one", "two", "three"]) == 0
        await terminal.paint(["one", "2", "three"])
        second = await made.came()
        assert "2" in second
        assert "one" not in second
        assert "three" not in second
        await terminal.paint(["one"])
        assert "\x1b[2;1H\x1b[J" in await made.came()
        terminal.forget()
        await terminal.paint(["one"])
        assert "\x1b[2Jone" in (await made.came()).replace("\x1b[1;1H", "")
        await terminal.leave()
        assert await made.came() == LEAVE
        await terminal.leave()
        assert await terminal.paint(["after"]) == 0


async def test_the_modes_are_given_back() -> None:
    async with pair() as made:
        terminal = made.terminal
        before = termios.tcgetattr(terminal.screen)
        await terminal.enter()
        during = termios.tcgetattr(terminal.screen)
        assert not during[3] & (termios.ECHO | termios.ICANON)
        assert during[3] & termios.ISIG
        await terminal.leave()
        assert termios.tcgetattr(terminal.screen) == before


async def test_what_is_forgotten_while_it_is_painted_is_painted_again() -> None:
    async with pair() as made:
        terminal = made.terminal
        await terminal.enter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.paint, ["one", "two"])
            for _ in range(100):  # until it has begun
                if not terminal._forgotten:
                    break
                await trio.lowlevel.checkpoint()
            terminal.forget()
        assert await terminal.paint(["one", "two"]) > 0


async def test_a_terminal_that_does_not_read_is_waited_for_and_left_all_the_same() -> None:
    async with pair() as made:
        terminal = made.terminal
        await terminal.enter()
        with trio.move_on_after(0.3) as waiting:
            for number in range(1000):
                await terminal.paint([f"{number}" * 2000])
        assert waiting.cancelled_caught
        with trio.fail_after(5):
            await terminal.leave()


async def test_a_terminal_that_is_gone() -> None:
    far, near = os.openpty()
    terminal = Terminal(near, near)
    await terminal.enter()
    os.close(far)
    with pytest.raises(OutputError, match="the terminal takes no more"):
        await terminal.paint(["one"])
    assert await terminal.read() == b""
    await terminal.leave()
    os.close(near)


def test_a_size_that_nobody_knows() -> None:
    reading, writing = os.pipe()
    assert size_of(reading) == USUAL_SIZE
    os.close(reading)
    os.close(writing)
    far, near = os.openpty()
    assert size_of(near) == USUAL_SIZE
    os.close(far)
    os.close(near)
