"""The simulated Sarvam over real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulators.services.talking import dialled, refusal, spoken, tone_service
from trioaudio.simulators.services.sound import Encoding, SoundFormat, wav_header

KEY = ("api-subscription-key", "key")
PATH = "/text-to-speech/ws?model=bulbul:v3&send_completion_event=true"
FLUSH = {"type": "flush"}


def config(**changes: object) -> dict[str, object]:
    data = {
        "target_language_code": "hi-IN",
        "speaker": "shubh",
        "speech_sample_rate": "8000",
        "output_audio_codec": "linear16",
    }
    return {"type": "config", "data": {**data, **changes}}


def text(words: str) -> dict[str, object]:
    return {"type": "text", "data": {"text": words}}


def said(messages: list[dict[str, Any]], sample_rate: int = 8000) -> str:
    chunks = [each["data"]["audio"] for each in messages if each["type"] == "audio"]
    return spoken(chunks, sample_rate)


async def test_it_speaks_what_is_flushed_and_tells_the_end_once() -> None:
    async with tone_service("sarvam") as service:
        async with dialled(service.websocket_url + PATH, KEY) as client:
            long = "This is long enough to be begun before it is flushed, it is."
            await client.send(config(), text(long), FLUSH)
            messages = await client.receive_to("type", "event")
            assert said(messages) == long.upper()
            assert messages[-1]["data"]["event_type"] == "final"
            await client.send({"type": "ping"}, text("Sho"), text("rt."), FLUSH)
            assert said(await client.receive_to("type", "event")) == "SHORT."
        assert service.statistics().errors == {}


async def test_a_new_config_speaks_the_rest_in_the_old_voice_first() -> None:
    async with (
        tone_service("sarvam") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(config(), text("Old."), config(speech_sample_rate=16000))
        await client.send(text("New."), FLUSH)
        messages = await client.receive_to("type", "event")
    audio = [each for each in messages if each["type"] == "audio"]
    lengths = sum(len(each["data"]["audio"]) for each in audio) * 3 // 4
    assert lengths == pytest.approx(4 * 1120 + 4 * 2240, abs=20)


async def test_wav_begins_with_a_header() -> None:
    async with (
        tone_service("sarvam") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(config(output_audio_codec="wav"), text("Ok."), FLUSH)
        first = await client.receive()
        await client.receive_to("type", "event")
    assert first["data"]["content_type"] == "audio/wav"
    header = wav_header(SoundFormat(Encoding.S16, 8000))
    assert len(first["data"]["audio"]) == -(-len(header) // 3) * 4


async def test_the_end_is_told_only_to_who_asked() -> None:
    path = PATH.replace("=true", "=false")
    async with (
        tone_service("sarvam", "idle-close=0.2") as service,
        dialled(service.websocket_url + path, KEY) as client,
    ):
        await client.send(config(), text("Ok."), FLUSH)
        assert (await client.receive())["type"] == "audio"
        assert (await client.closed())[0] == 1000


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (PATH, [], 403),
        (PATH, [("api-subscription-key", "other")], 403),
        (PATH.replace("v3", "v9"), [KEY], 400),
        (PATH.replace("true", "yes"), [KEY], 400),
    ],
)
async def test_it_refuses_in_json(path: str, header: list[tuple[str, str]], status: int) -> None:
    async with tone_service("sarvam", key="key") as service:
        found, body = await refusal(service.websocket_url + path, *header)
        assert found == status
        assert json.loads(body)["error"]["message"]
        assert service.statistics().errors == {status: 1}


@pytest.mark.parametrize(
    "message",
    [
        "{",
        {"type": "dance"},
        {"type": "text"},
        text("before any config"),
        FLUSH,
        config(target_language_code="fr-FR"),
        config(target_language_code=None),
        config(speaker="nobody"),
        config(output_audio_codec="mp3"),
        config(speech_sample_rate="8001"),
        config(pace=9),
        config(min_buffer_size="many"),
    ],
)
async def test_a_bad_message_is_an_error(message: object) -> None:
    async with (
        tone_service("sarvam", voices=("shubh",)) as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(message)
        error = await client.receive()
        assert error["type"] == "error"
        assert error["data"]["code"] in (400, 422)
        await client.send(config(), text("Ok."), FLUSH)
        assert said(await client.receive_to("type", "event")) == "OK."


async def test_a_text_too_long_is_an_error() -> None:
    async with (
        tone_service("sarvam") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(config(), text("x" * 2501))
        assert (await client.receive())["data"]["code"] == 422


async def test_one_utterance_too_many_is_refused() -> None:
    async with tone_service("sarvam", "stall=1@#1", concurrency=1) as service:
        url = service.websocket_url + PATH
        async with dialled(url, KEY) as first, dialled(url, KEY) as second:
            await first.send(config(), text("Stalls."), FLUSH)
            await first.receive()
            await second.send(config(), text("Refused."), FLUSH)
            assert (await second.receive())["data"]["code"] == 429
