"""HTTP to a speech service: pooled connections, bodies as they come, every failure an EngineError.

The only file that knows httpx on the engines' side. Keys travel in headers; neither headers nor
queries ever stand in a message, and a key the service quotes back is masked. No redirect is
followed, and no proxy, netrc or certificate variable of the environment is heeded: the text goes
where the URL says and nowhere else.
"""

from __future__ import annotations

import contextlib
import json as json_text
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

import attrs
import httpx
import trio

from trioaudio.core.errors import ConfigError, EngineError, EngineFault, FaultScope
from trioaudio.core.secret import MASK, Secret, masked_url
from trioaudio.engines._cause_words import cause_words
from trioaudio.engines._refusal_words import words_in
from trioaudio.engines._status import broke_protocol, refusal, unavailable

CONNECT_S = 5.0
READ_S = 30.0
"""Between two pieces of a body; the patience with the first audio is the caller's."""
LARGEST_BODY = 8 << 20
"""Bytes of a body that is fetched whole: four minutes of PCM16 at 16 kHz."""

_WRITE_S = 10.0
_KEPT_S = 300.0  # an idle connection a service closes earlier is noticed before it is used
_WARM_S = 5.0
_LEAVE_S = 0.5
_REFUSAL_S = 2.0
_REFUSAL_BYTES = 64 << 10
_SHORTEST_SECRET = 6  # characters: a shorter one would mask ordinary words

Parameters: TypeAlias = Mapping[str, str]


@attrs.frozen
class HttpService:
    """Where a service is reached, and what every request shows it."""

    engine: str
    """The engine's name, for messages."""
    url: str = attrs.field(repr=masked_url)
    """http:// or https://, without a slash at the end; paths are added to it."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secret: Secret = attrs.field(factory=Secret)
    """What must not be in a message even if the service quotes it."""
    tls: ssl.SSLContext | None = None
    connections: int = 32
    """Open at once; one more request waits for one of them."""


class HttpRefusedError(EngineError):
    """A service answered, and not with what was asked for."""

    def __init__(self, error: EngineError, status: int, retry_after_s: float | None) -> None:
        super().__init__(str(error), kind=error.kind, retryable=error.retryable, scope=error.scope)
        self.status = status
        self.retry_after_s = retry_after_s
        """Seconds the service wants to be left alone; None when it does not say."""


class _WholeBody(httpx.AsyncByteStream):
    """The body of a request, in one piece.

    httpx's own is an async generator, which a request that is cancelled while it is being sent
    leaves to the garbage collector.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _OnePiece(self._content)


@attrs.define(eq=False)
class _OnePiece:
    """Gives one piece."""

    _left: bytes | None

    def __aiter__(self) -> _OnePiece:
        return self

    async def __anext__(self) -> bytes:
        piece, self._left = self._left, None
        if piece is None:
            raise StopAsyncIteration
        return piece


class HttpBody:
    """The body of an answer, as it comes. Not read, it is held back by TCP."""

    def __init__(self, client: HttpClient, response: httpx.Response) -> None:
        self._client = client
        self._response = response
        self._pieces = response.aiter_raw()
        self._begun = False

    @property
    def content_type(self) -> str:
        """What the service says it is, in lower case, without parameters; empty: nothing."""
        declared: str = self._response.headers.get("content-type", "")
        return declared.partition(";")[0].strip().lower()

    async def receive(self) -> bytes:
        """Return the next piece, at most 64 KiB; empty at the end. EngineError."""
        self._begun = True
        try:
            async for piece in self._pieces:
                if piece:
                    return piece
        except httpx.HTTPError as exc:
            raise self._client.error_of(exc) from None
        return b""

    async def read(self, most: int) -> bytes:
        """Return all that is left; PROTOCOL when it is more than `most` bytes."""
        found = bytearray()
        while piece := await self.receive():
            found += piece
            if len(found) > most:
                raise broke_protocol(self._client.engine, f"an answer beyond {most} bytes")
        return bytes(found)

    async def close(self) -> None:
        """Let go of the connection; one that has not been read to the end is closed."""
        await self._response.aclose()
        if self._begun:
            # httpx and httpcore read by five generators one in the other, and closing the outer
            # one leaves the others to the garbage collector. A read that fails ends them all.
            with contextlib.suppress(httpx.HTTPError):
                async for _ in self._pieces:
                    pass


class HttpClient:
    """Asks one service over a pool of connections; used by many tasks at once."""

    def __init__(self, service: HttpService, client: httpx.AsyncClient) -> None:
        self._service = service
        self._client = client

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self._service.engine

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Parameters | None = None,
    ) -> AsyncIterator[HttpBody]:
        """Ask, and give the body once the answer is a success; closed after the block.

        EngineError: HttpRefusedError for every other status, redirects too; TIMEOUT, UNAVAILABLE or
        PROTOCOL when there was no proper answer.
        """
        response = await self._ask(method, path, json, params)
        body = HttpBody(self, response)
        try:
            if not response.is_success:
                raise await self._refusal(response, body)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise broke_protocol(self.engine, "a compressed answer, which was not asked for")
            yield body
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await body.close()

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Parameters | None = None,
        most: int = LARGEST_BODY,
    ) -> bytes:
        """Ask, and return the whole body; EngineError as `stream`, and when it is too long."""
        async with self.stream(method, path, json=json, params=params) as body:
            return await body.read(most)

    async def warm(self, path: str = "/") -> None:
        """Have a connection ready: name looked up, TCP and TLS done. What goes wrong is no matter.

        What the service answers is neither: any answer leaves the connection in the pool.
        """
        with contextlib.suppress(EngineError), trio.move_on_after(_WARM_S):
            await self.fetch("HEAD", path)

    def error_of(self, exc: httpx.HTTPError | httpx.InvalidURL) -> EngineError:
        """Return what a failure of httpx is to us."""
        where = masked_url(self._service.url)
        match exc:
            case httpx.ConnectTimeout():
                return self._timeout(f"cannot be reached at {where} within {CONNECT_S:g} s")
            case httpx.PoolTimeout():
                return self._timeout(f"has no free one of {self._service.connections} connections")
            case httpx.TimeoutException():
                return self._timeout(f"sent nothing for {READ_S:g} s")
            case httpx.ConnectError():
                return unavailable(self.engine, f"{where} cannot be reached: {cause_words(exc)}")
            case httpx.RemoteProtocolError() if not _is_early_end(exc):
                return broke_protocol(self.engine, f"no proper HTTP at {where}: {exc}")
            case httpx.NetworkError() | httpx.RemoteProtocolError():
                return unavailable(self.engine, f"{where} closed or lost the connection")
            case _:
                return EngineError(
                    f"{self.engine} cannot be asked at {where}: {type(exc).__name__}",
                    kind=EngineFault.BAD_REQUEST,
                    retryable=False,
                )

    def _timeout(self, what: str) -> EngineError:
        return EngineError(
            f"{self.engine} {what}",
            kind=EngineFault.TIMEOUT,
            retryable=True,
            scope=FaultScope.CONNECTION,
        )

    async def _ask(
        self, method: str, path: str, json: object, params: Parameters | None
    ) -> httpx.Response:
        headers = {}
        content = None
        if json is not None:
            # Half a surrogate pair out of an author's text must not be a bug of ours.
            content = json_text.dumps(json, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        try:
            request = self._client.build_request(
                method, path, content=content, params=params, headers=headers
            )
            if content is not None:
                request.stream = _WholeBody(content)
            return await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise self.error_of(exc) from None

    async def _refusal(self, response: httpx.Response, body: HttpBody) -> HttpRefusedError:
        found = b""
        with contextlib.suppress(EngineError), trio.move_on_after(_REFUSAL_S):
            found = await body.read(_REFUSAL_BYTES)
        words = words_in(found) or response.reason_phrase
        secret = self._service.secret.get()
        if len(secret) >= _SHORTEST_SECRET:
            words = words.replace(secret, MASK)
        if response.is_redirect:
            words = f"{words}: it redirects, and its URL must be the final one"
        error = refusal(self.engine, response.status_code, words)
        return HttpRefusedError(error, response.status_code, _retry_after(response.headers))


@contextlib.asynccontextmanager
async def open_http(service: HttpService) -> AsyncIterator[HttpClient]:
    """Keep a pool for a service while the block runs. It asks nothing by itself.

    ConfigError when the URL cannot be used.
    """
    try:
        client = httpx.AsyncClient(
            base_url=service.url,
            headers={
                "User-Agent": "trioaudio",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                **service.headers,
            },
            # Without TLS no certificate is trusted at all: nothing could lead to https.
            verify=service.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S, write=_WRITE_S),
            limits=httpx.Limits(
                max_connections=service.connections,
                max_keepalive_connections=service.connections,
                keepalive_expiry=_KEPT_S,
            ),
            follow_redirects=False,
            trust_env=False,
        )
    except httpx.InvalidURL:  # its words quote the URL
        where = masked_url(service.url)
        raise ConfigError(f"{service.engine} cannot be asked at {where}: it is no URL") from None
    try:
        yield HttpClient(service, client)
    finally:
        with trio.move_on_after(_LEAVE_S, shield=True):
            await client.aclose()


def _is_early_end(exc: httpx.RemoteProtocolError) -> bool:
    """Say whether the service hung up where an answer, or more of it, was due.

    h11 tells it from nonsense by its words only.
    """
    words = str(exc)
    return "disconnected" in words or "closed connection" in words


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds a refusal asks for; None for a date: our clock need not be theirs."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) / unit
            if 0 <= seconds <= 86_400:
                return seconds
    return None
