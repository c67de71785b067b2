from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.pcm import PcmFormat
from trioaudio.simulators import dialect
from trioaudio.simulators.dialect import Action, Audio, Malformed, Pcmo

PCM = PcmFormat(8000)
FRAME = bytes(range(96)) * 10
telecmi = dialect.telecmi(PCM)
raw = dialect.raw(PCM, "clear", "end")


def stream_audio(**changes: Any) -> str:
    data = {
        "audioDataType": "raw",
        "sampleRate": 8000,
        "audioData": base64.b64encode(FRAME).decode(),
    }
    return json.dumps({"type": "streamAudio", "data": {**data, **changes}})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_white_space_is_free(indent: int | None, separators: tuple[str, str]) -> None:
    message = json.dumps(json.loads(stream_audio()), indent=indent, separators=separators)
    assert telecmi(message) == Audio(FRAME)


def test_a_message_may_hold_several_frames() -> None:
    assert telecmi(stream_audio(audioData=b64(FRAME * 4))) == Audio(FRAME * 4)


def test_audio_that_is_no_whole_frames_is_played_and_blamed() -> None:
    reading = telecmi(stream_audio(audioData=b64(bytes(800))))
    assert isinstance(reading, Audio)
    assert reading.pcm == bytes(800)
    assert reading.problem == "800 bytes of audio; must be whole frames of 960"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (FRAME, "binary message"),
        ("hello", "no JSON"),
        ("", "no JSON"),
        ("NaN", "no JSON"),
        ("{}", "neither streamAudio"),
        ('"text"', "neither streamAudio"),
        ("[]", "empty PCMO"),
        ("[1]", "no object with an action"),
        ('[{"action":1}]', "no object with an action"),
        ('[{"action":"bridge","connect":[{"number":"919800000000"}]}]', "no JSON numbers"),
        ('[{"action":"bridge","from":"9112","connect":[{"number":919}]}]', "no JSON numbers"),
        ('[{"action":"bridge","connect":[]}]', "no JSON numbers"),
        ('{"action":"hangup"}', "unknown outside a PCMO array"),
        ('{"action":["break"]}', "unknown outside a PCMO array"),
        ('{"action":"break","id":1}', "action with keys"),
        ('{"type":"playAudio","data":{}}', "is not streamAudio"),
        ('{"type":"streamAudio"}', "with keys"),
        ('{"type":"streamAudio","data":{},"id":1}', "with keys"),
        ('{"type":"streamAudio","data":[]}', "data must hold"),
        (stream_audio(chunk=1), "data must hold"),
        (stream_audio(audioDataType="mp3"), "is not raw"),
        (stream_audio(sampleRate="8000"), "'8000' is not the integer 8000"),
        (stream_audio(sampleRate=16000), "16000 is not the integer 8000"),
        (stream_audio(sampleRate=8000.0), "8000.0 is not the integer 8000"),
        (stream_audio(audioData=None), "no text"),
        (stream_audio(audioData="AAA"), "strict base64"),
        (stream_audio(audioData="AA AA"), "strict base64"),
        (stream_audio(audioData="AA=="), "no whole samples"),
        (stream_audio(audioData=""), "0 bytes of audio"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    reading = telecmi(message)
    assert isinstance(reading, Malformed)
    assert problem in reading.problem


@pytest.mark.parametrize("action", list(Action))
def test_actions(action: Action) -> None:
    assert telecmi(json.dumps({"action": action.value})) is action


def test_pcmo() -> None:
    bridge = {"action": "bridge", "from": 911203000000, "connect": [{"number": 919800000000}]}
    reading = telecmi(json.dumps([bridge]))
    assert isinstance(reading, Pcmo)
    assert reading.actions == (bridge,)
    assert not reading.hangs_up
    ending = telecmi('[{"action":"speak","text":"bye"},{"action":"hangup"}]')
    assert isinstance(ending, Pcmo)
    assert ending.hangs_up


def test_raw_takes_one_frame() -> None:
    assert raw(FRAME) == Audio(FRAME)


@pytest.mark.parametrize("length", [2, 958, 962, 1920])
def test_raw_blames_another_length_and_plays_it(length: int) -> None:
    reading = raw(bytes(length))
    assert isinstance(reading, Audio)
    assert reading.problem == f"{length} bytes of audio; must be exactly one frame of 960"


@pytest.mark.parametrize("message", [b"", b"x", bytes(959), "text", stream_audio()])
def test_raw_takes_nothing_else(message: str | bytes) -> None:
    assert isinstance(raw(message), Malformed)


def test_raw_knows_the_messages_it_was_told() -> None:
    assert raw("clear") is Action.BREAK
    assert raw("end") is Action.STOP
    assert isinstance(dialect.raw(PCM, None, None)("clear"), Malformed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("type", "data", "action", "connect", "from", "number")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text() | st.binary(max_size=2000))
def test_no_message_is_a_crash(message: str | bytes) -> None:
    telecmi(message)
    raw(message)
