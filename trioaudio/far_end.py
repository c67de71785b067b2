"""The far end of a one-shot call: a simulated carrier, a real one, or a URL to dial."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trioaudio.core.carrier import Carrier, CarrierSettings, Transport
from trioaudio.core.connection import CallControlLink, Connect
from trioaudio.core.errors import ConfigError, LegLostError, OutputError
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.facts import Fact, Tell
from trioaudio.net.admission import Admission
from trioaudio.net.dialler import Dialler, parse_url
from trioaudio.net.door import DoorPlan
from trioaudio.net.door_policy import door_policy_for
from trioaudio.net.far_address import networks_of
from trioaudio.net.listener import open_listener
from trioaudio.net.tls import client_context, server_context
from trioaudio.net.upgrade_head import read_public_url
from trioaudio.settings import Settings, variable

REPORT_WITHIN = 5.0
"""Seconds the simulated carrier has to finish its file and its report after the call."""

_TOKEN_BYTES = 24


def door_key(carrier: Carrier) -> str:
    """Return a path nobody can guess, or a UUID: an open media socket is toll fraud."""
    if carrier.transport is Transport.AUDIOSOCKET:
        return str(uuid.uuid4())  # 122 random bits, and all that AudioSocket has room for
    return f"/media/{carrier.name}/{secrets.token_urlsafe(_TOKEN_BYTES)}"


def _ignore(_fact: Fact) -> None:
    """Take no interest."""


@attrs.define(eq=False)
class FarEnd:
    """How to connect to it, what to tell the user, and what it measured."""

    connect: Connect
    url: str | None = None
    """What a carrier has to dial."""
    address: str | None = None
    """HOST:PORT where we listen, which a proxy has to dial."""
    control: CallControlLink | None = None
    """The way round its media stream to the telephone call, if it brought one."""
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
    settings: Settings,
    carrier: Carrier,
    host: str,
    port: int,
    *,
    carrier_settings: CarrierSettings | None = None,
    tell: Tell = _ignore,
) -> AsyncIterator[FarEnd]:
    """Listen, and wait for the carrier to dial the far end's `url` and to prove who it is.

    `tell` is given what is refused. ConfigError when it cannot be held to its proof, or nobody
    could listen. Without `carrier_settings` the carrier's defaults count, which hold no secret.
    """
    policy = door_policy_for(carrier, carrier_settings or carrier.settings, settings, host)
    key = door_key(carrier)
    plan = DoorPlan(
        subprotocols=carrier.subprotocols,
        transport=carrier.transport,
        check=policy.check,
        lives_s=settings.answer_timeout_s or None,
        probe_s=settings.door_probe_s,
    )
    async with open_listener(host, port, _admission(settings, carrier), tell) as listener:
        door = listener.open_door(key, plan)
        try:
            far_end = FarEnd(door.connect, listener.url(key, carrier.transport), listener.address)
            far_end.tell_report(None)
            yield far_end
        finally:
            listener.close_door(key, carrier.transport)


def _admission(settings: Settings, carrier: Carrier) -> Admission:
    return Admission(
        handshake_s=settings.dial_timeout_s,
        largest_message=settings.max_message_bytes,
        tls_context=_server_tls(settings, carrier),
        public_url=None if settings.public_url is None else read_public_url(settings.public_url),
        trusted_proxies=networks_of(settings.trusted_proxies),
        handshakes_most=settings.door_handshakes,
        refusals_most=settings.door_refusals,
    )


def _server_tls(settings: Settings, carrier: Carrier) -> ssl.SSLContext | None:
    cert_file, key_file = settings.tls_cert_file, settings.tls_key_file
    if cert_file is None or key_file is None:
        return None
    if carrier.transport is Transport.AUDIOSOCKET:
        raise ConfigError(
            f"{variable('tls_cert_file')} is set, but {carrier.name} speaks AudioSocket, which has"
            " no TLS; leave it out, and keep that traffic on a network of your own"
        )
    return server_context(str(cert_file), str(key_file))


@asynccontextmanager
async def simulated(
    settings: Settings, carrier: Carrier, process: subprocess.Popen[bytes]
) -> AsyncIterator[FarEnd]:
    """Have the simulated carrier dial us. OutputError or LegLostError when it ends too early.

    It is a child of ours, told the path through a pipe: it need not prove more, and is not
    reached by way of a proxy.
    """
    private = attrs.evolve(
        settings,
        authentication="off",
        public_url=None,
        trusted_proxies=(),
        tls_cert_file=None,
        tls_key_file=None,
    )
    async with awaited(private, carrier, "127.0.0.1", 0) as listening:
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
