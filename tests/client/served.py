"""A control server over a fake daemon, in a Trio thread of its own, so that asyncio can ask it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import anyio
import attrs
import outcome
import trio

from control.fake_desk import FakeDesk
from trioaudio.api.events import Event
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import open_control_server
from trioaudio.control.tokens import TOKENS_FILE, TokenBook, add_token

T = TypeVar("T")
BACKENDS = ("asyncio", "trio")
MOST_S = 20.0


def run(backend: str, work: Callable[[], Awaitable[T]]) -> T:
    """Run a test's work under one of the two event loops, not for ever."""

    async def bounded() -> T:
        with anyio.fail_after(MOST_S):
            return await work()

    return anyio.run(bounded, backend=backend)


@attrs.define(eq=False)
class Served:
    """A server that runs, and how a test gets into its thread."""

    desk: FakeDesk
    url: str
    token: str
    folder: Path
    _lodge: trio.lowlevel.TrioToken
    _scope: trio.CancelScope

    def do(self, work: Callable[[], T]) -> T:
        """Run something in the server's thread, while ours waits for it; it takes no time."""
        # Not trio.from_thread: that refuses to block a thread that runs Trio, as some of ours do.
        done: Future[outcome.Outcome[T]] = Future()
        self._lodge.run_sync_soon(lambda: done.set_result(outcome.capture(work)))
        return done.result(MOST_S).unwrap()

    def stop(self) -> None:
        """End the server, as when the daemon ends."""
        self.do(self._scope.cancel)

    def tell(self, event: Event) -> None:
        """Have an event told."""
        self.do(lambda: self.desk.hub.tell(event))

    @property
    def environ(self) -> dict[str, str]:
        """The settings that lead a client here."""
        return {
            "TRIOAUDIO_CONTROL_URL": self.url,
            "TRIOAUDIO_CONTROL_TOKEN": self.token,
            "TRIOAUDIO_STATE_FOLDER": str(self.folder),
        }


@contextmanager
def served(desk: FakeDesk | None = None, *, unix: bool = False) -> Iterator[Served]:
    """Serve while the block runs."""
    desk = desk or FakeDesk()
    up = threading.Event()
    found: list[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope]] = []
    ended: list[outcome.Outcome[None]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        token = add_token(folder / TOKENS_FILE, "tester", "admin")
        options = ControlOptions(
            listen=folder / "control.sock" if unix else ("127.0.0.1", 0),
            tokens=TokenBook(folder / TOKENS_FILE),
        )

        async def serve() -> None:
            with trio.CancelScope() as scope:
                async with open_control_server(desk, options) as server:
                    address = f"unix://{server.address}" if unix else server.address
                    found.append((address, trio.lowlevel.current_trio_token(), scope))
                    up.set()
                    await trio.sleep_forever()

        def in_thread() -> None:
            ended.append(outcome.capture(trio.run, serve))
            up.set()

        thread = threading.Thread(target=in_thread, name="control server")
        thread.start()
        try:
            up.wait(MOST_S)
            for each in ended:
                each.unwrap()
            url, lodge, scope = found[0]
            yield Served(desk, url, token, folder, lodge, scope)
        finally:
            if found:
                with suppress(trio.RunFinishedError):  # the test has ended it
                    found[0][1].run_sync_soon(found[0][2].cancel)
            thread.join(MOST_S)
        assert not thread.is_alive()
        ended[0].unwrap()
