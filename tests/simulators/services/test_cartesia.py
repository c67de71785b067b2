"""The HTTP endpoints of a simulated Cartesia."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from simulators.services.cartesia_client import S16, request
from trioaudio.simulators.services.tone import CHARACTER_SECONDS, read_tone

if TYPE_CHECKING:
    from simulators.services.conftest import Open

TEXT = "TWENTY CHARACTERS OK"
HEADERS = {"X-API-Key": "k", "Cartesia-Version": "2026-03-01"}


def text_of(pcm: bytes) -> str:
    return "".join(each.character for each in read_tone(pcm, 8000))


def events_of(body: str) -> list[dict[str, Any]]:
    found = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        named, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert named == f"event: {found[-1]['type']}"
    return found


def sound_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(each["data"]) for each in events if each["type"] == "chunk")


def body(text: str = TEXT, /, **more: object) -> dict[str, object]:
    found = {**request(text, **more)}
    del found["max_buffer_delay_ms"], found["continue"]
    return found


async def test_bytes(cartesia: Open) -> None:
    async with (
        cartesia() as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        reply = await client.post("/tts/bytes", json=body())
        assert (reply.status_code, text_of(reply.content)) == (200, TEXT)
        wav = await client.post("/tts/bytes", json=body(output_format={**S16, "container": "wav"}))
        assert wav.headers["content-type"] == "audio/wav"
        assert (wav.content[:4], text_of(wav.content[44:])) == (b"RIFF", TEXT)
    assert service.statistics().utterances == 2
    assert service.statistics().connections == 1


async def test_events(cartesia: Open) -> None:
    async with (
        cartesia() as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        more = {"add_timestamps": True, "add_phoneme_timestamps": True}
        reply = await client.post("/tts/sse", json=body(**more))
        events = events_of(reply.text)
    assert reply.headers["content-type"] == "text/event-stream"
    assert text_of(sound_of(events)) == TEXT
    assert {each["type"] for each in events} == {
        *("chunk", "timestamps", "phoneme_timestamps", "done")
    }
    words = [word for each in events for word in each.get("word_timestamps", {}).get("words", [])]
    assert words == TEXT.split()
    assert all(each["context_id"] == "a" for each in events)
    assert events[-1]["done"] is True


async def test_what_is_there_without_speaking(cartesia: Open) -> None:
    async with (
        cartesia(voices=("x", "y"), key="k") as service,
        httpx.AsyncClient(base_url=service.http_url) as client,
    ):
        assert (await client.get("/")).json()["ok"] is True
        assert (await client.get("/voices")).status_code == 401
        page = (await client.get("/voices", headers=HEADERS)).json()
        assert [each["id"] for each in page["data"]] == ["x", "y"]
        assert page["has_more"] is False
        beyond = await client.get("/voices?starting_after=y", headers=HEADERS)
        assert beyond.json()["data"] == []


@pytest.mark.parametrize("path", ["/tts/bytes", "/tts/sse"])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"transcript": "!"}, 400),
        ({"model_id": "sonic"}, 400),
        ({"output_format": {**S16, "container": "mp3"}}, 400),
        ({"voice": "another"}, 404),
    ],
)
async def test_what_is_refused(
    cartesia: Open, path: str, change: dict[str, object], status: int
) -> None:
    async with (
        cartesia(voices=("v",)) as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        reply = await client.post(path, json={**body(), **change})
        assert reply.status_code == status
        found = reply.json()
        assert set(found) == {"error_code", "title", "message", "request_id", "doc_url"}
        assert found["request_id"] == reply.headers["x-request-id"]
        old = {**HEADERS, "Cartesia-Version": "2025-04-16"}
        text = (await client.post(path, json={**body(), **change}, headers=old)).text
        assert text == f"{found['title']}: {found['message']}"
    assert service.statistics().errors == {status: 2}


async def test_who_is_refused(cartesia: Open) -> None:
    async with (
        cartesia(key="right") as service,
        httpx.AsyncClient(base_url=service.http_url) as client,
    ):
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Basic right"}, 401),
            ({"Authorization": "Bearer right"}, 200),
            ({"X-API-Key": "right"}, 200),
            ({"X-API-Key": "right", "Cartesia-Version": "1"}, 400),
        ):
            reply = await client.post("/tts/bytes", json=body(), headers=headers)
            assert reply.status_code == status
            assert "right" not in reply.text


async def test_one_request_too_many(cartesia: Open) -> None:
    async with (
        cartesia(concurrency=1, speed=2) as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        async with client.stream("POST", "/tts/bytes", json=body()) as first:
            assert first.status_code == 200
            second = await client.post("/tts/bytes", json=body())
            assert (second.status_code, second.json()["error_code"]) == (429, "concurrency_limited")
        with trio.fail_after(2):  # hanging up ended the first
            while (await client.post("/tts/bytes", json=body("Hi."))).status_code == 429:
                pass


@pytest.mark.parametrize("path", ["/tts/bytes", "/tts/sse"])
async def test_refused_by_fault(cartesia: Open, path: str) -> None:
    async with (
        cartesia("refuse=402@#1", "fail=0@#2") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        found = [(await client.post(path, json=body())).status_code for _ in range(3)]
    assert found == [402, 500, 200]


@pytest.mark.parametrize("fault", ["reset", "fail"])
async def test_bytes_cut_short_are_an_error(cartesia: Open, fault: str) -> None:
    async with (
        cartesia(f"{fault}=500") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        with pytest.raises(httpx.TransportError):
            await client.post("/tts/bytes", json=body())


async def test_bytes_that_only_look_complete(cartesia: Open) -> None:
    async with (
        cartesia("close=500") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        reply = await client.post("/tts/bytes", json=body())
    assert 8000 <= len(reply.content) < 2 * 8000 * CHARACTER_SECONDS * len(TEXT)


async def test_events_with_faults(cartesia: Open) -> None:
    async with (
        cartesia("fail=500@#1", "no-done@#2", "no-timestamps@#2") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        failed = events_of((await client.post("/tts/sse", json=body())).text)
        second = await client.post("/tts/sse", json=body(add_timestamps=True))
    assert (failed[-1]["type"], failed[-1]["status_code"]) == ("error", 500)
    assert failed[-1]["done"] is True
    assert {each["type"] for each in events_of(second.text)} == {"chunk"}


async def test_bytes_with_faults(cartesia: Open) -> None:
    async with (
        cartesia("wav-header@#1", "wrong-rate=16000@#2", "slow=1@#3") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS) as client,
    ):
        found = [(await client.post("/tts/bytes", json=body())).content for _ in range(2)]
        begun = trio.current_time()
        await client.post("/tts/bytes", json=body("HELLO."))
        assert trio.current_time() - begun > 0.12
    assert struct.unpack_from("<4s", found[0]) == (b"RIFF",)
    assert text_of(found[0][44:]) == TEXT
    assert len(found[1]) == len(TEXT) * 2 * 1120


async def test_a_stalled_answer(cartesia: Open) -> None:
    async with (
        cartesia("stall=300") as service,
        httpx.AsyncClient(base_url=service.http_url, headers=HEADERS, timeout=0.3) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/tts/bytes", json=body())
