"""A simulated Sarvam: the WebSocket of its Bulbul voices.

https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from functools import partial

import attrs

from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.faults import Strikes
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.in_turn import (
    FAULTS,
    Json,
    RefusedError,
    Turn,
    TurnQueue,
    admit,
    listen,
    read_number,
    read_object,
    read_text,
)
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import Encoding, SoundFormat, SpokenWord
from trioaudio.simulators.services.studio import Studio

MODELS = ("bulbul:v2", "bulbul:v3")
LANGUAGES = (
    *("bn-IN", "en-IN", "gu-IN", "hi-IN", "kn-IN", "ml-IN", "mr-IN", "od-IN", "pa-IN"),
    *("ta-IN", "te-IN"),
)
SAMPLE_RATES = (8000, 16000, 22050, 24000)
ENCODINGS = {
    "linear16": Encoding.S16,
    "wav": Encoding.S16,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
IDLE_SECONDS = 60.0
_LONGEST_TEXT = 2500


@attrs.frozen
class Config:
    """How a connection is to speak from now on."""

    sound: SoundFormat
    language: str
    wav: bool
    min_buffer_size: int


def read_config(data: Json, studio: Studio) -> Config:
    """Return what a config message asks for; RefusedError."""
    language = read_text(data, "target_language_code")
    speaker = read_text(data, "speaker")
    codec = read_text(data, "output_audio_codec", default="mp3")
    rate = str(data.get("speech_sample_rate", 22050))
    voices = studio.options.voices
    checks = {
        f"target_language_code {language} is not supported": language in LANGUAGES,
        f"speaker {speaker} is not supported": not voices or speaker in voices,
        f"output_audio_codec {codec} is not simulated": codec in ENCODINGS,
        f"speech_sample_rate {rate} is none of {SAMPLE_RATES}": rate in map(str, SAMPLE_RATES),
    }
    for problem, fine in checks.items():
        if not fine:
            raise RefusedError(422, problem)
    read_number(data, "pace", 1.0, 0.3, 3.0)
    size = read_number(data, "min_buffer_size", 50, 1, _LONGEST_TEXT)
    sound = SoundFormat(ENCODINGS[codec], int(rate))
    return Config(sound, language, codec == "wav", int(size))


@attrs.frozen
class SarvamManners:
    """How Sarvam puts it: nothing says what it is an answer to."""

    tells_end: bool
    request_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))

    def audio(self, turn: Turn, data: bytes) -> Json:
        """Return a chunk."""
        encoded = base64.b64encode(data).decode()
        content_type = "audio/wav" if turn.wav else "audio/x-raw"
        about = {"content_type": content_type, "request_id": self.request_id}
        return {"type": "audio", "data": {"audio": encoded, **about}}

    def words(self, turn: Turn, words: Sequence[SpokenWord]) -> Sequence[Json]:
        """Return nothing: it tells no times."""
        del turn, words
        return ()

    def end(self, turn: Turn) -> Json | None:
        """Return that the last chunk has been sent, for who has asked to be told."""
        del turn
        return {"type": "event", "data": {"event_type": "final"}} if self.tells_end else None

    def error(self, turn: Turn | None, refused: RefusedError) -> Json:
        """Return an error."""
        del turn
        data = {"message": str(refused), "code": refused.status, "request_id": self.request_id}
        return {"type": "error", "data": data}


@attrs.define(eq=False)
class Conversation:
    """One connection: a config first, then text that gathers until there is enough of it."""

    queue: TurnQueue
    studio: Studio
    _config: Config | None = None
    _buffer: str = ""

    async def take(self, message: str) -> None:
        """Take a message; RefusedError."""
        fields = read_object(message)
        data = fields.get("data")
        match fields.get("type"):
            case "config" if isinstance(data, dict):
                self._speak(ends=False)
                self._config = read_config(data, self.studio)
            case "text" if isinstance(data, dict):
                self._take_text(read_text(data, "text"))
            case "flush":
                self._speak(ends=True)
            case "ping":
                pass
            case _:
                raise RefusedError(422, "type must be config, text, flush or ping")

    async def tell_idle(self) -> None:
        """Say nothing."""

    def _take_text(self, text: str) -> None:
        if self._config is None:
            raise RefusedError(422, "the first message must be a config")
        if len(text) > _LONGEST_TEXT:
            raise RefusedError(422, f"text is longer than {_LONGEST_TEXT} characters")
        self._buffer += text
        if len(self._buffer) >= self._config.min_buffer_size:
            self._speak(ends=False)

    def _speak(self, *, ends: bool) -> None:
        """Have the buffer spoken; a flush tells its end even when there is nothing left."""
        text, self._buffer = self._buffer.strip(), ""
        config = self._config
        if config is None:
            if ends:
                raise RefusedError(422, "the first message must be a config")
            return
        if text or ends:
            language = config.language.partition("-")[0]
            turn = Turn(text, config.sound, language=language, ends=ends, wav=config.wav)
            self.queue.ask(turn)


@attrs.define(eq=False)
class Sarvam:
    """What answers its requests."""

    studio: Studio

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [Route("WEBSOCKET", "/text-to-speech/ws", self.converse)]

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket, or refuse its upgrade in JSON."""
        try:
            strikes = await admit(exchange, self.studio)
            self._check(exchange)
        except RefusedError as exc:
            self.studio.errors[exc.status] += 1
            code = "invalid_api_key_error" if exc.status == 403 else "invalid_request_error"
            error = {"message": str(exc), "code": code, "request_id": str(uuid.uuid4())}
            await exchange.respond_json(exc.status, {"error": error})
            return
        await self._listen(exchange, strikes)

    def _check(self, exchange: Exchange) -> None:
        key = exchange.request.headers.get("api-subscription-key")
        if not key or (self.studio.options.key is not None and key != self.studio.options.key):
            raise RefusedError(403, "Invalid API key")
        query = exchange.request.query
        if query.get("model", MODELS[0]) not in MODELS:
            raise RefusedError(400, f"model must be one of {', '.join(MODELS)}")
        if query.get("send_completion_event", "true") not in ("true", "false"):
            raise RefusedError(400, "send_completion_event must be true or false")

    async def _listen(self, exchange: Exchange, strikes: Strikes) -> None:
        tells_end = exchange.request.query.get("send_completion_event", "true") == "true"
        async with exchange.accept_websocket() as websocket:
            queue = TurnQueue(websocket, self.studio, SarvamManners(tells_end))
            idle_s = strikes.value(fault.IDLE_CLOSE) or IDLE_SECONDS
            await listen(queue, Conversation(queue, self.studio), idle_s)


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=Sarvam(studio).routes())


SERVICE = ServiceKind("sarvam", _serve, FAULTS)
