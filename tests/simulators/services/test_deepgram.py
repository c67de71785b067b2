"""The simulated Deepgram, spoken to by a client that hides nothing."""

from __future__ import annotations

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
from trioaudio.simulators.services.deepgram_requests import LONGEST_TEXT
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

QUERY = "model=aura-2-thalia-en&encoding=linear16&sample_rate=8000"
HEADERS = {"Authorization": "Token k"}


@contextlib.asynccontextmanager
async def serving(*faults: str, **options: Any) -> AsyncIterator[OpenService]:
    wanted = {"voice": VoiceKind.TONE, "first_audio_ms": 1, **options}
    with trio.fail_after(20):
        async with open_service("deepgram", ServiceOptions(faults=faults, **wanted)) as service:
            yield service


@attrs.define
class Client:
    """One WebSocket; its first message, the metadata, has been read."""

    websocket: trio_websocket.WebSocketConnection

    async def send(self, kind: str, **fields: object) -> None:
        await self.websocket.send_message(json.dumps({"type": kind, **fields}))

    async def speak(self, text: str) -> None:
        await self.send("Speak", text=text)
        await self.send("Flush")

    async def receive_until(self, *kinds: str) -> tuple[bytes, dict[str, Any]]:
        """Return the audio up to a message of one of these types, and that message."""
        found = bytearray()
        while True:
            message = await self.websocket.get_message()
            if isinstance(message, bytes):
                found += message
                continue
            value = json.loads(message)
            if value["type"] in kinds:
                return bytes(found), value

    async def receive_close(self) -> tuple[int, str]:
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                await self.websocket.get_message()
        return await close_of(self.websocket)


@contextlib.asynccontextmanager
async def dialled(
    service: OpenService, query: str = QUERY, authorization: str = "Token k"
) -> AsyncIterator[Client]:
    headers = {"Authorization": authorization}
    async with dial(service, f"/v1/speak?{query}", headers) as websocket:
        client = Client(websocket)
        _, metadata = await client.receive_until("Metadata")
        assert metadata["model_name"].startswith("aura-")
        yield client


def heard(pcm: bytes) -> str:
    return "".join(each.character for each in read_tone(pcm, 8000))


async def test_text_is_gathered_and_spoken_at_a_flush_one_after_the_other() -> None:
    async with serving() as service, dialled(service) as client:
        await client.send("Speak", text="Hello ")
        await client.send("Speak", text="there.")
        with trio.move_on_after(0.1) as patience:
            await client.websocket.get_message()
        assert patience.cancelled_caught
        await client.send("Flush")
        await client.speak("Good day.")
        pcm, flushed = await client.receive_until("Flushed")
        assert (heard(pcm), flushed["sequence_id"]) == ("HELLO THERE.", 0)
        pcm, flushed = await client.receive_until("Flushed")
        assert (heard(pcm), flushed["sequence_id"]) == ("GOOD DAY.", 1)
        await client.send("Close")
        assert (await client.receive_close())[0] == 1000


async def test_a_clear_forgets_what_was_given_and_what_is_spoken() -> None:
    async with serving(speed=1) as service, dialled(service) as client:
        await client.speak("A long sentence that is not wanted.")
        await client.speak("Nor this one.")
        assert isinstance(await client.websocket.get_message(), bytes)
        await client.send("Speak", text="Nor this. ")
        await client.send("Clear")
        await client.receive_until("Cleared")
        await client.speak("Yes.")
        pcm, _ = await client.receive_until("Flushed")
        assert heard(pcm) == "YES."
        assert service.statistics().cancelled == 1


async def test_the_twenty_first_flush_in_a_minute_is_not_done_and_a_warning_says_so() -> None:
    async with serving() as service, dialled(service) as client:
        for _ in range(20):
            await client.speak("A.")
            await client.receive_until("Flushed")
        await client.speak("B.")
        pcm, warning = await client.receive_until("Warning", "Flushed")
        assert pcm == b""
        assert warning["type"] == "Warning"
        assert "Flush" in warning["description"]


@pytest.mark.parametrize(
    "junk", ["no JSON", "[]", '{"type": "Sing"}', '{"type": "Speak"}', b"\0\1"]
)
async def test_what_makes_no_sense_ends_the_connection(junk: str | bytes) -> None:
    async with serving() as service, dialled(service) as client:
        await client.websocket.send_message(junk)
        code, reason = await client.receive_close()
        assert code == 1008
        assert reason.startswith("DATA-")


@pytest.mark.parametrize(
    ("query", "authorization", "status"),
    [
        (QUERY, "Basic k", 401),
        (QUERY, "Token other", 401),
        ("model=nova-3&sample_rate=8000", "Token k", 400),
        ("encoding=mp3", "Token k", 400),
        ("encoding=linear16&sample_rate=11025", "Token k", 400),
        ("encoding=mulaw&sample_rate=48000", "Token k", 400),
    ],
)
async def test_what_is_wrong_is_refused_before_the_upgrade(
    query: str, authorization: str, status: int
) -> None:
    async with serving(key="k") as service:
        headers = {"Authorization": authorization}
        found, body = await rejection(service, f"/v1/speak?{query}", headers)
        assert found == status
        assert {"err_code", "err_msg", "request_id"} <= set(json.loads(body))


async def test_a_bearer_token_will_do_and_mulaw_has_one_byte_a_sample() -> None:
    async with (
        serving() as service,
        dialled(service, "model=aura-2-thalia-en&encoding=mulaw", "Bearer jwt") as client,
    ):
        await client.speak("Hi.")
        pcm, _ = await client.receive_until("Flushed")
        assert len(pcm) == 3 * 560


async def test_faults_of_its_own() -> None:
    async with serving("clear-ignored", "warning") as service, dialled(service) as client:
        await client.send("Clear")
        await client.speak("Hi.")
        pcm, warning = await client.receive_until("Warning")
        assert (pcm, "Flush" in warning["description"]) == (b"", False)
        pcm, _ = await client.receive_until("Flushed")
        assert heard(pcm) == "HI."
    async with serving("flush-refused") as service, dialled(service) as client:
        await client.speak("Hi.")
        assert (await client.receive_until("Warning", "Flushed"))[1]["type"] == "Warning"
    async with serving("fail=0") as service, dialled(service) as client:
        await client.speak("Hi.")
        assert (await client.receive_close())[0] == 1011
    async with serving("idle-close=0.1") as service, dialled(service) as client:
        assert (await client.receive_close())[0] == 1000


async def test_more_connections_than_the_plan_allows_are_refused() -> None:
    async with serving(concurrency=1) as service, contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(dialled(service))
        assert (await rejection(service, f"/v1/speak?{QUERY}", HEADERS))[0] == 429


async def test_speech_and_models_by_http() -> None:
    async with serving() as service, httpx.AsyncClient(headers=HEADERS) as client:
        url = f"{service.http_url}/v1/speak?{QUERY}"
        found = await client.post(f"{url}&container=none", json={"text": "Hello."})
        assert (found.status_code, heard(found.content)) == (200, "HELLO.")
        assert (await client.post(url, json={"text": "Hello."})).content.startswith(b"RIFF")
        for body, status in (
            ({"text": ""}, 400),
            ({"text": 7}, 400),
            ({"text": "a" * (LONGEST_TEXT + 1)}, 413),
        ):
            assert (await client.post(url, json=body)).status_code == status
        models = (await client.get(f"{service.http_url}/v1/models")).json()
        assert models["tts"][0]["canonical_name"] == "aura-2-thalia-en"
        assert models["tts"][0]["languages"] == ["en"]
