"""What is Sarvam's own; the rest is in test_pooled_engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from engines.listening import DEFAULT, opened, say
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._socket_turn import Dialect, Ended, Message, Request, SpeechEvent
from trioaudio.engines.sarvam import Sarvam, SarvamDialect, SarvamSettings
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

USUAL = Request("", "shubh", "hi-IN", 8000)
REQUEST = Request("Namaste.", "shubh", "hi-IN", 8000)
QUICK = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1)


def sarvam(**settings: object) -> Sarvam:
    return Sarvam(SarvamSettings(**settings), "wss://sarvam", "hush")  # type: ignore[arg-type]


def read(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [json.loads(each) for each in messages]


def heard(message: dict[str, object]) -> Sequence[SpeechEvent]:
    return SarvamDialect(SarvamSettings(), USUAL).receive(json.dumps(message))


def test_the_first_message_sets_the_voice_as_the_reference_has_it() -> None:
    (config,) = read(SarvamDialect(SarvamSettings(), USUAL).greet())
    assert config == {
        "type": "config",
        "data": {
            "model": "bulbul:v3",
            "target_language_code": "hi-IN",
            "speaker": "shubh",
            "speech_sample_rate": "8000",
            "output_audio_codec": "linear16",
            "min_buffer_size": 50,
            "max_chunk_length": 150,
        },
    }


def test_what_the_operator_sets_is_sent() -> None:
    settings = SarvamSettings(pace=1.2, temperature=0.3, sample_rate_as_text=False, codec="wav")
    data = read(SarvamDialect(settings, USUAL).greet())[0]["data"]
    assert (data["pace"], data["temperature"]) == (1.2, 0.3)
    assert (data["speech_sample_rate"], data["output_audio_codec"]) == (8000, "wav")


def test_the_voice_is_set_again_only_for_another() -> None:
    dialect = SarvamDialect(SarvamSettings(), USUAL)
    dialect.greet()
    text, flush = {"type": "text", "data": {"text": "Namaste."}}, {"type": "flush"}
    assert read(dialect.ask(REQUEST)) == [text, flush]
    other = Request("Namaste.", "ritu", "ta-IN", 16000)
    config, *rest = read(dialect.ask(other))
    assert rest == [text, flush]
    assert config["data"]["speaker"] == "ritu"
    assert read(dialect.ask(other)) == [text, flush]
    assert read(dialect.ask(REQUEST))[0]["data"]["speaker"] == "shubh"


def test_messages_are_understood() -> None:
    assert heard({"type": "audio", "data": {"audio": "AAA=", "request_id": "r"}}) == (b"\0\0",)
    assert heard({"type": "event", "data": {"event_type": "final"}}) == (Ended(),)


@pytest.mark.parametrize(
    "message",
    [{}, {"type": "pong"}, {"type": "event"}, {"type": "event", "data": {"event_type": "start"}}],
)
def test_messages_that_say_nothing_are_ignored(message: dict[str, object]) -> None:
    assert heard(message) == ()


def test_errors_are_understood() -> None:
    (error,) = heard({"type": "error", "data": {"message": "no credits", "code": 402}})
    assert isinstance(error, EngineError)
    assert error.kind is EngineFault.QUOTA


def test_it_keeps_a_socket_alive_and_cannot_stop() -> None:
    dialect: Dialect = SarvamDialect(SarvamSettings(), USUAL)
    assert read(dialect.keep_alive()) == [{"type": "ping"}]
    assert dialect.forget() is None


@pytest.mark.parametrize(
    ("tag", "code"),
    [("hi", "hi-IN"), ("en-US", "en-IN"), ("or", "od-IN"), ("or-IN", "od-IN"), ("TA_in", "ta-IN")],
)
def test_languages_are_found_whatever_their_region(tag: str, code: str) -> None:
    assert sarvam().plan(VoiceChoice(language=tag), 8000).language == code


@pytest.mark.parametrize("language", ["fr", "fr-FR", "", "xx-none"])
def test_a_language_it_does_not_speak_is_refused(language: str) -> None:
    if language:
        with pytest.raises(ConfigError, match="does not speak"):
            sarvam().check(VoiceChoice(language=language))
    else:
        sarvam().check(VoiceChoice(language=language))  # none chosen


def test_a_voice_is_of_one_model() -> None:
    sarvam().check(VoiceChoice("Ritu"))
    sarvam().check(VoiceChoice("somebody-new"))
    sarvam(model="bulbul:v9").check(VoiceChoice("anushka"))
    with pytest.raises(ConfigError, match="is of bulbul:v2, not of bulbul:v3"):
        sarvam().check(VoiceChoice("anushka"))
    with pytest.raises(ConfigError):
        sarvam(voice="anushka").plan(DEFAULT, 8000)


@pytest.mark.parametrize(
    ("model", "voice"), [("bulbul:v2", "anushka"), ("bulbul:v3", "shubh"), ("bulbul:v9", "anushka")]
)
def test_each_model_has_a_voice_of_its_own(model: str, voice: str) -> None:
    assert sarvam(model=model).plan(DEFAULT, 8000).voice == voice
    assert voice in [each.name for each in sarvam(model=model).voices()]


def test_the_address_names_the_model_and_hides_the_key() -> None:
    plan = sarvam().plan(DEFAULT, 8000)
    assert plan.address.url == (
        "wss://sarvam/text-to-speech/ws?model=bulbul%3Av3&send_completion_event=true"
    )
    assert plan.address.headers == (("api-subscription-key", "hush"),)
    assert "hush" not in repr(sarvam())


@pytest.mark.parametrize(
    "changes", [{"language": "fr"}, {"codec": "mp3"}, {"voice": "anushka"}, {"url": "sarvam"}]
)
async def test_wrong_settings_are_found_when_it_is_opened(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        async with opened("sarvam", api_key=Secret("key"), **changes):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize("codec", ["linear16", "wav"])
async def test_long_and_short_clauses_are_whole_in_either_codec(codec: str) -> None:
    """A text beyond `min_buffer_size` is begun before the flush; its end is told once."""
    long = "This is long enough to be begun before it is flushed, it is."
    async with open_service("sarvam", QUICK) as service:
        url = service.websocket_url
        async with opened("sarvam", url=url, api_key=Secret("key"), codec=codec) as engine:
            sink = await say(engine, "Short.", long, "Ok.")
    heard_text = "".join(each.character for each in read_tone(sink.pcm, 8000))
    assert heard_text == f"Short.{long}Ok.".upper()
    assert sink.spoken == [1, 2, 3]


async def test_one_socket_serves_two_voices() -> None:
    async with open_service("sarvam", QUICK) as service:
        url = service.websocket_url
        async with opened("sarvam", url=url, api_key=Secret("key"), concurrency=1) as engine:
            for language in ("hi", "ta", "hi"):
                sink = await say(engine, "Ok.", choice=VoiceChoice(language=language))
                assert len(sink.pcm) == 3 * 1120
        assert service.statistics().connections == 1
        assert service.statistics().errors == {}
