"""Recordings fetched from where the operator allows it, and from nowhere else.

A URL must have an allowed beginning: its scheme, host and port, and its path up to a slash. That
is judged of the very URL that is asked for. No redirect is followed, for it leads elsewhere; no
proxy, netrc or certificate variable of the environment is heeded. Where a host's name leads is
the affair of who allowed it. What comes back must be a WAV file, and is cut when it is too large.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import unquote

import attrs
import httpx
import trio

from trioaudio import __version__
from trioaudio.core.errors import ConfigError, RecordingError
from trioaudio.core.wav_head import starts_wav
from trioaudio.net.httpx_parts import cause_of
from trioaudio.net.tls import client_context

WHOLE_S = 10.0
LARGEST = 10 << 20
"""Bytes: eleven minutes of PCM16 at 8 kHz."""

MOST_AT_ONCE = 16
"""Further ones wait their turn, within their time."""

_LEAVE_S = 0.5
_LONGEST_SHOWN = 100
_PORTS = {"http": 80, "https": 443}
_OTHERS = ("ws", "wss")  # calls may be dialled there; nothing is fetched
_SEPARATORS = re.compile(r"[/\\]")


@attrs.frozen
class _Prefix:
    """A beginning that URLs may have."""

    origin: tuple[str, bytes, int]
    path: str

    def allows(self, url: httpx.URL) -> bool:
        path = _path_of(url)
        return self.origin == _origin_of(url) and f"{path}/".startswith(f"{self.path}/")


class RecordingFetch:
    """Fetches recordings; used by many tasks at once."""

    def __init__(
        self, prefixes: Sequence[_Prefix], client: httpx.AsyncClient, whole_s: float, largest: int
    ) -> None:
        self._prefixes = prefixes
        self._client = client
        self._whole_s = whole_s
        self._largest = largest

    def check(self, url: str) -> None:
        """Raise ConfigError for a URL that is not allowed, or is none."""
        self._allowed(url)

    async def fetch(self, url: str) -> bytes:
        """Return a WAV file as it came; nothing but its first bytes was looked at.

        ConfigError when the operator has not allowed the URL, and nothing was asked. RecordingError
        when it cannot be had.
        """
        allowed = self._allowed(url)
        with trio.move_on_after(self._whole_s):
            try:
                return await self._exchange(allowed)
            except httpx.HTTPError as exc:
                raise _failed(allowed, _words(exc)) from None
            except UnicodeError:  # httpx leaves names that are none to Python's look-up
                raise _failed(allowed, "cannot be reached: its host is no name") from None
        raise _failed(allowed, f"did not come within {self._whole_s:g} s")

    def _allowed(self, url: str) -> httpx.URL:
        try:
            parsed = _read(url)
        except ValueError as exc:
            raise ConfigError(f"the URL {_shown(url)} {exc}") from None
        if not any(each.allows(parsed) for each in self._prefixes):
            raise ConfigError(
                f"recordings may not be fetched from {_shown(url)};"
                " TRIOAUDIO_URL_ALLOW says from where"
            )
        return parsed

    async def _exchange(self, url: httpx.URL) -> bytes:
        response = await self._client.send(self._client.build_request("GET", url), stream=True)
        pieces = response.aiter_raw()
        try:
            _check_head(url, response, self._largest)
            found = bytearray()
            async for piece in pieces:
                found += piece
                if starts_wav(bytes(found[:12])) is False:
                    raise _failed(url, "is no WAV file")
                if len(found) > self._largest:
                    raise _failed(url, _too_large(self._largest))
            if not starts_wav(bytes(found[:12])):
                raise _failed(url, "is no WAV file")
            return bytes(found)
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await response.aclose()
                # httpx and httpcore read by generators one in the other, which closing leaves to
                # the garbage collector. A read that fails ends them all.
                with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
                    async for _ in pieces:
                        pass


@asynccontextmanager
async def open_recording_fetch(
    prefixes: Sequence[str],
    *,
    tls_context: ssl.SSLContext | None = None,
    whole_s: float = WHOLE_S,
    largest: int = LARGEST,
) -> AsyncIterator[RecordingFetch]:
    """Keep connections while the block runs; it asks nothing yet.

    `prefixes` begin with http:// or https://; those with ws:// or wss:// are for others.
    ConfigError for one that is no URL. `whole_s` is how long a recording may take, from its host's
    look-up to its last byte, `largest` how many bytes it may have. `tls_context` None: servers are
    verified by the system's authorities.
    """
    allowed = _read_prefixes(prefixes)
    client = httpx.AsyncClient(
        headers={
            "User-Agent": f"trioaudio/{__version__}",
            "Accept": "audio/wav, audio/x-wav, audio/*;q=0.5, */*;q=0.1",
            "Accept-Encoding": "identity",
        },
        verify=tls_context or client_context(None),
        timeout=None,  # noqa: S113 - the whole of it has its time
        limits=httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=4),
        follow_redirects=False,
        trust_env=False,
    )
    try:
        yield RecordingFetch(allowed, client, whole_s, largest)
    finally:
        with trio.move_on_after(_LEAVE_S, shield=True):
            await client.aclose()


def _read_prefixes(prefixes: Sequence[str]) -> list[_Prefix]:
    allowed = []
    problems = []
    for prefix in prefixes:
        if prefix.partition("://")[0].lower() in _OTHERS:
            continue
        try:
            url = _read(prefix)
            if url.query or url.fragment:
                raise ValueError("has a query or a fragment")  # noqa: TRY301 - one way out
        except ValueError as exc:
            problems.append(f"TRIOAUDIO_URL_ALLOW: {_shown(prefix)} {exc}")
        else:
            allowed.append(_Prefix(_origin_of(url), _path_of(url).rstrip("/")))
    if problems:
        raise ConfigError(*problems)
    return allowed


def _read(text: str) -> httpx.URL:
    """Return a URL; ValueError, as the rest of a sentence, when it could be read in two ways."""
    if "\\" in text or not all("!" <= each <= "~" for each in text):
        raise ValueError("holds a sign that belongs in no URL; encode it")
    try:
        url = httpx.URL(text)
        _ = url.host
    except (httpx.InvalidURL, ValueError):  # UnicodeError, for what is no host's name
        raise ValueError("is no URL") from None
    if url.scheme not in _PORTS or not url.host:
        raise ValueError("does not begin with http:// or https:// and a host")
    if url.userinfo or "@" in text.partition("://")[2].partition("/")[0]:
        raise ValueError("has a user before its host; leave that out")
    plain = _path_of(url)
    while (once := unquote(plain)) != plain:  # also what is encoded twice
        plain = once
    if {".", ".."} & set(_SEPARATORS.split(plain)):
        raise ValueError("has dots for a part of its path")
    return url


def _origin_of(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, url.port or _PORTS[url.scheme]


def _path_of(url: httpx.URL) -> str:
    """Return the path as it is sent."""
    return url.raw_path.partition(b"?")[0].decode("ascii")


def _check_head(url: httpx.URL, response: httpx.Response, largest: int) -> None:
    if response.is_redirect:
        raise _failed(url, f"is elsewhere (HTTP {response.status_code}); give its final URL")
    if response.status_code != httpx.codes.OK:
        raise _failed(url, f"was answered with HTTP {response.status_code}")
    told = response.headers.get("content-length", "")
    if told.isdecimal() and int(told) > largest:
        raise _failed(url, _too_large(largest))


def _too_large(largest: int) -> str:
    return f"is larger than {largest >> 20} MiB; split it, or give it at a lower sample rate"


def _words(exc: httpx.HTTPError) -> str:
    match exc:
        case httpx.ConnectError():
            return f"cannot be reached: {cause_of(exc)}"
        case httpx.NetworkError():
            return "broke off: the connection was closed or lost"
        case httpx.RemoteProtocolError():
            return "broke off, or was no proper HTTP answer"
        case _:
            return f"cannot be fetched: {type(exc).__name__}"


def _failed(url: httpx.URL, words: str) -> RecordingError:
    # Without the query: it may hold a signature.
    return RecordingError(f"the recording {_shown(str(url))} {words}")


def _shown(url: str) -> str:
    plain = re.split(r"[?#]", url)[0]
    scheme, colon, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    plain = f"{scheme}{colon}{host.rpartition('@')[2]}{slash}{path}"
    return repr(plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}...")
