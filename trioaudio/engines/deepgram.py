"""Deepgram Aura: clause by clause over a pool of warm WebSockets, one clause at a time on each.

https://developers.deepgram.com/docs/streaming-text-to-speech
Unusual: no message says whose it is, and Flushes are rationed. No word timings.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import urlencode

import attrs
import trio

from trioaudio.core.engine import (
    EngineKind,
    EngineLoad,
    EngineSetup,
    PcmSink,
    ServiceSettings,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import ConfigError
from trioaudio.core.front_end.front_end import clauses_of
from trioaudio.core.secret import Secret
from trioaudio.engines._deepgram_booth import Booth
from trioaudio.engines._deepgram_messages import NAME
from trioaudio.engines._deepgram_utterance import Utterance
from trioaudio.engines._deepgram_voices import choose_voice, read_voice
from trioaudio.engines._http import HttpClient, HttpService, open_http
from trioaudio.engines._object_lists import objects_in
from trioaudio.engines._seat_pool import Outbox, PoolLimits, PoolStatistics, SeatPool
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm
from trioaudio.lone_error import lone_error

RATES = (8000, 16000, 24000, 32000, 48000)
_SUSPECT_SHARE = 0.5  # of the patience with the first audio
_DEFAULT_VOICE = "aura-2-thalia-en"


@attrs.frozen(kw_only=True)
class DeepgramSettings(ServiceSettings):
    """Deepgram's own settings; what is None is not sent."""

    voice: str | None = attrs.field(
        default=_DEFAULT_VOICE,
        metadata={"help": "model used by default, which is a voice; its name says its language"},
    )
    url: str = attrs.field(
        default="wss://api.deepgram.com",
        metadata={"help": "where the service is: scheme, host and port, no path"},
    )
    speed: float | None = attrs.field(
        default=None,
        metadata={"help": "times as fast as usual; empty: the voice's", "least": 0.7, "most": 1.5},
    )
    mip_opt_out: bool | None = attrs.field(
        default=None,
        metadata={"help": "whether texts are kept out of the model improvement programme"},
    )
    flushes_per_minute: int = attrs.field(
        default=20,
        metadata={
            "help": "clauses one connection may be given in any 60 seconds; more go to others",
            "least": 1,
            "most": 10_000,
        },
    )
    clear_s: float = attrs.field(
        default=1.0,
        metadata={
            "help": "seconds the service may take to confirm a Clear before its connection is"
            " given up",
            "least": 0.1,
            "most": 60,
        },
    )
    idle_s: float = attrs.field(
        default=60.0,
        metadata={
            "help": "seconds after which a connection nobody uses is closed, or renewed",
            "least": 1,
            "most": 3600,
        },
    )
    ahead_ms: int = attrs.field(
        default=2000,
        metadata={
            "help": "milliseconds of audio unheard below which the next clause is asked for",
            "least": 100,
            "most": 60_000,
        },
    )
    request_characters: int = attrs.field(
        default=2000,
        metadata={
            "help": "characters in one request of a prompt made ahead of time",
            "least": 300,
            "most": 100_000,
        },
    )


@attrs.frozen
class SocketKey:
    """All that differs from socket to socket: it stands in the URL."""

    model: str
    sample_rate: int


@attrs.frozen
class _Seats:
    """Where the utterances of one key get their sockets."""

    pool: SeatPool[SocketKey, Utterance]
    key: SocketKey

    def wish(self, utterance: Utterance) -> None:
        """Have an utterance seated."""
        self.pool.leave(utterance)
        self.pool.enter(utterance, self.key, begun=utterance.has_begun)

    def leave(self, utterance: Utterance) -> None:
        """Take its socket back."""
        self.pool.leave(utterance)


class DeepgramEngine:
    """What `open_engine` yields."""

    def __init__(self, setup: EngineSetup, settings: DeepgramSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http
        self._key = required_key(NAME, settings)
        self._url = base_url(NAME, settings, "wss", "ws")
        self._tls = tls_context(setup, self._url)

        def converse(key: SocketKey, outbox: Outbox) -> Booth:
            del key
            return Booth(outbox, settings.flushes_per_minute, settings.clear_s)

        limits = PoolLimits(
            concurrency=settings.concurrency,
            per_socket=1,
            sockets=settings.concurrency,
            idle_s=settings.idle_s,
            suspect_s=settings.first_audio_ms / 1000 * _SUSPECT_SHARE,
        )
        self._pool = SeatPool[SocketKey, Utterance](NAME, self._address, converse, limits)
        rate = self.sample_rate_for(setup.sample_rate)
        self._home = SocketKey(self._model_of(VoiceChoice()), rate)

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def statistics(self) -> PoolStatistics:
        """Return what it holds now."""
        return self._pool.statistics()

    def load(self) -> EngineLoad:
        """Return what it holds; see `core.engine.TellsLoad`."""
        return self._pool.load()

    def sample_rate_for(self, wanted: int) -> int:
        """Return the nearest rate the service writes."""
        return min(RATES, key=lambda rate: (abs(rate - wanted), rate))

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError for what cannot be a voice, or speaks another language."""
        self._model_of(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Pass all: which scripts a voice reads is not told."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the model, which is the voice and the language, and its speed."""
        return f"{self._model_of(choice)} speed={self._settings.speed or 1:g}"

    async def voices(self) -> list[Voice]:
        """List the models that speak. EngineError."""
        body = await self._http.fetch("GET", "/v1/models")
        try:
            listed = json.loads(body)
        except ValueError:
            raise broke_protocol(NAME, "its list of models is no JSON") from None
        return [found for each in objects_in(listed, "tts") if (found := read_voice(each))]

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        """Speak an utterance clause by clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it leaves at once: the
        service is told to forget the clause, and what still comes of it is dropped.
        """
        seats = _Seats(self._pool, SocketKey(self._model_of(choice), sample_rate))
        utterance = Utterance(sample_rate, self._settings.ahead_ms, seats)
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_ask_clauses, clauses, utterance)
                    await utterance.inbox.deliver(sink)
                    nursery.cancel_scope.cancel()
        finally:
            self._pool.leave(utterance)

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        """Return a whole text by HTTP, in as few pieces as it takes. EngineError."""
        query = self._query(SocketKey(self._model_of(choice), sample_rate))
        found = bytearray()
        for piece in _pieces(text, self._settings.request_characters):
            params = {**query, "container": "none"}
            body = await self._http.fetch("POST", "/v1/speak", json={"text": piece}, params=params)
            pcm = VendorPcm(NAME, sample_rate)
            found += pcm.push(body) + pcm.flush()
        return bytes(found)

    async def keep_sockets(self) -> None:
        """Keep the sockets until cancelled."""
        await self._pool.run(self._home)

    def _model_of(self, choice: VoiceChoice) -> str:
        return choose_voice(choice.voice, choice.language, self._settings.voice or _DEFAULT_VOICE)

    def _query(self, key: SocketKey) -> dict[str, str]:
        settings = self._settings
        query = {
            "model": key.model,
            "encoding": "linear16",
            "sample_rate": str(key.sample_rate),
        }
        if settings.speed is not None:
            query["speed"] = f"{settings.speed:g}"
        if settings.mip_opt_out is not None:
            query["mip_opt_out"] = str(settings.mip_opt_out).lower()
        return query

    def _address(self, key: SocketKey) -> ServiceAddress:
        url = f"{self._url}/v1/speak?{urlencode(self._query(key))}"
        return ServiceAddress(NAME, url, (("Authorization", f"Token {self._key}"),), self._tls)


async def _ask_clauses(clauses: AsyncIterable[str], utterance: Utterance) -> None:
    """Ask for clause after clause; while it is ahead, no text is read either."""
    async for clause in clauses:
        utterance.ask(clause)
        await utterance.wait_come()
        await utterance.wait_hungry()
        if utterance.inbox.over:
            return
    utterance.end()


def _pieces(text: str, most: int) -> list[str]:
    """Return a text in as few pieces of whole clauses as fit."""
    pieces: list[str] = []
    for clause in clauses_of(text):
        if pieces and len(pieces[-1]) + 1 + len(clause.text) <= most:
            pieces[-1] = f"{pieces[-1]} {clause.text}"
        else:
            pieces.append(clause.text)
    return pieces


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[DeepgramEngine]:
    """Keep sockets to Deepgram warm. ConfigError when a setting is missing or wrong."""
    settings = setup.settings
    if not isinstance(settings, DeepgramSettings):
        raise ConfigError(f"{NAME} was given the settings of another engine")
    key = required_key(NAME, settings)
    url = "http" + base_url(NAME, settings, "wss", "ws").removeprefix("ws")
    headers = {"Authorization": f"Token {key}"}
    service = HttpService(NAME, url, headers, Secret(key), tls_context(setup, url), connections=4)
    with lone_error():
        async with open_http(service) as http, trio.open_nursery() as nursery:
            engine = DeepgramEngine(setup, settings, http)
            nursery.start_soon(engine.keep_sockets)
            yield engine
            nursery.cancel_scope.cancel()


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=DeepgramSettings(),
    documentation="https://developers.deepgram.com/docs/streaming-text-to-speech",
)
