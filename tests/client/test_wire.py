from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.api import commands, events, requests, views
from trioaudio.client.wire import (
    EVENT_NAMES,
    Audio,
    UnreadableError,
    command_of,
    encode_request,
    read_audio,
    read_text,
)


def test_a_command_without_its_defaults() -> None:
    say = commands.Say(text="Hi.", words=True, voice=None)
    assert command_of(say) == ("say", {"text": "Hi.", "words": True})
    assert command_of(commands.Pause()) == ("pause", {})
    assert command_of(commands.Append(utterance=1, text="")) == (
        "append",
        {"utterance": 1, "text": ""},
    )


def test_what_is_sent_is_what_the_daemon_reads() -> None:
    asked = requests.Create(
        call=requests.NewCall(to="1", first=[commands.Say(text="Hi.", tail_ms=0)]), ref="7"
    )
    sent = encode_request(asked)
    assert msgspec.json.decode(sent, type=requests.StreamRequest) == asked
    assert msgspec.json.decode(sent) == {
        "kind": "create",
        "call": {"to": "1", "first": [{"do": "say", "text": "Hi.", "tail_ms": 0}]},
        "ref": "7",
    }


def test_answers_cuts_and_events_are_told_apart() -> None:
    answer = views.Answer(ref="1", reply=views.Done())
    cut = views.Cut(reason="too slow", lost=3)
    event = events.DtmfCame(call="c", at=1.0, digit="1", duration_ms=None)
    for each in (answer, cut, event):
        assert read_text(msgspec.json.encode(each).decode()) == each


def test_what_later_versions_add_is_passed_over() -> None:
    later = {"kind": "answer", "ref": "1", "reply": {"did": "done", "new": 1}, "also": {"new": []}}
    assert read_text(msgspec.json.encode(later).decode()) == views.Answer(
        ref="1", reply=views.Done()
    )
    assert read_text('{"event": "weather", "call": "c", "at": 1}') is None
    assert read_text('{"kind": "sermon"}') is None
    assert read_text("{}") is None
    assert read_audio(b"\x02\x01c\x00rest") is None
    assert read_audio(b"") is None


def test_every_event_has_its_name() -> None:
    assert {"call.started", "utterance.completed", "dtmf", "underrun"} <= EVENT_NAMES
    assert len(EVENT_NAMES) == 16


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"event": "dtmf"}', '{"kind": "answer"}'])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_text(text)


def test_audio() -> None:
    assert read_audio(b"\x01\x04c-12\x00\x01\x02") == Audio("c-12", "callee", b"\x01\x02")
    assert read_audio(bytearray(b"\x01\x01c\x01")) == Audio("c", "ours", b"")


@pytest.mark.parametrize(
    "data", [b"\x01", b"\x01\x00\x00", b"\x01\x04c-1", b"\x01\x01c\x02pp", b"\x01\x01\xff\x00pp"]
)
def test_audio_with_a_broken_head(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="broken"):
        read_audio(data)


@given(st.binary(max_size=20))
def test_any_binary_message_is_audio_or_told(data: bytes) -> None:
    try:
        audio = read_audio(b"\x01" + data)
    except UnreadableError:
        return
    assert audio is not None
    assert audio.side in {"callee", "ours"}
