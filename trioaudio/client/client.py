"""A daemon's control API as an object: `async with Client() as client:`, under asyncio and Trio."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self, Unpack

import msgspec
from msgspec.json import Decoder

from trioaudio.api.requests import NewCall, Precache
from trioaudio.api.shapes import CallState
from trioaudio.api.views import (
    Accepted,
    CallView,
    CarrierView,
    EngineView,
    NodeView,
    Prepared,
    UtteranceView,
    VoiceView,
)
from trioaudio.client.call import Call
from trioaudio.client.call_wire import HttpWire
from trioaudio.client.endpoint import find_endpoint
from trioaudio.client.http_link import PROMPTS_S, HttpLink
from trioaudio.client.options import CallOptions, UploadOptions
from trioaudio.client.stream import Stream
from trioaudio.client.wire import fields_of

_PAGE: Final = 1000

_NODE: Decoder[NodeView] = Decoder(NodeView)
_CALL: Decoder[CallView] = Decoder(CallView)
_CALLS: Decoder[list[CallView]] = Decoder(list[CallView])
_UTTERANCES: Decoder[list[UtteranceView]] = Decoder(list[UtteranceView])
_VOICES: Decoder[list[VoiceView]] = Decoder(list[VoiceView])
_ENGINES: Decoder[list[EngineView]] = Decoder(list[EngineView])
_CARRIERS: Decoder[list[CarrierView]] = Decoder(list[CarrierView])
_PREPARED: Decoder[Prepared] = Decoder(Prepared)
_ACCEPTED: Decoder[Accepted] = Decoder(Accepted)
_ANYTHING: Decoder[object] = Decoder(object)


class Client:
    """One daemon. Connections are made when they are needed, and kept for the next request.

    `url` is http://HOST:PORT, https://HOST or unix:///PATH; without it the environment says where
    the daemon is (TRIOAUDIO_CONTROL_URL, or the daemon's own TRIOAUDIO_CONTROL_LISTEN), else it is
    http://127.0.0.1:8089. `token` is found likewise: TRIOAUDIO_CONTROL_TOKEN, or the file the
    daemon keeps in its state folder. `tls` trusts a private authority. ConfigError when the
    address makes no sense; every request raises UnreachableError or ProblemError.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        found = find_endpoint(url, token, os.environ if environ is None else environ)
        self.link = HttpLink(found, tls)
        self.wire = HttpWire(self.link)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        del kind, exc, traceback
        await self.link.aclose()

    # --- The node --------------------------------------------------------------------------

    async def node(self) -> NodeView:
        """Describe the daemon."""
        return await self.link.get("/v1/node", _NODE)

    async def metrics(self) -> str:
        """Return the daemon's metrics in Prometheus' text format."""
        return await self.link.get_text("/metrics")

    async def voices(self, engine: str | None = None) -> list[VoiceView]:
        """List the voices of an engine, or of all the daemon uses."""
        query = {} if engine is None else {"engine": engine}
        return await self.link.get("/v1/voices", _VOICES, query)

    async def engines(self) -> list[EngineView]:
        """List the engines in the order they are asked."""
        return await self.link.get("/v1/engines", _ENGINES)

    async def carriers(self) -> list[CarrierView]:
        """List the carriers whose calls are taken."""
        return await self.link.get("/v1/carriers", _CARRIERS)

    async def precache(
        self,
        texts: Sequence[str],
        *,
        voice: str | None = None,
        language: str | None = None,
        sample_rate: int | None = None,
    ) -> Prepared:
        """Have prompts made and kept; return their names, which `Call.play` takes."""
        wanted = Precache(
            texts=list(texts), voice=voice, language=language, sample_rate=sample_rate
        )
        return await self.link.post(
            "/v1/precache", _PREPARED, fields_of(wanted), timeout_s=PROMPTS_S
        )

    async def drain(self) -> None:
        """Have the daemon take no new calls, and leave once those there are have ended."""
        await self.link.post("/v1/drain", _ANYTHING)

    async def reload(self) -> None:
        """Have the daemon read its configuration anew; ProblemError with what is wrong with it."""
        await self.link.post("/v1/reload", _ANYTHING)

    # --- Calls -----------------------------------------------------------------------------

    async def create_call(
        self,
        wanted: NewCall | None = None,
        *,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Call:
        """Have a call dialled, or expected; return as soon as its id is known.

        Asked once more with the same idempotency key when the connection is lost, so that one
        call is placed, not two. With a key of your own, you may ask again yourself.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        body = fields_of(wanted or NewCall(**options))
        view = await self.link.post("/v1/calls", _CALL, body, headers=headers, again=True)
        return self.call(view.call)

    async def calls(
        self, *, state: CallState | None = None, carrier: str | None = None
    ) -> list[CallView]:
        """Return all calls that are not over, and those that ended lately, oldest first."""
        chosen = {"state": state, "carrier": carrier}
        query: dict[str, str | int] = {key: each for key, each in chosen.items() if each}
        query["limit"] = _PAGE
        found: list[CallView] = []
        while True:
            page = await self.link.get("/v1/calls", _CALLS, query)
            found += page
            if len(page) < _PAGE:
                return found
            query["after"] = page[-1].call

    async def calls_named(self, calls: Sequence[str], *, saying: bool = False) -> list[CallView]:
        """Return those of at most 100 calls that are known; `saying`: with what is being heard."""
        if not calls:
            return []
        query: dict[str, str | int] = {"only": ",".join(calls)}
        if saying:
            query["saying"] = "true"
        return await self.link.get("/v1/calls", _CALLS, query)

    def call(self, call: str) -> Call:
        """Return a call by its id, without asking whether there is one."""
        return Call(call, self, self.wire)

    def stream(self) -> Stream:
        """Return a stream of events, commands and audio: enter it with `async with`."""
        return Stream(self)

    # --- What `Call` asks --------------------------------------------------------------------

    async def view_call(self, call: str) -> CallView:
        """Return a call's state."""
        return await self.link.get(f"/v1/calls/{call}", _CALL)

    async def view_utterances(self, call: str) -> list[UtteranceView]:
        """Return a call's utterances."""
        return await self.link.get(f"/v1/calls/{call}/utterances", _UTTERANCES)

    async def upload_audio(
        self, call: str, audio: bytes, sample_rate: int | None, options: UploadOptions
    ) -> Accepted:
        """Play a recording on a call."""
        kind = "audio/wav" if sample_rate is None else f"audio/L16;rate={sample_rate}"
        query = {
            name: value for name, value in msgspec.to_builtins(options).items() if value is not None
        }
        return await self.link.upload(f"/v1/calls/{call}/audio", _ACCEPTED, audio, kind, query)
