from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Control, Malformed, Reading
from trioaudio.simulators.dialects.telecmi import DIALECT, TeleCmi

FRAME = bytes(range(96)) * 10
CALL_ID = str(uuid.UUID(int=7))


def new(**options: str) -> TeleCmi:
    facts = CallFacts(MediaFormat(Encoding.PCM16, 8000), "s", CALL_ID, "1", "2", options)
    dialect = DIALECT.new(facts)
    assert isinstance(dialect, TeleCmi)
    return dialect


def read(message: str | bytes) -> Reading:
    (reading,) = new().read(message)
    return reading


def stream_audio(**changes: Any) -> str:
    data = {"audioDataType": "raw", "sampleRate": 8000, "audioData": b64(FRAME)}
    return json.dumps({"type": "streamAudio", "data": {**data, **changes}})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_it_begins_with_a_uuid() -> None:
    assert new().opening() == (CALL_ID,)
    assert new().late_opening() == ()


def test_what_it_says_about_the_call_is_an_option() -> None:
    late = new(**{"metadata": "json", "metadata-when": "after"})
    assert late.opening() == ()
    (text,) = late.late_opening()
    assert isinstance(text, str)
    assert json.loads(text)["extra_params"] == {"order": "42"}
    assert new(metadata="none").opening() == ()
    never = new(**{"metadata-when": "never"})
    assert (never.opening(), never.late_opening()) == ((), ())


@pytest.mark.parametrize("name", ["metadata", "metadata-when", "play"])
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"option {name}=foo: no such value"):
        new(**{name: "foo"})


def test_messages_cut_each_other_in_cut_mode() -> None:
    assert new(play="cut").read(stream_audio()) == (Audio(FRAME, cuts=True),)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_white_space_is_free(indent: int | None, separators: tuple[str, str]) -> None:
    message = json.dumps(json.loads(stream_audio()), indent=indent, separators=separators)
    assert read(message) == Audio(FRAME)


def test_a_message_may_hold_several_frames() -> None:
    assert read(stream_audio(audioData=b64(FRAME * 4))) == Audio(FRAME * 4)


def test_audio_that_is_no_whole_frames_is_played_and_blamed() -> None:
    reading = read(stream_audio(audioData=b64(bytes(800))))
    assert isinstance(reading, Audio)
    assert reading.data == bytes(800)
    assert reading.problem == "800 bytes of audio; must be whole frames of 960"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (FRAME, "binary message"),
        ("hello", "no JSON"),
        ("", "no JSON"),
        ("NaN", "no JSON"),
        ("[" * 100_000, "no JSON"),
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
        (stream_audio(audioData="AAB="), "strict base64"),
        (stream_audio(audioData=""), "audioData is empty"),
        ('{"action":"break","action":"stop"}', "a member is twice"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    reading = read(message)
    assert isinstance(reading, Malformed)
    assert problem in reading.problem


@pytest.mark.parametrize(
    ("action", "meaning"),
    [
        ("break", Action.CLEAR),
        ("pause", Action.PAUSE),
        ("resume", Action.RESUME),
        ("stop", Action.STOP),
    ],
)
def test_actions(action: str, meaning: Action) -> None:
    assert read(json.dumps({"action": action})) is meaning


def test_pcmo() -> None:
    bridge = {"action": "bridge", "from": 911203000000, "connect": [{"number": 919800000000}]}
    assert read(json.dumps([bridge])) == Control("bridge", bridge)
    speak, ending = new().read('[{"action":"speak","text":"bye"},{"action":"hangup"}]')
    assert speak == Control("speak", {"action": "speak", "text": "bye"})
    assert ending is Action.HANG_UP


def test_it_never_acknowledges_anything() -> None:
    dialect = new()
    said = [
        *dialect.mark_played("a"),
        *dialect.cleared(["a"]),
        *dialect.dtmf("1"),
        *dialect.flow(paused=True),
        *dialect.drained(),
        *dialect.closing("over"),
    ]
    assert said == []
    assert dialect.caller_audio(FRAME) == FRAME
    assert len(dialect.malformed()) > 5


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
    assert new().read(message)
