"""What an operator may set about Cartesia.

Fields and ranges: https://docs.cartesia.ai/api-reference/tts/websocket
"""

from __future__ import annotations

import attrs

from trioaudio.core.engine import ServiceSettings

NAME = "cartesia"


@attrs.frozen(kw_only=True)
class CartesiaSettings(ServiceSettings):
    """Cartesia's own settings; what is None is not sent."""

    # The voice of the vendor's own quickstart, documented for everybody:
    # https://docs.cartesia.ai/get-started/realtime-text-to-speech-quickstart
    voice: str | None = attrs.field(
        default="f786b574-daa5-4673-aa0c-cbe3e8534c02",
        metadata={"help": "id of the voice used by default; the vendor's library lists them"},
    )
    url: str = attrs.field(
        default="wss://api.cartesia.ai",
        metadata={"help": "where the service is: scheme, host and port, no path"},
    )
    version: str = attrs.field(
        default="2026-03-01", metadata={"help": "date of the interface's version"}
    )
    model: str = attrs.field(
        default="sonic-3.5-2026-05-04",
        metadata={"help": "model; a name without a date is an alias, and moves"},
    )
    language: str | None = attrs.field(
        default=None, metadata={"help": "language code, such as en, hi or ta; empty: the model's"}
    )
    speed: float | None = attrs.field(
        default=None,
        metadata={"help": "times as fast as usual; empty: the voice's", "least": 0.6, "most": 1.5},
    )
    volume: float | None = attrs.field(
        default=None,
        metadata={"help": "times as loud as usual; empty: the voice's", "least": 0.5, "most": 2.0},
    )
    emotion: str | None = attrs.field(
        default=None, metadata={"help": "one of the model's emotions, such as calm"}
    )
    pronunciation_dict_id: str | None = attrs.field(
        default=None, metadata={"help": "id of a pronunciation dictionary of the account"}
    )
    max_buffer_delay_ms: int = attrs.field(
        default=0,
        metadata={
            "help": "milliseconds the service may wait for more text; clauses come whole, so none",
            "least": 0,
            "most": 5000,
        },
    )
    timestamps: bool = attrs.field(
        default=True, metadata={"help": "whether to ask when each word begins"}
    )
    ahead_ms: int = attrs.field(
        default=3000,
        metadata={
            "help": "milliseconds of audio made ahead of what is heard; more keeps more of a text"
            " in one breath, and wastes more when it is interrupted",
            "least": 200,
            "most": 60_000,
        },
    )
    expiry_s: float = attrs.field(
        default=0.8,
        metadata={
            "help": "seconds after its last audio when a context is taken for expired; the"
            " service forgets it after one second",
            "least": 0.05,
            "most": 60,
        },
    )
    cancel_grace_s: float = attrs.field(
        default=3.0,
        metadata={
            "help": "seconds a cancelled text counts as still being spoken",
            "least": 0,
            "most": 60,
        },
    )
    contexts_per_socket: int = attrs.field(
        default=50,
        metadata={
            "help": "texts spoken over one socket before another is opened",
            "least": 1,
            "most": 10_000,
        },
    )
    warm_sockets: int = attrs.field(
        default=1,
        metadata={"help": "sockets kept open though nothing is said", "least": 0, "most": 100},
    )
    idle_s: float = attrs.field(
        default=240.0,
        metadata={
            "help": "seconds after which an unused socket is replaced; the service closes it"
            " after 300",
            "least": 1,
            "most": 86_400,
        },
    )
    ping_s: float = attrs.field(
        default=20.0,
        metadata={
            "help": "seconds of silence after which a socket has to prove that it is alive, and"
            " to do so within; 0: never",
            "least": 0,
            "most": 3600,
        },
    )
