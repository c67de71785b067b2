"""What is Smallest AI's own; the rest is in test_pooled_engine."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import trio

from engines.listening import DEFAULT, opened, say
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._socket_turn import Dialect, Ended, Request, SaidWord, SpeechEvent
from trioaudio.engines.smallest import Smallest, SmallestDialect, SmallestSettings
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.voice import VoiceKind

REQUEST = Request("Hello.", "magnus", "en", 8000)
QUICK = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1)


def smallest(**settings: object) -> Smallest:
    return Smallest(SmallestSettings(**settings), "wss://small", "hush")  # type: ignore[arg-type]


def heard(message: dict[str, object]) -> Sequence[SpeechEvent]:
    """Return what a dialect makes of a message, once it has asked for its first clause."""
    dialect = SmallestDialect(SmallestSettings())
    dialect.ask(REQUEST)
    return dialect.receive(json.dumps(message))


def test_a_clause_is_one_request_that_says_all() -> None:
    dialect = SmallestDialect(SmallestSettings())
    assert dialect.greet() == ()
    (request,) = dialect.ask(REQUEST)
    assert json.loads(request) == {
        "text": "Hello.",
        "voice_id": "magnus",
        "model": "lightning_v3.1",
        "language": "en",
        "sample_rate": 8000,
        "output_format": "pcm",
        "word_timestamps": True,
        "complete_backoff_ms": 100,
        "request_id": "clause-1",
        "continue": False,
        "flush": True,
    }


def test_what_the_operator_sets_is_sent() -> None:
    settings = SmallestSettings(speed=1.5, word_timestamps=False, model="lightning_v3.1_pro")
    (request,) = SmallestDialect(settings).ask(REQUEST)
    fields = json.loads(request)
    assert (fields["speed"], fields["word_timestamps"]) == (1.5, False)
    assert fields["model"] == "lightning_v3.1_pro"


def test_messages_of_the_clause_are_understood() -> None:
    ours = {"external_request_id": "clause-1", "request_id": "task", "session_id": "ws"}
    assert heard({**ours, "status": "chunk", "data": {"audio": "AAA="}}) == (b"\0\0",)
    word = {"id": 0, "word": "Hello.", "start": 0.25, "end": 0.5}
    assert heard({**ours, "status": "word_timestamp", "data": word}) == (SaidWord("Hello.", 0.25),)
    assert heard({**ours, "status": "complete"}) == (Ended(),)
    assert heard({"status": "complete"}) == (Ended(),)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"status": "warming"},
        {"status": "complete", "external_request_id": "clause-0"},
        {"status": "chunk", "external_request_id": "x", "data": {"audio": "AAA="}},
        {"status": "word_timestamp"},
        {"status": "word_timestamp", "data": {"word": 3, "start": 0.1}},
    ],
)
def test_messages_that_say_nothing_of_it_are_ignored(message: dict[str, object]) -> None:
    assert heard(message) == ()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"message": "429 too many requests"}, EngineFault.RATE),
        ({"error": {"message": "voice not found"}, "code": 400}, EngineFault.BAD_REQUEST),
        ({}, EngineFault.UNAVAILABLE),
    ],
)
def test_errors_are_understood_whosever_they_are(
    fields: dict[str, object], kind: EngineFault
) -> None:
    (error,) = heard({"status": "error", "external_request_id": "other", **fields})
    assert isinstance(error, EngineError)
    assert error.kind is kind


def test_it_cannot_be_told_to_stop() -> None:
    dialect: Dialect = SmallestDialect(SmallestSettings())
    assert dialect.forget() is None
    assert dialect.keep_alive() == ()


def test_the_address_asks_for_patience_and_hides_the_key() -> None:
    plan = smallest(idle_timeout_s=77).plan(VoiceChoice("meher", "hi-IN"), 8000)
    assert plan.address.url == "wss://small/waves/v1/tts/live?timeout=77"
    assert plan.address.headers == (("Authorization", "Bearer hush"),)
    assert (plan.voice, plan.language) == ("meher", "hi")
    assert "hush" not in repr(smallest())
    assert smallest(voice="mine").plan(DEFAULT, 8000).voice == "mine"
    assert smallest().plan(DEFAULT, 8000).voice == "magnus"


@pytest.mark.parametrize(("wanted", "rate"), [(8000, 8000), (16000, 16000), (48000, 44100)])
def test_the_nearest_rate_is_asked_for(wanted: int, rate: int) -> None:
    assert smallest().sample_rate_for(wanted) == rate


async def test_a_missing_key_is_found_when_it_is_opened() -> None:
    with pytest.raises(ConfigError, match="TRIOAUDIO_SMALLEST_API_KEY"):
        async with opened("smallest"):
            pass


async def test_a_clause_ends_soon_after_its_audio() -> None:
    async with open_service("smallest", QUICK) as service:
        url = service.websocket_url
        async with opened("smallest", url=url, api_key=Secret("key")) as engine:
            before = trio.current_time()
            await say(engine, "Ok.")
            assert 0.1 <= trio.current_time() - before < 2
