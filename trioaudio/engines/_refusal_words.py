"""What a service says in the body of a refusal, whichever shape it says it in."""

from __future__ import annotations

import json
import re

_KEYS = ("error", "detail", "message", "err_msg", "msg", "error_description", "reason", "title")
_DEPTH = 4
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def words_in(body: bytes) -> str:
    """Return the words of an error body; empty when there are none for people.

    JSON as OpenAI `{"error":{"message"}}`, Cartesia `{"title","message"}`, ElevenLabs
    `{"detail":{"message"}}`, FastAPI `{"detail":[{"msg"}]}` and Deepgram `{"err_msg"}` write it;
    the title of an HTML page; plain text as it is.
    """
    text = body.decode("utf-8", "replace").strip()
    if text.startswith(("{", "[", '"')):
        try:
            return _words_of(json.loads(text), _DEPTH)
        except (ValueError, RecursionError):
            return text
    if text.startswith("<"):
        title = _TITLE.search(text)
        return title[1].strip() if title else ""
    return text


def _words_of(value: object, depth: int) -> str:
    match value:
        case str():
            return value.strip()
        case dict() if depth:
            found = (_words_of(value[key], depth - 1) for key in _KEYS if key in value)
            return next((words for words in found if words), "")
        case [first, *_] if depth:
            return _words_of(first, depth - 1)
        case _:
            return ""
