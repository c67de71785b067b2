"""`websockets` on asyncio: a task per call that sleeps to absolute deadlines.

This is the best form of what its users write: the handler's coroutine is the call, as in the
library's documentation (https://websockets.readthedocs.io/en/stable/intro/tutorial1.html);
deadlines are epoch + n * 60 ms, not a sleep after each send, so it does not drift; frames are
made ahead of time; a media message of Twilio's is told by its beginning, without parsing it. No
compression: the peer offers none.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  what others pace with
import json
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.numbered import numbered_base64, numbered_frame
from bench.participants.contract import PTIME, Order, Window, leg_of, read_order, say


class Calls:
    """All calls of one run."""

    def __init__(self, order: Order, window: Window) -> None:
        self._order = order
        self._window = window
        make = numbered_base64 if order.is_twilio else numbered_frame
        self._frames = [make(number) for number in range(order.frames)]

    async def call(self, connection: ServerConnection) -> None:
        """Be one call, from its connection to its end."""
        request = connection.request
        if request is None:
            raise AssertionError("the handshake is over")
        number = leg_of(request.path)
        try:
            sid = await _started(connection) if self._order.is_twilio else ""
            hearing = asyncio.create_task(_hear(connection))
            self._window.leg_is_up()
            if self._order.speaks(number):
                await self._speak(connection, sid)
            await hearing
        except ConnectionClosed:
            return

    async def _speak(self, connection: ServerConnection, sid: str) -> None:
        clock, window = asyncio.get_running_loop().time, self._window
        before = f'{{"event":"media","streamSid":"{sid}","media":{{"payload":"'
        epoch = clock()
        for number, frame in enumerate(self._frames):
            due = epoch + number * PTIME
            delay = due - clock()
            if delay > 0:
                await asyncio.sleep(delay)
            message = f'{before}{frame}"}}}}' if isinstance(frame, str) else frame
            await connection.send(message)
            window.sent(clock() - due)


async def _started(connection: ServerConnection) -> str:
    while True:
        event = json.loads(await connection.recv())
        if event["event"] == "start":
            return str(event["streamSid"])


async def _hear(connection: ServerConnection) -> None:
    """Take the caller's audio in; it would go to speech recognition from here."""
    try:
        async for message in connection:
            if isinstance(message, str) and not message.startswith('{"event":"media",'):
                json.loads(message)
    except ConnectionClosed:
        return


async def main() -> None:
    """Serve until the window is over."""
    order = read_order()
    window = Window(order)
    calls = Calls(order, window)
    async with serve(calls.call, "127.0.0.1", 0, compression=None) as server:
        say({"port": next(iter(server.sockets)).getsockname()[1]})
        result = await window.measure()
        say(result | {"frames_total": window.frames_total})
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
