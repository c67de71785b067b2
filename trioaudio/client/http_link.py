"""Requests to the daemon over HTTP: the one file that knows httpx's errors."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final, TypeVar

import anyio
import httpx
import msgspec
from msgspec.json import Decoder

from trioaudio.api.views import Problem
from trioaudio.client.endpoint import Endpoint
from trioaudio.client.errors import ProblemError, UnreachableError

_CONNECT_S: Final = 5.0
_KEPT_S: Final = 2.0
"""Less than a server keeps an idle connection: it must not close one that we begin to use."""
CLOSE_S: Final = 5.0
"""How long a goodbye may take."""
ANSWER_S: Final = 60.0
"""Placing a call waits for its carrier's answer, which has half a minute."""
PROMPTS_S: Final = 600.0
"""Fifty prompts are spoken before the answer comes."""

T = TypeVar("T")


class HttpLink:
    """A pool of connections to one daemon."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None = None) -> None:
        self.endpoint = endpoint
        headers = {"Accept": "application/json"}
        if endpoint.token:
            headers["Authorization"] = f"Bearer {endpoint.token.get()}"
        # Loading the authorities' certificates takes longer than a call to a daemon nearby.
        verify = (tls or True) if endpoint.base_url.startswith("https:") else False
        self.http = httpx.AsyncClient(
            base_url=endpoint.base_url,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_S, connect=_CONNECT_S),
            transport=httpx.AsyncHTTPTransport(
                uds=endpoint.socket,
                verify=verify,
                limits=httpx.Limits(max_connections=100, keepalive_expiry=_KEPT_S),
            ),
            trust_env=False,  # the token is the daemon's; no proxy of the environment sees it
        )

    async def aclose(self) -> None:
        """Close every connection."""
        with anyio.move_on_after(CLOSE_S, shield=True):
            await self.http.aclose()

    async def get(
        self, path: str, answer: Decoder[T], query: Mapping[str, str | int] | None = None
    ) -> T:
        """Ask for something; once more if the connection is lost meanwhile."""
        request = self.http.build_request("GET", path, params=query)
        return self._read(await self._send(request, again=True), answer)

    async def get_text(self, path: str) -> str:
        """Ask for something that is no JSON."""
        response = await self._send(self.http.build_request("GET", path), again=True)
        if response.is_error:
            raise problem_of(response)
        return response.text

    async def post(
        self,
        path: str,
        answer: Decoder[T],
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = ANSWER_S,
        again: bool = False,
    ) -> T:
        """Have something done; `again`: it may be asked twice, the daemon does it once."""
        content = msgspec.json.encode({} if body is None else body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S)
        request = self.http.build_request(
            "POST", path, content=content, headers=sent, timeout=timeout
        )
        return self._read(await self._send(request, again=again), answer)

    async def upload(
        self, path: str, answer: Decoder[T], audio: bytes, kind: str, query: Mapping[str, str | int]
    ) -> T:
        """Send a recording."""
        headers = {"Content-Type": kind}
        request = self.http.build_request(
            "POST", path, content=audio, headers=headers, params=query
        )
        return self._read(await self._send(request, again=False), answer)

    async def _send(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        try:
            return await self.http.send(request)
        except httpx.TransportError as exc:
            if not again or isinstance(exc, httpx.TimeoutException | httpx.ConnectError):
                raise self.unreachable(exc) from exc
        try:
            return await self.http.send(request)
        except httpx.TransportError as exc:
            raise self.unreachable(exc) from exc

    def _read(self, response: httpx.Response, answer: Decoder[T]) -> T:
        if response.is_error:
            raise problem_of(response)
        if not response.is_success:  # a redirection: not the control API
            raise self.foreign(f"HTTP {response.status_code}")
        try:
            return answer.decode(response.content or b"null")
        except msgspec.DecodeError as exc:
            raise self.foreign(str(exc)) from exc

    def foreign(self, why: str) -> UnreachableError:
        """Return the error for an answer that is not the control API's."""
        return UnreachableError(
            f"{self.endpoint.shown} does not answer as a trioaudio daemon of this version does"
            f" ({why}); check the address, or bring both to one version"
        )

    def unreachable(self, exc: httpx.TransportError) -> UnreachableError:
        """Return what a person can do about a failed connection."""
        shown = self.endpoint.shown
        match exc:
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return UnreachableError(
                    f"no daemon answers at {shown}; start `trioaudio serve` or set"
                    " TRIOAUDIO_CONTROL_URL"
                )
            case httpx.TimeoutException():
                return UnreachableError(
                    f"the daemon at {shown} does not answer in time; look at its log"
                )
            case _:
                return UnreachableError(
                    f"the connection with the daemon at {shown} was lost; whether the request was"
                    " carried out is not known"
                )


def problem_of(response: httpx.Response) -> ProblemError:
    """Return the error a response tells, in whatever words; its body has been read."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        title = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
        said = response.text.strip().partition("\n")[0][:200]
        problem = Problem(
            type="about:blank", title=title, status=response.status_code, detail=said or title
        )
    return ProblemError(problem)
