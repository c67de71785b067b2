"""Carriers' REST interfaces: the only file that knows httpx on the carriers' side.

A call is never placed twice: only what does no more when it is repeated is tried again. When
nobody knows whether a request was carried out, the error says so. No redirect is followed, and no
proxy, netrc or certificate variable of the environment is heeded: credentials go where the URL
says and nowhere else. Every failure is a CallControlError, its message one line without secrets.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import attrs
import httpx
import trio

from trioaudio import __version__
from trioaudio.core.backoff import Backoff
from trioaudio.core.call_control import (
    CallControl,
    CallControlError,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
    SignedToken,
    masked,
    revealed,
)
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.net.httpx_parts import WholeBody, cause_of, seconds_ahead
from trioaudio.net.signed_token import sign
from trioaudio.net.tls import client_context

CONNECT_S = 5.0
WHOLE_S = 15.0
TRIES = 3
LONGEST_RETRY_AFTER_S = 10.0
LARGEST_REPLY = 64 << 10
MOST_REQUESTS = 256
"""Requests under way at one carrier; more wait. Each takes a descriptor, which calls need too."""
KEPT_CONNECTIONS = 64
KEPT_S = 15.0
"""How long an idle connection is kept: well short of the time after which servers close theirs. A
placement sent into one that is being closed is not sent again, and may have been carried out."""

_BACKOFF = Backoff(first=0.5, cap=4.0, attempts=TRIES)
_LEAVE_S = 0.5
_SENDING = ("http11.send_request_headers.started", "http2.send_request_headers.started")
_SEE_OTHER = 303
_TOO_MANY = 429
_draw = Random().random

T = TypeVar("T")


@attrs.frozen
class RestTiming:
    """How long a carrier's REST interface may take, in seconds."""

    connect: float = CONNECT_S
    whole: float = WHOLE_S
    """From the name's look-up to the reply's last byte, of each try."""
    backoff: Backoff = _BACKOFF


@attrs.define(eq=False)
class _Trace:
    """Learns from httpx whether any of a request has left us."""

    sent: bool = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        del info
        self.sent = self.sent or event in _SENDING


@attrs.frozen
class _Answer:
    reply: RestReply
    retry_after_s: float | None


class CarrierRest:
    """Places and steers calls at one carrier; used by many tasks at once."""

    def __init__(
        self,
        control: CallControl,
        settings: CarrierSettings,
        client: httpx.AsyncClient,
        timing: RestTiming,
    ) -> None:
        self._control = control
        self._settings = settings
        self._client = client
        self._timing = timing
        self.clock_ahead_s: float | None = None
        """How far our clock is ahead of the carrier's, by its latest reply; None: it told none."""
        self._hidden = {
            getattr(settings, field.name).get()
            for field in attrs.fields(type(settings))
            if isinstance(getattr(settings, field.name), Secret)
        }

    @property
    def control(self) -> CallControl:
        """What the carrier can be asked for."""
        return self._control

    async def place(self, placing: Placing) -> PlacedCall:
        """Place a call; it may not ring yet. CallControlError, ConfigError."""
        control = self._control
        if control.place is None or control.read_placed is None:
            raise ConfigError(f"carrier={control.name}: it places no calls for us")
        request = _signed(control.place(self._settings, placing))
        reply = await self._ask(request)
        hidden = [_token_in(url) for url in (placing.media_url, placing.answer_url) if url]
        return self._read(request, reply, control.read_placed, *hidden)

    async def hang_up(self, call_id: str) -> bool:
        """End a call; False if the carrier knows none of that id any more, which is no error.

        CallControlError, ConfigError.
        """
        if self._control.hang_up is None:
            raise ConfigError(f"carrier={self._control.name}: it ends no calls for us")
        try:
            await self._steer(self._control.hang_up(self._settings, call_id))
        except CallControlError as exc:
            if not self._control.is_over(exc):
                raise
            return await self._cancel(call_id)
        return True

    async def _cancel(self, call_id: str) -> bool:
        """Take back a call that may not ring yet, where that is another request."""
        if self._control.cancel is None:
            return False
        try:
            await self._steer(self._control.cancel(self._settings, call_id))
        except CallControlError as exc:
            if not self._control.is_over(exc):
                raise
            return False
        return True

    async def answer(self, call_id: str, placing: Placing) -> None:
        """Answer a call that came in, with a media URL. CallControlError, ConfigError."""
        if self._control.answer is None:
            raise ConfigError(f"carrier={self._control.name}: it answers no calls by a command")
        await self._steer(
            self._control.answer(self._settings, call_id, placing), _token_in(placing.media_url)
        )

    async def transfer(self, call_id: str, transfer: Transfer) -> None:
        """Connect the callee to somebody else. CallControlError, ConfigError."""
        if self._control.transfer is None:
            raise ConfigError(f"carrier={self._control.name}: it transfers no calls for us")
        await self._steer(self._control.transfer(self._settings, call_id, transfer))

    async def verify(self) -> None:
        """Have the carrier say whether it knows our credentials. CallControlError, ConfigError."""
        if self._control.probe is None:
            raise ConfigError(f"carrier={self._control.name}: it documents no way to be asked that")
        await self._steer(self._control.probe(self._settings))

    async def _steer(self, unsigned: RestRequest, *hidden: str) -> None:
        request = _signed(unsigned)
        reply = await self._ask(request)
        assert self._control.check_reply is not None
        self._read(request, reply, self._control.check_reply, *hidden)

    async def _ask(self, request: RestRequest) -> RestReply:
        """Send a request, again where that does no harm; return what came back."""
        attempt = 0
        while True:
            attempt += 1
            last = not request.safe_to_repeat or attempt == TRIES
            wait = self._timing.backoff.delay(attempt - 1, _draw())
            try:
                answer = await self._send(request)
            except CallControlError as exc:
                if last or (exc.status is not None):
                    raise
            else:
                status = answer.reply.status
                if last or (status != _TOO_MANY and status < 500):
                    return answer.reply
                if answer.retry_after_s is not None:
                    wait = min(answer.retry_after_s, LONGEST_RETRY_AFTER_S)
            await trio.sleep(wait or 0.0)

    async def _send(self, request: RestRequest) -> _Answer:
        trace = _Trace()
        with trio.move_on_after(self._timing.whole):
            try:
                return await self._exchange(request, trace)
            except httpx.PoolTimeout:
                raise self._error(
                    request, f"was not asked: {MOST_REQUESTS} requests are under way", trace
                ) from None
            except httpx.TimeoutException:
                pass
            except httpx.HTTPError as exc:
                raise self._error(request, _words(exc), trace) from None
            except UnicodeError:  # httpx leaves names that are none to Python's look-up
                raise ConfigError(
                    f"{self._control.name} cannot be asked: its host is no name"
                ) from None
        patience = self._timing.whole if trace.sent else self._timing.connect
        raise self._error(request, f"did not answer within {patience:g} s", trace)

    async def _exchange(self, request: RestRequest, trace: _Trace) -> _Answer:
        response = await self._client.send(self._http_request(request, trace), stream=True)
        pieces = response.aiter_raw()
        try:
            found = bytearray()
            async for piece in pieces:
                found += piece
                if len(found) > LARGEST_REPLY:
                    raise self._error(request, "answered with more than 64 KiB", trace)
            if response.is_redirect:
                raise CallControlError(
                    f"{self._control.name} at {_where(request)} redirects (HTTP"
                    f" {response.status_code}); set its final URL",
                    status=response.status_code,
                    # 303 means: done, and the result is elsewhere.
                    maybe_done=response.status_code == _SEE_OTHER,
                )
            self.clock_ahead_s = seconds_ahead(response.headers)
            body = found.decode("utf-8", "replace")
            return _Answer(RestReply(response.status_code, body), _retry_after(response.headers))
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await response.aclose()
                # httpx and httpcore read by generators one in the other, which closing leaves to
                # the garbage collector. A read that fails ends them all.
                with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
                    async for _ in pieces:
                        pass

    def _http_request(self, request: RestRequest, trace: _Trace) -> httpx.Request:
        try:
            return self._made(request, trace)
        except (httpx.InvalidURL, ValueError):  # their words quote the URL, or a header's value
            raise ConfigError(
                f"{self._control.name} cannot be asked: its URL, or a credential, holds what does"
                " not fit in a request"
            ) from None

    def _made(self, request: RestRequest, trace: _Trace) -> httpx.Request:
        headers = {name: _fitting(_plain(value)) for name, value in request.headers}
        content = b""
        if request.json is not None:
            content = json.dumps(revealed(request.json), ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        elif request.form is not None:
            content = urlencode([(name, _plain(value)) for name, value in request.form]).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if isinstance(request.bearer, Secret):
            headers["Authorization"] = f"Bearer {_fitting(request.bearer.get())}"
        elif request.basic is not None:
            pair = f"{request.basic[0]}:{request.basic[1].get()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        made = self._client.build_request(
            request.method,
            request.url,
            content=content or None,
            headers=headers,
            extensions={"trace": trace},
        )
        if content:
            made.stream = WholeBody(content)
        return made

    def _error(self, request: RestRequest, what: str, trace: _Trace) -> CallControlError:
        doubt = ""
        if trace.sent and not request.safe_to_repeat:
            doubt = "; it may have done what it was asked all the same"
        words = f"{self._control.name} at {_where(request)} {what}{doubt}"
        return CallControlError(masked(words, request, self._hidden), maybe_done=trace.sent)

    def _read(
        self, request: RestRequest, reply: RestReply, read: Callable[[RestReply], T], *more: str
    ) -> T:
        """Read a reply; what is secret is masked in the carrier's words, if it says no."""
        hidden = self._hidden | set(more)
        try:
            return read(reply)
        except CallControlError:
            pass
        try:
            # Before it is cut to length: half a secret would not be known again.
            return read(attrs.evolve(reply, body=masked(reply.body, request, hidden)))
        except CallControlError as exc:
            raise CallControlError(
                masked(str(exc), request, hidden),
                status=exc.status,
                code=exc.code,
                maybe_done=exc.maybe_done,
            ) from None


@asynccontextmanager
async def open_carrier_rest(
    control: CallControl,
    settings: CarrierSettings,
    *,
    timing: RestTiming | None = None,
    tls_context: ssl.SSLContext | None = None,
) -> AsyncIterator[CarrierRest]:
    """Keep connections to a carrier's REST interface while the block runs; it asks nothing yet.

    `tls_context` None: servers are verified by the system's authorities. ConfigError when
    credentials are missing.
    """
    if missing := control.missing(settings):
        raise ConfigError(
            *(
                f"TRIOAUDIO_{control.name.upper()}_{name.upper()}: not set, and {control.name}'s"
                " REST interface wants it"
                for name in missing
            )
        )
    timing = timing or RestTiming()
    client = httpx.AsyncClient(
        headers={
            "User-Agent": f"trioaudio/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        },
        verify=tls_context or client_context(None),
        timeout=httpx.Timeout(timing.whole, connect=timing.connect, pool=timing.connect),
        limits=httpx.Limits(
            max_connections=MOST_REQUESTS,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_S,
        ),
        follow_redirects=False,
        trust_env=False,
    )
    try:
        yield CarrierRest(control, settings, client, timing)
    finally:
        with trio.move_on_after(_LEAVE_S, shield=True):
            await client.aclose()


def _signed(request: RestRequest) -> RestRequest:
    """Return a request whose token, if it has to be made, is made: from now on it is a secret."""
    if isinstance(request.bearer, SignedToken):
        token = sign(request.bearer, datetime.now(UTC).timestamp())
        return attrs.evolve(request, bearer=token)
    return request


def _fitting(token: str) -> str:
    """Return what fits in a header line; ValueError for anything else."""
    if not (token.isascii() and token.isprintable()):
        raise ValueError("not ASCII")
    return token


def _words(exc: httpx.HTTPError) -> str:
    match exc:
        case httpx.ConnectError():
            return f"cannot be reached: {cause_of(exc)}"
        case httpx.NetworkError():
            return "closed or lost the connection"
        case httpx.RemoteProtocolError():
            return f"gave no proper HTTP answer: {exc}"
        case _:
            return f"cannot be asked: {type(exc).__name__}"


def _where(request: RestRequest) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _token_in(media_url: str) -> str:
    """Return what nobody is to know of a media URL: all behind the host."""
    parts = urlsplit(media_url)
    return parts.path.rpartition("/")[2] or media_url


def _plain(value: str | Secret) -> str:
    return value.get() if isinstance(value, Secret) else value


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds a refusal asks for; None for a date: our clock need not be theirs."""
    with contextlib.suppress(KeyError, ValueError):
        seconds = float(headers["retry-after"])
        if 0 <= seconds <= 86_400:
            return seconds
    return None
