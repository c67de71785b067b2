"""The simulated ElevenLabs, spoken to by a client that hides nothing."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx
import pytest
import trio
import trio_websocket

from simulators.services.websocket_client import close_of, dial, rejection
from trioaudio.simulators.services.elevenlabs_context import MOST_CHARACTERS, Context
from trioaudio.simulators.services.elevenlabs_requests import (
    DEFAULT_SCHEDULE,
    RefusedError,
    read_message,
)
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

QUERY = "output_format=pcm_8000&sync_alignment=true&auto_mode=true&inactivity_timeout=180"
HEADERS = {"xi-api-key": "k"}


@contextlib.asynccontextmanager
async def serving(*faults: str, **options: Any) -> AsyncIterator[OpenService]:
    wanted = {"voice": VoiceKind.TONE, "first_audio_ms": 1, **options}
    with trio.fail_after(20):
        async with open_service("elevenlabs", ServiceOptions(faults=faults, **wanted)) as service:
            yield service


@attrs.define
class Client:
    """One WebSocket."""

    websocket: trio_websocket.WebSocketConnection

    async def send(self, **fields: object) -> None:
        await self.websocket.send_message(json.dumps(fields))

    async def open_context(self, ident: str) -> None:
        await self.send(text=" ", context_id=ident)

    async def receive(self) -> dict[str, Any]:
        value = json.loads(await self.websocket.get_message())
        assert isinstance(value, dict)
        return value

    async def receive_final(self) -> list[dict[str, Any]]:
        found = [await self.receive()]
        while not found[-1].get("isFinal"):
            found.append(await self.receive())
        return found

    async def receive_close(self) -> tuple[list[dict[str, Any]], int, str]:
        found = []
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                found.append(await self.receive())
        return found, *await close_of(self.websocket)


def resource(query: str = QUERY, endpoint: str = "multi-stream-input") -> str:
    return f"/v1/text-to-speech/v/{endpoint}?{query}"


@contextlib.asynccontextmanager
async def dialled(
    service: OpenService, query: str = QUERY, endpoint: str = "multi-stream-input"
) -> AsyncIterator[Client]:
    async with dial(service, resource(query, endpoint), HEADERS) as websocket:
        yield Client(websocket)


def audio(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(each["audio"]) for each in messages if each.get("audio"))


def heard(pcm: bytes) -> str:
    return "".join(each.character for each in read_tone(pcm, 8000))


async def test_a_context_speaks_its_text_and_aligns_every_character_with_its_audio() -> None:
    async with serving() as service, dialled(service) as client:
        await client.open_context("a")
        await client.send(text="Hello there. ", context_id="a", flush=True)
        await client.send(context_id="a", close_context=True)
        messages = await client.receive_final()
        assert heard(audio(messages)) == "HELLO THERE."
        assert {each.owner for each in read_tone(audio(messages), 8000)} == {owner_of("a")}
        assert {each["contextId"] for each in messages} == {"a"}
        aligned = [each["alignment"] for each in messages if each["alignment"]]
        assert "".join("".join(each["chars"]) for each in aligned) == "Hello there. "
        for each, message in zip(aligned, messages, strict=False):
            assert 0 <= each["charStartTimesMs"][0] <= 70  # from its own chunk's beginning
            last = each["charStartTimesMs"][-1] + each["charDurationsMs"][-1]
            assert last <= len(base64.b64decode(message["audio"])) / 16 + 70
        assert messages[-1]["audio"] is None


async def test_contexts_are_apart_and_the_same_id_may_come_again() -> None:
    async with serving() as service, dialled(service) as client:
        for _ in range(2):
            for ident in ("a", "b"):
                await client.open_context(ident)
                await client.send(text=f"I am {ident}. ", context_id=ident, flush=True)
                await client.send(context_id=ident, close_context=True)
            messages = [*await client.receive_final(), *await client.receive_final()]
            for ident in ("a", "b"):
                own = [each for each in messages if each["contextId"] == ident]
                assert heard(audio(own)) == f"I AM {ident.upper()}."


async def test_the_sixth_context_costs_the_connection_though_others_are_closing() -> None:
    async with serving(speed=1) as service, dialled(service) as client:
        for n in range(6):
            await client.open_context(f"c{n}")
            await client.send(text="A long sentence to speak. ", context_id=f"c{n}", flush=True)
            await client.send(context_id=f"c{n}", close_context=True)
        messages, code, reason = await client.receive_close()
        told = [each["error"] for each in messages if "error" in each]
        assert told == ["max_active_conversations"]  # the others may speak on until the close
        assert code == 1008
        assert "(5)" in reason


async def test_text_waits_for_its_schedule_unless_it_is_flushed() -> None:
    manual = QUERY.replace("auto_mode=true", "auto_mode=false")
    async with serving() as service, dialled(service, manual) as client:
        await client.open_context("a")
        await client.send(text="Hello. ", context_id="a")
        with trio.move_on_after(0.1) as patience:
            await client.receive()
        assert patience.cancelled_caught
        await client.send(context_id="a", flush=True)
        assert (await client.receive())["audio"]


async def test_the_endpoint_without_contexts_ends_with_an_empty_text() -> None:
    async with serving() as service, dialled(service, endpoint="stream-input") as client:
        await client.send(text=" ")
        await client.send(text="Hello. ")
        await client.send(text="")
        messages, code, _ = await client.receive_close()
        assert heard(audio(messages)) == "HELLO."
        assert messages[-1]["isFinal"] is True
        assert "contextId" not in messages[-1]
        assert code == 1000


async def test_a_silent_client_is_told_and_closed_and_a_keepalive_counts() -> None:
    async with serving() as service, dialled(service, f"{QUERY}&inactivity_timeout=1") as client:
        await client.open_context("a")
        began = trio.current_time()
        await trio.sleep(0.7)
        await client.send(text="", context_id="a")
        messages, code, _ = await client.receive_close()
        assert messages[-1]["error"] == "input_timeout_exceeded"
        assert code == 1008
        assert trio.current_time() - began > 1.6


@pytest.mark.parametrize(
    ("junk", "name"),
    [
        ("no JSON", "invalid_message"),
        ("[]", "invalid_message"),
        ('{"text": 7}', "invalid_message"),
        ('{"text": "no space", "context_id": "a"}', "invalid_message"),
        ('{"text": " ", "voice_settings": 7}', "invalid_message"),
        ('{"text": " ", "generation_config": {"chunk_length_schedule": [1]}}', "generation_config"),
        ('{"text": " ", "generation_config": {"chunk_length_schedule": 1}}', "generation_config"),
    ],
)
async def test_what_makes_no_sense_is_refused(junk: str, name: str) -> None:
    async with serving() as service, dialled(service) as client:
        await client.websocket.send_message(junk)
        messages, code, _ = await client.receive_close()
        assert name in messages[-1]["error"]
        assert code == 1008


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("model_id=x&output_format=pcm_8000", "model_not_found"),
        ("output_format=mp3_44100_128", "invalid_output_format"),
        ("output_format=pcm_8000&inactivity_timeout=999", "invalid_inactivity_timeout"),
        (
            "output_format=pcm_8000&model_id=eleven_multilingual_v2&language_code=en",
            "unsupported_language",
        ),
    ],
)
async def test_a_wrong_query_is_refused_before_the_upgrade(query: str, name: str) -> None:
    async with serving() as service:
        status, body = await rejection(service, resource(query), HEADERS)
        assert (status, json.loads(body)["detail"]["status"]) == (400, name)


async def test_keys_and_voices_are_checked() -> None:
    async with serving(key="other", voices=("w",)) as service:
        assert (await rejection(service, resource(), HEADERS))[0] == 401
    async with serving(voices=("w",)) as service, dialled(service) as client:
        messages, code, _ = await client.receive_close()
        assert (messages[0]["error"], code) == ("voice_not_found", 1008)


async def test_faults_are_spelled_as_they_are_asked_for() -> None:
    async with serving("other-spelling") as service, dialled(service) as client:
        await client.open_context("a")
        await client.send(text="Hello. ", context_id="a")
        message = await client.receive()
        assert message["context_id"] == "a"
        assert "charsStartTimesMs" in message["alignment"]
    async with serving("orphan-refuse=402") as service, dialled(service) as client:
        await client.open_context("a")
        messages, code, _ = await client.receive_close()
        assert (messages[0]["error"], code) == ("quota_exceeded", 1008)
        assert "contextId" not in messages[0]
        assert service.statistics().errors == {402: 1}


async def test_speech_and_voices_by_http() -> None:
    async with serving(voices=("v", "w")) as service, httpx.AsyncClient(headers=HEADERS) as client:
        url = f"{service.http_url}/v1/text-to-speech/v/stream?output_format=pcm_8000"
        found = await client.post(url, json={"text": "Hello.", "model_id": "eleven_flash_v2_5"})
        assert (found.status_code, heard(found.content)) == (200, "HELLO.")
        for body, status, name in (
            ({"text": ""}, 400, "empty_text"),
            ([], 400, "empty_text"),
            ({"text": "Hi.", "model_id": "x"}, 400, "model_not_found"),
        ):
            refused = await client.post(url, json=body)
            assert (refused.status_code, refused.json()["detail"]["status"]) == (status, name)
        listed = (await client.get(f"{service.http_url}/v1/voices")).json()["voices"]
        assert [each["voice_id"] for each in listed] == ["v", "w"]
        nobody = await client.get(f"{service.http_url}/v1/voices", headers={"xi-api-key": ""})
        assert nobody.status_code == 401


def test_a_context_takes_so_much_text_and_no_more() -> None:
    context = Context("a", auto_mode=False, schedule=DEFAULT_SCHEDULE)
    long = read_message(json.dumps({"text": "word " * (MOST_CHARACTERS // 5 + 1)}))
    with pytest.raises(RefusedError):
        context.take(long)
    closing = Context("b", auto_mode=False, schedule=DEFAULT_SCHEDULE)
    closing.take(read_message('{"text": "Bye. "}'))
    closing.take(read_message('{"close_context": true}'))
    closing.take(read_message('{"text": "Too late. ", "flush": true}'))
    assert (closing.next_piece(), closing.next_piece()) == ("Bye. ", None)
    assert closing.is_done
