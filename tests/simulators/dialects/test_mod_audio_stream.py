from __future__ import annotations

import json
from typing import Any

import pytest

from dialect_kit import TONE, b64, facts, only, problem_of
from trioaudio.simulators.dialect import Action, Audio, Control
from trioaudio.simulators.dialects import load_dialect

# https://github.com/amigniter/mod_audio_stream
MODULE = load_dialect("mod_audio_stream")
COMMERCIAL = facts(options={"build": "commercial"})
RAW_AUDIO = '{"type":"rawAudio","data":{"sampleRate":8000}}'


def stream_audio(**changes: Any) -> str:
    data = {"audioDataType": "raw", "sampleRate": 8000, "audioData": b64(TONE[:960])}
    told = {k: v for k, v in {**data, **changes}.items() if v != "left out"}
    return json.dumps({"type": "streamAudio", "data": told})


def test_metadata_comes_first_if_there_is_any() -> None:
    assert MODULE.new(facts()).opening() == []
    assert MODULE.new(facts(options={"metadata": "call 7"})).opening() == ["call 7"]


def test_audio_is_binary_one_way_and_json_the_other() -> None:
    module = MODULE.new(facts())
    assert module.caller_audio(TONE[:320]) == TONE[:320]
    assert only(module.read(stream_audio())) == Audio(TONE[:960])


def test_the_commercial_build_takes_binary_audio_once_it_was_announced() -> None:
    module = MODULE.new(COMMERCIAL)
    assert "before rawAudio" in problem_of(module, TONE[:320])
    assert only(module.read(RAW_AUDIO)) == Control("rawAudio")
    assert only(module.read(TONE[:320])) == Audio(TONE[:320])
    assert "no whole" in problem_of(module, TONE[:321])
    assert only(module.read(stream_audio())) == Audio(TONE[:960])


def test_the_commercial_build_can_be_broken_off() -> None:
    assert only(MODULE.new(COMMERCIAL).read('{"type":"break"}')) is Action.CLEAR


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (TONE[:320], "binary message of 320 bytes is ignored"),
        (RAW_AUDIO, "'rawAudio' is only passed on"),
        ('{"type":"break"}', "'break' is only passed on"),
        ("hello", "no JSON"),
        ("{}", "without type"),
        ('{"type":"streamAudio"}', "streamAudio without data"),
        ('{"type":"streamAudio","data":[],"id":1}', "streamAudio with 'id'"),
        ('{"type":"streamAudio","data":[]}', "must be an object"),
        (stream_audio(chunk=1), "streamAudio data with 'chunk'"),
        (stream_audio(audioDataType="left out"), "without audioDataType"),
        (stream_audio(audioDataType="wav"), 'audioDataType is "wav", must be "raw"'),
        (stream_audio(sampleRate="8000"), 'sampleRate is "8000"'),
        (stream_audio(sampleRate=16000), "sampleRate is 16000"),
        (stream_audio(audioData="AA=="), "no whole"),
        (stream_audio(audioData="AA"), "no strict base64"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(MODULE.new(facts()), message)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ('{"type":"break","data":{}}', "break with 'data'"),
        ('{"type":"rawAudio","data":{}}', "rawAudio data without sampleRate"),
        ('{"type":"rawAudio","data":{"sampleRate":16000}}', "sampleRate is 16000"),
        ('{"type":"stop"}', "'stop' is only passed on"),
    ],
)
def test_the_commercial_build_is_as_strict(message: str, problem: str) -> None:
    assert problem in problem_of(MODULE.new(COMMERCIAL), message)
