import base64
import json
from typing import Any

import piopiy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.telecmi import CARRIER, Ending, TelecmiCodec, TelecmiSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    HangUp,
    Metadata,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.payload import payload_encoder

BASE64 = payload_encoder(Encoding.PCM16, PayloadForm.BASE64)
EVEN = st.binary(max_size=100).map(lambda half: half + half)


def codec(settings: CarrierSettings = CARRIER.settings, sample_rate: int = 8000) -> TelecmiCodec:
    return TelecmiCodec(settings, MediaFormat(Encoding.PCM16, sample_rate))


def sent(command: Command, settings: CarrierSettings = CARRIER.settings) -> list[Any]:
    """Return the meaning of what is sent; every message is JSON text."""
    messages = codec(settings).send(command)
    assert all(isinstance(message, str) for message in messages)
    return [json.loads(message) for message in messages]


def text_of(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


# --- What we send ------------------------------------------------------------------------


@given(pcm=EVEN, sample_rate=st.sampled_from([8000, 16000]))
def test_audio_is_a_stream_audio_message(pcm: bytes, sample_rate: int) -> None:
    sealed = codec(sample_rate=sample_rate).seal(BASE64(pcm))
    (message,) = sealed
    assert isinstance(message, str)
    meant = {
        "type": "streamAudio",
        "data": {
            "audioDataType": "raw",
            "sampleRate": sample_rate,
            "audioData": text_of(pcm),
        },
    }
    assert message == json.dumps(meant, separators=(",", ":"))
    assert codec(sample_rate=sample_rate).send(SendAudio(BASE64(pcm))) == list(sealed)


def test_a_frame_is_one_message_of_1366_bytes() -> None:
    assert [len(message) for message in codec().seal(BASE64(bytes(960)))] == [1366]


def test_bytes_are_no_payload_for_a_json_message() -> None:
    with pytest.raises(LocalProtocolError, match="base64"):
        codec().seal(b"\0\0")


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (ClearAudio(), {"action": "break"}),
        (Pause(), {"action": "pause"}),
        (Resume(), {"action": "resume"}),
        (EndStream(), {"action": "stop"}),
        (HangUp(), [{"action": "hangup"}]),
    ],
)
def test_actions(command: Command, meant: object) -> None:
    assert sent(command) == [meant]


@pytest.mark.parametrize(
    ("ending", "meant"),
    [
        (Ending.HANGUP, [[{"action": "hangup"}]]),
        (Ending.STOP, [{"action": "stop"}]),
        (Ending.CLOSE, []),
    ],
)
def test_how_a_finished_call_ends_is_a_setting(ending: Ending, meant: list[Any]) -> None:
    assert sent(HangUp(), TelecmiSettings(ending=ending)) == meant


def test_settings_of_no_carrier_in_particular_mean_the_defaults() -> None:
    assert sent(HangUp(), CarrierSettings()) == [[{"action": "hangup"}]]


@pytest.mark.parametrize("command", [SendMark("m"), Answer()])
def test_some_commands_need_no_message(command: Command) -> None:
    assert sent(command) == []


def test_keys_cannot_be_pressed() -> None:
    with pytest.raises(LocalProtocolError, match="keys cannot be pressed"):
        codec().send(SendDtmf("1"))


def test_a_transfer_is_a_pcmo_bridge_with_numbers_as_json_numbers() -> None:
    transfer = Transfer(("+919876543210", "911234567890"), timeout_s=30, duration_s=600)
    assert sent(transfer) == [
        [
            {
                "action": "bridge",
                "connect": [
                    {"type": "pstn", "number": 919876543210},
                    {"type": "pstn", "number": 911234567890},
                ],
                "duration": 600,
                "timeout": 30,
                "loop": 1,
            }
        ]
    ]


def test_a_transfer_may_show_a_caller_id() -> None:
    ((bridge,),) = sent(Transfer(("911",), caller_id="+914440001000"))
    assert bridge["from"] == 914440001000


@pytest.mark.parametrize("number", ["", "+", "sip:a@b", "98-76", "+٣٤", "1e5", " 91", "9" * 5000])
def test_what_is_no_number_is_our_error(number: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"^telecmi: "):
        codec().send(Transfer((number,)))
    with pytest.raises(LocalProtocolError, match=r"^telecmi: "):
        codec().send(Transfer(("911",), caller_id=number))


# --- What we receive ---------------------------------------------------------------------


@given(EVEN)
def test_binary_is_audio(pcm: bytes) -> None:
    assert codec().receive(pcm) == [CallerAudio(pcm)]
    assert codec().is_media(pcm)


@given(EVEN)
def test_audio_is_found_in_four_shapes_of_json(pcm: bytes) -> None:
    audio = text_of(pcm)
    for shape in (
        {"type": "streamAudio", "data": {"audioData": audio}},
        {"audioData": audio},
        {"event": "media", "media": {"payload": audio}},
        {"payload": audio},
    ):
        message = json.dumps(shape)
        assert codec().receive(message) == [CallerAudio(pcm)]
        assert not codec().is_media(message)


def test_the_innermost_shape_counts() -> None:
    both = {"data": {"audioData": text_of(b"ab")}, "payload": text_of(b"cd")}
    assert codec().receive(json.dumps(both)) == [CallerAudio(b"ab")]


@pytest.mark.parametrize(
    "shape",
    [
        {"data": "AAAA"},
        {"data": {"audioData": 7}},
        {"media": {"audioData": "AAAA"}},
        {"event": "start", "call_id": "c1"},
        {"payload": None},
        ["payload", "AAAA"],
        "payload",
        7,
        None,
    ],
)
def test_other_json_is_metadata(shape: object) -> None:
    assert codec().receive(json.dumps(shape)) == [Metadata(shape)]


@pytest.mark.parametrize("text", ["", "hello", "{", '{"a":1}{"b":2}', "\ud800", "[" * 100_000])
def test_text_that_is_no_json_is_opaque_metadata(text: str) -> None:
    assert codec().receive(text) == [Metadata(text)]


@pytest.mark.parametrize("garbage", ["AAA", "A A=", "AAAA\n", "====", "é", "-_-_", "A" * 5])
def test_garbage_instead_of_base64_is_dropped_and_complained_of(garbage: str) -> None:
    assert codec().receive(json.dumps({"payload": garbage})) == [
        Complaint("audio that is not base64 in a JSON message; dropped")
    ]


def test_an_odd_byte_is_dropped_and_complained_of() -> None:
    expected = [
        CallerAudio(b"ab"),
        Complaint("3 bytes of audio are no whole samples; last byte dropped"),
    ]
    assert codec().receive(b"abc") == expected
    assert codec().receive(json.dumps({"payload": text_of(b"abc")})) == expected


def test_a_whole_connection() -> None:
    leg = codec()
    events = [
        event
        for message in (
            b"\0\0" * 160,
            '{"call_id":"c1"}',
            b"\1\0" * 160,
            json.dumps({"payload": text_of(b"\2\0")}),
        )
        for event in leg.receive(message)
    ]
    assert events == [
        CallerAudio(b"\0\0" * 160),
        Metadata({"call_id": "c1"}),
        CallerAudio(b"\1\0" * 160),
        CallerAudio(b"\2\0"),
    ]


# --- Description -------------------------------------------------------------------------


def test_the_description() -> None:
    assert CARRIER.roles == {Role.ANSWER}
    assert CARRIER.recovery is Recovery.WAIT
    assert CARRIER.clears
    assert CARRIER.form is PayloadForm.BASE64
    assert CARRIER.settings.lead_ms == 0
    assert CARRIER.settings.clear_gap_ms == 60
    assert isinstance(
        CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.PCM16, 16000)), TelecmiCodec
    )


# --- Against the vendor's own client, piopiy 1.0.7.2: the last release with StreamAction ------


@given(pcm=st.binary(min_size=2, max_size=100).map(lambda half: half + half))
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_audio_is_what_the_vendors_client_builds(pcm: bytes, sample_rate: int) -> None:
    (ours,) = codec(sample_rate=sample_rate).seal(BASE64(pcm))
    theirs = piopiy.StreamAction().playStream(
        audio_base64=text_of(pcm), audio_type="raw", sample_rate=sample_rate
    )
    assert isinstance(ours, str)
    assert json.loads(ours) == json.loads(theirs)


@pytest.mark.parametrize(
    ("command", "method"),
    [(ClearAudio(), "interrupt"), (Pause(), "pause"), (Resume(), "resume"), (EndStream(), "stop")],
)
def test_actions_are_what_the_vendors_client_builds(command: Command, method: str) -> None:
    assert sent(command) == [json.loads(getattr(piopiy.StreamAction(), method)())]


def test_the_hang_up_is_what_the_vendors_client_builds() -> None:
    theirs = piopiy.StreamAction()
    theirs.hangup()
    assert sent(HangUp()) == [json.loads(theirs.PCMO())]


def test_a_bridge_is_what_the_vendors_client_builds() -> None:
    theirs = piopiy.StreamAction()
    theirs.call(
        [919800000000, 919800000001],
        911203000000,
        {"duration": 600, "timeout": 30, "loop": 1},
    )
    ours = Transfer(
        ("919800000000", "+919800000001"), caller_id="911203000000", timeout_s=30, duration_s=600
    )
    assert sent(ours) == [json.loads(theirs.PCMO())]
