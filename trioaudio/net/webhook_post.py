"""One try at posting an event: the only file that knows httpx on the webhook's side.

No redirect is followed, and no proxy or netrc of the environment is heeded: events go where the
operator's URL says. Failures are told in one line without the URL's path and query, where people
keep tokens.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import attrs
import httpx
import trio

from trioaudio import __version__
from trioaudio.api.webhook_signature import (
    EVENT_ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
)
from trioaudio.core.secret import Secret, masked_url
from trioaudio.net.httpx_parts import WholeBody, cause_of
from trioaudio.net.tls import client_context
from trioaudio.net.webhook_queue import Posting

CONNECT_S = 5.0
WHOLE_S = 10.0
LARGEST_REPLY = 64 << 10
_AGAIN = (408, 429)
_LEAVE_S = 0.5


@attrs.frozen
class Delivered:
    """The receiver has it."""


@attrs.frozen
class Refused:
    """The receiver does not want it, and will not want it later."""

    reason: str


@attrs.frozen
class Failed:
    """It may be taken later; `retry_after_s` is what the receiver asked for."""

    reason: str
    retry_after_s: float | None = None


Outcome: TypeAlias = Delivered | Refused | Failed


@attrs.frozen
class Receiver:
    """Who events are posted to."""

    url: str = attrs.field(repr=masked_url)
    secret: Secret
    ca_file: str | None = None
    """PEM file of the authorities trusted for https://; None: the system's."""
    connect_s: float = CONNECT_S
    whole_s: float = WHOLE_S
    """From the name's look-up to the reply's end."""


class WebhookPoster:
    """Posts events to one receiver; used by several tasks at once."""

    def __init__(
        self, receiver: Receiver, client: httpx.AsyncClient, wall: Callable[[], float]
    ) -> None:
        self._receiver = receiver
        self._client = client
        self._wall = wall
        parts = urlsplit(receiver.url)
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    async def post(self, posting: Posting) -> Outcome:
        """Post it once."""
        whole = self._receiver.whole_s
        with trio.move_on_after(whole):
            try:
                return await self._exchange(posting)
            except httpx.ConnectTimeout:
                connect = self._receiver.connect_s
                return Failed(
                    f"{self._where} cannot be reached: no connection within {connect:g} s"
                )
            except httpx.HTTPError as exc:
                return Failed(f"{self._where} {_words(exc)}")
            except UnicodeError:  # httpx leaves names that are none to Python's look-up
                return Failed(f"{self._where} cannot be asked: its host is no name")
        return Failed(f"{self._where} did not answer within {whole:g} s")

    async def _exchange(self, posting: Posting) -> Outcome:
        response = await self._client.send(self._request(posting), stream=True)
        pieces = response.aiter_raw()
        try:
            size = 0
            async for piece in pieces:
                size += len(piece)
                if size > LARGEST_REPLY:  # the status says it all
                    break
            return self._judge(response)
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await response.aclose()
                # httpx and httpcore read by generators one in the other, which closing leaves to
                # the garbage collector. A read that fails ends them all.
                with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
                    async for _ in pieces:
                        pass

    def _request(self, posting: Posting) -> httpx.Request:
        at = int(self._wall())
        request = self._client.build_request(
            "POST",
            self._receiver.url,
            content=posting.body,
            headers={
                "Content-Type": "application/json",
                EVENT_ID_HEADER: posting.id,
                TIMESTAMP_HEADER: str(at),
                SIGNATURE_HEADER: sign(self._receiver.secret.get(), posting.body, at),
            },
        )
        request.stream = WholeBody(posting.body)
        return request

    def _judge(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return Delivered()
        if status >= 500 or status in _AGAIN:
            return Failed(
                f"{self._where} answers HTTP {status}", retry_after_s=_retry_after(response.headers)
            )
        if response.has_redirect_location:
            return Refused(f"{self._where} redirects (HTTP {status}); set its final URL")
        return Refused(f"{self._where} refuses with HTTP {status}")


@asynccontextmanager
async def open_poster(
    receiver: Receiver,
    *,
    at_once: int,
    wall: Callable[[], float],
) -> AsyncIterator[WebhookPoster]:
    """Keep connections to the receiver while the block runs; it is asked nothing yet.

    ConfigError when the file of authorities cannot be used.
    """
    client = httpx.AsyncClient(
        headers={
            "User-Agent": f"trioaudio/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        },
        verify=client_context(receiver.ca_file),
        timeout=httpx.Timeout(None, connect=receiver.connect_s),  # `post` bounds the whole
        limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
        follow_redirects=False,
        trust_env=False,
    )
    try:
        yield WebhookPoster(receiver, client, wall)
    finally:
        with trio.move_on_after(_LEAVE_S, shield=True):
            await client.aclose()


def _words(exc: httpx.HTTPError) -> str:
    match exc:
        case httpx.ConnectError():
            return f"cannot be reached: {cause_of(exc)}"
        case httpx.NetworkError():
            return "closed or lost the connection"
        case httpx.RemoteProtocolError():
            return "gave no proper HTTP answer"
        case _:
            return f"cannot be asked: {type(exc).__name__}"


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds asked for; None for a date: our clock need not be theirs."""
    with contextlib.suppress(KeyError, ValueError):
        seconds = float(headers["retry-after"])
        if 0 <= seconds <= 86_400:
            return seconds
    return None
