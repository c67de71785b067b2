"""What Cartesia says: its messages as JSON values.

https://docs.cartesia.ai/api-reference/tts/websocket and, for errors before and since version
2026-03-01, https://docs.cartesia.ai/use-the-api/api-errors
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeAlias

from trioaudio.simulators.services.cartesia_requests import RefusedError
from trioaudio.simulators.services.sound import SpokenWord

Reply: TypeAlias = dict[str, object]
_DOCUMENTATION = "https://docs.cartesia.ai/use-the-api/api-errors"


def chunk(data: bytes, step_ms: float) -> Reply:
    """Return audio."""
    return {
        "type": "chunk",
        "status_code": 206,
        "done": False,
        "step_time": round(step_ms, 3),
        "data": base64.b64encode(data).decode(),
    }


def timestamps(words: Sequence[SpokenWord]) -> Reply:
    """Return the times of words."""
    return {
        **_PARTIAL,
        "type": "timestamps",
        "word_timestamps": {"words": _names(words)} | _times(words),
    }


def phoneme_timestamps(spoken: Sequence[SpokenWord]) -> Reply:
    """Return the times of phonemes."""
    times = {"phonemes": _names(spoken)} | _times(spoken)
    return {**_PARTIAL, "type": "phoneme_timestamps", "phoneme_timestamps": times}


def flush_done(flush_id: int, *, empty_data: bool) -> Reply:
    """Return that a flush is complete; with the empty `data` that has been seen on the wire."""
    more = {"data": ""} if empty_data else {}
    return {**_PARTIAL, "type": "flush_done", "flush_id": flush_id, "flush_done": True, **more}


def done() -> Reply:
    """Return that a context is over."""
    return {"type": "done", "status_code": 206, "done": True}


def error(refused: RefusedError, request_id: str, *, legacy: bool) -> Reply:
    """Return an error as a message."""
    if legacy:
        value: Reply = {"type": "error", "status_code": refused.status, "error": str(refused)}
    else:
        value = {"type": "error", "status_code": refused.status, **error_body(refused, request_id)}
    if refused.context_id is not None:
        value["context_id"] = refused.context_id
    return {**value, "done": True}


def error_body(refused: RefusedError, request_id: str) -> Reply:
    """Return an error as the body of an HTTP answer."""
    return {
        "error_code": refused.code,
        "title": refused.title,
        "message": refused.message,
        "request_id": request_id,
        "doc_url": _DOCUMENTATION,
    }


def voice(ident: str) -> Reply:
    """Return a voice of the list of voices."""
    return {
        "id": ident,
        "name": f"Simulated {ident}",
        "tagline": "",
        "description": "A voice of the simulated service",
        "language": "en",
        "locales": [{"locale": "en-US", "is_native": True}],
        "access": "public",
        "visibility": "all",
        "is_owner": False,
        "created_at": "2026-01-01T00:00:00Z",
    }


_PARTIAL: Reply = {"status_code": 206, "done": False}


def _names(words: Sequence[SpokenWord]) -> list[str]:
    return [each.text for each in words]


def _times(words: Sequence[SpokenWord]) -> dict[str, list[float]]:
    return {
        "start": [round(each.start, 6) for each in words],
        "end": [round(each.end, 6) for each in words],
    }
