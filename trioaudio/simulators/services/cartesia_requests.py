"""What a client may ask of Cartesia, and how it is refused what makes no sense.

Fields and ranges: https://docs.cartesia.ai/api-reference/tts/websocket
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TypeAlias, TypeVar, cast

import attrs

from trioaudio.core.errors import TrioaudioError
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.services.sound import Encoding, SoundFormat

MODELS = (
    "sonic-3.5",
    "sonic-3.5-2026-05-04",
    "sonic-3",
    "sonic-3-2026-01-12",
    "sonic-3-2025-10-27",
    "sonic-latest",
)
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
DEFAULT_BUFFER_DELAY = 3.0
"""Seconds, for a request that does not say: https://docs.cartesia.ai/use-the-api/tts-websocket/buffering"""
_LONGEST_BUFFER_DELAY_MS = 5000
_LONGEST_TRANSCRIPT = 20_000  # nobody's sentence; a bound
_MAY_CHANGE = ("context_id", "transcript", "continue", "flush", "duration")
Json: TypeAlias = Mapping[str, object]
T = TypeVar("T")


class RefusedError(TrioaudioError):
    """A request the service answers with an error."""

    def __init__(
        self, status: int, title: str, message: str, *, context_id: str | None = None
    ) -> None:
        super().__init__(f"{title}: {message}")
        self.status = status
        self.title = title
        self.message = message
        self.context_id = context_id

    @property
    def code(self) -> str | None:
        """The machine-readable name; only this one is documented."""
        return "concurrency_limited" if self.status == 429 else None


@attrs.frozen
class Generation:
    """A request to speak."""

    transcript: str
    voice: str
    container: str
    sound: SoundFormat
    context_id: str | None = None
    language: str | None = None
    continues: bool = False
    flush: bool = False
    buffer_delay: float | None = None
    """Seconds; None: the service's own."""
    timestamps: bool = False
    phonemes: bool = False
    locked: str = ""
    """All that must be the same in every request of a context."""


@attrs.frozen
class Cancel:
    """A request to stop a context."""

    context_id: str


def read_message(message: str | bytes) -> Generation | Cancel:
    """Read a WebSocket message. RefusedError, with the context's id if it has one."""
    value = read_object(message)
    context_id = _field(value, "context_id", str)
    if not context_id:
        raise _bad("context_id is missing")
    try:
        if _field(value, "cancel", bool):
            return Cancel(context_id)
        return read_generation(value, containers=("raw",))
    except RefusedError as exc:
        exc.context_id = context_id
        raise


def read_object(message: str | bytes) -> Json:
    """Read a JSON object; RefusedError."""
    try:
        value = json.loads(message)
    except ValueError as exc:
        raise _bad(f"the request is no JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise _bad("the request is no JSON object")
    return value


def read_generation(value: Json, containers: Collection[str]) -> Generation:
    """Read what is to be spoken; RefusedError."""
    transcript = _wanted(value, "transcript", str)
    if len(transcript) > _LONGEST_TRANSCRIPT:
        raise _bad(f"transcript: longer than {_LONGEST_TRANSCRIPT} characters")
    model = _wanted(value, "model_id", str)
    if model not in MODELS:
        raise _bad(f"model_id {model!r}: no such model; {did_you_mean(model, MODELS)}")
    if value.get("language") is not None and value.get("locale") is not None:
        raise _bad("language and locale exclude each other")
    container, sound = _output_format(value, containers)
    _check_generation_config(value)
    locked = {name: each for name, each in value.items() if name not in _MAY_CHANGE}
    return Generation(
        transcript=transcript,
        voice=_voice(value),
        container=container,
        sound=sound,
        context_id=_field(value, "context_id", str),
        language=_field(value, "language", str) or _field(value, "locale", str),
        continues=bool(_field(value, "continue", bool)),
        flush=bool(_field(value, "flush", bool)),
        buffer_delay=_buffer_delay(value),
        timestamps=bool(_field(value, "add_timestamps", bool)),
        phonemes=bool(_field(value, "add_phoneme_timestamps", bool)),
        locked=json.dumps(locked, sort_keys=True),
    )


def _bad(message: str) -> RefusedError:
    return RefusedError(400, "Bad Request", message)


def _field(value: Json, name: str, kind: type[T]) -> T | None:
    """Return a field of one type; None when it is not there or null."""
    found = value.get(name)
    if found is None:
        return None
    # A bool is an int to Python, and none to JSON.
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise _bad(f"{name}: wanted {kind.__name__}, not {type(found).__name__}")
    return found


def _wanted(value: Json, name: str, kind: type[T]) -> T:
    found = _field(value, name, kind)
    if found is None:
        raise _bad(f"{name} is missing")
    return found


def _voice(value: Json) -> str:
    """Return the voice's id: bare since version 2026-08-14, in an object before."""
    found = value.get("voice")
    if isinstance(found, dict):
        if found.get("mode", "id") != "id":
            raise _bad("voice: only the mode 'id' is known")
        found = found.get("id")
    if not isinstance(found, str) or not found:
        raise _bad("voice: wanted an id, or an object with one")
    return found


def _output_format(value: Json, containers: Collection[str]) -> tuple[str, SoundFormat]:
    asked = cast("Json", _wanted(value, "output_format", dict))
    container = _wanted(asked, "container", str)
    if container not in containers:
        raise _bad(f"output_format.container {container!r}: wanted {' or '.join(containers)}")
    encoding = _wanted(asked, "encoding", str)
    try:
        known = Encoding(encoding)
    except ValueError:
        names = ", ".join(each.value for each in Encoding)
        raise _bad(f"output_format.encoding {encoding!r}: wanted one of {names}") from None
    rate = _wanted(asked, "sample_rate", int)
    if rate not in SAMPLE_RATES:
        raise _bad(f"output_format.sample_rate {rate}: wanted one of {SAMPLE_RATES}")
    return container, SoundFormat(known, rate)


def _buffer_delay(value: Json) -> float | None:
    delay = _field(value, "max_buffer_delay_ms", int)
    if delay is None:
        return None
    if not 0 <= delay <= _LONGEST_BUFFER_DELAY_MS:
        raise _bad(f"max_buffer_delay_ms {delay}: wanted 0 to {_LONGEST_BUFFER_DELAY_MS}")
    return delay / 1000


def _check_generation_config(value: Json) -> None:
    config = cast("Json", _field(value, "generation_config", dict) or {})
    for name, least, most in (("speed", 0.6, 1.5), ("volume", 0.5, 2.0)):
        number = config.get(name)
        if number is None:
            continue
        if not isinstance(number, int | float) or not least <= number <= most:
            raise _bad(f"generation_config.{name}: wanted {least} to {most}")
