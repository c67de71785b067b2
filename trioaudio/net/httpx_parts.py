"""What our users of httpx share: a body that leaves nothing behind, and why nobody was reached."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import attrs
import httpx


class WholeBody(httpx.AsyncByteStream):
    """The body of a request, in one piece; it can be sent again.

    httpx's own is an async generator, which a request that is cancelled while it is being sent
    leaves to the garbage collector.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Begin it."""
        return _OnePiece(self._content)


@attrs.define(eq=False)
class _OnePiece:
    _left: bytes | None

    def __aiter__(self) -> _OnePiece:
        return self

    async def __anext__(self) -> bytes:
        piece, self._left = self._left, None
        if piece is None:
            raise StopAsyncIteration
        return piece


def seconds_ahead(headers: httpx.Headers) -> float | None:
    """Return how far our clock is ahead of who sent these headers; None if they tell no time.

    To the second at best: RFC 9110, 6.6.1.
    """
    try:
        theirs = parsedate_to_datetime(headers["date"])
        return (datetime.now(UTC) - theirs).total_seconds()
    except (KeyError, ValueError, TypeError):  # none, no date, or one without its zone
        return None


def cause_of(exc: BaseException) -> str:
    """Return the words of the innermost cause: the system's, or TLS's own."""
    while (inner := _inside(exc)) is not None:
        exc = inner
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__


def _inside(exc: BaseException) -> BaseException | None:
    """Return what caused an error; of a host's several addresses, that of the first."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.exceptions[0]
    return exc.__cause__ or exc.__context__
