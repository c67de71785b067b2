"""Requests as the documentation has them, and replies whatever they are."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.engine import VoiceChoice
from trioaudio.engines import _cartesia_messages as said
from trioaudio.engines._cartesia_settings import CartesiaSettings

DEFAULT = VoiceChoice()


def test_only_fields_that_are_set_are_sent() -> None:
    fields = said.context_fields(
        CartesiaSettings(timestamps=False), said.fields_of(CartesiaSettings(), DEFAULT, 8000)
    )
    assert fields == {
        "model_id": "sonic-3.5-2026-05-04",
        "voice": {"mode": "id", "id": CartesiaSettings().voice},
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000},
        "max_buffer_delay_ms": 0,
    }


def test_all_settings_are_sent() -> None:
    settings = CartesiaSettings(
        model="sonic-3",
        voice="v",
        language="en",
        speed=1.2,
        volume=0.8,
        emotion="calm",
        pronunciation_dict_id="d",
        max_buffer_delay_ms=150,
    )
    fields = said.context_fields(settings, said.fields_of(settings, DEFAULT, 16000))
    message = json.loads(said.speak_message(fields, "c", "Hello. "))
    assert message == {
        "context_id": "c",
        "transcript": "Hello. ",
        "continue": True,
        "model_id": "sonic-3",
        "voice": {"mode": "id", "id": "v"},
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "language": "en",
        "generation_config": {"speed": 1.2, "volume": 0.8, "emotion": "calm"},
        "pronunciation_dict_id": "d",
        "max_buffer_delay_ms": 150,
        "add_timestamps": True,
    }
    assert json.loads(said.end_message(fields, "c")) == {
        **message,
        "transcript": "",
        "continue": False,
    }
    assert json.loads(said.cancel_message("c")) == {"context_id": "c", "cancel": True}


def test_the_author_may_choose_voice_and_language() -> None:
    choice = VoiceChoice(voice="other", language="hi-IN")
    fields = said.fields_of(CartesiaSettings(language="en"), choice, 8000)
    assert fields["voice"] == {"mode": "id", "id": "other"}
    assert fields["language"] == "hi"
    assert said.language_of(CartesiaSettings(), VoiceChoice(language="PT_br")) == "pt"


@pytest.mark.parametrize(
    ("clause", "transcript"),
    [("Hello.", "Hello. "), ("Hi ", "Hi "), ("你好。", "你好。"), ("कैसे हैं।", "कैसे हैं। "), ("", " ")],
)
def test_clauses_are_joined_as_their_script_does(clause: str, transcript: str) -> None:
    assert said.spaced(clause) == transcript


def test_half_a_surrogate_pair_is_no_bug_of_ours() -> None:
    said.speak_message({}, "c", "\ud800").encode()


def reply(**fields: object) -> said.Reply | None:
    return said.read_reply(json.dumps(fields))


def test_replies_are_read() -> None:
    assert reply(type="chunk", context_id="c", data="AAE=", done=False) == said.Chunk("c", b"\0\1")
    assert reply(type="flush_done", context_id="c", data="", flush_id=1) == said.FlushDone("c")
    assert reply(type="done", context_id="c", status_code=206) == said.Done("c")
    words = {"words": ["a", "b"], "start": [0, 0.5], "end": [0.4, 0.9]}
    assert reply(type="timestamps", context_id="c", word_timestamps=words) == said.Timestamps(
        "c", [("a", 0.0), ("b", 0.5)]
    )


def test_times_that_are_none_are_left_out() -> None:
    message = (
        '{"type":"timestamps","context_id":"c","word_timestamps":'
        '{"words":["a","b",3,"d","e","f"],"start":[NaN,-1,2,"x",5]}}'
    )
    assert said.read_reply(message) == said.Timestamps("c", [("e", 5.0)])
    nothings: list[object] = [None, [], {"words": ["a"]}, {"words": "a", "start": [1]}]
    for nothing in nothings:
        found = reply(type="timestamps", context_id="c", word_timestamps=nothing)
        assert found == said.Timestamps("c", [])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[1]",
        "[" * 100_000,
        b"\xff",
        '{"type":"chunk","data":"AAAA"}',
        '{"type":"news","context_id":"c"}',
        '{"type":"phoneme_timestamps","context_id":"c"}',
        '{"context_id":"c"}',
    ],
)
def test_what_means_nothing_is_nothing(message: str | bytes) -> None:
    assert said.read_reply(message) is None


@pytest.mark.parametrize("data", [None, 5, "A", "\u20ac", "AAA"])
def test_a_chunk_that_cannot_be_read_is_told(data: object) -> None:
    assert reply(type="chunk", context_id="c", data=data) == said.Garbled("c")


def test_both_shapes_of_errors_are_read() -> None:
    assert reply(
        type="error", status_code=404, title="Not found", message="no voice", error_code=None
    ) == said.Refused(None, 404, "Not found: no voice")
    assert reply(type="error", context_id="c", status_code=400, error="Bad") == said.Refused(
        "c", 400, "Bad"
    )
    assert reply(type="error", status_code="?") == said.Refused(None, 500, "")


def test_errors_that_are_none_are_known() -> None:
    empty = said.Refused("c", 400, "the initial transcript is Empty or only punctuation")
    closed = said.Refused("c", 400, "Context has closed")
    assert empty.says_empty
    assert not empty.says_closed
    assert closed.says_closed
    assert not attrs.evolve(closed, status=500).says_closed
    assert not attrs.evolve(empty, status=404).says_empty


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "context_id", "data", "word_timestamps", "status_code", "words"]
                )
                | st.text(max_size=3),
                inner | st.sampled_from(["chunk", "timestamps", "error", "done"]),
                max_size=5,
            )
        ),
    )
)
def test_no_reply_is_too_strange(value: object) -> None:
    said.read_reply(json.dumps(value))
