"""Sarvam's Bulbul over its WebSocket: Indian languages, one clause at a time.

Messages: https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream. What is unusual: the
voice is set by a message, which must be the first on a socket and may be sent again; nothing in
an answer says what it answers; there is no cancel (so a cancelled clause costs its socket); and
a bad key is status 403.
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
from trioaudio.core.errors import ConfigError, EngineError
from trioaudio.engines._clause_turns import UtterancePlan
from trioaudio.engines._json_message import (
    JsonObject,
    complaint,
    inner_object,
    read_audio,
    read_object,
)
from trioaudio.engines._pooled_engine import PooledEngine, PooledSettings, open_pooled_engine
from trioaudio.engines._sarvam_voices import LANGUAGES, SPEAKERS, check_speaker, find_language
from trioaudio.engines._service import base_url, required_key, tls_context
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_pool import PoolPlan
from trioaudio.engines._socket_turn import Ended, Message, Request, SpeechEvent

NAME = "sarvam"
SAMPLE_RATES = (8000, 16000, 22050, 24000)


@attrs.frozen(kw_only=True)
class SarvamSettings(PooledSettings):
    """What an operator may set."""

    url: str = attrs.field(
        default="wss://api.sarvam.ai",
        metadata={"help": "where Sarvam's WebSocket is: scheme, host and port, no path"},
    )
    model: str = attrs.field(
        default="bulbul:v3", metadata={"help": "Sarvam's name of the model; a voice is of one"}
    )
    language: str = attrs.field(
        default="en-IN",
        metadata={"help": "the language spoken when a text asks for none, e.g. hi-IN"},
    )
    pace: float | None = attrs.field(
        default=None,
        metadata={
            "help": "times faster than usual; bulbul:v3 takes 0.5 to 2; empty: Sarvam's own",
            "least": 0.3,
            "most": 3,
        },
    )
    temperature: float | None = attrs.field(
        default=None,
        metadata={
            "help": "how freely bulbul:v3 speaks; empty: Sarvam's own",
            "least": 0.01,
            "most": 2,
        },
    )
    codec: str = attrs.field(
        default="linear16",
        metadata={"help": "output_audio_codec: linear16, or wav, whose header is dropped"},
    )
    sample_rate_as_text: bool = attrs.field(
        default=True,
        metadata={
            "help": "send speech_sample_rate as text, as the reference has it; a number otherwise"
        },
    )
    min_buffer_size: int = attrs.field(
        default=50,
        metadata={
            "help": "characters that make Sarvam begin before it is told to",
            "least": 1,
            "most": 2500,
        },
    )
    max_chunk_length: int = attrs.field(
        default=150,
        metadata={
            "help": "characters Sarvam synthesizes in one go",
            "least": 1,
            "most": 2500,
        },
    )


class SarvamDialect:
    """One socket's messages; `usual` is what most clauses on it will be."""

    def __init__(self, settings: SarvamSettings, usual: Request) -> None:
        self._settings = settings
        self._usual = usual
        self._configured = ""

    def greet(self) -> Sequence[Message]:
        """Set the voice: nothing else may be said before."""
        return self._configure(self._usual)

    def ask(self, request: Request) -> Sequence[Message]:
        """Have a clause spoken, in its voice."""
        text = {"type": "text", "data": {"text": request.text}}
        return (*self._configure(request), json.dumps(text), json.dumps({"type": "flush"}))

    def _configure(self, request: Request) -> Sequence[Message]:
        """Return what sets the voice, unless it is set already."""
        ours = self._settings
        rate = request.sample_rate
        data: JsonObject = {
            "model": ours.model,
            "target_language_code": request.language,
            "speaker": request.voice,
            "speech_sample_rate": str(rate) if ours.sample_rate_as_text else rate,
            "output_audio_codec": ours.codec,
            "min_buffer_size": ours.min_buffer_size,
            "max_chunk_length": ours.max_chunk_length,
        }
        if ours.pace is not None:
            data["pace"] = ours.pace
        if ours.temperature is not None:
            data["temperature"] = ours.temperature
        message = json.dumps({"type": "config", "data": data})
        if message == self._configured:
            return ()
        self._configured = message
        return (message,)

    def receive(self, message: Message) -> Sequence[SpeechEvent]:
        """Return what a message says; all of it is of the clause asked for last."""
        fields = read_object(NAME, message)
        if isinstance(fields, EngineError):
            return (fields,)
        data = inner_object(fields, "data")
        match fields.get("type"):
            case "audio":
                return (read_audio(NAME, data.get("audio")),)
            case "event" if data.get("event_type") == "final":
                return (Ended(),)
            case "error":
                return (complaint(NAME, data, data.get("code")),)
            case _:
                return ()

    def forget(self) -> None:
        """Return None: it cannot be told to stop."""
        return

    def keep_alive(self) -> Sequence[Message]:
        """Say that the socket is still wanted: after a minute of silence Sarvam closes it."""
        return (json.dumps({"type": "ping"}),)


@attrs.frozen
class Sarvam:
    """What is known of Sarvam without asking it."""

    settings: SarvamSettings
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
        """Raise ConfigError for another model's voice, and for a language it does not speak."""
        check_speaker(self.settings.model, self._voice(choice))
        self._language(choice)

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that shapes the sound but text and rate."""
        ours = self.settings
        return (
            f"{NAME} {ours.model} {self._voice(choice)} {self._language(choice)} {ours.pace}"
            f" {ours.temperature}"
        )

    def voices(self) -> list[Voice]:
        """Return the voices its reference lists for the model, and the one it is set to use."""
        names = dict.fromkeys((self._voice(VoiceChoice()), *SPEAKERS.get(self.settings.model, ())))
        return [Voice(name, LANGUAGES) for name in names]

    def plan(self, choice: VoiceChoice, sample_rate: int) -> UtterancePlan:
        """Return where and how an utterance is spoken; ConfigError as `check`."""
        self.check(choice)
        query = urlencode({"model": self.settings.model, "send_completion_event": "true"})
        address = ServiceAddress(
            NAME,
            f"{self.url}/text-to-speech/ws?{query}",
            (("api-subscription-key", self.key),),
            self.tls,
        )
        return UtterancePlan(address, self._voice(choice), self._language(choice), sample_rate)

    def _voice(self, choice: VoiceChoice) -> str:
        named = choice.voice or self.settings.voice
        if named is None:
            return SPEAKERS.get(self.settings.model, ("anushka",))[0]
        return named.lower()

    def _language(self, choice: VoiceChoice) -> str:
        return find_language(choice.language or self.settings.language)


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[PooledEngine]:
    """Keep sockets to Sarvam warm. ConfigError when a setting is missing or wrong."""
    settings = setup.settings
    assert isinstance(settings, SarvamSettings)
    url = base_url(NAME, settings, "wss", "ws")
    sarvam = Sarvam(settings, url, required_key(NAME, settings), tls_context(setup, url))
    if settings.codec not in ("linear16", "wav"):
        raise ConfigError(f"TRIOAUDIO_SARVAM_CODEC={settings.codec!r}: give linear16 or wav")
    usual = sarvam.plan(VoiceChoice(), sarvam.sample_rate_for(setup.sample_rate))
    plan = PoolPlan(
        engine=NAME,
        new_dialect=partial(SarvamDialect, settings, usual.request("")),
        most=settings.concurrency,
        home=usual.address,
        warm=settings.warm_sockets,
    )
    async with open_pooled_engine(sarvam, plan) as engine:
        yield engine


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=SarvamSettings(),
    documentation="https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream",
)
