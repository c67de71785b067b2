"""Which doors there are, by their keys.

Only digests of keys are kept. So how long a look-up takes tells nothing about a key: what is
compared is a digest, and nobody can work towards one byte by byte. And the memory of keys
that were good once holds none that anybody could use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from trioaudio.core.carrier import Transport
from trioaudio.net.door import GONE, Door
from trioaudio.net.refusal import Refusal, masked_path

REMEMBERED: Final = 1024
"""Keys that were good once: who comes too late is told so. The oldest is forgotten first."""


class Doors:
    """The doors of one listener; a key means something for its transport only."""

    def __init__(self) -> None:
        self._open: dict[bytes, Door] = {}
        self._closed: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        """Count those that are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[Door]:
        """Give those that are open."""
        return iter(self._open.values())

    def add(self, transport: Transport, key: str, door: Door) -> None:
        """Have `key` lead to `door`; ValueError if it leads to another one."""
        digest = _digest(transport, key)
        if digest in self._open:
            raise ValueError("this key opens a door already")
        self._closed.pop(digest, None)
        self._open[digest] = door

    def remove(self, transport: Transport, key: str) -> Door:
        """Have `key` lead nowhere, and return where it led."""
        digest = _digest(transport, key)
        door = self._open.pop(digest)
        self._closed[digest] = None
        if len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)
        return door

    def find(self, transport: Transport, key: str) -> Door | Refusal:
        """Return where `key` leads, or why it leads nowhere."""
        digest = _digest(transport, key)
        door = self._open.get(digest)
        if door is not None:
            return door
        if digest in self._closed:
            return GONE
        where = masked_path(key) if transport is Transport.WEBSOCKET else "this UUID"
        return Refusal(HTTPStatus.NOT_FOUND, f"no call was ever expected at {where}")


def _digest(transport: Transport, key: str) -> bytes:
    return sha256(f"{transport.value} {key}".encode()).digest()
