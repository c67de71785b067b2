"""A simulated OpenAI speech endpoint, as it and the servers compatible with it answer.

https://platform.openai.com/docs/api-reference/audio/createSpeech
`GET /v1/audio/voices` is what Kokoro-FastAPI adds: https://github.com/remsky/Kokoro-FastAPI
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import partial

import attrs

from trioaudio.core.errors import EngineError
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import DELIVERY_FAULTS, FaultKind, Scope, Strikes
from trioaudio.simulators.services.http import Exchange, Headers, Request, Route, serve_http
from trioaudio.simulators.services.openai_requests import RefusedError, Speech, read_speech
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import Encoding, SoundFormat, SpokenWord, wav_header
from trioaudio.simulators.services.studio import Studio

SOUND = SoundFormat(Encoding.S16, 24000)
"""What `pcm` and `wav` are, whatever is wished for."""
VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer"),
    *("verse", "marin", "cedar"),
)
MODELS = ("gpt-4o-mini-tts", "tts-1", "tts-1-hd")

RETRY_AFTER = FaultKind(
    "retry-after", Scope.UTTERANCE, "a refusal asks to be left alone for N ms", 100
)
ERROR_BODY = FaultKind("error-body", Scope.UTTERANCE, "status 200, and an error instead of audio")
EMPTY = FaultKind("empty", Scope.UTTERANCE, "status 200, and no audio at all")
FAULTS = (fault.REFUSE, RETRY_AFTER, ERROR_BODY, EMPTY, *DELIVERY_FAULTS)


@attrs.define(eq=False)
class OpenAi:
    """What answers its requests."""

    studio: Studio

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [
            Route("POST", "/v1/audio/speech", self.speak),
            Route("GET", "/v1/audio/voices", self.list_voices),
            Route("GET", "/v1/models", self.list_models),
        ]

    async def list_models(self, exchange: Exchange) -> None:
        """Return the models that speak."""
        if await self._admit(exchange):
            data = [{"id": model, "object": "model"} for model in MODELS]
            await exchange.respond_json(200, {"object": "list", "data": data})

    async def list_voices(self, exchange: Exchange) -> None:
        """Return the names of all voices."""
        if await self._admit(exchange):
            voices = list(self.studio.options.voices or VOICES)
            await exchange.respond_json(200, {"voices": voices})

    async def speak(self, exchange: Exchange) -> None:
        """Speak one request."""
        strikes = Strikes()
        try:
            self._check_key(exchange.request)
            speech = read_speech(exchange.request.body)
            self._check_speech(speech)
            with self.studio.occupied():
                strikes = self.studio.faults.strike(Scope.UTTERANCE)
                await self._answer(exchange, speech, strikes)
        except RefusedError as exc:
            await self._refuse(exchange, exc, strikes)

    async def _answer(self, exchange: Exchange, speech: Speech, strikes: Strikes) -> None:
        status = strikes.value(fault.REFUSE)
        if status is not None:
            raise RefusedError(int(status), "The simulated service refused on purpose.")
        if ERROR_BODY in strikes:
            await exchange.respond_json(200, RefusedError(500, "Out of memory.").body)
        elif EMPTY in strikes:
            await exchange.respond(200, content_type="audio/pcm")
        else:
            answer = Events if speech.stream_format == "sse" else Bytes
            await answer(exchange, speech, self.studio, strikes).speak()

    async def _admit(self, exchange: Exchange) -> bool:
        try:
            self._check_key(exchange.request)
        except RefusedError as exc:
            await self._refuse(exchange, exc, Strikes())
            return False
        return True

    def _check_key(self, request: Request) -> None:
        key = self.studio.options.key
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not given:
            raise RefusedError(401, "You didn't provide an API key.")
        if given != key:
            words = f"Incorrect API key provided: {given[:2]}***."
            raise RefusedError(401, words, code="invalid_api_key")

    def _check_speech(self, speech: Speech) -> None:
        voices = self.studio.options.voices
        if voices and speech.voice not in voices:
            words = f"Voice {speech.voice!r} not found. Available voices: {', '.join(voices)}"
            raise RefusedError(400, words, param="voice")
        if self.studio.full:
            raise RefusedError(429, "Rate limit reached for requests.", code="rate_limit_exceeded")

    async def _refuse(self, exchange: Exchange, refused: RefusedError, strikes: Strikes) -> None:
        self.studio.errors[refused.status] += 1
        headers: Headers = ()
        wait_ms = strikes.value(RETRY_AFTER)
        if wait_ms is not None:
            headers = [("Retry-After-Ms", f"{wait_ms:g}"), ("Retry-After", f"{wait_ms / 1000:g}")]
        await exchange.respond_json(refused.status, refused.body, headers=headers)


@attrs.define(eq=False)
class Bytes:
    """An answer of nothing but audio; is the Outlet of its delivery."""

    exchange: Exchange
    speech: Speech
    studio: Studio
    strikes: Strikes
    _begun: bool = False

    async def speak(self) -> None:
        """Answer; RefusedError while nothing has been sent yet."""
        delivery = Delivery(self.studio, SOUND, self, self.strikes, owner=self.speech.voice)
        try:
            await delivery.speak(self.speech.input)
            await self._begin()
            await self.finish()
        except (CutError, EngineError) as exc:
            refused = RefusedError(500, f"The server had an error: {exc}")
            if not self._begun:
                raise refused from exc
            self.studio.errors[refused.status] += 1
            await self.fail(refused)

    async def finish(self) -> None:
        """End a complete answer."""
        await self.exchange.finish()

    async def fail(self, refused: RefusedError) -> None:
        """End an answer in its middle: the body stays without its end."""
        del refused

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        await self._begin()
        await self.exchange.send(data)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: there are no timings."""

    async def close(self) -> None:
        """End the answer as if it were complete."""
        await self._begin()
        await self.exchange.finish()

    def reset(self) -> None:
        """Reset the connection."""
        self.exchange.reset()

    def content_type(self) -> str:
        """Return what the answer says it is."""
        return f"audio/{self.speech.response_format}"

    async def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        await self.exchange.begin(200, content_type=self.content_type())
        if self.speech.response_format == "wav":
            await self.send_audio(wav_header(SOUND))


@attrs.define(eq=False)
class Events(Bytes):
    """The answer of `stream_format: sse`."""

    def content_type(self) -> str:
        """Return what the answer says it is."""
        return "text/event-stream"

    async def finish(self) -> None:
        """Send that it is done."""
        if fault.NO_DONE not in self.strikes:
            await self._say({"type": "speech.audio.done", "usage": self._usage()})
        await self.exchange.finish()

    async def fail(self, refused: RefusedError) -> None:
        """Send the error, and end the answer."""
        await self._say({"type": "error", **refused.body})
        await self.exchange.finish()

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        await self._begin()
        audio = base64.b64encode(data).decode()
        await self._say({"type": "speech.audio.delta", "audio": audio})

    def _usage(self) -> dict[str, int]:
        tokens = len(self.speech.input.split())
        return {"input_tokens": tokens, "output_tokens": tokens, "total_tokens": 2 * tokens}

    async def _say(self, value: dict[str, object]) -> None:
        await self.exchange.send(f"data: {json.dumps(value)}\n\n".encode())


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=OpenAi(studio).routes())


SERVICE = ServiceKind("openai", _serve, FAULTS)
