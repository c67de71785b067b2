import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._reading import (
    StreamPlace,
    base64_audio,
    caller_audio,
    check_format,
    key_pressed,
    media_pattern,
    reported_error,
    shown,
    text_object,
)
from trioaudio.core.carrier import CallerAudio, Complaint, DtmfPressed
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import RemoteProtocolError

EVENT = media_pattern(event="media")
BOTH = media_pattern(event="media", type="media")
PCM = MediaFormat(Encoding.PCM16, 16000)
MULAW = MediaFormat(Encoding.MULAW, 8000)


# --- What a message is, from its beginning ------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"media"}',
        '{"event": "media", "media": {}}',
        ' \n{ "event"\t:\r"media" , "x": 1}',
        '{"sequenceNumber":1,"streamId":"a","event":"media","media":{"payload":""}}',
        '{"a":null,"b":true,"c":false,"d":-1.5e9,"e":"with \\" and \\\\","event":"media","m":0}',
    ],
)
def test_media_is_known_by_the_members_before_any_object(text: str) -> None:
    assert EVENT.match(text)
    assert json.loads(text)["event"] == "media"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '["event","media"]',
        '{"event":"mediator"}',
        '{"event":"media"',
        '{"event":"start","x":{"event":"media"}}',
        '{"x":{"event":"media"},"event":"start"}',
        '{"x":"\\"event\\":\\"media\\"","event":"start"}',
        '{"x":["event","media"]}',
        '{"events":"media"}',
        '{"event":"start","name":"media"}',
    ],
)
def test_and_not_by_what_stands_deeper_or_reads_alike(text: str) -> None:
    assert not EVENT.match(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"event":"media","type":"media","ucid":"1","data":{}}', True),
        ('{"type":"media","ucid":"1","event":"media","data":{}}', True),
        ('{"event":"media","type":"dtmf","ucid":"1"}', False),
        ('{"event":"media","data":{"type":"media"}}', False),
    ],
)
def test_two_members_may_be_wanted_in_any_order(text: str, found: bool) -> None:
    assert bool(BOTH.match(text)) is found


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.text(max_size=5)
        | st.integers()
        | st.booleans()
        | st.none()
        | st.just({"event": "media"}),
        max_size=5,
    ),
    st.sampled_from(["media", "start"]),
)
def test_a_match_is_never_wrong_about_the_object(more: dict[str, Any], event: str) -> None:
    text = json.dumps({**more, "event": event})
    assert not EVENT.match(text) or json.loads(text)["event"] == "media"


# --- Texts ---------------------------------------------------------------------------------


def test_a_foreign_value_is_shown_short_and_printable() -> None:
    assert shown("hello") == "'hello'"
    assert shown(None) == "None"
    assert shown("\ud800\N{GRINNING FACE}\n") == "'\\ud800\\U0001f600\\n'"
    assert len(shown("\N{GRINNING FACE}" * 1_000_000)) < 50
    assert len(shown([["x"] * 100])) < 50


def test_a_message_is_an_object_or_a_complaint() -> None:
    assert text_object("acme", '{"a":1}') == {"a": 1}
    assert text_object("acme", b"{}") == Complaint("2 binary bytes, where acme sends text; dropped")
    for text in ("", "no", "[]", "5", '"x"', "[" * 100_000, "9" * 5000):
        assert text_object("acme", text) == Complaint("a message that is no JSON object; dropped")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (
            {"message": "bad frame", "code": 100003},
            Complaint("the carrier reports an error: 'bad frame'", "100003"),
        ),
        (
            {"reason": "x", "errorCode": "E1"},
            Complaint("the carrier reports an error: 'x'", "E1"),
        ),
        (
            {"payload": {"code": 100004, "title": "invalid_media", "detail": "bad"}},
            Complaint("the carrier reports an error: 'invalid_media: bad'", "100004"),
        ),
        (
            {"error": {"error_code": "7", "message": "no"}},
            Complaint("the carrier reports an error: 'no'", "7"),
        ),
        (
            {"error": "no such stream", "code": 9},
            Complaint("the carrier reports an error: 'no such stream'", "9"),
        ),
        (
            {"code": "1", "reason": "two\nlines"},
            Complaint("the carrier reports an error: 'two\\nlines'", "1"),
        ),
        (
            {"message": "x" * 999, "code": "y" * 999},
            Complaint(f"the carrier reports an error: '{'x' * 199}...", "y" * 40),
        ),
        ({"message": {"a": 1}, "payload": []}, Complaint("the carrier reports an error: None")),
        ({}, Complaint("the carrier reports an error: None")),
    ],
)
def test_an_error_is_passed_on(value: Any, complaint: Complaint) -> None:
    assert reported_error(value) == complaint


# --- Where a connection stands --------------------------------------------------------------


def test_a_connection_carries_one_stream() -> None:
    place = StreamPlace("acme")
    assert place.repeated("s1", "c1") is None
    assert place.misplaced("media", None) == Complaint(
        "media before the stream was started; dropped"
    )
    place.ids = ("s1", "c1")
    assert place.misplaced("media", None) is None
    assert place.misplaced("media", "s1") is None
    assert place.misplaced("media", "s2") == Complaint("media of another stream, 's2'; dropped")
    assert place.repeated("s1", "c1") == Complaint("a second start of the same stream; ignored")
    with pytest.raises(RemoteProtocolError, match="acme: another stream was started"):
        place.repeated("s1", "c2")


def test_a_stream_without_an_id_takes_what_names_none() -> None:
    place = StreamPlace("acme", ids=(None, "c1"))
    assert place.misplaced("media", None) is None
    assert place.misplaced("media", "s1") is not None


# --- Audio and keys --------------------------------------------------------------------------


@given(st.binary(max_size=9), st.sampled_from([1, 2]))
def test_caller_audio_is_whole_samples(audio: bytes, sample_bytes: int) -> None:
    events = caller_audio(audio, sample_bytes, "inbound")
    whole = audio[: len(audio) // sample_bytes * sample_bytes]
    assert events[0] == CallerAudio(whole, "inbound")
    assert (len(events) == 2) is (whole != audio)
    assert all(isinstance(event, Complaint) for event in events[1:])


def test_base64_is_audio_and_nothing_else_is() -> None:
    assert base64_audio("AAEC", 1, "t") == [CallerAudio(b"\0\1\2", "t")]
    assert base64_audio("AAEC", 2)[0] == CallerAudio(b"\0\1")
    wrongs: list[Any] = [None, 5, True, ["AAEC"], {"a": "AAEC"}, "AAE", "A!EC", "\ud800", "AAEC\n"]
    for wrong in wrongs:
        assert base64_audio(wrong, 2) == [
            Complaint("a media message without base64 audio; dropped")
        ]


@pytest.mark.parametrize(
    ("digit", "duration", "event"),
    [
        ("5", None, DtmfPressed("5")),
        (5, 260, DtmfPressed("5", 260.0)),
        ("#", "100", DtmfPressed("#", 100.0)),
        ("*", "long", DtmfPressed("*")),
        ("a", {}, DtmfPressed("A")),
    ],
)
def test_a_key_is_text_or_number(digit: Any, duration: Any, event: DtmfPressed) -> None:
    assert key_pressed(digit, duration) == event


@pytest.mark.parametrize("digit", [None, "", "12", "flash", "E", 12, 5.5, True, ["5"], {"d": 5}])
def test_what_is_no_key_is_a_complaint(digit: Any) -> None:
    event = key_pressed(digit)
    assert isinstance(event, Complaint)
    assert event.text.startswith("a key that does not exist")


# --- The format ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "announced"),
    [
        (PCM, {}),
        (PCM, {"encoding": "audio/x-l16", "sample_rate": 16000, "channels": 1}),
        (PCM, {"encoding": "AUDIO/L16;rate=16000", "sample_rate": "16000", "channels": "1"}),
        (PCM, {"encoding": "audio/l16; rate=16000"}),
        (PCM, {"encoding": "raw", "sample_rate": 16000.0}),
        (MediaFormat(Encoding.PCM16_BE, 16000), {"encoding": "L16"}),
        (MULAW, {"encoding": "audio/x-mulaw", "sample_rate": 8000}),
        (MULAW, {"encoding": "PCMU"}),
        (MediaFormat(Encoding.ALAW, 8000), {"encoding": "audio/PCMA;rate=8000"}),
        (MULAW, {"encoding": ["no text"], "sample_rate": {"no": "number"}, "channels": None}),
    ],
)
def test_a_format_may_be_spelt_in_many_ways_or_not_at_all(
    media: MediaFormat, announced: dict[str, Any]
) -> None:
    check_format("acme", media, **announced)


@pytest.mark.parametrize(
    ("media", "announced"),
    [
        (PCM, {"encoding": "audio/x-mulaw"}),
        (PCM, {"encoding": "opus"}),
        (PCM, {"sample_rate": 8000}),
        (PCM, {"sample_rate": "8000"}),
        (PCM, {"encoding": "audio/l16;rate=24000"}),
        (PCM, {"channels": 2}),
        (MULAW, {"encoding": "PCMA"}),
        (MULAW, {"encoding": "l16", "sample_rate": 8000, "channels": 1}),
    ],
)
def test_another_format_ends_the_stream_and_says_what_to_set(
    media: MediaFormat, announced: dict[str, Any]
) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_format("acme", media, **announced)
    text = str(caught.value)
    assert text.startswith("acme: the stream was announced with ")
    assert str(media) in text
    assert "TRIOAUDIO_ACME_ENCODING" in text
    assert "TRIOAUDIO_SAMPLE_RATE" in text
    assert all(shown(value) in text for value in announced.values())
    assert "None" not in text
