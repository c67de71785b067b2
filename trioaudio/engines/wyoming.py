"""Speech servers in the house that speak Wyoming: Piper, Kokoro and others.

https://github.com/OHF-Voice/wyoming
One request for each clause: a server that is given a text in pieces keeps the last sentence back
until it sees the next one, so an author who thinks would mute what is already written. There is
no cancel: the connection is closed. The server tells the sample rate only with the audio.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import urlsplit

import trio

from trioaudio.core.backoff import Backoff
from trioaudio.core.engine import (
    EngineKind,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.core.wyoming_event import Event
from trioaudio.engines._clause_audio import ClauseAudio
from trioaudio.engines._clause_by_clause import ClauseByClause
from trioaudio.engines._service import base_url
from trioaudio.engines._status import shortened
from trioaudio.engines._wyoming_connection import NAME, WyomingConnection, WyomingPool
from trioaudio.engines._wyoming_info import ServerInfo, read_info
from trioaudio.engines._wyoming_settings import DEFAULT_PORT, WyomingSettings
from trioaudio.engines._wyoming_sound import WyomingSound
from trioaudio.lone_error import lone_error

DESCRIBE_S = 5.0

_DESCRIBE_BACKOFF = Backoff(first=0.5, cap=30.0, attempts=64)
_REST_S = 30.0


class WyomingEngine:
    """Speaks over as many connections as there are texts spoken at once."""

    def __init__(self, settings: WyomingSettings, pool: WyomingPool) -> None:
        self._settings = settings
        self._pool = pool
        self._turns = trio.CapacityLimiter(settings.concurrency)  # first come, first served
        self._info: ServerInfo | None = None

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate that is set: the server tells its own only with the audio."""
        del wanted
        return self._settings.sample_rate

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if the server listed no such voice."""
        if self._info is not None:
            self._info.check(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Do nothing: which scripts a voice reads is not told."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the server and the voice: there are no other parameters."""
        voice = self._voice(choice)
        named = " ".join(f"{key}={voice[key]}" for key in sorted(voice))
        return f"{self._settings.url} {named}".rstrip()

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance clause by clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it closes its connection.
        """

        async def speak(clause: str, audio: ClauseAudio) -> None:
            await self._speak(clause, choice, audio)

        plan = ClauseByClause(NAME, sample_rate, self._settings.ahead_ms, speak)
        await plan.deliver(clauses, sink)

    async def voices(self) -> list[Voice]:
        """List the voices the server tells of. EngineError if it is asked and does not answer."""
        info = self._info or await self._describe()
        return list(info.voices)

    async def learn(self) -> None:
        """Ask what the server is until it answers; the connection is then warm, too."""
        attempt = 0
        while self._info is None:
            try:
                await self._describe()
            except EngineError:  # it shows at the utterance
                wait_s = _DESCRIBE_BACKOFF.delay(attempt, random.uniform(0.5, 1))
                await trio.sleep(_REST_S if wait_s is None else wait_s)
            attempt += 1

    async def _describe(self) -> ServerInfo:
        connection = await self._pool.connect()
        kept = False
        try:
            with trio.fail_after(DESCRIBE_S):
                await connection.send(Event("describe"))
                while (event := await connection.receive()).type != "info":
                    pass
            self._info = read_info(event)
            self._pool.keep(connection)
            kept = True
        except trio.TooSlowError:
            raise EngineError(
                f"{NAME} did not describe itself within {DESCRIBE_S:g} s",
                kind=EngineFault.TIMEOUT,
                retryable=True,
            ) from None
        finally:
            if not kept:
                self._pool.discard(connection)
        return self._info

    async def _speak(self, clause: str, choice: VoiceChoice, audio: ClauseAudio) -> None:
        """Have a clause spoken; again on a new connection if one died before any audio."""
        async with self._turns:
            try:
                await self._speak_on(
                    self._pool.take_idle() or await self._pool.connect(), clause, choice, audio
                )
            except EngineError as exc:
                lost = exc.kind is EngineFault.UNAVAILABLE and exc.scope is FaultScope.CONNECTION
                if audio.begun or not lost:
                    raise
                self._pool.discard_idle()
                await self._speak_on(await self._pool.connect(), clause, choice, audio)

    async def _speak_on(
        self,
        connection: WyomingConnection,
        clause: str,
        choice: VoiceChoice,
        audio: ClauseAudio,
    ) -> None:
        """Speak on a connection, and keep it if all went well."""
        kept = False
        streamed = self._streams()
        try:
            await connection.send(*_request(clause, self._voice(choice), streamed=streamed))
            sound = WyomingSound(audio)
            last = "synthesize-stopped" if streamed else "audio-stop"
            while (event := await connection.receive()).type != last:
                self._take(event, sound)
                await audio.wait_room()
            sound.end()
            self._pool.keep(connection)
            kept = True
        finally:
            if not kept:
                self._pool.discard(connection)

    def _take(self, event: Event, sound: WyomingSound) -> None:
        match event.type:
            case "audio-start":
                sound.begin(event)
            case "audio-chunk":
                sound.take(event)
            case "audio-stop":
                sound.end()
            case "error":
                code = event.text("code")
                words = f"{code}: {event.text('text')}" if code else event.text("text")
                raise EngineError(
                    f"{NAME} failed: {shortened(words) or 'it does not say why'}",
                    kind=EngineFault.UNAVAILABLE,
                    retryable=True,
                )

    def _streams(self) -> bool:
        match self._settings.streaming:
            case "auto":
                return self._info is not None and self._info.streaming
            case streaming:
                return streaming == "yes"

    def _voice(self, choice: VoiceChoice) -> dict[str, str]:
        """Return the voice as the protocol names it: a name overrides a language."""
        settings = self._settings
        if choice.voice is not None:
            return {"name": choice.voice}
        if choice.language is not None:
            found = self._info.voice_of(choice.language) if self._info is not None else None
            return {"language": choice.language} if found is None else {"name": found.name}
        if settings.voice is None:
            return {}
        speaker = {} if settings.speaker is None else {"speaker": settings.speaker}
        return {"name": settings.voice, **speaker}


def _request(clause: str, voice: dict[str, str], *, streamed: bool) -> list[Event]:
    chosen: dict[str, object] = {"voice": voice} if voice else {}
    if not streamed:
        return [Event("synthesize", {"text": clause, **chosen})]
    return [
        Event("synthesize-start", chosen),
        Event("synthesize-chunk", {"text": clause}),
        Event("synthesize-stop"),
    ]


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[WyomingEngine]:
    """Keep connections to the server. ConfigError when a setting is wrong."""
    settings = setup.settings
    if not isinstance(settings, WyomingSettings):
        raise TypeError(f"{NAME} cannot be opened with {type(settings).__name__}")
    settings.check()
    parts = urlsplit(base_url(NAME, settings, "tcp"))
    pool = WyomingPool(parts.hostname or "", parts.port or DEFAULT_PORT, settings.keep_s)
    engine = WyomingEngine(settings, pool)
    try:
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.learn)
                yield engine
                nursery.cancel_scope.cancel()
    finally:
        pool.discard_idle()


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=WyomingSettings(),
    documentation="https://github.com/OHF-Voice/wyoming",
)
