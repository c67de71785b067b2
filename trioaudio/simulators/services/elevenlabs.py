"""A simulated ElevenLabs: both its WebSockets, speech by HTTP, and its voices.

https://elevenlabs.io/docs/api-reference/text-to-speech
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.text import speakable
from trioaudio.simulators.services import elevenlabs_faults as here
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.elevenlabs_requests import (
    RefusedError,
    Setup,
    check_key,
    check_room,
    check_struck,
    check_voice,
    read_setup,
)
from trioaudio.simulators.services.elevenlabs_socket import Conversation
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import SpokenWord
from trioaudio.simulators.services.studio import Studio

_DEFAULT_VOICES = ("JBFqnCBsd6RMkjVDRZzb", "EXAVITQu4vr4xnSDxMaL")
_ROOT = "/v1/text-to-speech/{voice_id}"


@attrs.define(eq=False)
class ElevenLabs:
    """What answers its requests."""

    studio: Studio

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [
            Route("WEBSOCKET", f"{_ROOT}/multi-stream-input", self.converse_multi),
            Route("WEBSOCKET", f"{_ROOT}/stream-input", self.converse),
            Route("POST", _ROOT, self.speak),
            Route("POST", f"{_ROOT}/stream", self.speak),
            Route("GET", "/v1/voices", self.list_voices),
        ]

    async def list_voices(self, exchange: Exchange) -> None:
        """Return all voices."""
        try:
            check_key(exchange.request, self.studio)
        except RefusedError as exc:
            await self.refuse(exchange, exc)
            return
        voices = [_voice(each) for each in self.studio.options.voices or _DEFAULT_VOICES]
        await exchange.respond_json(200, {"voices": voices})

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket, which is one context."""
        await self._converse(exchange, is_multi=False)

    async def converse_multi(self, exchange: Exchange) -> None:
        """Speak on a WebSocket, in as many contexts as the client opens."""
        await self._converse(exchange, is_multi=True)

    async def _converse(self, exchange: Exchange, *, is_multi: bool) -> None:
        strikes = self.studio.faults.strike(Scope.CONNECTION)
        await trio.sleep((strikes.value(fault.SLOW_UPGRADE) or 0) / 1000)
        try:
            check_struck(strikes, fault.UPGRADE_STATUS)
            check_key(exchange.request, self.studio)
            setup = read_setup(exchange.request)
        except RefusedError as exc:
            await self.refuse(exchange, exc)
            return
        async with exchange.accept_websocket() as websocket:
            await Conversation(websocket, self.studio, strikes, setup, is_multi).listen()

    async def speak(self, exchange: Exchange) -> None:
        """Speak one HTTP request."""
        try:
            check_key(exchange.request, self.studio)
            setup, text = _read_speech(exchange)
            check_voice(setup.voice, self.studio)
            check_room(self.studio)
            with self.studio.occupied():
                strikes = self.studio.faults.strike(Scope.UTTERANCE)
                check_struck(strikes, fault.REFUSE, fault.ORPHAN_REFUSE)
                await Answer(exchange, self.studio, setup, strikes).speak(text)
        except RefusedError as exc:
            await self.refuse(exchange, exc)

    async def refuse(self, exchange: Exchange, refused: RefusedError) -> None:
        """Answer with an error."""
        self.studio.errors[refused.status] += 1
        await exchange.respond_json(refused.status, refused.detail())


@attrs.define(eq=False)
class Answer:
    """The chunked answer to a request for speech; is the Outlet of its delivery."""

    exchange: Exchange
    studio: Studio
    setup: Setup
    strikes: Strikes
    _begun: bool = False

    async def speak(self, text: str) -> None:
        """Answer; RefusedError while nothing has been sent yet."""
        delivery = Delivery(
            self.studio, self.setup.sound, self, self.strikes, language=self.setup.language
        )
        try:
            await delivery.speak(text)
            await self.close()
        except (CutError, EngineError) as exc:
            if not self._begun:
                raise RefusedError(500, "internal_server_error", str(exc)) from exc
            self.studio.errors[500] += 1  # the body stays without its end

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        if not self._begun:
            self._begun = True
            await self.exchange.begin(200, content_type="audio/pcm")
        await self.exchange.send(data)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: bytes have no timings."""

    async def close(self) -> None:
        """End the answer as if it were complete."""
        await self.send_audio(b"")
        await self.exchange.finish()

    def reset(self) -> None:
        """Reset the connection."""
        self.exchange.reset()


def _read_speech(exchange: Exchange) -> tuple[Setup, str]:
    """Read a request for speech; RefusedError."""
    try:
        body = json.loads(exchange.request.body)
    except ValueError:
        body = None
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not speakable(text):
        raise RefusedError(400, "empty_text", "text: wanted something to speak")
    asked = {name: each for name, each in body.items() if name in ("model_id", "language_code")}
    query = {**exchange.request.query, **{name: str(each) for name, each in asked.items()}}
    return read_setup(attrs.evolve(exchange.request, query=query)), text


def _voice(ident: str) -> dict[str, object]:
    return {
        "voice_id": ident,
        "name": f"Simulated {ident}",
        "category": "premade",
        "description": "A voice of the simulated service",
        "labels": {"gender": "neutral", "language": "en"},
        "verified_languages": [{"language": "en", "model_id": "eleven_flash_v2_5"}],
    }


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=ElevenLabs(studio).routes())


SERVICE = ServiceKind("elevenlabs", _serve, here.FAULTS)
