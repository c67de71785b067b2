"""What is taken from applications, what is not, and what they are sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.relay.messages import (
    ApplicationMessage,
    DtmfMessage,
    EndMessage,
    ErrorMessage,
    InterruptMessage,
    LanguageMessage,
    MalformedMessageError,
    PlayMessage,
    RelayMessage,
    SendDigitsMessage,
    TextMessage,
    decode_message,
    encode_message,
    interruptible_of,
)

DOCUMENTED: list[tuple[str, ApplicationMessage]] = [
    (
        '{"type":"text","token":"Hello","last":false,"interruptible":false,"preemptible":false}',
        TextMessage(token="Hello", last=False, interruptible=False, preemptible=False),
    ),
    (
        '{"type":"play","source":"https://a/b.mp3","loop":1,"preemptible":false,"interruptible":true}',
        PlayMessage(
            source="https://a/b.mp3",
            loop=1,
            preemptible=False,
            interruptible=True,
        ),
    ),
    ('{"type":"sendDigits","digits":"9www4085551212"}', SendDigitsMessage("9www4085551212")),
    (
        '{"type":"language","ttsLanguage":"sv-SE","transcriptionLanguage":"en-US"}',
        LanguageMessage(tts_language="sv-SE", transcription_language="en-US"),
    ),
    ('{"type":"end","handoffData":"{\\"reason\\":1}"}', EndMessage('{"reason":1}')),
    ('{"type":"end"}', EndMessage()),
]


@pytest.mark.parametrize(("wire", "message"), DOCUMENTED)
def test_documented_messages(wire: str, message: ApplicationMessage) -> None:
    assert decode_message(wire) == message


def test_unknown_fields_and_nulls_are_passed_over() -> None:
    wire = (
        '{"uuid":[1,{}],"last":null,"lang":null,"interruptible":null,"preemptible":null,'
        '"token":"a","type":"text"}'
    )
    assert decode_message(wire) == TextMessage(token="a")


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ("{", "truncated"),
        ('{"type":"text","token":"a","x":' + "[" * 30_000, "recursion"),
        ("[]", "Expected `object`"),
        ('{"type":7}', "Expected `str`"),
        ('{"type":"config"}', "type 'config' is not covered; text, play, sendDigits"),
        ('{"type":"text","token":null}', "$.token"),
        ('{"type":"text","token":"a","last":"yes"}', "$.last"),
        ('{"type":"text","token":"a","interruptible":"often"}', "often"),
        ('{"type":"text","token":"a","lang":"en US"}', "$.lang"),
        ('{"type":"play","source":"cowbell.mp3"}', "$.source"),
        ('{"type":"play","source":"http://a/","loop":1001}', "$.loop"),
        ('{"type":"play","source":"http://a/","loop":-1}', "$.loop"),
        ('{"type":"sendDigits","digits":""}', "$.digits"),
        ('{"type":"sendDigits","digits":"A"}', "$.digits"),
        ('{"type":"language"}', "needs ttsLanguage or transcriptionLanguage"),
        ('{"type":"end","handoffData":{}}', "$.handoffData"),
        (b"{}", "binary"),
    ],
)
def test_what_is_wrong_is_said(wire: str | bytes, words: str) -> None:
    with pytest.raises(MalformedMessageError, match=r".") as caught:
        decode_message(wire)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.text() | st.binary())
def test_nothing_else_is_raised(wire: str | bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode_message(wire)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, "speech"),
        (True, "any"),
        (False, "never"),
        ("none", "never"),
        ("dtmf", "dtmf"),
        ("speech", "speech"),
        ("any", "any"),
    ],
)
def test_interruptible(given: bool | None, wanted: str) -> None:  # the words are another type
    assert interruptible_of(given, "speech") == wanted


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (DtmfMessage("1"), {"type": "dtmf", "digit": "1"}),
        (ErrorMessage("no"), {"type": "error", "description": "no"}),
        (
            InterruptMessage("Life is", 460),
            {
                "type": "interrupt",
                "utteranceUntilInterrupt": "Life is",
                "durationUntilInterruptMs": 460,
            },
        ),
    ],
)
def test_what_is_sent(message: RelayMessage, wire: dict[str, object]) -> None:
    assert json.loads(encode_message(message)) == wire
