"""What is Rime's own; the rest is in test_pooled_engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from engines.listening import DEFAULT, opened, say
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._socket_turn import Dialect, Ended, Request, SaidWord, SpeechEvent
from trioaudio.engines.rime import ENGINE, Rime, RimeDialect, RimeSettings
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

REQUEST = Request("Hello.", "astra", "eng", 8000)


def rime(**settings: object) -> Rime:
    return Rime(RimeSettings(**settings), "wss://rime", "hush")  # type: ignore[arg-type]


def heard(*messages: dict[str, object]) -> Sequence[SpeechEvent]:
    """Return what a dialect makes of messages, once it has asked for its first clause."""
    dialect = RimeDialect()
    dialect.ask(REQUEST)
    return [event for each in messages for event in dialect.receive(json.dumps(each))]


def test_the_query_says_all_of_the_voice() -> None:
    plan = rime(speed_alpha=0.9, time_scale=1.1).plan(VoiceChoice("luna", "es-MX"), 16000)
    parts = urlsplit(plan.address.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "wss://rime/ws3"
    assert {name: value for name, (value,) in parse_qs(parts.query).items()} == {
        "speaker": "luna",
        "modelId": "coda",
        "audioFormat": "pcm",
        "samplingRate": "16000",
        "lang": "es",
        "segment": "never",
        "timeScaleFactor": "1.1",
        "speedAlpha": "0.9",
    }
    assert plan.address.headers == (("Authorization", "Bearer hush"),)


def test_an_operators_voice_is_the_default_and_an_authors_goes_before() -> None:
    service = rime(voice="cove", language="ger")
    assert (service.plan(DEFAULT, 8000).voice, service.plan(DEFAULT, 8000).language) == (
        "cove",
        "ger",
    )
    chosen = service.plan(VoiceChoice("luna", "EN_us"), 8000)
    assert (chosen.voice, chosen.language) == ("luna", "en")
    assert rime().plan(DEFAULT, 8000).voice == "astra"


@pytest.mark.parametrize(("wanted", "rate"), [(8000, 8000), (16000, 16000), (11025, 8000)])
def test_the_nearest_rate_is_asked_for(wanted: int, rate: int) -> None:
    assert rime().sample_rate_for(wanted) == rate


def test_a_clause_is_a_text_and_a_flush() -> None:
    dialect = RimeDialect()
    assert dialect.greet() == ()
    first, second = dialect.ask(REQUEST), dialect.ask(REQUEST)
    assert [json.loads(each) for each in first] == [
        {"text": "Hello.", "contextId": "clause-1"},
        {"operation": "flush"},
    ]
    assert json.loads(second[0])["contextId"] == "clause-2"


def test_messages_of_the_clause_are_understood() -> None:
    timings = {"words": ["Hello", 7, "there"], "start": [0.1, 0.2, "x"], "end": [0.2]}
    assert heard(
        {"type": "chunk", "data": "AAA=", "contextId": "clause-1"},
        {"type": "timestamps", "word_timestamps": timings, "contextId": "clause-1"},
        {"type": "done", "contextId": "clause-1"},
    ) == [b"\0\0", SaidWord("Hello", 0.1), Ended()]


def test_messages_without_a_context_are_of_the_clause_too() -> None:
    assert heard({"type": "chunk", "data": "AAA="}, {"type": "done", "contextId": None}) == [
        b"\0\0",
        Ended(),
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "chunk", "data": "AAA=", "contextId": "clause-0"},
        {"type": "done", "contextId": "another"},
        {"type": "hello"},
        {},
        {"type": "timestamps", "contextId": "clause-1"},
        {"type": "timestamps", "word_timestamps": {"words": "a", "start": []}},
    ],
)
def test_messages_that_say_nothing_of_it_are_ignored(message: dict[str, object]) -> None:
    assert heard(message) == []


def test_errors_are_understood_whosever_they_are() -> None:
    (error,) = heard({"type": "error", "message": "400: text is too long", "contextId": "x"})
    assert isinstance(error, EngineError)
    assert error.kind is EngineFault.BAD_REQUEST


def test_it_cannot_be_told_to_stop() -> None:
    dialect: Dialect = RimeDialect()
    assert dialect.forget() is None
    assert dialect.keep_alive() == ()


async def test_each_clause_is_a_context_of_its_own() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1)
    async with open_service("rime", options) as service:
        url = service.websocket_url
        async with opened("rime", url=url, api_key=Secret("key"), warm_sockets=0) as engine:
            sink = await say(engine, "a", "b")
    owners = [each.owner for each in read_tone(sink.pcm, 8000)]
    assert owners == [owner_of("clause-1"), owner_of("clause-2")]


async def test_errors_in_messages_are_told() -> None:
    faults = ("error-events", "orphan-refuse=402")
    options = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    async with open_service("rime", options) as service:
        url = service.websocket_url
        async with opened("rime", url=url, api_key=Secret("key")) as engine:
            with pytest.raises(EngineError) as caught:
                await say(engine, "Hello.")
    assert caught.value.kind is EngineFault.QUOTA


async def test_a_url_with_another_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="TRIOAUDIO_RIME_URL"):
        async with opened("rime", url="https://rime", api_key=Secret("key")):
            pass


def test_it_is_found_by_its_name() -> None:
    assert ENGINE.name == "rime"
    assert "hush" not in repr(rime().plan(DEFAULT, 8000))
    assert "hush" not in repr(rime())
