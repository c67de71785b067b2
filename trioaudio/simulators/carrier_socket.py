"""The media socket of a simulated carrier: one that can stop reading, read slowly, and be reset."""

from __future__ import annotations

import socket
import struct
from typing import Final

import trio

from trioaudio.net.media_socket import MediaSocket, Splitter

_SMALL_BUFFER = 4096
"""Bytes the kernel may receive for a slow reader: with more of them, nobody would notice."""
_LOOK_EVERY = 0.25
# Linux, include/net/tcp_states.h.
_TCP_ESTABLISHED: Final = 1


class CarrierSocket(MediaSocket):
    """A media socket whose reading can be made to fail; see MediaSocket for the arguments.

    `bytes_per_second` bounds how fast anything is read, None does not.
    """

    __slots__ = ("_bytes_per_second", "_raw", "_reads_on", "_took")

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        *,
        largest_message: int,
        masked: bool = False,
        splitter: Splitter | None = None,
        bytes_per_second: float | None = None,
    ) -> None:
        super().__init__(
            sock, peer, largest_message=largest_message, masked=masked, splitter=splitter
        )
        self._raw = sock
        self._bytes_per_second = bytes_per_second
        self._reads_on = True
        self._took = 0
        if bytes_per_second is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)

    def stop_reading(self) -> None:
        """Read nothing more, for good; the connection stays open."""
        self._reads_on = False

    def reset(self) -> None:
        """Close abruptly: the far end gets a TCP reset, and what was under way is lost."""
        if not self.closed:
            linger = struct.pack("ii", 1, 0)
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_now()

    async def wait_abandoned(self) -> None:
        """Wait until the far end has closed, without reading what it said before."""
        # Only the kernel knows, and it tells nobody who does not read.
        while not self.closed and _is_established(self._raw):  # noqa: ASYNC110
            await trio.sleep(_LOOK_EVERY)

    async def _pump_once(self) -> None:
        if not self._reads_on:
            await trio.sleep_forever()
        await super()._pump_once()
        if self._bytes_per_second is not None and not self.ended:
            took, self._took = self._took, 0
            await trio.sleep(took / self._bytes_per_second)

    def _receive(self) -> bytes | None:
        data = super()._receive()
        self._took += len(data or b"")
        return data


def _is_established(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_ESTABLISHED
