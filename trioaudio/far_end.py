"""The far end of a one-shot call: a simulated carrier, a real one, or a URL to dial."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trioaudio.core.carrier import Carrier
from trioaudio.core.connection import Connect
from trioaudio.core.errors import LegLostError, OutputError
from trioaudio.core.exit_code import ExitCode
from trioaudio.net.dialler import Dialler, parse_url
from trioaudio.net.listener import Admission, open_listener
from trioaudio.net.tls import client_context
from trioaudio.settings import Settings

REPORT_WITHIN = 5.0
"""Seconds the simulated carrier has to finish its file and its report after the call."""

_TOKEN_BYTES = 24


def media_path(carrier: Carrier) -> str:
    """Return a path nobody can guess: an open media socket is toll fraud."""
    return f"/media/{carrier.name}/{secrets.token_urlsafe(_TOKEN_BYTES)}"


@attrs.define(eq=False)
class FarEnd:
    """How to connect to it, what to tell the user, and what it measured."""

    connect: Connect
    url: str | None = None
    """What a carrier has to dial."""
    report: dict[str, Any] | None = None
    given_up: bool = False
    """Whether we left before it had anything to measure: then its failure is our doing."""
    _reported: trio.Event = attrs.field(factory=trio.Event)

    async def wait_report(self) -> None:
        """Wait for what the far end measured, as long as it may take."""
        with trio.move_on_after(REPORT_WITHIN):
            await self._reported.wait()

    def tell_report(self, report: dict[str, Any] | None) -> None:
        """Take what the far end measured; None if it measures nothing for us."""
        self.report = report
        self._reported.set()

    def give_up(self) -> None:
        """Expect nothing of it any more: no connection came about."""
        self.given_up = True
        self._reported.set()


@asynccontextmanager
async def dialled(settings: Settings, carrier: Carrier) -> AsyncIterator[FarEnd]:
    """Dial `settings.url`."""
    assert settings.url is not None
    endpoint = parse_url(settings.url)
    headers = [(each.name.encode(), each.value.get().encode()) for each in settings.headers]
    if settings.token:
        headers.append((b"Authorization", f"Bearer {settings.token.get()}".encode()))
    ca_file = None if settings.tls_ca_file is None else str(settings.tls_ca_file)
    dialler = Dialler(
        endpoint=endpoint,
        headers=headers,
        subprotocols=carrier.subprotocols,
        tls_context=client_context(ca_file) if endpoint.tls else None,
        handshake_s=settings.dial_timeout_s,
        largest_message=settings.max_message_bytes,
    )
    far_end = FarEnd(dialler.connect)
    far_end.tell_report(None)
    yield far_end


@asynccontextmanager
async def awaited(
    settings: Settings, carrier: Carrier, host: str, port: int
) -> AsyncIterator[FarEnd]:
    """Listen, and wait for the carrier to dial the far end's `url`."""
    admission = Admission(
        handshake_s=settings.dial_timeout_s, largest_message=settings.max_message_bytes
    )
    path = media_path(carrier)
    async with open_listener(host, port, admission) as listener:
        door = listener.open_door(path, carrier.subprotocols)
        try:
            far_end = FarEnd(door.connect, listener.url(path))
            far_end.tell_report(None)
            yield far_end
        finally:
            listener.close_door(path)


@asynccontextmanager
async def simulated(
    settings: Settings, carrier: Carrier, process: subprocess.Popen[bytes]
) -> AsyncIterator[FarEnd]:
    """Have the simulated carrier dial us. OutputError or LegLostError when it ends too early."""
    async with awaited(settings, carrier, "127.0.0.1", 0) as listening:
        far_end = FarEnd(listening.connect, listening.url)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_follow, process, far_end)
            assert process.stdin is not None
            # If it has ended already, `_follow` finds out why.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{listening.url}\n".encode())
            yield far_end
            nursery.cancel_scope.cancel()


async def _follow(process: subprocess.Popen[bytes], far_end: FarEnd) -> None:
    """Read what the simulator prints until it ends; raise if it could not do its work."""
    assert process.stdout is not None
    assert process.stderr is not None
    texts: dict[str, bytes] = {}

    async def collect(name: str, pipe: int) -> None:
        async with trio.lowlevel.FdStream(pipe) as stream:
            texts[name] = b"".join([chunk async for chunk in stream])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, "out", os.dup(process.stdout.fileno()))
        nursery.start_soon(collect, "err", os.dup(process.stderr.fileno()))
    code = await trio.to_thread.run_sync(process.wait)
    if far_end.given_up:
        return
    lines = texts["out"].splitlines()
    if lines and code == ExitCode.SAID:
        far_end.tell_report(json.loads(lines[-1]))
        return
    problem = texts["err"].decode(errors="replace").strip().splitlines()
    reason = problem[-1] if problem else f"it ended with exit code {code}"
    if code == ExitCode.OUTPUT:
        raise OutputError(reason.partition(": ")[2] or reason)
    raise LegLostError(f"the simulated carrier failed: {reason}")
