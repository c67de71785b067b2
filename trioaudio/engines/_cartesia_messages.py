"""Cartesia's messages: requests as JSON text, replies read into small classes.

https://docs.cartesia.ai/api-reference/tts/websocket and, for both shapes of errors,
https://docs.cartesia.ai/use-the-api/api-errors. What is unknown or not whole is nothing to us.
"""

from __future__ import annotations

import json
import math
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from trioaudio.core.engine import VoiceChoice
from trioaudio.engines._cartesia_settings import CartesiaSettings

Fields: TypeAlias = Mapping[str, object]
"""What every request of an utterance repeats: only text and `continue` may change."""

_UNSPACED = (("\u2e80", "\u9fff"), ("\uac00", "\ud7a3"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"))


@attrs.frozen
class Chunk:
    """Audio of a context, as it was cut by the service."""

    context_id: str
    pcm: bytes


@attrs.frozen
class Timestamps:
    """Words of a context and when they begin, in seconds of its audio."""

    context_id: str
    words: list[tuple[str, float]]


@attrs.frozen
class FlushDone:
    """One of the texts sent to a context has been spoken."""

    context_id: str


@attrs.frozen
class Done:
    """All that was sent to a context has been spoken."""

    context_id: str


@attrs.frozen
class Garbled:
    """A chunk that cannot be read."""

    context_id: str


@attrs.frozen
class Refused:
    """An error; without a context it concerns the connection."""

    context_id: str | None
    status: int
    words: str

    @property
    def says_empty(self) -> bool:
        """Whether it says that there was nothing to speak in a context's first text."""
        words = self.words.lower()
        return self.status == 400 and ("empty" in words or "punctuation" in words)

    @property
    def says_closed(self) -> bool:
        """Whether it says that the context takes no more text."""
        words = self.words.lower()
        return 400 <= self.status < 500 and ("closed" in words or "expired" in words)


Reply: TypeAlias = Chunk | Timestamps | FlushDone | Done | Garbled | Refused


def fields_of(settings: CartesiaSettings, choice: VoiceChoice, sample_rate: int) -> Fields:
    """Return what each request for a voice repeats; raw PCM16 LE at `sample_rate`."""
    config = {
        name: value
        for name in ("speed", "volume", "emotion")
        if (value := getattr(settings, name)) is not None
    }
    fields: dict[str, object] = {
        "model_id": settings.model,
        "voice": {"mode": "id", "id": choice.voice or settings.voice},
        "output_format": {
            "container": "raw",
            "encoding": "pcm_s16le",
            "sample_rate": sample_rate,
        },
    }
    language = language_of(settings, choice)
    if language:
        fields["language"] = language
    if config:
        fields["generation_config"] = config
    if settings.pronunciation_dict_id:
        fields["pronunciation_dict_id"] = settings.pronunciation_dict_id
    return fields


def context_fields(settings: CartesiaSettings, fields: Fields) -> Fields:
    """Return the fields of a context: those of a voice, and how its texts are taken.

    The delay is always said: left out it is three seconds.
    """
    return {
        **fields,
        "max_buffer_delay_ms": settings.max_buffer_delay_ms,
        **({"add_timestamps": True} if settings.timestamps else {}),
    }


def language_of(settings: CartesiaSettings, choice: VoiceChoice) -> str:
    """Return the language as Cartesia writes it, without a region; empty: the model's own."""
    language = choice.language or settings.language or ""
    return language.replace("_", "-").partition("-")[0].lower()


def speak_message(fields: Fields, context_id: str, transcript: str) -> str:
    """Return a request to speak a text that may be followed by another."""
    return json.dumps(
        {**fields, "context_id": context_id, "transcript": transcript, "continue": True}
    )


def end_message(fields: Fields, context_id: str) -> str:
    """Return what says that a context gets no more text."""
    return json.dumps({**fields, "context_id": context_id, "transcript": "", "continue": False})


def cancel_message(context_id: str) -> str:
    """Return a request to stop; what is being made is still sent."""
    return json.dumps({"context_id": context_id, "cancel": True})


def spaced(clause: str) -> str:
    """Return a clause so that another may follow: the service joins texts as they are."""
    last = clause[-1:]
    if last.isspace() or any(first <= last <= end for first, end in _UNSPACED):
        return clause
    return f"{clause} "


def read_reply(message: str | bytes) -> Reply | None:
    """Return what a message says; None for what is unknown, unneeded, or no JSON."""
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    context_id = value.get("context_id")
    if kind == "error":
        return _read_error(value, context_id if isinstance(context_id, str) else None)
    return _read_news(kind, value, context_id) if isinstance(context_id, str) else None


def _read_news(kind: object, value: Mapping[str, object], context_id: str) -> Reply | None:
    match kind:
        case "chunk":
            return _read_chunk(value, context_id)
        case "timestamps":
            return Timestamps(context_id, list(_read_words(value.get("word_timestamps"))))
        case "flush_done":
            return FlushDone(context_id)
        case "done":
            return Done(context_id)
        case _:
            return None


def _read_chunk(value: Mapping[str, object], context_id: str) -> Reply | None:
    data = value.get("data")
    if not isinstance(data, str):
        return Garbled(context_id)
    try:
        return Chunk(context_id, a2b_base64(data))
    except ValueError:  # binascii.Error, or a character outside ASCII
        return Garbled(context_id)


def _read_words(value: object) -> Iterator[tuple[str, float]]:
    """Give the words that have a name and a time; lists of unequal length end with the shorter."""
    if not isinstance(value, dict):
        return
    words, starts = value.get("words"), value.get("start")
    if not isinstance(words, list) or not isinstance(starts, list):
        return
    for word, start in zip(words, starts, strict=False):
        is_time = isinstance(start, int | float) and math.isfinite(start) and start >= 0
        if isinstance(word, str) and is_time:
            yield word, float(start)


def _read_error(value: Mapping[str, object], context_id: str | None) -> Refused:
    status = value.get("status_code")
    found = (value.get(name) for name in ("title", "message", "error"))
    words = ": ".join(each for each in found if isinstance(each, str) and each)
    return Refused(context_id, status if isinstance(status, int) else 500, words)
