"""A simulated Rime: its JSON WebSocket `/ws3`.

Messages: https://docs.rime.ai/api-reference/arcana/websockets-json; when it synthesizes:
https://docs.rime.ai/docs/segmentation; failures: https://docs.rime.ai/docs/errors.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services import in_turn
from trioaudio.simulators.services.faults import FaultKind, Scope, Strikes
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.in_turn import (
    Json,
    RefusedError,
    Turn,
    TurnQueue,
    admit,
    listen,
    read_object,
    read_text,
)
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import Encoding, SoundFormat, SpokenWord
from trioaudio.simulators.services.studio import Studio

MODELS = ("coda", "arcana", "arcanav2", "arcanav3", "mistv3", "mistv2", "mist")
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000, 96000)
ENCODINGS = {"pcm": Encoding.S16, "mulaw": Encoding.MULAW}
SEGMENTS = ("never", "bySentence", "immediate")
IDLE_SECONDS = 300.0  # not documented; routers do not wait longer
_LONGEST_TEXT = 1000
_SENTENCE = re.compile(r".*[.?!]", re.DOTALL)

ERROR_EVENTS = FaultKind(
    "error-events", Scope.CONNECTION, "errors come as messages, and the socket stays open"
)
FAULTS = (*in_turn.FAULTS, ERROR_EVENTS)


@attrs.frozen
class Wanted:
    """What the query of a connection asks for."""

    speaker: str
    sound: SoundFormat
    language: str
    segment: str


def read_query(query: Mapping[str, str], studio: Studio) -> Wanted:
    """Return what is asked for; RefusedError."""
    speaker = read_text(query, "speaker")
    if studio.options.voices and speaker not in studio.options.voices:
        raise RefusedError(400, f"speaker {speaker} does not exist")
    model = read_text(query, "modelId", default="mistv3")
    audio_format = read_text(query, "audioFormat", default="mp3")
    rate = read_text(query, "samplingRate", default="24000")
    segment = read_text(query, "segment", default="bySentence")
    checks = {
        f"model {model} does not exist": model in MODELS,
        f"audioFormat {audio_format} is not simulated": audio_format in ENCODINGS,
        f"samplingRate {rate} is none of {SAMPLE_RATES}": rate in map(str, SAMPLE_RATES),
        f"segment {segment} is none of {SEGMENTS}": segment in SEGMENTS,
    }
    for problem, fine in checks.items():
        if not fine:
            raise RefusedError(400, problem)
    sound = SoundFormat(ENCODINGS[audio_format], int(rate))
    return Wanted(speaker, sound, read_text(query, "lang", default="eng"), segment)


def check_key(exchange: Exchange, studio: Studio) -> None:
    """Refuse who shows no key, or another; RefusedError with Rime's words."""
    header = exchange.request.headers.get("authorization")
    if header is None:
        raise RefusedError(401, "Missing Authorization header")
    key = header.removeprefix("Bearer").strip()
    if not key:
        raise RefusedError(401, "empty apikey")
    if studio.options.key is not None and key != studio.options.key:
        raise RefusedError(401, "invalid api key")


@attrs.frozen
class RimeManners:
    """How Rime puts it."""

    error_events: bool = False

    def audio(self, turn: Turn, data: bytes) -> Json:
        """Return a chunk."""
        return {
            "type": "chunk",
            "data": base64.b64encode(data).decode(),
            "contextId": turn.ident,
        }

    def words(self, turn: Turn, words: Sequence[SpokenWord]) -> Sequence[Json]:
        """Return words in one message, in three lists."""
        timings = {
            "words": [each.text for each in words],
            "start": [each.start for each in words],
            "end": [each.end for each in words],
        }
        return [{"type": "timestamps", "word_timestamps": timings, "contextId": turn.ident}]

    def end(self, turn: Turn) -> Json:
        """Return that a synthesis is complete."""
        return {"type": "done", "contextId": turn.ident}

    def error(self, turn: Turn | None, refused: RefusedError) -> Json | None:
        """Return nothing, for the socket is closed; a fault makes it a message."""
        if not self.error_events:
            return None
        told = {} if turn is None else {"contextId": turn.ident}
        return {"type": "error", "message": f"{refused.status}: {refused}", **told}


@attrs.define(eq=False)
class Conversation:
    """One connection: text gathers in a buffer until it is synthesized."""

    queue: TurnQueue
    wanted: Wanted
    _buffer: str = ""
    _context: str | None = None

    async def take(self, message: str) -> None:
        """Take text or an operation; RefusedError."""
        fields = read_object(message)
        if "text" in fields:
            self._take_text(read_text(fields, "text"), fields.get("contextId"))
            return
        match fields.get("operation"):
            case "flush":
                self._flush(self._buffer)
            case "clear":
                self._buffer = ""
            case "eos":
                self._flush(self._buffer)
            case _:
                raise RefusedError(400, "text is required")

    async def tell_idle(self) -> None:
        """Say nothing."""

    def _take_text(self, text: str, context: object) -> None:
        if not text:
            raise RefusedError(400, "text must not be empty")
        self._context = context if isinstance(context, str) else None
        self._buffer += text
        if len(self._buffer) > _LONGEST_TEXT:
            self._buffer = ""
            raise RefusedError(400, "text is too long")
        if self.wanted.segment == "immediate":
            self._flush(self._buffer)
        elif self.wanted.segment == "bySentence" and (found := _SENTENCE.match(self._buffer)):
            self._flush(found[0])

    def _flush(self, text: str) -> None:
        """Have a beginning of the buffer synthesized; nothing comes of nothing."""
        self._buffer = self._buffer[len(text) :]
        if text.strip():
            turn = Turn(
                text,
                self.wanted.sound,
                self._context,
                owner=self._context or "",
                language=self.wanted.language[:2],
                words=True,
            )
            self.queue.ask(turn)


@attrs.define(eq=False)
class Rime:
    """What answers its requests."""

    studio: Studio

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [Route("WEBSOCKET", "/ws3", self.converse)]

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket, or refuse its upgrade in plain text."""
        try:
            strikes = await admit(exchange, self.studio)
            check_key(exchange, self.studio)
            wanted = read_query(exchange.request.query, self.studio)
        except RefusedError as exc:
            self.studio.errors[exc.status] += 1
            await exchange.respond(exc.status, str(exc))
            return
        await self._listen(exchange, wanted, strikes)

    async def _listen(self, exchange: Exchange, wanted: Wanted, strikes: Strikes) -> None:
        async with exchange.accept_websocket() as websocket:
            queue = TurnQueue(websocket, self.studio, RimeManners(ERROR_EVENTS in strikes))
            idle_s = strikes.value(fault.IDLE_CLOSE) or IDLE_SECONDS
            await listen(queue, Conversation(queue, wanted), idle_s)


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=Rime(studio).routes())


SERVICE = ServiceKind("rime", _serve, FAULTS)
