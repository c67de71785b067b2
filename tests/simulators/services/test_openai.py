"""OpenAI's own client, unchanged, against the simulated service."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import pytest
import trio

from trioaudio.engines._http import HttpRefusedError, HttpService, open_http
from trioaudio.simulators.services.openai_requests import RefusedError, read_speech
from trioaudio.simulators.services.service import find_service, open_service
from trioaudio.simulators.services.studio import ServiceOptions, ServiceStatistics
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

openai = pytest.importorskip("openai")
RATE = 24000
T = TypeVar("T")


def speech(client: Any, text: str = "Hello.", **more: Any) -> bytes:
    """Have the client ask for speech as its documentation does, and read it as it comes."""
    asked = {"model": "tts-1", "voice": "alloy", "response_format": "pcm", **more}
    with client.audio.speech.with_streaming_response.create(input=text, **asked) as response:
        return b"".join(response.iter_bytes())


def heard(pcm: bytes) -> str:
    letters = read_tone(pcm, RATE)
    assert {each.owner for each in letters} <= {owner_of("alloy")}
    return "".join(each.character for each in letters)


async def with_client(
    use: Callable[[Any], T], *faults: str, client_key: str = "k", **options: Any
) -> tuple[T, ServiceStatistics]:
    """Run what the client does, which blocks, in a thread."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    async with open_service("openai", attrs.evolve(quick, **options)) as service:

        def run() -> T:
            url = f"{service.http_url}/v1"
            with openai.OpenAI(api_key=client_key, base_url=url, timeout=5) as client:
                return use(client)

        with trio.fail_after(20):
            return await trio.to_thread.run_sync(run), service.statistics()


async def refused(use: Callable[[Any], object], *faults: str, **options: Any) -> Any:
    """Return the client's error."""

    def run(client: Any) -> Any:
        with pytest.raises(openai.APIError) as caught:
            use(client)
        return caught.value

    return (await with_client(run, *faults, **options))[0]


async def test_it_speaks_pcm() -> None:
    pcm, statistics = await with_client(speech, key="k", chunk_ms=(20, 30))
    assert heard(pcm) == "HELLO."
    assert statistics.utterances == 1
    assert statistics.characters == 6
    assert statistics.audio_seconds == pytest.approx(len(pcm) / 48000)
    assert statistics.active == 0


async def test_it_speaks_wav() -> None:
    body, _ = await with_client(lambda client: speech(client, response_format="wav"))
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
    assert heard(body[44:]) == "HELLO."


async def test_it_speaks_in_events() -> None:
    def use(client: Any) -> list[dict[str, Any]]:
        body = speech(client, stream_format="sse").decode()
        return [json.loads(event.removeprefix("data: ")) for event in body.split("\n\n") if event]

    events, _ = await with_client(use)
    assert {each["type"] for each in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] == 2
    pcm = b"".join(base64.b64decode(each["audio"]) for each in events[:-1])
    assert heard(pcm) == "HELLO."


async def test_events_tell_of_a_failure() -> None:
    def use(client: Any) -> str:
        return speech(client, "Hello, hello, hello.", stream_format="sse").decode()

    body, statistics = await with_client(use, "fail=200")
    assert '"type": "error"' in body
    assert "speech.audio.done" not in body
    assert statistics.errors == {500: 1}
    body, _ = await with_client(use, "no-done")
    assert "speech.audio.done" not in body


async def test_a_wrong_key() -> None:
    error = await refused(speech, client_key="sk-1", key="sk-2")
    assert isinstance(error, openai.AuthenticationError)
    assert "Incorrect API key provided: sk***" in str(error)
    assert error.code == "invalid_api_key"


async def test_no_key_where_one_is_wanted() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, key="k")
    async with (
        open_service("openai", options) as service,
        open_http(HttpService("client", service.http_url)) as http,
    ):
        for path in ("/v1/models", "/v1/audio/voices"):
            with pytest.raises(HttpRefusedError, match="You didn't provide an API key") as caught:
                await http.fetch("GET", path)
            assert caught.value.status == 401
        assert service.statistics().errors == {401: 2}


async def test_a_voice_that_is_none() -> None:
    error = await refused(speech, voices=("echo",))
    assert isinstance(error, openai.BadRequestError)
    assert error.param == "voice"


async def test_its_voices_and_models_are_listed() -> None:
    models, _ = await with_client(lambda client: [each.id for each in client.models.list()])
    assert "tts-1" in models
    async with (
        open_service("openai", ServiceOptions(voice=VoiceKind.TONE)) as service,
        open_http(HttpService("client", service.http_url)) as http,
    ):
        assert "alloy" in json.loads(await http.fetch("GET", "/v1/audio/voices"))["voices"]


async def test_a_limit_is_obeyed_and_asked_again_by_the_client() -> None:
    _, statistics = await with_client(speech, "refuse=429@#1", "retry-after=10@#1")
    assert statistics.errors == {429: 1}
    assert statistics.utterances == 2
    error = await refused(speech, "refuse=429", "retry-after=1")
    assert isinstance(error, openai.RateLimitError)


async def test_more_than_there_may_be_at_once() -> None:
    options = ServiceOptions(voice=VoiceKind.TONE, concurrency=1, faults=("stall=50",))
    asked = {"input": "Hello.", "voice": "alloy", "response_format": "pcm"}
    async with (
        open_service("openai", options) as service,
        open_http(HttpService("client", service.http_url)) as http,
        http.stream("POST", "/v1/audio/speech", json=asked) as first,
    ):
        assert first.content_type == "audio/pcm"
        with pytest.raises(HttpRefusedError, match="Rate limit reached") as caught:
            await http.fetch("POST", "/v1/audio/speech", json=asked)
        assert caught.value.status == 429
        assert service.statistics().active == 1


@pytest.mark.parametrize(
    ("fault", "error"), [("reset=100", "reset by peer"), ("fail=100", "closed connection")]
)
async def test_an_answer_that_is_cut(fault: str, error: str) -> None:
    def use(client: Any) -> None:
        with pytest.raises(Exception, match=error):  # of the client's own HTTP library
            speech(client, "Hello, hello, hello.")

    _, statistics = await with_client(use, fault)
    assert statistics.active == 0


async def test_an_answer_that_ends_early_looks_complete() -> None:
    pcm, _ = await with_client(lambda client: speech(client, "Hello, hello."), "close=200")
    assert "HELLO, HELLO.".startswith(heard(pcm))
    assert len(heard(pcm)) < 13


async def test_an_error_or_nothing_as_a_success() -> None:
    body, _ = await with_client(speech, "error-body")
    assert json.loads(body)["error"]["message"] == "Out of memory."
    assert (await with_client(speech, "empty"))[0] == b""
    assert (await with_client(speech, "close=0"))[0] == b""


async def test_failing_before_any_audio_is_a_status() -> None:
    error = await refused(speech, "fail=0")
    assert isinstance(error, openai.InternalServerError)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": 7}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"voice": " "}, "voice"),
        ({"voice": {}}, "voice"),
        ({"model": 1}, "model"),
        ({"response_format": "mp3"}, "response_format"),
        ({"response_format": "abc"}, "response_format"),
        ({"response_format": []}, "response_format"),
        ({"stream_format": "ndjson"}, "stream_format"),
        ({"speed": 5}, "speed"),
        ({"speed": True}, "speed"),
        ({"speed": "1"}, "speed"),
    ],
)
def test_requests_that_are_refused(fields: dict[str, object], param: str) -> None:
    asked = {"input": "Hello.", "voice": "alloy", "response_format": "pcm", **fields}
    with pytest.raises(RefusedError) as caught:
        read_speech(json.dumps(asked).encode())
    assert caught.value.status == 400
    assert caught.value.param == param
    assert json.dumps(caught.value.body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_bodies_that_are_no_request(body: bytes) -> None:
    with pytest.raises(RefusedError, match="could not parse"):
        read_speech(body)


def test_a_request_as_it_is_read() -> None:
    found = read_speech(b'{"input": "Hi.", "voice": {"id": "voice_1"}, "response_format": "pcm"}')
    assert (found.input, found.voice, found.stream_format) == ("Hi.", "voice_1", "audio")


def test_it_is_found_by_name() -> None:
    assert find_service("openai").name == "openai"
