"""What every dialect of the Media Streams family does, whatever its form."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import MediaFormat
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Control,
    Credentials,
    Dialect,
    DialectKind,
    Malformed,
    MarkAsked,
)
from trioaudio.simulators.dialects import load_dialect

NAMES = [
    "acefone",
    "astradial",
    "exotel",
    "fonoster",
    "kazoo",
    "signalwire",
    "smartflo",
    "telnyx",
    "twilio",
    "wavix",
]
STREAM = "18ad3ab5-a668-481c-e02b-83e7395059f0"
CALL = "12345678-90ab-cdef-1234-567890abcdef"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
member_names = st.sampled_from(
    ["streamSid", "stream_id", "stream_sid", "media", "mark", "payload", "name", "chunk", "x"]
)
events = st.sampled_from(["media", "mark", "clear", "end", "start"]) | json_values
members = st.dictionaries(
    member_names, json_values | st.dictionaries(member_names, json_values, max_size=3), max_size=4
)
messages = (
    st.text()
    | st.binary()
    | json_values.map(json.dumps)
    | st.tuples(events, members).map(lambda both: json.dumps({**both[1], "event": both[0]}))
)


@pytest.fixture(params=NAMES)
def kind(request: pytest.FixtureRequest) -> DialectKind:
    return load_dialect(request.param)


def open_call(kind: DialectKind, **options: str) -> Dialect:
    rate = kind.sample_rates[0]
    media = MediaFormat(next(each for each in kind.encodings if each.carries(rate)), rate)
    return kind.new(CallFacts(media, STREAM, CALL, "+15550100", "+15550199", options))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_found_by_its_name(name: str) -> None:
    kind = load_dialect(name)
    assert kind.name == name
    assert all(any(e.carries(rate) for e in kind.encodings) for rate in kind.sample_rates)


def test_the_first_message_is_connected_and_the_second_starts(kind: DialectKind) -> None:
    connected, start = (json.loads(each) for each in open_call(kind).opening())
    assert connected["event"] == "connected"
    assert start["event"] == "start"


def test_caller_audio_arrives_whole(kind: DialectKind) -> None:
    dialect = open_call(kind)
    rate = kind.sample_rates[0]
    encoding = next(each for each in kind.encodings if each.carries(rate))
    audio = bytes(MediaFormat(encoding, rate).bytes_in(kind.caller_ptime_ms))
    message = json.loads(dialect.caller_audio(audio))
    assert base64.b64decode(message["media"]["payload"], validate=True) == audio


def test_a_dialect_says_nothing_it_has_no_message_for(kind: DialectKind) -> None:
    dialect = open_call(kind)
    assert not dialect.late_opening()
    assert not dialect.flow(paused=True)
    assert not dialect.flow(paused=False)
    assert not dialect.drained()


@pytest.mark.parametrize("name", NAMES)
@given(message=messages)
def test_reading_never_fails(name: str, message: str | bytes) -> None:
    readings = open_call(load_dialect(name)).read(message)
    assert readings or name == "kazoo"  # which waits for a mark
    if not all(isinstance(each, Malformed) for each in readings):
        (reading,) = readings
        assert isinstance(reading, Audio | MarkAsked | Action | Control)


def test_malformed_messages_are_many_and_of_every_sort(kind: DialectKind) -> None:
    dialect = open_call(kind)
    messages = dialect.malformed()
    assert len(messages) >= 12
    assert len(set(messages)) == len(messages)
    assert any(isinstance(each, bytes) for each in messages)
    broken = objects = 0
    for each in messages:
        try:
            objects += isinstance(json.loads(each), dict)
        except (ValueError, RecursionError):
            broken += 1
    assert broken >= 5
    assert objects >= 20


def test_malformed_messages_use_the_streams_own_names(kind: DialectKind) -> None:
    dialect = open_call(kind)
    start = json.loads(dialect.opening()[1])
    again = next(each for each in dialect.malformed() if '"start"' in str(each))
    repeated = json.loads(again)
    wavix = {"event_time", "call_id"}
    assert repeated.keys() == start.keys() - wavix
    unlike = {name for name in repeated if repeated[name] != start[name]}
    assert len(unlike) == 1  # the sequence number


def test_malformed_messages_do_not_disturb_the_call(kind: DialectKind) -> None:
    undisturbed, dialect = open_call(kind), open_call(kind)
    assert undisturbed.opening() == dialect.opening()
    dialect.malformed()
    assert undisturbed.mark_played("a") == dialect.mark_played("a")


def test_no_secret_means_no_headers(kind: DialectKind) -> None:
    facts = CallFacts(MediaFormat(kind.encodings[0], 8000), STREAM, CALL, "1", "2")
    shake = kind.handshake("wss://voice.example.com/x", facts, Credentials())
    assert (shake.url, shake.headers) == ("wss://voice.example.com/x", ())


def test_every_option_is_explained_and_works_unset(kind: DialectKind) -> None:
    assert all(kind.options.values())
    assert ("cleared-marks" in kind.options) is (kind.name != "kazoo")  # where nothing can clear
    if kind.name == "kazoo":
        assert not open_call(kind).cleared(["a", "b"])
        return
    returned = open_call(kind, **{"cleared-marks": "returned"})
    dropped = open_call(kind, **{"cleared-marks": "dropped"})
    assert len(returned.cleared(["a", "b"])) == 2
    assert not dropped.cleared(["a", "b"])
    assert bool(open_call(kind).cleared(["a"])) == (kind.marks_after_clear.value == "returned")
