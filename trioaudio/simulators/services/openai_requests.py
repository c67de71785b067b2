"""What a request for speech has to be, in OpenAI's words and limits.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import json

import attrs

from trioaudio.core.errors import TrioaudioError

LONGEST_INPUT = 4096
FORMATS = ("pcm", "wav")
"""Of the documented ones those that are not compressed."""


class RefusedError(TrioaudioError):
    """A request is refused; the words are the client's to read."""

    def __init__(
        self, status: int, words: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, object]:
        """The error as OpenAI writes it."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        words = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": words}


@attrs.frozen
class Speech:
    """A request for speech."""

    input: str
    voice: str
    model: str
    response_format: str
    stream_format: str


def read_speech(body: bytes) -> Speech:
    """Read a request's body; RefusedError."""
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise RefusedError(400, "We could not parse the JSON body of your request.")
    voice = fields.get("voice")
    if isinstance(voice, dict):  # a voice of the customer's own
        voice = voice.get("id")
    speech = Speech(
        input=_text(fields.get("input"), "input"),
        voice=_text(voice, "voice"),
        model=_text(fields.get("model", "tts-1"), "model"),  # local servers have only one
        response_format=_one_of(fields, "response_format", ("mp3", *FORMATS)),
        stream_format=_one_of(fields, "stream_format", ("audio", "sse")),
    )
    if len(speech.input) > LONGEST_INPUT:
        words = f"String should have at most {LONGEST_INPUT} characters"
        raise RefusedError(400, words, param="input")
    if speech.response_format not in FORMATS:
        words = f"The simulated service speaks {' and '.join(FORMATS)} only"
        raise RefusedError(400, words, param="response_format")
    _check_speed(fields.get("speed", 1.0))
    return speech


def _text(value: object, param: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RefusedError(400, f"{param}: String should not be empty", param=param)
    return value


def _one_of(fields: dict[str, object], param: str, known: tuple[str, ...]) -> str:
    value = fields.get(param, known[0])
    if not isinstance(value, str) or value not in known:
        raise RefusedError(400, f"{param}: Input should be {' or '.join(known)}", param=param)
    return value


def _check_speed(value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.25 <= value <= 4:
        raise RefusedError(400, "speed: Input should be 0.25 to 4", param="speed")
