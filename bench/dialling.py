"""Carriers that dial a daemon again and again, and what became of each attempt."""

from __future__ import annotations

import base64
import os
from collections import Counter

import attrs
import trio

HANDSHAKE_S = 10.0
"""Longer than carriers wait."""
CALL_S = 0.3
REST_S = 0.2
_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"  # 1000, masked with zeros

ANSWERED, REFUSED, BROKEN, UNANSWERED, BUSY = "answered", "refused", "broken", "unanswered", "busy"


@attrs.define(eq=False)
class Outcomes:
    """Attempts by what became of them, and how long an answer took."""

    counts: Counter[str] = attrs.field(factory=Counter)
    cut: int = 0
    """Calls that were up and ended by the daemon."""
    waits_s: list[float] = attrs.field(factory=list)

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.counts.total()

    def longest_ms(self) -> float:
        """Return the longest time from dialling to an answer."""
        return 1000 * max(self.waits_s, default=0.0)


async def dial_for_ever(host: str, port: int, outcomes: Outcomes) -> None:
    """Dial, have a short call, and dial again; cancel to stop."""
    while True:
        outcomes.counts[await _dial(host, port, outcomes)] += 1
        await trio.sleep(REST_S)


async def _dial(host: str, port: int, outcomes: Outcomes) -> str:
    began = trio.current_time()
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError:
        return REFUSED
    async with stream:
        status = None
        with trio.move_on_after(HANDSHAKE_S):
            status = await _upgrade(stream, f"{host}:{port}")
        if status is None:
            return UNANSWERED
        outcomes.waits_s.append(trio.current_time() - began)
        if status == 101:
            outcomes.cut += await _call(stream)
            return ANSWERED
        return {0: BROKEN, 503: BUSY}.get(status, f"status {status}")


async def _upgrade(stream: trio.SocketStream, host: str) -> int:
    """Return the status of the answer, 0 when the connection breaks before it comes."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /media/raw HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    answer = b""
    try:
        await stream.send_all(head.encode())
        while b"\r\n\r\n" not in answer:
            more = await stream.receive_some(4096)
            if not more:
                return 0
            answer += more
    except trio.BrokenResourceError:
        return 0
    return int(answer.split()[1])


async def _call(stream: trio.SocketStream) -> bool:
    """Have a call and hang up; return whether the daemon ended it before that."""
    with trio.move_on_after(CALL_S):
        try:
            while await stream.receive_some(65536):
                pass
        except trio.BrokenResourceError:
            return True
        return True
    with trio.move_on_after(HANDSHAKE_S):
        try:
            await stream.send_all(_CLOSE)
            while await stream.receive_some(65536):
                pass
        except trio.BrokenResourceError:
            return False
    return False
