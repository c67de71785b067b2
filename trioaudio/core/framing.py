"""Cut PCM of any chunking into exact frames of one ptime."""

from __future__ import annotations


class Framer:
    """Bytes in, frames of exactly `frame_bytes` out; what is left over waits for more.

    However the bytes are cut into chunks, the frames are the same. Odd chunk lengths are
    fine: samples are only looked at in whole frames.
    """

    __slots__ = ("_rest", "frame_bytes")

    def __init__(self, frame_bytes: int) -> None:
        if frame_bytes <= 0:
            raise ValueError(f"a frame of {frame_bytes} bytes")
        self.frame_bytes = frame_bytes
        self._rest = b""

    def push(self, chunk: bytes) -> list[bytes]:
        """Return the frames that `chunk` completes, oldest first."""
        size = self.frame_bytes
        whole = self.push_whole(chunk)
        return [whole[at : at + size] for at in range(0, len(whole), size)]

    def push_whole(self, chunk: bytes) -> bytes:
        """Return the frames that `chunk` completes, oldest first and in one piece."""
        data = self._rest + chunk if self._rest else chunk
        stop = len(data) - len(data) % self.frame_bytes
        self._rest = data[stop:]
        return data[:stop]

    def flush(self) -> bytes | None:
        """Return what is left, padded with silence to a whole frame; None when nothing is."""
        if not self._rest:
            return None
        tail = self._rest.ljust(self.frame_bytes, b"\0")
        self._rest = b""
        return tail

    @property
    def waiting_bytes(self) -> int:
        """Bytes held back until the frame is whole; less than `frame_bytes`."""
        return len(self._rest)
