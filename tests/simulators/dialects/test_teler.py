from __future__ import annotations

import json
from typing import Any

import pytest

from dialect_kit import CALL, STREAM, TONE, b64, blame_of, facts, only, problem_of, said
from trioaudio.simulators.dialect import Action, Audio, Control
from trioaudio.simulators.dialects import load_dialect

# The form of frejun-tech/teler-openai-bridge, app/utils/openai_to_teler.py
TELER = load_dialect("teler")


def audio(chunk_id: object = 1, **changes: Any) -> str:
    told = {"type": "audio", "audio_b64": b64(TONE[:960]), "chunk_id": chunk_id, **changes}
    return json.dumps({k: v for k, v in told.items() if v != "left out"})


def test_start_and_audio() -> None:
    teler = TELER.new(facts(16000))
    start = said(*teler.opening())
    assert start["type"] == "start"
    assert start["call_id"] == CALL
    assert start["stream_id"] == STREAM
    assert start["data"] == {"encoding": "audio/l16", "sample_rate": 16000, "channels": 1}
    assert said(teler.caller_audio(TONE)) == {
        "type": "audio",
        "stream_id": STREAM,
        "message_id": start["message_id"] + 1,
        "data": {"audio_b64": b64(TONE)},
    }
    assert TELER.caller_ptime_ms == 400


def test_chunks_count_up() -> None:
    teler = TELER.new(facts())
    assert only(teler.read(audio(1))) == Audio(TONE[:960])
    assert only(teler.read(audio(3))) == Audio(TONE[:960])
    assert blame_of(teler, audio(3)) == "chunk_id 3 does not follow 3"
    assert blame_of(TELER.new(facts()), audio(0)) == "chunk_id 0 does not follow 0"


def test_interrupt_and_clear() -> None:
    teler = TELER.new(facts())
    teler.read(audio(2))
    interrupt = '{"type":"interrupt","chunk_id":2}'
    assert only(teler.read(interrupt)) == Control("interrupt", {"chunk_id": 2})
    assert only(teler.read('{"type":"clear"}')) is Action.CLEAR


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (TONE[:320], "Teler takes text only"),
        ("{}", "without type"),
        ('{"type":"mark"}', "'mark' is unknown to Teler"),
        ('{"type":"audio","data":{"audio_b64":"AAAA"},"chunk_id":1}', "without audio_b64"),
        (audio("left out"), "audio without chunk_id"),
        (audio(stream_id=STREAM), "audio with 'stream_id'"),
        (audio("1"), 'chunk_id is "1", must be a whole number'),
        (audio(1.0), "chunk_id is 1.0"),
        (audio(True), "chunk_id is true"),
        (audio(audio_b64="AA=="), "no whole"),
        (audio(audio_b64=None), "must be a text"),
        ('{"type":"interrupt"}', "interrupt without chunk_id"),
        ('{"type":"interrupt","chunk_id":0}', "chunk 0 was never sent"),
        ('{"type":"interrupt","chunk_id":1}', "chunk 1 was never sent"),
        ('{"type":"clear","chunk_id":1}', "clear with 'chunk_id'"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(TELER.new(facts()), message)
