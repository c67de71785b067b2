"""The simulated Smallest AI over real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from simulators.services.talking import dialled, refusal, spoken, tone_service

KEY = ("Authorization", "Bearer key")
PATH = "/waves/v1/tts/live"


def request(text: object, **changes: object) -> dict[str, object]:
    quick = {"sample_rate": 8000, "output_format": "pcm", "complete_backoff_ms": 1}
    return {"text": text, "voice_id": "magnus", **quick, **changes}


def said(messages: list[dict[str, Any]]) -> str:
    chunks = [each["data"]["audio"] for each in messages if each["status"] == "chunk"]
    return spoken(chunks)


async def test_each_request_is_spoken_and_completed_by_its_id() -> None:
    async with (
        tone_service("smallest") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(request("One.", request_id="a"), request("Two.", request_id="b"))
        first = await client.receive_to("status", "complete")
        second = await client.receive_to("status", "complete")
    assert (said(first), said(second)) == ("ONE.", "TWO.")
    assert {each["external_request_id"] for each in first} == {"a"}
    assert {each["external_request_id"] for each in second} == {"b"}
    assert len({each["request_id"] for each in first + second}) == 2
    assert len({each["session_id"] for each in first + second}) == 1


async def test_words_are_told_only_when_they_are_wanted() -> None:
    async with (
        tone_service("smallest") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(request("One two.", word_timestamps=True), request("None."))
        first = await client.receive_to("status", "complete")
        second = await client.receive_to("status", "complete")
    words = [each["data"] for each in first if each["status"] == "word_timestamp"]
    assert [(each["id"], each["word"]) for each in words] == [(0, "One"), (1, "two.")]
    assert words[1]["start"] == pytest.approx(0.28)
    assert all(each["status"] != "word_timestamp" for each in second)


async def test_what_continues_is_gathered_until_it_is_flushed() -> None:
    async with (
        tone_service("smallest") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        more = {"continue": True}
        await client.send(request("One ", **more), request("two ", **more))
        await client.send(request("three.", **more, flush=True))
        assert said(await client.receive_to("status", "complete")) == "ONE TWO THREE."


async def test_the_end_is_told_after_the_backoff_asked_for() -> None:
    async with (
        tone_service("smallest") as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(request("Ok.", complete_backoff_ms=150))
        await client.receive_to("status", "chunk")
        before = trio.current_time()
        await client.receive_to("status", "complete")
        assert trio.current_time() - before >= 0.1


async def test_a_blank_keeps_the_socket_and_says_nothing() -> None:
    async with tone_service("smallest") as service:
        async with dialled(service.websocket_url + PATH, KEY) as client:
            await client.send({"text": " ", "voice_id": "magnus"}, request("Ok."))
            assert said(await client.receive_to("status", "complete")) == "OK."
        assert service.statistics().utterances == 1


async def test_an_idle_client_is_told_and_left() -> None:
    async with (
        tone_service("smallest") as service,
        dialled(f"{service.websocket_url}{PATH}?timeout=1", KEY) as client,
    ):
        error = await client.receive()
        assert error["status"] == "error"
        assert "1 seconds of inactivity" in error["message"]
        assert (await client.closed())[0] == 1000


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", [], 401),
        ("", [("Authorization", "Bearer other")], 401),
        ("?timeout=0", [KEY], 400),
        ("?timeout=x", [KEY], 400),
    ],
)
async def test_it_refuses_in_json(query: str, headers: list[tuple[str, str]], status: int) -> None:
    async with tone_service("smallest", key="key") as service:
        found, body = await refusal(service.websocket_url + PATH + query, *headers)
        assert found == status
        assert json.loads(body)["message"]


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        {"text": "no voice"},
        {"voice_id": "magnus"},
        request(3),
        request("Ok.", voice_id="nobody"),
        request("Ok.", model="lightning_v9"),
        request("Ok.", output_format="mp3"),
        request("Ok.", sample_rate=22050),
        request("Ok.", speed=3),
        request("Ok.", speed=True),
        request("Ok.", complete_backoff_ms=20_000),
        request("Ok.", request_id="a b"),
        request("Ok.", request_id=3),
    ],
)
async def test_a_bad_request_is_an_error_and_the_next_is_spoken(message: object) -> None:
    async with (
        tone_service("smallest", voices=("magnus",)) as service,
        dialled(service.websocket_url + PATH, KEY) as client,
    ):
        await client.send(message, request("Ok."))
        error = await client.receive()
        assert error["status"] == "error"
        assert error["message"].startswith("400 ")
        assert said(await client.receive_to("status", "complete")) == "OK."


@pytest.mark.parametrize(
    ("fault", "last"),
    [("late-audio", "chunk"), ("unknown-type", "complete"), ("no-audio", "complete")],
)
async def test_faults_strike(fault: str, last: str) -> None:
    async with tone_service("smallest", fault, "close-after-end") as service:
        async with dialled(service.websocket_url + PATH, KEY) as client:
            await client.send(request("Ok."))
            messages = await client.receive_to("status", "complete")
            if last == "chunk":
                messages.append(await client.receive())
            assert messages[-1]["status"] == last
            assert (messages[0]["status"] == "announcement") == (fault == "unknown-type")
            assert (said(messages) == "") == (fault == "no-audio")
            assert (await client.closed())[0] == 1000
        assert service.statistics().faults[fault] == 1
