"""Who may ask a simulated Cartesia, and what is refused before anything is spoken.

Keys and versions: https://docs.cartesia.ai/use-the-api/api-conventions; limits:
https://docs.cartesia.ai/use-the-api/concurrency-limits-and-timeouts
"""

from __future__ import annotations

import re

from trioaudio.core.suggest import did_you_mean
from trioaudio.core.text import speakable
from trioaudio.simulators.services.cartesia_requests import Generation, RefusedError
from trioaudio.simulators.services.faults import FaultKind, Strikes
from trioaudio.simulators.services.http import Request
from trioaudio.simulators.services.studio import Studio

VERSION = "2026-08-14"
STRUCTURED_ERRORS_SINCE = "2026-03-01"
SOCKETS_PER_UTTERANCE = 10
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def version_of(request: Request) -> str:
    """Return the version asked for, the newest if none is; the query wins over the header."""
    return request.query.get("cartesia_version") or request.headers.get("cartesia-version", VERSION)


def has_legacy_errors(request: Request) -> bool:
    """Say whether the version asked for has errors without structure."""
    return version_of(request) < STRUCTURED_ERRORS_SINCE


def check_told(strikes: Strikes, *kinds: FaultKind) -> None:
    """RefusedError with the status that one of these faults says."""
    for kind in kinds:
        status = strikes.value(kind)
        if status is not None:
            raise RefusedError(int(status), "Refused", "the simulator was told to refuse")


def check_client(request: Request, studio: Studio) -> None:
    """RefusedError for a key that is missing or wrong, or a version that is no date."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    given = [
        bearer.strip() if scheme.lower() == "bearer" else "",
        request.headers.get("x-api-key", ""),
        request.query.get("api_key", ""),
        request.query.get("access_token", ""),
    ]
    keys = [each for each in given if each]
    if not keys:
        raise RefusedError(401, "Unauthorized", "the API key is missing")
    if studio.options.key is not None and studio.options.key not in keys:
        raise RefusedError(401, "Unauthorized", "the API key is not valid")
    if not _DATE.fullmatch(version_of(request)):
        raise RefusedError(400, "Bad Request", "the version is no date such as 2026-03-01")


def check_sockets(open_sockets: int, studio: Studio) -> None:
    """RefusedError when one more WebSocket is one too many."""
    most = studio.options.concurrency
    if most is not None and open_sockets >= SOCKETS_PER_UTTERANCE * most:
        raise RefusedError(429, "Too Many Requests", "too many WebSocket connections are open")


def check_speakable(request: Generation, studio: Studio) -> None:
    """RefusedError for what a context or an HTTP request must not begin with."""
    refused: RefusedError | None = None
    voices = studio.options.voices
    if not speakable(request.transcript):
        text = "the initial transcript is empty or contains only punctuation"
        refused = RefusedError(400, "Bad Request", text)
    elif voices and request.voice not in voices:
        text = f"no voice has the id {request.voice!r}; {did_you_mean(request.voice, voices)}"
        refused = RefusedError(404, "Voice Not Found", text)
    elif studio.full:
        text = f"the limit of {studio.options.concurrency} contexts at once is reached"
        refused = RefusedError(429, "Too Many Requests", text)
    if refused is not None:
        refused.context_id = request.context_id
        raise refused
