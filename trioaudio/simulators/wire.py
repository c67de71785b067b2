"""The TCP or TLS stream under a simulated carrier's WebSocket.

Lies between trio-websocket and the socket to say when bytes arrived, whatever was done with
them afterwards, and to do what a WebSocket library will not: reset, and send what is no frame.
"""

from __future__ import annotations

import socket
import struct
import time

import trio

from trioaudio.core.errors import LegLostError


class Wire(trio.abc.Stream):
    """A stream for trio-websocket; set `shaken` once the WebSocket handshake is done.

    Until then the far end's going away is a LegLostError: trio-websocket would wait for ever for
    a handshake that cannot come any more.
    """

    def __init__(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream
        tcp = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._socket = tcp.socket
        self._sending = trio.Lock()  # trio-websocket sends, and so do faults
        self.shaken = False
        self.received_at = 0.0
        """When bytes arrived last, on CLOCK_MONOTONIC; 0 before the first."""

    @property
    def peer(self) -> str:
        """The far end's address."""
        host, port, *_ = self._socket.getpeername()
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, one caller after the other."""
        async with self._sending:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket may take more."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, and note when."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            if self.shaken:
                raise
            data = b""
        self.received_at = time.monotonic()
        if not data and not self.shaken:
            raise LegLostError("the connection was closed instead of a WebSocket handshake")
        return bytes(data)

    def reset(self) -> None:
        """Close abruptly: the far end gets a TCP reset, and what was under way is lost."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()
