"""Requests to Cartesia: what is read, and what is refused."""

from __future__ import annotations

import json

import pytest

from simulators.services.cartesia_client import S16, request
from trioaudio.simulators.services.cartesia_requests import (
    Cancel,
    Generation,
    RefusedError,
    read_generation,
    read_message,
)
from trioaudio.simulators.services.sound import Encoding, SoundFormat


def test_a_request_is_read() -> None:
    found = read_message(
        json.dumps(
            request(
                "Hi",
                "c",
                language="hi",
                flush=True,
                max_buffer_delay_ms=150,
                add_timestamps=True,
                generation_config={"speed": 1.1},
            )
        )
    )
    assert isinstance(found, Generation)
    assert (found.transcript, found.context_id, found.voice) == ("Hi", "c", "v")
    assert found.sound == SoundFormat(Encoding.S16, 8000)
    assert (found.language, found.buffer_delay) == ("hi", 0.15)
    assert (found.continues, found.flush) == (False, True)
    assert (found.timestamps, found.phonemes) == (True, False)


@pytest.mark.parametrize("voice", ["v", {"id": "v"}, {"mode": "id", "id": "v"}])
def test_all_shapes_of_a_voice(voice: object) -> None:
    assert read_generation(request("Hi", voice=voice), ("raw",)).voice == "v"


def test_a_cancel_is_read_however_it_is_printed() -> None:
    text = json.dumps({"context_id": "c", "cancel": True}, indent=2)
    assert read_message(text) == Cancel("c")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"transcript": None}, "transcript is missing"),
        ({"transcript": 3}, "transcript: wanted str"),
        ({"transcript": "x" * 20_001}, "longer than"),
        ({"model_id": "sonic-9"}, "did you mean sonic"),
        ({"model_id": "sonic-2"}, "no such model"),
        ({"voice": None}, "voice: wanted an id"),
        ({"voice": {"mode": "embedding", "embedding": []}}, "only the mode 'id'"),
        ({"voice": {"id": 3}}, "voice: wanted an id"),
        ({"output_format": None}, "output_format is missing"),
        ({"output_format": {**S16, "container": "mp3"}}, "wanted raw"),
        ({"output_format": {**S16, "encoding": "opus"}}, "wanted one of pcm_s16le"),
        ({"output_format": {**S16, "sample_rate": 11025}}, "wanted one of"),
        ({"output_format": {**S16, "sample_rate": True}}, "wanted int"),
        ({"max_buffer_delay_ms": 5001}, "wanted 0 to 5000"),
        ({"max_buffer_delay_ms": -1}, "wanted 0 to 5000"),
        ({"continue": "yes"}, "continue: wanted bool"),
        ({"language": "en", "locale": "en-GB"}, "exclude each other"),
        ({"generation_config": {"speed": 2}}, "speed: wanted 0.6 to 1.5"),
        ({"generation_config": {"volume": "loud"}}, "volume: wanted 0.5 to 2.0"),
    ],
)
def test_what_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(RefusedError, match=why) as caught:
        read_message(json.dumps({**request("Hi", "c"), **change}))
    assert caught.value.status == 400
    assert caught.value.context_id == "c"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", b"\xff\xfe", '{"transcript": "Hi"}'])
def test_what_names_no_context_is_refused_without_one(text: str | bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        read_message(text)
    assert caught.value.context_id is None


def test_only_being_too_many_has_a_code() -> None:
    assert RefusedError(429, "a", "b").code == "concurrency_limited"
    assert RefusedError(400, "a", "b").code is None
