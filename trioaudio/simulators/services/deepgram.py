"""A simulated Deepgram: its speech WebSocket, speech by HTTP, and its list of models.

https://developers.deepgram.com/reference/text-to-speech
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.text import speakable
from trioaudio.simulators.services import deepgram_faults as here
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.deepgram_requests import (
    VOICES,
    RefusedError,
    Setup,
    check_key,
    check_room,
    check_struck,
    read_setup,
    read_text,
)
from trioaudio.simulators.services.deepgram_socket import Conversation
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import SpokenWord, wav_header
from trioaudio.simulators.services.studio import Studio

SOCKETS_PER_UTTERANCE = 3
"""The limit of connections is put this far above that of texts spoken at once."""


@attrs.define(eq=False)
class Deepgram:
    """What answers its requests."""

    studio: Studio
    _sockets: int = 0

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [
            Route("WEBSOCKET", "/v1/speak", self.converse),
            Route("POST", "/v1/speak", self.speak),
            Route("GET", "/v1/models", self.list_models),
        ]

    async def list_models(self, exchange: Exchange) -> None:
        """Return all models."""
        try:
            check_key(exchange.request, self.studio)
        except RefusedError as exc:
            await self.refuse(exchange, exc)
            return
        models = [_model(each) for each in self.studio.options.voices or VOICES]
        await exchange.respond_json(200, {"stt": [], "tts": models})

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket."""
        strikes = self.studio.faults.strike(Scope.CONNECTION)
        await trio.sleep((strikes.value(fault.SLOW_UPGRADE) or 0) / 1000)
        try:
            check_struck(strikes, fault.UPGRADE_STATUS)
            check_key(exchange.request, self.studio)
            self._check_sockets()
            setup = read_setup(exchange.request.query, self.studio)
        except RefusedError as exc:
            await self.refuse(exchange, exc)
            return
        self._sockets += 1
        try:
            async with exchange.accept_websocket() as websocket:
                await Conversation(websocket, self.studio, strikes, setup).listen()
        finally:
            self._sockets -= 1

    def _check_sockets(self) -> None:
        most = self.studio.options.concurrency
        if most is not None and self._sockets >= SOCKETS_PER_UTTERANCE * most:
            raise RefusedError(429, "Too many requests. Please try again later.")

    async def speak(self, exchange: Exchange) -> None:
        """Speak one HTTP request."""
        request = exchange.request
        try:
            check_key(request, self.studio)
            setup = read_setup(request.query, self.studio)
            text = read_text(_object(request.body))
            check_room(self.studio)
            with self.studio.occupied():
                strikes = self.studio.faults.strike(Scope.UTTERANCE)
                check_struck(strikes, fault.REFUSE)
                container = request.query.get("container", "wav")
                await Answer(exchange, self.studio, setup, strikes, container).speak(text)
        except RefusedError as exc:
            await self.refuse(exchange, exc)

    async def refuse(self, exchange: Exchange, refused: RefusedError) -> None:
        """Answer with an error."""
        self.studio.errors[refused.status] += 1
        await exchange.respond_json(refused.status, refused.body())


@attrs.define(eq=False)
class Answer:
    """The chunked answer to a request for speech; is the Outlet of its delivery."""

    exchange: Exchange
    studio: Studio
    setup: Setup
    strikes: Strikes
    container: str
    _begun: bool = False

    async def speak(self, text: str) -> None:
        """Answer; RefusedError while nothing has been sent yet."""
        if not speakable(text):
            raise RefusedError(400, "Input text is empty or has nothing to speak")
        sound, language = self.setup.sound, self.setup.language
        delivery = Delivery(self.studio, sound, self, self.strikes, language=language)
        try:
            await delivery.speak(text)
            await self.close()
        except (CutError, EngineError) as exc:
            if not self._begun:
                raise RefusedError(500, str(exc)) from exc
            self.studio.errors[500] += 1  # the body stays without its end

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        if not self._begun:
            self._begun = True
            headers = [("dg-model-name", self.setup.model)]
            await self.exchange.begin(200, content_type="audio/l16", headers=headers)
            if self.container == "wav":
                await self.exchange.send(wav_header(self.setup.sound))
        await self.exchange.send(data)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: there are no timings."""

    async def close(self) -> None:
        """End the answer as if it were complete."""
        await self.send_audio(b"")
        await self.exchange.finish()

    def reset(self) -> None:
        """Reset the connection."""
        self.exchange.reset()


def _object(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return value


def _model(name: str) -> dict[str, object]:
    language = name.rpartition("-")[2]
    return {
        "name": name.split("-")[-2],
        "canonical_name": name,
        "architecture": "aura-2",
        "languages": [language],
        "version": "simulated",
        "uuid": name,
        "metadata": {"accent": "American", "tags": ["feminine", "clear"]},
    }


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=Deepgram(studio).routes())


SERVICE = ServiceKind("deepgram", _serve, here.FAULTS)
