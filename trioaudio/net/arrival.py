"""How a connection that was accepted begins: what is spoken on it, and how to say no in that."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import attrs
import trio

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import LegLostError
from trioaudio.net import audiosocket
from trioaudio.net.far_address import Address, Network, address_of, is_in
from trioaudio.net.media_socket import MediaSocket, host_port, prepare
from trioaudio.net.refusal import Refusal
from trioaudio.net.tls import shake_hands

_IDENTITY_KIND: Final = b"\x01"  # how AudioSocket begins, and no HTTP request does
_HANG_UP: Final = b"\x00\x00\x00"  # all that AudioSocket has for a refusal
_UNREAD_BYTES = 16 * 1024
_THIS_MACHINE: Final = address_of("127.0.0.1")
"""Stands for whoever comes by a Unix socket: a proxy there is trusted if one at this address is."""


@attrs.frozen
class Knock:
    """A connection just accepted, and from where."""

    sock: socket.socket
    peer: str
    address: Address
    is_proxy: bool
    """Whether it speaks for others, and is believed."""

    def turn_away(self, refusal: Refusal | None) -> None:
        """Say no, or nothing at all, and close; nothing is waited for.

        What is spoken is looked at if it is there yet, and else taken to be HTTP.
        """
        with self.sock:
            if refusal is None:
                return
            try:
                self.sock.settimeout(0)
                self.sock.send(_HANG_UP if self._speaks_audiosocket() else refusal.answer())
                # To close with something unread is a reset, which may overtake the answer.
                self.sock.recv(_UNREAD_BYTES)
            except OSError:
                return  # nothing came yet, or there is nobody to tell

    def _speaks_audiosocket(self) -> bool:
        """Say whether that is certain by now."""
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == _IDENTITY_KIND
        except BlockingIOError:
            return False

    async def wait_spoken(self) -> bytes:
        """Wait for the first byte and return it; it stays to be read. LegLostError if none comes.

        The caller bounds the time.
        """
        try:
            prepare(self.sock)
            while True:
                # Looked at first: it is mostly there by now, and to wait for it takes longer.
                with suppress(BlockingIOError):
                    first = self.sock.recv(1, socket.MSG_PEEK)
                    break
                await trio.lowlevel.wait_readable(self.sock)
        except OSError as exc:
            reason = exc.strerror or exc
            raise LegLostError(f"connection to {self.peer} broke: {reason}") from exc
        if not first:
            raise LegLostError(f"{self.peer} left without a word")
        return first


def knock_of(sock: socket.socket, name: Any, proxies: Sequence[Network]) -> Knock:
    """Return a connection just accepted; `name` is the far end's, as `accept` gives it."""
    if sock.family == socket.AF_UNIX:
        peer, address = "local", _THIS_MACHINE
    else:
        peer, address = host_port(name[:2]), address_of(name[0])
    return Knock(sock, peer, address, is_in(address, proxies))


@attrs.frozen
class Arrival:
    """A connection on which it is known what is spoken."""

    stream: MediaSocket
    transport: Transport

    async def refuse(self, refusal: Refusal) -> None:
        """Say no, if anybody hears it. The caller closes."""
        said = refusal.answer() if self.transport is Transport.WEBSOCKET else _HANG_UP
        with suppress(LegLostError):
            self.stream.send_control(said)
            await self.stream.wait_flushed()


async def arrive(
    knock: Knock, first: bytes, tls_context: ssl.SSLContext | None, largest_message: int
) -> Arrival:
    """Begin TLS, or see by the `first` byte what is spoken without; nothing of it is read.

    LegLostError or LegRefusedError when TLS fails. The caller bounds the time and closes the
    socket if this does not return.
    """
    sock = knock.sock
    if tls_context is not None:
        sock = await shake_hands(sock, tls_context, server_hostname=None, peer=knock.peer)
    elif first == _IDENTITY_KIND:
        stream = audiosocket.new_stream(sock, knock.peer, largest_message)
        return Arrival(stream, Transport.AUDIOSOCKET)
    stream = MediaSocket(sock, knock.peer, masked=True, largest_message=largest_message)
    return Arrival(stream, Transport.WEBSOCKET)
