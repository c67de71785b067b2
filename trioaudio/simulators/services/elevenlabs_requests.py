"""What a client may ask of ElevenLabs, and how it is refused what makes no sense.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

from trioaudio.core.errors import TrioaudioError
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.services.faults import FaultKind, Strikes
from trioaudio.simulators.services.http import Request
from trioaudio.simulators.services.sound import Encoding, SoundFormat
from trioaudio.simulators.services.studio import Studio

MODELS = (
    "eleven_flash_v2_5",
    "eleven_flash_v2",
    "eleven_turbo_v2_5",
    "eleven_turbo_v2",
    "eleven_multilingual_v2",
)
_TAKE_LANGUAGE = ("eleven_flash_v2_5", "eleven_turbo_v2_5")
_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
_ENCODINGS = {"pcm": Encoding.S16, "ulaw": Encoding.MULAW, "alaw": Encoding.ALAW}
_TIMEOUTS = (1, 180)
_SCHEDULE = (50, 500)
DEFAULT_SCHEDULE = (120, 160, 250, 290)
POLICY = 1008


class RefusedError(TrioaudioError):
    """What the service answers with an error: a name for programs, and words."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message

    def detail(self) -> dict[str, object]:
        """Return the body of an HTTP answer."""
        return {"detail": {"status": self.name, "message": self.message}}

    def event(self) -> dict[str, object]:
        """Return a message of a WebSocket."""
        return {"message": self.message, "error": self.name, "code": POLICY}


@attrs.frozen
class Setup:
    """What stands in a URL."""

    voice: str
    model: str
    sound: SoundFormat
    language: str | None
    auto_mode: bool
    sync_alignment: bool
    inactivity_s: float


def read_setup(request: Request) -> Setup:
    """Read path and query; RefusedError."""
    query = request.query
    model = query.get("model_id") or MODELS[0]
    if model not in MODELS:
        raise RefusedError(
            400, "model_not_found", f"no model {model!r}; {did_you_mean(model, MODELS)}"
        )
    language = query.get("language_code") or None
    if language is not None and model not in _TAKE_LANGUAGE:
        raise RefusedError(400, "unsupported_language", f"{model} takes no language_code")
    timeout = query.get("inactivity_timeout", "20")
    least, most = _TIMEOUTS
    if not timeout.isdecimal() or not least <= int(timeout) <= most:
        raise RefusedError(
            400, "invalid_inactivity_timeout", f"inactivity_timeout: {least} to {most}"
        )
    return Setup(
        voice=request.parameters["voice_id"],
        model=model,
        sound=_sound(query.get("output_format", "")),
        language=language,
        auto_mode=query.get("auto_mode") == "true",
        sync_alignment=query.get("sync_alignment") == "true",
        inactivity_s=float(timeout),
    )


def _sound(name: str) -> SoundFormat:
    encoding, _, rate = name.partition("_")
    if encoding not in _ENCODINGS or rate not in map(str, _RATES):
        # MP3, the default, is beyond a simulator.
        raise RefusedError(
            400, "invalid_output_format", f"output_format {name!r}: wanted e.g. pcm_8000"
        )
    return SoundFormat(_ENCODINGS[encoding], int(rate))


def check_key(request: Request, studio: Studio) -> None:
    """RefusedError for a key that is missing or wrong."""
    key = request.headers.get("xi-api-key", "")
    if not key or (studio.options.key is not None and key != studio.options.key):
        raise RefusedError(401, "invalid_api_key", "Invalid API key")


def check_voice(voice: str, studio: Studio) -> None:
    """RefusedError for a voice there is not."""
    voices = studio.options.voices
    if voices and voice not in voices:
        raise RefusedError(
            400, "voice_not_found", f"A voice for the voice_id {voice!r} was not found."
        )


@attrs.frozen
class Said:
    """One message of a client."""

    context: str | None
    text: str | None
    flush: bool
    closes: bool
    closes_socket: bool
    settings: Mapping[str, object] | None
    schedule: tuple[int, ...]


def read_message(message: str | bytes) -> Said:
    """Read a message; RefusedError."""
    try:
        value = json.loads(message)
    except ValueError:
        raise RefusedError(400, "invalid_message", "not a JSON message") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "invalid_message", "not a JSON object")
    text, context = value.get("text"), value.get("context_id")
    if not isinstance(text, str | None) or not isinstance(context, str | None):
        raise RefusedError(400, "invalid_message", "text and context_id: wanted strings")
    settings = value.get("voice_settings")
    if not isinstance(settings, dict | None):
        raise RefusedError(400, "invalid_message", "voice_settings: wanted an object")
    return Said(
        context=context,
        text=text,
        flush=bool(value.get("flush")),
        closes=bool(value.get("close_context")),
        closes_socket=bool(value.get("close_socket")),
        settings=settings,
        schedule=_schedule(value.get("generation_config")),
    )


def _schedule(config: object) -> tuple[int, ...]:
    found = config.get("chunk_length_schedule") if isinstance(config, dict) else None
    if found is None:
        return DEFAULT_SCHEDULE
    least, most = _SCHEDULE
    if not isinstance(found, list) or not found:
        raise RefusedError(400, "invalid_generation_config", "chunk_length_schedule: a list")
    if not all(isinstance(each, int | float) and least <= each <= most for each in found):
        raise RefusedError(
            400, "invalid_generation_config", f"chunk_length_schedule: {least} to {most} each"
        )
    return tuple(int(each) for each in found)


def check_room(studio: Studio) -> None:
    """RefusedError when one more would be too many."""
    if studio.full:
        words = f"more than {studio.options.concurrency} requests at once"
        raise RefusedError(429, "too_many_concurrent_requests", words)


def check_struck(strikes: Strikes, *kinds: FaultKind) -> None:
    """RefusedError when one of these faults strikes, with the status it has."""
    for kind in kinds:
        status = strikes.value(kind)
        if status is not None:
            name = _NAMES.get(int(status), "internal_server_error")
            raise RefusedError(int(status), name, "the simulator was told to refuse")


_NAMES = {
    400: "invalid_request",
    401: "invalid_api_key",
    402: "quota_exceeded",
    403: "missing_permissions",
    404: "voice_not_found",
    429: "too_many_concurrent_requests",
    503: "system_busy",
}
"""What the service calls errors of a status."""
