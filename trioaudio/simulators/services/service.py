"""Simulated services by name: what one is, which there are, and how one is opened."""

from __future__ import annotations

import importlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

import attrs
import trio

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.reach import listen
from trioaudio.simulators.services.faults import FaultKind, Faults, read_faults
from trioaudio.simulators.services.studio import ServiceOptions, ServiceStatistics, Studio
from trioaudio.simulators.services.voice import open_speaker

SERVICES = ("cartesia", "deepgram", "elevenlabs", "openai", "rime", "sarvam", "smallest", "wyoming")
"""Each is a module beside this one, with a ServiceKind called SERVICE."""
MOST_CONNECTIONS = 4096
Serve: TypeAlias = Callable[[trio.SocketStream], Awaitable[None]]
"""Lives one connection; the caller closes it. What a client does wrong must not come out."""


@attrs.frozen
class ServiceKind:
    """A simulated service: `serve` is called once, and returns what lives each connection."""

    name: str
    serve: Callable[[Studio], Serve]
    faults: tuple[FaultKind, ...]
    http: bool = True
    """False for a protocol of its own over TCP."""


@attrs.frozen
class OpenService:
    """A service that listens."""

    kind: ServiceKind
    host: str
    port: int
    _studio: Studio = attrs.field(repr=False)

    @property
    def address(self) -> str:
        """HOST:PORT, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def http_url(self) -> str:
        """The base of its HTTP URLs, without a slash at the end."""
        return f"http://{self.address}"

    @property
    def websocket_url(self) -> str:
        """The base of its WebSocket URLs, without a slash at the end."""
        return f"ws://{self.address}"

    @property
    def urls(self) -> dict[str, str]:
        """Where it is reached, by protocol."""
        if self.kind.http:
            return {"http": self.http_url, "websocket": self.websocket_url}
        return {"tcp": f"tcp://{self.address}"}

    def statistics(self) -> ServiceStatistics:
        """Return the counts of now."""
        return self._studio.statistics()


def find_service(name: str) -> ServiceKind:
    """Return a service; ConfigError when there is none of that name."""
    if name not in SERVICES:
        raise ConfigError(f"there is no simulated service {name!r}; {did_you_mean(name, SERVICES)}")
    module = importlib.import_module(f"trioaudio.simulators.services.{name}")
    return cast("ServiceKind", module.SERVICE)


@asynccontextmanager
async def open_service(
    name: str,
    options: ServiceOptions | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[OpenService]:
    """Serve a simulated service while the block runs; port 0 is any.

    ConfigError for an unknown service or fault, LegLostError when it cannot listen, EngineError
    or ChildError when it has no voice. Errors come in a group once it is open.
    """
    kind = find_service(name)
    options = options or ServiceOptions()
    faults = Faults(read_faults(options.faults, kind.faults), random.Random(options.seed))
    listener = await listen((host, port))
    async with listener, open_speaker(options.voice) as speaker:
        studio = Studio(options, speaker, faults, random.Random(options.seed))
        bound_host, bound_port, *_ = listener.socket.getsockname()
        serve = _counted(kind.serve(studio), studio)
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, serve, [listener])
            yield OpenService(kind, bound_host, bound_port, studio)
            nursery.cancel_scope.cancel()


def _counted(serve: Serve, studio: Studio) -> Serve:
    async def counted(stream: trio.SocketStream) -> None:
        if studio.open_connections >= MOST_CONNECTIONS:
            return
        studio.connections += 1
        studio.open_connections += 1
        try:
            await serve(stream)
        finally:
            studio.open_connections -= 1

    return counted
