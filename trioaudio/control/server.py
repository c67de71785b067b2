"""Opens the control API's server: what the daemon has to know of this package."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioaudio.control.application import build_application
from trioaudio.control.call_routes import CALL_OPERATIONS
from trioaudio.control.command_routes import command_operations
from trioaudio.control.connections import configure, serving, tls_context
from trioaudio.control.desk import Desk
from trioaudio.control.document_routes import document_operations
from trioaudio.control.gate import Gate
from trioaudio.control.http_reception import HttpReception
from trioaudio.control.listening import address_of, listening_socket
from trioaudio.control.node_routes import NODE_OPERATIONS
from trioaudio.control.operation import Operation
from trioaudio.control.options import ControlOptions
from trioaudio.control.stream_reception import StreamReception


@attrs.frozen
class ControlServer:
    """A server that runs."""

    address: str
    """http[s]://HOST:PORT, or the path of the Unix socket."""
    read_certificate: Callable[[], ssl.SSLContext]
    """Returns a context of what the certificate's files hold now. Blocks; ConfigError."""
    show_certificate: Callable[[ssl.SSLContext], None]
    """Has TLS handshakes that begin from now on use another context."""


def all_operations() -> list[Operation]:
    """Return everything that can be asked by HTTP."""
    return [*NODE_OPERATIONS, *CALL_OPERATIONS, *command_operations()]


@asynccontextmanager
async def open_control_server(
    desk: Desk, options: ControlOptions, given: socket.socket | None = None
) -> AsyncIterator[ControlServer]:
    """Serve the control API while the block runs; ConfigError when it cannot be served there.

    A socket that is `given`, which listens already, is used instead of one of its own. At the
    block's end streams are closed with code 1001 and requests that are being answered are waited
    for, all within two seconds.
    """
    config = configure(options)
    stopping = trio.Event()
    gate = Gate(options)
    operations = all_operations()
    operations += document_operations(operations)
    application = build_application(
        operations, HttpReception(desk, gate), StreamReception(desk, gate, stopping)
    )
    with listening_socket(options.listen, given) as sock:
        address = address_of(sock, tls=config.ssl_enabled)
        async with serving(sock, application, options, config, stopping) as connections:
            read = partial(tls_context, config)
            yield ControlServer(address, read, connections.show_certificate)
