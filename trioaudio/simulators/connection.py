"""One WebSocket connection of a simulated carrier, dialled or answered."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, assert_never, cast
from urllib.parse import urlsplit

import attrs
import trio
import trio_websocket
import wsproto.utilities

from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError, TrioaudioError
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.caller import CallerScript, speak
from trioaudio.simulators.ending import Ending
from trioaudio.simulators.faults import Fault, Strikes
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.wire import Wire

HANDSHAKE_SECONDS = 10
CLOSE_SECONDS = 2
_LARGEST_MESSAGE = 64 << 20  # a whole utterance: over half an hour at 8 kHz in base64
_READ_BYTES = 64 << 10
WebSocket: TypeAlias = trio_websocket.WebSocketConnection
_ABNORMAL = 1006  # RFC 6455: no close frame was seen


@attrs.frozen
class Link:
    """An open connection."""

    websocket: WebSocket
    wire: Wire


@attrs.frozen
class Target:
    """Where to dial, and how; `headers` go with the handshake."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    tls: ssl.SSLContext | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be dialled."""
        try:
            parts = urlsplit(self.url)
            valid = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(f"{self.url!r} is no ws:// or wss:// URL")


async def dial(target: Target) -> Wire:
    """Open the TCP or TLS stream; LegLostError when there is nobody, or no trust."""
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            tcp = await trio.open_tcp_stream(host, port)
            if not secure:
                return Wire(tcp)
            context = target.tls or ssl.create_default_context()
            tls = trio.SSLStream(tcp, context, server_hostname=host, https_compatible=True)
            await tls.do_handshake()
            return Wire(tls)
    except trio.TooSlowError:
        raise LegLostError(f"{target.url}: no answer within {HANDSHAKE_SECONDS} s") from None
    except (OSError, trio.BrokenResourceError) as exc:
        raise LegLostError(f"{target.url}: {_reason(exc)}") from exc


def _reason(exc: BaseException) -> str:
    """Return the operating system's or OpenSSL's word for why a connection failed."""
    cause = exc.__cause__
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        exc = cause
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError):
        return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
    return str(exc) or "the connection broke"


async def listen(address: tuple[str, int]) -> trio.SocketListener:
    """Listen at a host and port; LegLostError when that cannot be."""
    host, port = address
    try:
        first, *others = await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise LegLostError(f"cannot listen at {host}:{port}: {_reason(exc)}") from exc
    for listener in others:  # a name with several addresses: one is enough
        await trio.aclose_forcefully(listener)
    return first


def url_of(listener: trio.SocketListener) -> str:
    """Return the URL at which a listener is dialled."""
    host, port, *_ = listener.socket.getsockname()
    return f"ws://[{host}]:{port}/" if ":" in host else f"ws://{host}:{port}/"


async def shake_as_client(target: Target, wire: Wire, nursery: trio.Nursery) -> WebSocket:
    """Speak the client's half of the handshake, as TeleCMI does: no sub-protocol."""
    parts = urlsplit(target.url)
    return await trio_websocket.wrap_client_stream(
        nursery,
        # Typed as trio's two socket streams, used as any stream.
        cast("trio.SocketStream", wire),
        parts.netloc.rpartition("@")[2],
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        extra_headers=[(name.encode(), value.encode()) for name, value in target.headers],
        message_queue_size=0,
        max_message_size=_LARGEST_MESSAGE,
        receive_buffer_size=_READ_BYTES,
    )


async def shake_as_server(
    headers: Sequence[tuple[str, str]], wire: Wire, nursery: trio.Nursery
) -> WebSocket:
    """Speak the server's half; LegRefusedError for a dialler without the demanded headers."""
    request = await trio_websocket.wrap_server_stream(
        nursery,
        wire,
        message_queue_size=0,
        max_message_size=_LARGEST_MESSAGE,
        receive_buffer_size=_READ_BYTES,
    )
    sent = {(name.lower(), value) for name, value in request.headers}
    if not {(name.lower().encode(), value.encode()) for name, value in headers} <= sent:
        await request.reject(401)
        raise LegRefusedError("a dialler without the demanded headers was refused")
    return await request.accept()


async def hold(
    wire: Wire,
    shake: Callable[[Wire, trio.Nursery], Awaitable[WebSocket]],
    converse: Callable[[Link], Awaitable[Closed]],
    ending: Ending,
) -> Closed | None:
    """Live one connection from its handshake to its end, and close the wire.

    Returns how it ended, None when told to end before the handshake was done. Raises
    LegLostError or LegRefusedError when there was no handshake; what `converse` raises comes
    in a group.
    """
    closed: Closed | None = None
    failures: list[TrioaudioError] = []
    try:
        async with trio.open_nursery() as nursery:
            websocket = await _shaken(partial(shake, wire, nursery), ending)
            if websocket is not None:
                wire.shaken = True
                closed = await converse(Link(websocket, wire))
                with trio.move_on_after(CLOSE_SECONDS):
                    await websocket.aclose()
                    await wire.aclose()
            nursery.cancel_scope.cancel()
    except* trio_websocket.ConnectionRejected as group:
        status = first_of(group).status_code
        failures.append(LegRefusedError(f"the WebSocket handshake was refused with HTTP {status}"))
    except* (LegLostError, LegRefusedError) as group:
        failures.append(first_of(group))
    except* wsproto.utilities.LocalProtocolError:
        # trio-websocket 0.12 answers a ping even after its own close frame, and falls over it.
        # The conversation is over by then.
        pass
    finally:
        await trio.aclose_forcefully(wire)
    if failures:
        raise failures[0]
    return closed


async def _shaken(shake: Callable[[], Awaitable[WebSocket]], ending: Ending) -> WebSocket | None:
    with ending.interrupted():
        with trio.move_on_after(HANDSHAKE_SECONDS):
            return await shake()
        raise LegLostError(f"no WebSocket handshake within {HANDSHAKE_SECONDS} s")
    return None


async def converse(
    link: Link, call: SimulatedCall, script: CallerScript, strikes: Strikes, ending: Ending
) -> Closed:
    """Send the caller's part and take the sender's until one end has enough."""
    lost = trio.Event()
    closed = Closed(1000, "the simulator was told to end", "carrier")
    with ending.interrupted():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_speak, script, link, lost)
            closed = await _listen(link, call, strikes, lost)
            nursery.cancel_scope.cancel()
    call.disconnected(time.monotonic(), closed)
    return closed


async def _speak(script: CallerScript, link: Link, lost: trio.Event) -> None:
    try:
        await speak(script, link.websocket.send_message)
    except trio_websocket.ConnectionClosed:
        lost.set()


async def _listen(link: Link, call: SimulatedCall, strikes: Strikes, lost: trio.Event) -> Closed:
    """Take messages until the end, and return which end it was."""
    while True:
        try:
            message = await link.websocket.get_message()
        except trio_websocket.ConnectionClosed as exc:
            return _closed_by_peer(exc.reason)
        reason = call.take(message, link.wire.received_at)
        if reason is not None:
            return Closed(1000, reason, "carrier")
        fault = strikes.due(call.frames)
        if fault is not None:
            closed = await _strike(fault, link, lost)
            if closed is not None:
                return closed


async def _strike(fault: Fault, link: Link, lost: trio.Event) -> Closed | None:
    """Let a fault happen; return what it did to the connection, None if that remains to be seen."""
    match fault:
        case Fault.RESET:
            link.wire.reset()
            return Closed(_ABNORMAL, fault.value, "fault")
        case Fault.CLOSE:
            return Closed(1000, fault.value, "carrier")
        case Fault.GARBAGE:
            # Opcode 15 with all reserved bits is in no version of the protocol.
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await link.wire.send_all(b"\xff" * 64)
            return None
        case Fault.STOP_READING:
            # What is sent tells whether the far end is still there; what it sends does not.
            await lost.wait()
            return _closed_by_peer(None)
        case unknown:
            assert_never(unknown)


def _closed_by_peer(reason: trio_websocket.CloseReason | None) -> Closed:
    if reason is None or reason.code == _ABNORMAL:
        return Closed(_ABNORMAL, "the connection was lost", "network")
    return Closed(reason.code, reason.reason or "", "peer")
