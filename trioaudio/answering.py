"""What carriers' webhooks are answered with: who asks, about which call, and what it is told.

Glue without sockets. A carrier that asks what to do with a call is told to connect it to a media
URL that was made for it; one that only tells something is heard. Carriers ask again when they are
in doubt: one call is one call however often they do.
"""

from __future__ import annotations

import math
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Final, TypeAlias

import attrs
import trio

from trioaudio.api.request_error import RequestError
from trioaudio.core.call_control import AnswerDocument, CallControl, CallControlError, Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.webhook import (
    CallStage,
    HttpAnswer,
    IncomingCall,
    UnreadableWebhookError,
    WebhookRefusedError,
    WebhookRequest,
)
from trioaudio.net.carrier_rest import CarrierRest
from trioaudio.net.refusal import Refusal
from trioaudio.net.webhook_policy import WebhookPolicy

CALLS_REMEMBERED: Final = 10_000
"""Calls whose answer is kept for a carrier that asks again; who asked longest ago is forgotten."""
PAGES_REMEMBERED: Final = 4096
"""Paths of placed calls that are closed: carriers tell of a call's end when it is over."""
RETRY_AFTER_S: Final = 10.0

_TOKEN_BYTES = 24
_HEARD = HttpAnswer(HTTPStatus.NO_CONTENT)

Expect: TypeAlias = Callable[[str, IncomingCall], Awaitable[str]]
"""Makes a call that a carrier, by name, will connect; returns its media URL. RequestError."""
Told: TypeAlias = Callable[[str, IncomingCall], None]
"""Is given what a carrier, by name, tells of a call; also the end of one expected in vain."""


@attrs.frozen
class AnsweredCarrier:
    """A carrier whose webhooks are answered."""

    control: CallControl
    settings: CarrierSettings
    media: MediaFormat
    """What the streams of its calls are to carry."""
    policy: WebhookPolicy
    rest: CarrierRest | None = None
    """Its REST interface, for a carrier whose calls are answered by a command."""


@attrs.define(eq=False)
class _Asked:
    """A call that a carrier has asked about."""

    lock: trio.Lock = attrs.field(factory=trio.Lock)
    media_url: str | None = attrs.field(default=None, repr=False)
    answer: HttpAnswer | None = None


class Answering:
    """Answers the webhooks of carriers, given by name; `answer` is an `AnswerFunction`."""

    def __init__(self, carriers: Mapping[str, AnsweredCarrier], expect: Expect, told: Told) -> None:
        self._carriers = dict(carriers)
        self._expect = expect
        self._told = told
        self._asked: OrderedDict[tuple[str, str], _Asked] = OrderedDict()
        # Only digests of paths are kept, so how long a look-up takes tells nothing about them.
        self._pages: dict[bytes, AnswerDocument] = {}
        self._closed_pages: OrderedDict[bytes, None] = OrderedDict()

    # --- What is served --------------------------------------------------------------

    def open_page(self, carrier: str, document: AnswerDocument) -> str:
        """Serve a placed call's document until it is closed; return its path on the listener."""
        path = f"/answer/{carrier}/{secrets.token_urlsafe(_TOKEN_BYTES)}"
        self._pages[_digest(path)] = document
        return path

    def close_page(self, path: str) -> None:
        """Serve it no more; what the carrier still tells there is heard."""
        digest = _digest(path)
        del self._pages[digest]
        self._closed_pages[digest] = None
        if len(self._closed_pages) > PAGES_REMEMBERED:
            self._closed_pages.popitem(last=False)

    def forget(self, carrier: str, call_id: str) -> None:
        """Forget a call that is over, if it is known: a carrier's ids are never used twice."""
        self._asked.pop((carrier, call_id), None)

    def replace_carriers(self, carriers: Mapping[str, AnsweredCarrier]) -> None:
        """Answer these from now on: the configuration was read anew."""
        self._carriers = dict(carriers)

    # --- Who asks --------------------------------------------------------------------

    async def answer(self, request: WebhookRequest) -> HttpAnswer | Refusal:
        """Answer a request, or return why not; nothing is told to who is not the carrier."""
        digest = _digest(f"/answer/{request.carrier}/{request.key}")
        document = self._pages.get(digest)
        if document is not None or digest in self._closed_pages:
            return self._answer_on_page(request, document)
        carrier = self._carriers.get(request.carrier)
        if carrier is None or carrier.control.read_webhook is None:
            return Refusal(HTTPStatus.NOT_FOUND, "a webhook of a carrier that is not set up here")
        try:
            carrier.policy.check(request)
            call = carrier.control.read_webhook(request)
        except WebhookRefusedError as exc:
            return Refusal(HTTPStatus(exc.status), str(exc))
        except UnreadableWebhookError as exc:
            # It is the carrier, so it is no guess.
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(exc))
        if call.stage is not CallStage.ASKS:
            return self._hear(request.carrier, call)
        return await self._instruct(request.carrier, carrier, call)

    def _answer_on_page(
        self, request: WebhookRequest, document: AnswerDocument | None
    ) -> HttpAnswer | Refusal:
        """Give a placed call's document to who knows its path; None: the call is over."""
        carrier = self._carriers.get(request.carrier)
        if carrier is not None and carrier.control.read_webhook is not None:
            try:
                call = carrier.control.read_webhook(request)
            except UnreadableWebhookError:
                call = None
            if call is not None and call.stage is not CallStage.ASKS:
                return self._hear(request.carrier, call)
        if document is None:
            return Refusal(HTTPStatus.GONE, "the call this document was made for is over")
        return HttpAnswer(HTTPStatus.OK, document.content_type, document.body)

    def _hear(self, name: str, call: IncomingCall) -> HttpAnswer:
        if call.stage is CallStage.OVER:
            self.forget(name, call.call_id)
        self._told(name, call)
        return _HEARD

    # --- What it is told -------------------------------------------------------------

    async def _instruct(
        self, name: str, carrier: AnsweredCarrier, call: IncomingCall
    ) -> HttpAnswer | Refusal:
        """Return the answer to a carrier that asks, the same one however often it does."""
        asked = self._entry(name, call.call_id)
        async with asked.lock:
            if asked.answer is not None:
                return asked.answer
            found = await self._make_answer(name, carrier, call, asked)
            if isinstance(found, Refusal):
                self.forget(name, call.call_id)
            else:
                asked.answer = found
            return found

    def _entry(self, name: str, call_id: str) -> _Asked:
        asked = self._asked.setdefault((name, call_id), _Asked())
        self._asked.move_to_end((name, call_id))
        if len(self._asked) > CALLS_REMEMBERED:
            self._asked.popitem(last=False)
        return asked

    async def _make_answer(
        self, name: str, carrier: AnsweredCarrier, call: IncomingCall, asked: _Asked
    ) -> HttpAnswer | Refusal:
        if asked.media_url is None:
            try:
                asked.media_url = await self._expect(name, call)
            except RequestError as exc:
                return _busy(exc)
        placing = Placing(
            to=call.called or "",
            caller_id=call.caller or "",
            media_url=asked.media_url,
            media=carrier.media,
        )
        try:
            return await _carry_out(carrier, call.call_id, placing)
        except (CallControlError, ConfigError) as exc:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            if isinstance(exc, CallControlError):
                status = HTTPStatus.BAD_GATEWAY
            # Nobody will come for the call that was made for it.
            self._told(name, attrs.evolve(call, stage=CallStage.OVER, status="not answered"))
            return Refusal(status, f"{name} cannot be told to connect a call: {exc}")


async def _carry_out(carrier: AnsweredCarrier, call_id: str, placing: Placing) -> HttpAnswer:
    """Tell the carrier to connect the call: by a command, or by the document it asked for."""
    control = carrier.control
    if control.answer is not None:
        if carrier.rest is None:
            raise ConfigError(f"{control.name}'s calls are answered by REST, which is not set up")
        await carrier.rest.answer(call_id, placing)
        return _HEARD
    if control.answer_document is None:
        raise ConfigError(f"carrier={control.name}: what it is to be answered with is not known")
    document = control.answer_document(carrier.settings, placing)
    return HttpAnswer(HTTPStatus.OK, document.content_type, document.body)


def _busy(exc: RequestError) -> Refusal:
    seconds = RETRY_AFTER_S if exc.retry_after_s is None else exc.retry_after_s
    headers = {"Retry-After": str(math.ceil(seconds))}
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"a call is not taken: {exc}", headers)


def _digest(path: str) -> bytes:
    return sha256(path.encode()).digest()
