"""An engine's own process seen from the daemon: started, spoken to, and ended for certain."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

import trio

from trioaudio.core.child_protocol import Message, MessageReader, pack
from trioaudio.core.errors import ChildError, EngineError, LocalProtocolError

_READ_BYTES = 65536
_LEAVE_SECONDS = 1.0
"""How long a worker whose stdin is closed may take; it needs some ten milliseconds."""

Unavailable: TypeAlias = Callable[[str], EngineError]
"""Makes the error that says why there is no voice for now."""


class Child:
    """A worker that runs. Requests are queued and never waited for."""

    def __init__(self, process: trio.Process, unavailable: Unavailable) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._unavailable = unavailable
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._reader = MessageReader()
        self._outbox = bytearray()
        self._asked = trio.Event()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def ending(self) -> str:
        """How the process ended, in words; only once it has."""
        code = self._process.returncode
        if code is None:
            return "would not end"
        return f"ended with status {code}" if code >= 0 else f"was killed by signal {-code}"

    def send(self, kind: int, ident: int, payload: bytes = b"") -> None:
        """Queue one request; `write_requests` writes it at its next turn."""
        self._outbox += pack(kind, ident, payload)
        self._asked.set()

    async def write_requests(self) -> None:
        """Write what is queued, until cancelled or the worker is gone (`receive` says so)."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                await self._asked.wait()
                self._asked = trio.Event()
                requests = bytes(self._outbox)
                self._outbox.clear()
                await self._stdin.send_all(requests)

    async def receive(self) -> list[Message] | None:
        """Return messages, perhaps none; None when the worker is gone. EngineError for junk."""
        data = await self._stdout.receive_some(_READ_BYTES)
        try:
            return self._reader.push(bytes(data)) if data else None
        except LocalProtocolError as exc:
            raise self._unavailable(f"its process sent {exc}") from exc

    async def leave(self) -> None:
        """Close the pipes, which is the worker's sign to go; kill it if it does not."""
        await self._stdin.aclose()
        await self._stdout.aclose()
        with trio.move_on_after(_LEAVE_SECONDS):
            await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def open_child(
    command: Sequence[str], what: str, unavailable: Unavailable
) -> AsyncIterator[Child]:
    """Start a worker, and end it at the end. ChildError if the machine gives no process.

    It gets a process group of its own, so that no Ctrl-C reaches it while it still loads, and
    no file but its pipes and our stderr.
    """
    try:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
    except OSError as exc:
        raise ChildError(f"no process for {what}: {exc}") from exc
    child = Child(process, unavailable)
    try:
        yield child
    finally:
        with trio.move_on_after(2 * _LEAVE_SECONDS, shield=True):
            await child.leave()
