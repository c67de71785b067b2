"""What an operator may set about OpenAI, and about servers compatible with it.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from trioaudio.core.engine import ServiceSettings
from trioaudio.core.errors import ConfigError

NAME = "openai"
VENDOR_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer"),
    *("verse", "marin", "cedar"),
)
"""Of OpenAI itself; an account may have more."""

_VENDOR_HOST = "api.openai.com"
_FORMATS = ("pcm", "wav")


@attrs.frozen(kw_only=True)
class OpenAiSettings(ServiceSettings):
    """The service's own settings; what is None is not sent."""

    voice: str | None = attrs.field(
        default="alloy", metadata={"help": "name of the voice used by default"}
    )
    url: str = attrs.field(
        default=f"https://{_VENDOR_HOST}",
        metadata={"help": "where the service is: scheme, host and port, no path"},
    )
    model: str | None = attrs.field(
        default=None,
        metadata={"help": "model; OpenAI itself needs one, a local server may have only one"},
    )
    instructions: str | None = attrs.field(
        default=None, metadata={"help": "how to speak, in words; not every model heeds them"}
    )
    speed: float | None = attrs.field(
        default=None,
        metadata={"help": "times as fast as usual; empty: as usual", "least": 0.25, "most": 4.0},
    )
    response_format: str = attrs.field(
        default="pcm", metadata={"help": "pcm, or wav for a server that does not know pcm"}
    )
    response_rate: int = attrs.field(
        default=24_000,
        metadata={
            "help": "Hz of what the service sends; it cannot be asked for another rate",
            "least": 8000,
            "most": 48_000,
        },
    )
    ahead_ms: int = attrs.field(
        default=2000,
        metadata={
            "help": "milliseconds of audio not yet passed on when the next clause is asked for;"
            " less wastes less when a text is interrupted, more covers a slow service",
            "least": 100,
            "most": 60_000,
        },
    )

    @property
    def of_vendor(self) -> bool:
        """Whether the service is OpenAI itself."""
        return urlsplit(self.url).hostname == _VENDOR_HOST

    def check(self) -> None:
        """Raise ConfigError for what cannot work."""
        problems = []
        if self.of_vendor and not self.model:
            problems.append(
                f"{NAME} needs a model; set TRIOAUDIO_OPENAI_MODEL to one of"
                " https://platform.openai.com/docs/guides/text-to-speech"
            )
        if self.response_format not in _FORMATS:
            problems.append(
                f"TRIOAUDIO_OPENAI_RESPONSE_FORMAT={self.response_format!r}: wanted"
                f" {' or '.join(_FORMATS)}"
            )
        if problems:
            raise ConfigError(*problems)
