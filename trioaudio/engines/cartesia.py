"""Cartesia: speech over a few WebSockets that all calls share, prompts over HTTP.

https://docs.cartesia.ai/api-reference/tts/websocket
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.engine import EngineKind, EngineLoad, EngineSetup, PcmSink, Voice, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.engines._cartesia_connection import Socket
from trioaudio.engines._cartesia_http import fetch_speech, fetch_voices
from trioaudio.engines._cartesia_messages import context_fields, fields_of, language_of
from trioaudio.engines._cartesia_pool import Pool, PoolStatistics
from trioaudio.engines._cartesia_settings import NAME, CartesiaSettings
from trioaudio.engines._cartesia_utterance import Utterance, Ways
from trioaudio.engines._http import HttpClient, HttpService, open_http
from trioaudio.engines._leases import Leases, LeaseStatistics
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress, open_service_socket
from trioaudio.lone_error import lone_error

SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)

OpenServiceSocket: TypeAlias = Callable[[ServiceAddress], AbstractAsyncContextManager[Socket]]

_draw = Random().random


@attrs.frozen
class CartesiaStatistics:
    """A snapshot of the engine."""

    leases: LeaseStatistics
    pool: PoolStatistics
    utterances: int
    unwritten_bytes: int
    """Audio held for the sinks of all utterances."""


class CartesiaEngine:
    """What `open_engine` yields."""

    def __init__(
        self, settings: CartesiaSettings, http: HttpClient, pool: Pool, leases: Leases
    ) -> None:
        self._settings = settings
        self._http = http
        self._pool = pool
        self._leases = leases
        self._ways = Ways(
            pool=pool,
            leases=leases,
            draw=_draw,
            ahead_ms=settings.ahead_ms,
            expiry_s=settings.expiry_s,
        )
        self._utterances: set[Utterance] = set()

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate itself if Cartesia speaks at it, else the nearest that it does."""
        return min(SAMPLE_RATES, key=lambda rate: (abs(rate - wanted), rate))

    def statistics(self) -> CartesiaStatistics:
        """Return what it holds now."""
        return CartesiaStatistics(
            leases=self._leases.statistics(),
            pool=self._pool.statistics(),
            utterances=len(self._utterances),
            unwritten_bytes=sum(each.inbox.unwritten_bytes for each in self._utterances),
        )

    def load(self) -> EngineLoad:
        """Return what it holds; see `core.engine.TellsLoad`."""
        leases, pool = self._leases.statistics(), self._pool.statistics()
        return EngineLoad(
            open=pool.sockets,
            opening=pool.dialling,
            speaking=leases.active,
            waiting=leases.waiting,
            most=leases.limit,
        )

    def check(self, choice: VoiceChoice) -> None:
        """Take any choice: which voices and languages there are, only the service knows."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Take any text."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return model, voice, language and what shapes them."""
        settings = self._settings
        parts = [settings.model, choice.voice or settings.voice, language_of(settings, choice)]
        for name in ("speed", "volume", "emotion", "pronunciation_dict_id"):
            value = getattr(settings, name)
            if value is not None:
                parts.append(f"{name}={value}")
        return " ".join(part for part in parts if part)

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance clause by clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it leaves at once: the
        service is told by the socket's own task, and what it still sends is dropped.
        """
        fields = context_fields(self._settings, fields_of(self._settings, choice, sample_rate))
        utterance = Utterance(self._ways, fields, sample_rate)
        self._utterances.add(utterance)
        try:
            await utterance.speak(clauses, sink)
        finally:
            self._utterances.discard(utterance)

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        """Return the whole text as PCM16 LE mono, made over HTTP. EngineError."""
        fields = fields_of(self._settings, choice, sample_rate)
        lease = await self._leases.acquire(self._leases.ticket())
        try:
            return await fetch_speech(self._http, fields, text, sample_rate)
        except EngineError as exc:
            if exc.kind is EngineFault.RATE:
                self._leases.lower()
            raise
        finally:
            lease.release()

    async def voices(self) -> list[Voice]:
        """List the voices the account may use. EngineError."""
        return await fetch_voices(self._http)


@contextlib.asynccontextmanager
async def open_engine(
    setup: EngineSetup, *, open_socket: OpenServiceSocket = open_service_socket
) -> AsyncIterator[CartesiaEngine]:
    """Keep sockets to Cartesia warm while the block runs. ConfigError."""
    settings = setup.settings
    if not isinstance(settings, CartesiaSettings):
        raise ConfigError(f"{NAME} was given the settings of another engine")
    key = required_key(NAME, settings)
    url = base_url(NAME, settings, "wss", "ws")
    tls = tls_context(setup, url)
    address = ServiceAddress(
        engine=NAME, url=f"{url}/tts/websocket", headers=list(_headers(settings, key)), tls=tls
    )
    leases = Leases(settings.concurrency, grace_s=settings.cancel_grace_s)
    pool = Pool(lambda: open_socket(address), settings, leases, _draw)
    async with open_http(_http_service(settings, url, key, tls)) as http:
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pool.keep_sockets)
                yield CartesiaEngine(settings, http, pool, leases)
                nursery.cancel_scope.cancel()


def _http_service(
    settings: CartesiaSettings, url: str, key: str, tls: ssl.SSLContext | None
) -> HttpService:
    """Return where the HTTP endpoints are: at the same host and port."""
    return HttpService(
        engine=NAME,
        url=f"http{url.removeprefix('ws')}",
        headers=dict(_headers(settings, key)),
        secret=settings.api_key,
        tls=tls,
    )


def _headers(settings: CartesiaSettings, key: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {key}"), ("Cartesia-Version", settings.version)]


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=CartesiaSettings(),
    documentation="https://docs.cartesia.ai/api-reference/tts/websocket",
)
