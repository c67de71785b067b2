"""`picows`, a WebSocket library in C for asyncio: the strongest that Python's users have.

Its users want speed and take trouble for it, so this is written as they would
(https://picows.readthedocs.io): no task per call at all; the listener's callbacks are the call;
messages are made ahead of time; audio that comes in is told by its first bytes and not copied.
Two ways to pace:

* `timers`: a timer of the event loop for each call, set to its next absolute deadline;
* `heap`: one timer for all calls, set to the earliest; it serves all that are due within a
  millisecond.

`-uvloop` runs either on uvloop, which picows' own documentation recommends.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  what others pace with
import json
import sys
import time
from heapq import heappop, heappush
from pathlib import Path

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.numbered import numbered_base64, numbered_frame
from bench.participants.contract import PTIME, Order, Window, leg_of, read_order, say

EARLY = 0.001  # epoll rounds up to whole milliseconds: serve what is due within one


class Leg(WSListener):  # type: ignore[misc]  # of a package that need not be installed
    """One call."""

    __slots__ = ("_before", "_calls", "_number", "due", "epoch", "frame", "transport")

    def __init__(self, calls: Calls, number: int) -> None:
        self._calls = calls
        self._number = number
        self._before = b""
        self.frame = 0
        self.epoch = self.due = 0.0
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin, unless the stream must be started first."""
        self.transport = transport
        if not self._calls.order.is_twilio:
            self._begin()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take in what the far end says."""
        if frame.msg_type == WSMsgType.TEXT:
            if frame.get_payload_as_memoryview()[:16] == b'{"event":"media"':
                return  # it would go to speech recognition from here
            event = json.loads(frame.get_payload_as_bytes())
            if event["event"] == "start":
                sid = event["streamSid"]
                text = f'{{"event":"media","streamSid":"{sid}","media":{{"payload":"'
                self._before = text.encode("ascii")
                self._begin()
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Send nothing more."""
        self.transport = None

    def _begin(self) -> None:
        calls = self._calls
        calls.window.leg_is_up()
        if calls.order.speaks(self._number):
            self.epoch = self.due = calls.clock()
            calls.start(self)

    def send(self) -> bool:
        """Send the frame that is due and set the next deadline; False when the call is over."""
        transport, calls = self.transport, self._calls
        if transport is None or self.frame == len(calls.frames):
            return False
        frame = calls.frames[self.frame]
        if self._before:
            transport.send(WSMsgType.TEXT, b"".join((self._before, frame, b'"}}')))
        else:
            transport.send(WSMsgType.BINARY, frame)
        calls.window.sent(calls.clock() - self.due)
        self.frame += 1
        self.due = self.epoch + self.frame * PTIME
        return True


class Calls:
    """All calls of one run, and the two ways to pace them."""

    def __init__(self, order: Order, window: Window) -> None:
        self.order = order
        self.window = window
        self.loop = asyncio.get_running_loop()
        self.clock = time.monotonic  # that of uvloop counts whole milliseconds
        self.frames = [
            numbered_base64(number).encode("ascii") if order.is_twilio else numbered_frame(number)
            for number in range(order.frames)
        ]
        self.start = self._by_timer if order.way.startswith("timers") else self._by_heap
        self._heap: list[tuple[float, int, Leg]] = []
        self._order = 0
        self._timer: asyncio.TimerHandle | None = None

    def listener(self, request: WSUpgradeRequest) -> Leg:
        """Return who listens to a connection."""
        return Leg(self, leg_of(request.path.decode("ascii")))

    def _by_timer(self, leg: Leg) -> None:
        if leg.send():
            self.loop.call_at(leg.due, self._by_timer, leg)

    def _by_heap(self, leg: Leg) -> None:
        self._order += 1
        heappush(self._heap, (leg.due, self._order, leg))
        self._serve()

    def _serve(self) -> None:
        heap = self._heap
        limit = self.clock() + EARLY
        while heap and heap[0][0] <= limit:
            _, order, leg = heappop(heap)
            if leg.send():
                heappush(heap, (leg.due, order, leg))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(heap[0][0] - EARLY / 2, self._serve) if heap else None


async def main(order: Order) -> None:
    """Serve until the window is over."""
    window = Window(order)
    calls = Calls(order, window)
    server = await ws_create_server(calls.listener, "127.0.0.1", 0, websocket_handshake_timeout=60)
    say({"port": server.sockets[0].getsockname()[1]})
    result = await window.measure()
    say(result | {"frames_total": window.frames_total})
    server.close()


def run() -> None:
    """Run on the event loop that is asked for."""
    order = read_order("heap", "timers", "heap-uvloop", "timers-uvloop")
    if order.way.endswith("uvloop"):
        import uvloop  # noqa: PLC0415  only where it is asked for

        uvloop.run(main(order))
    else:
        asyncio.run(main(order))


if __name__ == "__main__":
    run()
