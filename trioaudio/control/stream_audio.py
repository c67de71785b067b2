"""Sends a stream's client the audio of the calls it listens to, as binary messages.

A message is a version (1), the length of the call's id and the id in ASCII, the side (0 the
callee, 1 we), each number one byte; then 60 ms of PCM16 LE mono.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trioaudio.api.requests import Listen
from trioaudio.control.desk import Desk
from trioaudio.control.problems import ProblemError
from trioaudio.control.stream_out import StreamOut
from trioaudio.control.tokens import Holder, TokenBook

MOST: Final = 64
"""Calls and sides one stream may listen to."""
_VERSION: Final = 1
_SIDES: Final = {"callee": 0, "ours": 1}


def audio_head(call: str, side: str) -> bytes:
    """Return what stands before the samples."""
    name = call.encode("ascii")
    return bytes((_VERSION, len(name))) + name + bytes((_SIDES[side],))


@attrs.define(eq=False)
class AudioTelling:
    """Listens to calls in tasks of its own."""

    desk: Desk
    tokens: TokenBook
    holder: Holder
    out: StreamOut
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    _open: trio.Event = attrs.field(factory=trio.Event, init=False)
    _listened: dict[tuple[str, str], trio.CancelScope] = attrs.field(factory=dict, init=False)

    async def run(self) -> None:
        """Have a place for the listening; SubscriptionCutError when the client is too slow.

        ProblemError once the token was revoked.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._open.set()
            await trio.sleep_forever()

    async def listen(self, wish: Listen) -> None:
        """Begin, change or end listening to a side of a call; RequestError, ProblemError."""
        await self._open.wait()
        assert self._nursery is not None
        key = (wish.call, wish.side)
        if before := self._listened.pop(key, None):
            before.cancel()
        if not wish.on:
            return
        if len(self._listened) >= MOST:
            raise ProblemError("full", f"one stream listens to {MOST} sides of calls at most")
        await self._nursery.start(self._pass_on, wish)

    async def _pass_on(
        self, wish: Listen, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        key = (wish.call, wish.side)
        head = audio_head(*key)
        with (
            trio.CancelScope() as scope,
            self.desk.listening(wish.call, wish.side, wish.sample_rate) as inbox,
        ):
            self._listened[key] = scope
            task_status.started()
            try:
                while frames := await inbox.take():
                    if not self.tokens.knows(self.holder):
                        raise ProblemError("token", "the token was revoked")
                    for frame in frames:
                        await self.out.hand_over(head + frame)
            finally:
                if self._listened.get(key) is scope:
                    del self._listened[key]
