"""A simulated Cartesia: its WebSocket, its two HTTP endpoints for speech, and its voices.

https://docs.cartesia.ai/use-the-api/compare-tts-endpoints
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from functools import partial

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.simulators.services import cartesia_faults as here
from trioaudio.simulators.services import cartesia_replies as reply
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.cartesia_admission import (
    VERSION,
    check_client,
    check_sockets,
    check_speakable,
    check_told,
    has_legacy_errors,
)
from trioaudio.simulators.services.cartesia_requests import (
    Generation,
    RefusedError,
    read_generation,
    read_object,
)
from trioaudio.simulators.services.cartesia_socket import Conversation
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import SpokenWord, phonemes, wav_header
from trioaudio.simulators.services.studio import Studio

_DEFAULT_VOICES = ("a0e99841-438c-4a64-b679-ae501e7d6091", "6ccbfb76-1fc6-48f7-b71d-91ac6298247b")


@attrs.define(eq=False)
class Cartesia:
    """What answers its requests."""

    studio: Studio
    _sockets: int = 0

    def routes(self) -> list[Route]:
        """Return what is where."""
        return [
            Route("WEBSOCKET", "/tts/websocket", self.converse),
            Route("POST", "/tts/bytes", partial(self.speak, Bytes, ("raw", "wav"))),
            Route("POST", "/tts/sse", partial(self.speak, Events, ("raw",))),
            Route("GET", "/voices", self.list_voices),
            Route("GET", "/", self.tell_version),
        ]

    async def tell_version(self, exchange: Exchange) -> None:
        """Say that the service is there."""
        await exchange.respond_json(200, {"ok": True, "version": VERSION})

    async def list_voices(self, exchange: Exchange) -> None:
        """Return all voices in one page."""
        strikes = Strikes()
        try:
            check_client(exchange.request, self.studio)
        except RefusedError as exc:
            await self.refuse(exchange, exc, strikes)
            return
        voices = self.studio.options.voices or _DEFAULT_VOICES
        beyond = "starting_after" in exchange.request.query
        data = [] if beyond else [reply.voice(each) for each in voices]
        await exchange.respond_json(200, {"data": data, "has_more": False, "next_page": None})

    async def converse(self, exchange: Exchange) -> None:
        """Speak on a WebSocket."""
        strikes = self.studio.faults.strike(Scope.CONNECTION)
        await trio.sleep((strikes.value(fault.SLOW_UPGRADE) or 0) / 1000)
        try:
            check_told(strikes, fault.UPGRADE_STATUS)
            check_client(exchange.request, self.studio)
            check_sockets(self._sockets, self.studio)
        except RefusedError as exc:
            await self.refuse(exchange, exc, strikes)
            return
        self._sockets += 1
        request_id = str(uuid.uuid4())
        legacy = has_legacy_errors(exchange.request) or here.LEGACY_ERRORS in strikes
        try:
            headers = [("X-Request-Id", request_id)]
            async with exchange.accept_websocket(headers=headers) as websocket:
                await Conversation(websocket, self.studio, strikes, legacy, request_id).listen()
        finally:
            self._sockets -= 1

    async def speak(
        self, outlet: type[Bytes], containers: Sequence[str], exchange: Exchange
    ) -> None:
        """Speak one HTTP request, as bytes or as events."""
        strikes = Strikes()
        try:
            check_client(exchange.request, self.studio)
            request = read_generation(read_object(exchange.request.body), containers)
            check_speakable(request, self.studio)
            with self.studio.occupied():
                strikes = self.studio.faults.strike(Scope.UTTERANCE)
                check_told(strikes, fault.REFUSE, fault.ORPHAN_REFUSE)
                await outlet(exchange, request, self.studio, strikes).speak()
        except RefusedError as exc:
            await self.refuse(exchange, exc, strikes)

    async def refuse(self, exchange: Exchange, refused: RefusedError, strikes: Strikes) -> None:
        """Answer with an error in the shape of the client's version."""
        self.studio.errors[refused.status] += 1
        request_id = str(uuid.uuid4())
        headers = [("X-Request-Id", request_id)]
        if has_legacy_errors(exchange.request) or here.LEGACY_ERRORS in strikes:
            await exchange.respond(refused.status, str(refused), headers=headers)
        else:
            body = reply.error_body(refused, request_id)
            await exchange.respond_json(refused.status, body, headers=headers)


@attrs.define(eq=False)
class Bytes:
    """The answer of /tts/bytes: nothing but audio; is the Outlet of its delivery."""

    exchange: Exchange
    request: Generation
    studio: Studio
    strikes: Strikes
    _begun: bool = False

    content_type = "application/octet-stream"

    async def speak(self) -> None:
        """Answer; RefusedError while nothing has been sent yet."""
        asked = self.request
        delivery = Delivery(
            studio=self.studio,
            sound=asked.sound,
            outlet=self,
            strikes=self.strikes,
            owner=asked.context_id or "",
            language=asked.language,
            words=asked.timestamps or asked.phonemes,
        )
        try:
            await delivery.speak(asked.transcript)
            await self._begin()
            await self.finish()
        except (CutError, EngineError) as exc:
            refused = RefusedError(500, "Internal Server Error", str(exc))
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
        """Send nothing: bytes have no timings."""

    async def close(self) -> None:
        """End the answer as if it were complete."""
        await self._begin()
        await self.exchange.finish()

    def reset(self) -> None:
        """Reset the connection."""
        self.exchange.reset()

    async def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        is_wav = self.request.container == "wav"
        await self.exchange.begin(200, content_type="audio/wav" if is_wav else self.content_type)
        if is_wav:
            await self.exchange.send(wav_header(self.request.sound))


@attrs.define(eq=False)
class Events(Bytes):
    """The answer of /tts/sse: audio and timings as server-sent events."""

    content_type = "text/event-stream"

    async def finish(self) -> None:
        """Send that it is done."""
        if fault.NO_DONE not in self.strikes:
            await self._say(reply.done())
        await self.exchange.finish()

    async def fail(self, refused: RefusedError) -> None:
        """Send the error, and end the answer."""
        legacy = has_legacy_errors(self.exchange.request)
        await self._say(reply.error(refused, str(uuid.uuid4()), legacy=legacy))
        await self.exchange.finish()

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        await self._begin()
        await self._say(reply.chunk(data, 0.0))

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send words, or their phonemes, or both."""
        if self.request.timestamps:
            await self._say(reply.timestamps(words))
        if self.request.phonemes:
            await self._say(reply.phoneme_timestamps(phonemes(words)))

    async def _say(self, value: reply.Reply) -> None:
        if self.request.context_id is not None:
            value = {**value, "context_id": self.request.context_id}
        text = f"event: {value['type']}\ndata: {json.dumps(value)}\n\n"
        await self.exchange.send(text.encode())


def _serve(studio: Studio) -> Serve:
    return partial(serve_http, routes=Cartesia(studio).routes())


SERVICE = ServiceKind("cartesia", _serve, here.FAULTS)
