"""What holds for each dialect that is not of Twilio's kind, whatever it is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialect_kit import facts
from trioaudio.simulators.dialect import Dialect, Malformed
from trioaudio.simulators.dialects import load_dialect

NAMES = (
    "asterisk",
    "audiosocket",
    "jambonz",
    "mod_audio_stream",
    "ozonetel",
    "plivo",
    "teler",
    "vobiz",
    "vonage",
)
WORDS = (
    *("event", "type", "command", "action", "media", "data", "payload", "name", "streamId"),
    *("playAudio", "checkpoint", "clearAudio", "notify", "clear", "mark", "killAudio", "audio"),
    *("MARK_MEDIA", "STOP_MEDIA_BUFFERING", "correlation_id", "samples", "chunk_id"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


def dialects() -> list[Dialect]:
    made = [load_dialect(name).new(facts()) for name in NAMES]
    made.append(load_dialect("asterisk").new(facts(options={"control": "plain"})))
    made.append(load_dialect("mod_audio_stream").new(facts(options={"build": "commercial"})))
    return made


@given(
    st.lists(
        JSON.map(json.dumps) | st.text(max_size=200) | st.binary(max_size=700),
        min_size=1,
        max_size=4,
    )
)
def test_no_message_is_a_crash(messages: list[str | bytes]) -> None:
    for dialect in dialects():
        for message in messages:
            dialect.read(message)


@pytest.mark.parametrize("name", NAMES)
def test_a_dialects_name_is_its_modules(name: str) -> None:
    kind = load_dialect(name)
    assert kind.name == name
    for sample_rate in kind.sample_rates:
        assert any(encoding.carries(sample_rate) for encoding in kind.encodings)


@pytest.mark.parametrize("name", NAMES)
def test_there_are_a_dozen_malformed_messages_and_no_two_alike(name: str) -> None:
    messages = load_dialect(name).new(facts()).malformed()
    assert len(messages) >= 12
    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize("name", NAMES)
def test_malformed_messages_can_be_sent(name: str) -> None:
    for message in load_dialect(name).new(facts()).malformed():
        if isinstance(message, str):
            message.encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_would_refuse_its_own_malformed_messages(name: str) -> None:
    dialect = load_dialect(name).new(facts())
    # The answer without its event is the question.
    harmless = {'{"type":"mark","data":{"name":"m1"}}'}
    for message in dialect.malformed():
        if message in harmless:
            continue
        readings = dialect.read(message)
        assert readings
        assert any(
            isinstance(reading, Malformed) or getattr(reading, "problem", None)
            for reading in readings
        ), message


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_that_was_not_asked_for(name: str) -> None:
    dialect = load_dialect(name).new(facts())
    dialect.opening()
    assert dialect.late_opening() == ()
    assert dialect.drained() == ()


@pytest.mark.parametrize("name", ["audiosocket", "mod_audio_stream", "ozonetel", "teler"])
def test_carriers_without_marks_acknowledge_nothing(name: str) -> None:
    dialect = load_dialect(name).new(facts())
    assert dialect.mark_played("m1") == ()
    assert dialect.cleared(["m1"]) == ()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "asterisk"])
def test_only_asterisk_asks_for_pauses(name: str) -> None:
    dialect = load_dialect(name).new(facts())
    assert dialect.flow(paused=True) == ()
    assert dialect.flow(paused=False) == ()


@pytest.mark.parametrize("name", ["mod_audio_stream", "ozonetel", "teler"])
def test_some_cannot_report_keys(name: str) -> None:
    assert load_dialect(name).new(facts()).dtmf("5") == ()
