"""OpenAI's `/v1/audio/speech`, and the many local servers that speak it too.

https://platform.openai.com/docs/api-reference/audio/createSpeech
One request for each clause; the next one is made while the last one's audio is still being heard.
The service knows no cancel: the connection is closed.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterable, AsyncIterator, Mapping

import trio

from trioaudio.core.engine import (
    EngineKind,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._clause_audio import ClauseAudio
from trioaudio.engines._clause_by_clause import ClauseByClause
from trioaudio.engines._http import HttpClient, HttpRefusedError, HttpService, open_http
from trioaudio.engines._openai_settings import NAME, VENDOR_VOICES, OpenAiSettings
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm
from trioaudio.lone_error import lone_error

KEEP_WARM_S = 50.0
PATIENCE_S = 0.5
"""How long a refused clause may wait to be asked for again, beside what is still to be heard."""

_SPEECH = "/v1/audio/speech"
_VOICES = "/v1/audio/voices"
_LANGUAGES = ("mul",)  # they speak whatever language the text is in
_AGAIN = frozenset((EngineFault.RATE, EngineFault.UNAVAILABLE))


class OpenAiEngine:
    """Speaks by HTTP requests, as many at once as the settings allow."""

    def __init__(self, settings: OpenAiSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http
        self._turns = trio.CapacityLimiter(settings.concurrency)  # first come, first served

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate the service sends: it has no other."""
        del wanted
        return self._settings.response_rate

    def check(self, choice: VoiceChoice) -> None:
        """Do nothing: which voices there are is known to the service only."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Do nothing: it reads every script."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that is sent but the text, and to which server."""
        return f"{self._settings.url} {json.dumps(self._request('', choice), sort_keys=True)}"

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance, a request for each clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it closes its connection.
        """

        async def speak(clause: str, audio: ClauseAudio) -> None:
            await self._speak(self._request(clause, choice), audio)

        plan = ClauseByClause(NAME, sample_rate, self._settings.ahead_ms, speak)
        await plan.deliver(clauses, sink)

    async def voices(self) -> list[Voice]:
        """List the voices: those a local server lists, else those OpenAI documents."""
        names = [self._voice(VoiceChoice())]
        if self._settings.of_vendor:
            names += VENDOR_VOICES
        else:
            with contextlib.suppress(HttpRefusedError):  # only some servers list them
                names += _listed(await self._http.fetch("GET", _VOICES))
        return [Voice(name, _LANGUAGES) for name in dict.fromkeys(names)]

    async def keep_warm(self) -> None:
        """Keep a connection ready, so that the first clause has not to wait for TLS."""
        while True:
            await self._http.warm(_VOICES)
            await trio.sleep(KEEP_WARM_S)

    async def _speak(self, request: Mapping[str, object], audio: ClauseAudio) -> None:
        """Have one clause spoken; ask a second time if nothing came of it and that may help."""
        try:
            await self._request_once(request, audio)
        except EngineError as exc:
            wait_s = _wait_s(exc)
            patience_s = PATIENCE_S + audio.unwritten_s
            if audio.begun or exc.kind not in _AGAIN or wait_s > patience_s:
                raise
            await trio.sleep(wait_s)
            await self._request_once(request, audio)

    async def _request_once(self, request: Mapping[str, object], audio: ClauseAudio) -> None:
        pcm = VendorPcm(NAME, audio.sample_rate)
        async with self._turns, self._http.stream("POST", _SPEECH, json=request) as body:
            while piece := await body.receive():
                audio.take(pcm.push(piece))
                await audio.wait_room()
            audio.take(pcm.flush())

    def _request(self, clause: str, choice: VoiceChoice) -> dict[str, object]:
        settings = self._settings
        voice = self._voice(choice)
        custom = voice.startswith("voice_") and settings.of_vendor
        fields: dict[str, object | None] = {
            "model": settings.model,
            "input": clause,
            "voice": {"id": voice} if custom else voice,
            "response_format": settings.response_format,
            "speed": settings.speed,
            "instructions": settings.instructions,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _voice(self, choice: VoiceChoice) -> str:
        return choice.voice or self._settings.voice or "alloy"


def _wait_s(exc: EngineError) -> float:
    """Return how long to wait before asking again: not at all if only a connection was lost."""
    if not isinstance(exc, HttpRefusedError):
        return 0.0
    if exc.retry_after_s is None:
        return random.uniform(PATIENCE_S / 2, PATIENCE_S)  # not all of them at one instant
    return exc.retry_after_s


def _listed(body: bytes) -> list[str]:
    """Return the names in a list of voices: texts, or objects with an id or a name."""
    try:
        found = json.loads(body)
    except ValueError:
        raise broke_protocol(NAME, f"a list of voices that is no JSON at {_VOICES}") from None
    entries = found.get("voices", found.get("data")) if isinstance(found, dict) else found
    names = []
    for entry in entries if isinstance(entries, list) else ():
        name = (entry.get("id") or entry.get("name")) if isinstance(entry, dict) else entry
        if isinstance(name, str):
            names.append(name)
    return names


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[OpenAiEngine]:
    """Keep connections to the service. ConfigError when a setting is missing or wrong."""
    settings = setup.settings
    if not isinstance(settings, OpenAiSettings):
        raise TypeError(f"{NAME} cannot be opened with {type(settings).__name__}")
    url = base_url(NAME, settings, "https", "http")
    settings.check()
    headers = {}
    if settings.api_key or settings.of_vendor:  # local servers have no keys
        headers["Authorization"] = f"Bearer {required_key(NAME, settings)}"
    tls = tls_context(setup, url)
    service = HttpService(
        engine=NAME,
        url=url,
        headers=headers,
        secret=settings.api_key,
        tls=tls,
        connections=settings.concurrency + 2,  # one to keep warm, one to list voices
    )
    async with open_http(service) as http:
        engine = OpenAiEngine(settings, http)
        with lone_error():
            async with trio.open_nursery() as nursery:
                if tls is not None:
                    nursery.start_soon(engine.keep_warm)
                yield engine
                nursery.cancel_scope.cancel()


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=OpenAiSettings(),
    documentation="https://platform.openai.com/docs/guides/text-to-speech",
)
