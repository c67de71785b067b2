"""A non-blocking socket with two users: the media path, which never waits, and trio-websocket.

trio-websocket takes any Trio stream, so it is given this one. Media goes round it both ways.
Outbound, `try_send` writes whole WebSocket frames in one system call; what the kernel does not
take is kept as the *tail* and goes before anything else, so no frame is ever torn, not even by
a cancelled `send_all`. Inbound, the owner's `pump` reads, takes complete data frames out, and
leaves every other byte to `receive_some`. Until there is an owner, `receive_some` reads by
itself: that is the opening handshake. What frames look like is the splitter's affair, so the
media path is the same where there is no WebSocket and no second user.

Who owns the reading side either has a task run `pump`, which waits for each piece, or calls
`fetch` and `push` now and then, which never wait: one system call then takes what came since.

One class serves plain and TLS sockets: the standard library's `SSLSocket` has the same methods
and encrypts and writes in one call, at a third of the cost of `trio.SSLStream`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from trioaudio.core.connection import Inbound
from trioaudio.core.errors import LegLostError
from trioaudio.core.websocket_split import WebSocketSplitter

RECEIVE_BYTES = 32 * 1024
TAIL_LIMIT = 256 * 1024
"""Bytes that may wait behind a stalled socket: one media frame and small control messages."""

RECORDS_AT_ONCE = 64
"""TLS records read in one go: a carrier sends three messages in 60 ms, each in its own record, and
what has piled up is to be read faster than it comes."""

REST_LIMIT = 256 * 1024
"""Bytes trio-websocket may be behind. Past it nothing is read: a far end that floods us with pings
and reads no pongs must fill its own memory, not ours."""

SEND_BUFFER = 64 * 1024
"""Kernel send buffer. Small, so that a peer that stops reading stalls us within a second or two
instead of after megabytes of audio that a clear could no longer overtake."""

_OPENING_BYTES = 64
_HEAD_END = b"\r\n\r\n"

# One for all sockets: a fresh one for each read would leave holes all over the heap.
_buffer = bytearray(RECEIVE_BYTES)
_view = memoryview(_buffer)

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def prepare(sock: socket.socket) -> None:
    """Set what a media socket needs: non-blocking, no Nagle delay, a small send buffer."""
    sock.settimeout(0)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


class Splitter(Protocol):
    """Parts what comes into messages, and the bytes that are none."""

    @property
    def broken(self) -> bool:
        """Whether the far end sent what its protocol or the size limit forbids."""
        ...

    def push(self, data: bytes) -> tuple[Sequence[Inbound], bytes]:
        """Return the messages completed by `data`, and the bytes for `receive_some`."""
        ...


class MediaSocket(trio.abc.HalfCloseableStream):
    """Own a connected non-blocking socket.

    `peer` names the far end in errors, `largest_message` is the longest message in bytes it may
    send. `splitter` knows what messages look like; without one the far end speaks WebSocket, and
    `masked` says whether it is the client.
    """

    __slots__ = (
        "_closed",
        "_early",
        "_ending",
        "_flushed",
        "_flushing",
        "_gone",
        "_head_taken",
        "_late",
        "_media_ended",
        "_on_frame",
        "_owned",
        "_rest",
        "_rest_arrived",
        "_rest_bytes",
        "_rest_taken",
        "_sock",
        "_sock_send",
        "_splitter",
        "_stream_read",
        "_tail",
        "_tail_bytes",
        "_tls",
        "_unread",
        "failure",
        "largest_message",
        "opening",
        "peer",
        "pumping",
        "reads",
        "stalled",
    )

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        *,
        largest_message: int,
        masked: bool = False,
        splitter: Splitter | None = None,
    ) -> None:
        self.peer = peer
        self.largest_message = largest_message
        self.stalled = False
        """Whether a tail waits for the kernel to take it, or `end_media` was called."""
        self.reads = 0
        """How often something came from the far end."""
        self._sock = sock
        self._sock_send = sock.send
        self._splitter: Splitter = splitter or WebSocketSplitter(
            masked=masked, largest=largest_message
        )
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._tail: list[bytes] = []  # lists: an empty deque takes 600 bytes, twice a leg
        self._tail_bytes = 0
        self._media_ended = False
        self._flushing = False
        self._flushed = trio.lowlevel.ParkingLot()
        self._closed = False
        self._early: list[Inbound] = []  # data frames that came before there was an owner
        self._head_taken = False
        self._unread = b""  # what came with the head, or was only looked at
        self._owned = False
        self._on_frame: Callable[[Inbound], None] = _ignore
        self._late: LegLostError | None = None  # what came behind the last records fetched,
        self._ending = False  # or whether the end did
        self._gone = trio.Event()
        self._stream_read: trio.CancelScope | None = None
        self._rest: list[bytes] = []  # what the owner's pump leaves to receive_some
        self._rest_bytes = 0
        self._rest_arrived = trio.lowlevel.ParkingLot()
        self._rest_taken = trio.lowlevel.ParkingLot()
        self.failure: str | None = None
        """How the connection broke, or why it was closed here without being asked."""
        self.opening = b""
        """What the far end said first, its beginning only."""

    # --- Media out -------------------------------------------------------------------

    def try_send(self, data: bytes) -> bool:
        """Send whole frames now; False, and nothing taken, while stalled. See MediaConnection."""
        if self.stalled:
            return False
        # Nothing but the system call: a thousand legs pass here 16 667 times a second.
        try:
            sent = self._sock_send(data)
        except OSError as exc:
            sent = self._nothing_sent(exc)
        if sent < len(data):
            self._keep(data[sent:])
        return True

    def end_media(self) -> None:
        """Take no more media, for good: a close frame is about to go, and nothing may follow it."""
        self.stalled = self._media_ended = True

    def send_control(self, data: bytes) -> None:
        """Send whole frames in order, behind the tail if there is one."""
        if not self._tail:
            self._write(data)
        elif self._tail_bytes + len(data) > TAIL_LIMIT:
            raise LegLostError(f"{self.peer} reads nothing; {self._tail_bytes} bytes wait for it")
        else:
            self._keep(data)

    async def wait_flushed(self) -> None:
        """Wait until the kernel has taken the tail; LegLostError when the socket is gone.

        Any number of tasks may wait; the first one does the writing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._tail:
            if self._closed:
                raise LegLostError(f"connection to {self.peer} was closed")
            if self._flushing:
                await self._flushed.park()
                continue
            self._flushing = True
            try:
                await trio.lowlevel.wait_writable(self._sock)
                self._flush_tail()
            except trio.ClosedResourceError:
                raise LegLostError(f"connection to {self.peer} was closed") from None
            finally:
                self._flushing = False
                self._flushed.unpark_all()

    def _write(self, data: bytes) -> None:
        sent = self._send(data)
        if sent < len(data):
            self._keep(data[sent:])

    def _keep(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        self.stalled = True

    def _flush_tail(self) -> None:
        # TLS wants the very same bytes again after a refusal, so pieces are never joined.
        while self._tail:
            piece = self._tail[0]
            sent = self._send(piece)
            self._tail_bytes -= sent
            if sent < len(piece):
                self._tail[0] = piece[sent:]
                return
            del self._tail[0]
        self.stalled = self._media_ended

    def _send(self, data: bytes) -> int:
        try:
            return self._sock_send(data)
        except OSError as exc:
            return self._nothing_sent(exc)

    def _nothing_sent(self, exc: OSError) -> int:
        """Return 0 if the kernel takes nothing for now; LegLostError for anything else."""
        if isinstance(exc, _WOULD_BLOCK):
            return 0
        if self._closed:
            raise LegLostError(f"connection to {self.peer} was closed") from None
        raise LegLostError(f"connection to {self.peer} broke: {exc.strerror or exc}") from exc

    @property
    def broke_protocol(self) -> bool:
        """Whether the far end sent what its protocol or our size limit forbids."""
        return self._splitter.broken

    @property
    def closed(self) -> bool:
        """Whether it was closed here."""
        return self._closed

    # --- Media in --------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it is closed."""
        return self._sock.fileno()

    def fetch(self) -> bytes | None:
        """Read what has come; nothing at the end, None when there is nothing yet.

        None also when the connection broke; `failure` says how, and `ended` is true.
        """
        if self._rest_bytes > REST_LIMIT or self._gone.is_set():
            return None
        try:
            return self._receive_records() if self._tls else self._receive()
        except LegLostError as exc:
            self._break(exc)
            return None

    def _receive_records(self) -> bytes | None:
        """Read several records, which TLS gives one at a time."""
        data = self._receive()
        if not data:
            return data
        records = [data]
        while len(records) < RECORDS_AT_ONCE:
            try:
                data = self._receive()
            except LegLostError as exc:
                self._late = exc  # what came before it comes first
                break
            if not data:
                self._ending = data is not None
                break
            records.append(data)
        return b"".join(records)

    def push(self, data: bytes) -> None:
        """Take apart what was fetched, for whom `take_over` was told."""
        if not data:
            self._end()
            return
        frames, rest = self._splitter.push(data)
        if rest:
            self._rest.append(rest)
            self._rest_bytes += len(rest)
            self._rest_arrived.unpark_all()
        on_frame = self._on_frame
        for frame in frames:
            on_frame(frame)
        # The kernel knows nothing of an end that came in the records: nobody would ask again.
        if self._late is not None:
            self._break(self._late)
        elif self._ending:
            self._end()

    def poll_in(self) -> bool:
        """Read once without waiting and hand on what came; False when there was nothing.

        Call it until it says False: it does not read everything at once.
        """
        data = self.fetch()
        if data is None:
            return False
        self.push(data)
        return True

    async def pump(self, on_frame: Callable[[Inbound], None]) -> None:
        """Own the reading side until it ends; `on_frame` must not wait.

        Returns when the far end sends no more, the connection broke (`failure` says how), or it
        was closed here. What `on_frame` raises is raised, but LegLostError counts as broken.
        """
        try:
            self.take_over(on_frame)
            while not self.ended:
                await self._pump_once()
        except LegLostError as exc:
            self._break(exc)

    def take_over(self, on_frame: Callable[[Inbound], None]) -> None:
        """Own the reading side from now on, and hand on what came before there was an owner.

        A close frame may have come along, and then nothing may ever be read any more.
        """
        self._owned = True
        self._on_frame = on_frame
        if self._stream_read is not None:
            self._stream_read.cancel()
        early, self._early = self._early, []
        for frame in early:
            on_frame(frame)

    async def _pump_once(self) -> None:
        if self._rest_bytes > REST_LIMIT:
            await self._rest_taken.park()
        elif (self._tls or self._unread) and self.poll_in():
            # A TLS socket may hold decrypted bytes that epoll knows nothing of.
            await trio.lowlevel.checkpoint()
        else:
            await self._wait_readable()
            if not self.ended:
                self.poll_in()

    @property
    def ended(self) -> bool:
        """Whether nothing more can be read."""
        return self._gone.is_set()

    async def wait_ended(self) -> None:
        """Wait until nothing more can be read: end of stream, broken, or closed here."""
        await self._gone.wait()

    def _end(self) -> None:
        if not self.ended:
            self._rest.append(b"")
            self._rest_arrived.unpark_all()
            self._gone.set()

    def _break(self, exc: LegLostError) -> None:
        if not self._closed:
            self.failure = str(exc)
            self._end()

    def _receive(self) -> bytes | None:
        """Return bytes, nothing at the end, None when there are none yet."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._late is not None:
            raise self._late
        if self._closed:
            raise LegLostError(f"connection to {self.peer} was closed")
        try:
            count = self._sock.recv_into(_buffer)
        except _WOULD_BLOCK:
            return None
        except OSError as exc:
            raise LegLostError(f"connection to {self.peer} broke: {exc.strerror or exc}") from exc
        self.reads += 1
        return bytes(_view[:count])

    async def _wait_readable(self) -> None:
        if self._closed:
            raise LegLostError(f"connection to {self.peer} was closed")
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except trio.ClosedResourceError:
            raise LegLostError(f"connection to {self.peer} was closed") from None

    async def read_head(self, largest: int) -> bytes:
        """Read an HTTP request head, and whatever comes with it, and leave it to be read again.

        Empty if the first `largest` bytes do not hold all of a head. Raises LegLostError when the
        connection breaks or ends before.
        """
        head = bytearray()
        end = -1
        while end < 0:
            data = self._receive()
            if data is None:
                await self._wait_readable()
                continue
            if not data:
                raise LegLostError(f"{self.peer} asked for nothing")
            # The mark may have come in two parts, but what was searched is not searched again.
            begin = max(0, len(head) - len(_HEAD_END) + 1)
            head += data
            end = head.find(_HEAD_END, begin, largest)
            if end < 0 and len(head) >= largest:
                return b""
        self._take_head(bytes(head), end + len(_HEAD_END))
        return bytes(head)

    async def read_body(self, length: int) -> bytes:
        """Read the `length` bytes behind a head that `read_head` has read.

        Raises LegLostError when the connection breaks or ends before.
        """
        body = bytearray()
        while len(body) < length:
            data = self._receive()
            if data is None:
                await self._wait_readable()
            elif not data:
                raise LegLostError(f"{self.peer} sent less than it announced")
            else:
                body += data
        return bytes(body[:length])

    async def peek(self, count: int) -> bytes:
        """Return the first `count` bytes, and leave them to the pump, with whatever came along.

        For connections without an HTTP head. Raises LegLostError when the connection breaks or
        ends before.
        """
        seen = b""
        while len(seen) < count:
            data = self._receive()
            if data is None:
                await self._wait_readable()
            elif not data:
                raise LegLostError(f"{self.peer} closed the connection before it said who it is")
            else:
                seen += data
        self._unread = seen
        return seen[:count]

    def _take_head(self, data: bytes, end: int) -> None:
        """Leave the head to trio-websocket, and what comes after it to the pump.

        trio-websocket would not look at frames it is given before it has answered.
        """
        _, head = self._splitter.push(data[:end])
        self._rest.append(head)
        self._rest_bytes += len(head)
        self._unread = data[end:]
        self._head_taken = True

    # --- The stream trio-websocket sees ----------------------------------------------

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what is no media, any length; nothing at the end."""
        del max_bytes  # a bound on memory for others; ours is RECEIVE_BYTES
        await trio.lowlevel.checkpoint()
        try:
            if not self._owned:
                with trio.CancelScope() as self._stream_read:
                    await self._read_as_stream()
        except LegLostError as exc:
            self._break(exc)
            raise self._stream_error(exc) from exc
        while not self._rest:
            if self._closed:
                raise trio.ClosedResourceError
            await self._rest_arrived.park()
        if not self._rest[0]:
            return b""  # and so for ever: it stays
        rest = self._rest.pop(0)
        self._rest_bytes -= len(rest)
        self._rest_taken.unpark_all()
        return rest

    async def _read_as_stream(self) -> None:
        """Read until there is something for trio-websocket, or the owner's pump takes over."""
        # The pump may have come while this task was about to run: then the bytes are the pump's.
        while not self._owned and not self._rest:
            if self._early or self._head_taken:
                # Nobody takes them yet. Reading on would only pile them up.
                await trio.sleep_forever()
            data = self._receive()
            if data is None:
                await self._wait_readable()
                continue
            if not data:
                self._end()
                continue
            if len(self.opening) < _OPENING_BYTES:
                self.opening = (self.opening + data)[:_OPENING_BYTES]
            frames, rest = self._splitter.push(data)
            self._early += frames
            if rest:
                self._rest.append(rest)
                self._rest_bytes += len(rest)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send behind the tail and wait until the kernel has it. Never torn, even if cancelled."""
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError
        try:
            self.send_control(bytes(data))
            await self.wait_flushed()
        except LegLostError as exc:
            if self._owned:  # what came before may still be read, a close frame perhaps
                self.failure = self.failure or str(exc)
            else:
                self._break(exc)
            raise self._stream_error(exc) from exc

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is no tail."""
        try:
            await self.wait_flushed()
        except LegLostError as exc:
            raise self._stream_error(exc) from exc

    async def send_eof(self) -> None:
        """Say that we send no more; TLS has no such thing short of closing."""
        await trio.lowlevel.checkpoint()
        await self.wait_send_all_might_not_block()
        if self._closed:
            raise trio.ClosedResourceError
        if not self._tls:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as exc:
                raise trio.BrokenResourceError(str(exc)) from exc

    def _stream_error(self, exc: LegLostError) -> Exception:
        """Say it in Trio's words."""
        if self._closed:
            return trio.ClosedResourceError(str(exc))
        return trio.BrokenResourceError(str(exc))

    async def aclose(self) -> None:
        """Close at once; whatever the tail holds is dropped."""
        self.close_now()
        await trio.lowlevel.checkpoint()

    def close_now(self, why: str | None = None) -> None:
        """Close without waiting; tasks that wait on the socket are told.

        `why` becomes the `failure`, for a close its user did not ask for.
        """
        if self._closed:
            return
        self._closed = True
        self._on_frame = _ignore  # what it belongs to refers to this connection
        self.failure = self.failure or why
        trio.lowlevel.notify_closing(self._sock)
        if isinstance(self._sock, ssl.SSLSocket):
            _say_goodbye(self._sock)
        self._sock.close()
        self._gone.set()
        self._rest_arrived.unpark_all()
        self._rest_taken.unpark_all()
        self._flushed.unpark_all()


def _ignore(_frame: Inbound) -> None:
    """Take no interest."""


def host_port(address: tuple[str, int]) -> str:
    """Return an address as people write it: IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say_goodbye(sock: ssl.SSLSocket) -> None:
    """Send the TLS close alert if the socket takes it; waiting for the peer's is not worth it."""
    try:
        sock.unwrap()
    except (OSError, ValueError):
        # Broken, or the peer's alert is not here yet, or the handshake never finished.
        return
