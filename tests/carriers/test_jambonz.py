import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.jambonz import CARRIER, MARKER, MOST_MARKS, JambonzCodec, JambonzSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    ClearAudio,
    Command,
    Complaint,
    DtmfPressed,
    EndStream,
    Event,
    HangUp,
    Ignored,
    MarkPlayed,
    MarksAfterClear,
    Message,
    Pause,
    Recovery,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.payload import payload_encoder
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

MEDIA = MediaFormat(Encoding.PCM16, 8000)
ATTRIBUTES: dict[str, Any] = {"callSid": "c1", "from": "+1", "sampleRate": 8000, "mixType": "mono"}


def fresh() -> JambonzCodec:
    return JambonzCodec(CARRIER.settings, MEDIA)


def started() -> JambonzCodec:
    codec = fresh()
    assert isinstance(codec.receive(json.dumps(ATTRIBUTES))[0], Started)
    return codec


# --- The start -------------------------------------------------------------------------------


def test_the_attributes_are_the_start() -> None:
    events = fresh().receive(json.dumps(ATTRIBUTES))
    assert events == [Started(None, "c1", "pcm16", 8000, ATTRIBUTES)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"callSid": "c1"},
        {"callSid": 7, "sampleRate": "8000", "mixType": "mixed"},
        {"callSid": "c1", "type": "our metadata may have a type", "event": "dtmf"},
    ],
)
def test_they_may_say_less_or_more(attributes: dict[str, Any]) -> None:
    assert isinstance(fresh().receive(json.dumps(attributes))[0], Started)


@pytest.mark.parametrize("change", [{"sampleRate": 16000}, {"mixType": "stereo"}])
def test_another_format_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_SAMPLE_RATE"):
        fresh().receive(json.dumps({**ATTRIBUTES, **change}))


def test_a_connection_carries_one_call() -> None:
    codec = started()
    assert isinstance(codec.receive(json.dumps(ATTRIBUTES))[0], Complaint)
    with pytest.raises(RemoteProtocolError, match="another stream"):
        codec.receive('{"callSid":"c2"}')


@pytest.mark.parametrize(
    "message",
    [b"\0\0", '{"type":"mark","data":{"name":"m"}}', '{"event":"dtmf","dtmf":"5"}'],
)
def test_nothing_is_expected_before_the_attributes(message: Message) -> None:
    (event,) = fresh().receive(message)
    assert isinstance(event, Complaint)
    assert "before the stream was started" in event.text


# --- In the stream ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "events"),
    [
        (b"\1\2", [CallerAudio(b"\1\2")]),
        ('{"event":"dtmf","dtmf":"5","duration":1600}', [DtmfPressed("5", 200.0)]),
        ('{"event":"dtmf","dtmf":9,"duration":"8"}', [DtmfPressed("9", 1.0)]),
        ('{"event":"dtmf","dtmf":"#","duration":"long"}', [DtmfPressed("#")]),
        (
            '{"type": "mark", "data": {"name":"m", "event": "playout"}}',
            [MarkPlayed("m", heard=True)],
        ),
        ('{"type":"mark","data":{"name":"m","event":"cleared"}}', [MarkPlayed("m", heard=False)]),
        ('{"type":"mark","data":{"name":7,"event":"half"}}', [MarkPlayed("7")]),
        ('{"type":"mark","data":{"name":"m"}}', [MarkPlayed("m")]),
        ('{"type":"playDone","data":{"id":"p1"}}', [Ignored("message 'playDone'")]),
        ('{"type":"x","callSid":"c2"}', [Ignored("message 'x'")]),
        ("{}", [Ignored("message None")]),
        ('{"type":"error","error":"no"}', [Complaint("the carrier reports an error: 'no'")]),
    ],
)
def test_what_comes_is_understood(message: Message, events: list[Event]) -> None:
    assert started().receive(message) == events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("no", "no JSON object"),
        ('{"type":"mark"}', "mark without a name"),
        ('{"type":"mark","data":null}', "mark without a name"),
        ('{"type":"mark","name":"m1","event":"playout"}', "mark without a name"),
        ('{"event":"dtmf","dtmf":["5"]}', "a key that does not exist"),
        ('{"event":"dtmf"}', "a key that does not exist"),
    ],
)
def test_what_is_wrong_is_dropped_and_told(message: str, says: str) -> None:
    (event,) = started().receive(message)
    assert isinstance(event, Complaint)
    assert says in event.text


def test_half_a_sample_is_dropped_and_told() -> None:
    audio, complaint = started().receive(b"\1\2\3")
    assert audio == CallerAudio(b"\1\2")
    assert isinstance(complaint, Complaint)


def test_binary_is_media() -> None:
    assert started().is_media(b"")
    assert not started().is_media("{}")


# --- What we send ----------------------------------------------------------------------------


def test_audio_goes_as_it_is() -> None:
    assert list(started().seal(b"\1\2")) == [b"\1\2"]
    assert started().send(SendAudio(b"\1\2")) == [b"\1\2"]
    with pytest.raises(LocalProtocolError, match="bytes"):
        started().seal("AAAA")


@given(st.binary(max_size=400).map(lambda half: half + half + b"\xff\xff"))
def test_the_marker_is_never_sent(pcm: bytes) -> None:
    to_payload = payload_encoder(
        Encoding.PCM16, PayloadForm.BINARY, CARRIER.unit.multiple, never=CARRIER.never
    )
    (message,) = started().seal(to_payload(pcm))
    assert isinstance(message, bytes)
    assert len(message) == len(pcm)
    assert not (np.frombuffer(message, dtype="<i2") == MARKER).any()


def test_a_mark_brings_the_sample_it_binds_to() -> None:
    assert started().send(SendMark('u"1')) == [
        '{"type":"mark","data":{"name":"u\\"1"}}',
        b"\0\0",
    ]


def test_no_more_marks_are_asked_for_than_jambonz_keeps() -> None:
    codec = started()
    for number in range(MOST_MARKS):
        assert codec.send(SendMark(f"m{number}"))
    assert codec.send(SendMark("one more")) == []
    assert codec.send(SendMark("m0"))  # outstanding already: it takes no more room
    codec.receive('{"type":"mark","data":{"name":"never asked for","event":"playout"}}')
    assert codec.send(SendMark("one more")) == []
    codec.receive('{"type":"mark","data":{"name":"m7","event":"playout"}}')
    assert codec.send(SendMark("one more"))
    assert codec.send(SendMark("two more")) == []
    codec.send(ClearAudio())
    assert codec.send(SendMark("two more")) == []  # they are still on their way back
    codec.receive('{"type":"mark","data":{"name":"m8","event":"cleared"}}')
    assert codec.send(SendMark("two more"))


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (ClearAudio(), ['{"type":"killAudio"}']),
        (HangUp(), ['{"type":"disconnect"}']),
        (EndStream(), []),
        (Answer(), []),
        (Pause(), []),
        (Resume(), []),
    ],
)
def test_commands(command: Command, sent: list[str]) -> None:
    assert started().send(command) == sent


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_cannot_be_done_is_not_passed_over_in_silence(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no way to {type(command).__name__}"):
        started().send(command)


def test_nothing_is_sent_before_the_attributes() -> None:
    assert fresh().send(ClearAudio()) == []
    for command in (SendMark("m"), SendAudio(bytes(2))):
        with pytest.raises(LocalProtocolError, match="before the call's attributes"):
            fresh().send(command)


# --- The door, and the description -----------------------------------------------------------


def test_a_name_and_a_password_are_asked_for() -> None:
    check = CARRIER.door_check
    assert check is not None
    assert check.missing(CARRIER.settings) == "password"
    settings = JambonzSettings(user="jam", password=Secret("bonz"))
    given_one = base64.b64encode(b"jam:bonz").decode()

    def request(authorization: str) -> UpgradeRequest:
        headers = {"authorization": authorization}
        return UpgradeRequest("wss://v.example.com", "/m", "", headers, "203.0.113.9:1", 0.0)

    check.check(settings, request(f"Basic {given_one}"))
    with pytest.raises(UpgradeRefusedError):
        check.check(settings, request(f"Basic {given_one[:-4]}"))


def test_the_description() -> None:
    assert CARRIER.never == -1
    assert not CARRIER.hangs_up  # the verb ends, not the call
    assert CARRIER.marks_after_clear is MarksAfterClear.REPORTED
    assert CARRIER.recovery is Recovery.END
    assert CARRIER.settings.clear_gap_ms == 60
    assert CARRIER.subprotocols == ("audio.jambonz.org", "audio.drachtio.org")
    assert CARRIER.unit.largest == 655_360
