from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Malformed, Reading
from trioaudio.simulators.dialects.raw import DIALECT, Raw

FRAME = bytes(range(96)) * 10
AGREED = {"clear-message": "clear", "end-message": "end"}


def new(options: dict[str, str], ptime_ms: int = 60) -> Raw:
    media = MediaFormat(Encoding.PCM16, 8000)
    dialect = DIALECT.new(CallFacts(media, "s", "c", "1", "2", options, ptime_ms))
    assert isinstance(dialect, Raw)
    return dialect


def read(message: str | bytes) -> Reading:
    (reading,) = new(AGREED).read(message)
    return reading


def test_it_takes_one_frame() -> None:
    assert read(FRAME) == Audio(FRAME)
    assert new({}, 20).read(bytes(320)) == (Audio(bytes(320)),)


@pytest.mark.parametrize("length", [2, 958, 962, 1920])
def test_another_length_is_blamed_and_played(length: int) -> None:
    reading = read(bytes(length))
    assert isinstance(reading, Audio)
    assert reading.problem == f"{length} bytes of audio; must be exactly one frame of 960"


@pytest.mark.parametrize("message", [b"", b"x", bytes(959), "text"])
def test_it_takes_nothing_else(message: str | bytes) -> None:
    assert isinstance(read(message), Malformed)


def test_it_knows_the_messages_that_were_agreed_upon() -> None:
    assert read("clear") is Action.CLEAR
    assert read("end") is Action.STOP
    assert isinstance(new({}).read("clear")[0], Malformed)


def test_it_says_nothing_but_audio() -> None:
    dialect = new({})
    said = [
        *dialect.opening(),
        *dialect.late_opening(),
        *dialect.mark_played("a"),
        *dialect.cleared(["a"]),
        *dialect.dtmf("1"),
        *dialect.flow(paused=True),
        *dialect.drained(),
        *dialect.closing("over"),
    ]
    assert said == []
    assert dialect.caller_audio(FRAME) == FRAME
    assert dialect.malformed()


@given(st.text() | st.binary(max_size=2000))
def test_no_message_is_a_crash(message: str | bytes) -> None:
    assert len(new(AGREED).read(message)) == 1
