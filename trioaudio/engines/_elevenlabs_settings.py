"""What an operator may set about ElevenLabs, and what of it goes into a URL or a context.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from trioaudio.core.engine import ServiceSettings
from trioaudio.core.errors import ConfigError
from trioaudio.engines._elevenlabs_messages import NAME

_SCHEDULE_LEAST, _SCHEDULE_MOST = 50, 500
_VOICE_SETTINGS = ("stability", "similarity_boost", "style", "speed", "use_speaker_boost")


def _share(explanation: str) -> float | None:
    """Return the field of a number between 0 and 1 that is only sent if it is set."""
    field: float | None = attrs.field(
        default=None, metadata={"help": explanation, "least": 0, "most": 1}
    )
    return field


@attrs.frozen(kw_only=True)
class ElevenLabsSettings(ServiceSettings):
    """ElevenLabs' own settings; what is None is not sent, and the voice's own is used."""

    # The voice of the vendor's own quickstart: https://elevenlabs.io/docs/quickstart
    voice: str | None = attrs.field(
        default="JBFqnCBsd6RMkjVDRZzb",
        metadata={"help": "id of the voice used by default; the voice library shows it"},
    )
    url: str = attrs.field(
        default="wss://api.elevenlabs.io",
        metadata={"help": "where the service is: scheme, host and port, no path"},
    )
    concurrency: int = attrs.field(
        default=5,
        metadata={
            "help": "texts the plan allows to be spoken at once; further ones wait their turn",
            "least": 1,
            "most": 100_000,
        },
    )
    model: str = attrs.field(
        default="eleven_flash_v2_5", metadata={"help": "id of the model that speaks"}
    )
    language: str | None = attrs.field(
        default=None, metadata={"help": "language code, such as en or ta; empty: by the text"}
    )
    language_models: str = attrs.field(
        default="eleven_flash_v2_5,eleven_turbo_v2_5",
        metadata={
            "help": "models, by commas, that take a language code; others refuse one",
            "separator": ",",
        },
    )
    stability: float | None = _share("0 to 1: how even the voice is; empty: the voice's own")
    similarity_boost: float | None = _share("0 to 1: how close to the original voice")
    style: float | None = _share("0 to 1: how exaggerated its style is; costs time")
    speed: float | None = attrs.field(
        default=None,
        metadata={"help": "times as fast as usual; empty: the voice's", "least": 0.7, "most": 1.2},
    )
    use_speaker_boost: bool | None = attrs.field(
        default=None, metadata={"help": "whether to sharpen the likeness; costs time"}
    )
    auto_mode: bool = attrs.field(
        default=True,
        metadata={"help": "whether the service speaks each text as it comes, without a buffer"},
    )
    flush: bool = attrs.field(
        default=True, metadata={"help": "whether each clause is flushed, and so spoken at once"}
    )
    chunk_length_schedule: str | None = attrs.field(
        default=None,
        metadata={
            "help": "characters, by commas, 50 to 500 each, buffered before each audio",
            "separator": ",",
        },
    )
    contexts_per_socket: int = attrs.field(
        default=5,
        metadata={
            "help": "texts on one connection; the service closes it when there are more than 5",
            "least": 1,
            "most": 100,
        },
    )
    inactivity_timeout_s: int = attrs.field(
        default=180,
        metadata={
            "help": "seconds the service keeps a silent connection, at most 180",
            "least": 5,
            "most": 180,
        },
    )
    keepalive_s: float = attrs.field(
        default=15.0,
        metadata={
            "help": "seconds without text after which a text that waits for more is kept alive",
            "least": 0.5,
            "most": 170,
        },
    )
    closing_s: float = attrs.field(
        default=20.0,
        metadata={
            "help": "seconds a closed text may take to end before its connection is given up",
            "least": 0.5,
            "most": 600,
        },
    )
    ahead_ms: int = attrs.field(
        default=2000,
        metadata={
            "help": "milliseconds of audio unheard below which the next clause is asked for",
            "least": 100,
            "most": 60_000,
        },
    )
    settle_ms: int = attrs.field(
        default=1500,
        metadata={
            "help": "milliseconds without audio after which a clause is taken as spoken where"
            " the service does not tell",
            "least": 100,
            "most": 60_000,
        },
    )

    @property
    def idle_s(self) -> float:
        """Seconds after which a connection nobody uses is closed, before the service does it."""
        return self.inactivity_timeout_s * 0.8

    def language_code(self, language: str | None) -> str | None:
        """Return the code to send for a BCP 47 tag; None where the model takes none."""
        wanted = language or self.language
        takers = [each.strip() for each in self.language_models.split(",")]
        if not wanted or self.model not in takers:
            return None
        return wanted.replace("_", "-").partition("-")[0].lower()

    def voice_settings(self) -> dict[str, float | bool]:
        """Return what is set of how the voice speaks."""
        found = {name: getattr(self, name) for name in _VOICE_SETTINGS}
        return {name: value for name, value in found.items() if value is not None}

    def schedule(self) -> list[int]:
        """Return the chunk length schedule, empty when none is set; ConfigError."""
        try:
            found = [int(each) for each in (self.chunk_length_schedule or "").split(",") if each]
        except ValueError:
            found = [0]
        if not all(_SCHEDULE_LEAST <= each <= _SCHEDULE_MOST for each in found):
            raise ConfigError(
                f"TRIOAUDIO_{NAME.upper()}_CHUNK_LENGTH_SCHEDULE={self.chunk_length_schedule!r}:"
                f" wanted numbers from {_SCHEDULE_LEAST} to {_SCHEDULE_MOST} with commas between"
            )
        return found

    def opening(self) -> Mapping[str, object]:
        """Return what the first message of a context says beside its text."""
        found: dict[str, object] = {}
        if voice_settings := self.voice_settings():
            found["voice_settings"] = voice_settings
        if schedule := self.schedule():
            found["generation_config"] = {"chunk_length_schedule": schedule}
        return found
