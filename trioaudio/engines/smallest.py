"""Smallest AI's Lightning over the Waves WebSocket: one request for each clause.

Messages: https://docs.smallest.ai (Live TTS WebSocket, /waves/v1/tts/live). What is unusual: the
end of a request is told only so long after its last chunk (`complete_backoff_ms`, 4 s unless it
is asked for less), and the service may close the socket after it; the pool takes either.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from functools import partial
from urllib.parse import urlencode

import attrs

from trioaudio.core.engine import EngineKind, EngineSetup, Voice, VoiceChoice
from trioaudio.core.errors import EngineError
from trioaudio.engines._clause_turns import UtterancePlan
from trioaudio.engines._json_message import (
    JsonObject,
    complaint,
    inner_object,
    read_audio,
    read_object,
)
from trioaudio.engines._pooled_engine import PooledEngine, PooledSettings, open_pooled_engine
from trioaudio.engines._pooled_socket import Patience
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_pool import PoolPlan
from trioaudio.engines._socket_turn import Ended, Message, Request, SaidWord, SpeechEvent

NAME = "smallest"
SAMPLE_RATES = (8000, 16000, 24000, 44100)
_DEFAULT_VOICE = "magnus"


@attrs.frozen(kw_only=True)
class SmallestSettings(PooledSettings):
    """What an operator may set."""

    url: str = attrs.field(
        default="wss://api.smallest.ai",
        metadata={"help": "where the Waves WebSocket is: scheme, host and port, no path"},
    )
    model: str = attrs.field(
        default="lightning_v3.1",
        metadata={"help": "the model; lightning_v3.1_pro has voices of its own"},
    )
    language: str = attrs.field(
        default="en",
        metadata={"help": "the language spoken when a text asks for none, two letters"},
    )
    speed: float | None = attrs.field(
        default=None,
        metadata={
            "help": "times faster than usual; empty: the service's own",
            "least": 0.5,
            "most": 2,
        },
    )
    word_timestamps: bool = attrs.field(
        default=True,
        metadata={"help": "ask for the times of words; voices that have none speak without"},
    )
    complete_backoff_ms: int = attrs.field(
        default=100,
        metadata={
            "help": "milliseconds after the last audio until the end of a clause is told; the"
            " service's own 4000 is a gap before the next clause",
            "least": 0,
            "most": 10_000,
        },
    )
    idle_timeout_s: int = attrs.field(
        default=300,
        metadata={
            "help": "seconds the service is asked to keep a socket on which nothing is said",
            "least": 5,
            "most": 86_400,
        },
    )


class SmallestDialect:
    """One socket's messages. An id of ours tells a late message from one of the last clause."""

    def __init__(self, settings: SmallestSettings) -> None:
        self._settings = settings
        self._asked = 0

    @property
    def _ident(self) -> str:
        return f"clause-{self._asked}"

    def greet(self) -> Sequence[Message]:
        """Say nothing: each request says all."""
        return ()

    def ask(self, request: Request) -> Sequence[Message]:
        """Have a clause spoken, and nothing waited for after it."""
        self._asked += 1
        ours = self._settings
        fields: JsonObject = {
            "text": request.text,
            "voice_id": request.voice,
            "model": ours.model,
            "language": request.language,
            "sample_rate": request.sample_rate,
            "output_format": "pcm",
            "word_timestamps": ours.word_timestamps,
            "complete_backoff_ms": ours.complete_backoff_ms,
            "request_id": self._ident,
            "continue": False,
            "flush": True,
        }
        if ours.speed is not None:
            fields["speed"] = ours.speed
        return (json.dumps(fields),)

    def receive(self, message: Message) -> Sequence[SpeechEvent]:
        """Return what a message says of the clause asked for last."""
        fields = read_object(NAME, message)
        if isinstance(fields, EngineError):
            return (fields,)
        if fields.get("status") == "error":
            return (complaint(NAME, fields, fields.get("code")),)
        if fields.get("external_request_id") not in (None, self._ident):
            return ()
        data = inner_object(fields, "data")
        match fields.get("status"):
            case "chunk":
                return (read_audio(NAME, data.get("audio")),)
            case "word_timestamp":
                word, start = data.get("word"), data.get("start")
                if isinstance(word, str) and isinstance(start, int | float):
                    return (SaidWord(word, float(start)),)
                return ()
            case "complete":
                return (Ended(),)
            case _:
                return ()

    def forget(self) -> None:
        """Return None: a request cannot be told to stop."""
        return

    def keep_alive(self) -> Sequence[Message]:
        """Say nothing: the query asks for a timeout that is long enough."""
        return ()


@attrs.frozen
class Smallest:
    """What is known of Smallest AI without asking it. Its catalogue changes: names pass."""

    settings: SmallestSettings
    url: str
    key: str = attrs.field(repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """The engine's name."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the nearest rate, in Hz."""
        return min(SAMPLE_RATES, key=lambda each: abs(each - wanted))

    def check(self, choice: VoiceChoice) -> None:
        """Accept every voice: cloned ones have names of their own."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that shapes the sound but text and rate."""
        ours = self.settings
        return f"{NAME} {ours.model} {self._voice(choice)} {self._language(choice)} {ours.speed}"

    def voices(self) -> list[Voice]:
        """Return the voice it is set to use."""
        choice = VoiceChoice()
        return [Voice(self._voice(choice), (self._language(choice),))]

    def plan(self, choice: VoiceChoice, sample_rate: int) -> UtterancePlan:
        """Return where and how an utterance is spoken."""
        query = urlencode({"timeout": self.settings.idle_timeout_s})
        address = ServiceAddress(
            NAME,
            f"{self.url}/waves/v1/tts/live?{query}",
            (("Authorization", f"Bearer {self.key}"),),
            self.tls,
        )
        return UtterancePlan(address, self._voice(choice), self._language(choice), sample_rate)

    def _voice(self, choice: VoiceChoice) -> str:
        return choice.voice or self.settings.voice or _DEFAULT_VOICE

    def _language(self, choice: VoiceChoice) -> str:
        """Return a language as the service takes it: two letters, no region."""
        tag = choice.language or self.settings.language
        return tag.replace("_", "-").partition("-")[0].lower()


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[PooledEngine]:
    """Keep sockets to Smallest AI warm. ConfigError when the key is missing or the URL is none."""
    settings = setup.settings
    assert isinstance(settings, SmallestSettings)
    url = base_url(NAME, settings, "wss", "ws")
    smallest = Smallest(settings, url, required_key(NAME, settings), tls_context(setup, url))
    idle_s = min(Patience().idle_s, 0.8 * settings.idle_timeout_s)
    plan = PoolPlan(
        engine=NAME,
        new_dialect=partial(SmallestDialect, settings),
        most=settings.concurrency,
        home=smallest.plan(VoiceChoice(), setup.sample_rate).address,
        warm=settings.warm_sockets,
        patience=Patience(idle_s=idle_s),
    )
    async with open_pooled_engine(smallest, plan) as engine:
        yield engine


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=SmallestSettings(),
    documentation="https://docs.smallest.ai",
)
