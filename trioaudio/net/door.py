"""A door: where one expected call lets its carrier in, and nobody else.

The key to it is a path, or an AudioSocket's UUID, that nobody can guess; it is good for that
call only, and for one connection at a time. Who has the key must still pass the carrier's
check. A carrier may come back: after its connection was lost, and also while we still believe
in a connection that is half dead. So a second arrival makes us ask the first for a sign of life,
and only silence gives its place away.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Final

import attrs
import outcome
import trio

from trioaudio.core.carrier import Transport
from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import LegLostError
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.net.audiosocket import audiosocket_media
from trioaudio.net.media_socket import MediaSocket
from trioaudio.net.refusal import Refusal
from trioaudio.net.websocket import websocket_server

_LOOK_S: Final = 0.05
"""How often a connection is looked at while it is probed."""
_SAYABLE: Final = {status.value: status for status in HTTPStatus if status.value in range(400, 500)}
# RFC 9110 wants one with a 401, and some clients show a password only when asked for it.
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="media"'}

GONE: Final = Refusal(
    HTTPStatus.GONE, "the call this URL was made for is over, or began too late for it"
)
_IN_USE: Final = Refusal(
    HTTPStatus.CONFLICT,
    "the call this URL was made for has its connection, which is alive: somebody else knows the"
    " URL, or the carrier dials twice",
)


@attrs.frozen
class DoorPlan:
    """Whom a door is for, and for how long."""

    subprotocols: Sequence[str] = ()
    transport: Transport = Transport.WEBSOCKET
    check: Callable[[UpgradeRequest], None] | None = None
    """Raises UpgradeRefusedError unless it is the carrier; WebSockets only. None: the key is
    enough."""
    lives_s: float | None = None
    """Seconds in which the carrier has to come for the first time; None: as long as the call."""
    probe_s: float = 1.0
    """Seconds in which a connection must give a sign of life when there is a second arrival."""


class Door:
    """One expected call's way in; `connect` is a `core.connection.Connect`."""

    __slots__ = (
        "_bug",
        "_came",
        "_closed",
        "_connection",
        "_current",
        "_handshake_s",
        "_newest",
        "_plan",
        "_probing",
        "_until",
        "was_used",
    )

    def __init__(self, plan: DoorPlan, handshake_s: float) -> None:
        if plan.check is not None and plan.transport is not Transport.WEBSOCKET:
            raise ValueError("only a WebSocket's upgrade holds anything to check")
        self._plan = plan
        self._handshake_s = handshake_s
        self._until = None if plan.lives_s is None else trio.current_time() + plan.lives_s
        self._newest: MediaSocket | None = None
        self._current: MediaSocket | None = None
        self._connection: MediaConnection | None = None
        self._came = trio.Event()
        self._bug: Exception | None = None
        self._closed = False
        self._probing = trio.Lock()
        self.was_used = False
        """Whether the carrier has come: then it may come back."""

    # --- Who comes -------------------------------------------------------------------

    def refuses(self, request: UpgradeRequest) -> Refusal | None:
        """Return why a request is not the expected carrier's; None if it is."""
        if self.is_over:
            return GONE
        if self._plan.check is None:
            return None
        # Whatever a check raises that it should not is a bug of ours, and ends this call: it is
        # carried to the task that waits for the carrier, and raised there.
        match outcome.capture(self._plan.check, request):
            case outcome.Error(error=UpgradeRefusedError() as exc):
                status = _SAYABLE.get(exc.status, HTTPStatus.FORBIDDEN)
                headers = _CHALLENGE if status is HTTPStatus.UNAUTHORIZED else {}
                return Refusal(status, str(exc), headers)
            case outcome.Error(error=Exception() as exc):
                return self._report(exc)
            case result:
                result.unwrap()
                return None

    def _report(self, bug: Exception) -> Refusal:
        """Hand a check's bug to the call, if that waits; one that is up goes on."""
        if self._current is None:
            self._bug = bug
            self._came.set()
        reason = f"internal error in the carrier's check: {type(bug).__name__}"
        return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, reason, bug=bug)

    @property
    def is_over(self) -> bool:
        """Whether nobody gets in any more."""
        too_late = self._until is not None and trio.current_time() >= self._until
        return self._closed or (too_late and not self.was_used)

    async def offer(self, stream: MediaSocket) -> Refusal | None:
        """Take over a connection whose head has been read and checked; else return why not.

        Waits while there is another connection that may be alive.
        """
        async with self._probing:
            if await self._occupant_lives():
                return _IN_USE
            if self.is_over:
                return GONE
            for older in (self._newest, self._current):
                if older is not None:
                    older.close_now(f"a newer connection took the place of {older.peer}")
            self._newest = stream
            self.was_used = True
            self._came.set()
            return None

    async def _occupant_lives(self) -> bool:
        """Ask the connection there is for a sign of life, and wait for it.

        One that nobody has answered yet has nothing to say, and counts as silent.
        """
        occupant = self._newest or self._current
        if occupant is None:
            return False
        heard, asked = occupant.reads, False
        looks = math.ceil(self._plan.probe_s / _LOOK_S)
        for _ in range(looks):
            answered = self._connection if occupant is self._current else None
            if answered is not None and not asked:
                asked = True
                if not _ping(answered):
                    return False
            await trio.sleep(self._plan.probe_s / looks)
            if occupant.ended or occupant not in (self._newest, self._current):
                return False
            if occupant.reads > heard:
                return True
        return False

    # --- Who waits behind it ---------------------------------------------------------

    def connect(self, wait_s: float | None) -> AbstractAsyncContextManager[MediaConnection]:
        """Wait for the carrier and accept its connection; LegLostError if it does not come.

        One task at a time.
        """
        return self._connect(wait_s)

    @asynccontextmanager
    async def _connect(self, wait_s: float | None) -> AsyncIterator[MediaConnection]:
        opened = False
        while not opened:
            stream = self._current = await self._next(wait_s)
            try:
                async with self._media(stream) as connection:
                    opened = True
                    self._connection = connection
                    yield connection
            except* LegLostError:
                if opened or self._newest is None:
                    raise
                # The carrier has dialled anew in the middle of the handshake.
            finally:
                self._current = self._connection = None

    def _media(self, stream: MediaSocket) -> AbstractAsyncContextManager[MediaConnection]:
        match self._plan.transport:
            case Transport.WEBSOCKET:
                return websocket_server(
                    stream, subprotocols=self._plan.subprotocols, handshake_s=self._handshake_s
                )
            case Transport.AUDIOSOCKET:
                return audiosocket_media(stream)

    async def _next(self, wait_s: float | None) -> MediaSocket:
        until = None if wait_s is None else trio.current_time() + wait_s
        told_s = wait_s
        if self._until is not None and not self.was_used and (until is None or self._until < until):
            until, told_s = self._until, self._plan.lives_s
        with trio.CancelScope() as patience:
            if until is not None:
                patience.deadline = until
            while self._newest is None:
                if self._bug is not None:
                    bug, self._bug = self._bug, None
                    raise bug
                self._came = trio.Event()
                await self._came.wait()
            stream, self._newest = self._newest, None
            return stream
        raise LegLostError(f"no carrier connected within {told_s:g} s")

    def close(self) -> None:
        """Let nobody in any more; a connection nobody has taken is closed."""
        self._closed = True
        if self._newest is not None:
            self._newest.close_now()
            self._newest = None


def _ping(connection: MediaConnection) -> bool:
    """Ask for a sign of life; False if that cannot even be sent."""
    try:
        connection.ping()
    except LegLostError:
        return False
    return True
