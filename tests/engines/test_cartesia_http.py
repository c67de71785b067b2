"""Voices page by page, and prompts that are no audio, from a service that answers as told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest
import trio

from trioaudio.core.engine import Voice
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._cartesia_http import MOST_AUDIO_BYTES, fetch_speech, fetch_voices
from trioaudio.engines._http import HttpClient, HttpService, open_http
from trioaudio.simulators.services.http import Exchange, Route, serve_http


class Answers:
    """What each request is answered with, and the pages that were asked for."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.after: list[str | None] = []

    async def answer(self, exchange: Exchange) -> None:
        self.after.append(exchange.request.query.get("starting_after"))
        value = self._answers.pop(0)
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        await exchange.respond(200, body)


@contextlib.asynccontextmanager
async def client_of(answers: Answers) -> AsyncIterator[HttpClient]:
    routes = [
        Route("GET", "/voices", answers.answer),
        Route("POST", "/tts/bytes", answers.answer),
    ]
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(serve_http, routes=routes), 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        port = listener.socket.getsockname()[1]
        async with open_http(HttpService("cartesia", f"http://127.0.0.1:{port}")) as http:
            yield http
        nursery.cancel_scope.cancel()


async def test_voices_are_read_page_after_page() -> None:
    answers = Answers(
        {"data": [{"id": "a", "name": "Anna", "language": "en"}, {"id": 5}, 7], "has_more": True},
        {"data": [{"id": "b", "gender": "feminine", "description": ""}], "has_more": False},
    )
    async with client_of(answers) as http:
        voices = await fetch_voices(http)
    assert voices == [Voice("a", ("en",), None, "Anna"), Voice("b", (), "feminine", "")]
    assert answers.after == [None, "a"]


async def test_a_page_that_goes_nowhere_is_the_last() -> None:
    answers = Answers({"data": [], "has_more": True})
    async with client_of(answers) as http:
        assert await fetch_voices(http) == []


async def test_a_bare_list_is_all_there_is() -> None:
    async with client_of(Answers([{"id": "a"}])) as http:
        assert await fetch_voices(http) == [Voice("a", ())]


@pytest.mark.parametrize("answer", [b"<html>", b"[" * 100_000, {"data": 5}, "words"])
async def test_what_is_no_list_of_voices_is_told(answer: object) -> None:
    async with client_of(Answers(answer)) as http:
        with pytest.raises(EngineError, match="no list of voices") as caught:
            await fetch_voices(http)
    assert caught.value.kind is EngineFault.PROTOCOL


async def test_a_prompt_is_its_whole_samples() -> None:
    async with client_of(Answers(b"\1\0" * 800 + b"\1")) as http:
        assert await fetch_speech(http, {}, "Hello.", 8000) == b"\1\0" * 800


async def test_a_prompt_that_is_no_audio_is_told() -> None:
    async with client_of(Answers({"error": "no audio"})) as http:
        with pytest.raises(EngineError) as caught:
            await fetch_speech(http, {}, "Hello.", 8000)
    assert caught.value.kind is EngineFault.PROTOCOL


async def test_a_prompt_without_an_end_is_cut_off() -> None:
    async with client_of(Answers(b"\1\0" * (MOST_AUDIO_BYTES // 2 + 1))) as http:
        with pytest.raises(EngineError, match="beyond"):
            await fetch_speech(http, {}, "Hello.", 8000)
