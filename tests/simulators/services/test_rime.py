"""The simulated Rime over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.services.talking import dialled, refusal, spoken, tone_service

KEY = ("Authorization", "Bearer key")
QUERY = "speaker=astra&modelId=coda&audioFormat=pcm&samplingRate=8000&lang=eng"
FLUSH = {"operation": "flush"}


def text(words: str, context: str | None = None) -> dict[str, object]:
    return {"text": words} if context is None else {"text": words, "contextId": context}


def said(messages: list[dict[str, Any]]) -> str:
    return spoken([each["data"] for each in messages if each["type"] == "chunk"])


async def test_never_speaks_when_it_is_flushed_and_tells_the_end() -> None:
    async with tone_service("rime") as service:
        url = f"{service.websocket_url}/ws3?{QUERY}&segment=never"
        async with dialled(url, KEY) as client:
            await client.send(text("One. "), text("Two.", "b"), FLUSH, FLUSH)
            messages = await client.receive_to("type", "done")
            assert said(messages) == "ONE. TWO."
            assert {each["contextId"] for each in messages} == {"b"}
            timings = [each["word_timestamps"] for each in messages if each["type"] == "timestamps"]
            assert [word for each in timings for word in each["words"]] == ["One.", "Two."]
            assert all(
                len(each["words"]) == len(each["start"]) == len(each["end"]) for each in timings
            )
            await client.send(text("More."), FLUSH)
            assert said(await client.receive_to("type", "done")) == "MORE."


async def test_clear_drops_what_is_not_flushed() -> None:
    async with (
        tone_service("rime") as service,
        dialled(f"{service.websocket_url}/ws3?{QUERY}&segment=never", KEY) as client,
    ):
        await client.send(text("No. "), {"operation": "clear"}, text("Yes."), FLUSH)
        assert said(await client.receive_to("type", "done")) == "YES."


async def test_other_segments_speak_by_themselves() -> None:
    async with tone_service("rime") as service:
        async with dialled(f"{service.websocket_url}/ws3?{QUERY}", KEY) as client:
            await client.send(text("One. Tw"))
            assert said(await client.receive_to("type", "done")) == "ONE."
            await client.send(text("o"), {"operation": "eos"})
            assert said(await client.receive_to("type", "done")) == " TWO"
        url = f"{service.websocket_url}/ws3?{QUERY}&segment=immediate"
        async with dialled(url, KEY) as client:
            await client.send(text("Now"))
            assert said(await client.receive_to("type", "done")) == "NOW"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "Missing Authorization header"),
        ("Bearer", "empty apikey"),
        ("Bearer other", "invalid api key"),
    ],
)
async def test_a_bad_key_is_refused_in_plain_text(header: str | None, words: str) -> None:
    async with tone_service("rime", key="key") as service:
        headers = [("Authorization", header)] if header is not None else []
        assert await refusal(f"{service.websocket_url}/ws3?{QUERY}", *headers) == (401, words)
        assert service.statistics().errors == {401: 1}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("modelId=coda&audioFormat=pcm", "speaker is required"),
        (QUERY.replace("coda", "none"), "model none does not exist"),
        (QUERY.replace("pcm", "opus"), "audioFormat opus is not simulated"),
        (QUERY.replace("8000", "8001"), "samplingRate 8001 is none of"),
        (f"{QUERY}&segment=often", "segment often is none of"),
        (QUERY.replace("astra", "nobody"), "speaker nobody does not exist"),
    ],
)
async def test_a_bad_query_is_refused(query: str, words: str) -> None:
    async with tone_service("rime", voices=("astra",)) as service:
        status, body = await refusal(f"{service.websocket_url}/ws3?{query}", KEY)
    assert status == 400
    assert body.startswith(words)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "400: payload must be an object"),
        (b"\x00", "400: payload must be an object"),
        ({"text": 3}, "400: text must be a string"),
        ({"text": ""}, "400: text must not be empty"),
        ({"text": "x" * 1001}, "400: text is too long"),
        ({"operation": "dance"}, "400: text is required"),
    ],
)
async def test_a_bad_message_closes_the_socket(message: object, reason: str) -> None:
    async with (
        tone_service("rime") as service,
        dialled(f"{service.websocket_url}/ws3?{QUERY}", KEY) as client,
    ):
        await client.send(message)
        assert await client.closed() == (1011, reason)


async def test_a_fault_makes_errors_messages() -> None:
    async with (
        tone_service("rime", "error-events", "refuse=429@#1") as service,
        dialled(f"{service.websocket_url}/ws3?{QUERY}", KEY) as client,
    ):
        await client.send(text("No.", "a"))
        error = await client.receive()
        assert (error["type"], error["contextId"]) == ("error", "a")
        await client.send(text("Yes."))
        assert said(await client.receive_to("type", "done")) == "YES."


async def test_an_idle_client_is_left() -> None:
    async with (
        tone_service("rime", "idle-close=0.05") as service,
        dialled(f"{service.websocket_url}/ws3?{QUERY}", KEY) as client,
    ):
        assert (await client.closed())[0] == 1000
