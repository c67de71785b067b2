"""Rime over its JSON WebSocket: one clause at a time, synthesized when it is flushed.

Messages: https://docs.rime.ai/api-reference/arcana/websockets-json. `segment=never` makes every
flush one synthesis with one `done`: https://docs.rime.ai/docs/segmentation. What is unusual: a
socket keeps only one context, `clear` does not stop what is being synthesized (so a cancelled
clause costs its socket), and most failures are a close with code 1011 and a reason.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence
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
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_pool import PoolPlan
from trioaudio.engines._socket_turn import Ended, Message, Request, SaidWord, SpeechEvent

NAME = "rime"
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
_DEFAULT_VOICE = "astra"


@attrs.frozen(kw_only=True)
class RimeSettings(PooledSettings):
    """What an operator may set."""

    url: str = attrs.field(
        default="wss://users-ws.rime.ai",
        metadata={
            "help": "where Rime's WebSocket is: scheme, host and port, no path; regional ones are"
            " nearer"
        },
    )
    model: str = attrs.field(
        default="coda", metadata={"help": "Rime's name of the model, its modelId"}
    )
    language: str = attrs.field(
        default="eng",
        metadata={"help": "the language spoken when a text asks for none, as Rime writes it"},
    )
    time_scale: float | None = attrs.field(
        default=None,
        metadata={
            "help": "timeScaleFactor of coda, arcana and mistv3: times longer than usual; empty:"
            " Rime's own",
            "least": 0.25,
            "most": 4,
        },
    )
    speed_alpha: float | None = attrs.field(
        default=None,
        metadata={
            "help": "speedAlpha of mist and mistv2: below 1 is faster; empty: Rime's own",
            "least": 0.25,
            "most": 4,
        },
    )


class RimeDialect:
    """One socket's messages. The context tells a late message from one of the clause asked for."""

    def __init__(self) -> None:
        self._asked = 0

    @property
    def _context(self) -> str:
        return f"clause-{self._asked}"

    def greet(self) -> Sequence[Message]:
        """Say nothing: all is in the query."""
        return ()

    def ask(self, request: Request) -> Sequence[Message]:
        """Have a clause synthesized."""
        self._asked += 1
        text = {"text": request.text, "contextId": self._context}
        return (json.dumps(text), json.dumps({"operation": "flush"}))

    def receive(self, message: Message) -> Sequence[SpeechEvent]:
        """Return what a message says of the clause asked for last."""
        fields = read_object(NAME, message)
        if isinstance(fields, EngineError):
            return (fields,)
        if fields.get("type") == "error":
            return (complaint(NAME, fields, fields.get("code")),)
        if fields.get("contextId") not in (None, self._context):
            return ()
        match fields.get("type"):
            case "chunk":
                return (read_audio(NAME, fields.get("data")),)
            case "timestamps":
                return _said_words(inner_object(fields, "word_timestamps"))
            case "done":
                return (Ended(),)
            case _:
                return ()

    def forget(self) -> None:
        """Return None: what is being synthesized cannot be stopped."""
        return

    def keep_alive(self) -> Sequence[Message]:
        """Say nothing; a ping is enough."""
        return ()


def _said_words(fields: JsonObject) -> tuple[SaidWord, ...]:
    words, starts = fields.get("words"), fields.get("start")
    if not isinstance(words, list) or not isinstance(starts, list):
        return ()
    return tuple(
        SaidWord(word, float(start))
        for word, start in zip(words, starts, strict=False)
        if isinstance(word, str) and isinstance(start, int | float)
    )


@attrs.frozen
class Rime:
    """What is known of Rime without asking it. Its catalogue changes; names are not checked."""

    settings: RimeSettings
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
        """Accept every voice: there are hundreds, and new ones every month."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that shapes the sound but text and rate."""
        ours = self.settings
        return (
            f"{NAME} {ours.model} {self._voice(choice)} {self._language(choice)}"
            f" {ours.time_scale} {ours.speed_alpha}"
        )

    def voices(self) -> list[Voice]:
        """Return the voice it is set to use."""
        choice = VoiceChoice()
        return [Voice(self._voice(choice), (self._language(choice),))]

    def plan(self, choice: VoiceChoice, sample_rate: int) -> UtterancePlan:
        """Return where and how an utterance is spoken."""
        voice, language = self._voice(choice), self._language(choice)
        query: dict[str, str | int | float] = {
            "speaker": voice,
            "modelId": self.settings.model,
            "audioFormat": "pcm",
            "samplingRate": sample_rate,
            "lang": language,
            "segment": "never",
        }
        if self.settings.time_scale is not None:
            query["timeScaleFactor"] = self.settings.time_scale
        if self.settings.speed_alpha is not None:
            query["speedAlpha"] = self.settings.speed_alpha
        address = ServiceAddress(
            NAME,
            f"{self.url}/ws3?{urlencode(query)}",
            (("Authorization", f"Bearer {self.key}"),),
            self.tls,
        )
        return UtterancePlan(address, voice, language, sample_rate)

    def _voice(self, choice: VoiceChoice) -> str:
        return choice.voice or self.settings.voice or _DEFAULT_VOICE

    def _language(self, choice: VoiceChoice) -> str:
        """Return a language as Rime takes it: ISO codes of two letters or three, no region."""
        if choice.language is None:
            return self.settings.language
        return choice.language.replace("_", "-").partition("-")[0].lower()


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[PooledEngine]:
    """Keep sockets to Rime warm. ConfigError when the key is missing or the URL is none."""
    settings = setup.settings
    assert isinstance(settings, RimeSettings)
    url = base_url(NAME, settings, "wss", "ws")
    rime = Rime(settings, url, required_key(NAME, settings), tls_context(setup, url))
    home = rime.plan(VoiceChoice(), rime.sample_rate_for(setup.sample_rate)).address
    plan = PoolPlan(
        engine=NAME,
        new_dialect=RimeDialect,
        most=settings.concurrency,
        home=home,
        warm=settings.warm_sockets,
    )
    async with open_pooled_engine(rime, plan) as engine:
        yield engine


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=RimeSettings(),
    documentation="https://docs.rime.ai/docs/websockets",
)
