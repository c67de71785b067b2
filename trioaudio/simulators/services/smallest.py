"""A simulated Smallest AI: the live WebSocket of its Lightning voices.

https://docs.smallest.ai (Live TTS WebSocket, /waves/v1/tts/live)
"""

from __future__ import annotations

import base64
import re
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

MODELS = ("lightning_v3.1", "lightning_v3.1_pro")
SAMPLE_RATES = (8000, 16000, 24000, 44100)
ENCODINGS = {
    "pcm": Encoding.S16,
    "wav": Encoding.S16,
    "ulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
IDLE_SECONDS = 60.0
_IDENT = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


def read_request(fields: Json, studio: Studio, buffered: str = "") -> Turn:
    """Return what a request has spoken; RefusedError."""
    text = buffered + read_text(fields, "text")
    voice = read_text(fields, "voice_id")
    model = read_text(fields, "model", default=MODELS[0])
    output_format = read_text(fields, "output_format", default="pcm")
    rate = fields.get("sample_rate", 44100)
    ident = fields.get("request_id")
    voices = studio.options.voices
    checks = {
        f"voice_id {voice} not found": not voices or voice in voices,
        f"model must be one of {', '.join(MODELS)}": model in MODELS,
        f"output_format {output_format} is not simulated": output_format in ENCODINGS,
        f"sample_rate must be one of {SAMPLE_RATES}": rate in SAMPLE_RATES,
        "request_id must match ^[a-zA-Z0-9_\\-.]+$": ident is None
        or (isinstance(ident, str) and _IDENT.fullmatch(ident)),
    }
    for problem, fine in checks.items():
        if not fine:
            raise RefusedError(400, problem)
    read_number(fields, "speed", 1.0, 0.5, 2.0)
    pause_ms = read_number(fields, "complete_backoff_ms", 4000, 0, 10_000)
    return Turn(
        text.strip(),
        SoundFormat(ENCODINGS[output_format], int(str(rate))),
        ident if isinstance(ident, str) else None,
        owner=ident if isinstance(ident, str) else "",
        language=read_text(fields, "language", default="en"),
        words=fields.get("word_timestamps") is True,
        pause_s=pause_ms / 1000,
        wav=output_format == "wav",
    )


@attrs.define(eq=False)
class SmallestManners:
    """How Smallest AI puts it."""

    session_id: str = attrs.field(factory=lambda: f"ws_{uuid.uuid4()}")
    _requests: dict[int, str] = attrs.field(factory=dict)
    _words: int = 0

    def _about(self, turn: Turn | None) -> Json:
        about = {"session_id": self.session_id}
        if turn is None:
            return about
        if id(turn) not in self._requests:
            self._requests = {id(turn): f"task_{uuid.uuid4()}"}
            self._words = 0
        about["request_id"] = self._requests[id(turn)]
        return about if turn.ident is None else {**about, "external_request_id": turn.ident}

    def audio(self, turn: Turn, data: bytes) -> Json:
        """Return a chunk."""
        encoded = base64.b64encode(data).decode()
        return {**self._about(turn), "status": "chunk", "data": {"audio": encoded}}

    def words(self, turn: Turn, words: Sequence[SpokenWord]) -> Sequence[Json]:
        """Return a message for each word."""
        found: list[Json] = []
        for each in words:
            about = self._about(turn)
            data = {"id": self._words, "word": each.text, "start": each.start, "end": each.end}
            self._words += 1
            found.append({**about, "status": "word_timestamp", "data": data})
        return found

    def end(self, turn: Turn) -> Json:
        """Return that a request is complete."""
        return {**self._about(turn), "status": "complete"}

    def error(self, turn: Turn | None, refused: RefusedError) -> Json:
        """Return an error."""
        return {**self._about(turn), "status": "error", "message": f"{refused.status} {refused}"}


@attrs.define(eq=False)
class Conversation:
    """One connection: each request is spoken, unless it says that more is to come."""

    queue: TurnQueue
    studio: Studio
    idle_s: float
    _buffer: str = ""

    async def take(self, message: str) -> None:
        """Take a request; RefusedError."""
        fields = read_object(message)
        turn = read_request(fields, self.studio, self._buffer)
        if fields.get("continue") is True and fields.get("flush") is not True:
            self._buffer += read_text(fields, "text")
            return
        self._buffer = ""
        if turn.text:  # a blank only keeps the connection open
            self.queue.ask(turn)

    async def tell_idle(self) -> None:
        """Say why the connection is closed."""
        words = f"Connection timed out after {self.idle_s:g} seconds of inactivity"
        await self.queue.say({"status": "error", "message": words})


@attrs.define(eq=False)
class Smallest:
    """What answers its requests."""

    studio: Studio

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [Route("WEBSOCKET", "/waves/v1/tts/live", self.converse)]

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket, or refuse its upgrade in JSON."""
        try:
            strikes = await admit(exchange, self.studio)
            idle_s = self._check(exchange, strikes)
        except RefusedError as exc:
            self.studio.errors[exc.status] += 1
            await exchange.respond_json(exc.status, {"status": "error", "message": str(exc)})
            return
        async with exchange.accept_websocket() as websocket:
            queue = TurnQueue(websocket, self.studio, SmallestManners())
            await listen(queue, Conversation(queue, self.studio, idle_s), idle_s)

    def _check(self, exchange: Exchange, strikes: Strikes) -> float:
        """Return the seconds a client may say nothing; RefusedError."""
        header = exchange.request.headers.get("authorization", "")
        key = header.removeprefix("Bearer").strip()
        if not key or (self.studio.options.key is not None and key != self.studio.options.key):
            raise RefusedError(401, "Invalid or missing API key")
        timeout = exchange.request.query.get("timeout", f"{IDLE_SECONDS:g}")
        if not timeout.isdecimal() or int(timeout) < 1:
            raise RefusedError(400, "timeout must be a positive integer")
        return strikes.value(fault.IDLE_CLOSE) or int(timeout)


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=Smallest(studio).routes())


SERVICE = ServiceKind("smallest", _serve, FAULTS)
