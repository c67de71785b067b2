"""What an operator may set about a Wyoming server."""

from __future__ import annotations

import attrs

from trioaudio.core.engine import ServiceSettings
from trioaudio.core.errors import ConfigError

DEFAULT_PORT = 10200
"""What wyoming-piper listens on."""

_STREAMING = ("auto", "yes", "no")


@attrs.frozen(kw_only=True)
class WyomingSettings(ServiceSettings):
    """The server's own settings; there is no key."""

    voice: str | None = attrs.field(
        default=None,
        metadata={"help": "the server's name of the voice used by default; empty: its own choice"},
    )
    speaker: str | None = attrs.field(
        default=None, metadata={"help": "the speaker of a voice that has several"}
    )
    url: str = attrs.field(
        default=f"tcp://127.0.0.1:{DEFAULT_PORT}",
        metadata={"help": "where the server is: tcp://, host and port"},
    )
    concurrency: int = attrs.field(
        default=4,
        metadata={
            "help": "texts the server may be speaking at once; further ones wait their turn",
            "least": 1,
            "most": 1000,
        },
    )
    sample_rate: int = attrs.field(
        default=22_050,
        metadata={
            "help": "Hz of the server's voices; another rate is converted to it",
            "least": 8000,
            "most": 48_000,
        },
    )
    streaming: str = attrs.field(
        default="auto",
        metadata={
            "help": "yes: clauses are sent as synthesize-start, -chunk and -stop; no: as"
            " synthesize; auto: as the server says it can"
        },
    )
    ahead_ms: int = attrs.field(
        default=1000,
        metadata={
            "help": "milliseconds of audio not yet passed on when the next clause is asked for",
            "least": 100,
            "most": 60_000,
        },
    )
    keep_s: float = attrs.field(
        default=60.0,
        metadata={
            "help": "seconds a connection nobody used is kept",
            "least": 0,
            "most": 86_400,
        },
    )

    def check(self) -> None:
        """Raise ConfigError for what cannot work."""
        if self.streaming not in _STREAMING:
            raise ConfigError(
                f"TRIOAUDIO_WYOMING_STREAMING={self.streaming!r}: wanted {', '.join(_STREAMING)}"
            )
