"""The view on a terminal: daemons followed, keys read, lines painted, signals obeyed."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

import attrs
import trio

from trioaudio.client import Client
from trioaudio.dashboard.columns import Sight
from trioaudio.dashboard.keys import ESCAPE_S, Key, KeyReader
from trioaudio.dashboard.link import Link
from trioaudio.dashboard.nodes import Fleet
from trioaudio.dashboard.orders import carry_out
from trioaudio.dashboard.palette import Palette
from trioaudio.dashboard.picture import draw
from trioaudio.dashboard.terminal import Terminal, size_of
from trioaudio.dashboard.view_state import Order, ViewState
from trioaudio.observe.live_picture import Glyphs

REDRAW_S: Final = 0.5
"""Between two pictures while nobody presses a key: text that is being heard moves on."""
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ORDERS_AT_ONCE: Final = 4


@attrs.define(eq=False)
class LiveView:
    """All of it; `run` returns when the person quits, or a signal comes."""

    fleet: Fleet
    clients: Mapping[str, Client]
    state: ViewState
    terminal: Terminal
    palette: Palette
    glyphs: Glyphs
    wall: Callable[[], float]
    links: list[Link] = attrs.field(factory=list)
    _in_sight: dict[str, list[str]] = attrs.field(factory=dict)
    _wake: trio.Event = attrs.field(factory=trio.Event)
    _stopped: bool = False
    _running_orders: int = 0

    def in_sight_of(self, node: str) -> Sequence[str]:
        """Return which calls of a node are in sight."""
        return self._in_sight.get(node, ())

    def note_change(self) -> None:
        """Show at once that a daemon answers, or no longer does."""
        self._wake.set()

    async def run(self, end: Callable[[int], None]) -> None:
        """Show it all; `end` is told the signal that ended it. OutputError, ProblemError."""
        with trio.open_signal_receiver(
            *ENDING, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT
        ) as signals:
            try:
                await self.terminal.enter()
                async with trio.open_nursery() as nursery:
                    for link in self.links:
                        nursery.start_soon(link.follow)
                    nursery.start_soon(self._draw)
                    if self.terminal.keyboard is not None:
                        nursery.start_soon(self._read_keys, nursery)
                    await self._obey(signals, end, nursery)
            finally:
                with trio.CancelScope(shield=True):  # `leave` has its own deadline
                    await self.terminal.leave()

    # --- Signals -----------------------------------------------------------------------------

    async def _obey(
        self,
        signals: AsyncIterator[int],
        end: Callable[[int], None],
        nursery: trio.Nursery,
    ) -> None:
        async for number in signals:
            if number in ENDING:
                end(number)
                nursery.cancel_scope.cancel()
                return
            if number == signal.SIGTSTP:
                await self._suspend()
            self.terminal.forget()  # the size has changed, or others have written meanwhile
            self._wake.set()

    async def _suspend(self) -> None:
        """Give the terminal back while the shell has it, and take it again afterwards."""
        self._stopped = True
        await self.terminal.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        await self.terminal.enter()
        self._stopped = False

    # --- The picture -------------------------------------------------------------------------

    async def _draw(self) -> None:
        while True:
            self._wake = trio.Event()
            if not self._stopped:
                await self._paint()
            with trio.move_on_after(REDRAW_S) if not self.state.paused else trio.CancelScope():
                await self._wake.wait()

    async def _paint(self) -> None:
        width, height = size_of(self.terminal.screen)
        sight = Sight(trio.current_time(), self.wall(), self.glyphs)
        picture = draw(self.fleet, self.state, width, height, sight)
        if picture.in_sight != self._in_sight:
            self._in_sight = picture.in_sight
            for link in self.links:
                link.note_sight()
        lines = [self.palette.paint(row.line, selected=row.selected) for row in picture.rows]
        await self.terminal.paint(lines)

    # --- Keys --------------------------------------------------------------------------------

    async def _read_keys(self, nursery: trio.Nursery) -> None:
        reader = KeyReader()
        while True:
            data: bytes | None = None
            with trio.move_on_after(ESCAPE_S) if reader.unsure else trio.CancelScope():
                data = await self.terminal.read()
            if data == b"":  # the terminal is gone; so is whoever looked at it
                nursery.cancel_scope.cancel()
                return
            keys = reader.give_up() if data is None else reader.feed(data)
            for key in keys:
                self._press(key, nursery)
            self._wake.set()

    def _press(self, key: Key, nursery: trio.Nursery) -> None:
        if key.name == "redraw":
            self.terminal.forget()
            return
        order = self.state.press(key, trio.current_time())
        if self.state.quitting:
            nursery.cancel_scope.cancel()
        elif order is not None:
            if self._running_orders >= ORDERS_AT_ONCE:
                self.state.tell("wait until the last commands are done", trio.current_time())
                return
            self._running_orders += 1
            nursery.start_soon(self._carry_out, order)

    async def _carry_out(self, order: Order) -> None:
        try:
            told, style = await carry_out(order, self.clients)
        finally:
            self._running_orders -= 1
        self.state.tell(told, trio.current_time(), style)
        self._wake.set()
