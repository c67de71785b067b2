"""A WebSocket to a simulated service that is closed whatever becomes of it, and a refused one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import trio
import trio_websocket

from trioaudio.simulators.services.service import OpenService


@contextlib.asynccontextmanager
async def dial(
    service: OpenService, resource: str, headers: Mapping[str, str]
) -> AsyncIterator[trio_websocket.WebSocketConnection]:
    """Hold a WebSocket for a block. ConnectionRejected comes in a group."""
    shown = [(name.encode(), value.encode()) for name, value in headers.items()]
    tcp = await trio.open_tcp_stream(service.host, service.port)
    async with tcp, trio.open_nursery() as nursery:
        yield await trio_websocket.wrap_client_stream(
            nursery, tcp, service.address, resource, extra_headers=shown
        )
        nursery.cancel_scope.cancel()


async def rejection(
    service: OpenService, resource: str, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Dial where the upgrade must be refused; return the status and the body."""
    found: list[tuple[int, bytes]] = []
    try:
        async with dial(service, resource, headers):
            raise AssertionError("the upgrade was accepted")
    except* trio_websocket.ConnectionRejected as group:
        exc = group.exceptions[0]
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        found.append((exc.status_code, exc.body or b""))
    return found[0]


async def close_of(websocket: trio_websocket.WebSocketConnection) -> tuple[int, str]:
    """Return the code and the reason a WebSocket was closed with, which has just been noticed."""
    await trio.lowlevel.checkpoint()
    reason = websocket.closed
    assert reason is not None
    return reason.code, reason.reason or ""
