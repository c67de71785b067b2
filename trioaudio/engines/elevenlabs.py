"""ElevenLabs: a context for each utterance on warm WebSockets, five to a socket.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
Unusual: a cancelled context cannot be silenced, only closed and not listened to; it counts until
it has spoken to its end. That a clause is over is told by the alignment of its characters alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import quote, urlencode

import attrs
import trio

from trioaudio.core.engine import EngineKind, EngineLoad, EngineSetup, PcmSink, Voice, VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.engines._elevenlabs_contexts import ContextRules, Contexts
from trioaudio.engines._elevenlabs_messages import NAME
from trioaudio.engines._elevenlabs_settings import ElevenLabsSettings
from trioaudio.engines._elevenlabs_utterance import Pace, Utterance
from trioaudio.engines._http import HttpClient, HttpService, open_http
from trioaudio.engines._json_message import inner_object
from trioaudio.engines._object_lists import objects_in
from trioaudio.engines._seat_pool import Outbox, PoolLimits, PoolStatistics, SeatPool
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm
from trioaudio.lone_error import lone_error

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
_LARGEST_PROMPT = 32 << 20  # bytes: 17 minutes at 16 kHz
_VOICE = re.compile(r"[0-9A-Za-z]{1,64}")
_SUSPECT_SHARE = 0.5  # of the patience with the first audio


@attrs.frozen
class SocketKey:
    """All that differs from socket to socket: it stands in the URL."""

    voice: str
    language: str | None
    sample_rate: int


class ElevenLabsEngine:
    """What `open_engine` yields."""

    def __init__(self, setup: EngineSetup, settings: ElevenLabsSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http
        self._key = required_key(NAME, settings)
        self._url = base_url(NAME, settings, "wss", "ws")
        self._tls = tls_context(setup, self._url)
        self._idents = itertools.count(1)
        rules = ContextRules(
            most=settings.contexts_per_socket,
            flush=settings.flush,
            keepalive_s=settings.keepalive_s,
            closing_s=settings.closing_s,
            opening=settings.opening(),
        )

        def converse(key: SocketKey, outbox: Outbox) -> Contexts:
            del key
            return Contexts(outbox, rules, self._idents)

        limits = PoolLimits(
            concurrency=settings.concurrency,
            per_socket=settings.contexts_per_socket,
            sockets=settings.concurrency,
            idle_s=settings.idle_s,
            suspect_s=settings.first_audio_ms / 1000 * _SUSPECT_SHARE,
        )
        self._pool = SeatPool[SocketKey, Utterance](NAME, self._address, converse, limits)
        self._home = self._key_of(VoiceChoice(), self.sample_rate_for(setup.sample_rate))

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
        """Return the nearest rate the service writes raw."""
        return min(RATES, key=lambda rate: (abs(rate - wanted), rate))

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError for what cannot be a voice's id; which there are, is not known."""
        voice = choice.voice or self._settings.voice or ""
        if not _VOICE.fullmatch(voice):
            raise ConfigError(
                f"{NAME} has no voice {voice!r}: wanted an id of letters and digits, as the voice"
                " library shows it"
            )

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Pass all: the models read most scripts, and say nothing of which."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return model, voice, language and how the voice is set."""
        voice = choice.voice or self._settings.voice
        language = self._settings.language_code(choice.language) or "auto"
        shaped = json.dumps(self._settings.voice_settings(), sort_keys=True)
        return f"{self._settings.model} {voice} {language} {shaped}"

    async def voices(self) -> list[Voice]:
        """List the voices of the account. EngineError."""
        body = await self._http.fetch("GET", "/v1/voices")
        try:
            listed = json.loads(body)
        except ValueError:
            raise broke_protocol(NAME, "its list of voices is no JSON") from None
        return [found for each in objects_in(listed, "voices") if (found := _read_voice(each))]

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        """Speak an utterance in a context of its own; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it leaves at once: its
        context is closed, and what still comes of it is dropped.
        """
        self.check(choice)
        key = self._key_of(choice, sample_rate)

        def wish(utterance: Utterance) -> None:
            self._pool.leave(utterance)
            self._pool.enter(utterance, key, begun=utterance.has_begun)

        pace = Pace(self._settings.ahead_ms, self._settings.settle_ms)
        utterance = Utterance(sample_rate, pace, wish)
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_ask_clauses, clauses, utterance)
                    await utterance.inbox.deliver(sink)
                    nursery.cancel_scope.cancel()
        finally:
            self._pool.leave(utterance)

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        """Return a whole text by HTTP, where it is one piece to the model. EngineError."""
        self.check(choice)
        voice = choice.voice or self._settings.voice or ""
        asked: dict[str, object] = {"text": text, "model_id": self._settings.model}
        if voice_settings := self._settings.voice_settings():
            asked["voice_settings"] = voice_settings
        if language := self._settings.language_code(choice.language):
            asked["language_code"] = language
        body = await self._http.fetch(
            "POST",
            f"/v1/text-to-speech/{quote(voice, safe='')}/stream",
            json=asked,
            params={"output_format": f"pcm_{sample_rate}"},
            most=_LARGEST_PROMPT,
        )
        pcm = VendorPcm(NAME, sample_rate)
        return pcm.push(body) + pcm.flush()

    async def keep_sockets(self) -> None:
        """Keep the sockets until cancelled."""
        await self._pool.run(self._home)

    def _key_of(self, choice: VoiceChoice, sample_rate: int) -> SocketKey:
        voice = choice.voice or self._settings.voice or ""
        return SocketKey(voice, self._settings.language_code(choice.language), sample_rate)

    def _address(self, key: SocketKey) -> ServiceAddress:
        settings = self._settings
        query = {
            "model_id": settings.model,
            "output_format": f"pcm_{key.sample_rate}",
            "auto_mode": str(settings.auto_mode).lower(),
            "inactivity_timeout": str(settings.inactivity_timeout_s),
            "sync_alignment": "true",
        }
        if key.language:
            query["language_code"] = key.language
        path = f"/v1/text-to-speech/{quote(key.voice, safe='')}/multi-stream-input"
        url = f"{self._url}{path}?{urlencode(query)}"
        return ServiceAddress(NAME, url, (("xi-api-key", self._key),), self._tls)


async def _ask_clauses(clauses: AsyncIterable[str], utterance: Utterance) -> None:
    """Ask for clause after clause; while it is ahead, no text is read either."""
    async for clause in clauses:
        utterance.ask(clause, trio.current_time())
        await utterance.wait_hungry()
        if utterance.inbox.over:
            return
    utterance.end()


def _read_voice(fields: dict[str, object]) -> Voice | None:
    ident, name = fields.get("voice_id"), fields.get("name")
    if not isinstance(ident, str):
        return None
    labels = inner_object(fields, "labels")
    gender, own = labels.get("gender"), labels.get("language")
    verified = [each.get("language") for each in objects_in(fields, "verified_languages")]
    languages = dict.fromkeys(each for each in (own, *verified) if isinstance(each, str))
    return Voice(
        ident,
        tuple(languages),
        gender if isinstance(gender, str) else None,
        name if isinstance(name, str) else "",
    )


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[ElevenLabsEngine]:
    """Keep sockets to ElevenLabs warm. ConfigError when a setting is missing or wrong."""
    settings = setup.settings
    if not isinstance(settings, ElevenLabsSettings):
        raise ConfigError(f"{NAME} was given the settings of another engine")
    key = required_key(NAME, settings)
    url = "http" + base_url(NAME, settings, "wss", "ws").removeprefix("ws")
    service = HttpService(
        NAME, url, {"xi-api-key": key}, Secret(key), tls_context(setup, url), connections=4
    )
    with lone_error():
        async with open_http(service) as http, trio.open_nursery() as nursery:
            engine = ElevenLabsEngine(setup, settings, http)
            engine.check(VoiceChoice())
            nursery.start_soon(engine.keep_sockets)
            yield engine
            nursery.cancel_scope.cancel()


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=ElevenLabsSettings(),
    documentation="https://elevenlabs.io/docs/api-reference/text-to-speech",
)
