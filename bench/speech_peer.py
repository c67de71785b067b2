"""The far end of the calls of `speech.py`: takes all that is sent to every leg, and keeps it.

    python bench/speech_peer.py --port P --legs N --folder DIR [--deaf I]

Leaves when all legs are closed, or its standard input is; what leg I was sent is then in
DIR/I.pcm. One leg may be deaf: nothing is ever read from it.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import sys
from pathlib import Path

import attrs

from trioaudio.core.websocket_split import WebSocketSplitter

READ_BYTES = 65536
DEAF_BUFFER_BYTES = 4096
"""What the kernel may take for the deaf leg: so little that its sender notices soon."""

_LARGEST_MESSAGE = 1 << 20
_REQUEST = (
    "GET /media/{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n"
)


@attrs.define(eq=False)
class FarLeg:
    """One leg and what it was sent."""

    number: int
    sock: socket.socket
    heard: bytearray = attrs.field(factory=bytearray)
    _splitter: WebSocketSplitter = attrs.field(
        factory=lambda: WebSocketSplitter(masked=False, largest=_LARGEST_MESSAGE)
    )

    def read(self) -> bool:
        """Take what has come; False when no more will."""
        try:
            data = self.sock.recv(READ_BYTES)
        except ConnectionError:
            return False
        frames, _ = self._splitter.push(data)
        for frame in frames:
            self.heard += frame.data
        return bool(data)


def connect(port: int, number: int, *, deaf: bool) -> FarLeg:
    """Open a leg, all of the handshake."""
    sock = socket.socket()
    if deaf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BUFFER_BYTES)
    sock.connect(("127.0.0.1", port))
    leg = FarLeg(number, sock)
    sock.sendall(_REQUEST.format(number=number).encode())
    answer = sock.recv(READ_BYTES)
    if not answer.startswith(b"HTTP/1.1 101") or not answer.endswith(b"\r\n\r\n"):
        raise ConnectionError(f"leg {number} was refused: {answer[:60]!r}")
    leg._splitter.push(answer)  # noqa: SLF001  our own
    return leg


def listen(legs: list[FarLeg], deaf: int | None) -> None:
    """Read all legs until they are closed, or our standard input is."""
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        for leg in legs:
            if leg.number != deaf:
                selector.register(leg.sock, selectors.EVENT_READ, leg)
        while len(selector.get_map()) > 1:
            for key, _ in selector.select():
                if key.data is None:
                    return
                if not key.data.read():
                    selector.unregister(key.fileobj)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--legs", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--deaf", type=int)
    given = parser.parse_args()
    legs = [connect(given.port, each, deaf=each == given.deaf) for each in range(given.legs)]
    listen(legs, given.deaf)
    for leg in legs:
        (given.folder / f"{leg.number}.pcm").write_bytes(leg.heard)


if __name__ == "__main__":
    main()
