import json
from typing import Any

import pytest

from trioaudio.carriers.vonage import CARRIER, VonageCodec, VonageSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    ClearAudio,
    Cleared,
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
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.secret import Secret

NARROW = MediaFormat(Encoding.PCM16, 8000)
WIDE = MediaFormat(Encoding.PCM16, 16000)


def connected(**more: Any) -> str:
    told = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", **more}
    return json.dumps({name: value for name, value in told.items() if value is not None})


def started(media: MediaFormat = WIDE) -> VonageCodec:
    codec = VonageCodec(CARRIER.settings, media)
    assert isinstance(codec.receive('{"event":"websocket:connected"}')[0], Started)
    return codec


# --- Inbound ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "call_id", "metadata"),
    [
        ({}, None, None),
        ({"ref": "42"}, None, {"ref": "42"}),
        ({"uuid": "u1"}, "u1", {"uuid": "u1"}),
        ({"call_uuid": 7}, "7", {"call_uuid": 7}),
        ({"call-id": "u2", "ref": 1}, "u2", {"call-id": "u2", "ref": 1}),
        ({"content-type": None}, None, None),
    ],
)
def test_the_first_message_has_what_the_answer_document_gave(
    more: dict[str, Any], call_id: str | None, metadata: Any
) -> None:
    codec = VonageCodec(CARRIER.settings, WIDE)
    assert codec.receive(connected(**more)) == [Started(None, call_id, "pcm16", 16000, metadata)]


@pytest.mark.parametrize("kind", ["audio/l16;rate=8000", "audio/l16;rate=24000", "audio/pcmu"])
def test_another_content_type_is_refused(kind: str) -> None:
    codec = VonageCodec(CARRIER.settings, WIDE)
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_SAMPLE_RATE"):
        codec.receive(connected(**{"content-type": kind}))


def test_a_second_first_message_must_be_the_same() -> None:
    codec = VonageCodec(CARRIER.settings, WIDE)
    codec.receive(connected(ref="42"))
    assert codec.receive(connected(ref="42")) == [
        Complaint("a second websocket:connected; ignored")
    ]
    with pytest.raises(RemoteProtocolError, match="second, different"):
        codec.receive(connected(ref="43"))


@pytest.mark.parametrize(
    ("message", "events"),
    [
        (b"\1\2", [CallerAudio(b"\1\2")]),
        (b"", [CallerAudio(b"")]),
        ('{"event":"websocket:cleared"}', [Cleared()]),
        ('{"event":"websocket:notify","payload":{"id":"u1g0"}}', [MarkPlayed("u1g0")]),
        ('{"event":"websocket:notify","payload":{"id":1}}', [MarkPlayed("1")]),
        ('{"event":"websocket:dtmf","digit":"5","duration":260}', [DtmfPressed("5", 260.0)]),
        ('{"event":"websocket:dtmf","digit":0}', [DtmfPressed("0")]),
        ('{"event":"websocket:dtmf","dtmf":"#","duration":"90"}', [DtmfPressed("#", 90.0)]),
        ('{"event":"websocket:dtmf","dtmf":7}', [DtmfPressed("7")]),
        (
            '{"event":"websocket:dtmf","dtmf":{"digit":"*","duration":5}}',
            [DtmfPressed("*", 5.0)],
        ),
        ('{"event":"websocket:media:update"}', [Ignored("event 'websocket:media:update'")]),
        ("{}", [Ignored("event None")]),
        (
            '{"event":"websocket:error","reason":"no"}',
            [Complaint("the carrier reports an error: 'no'")],
        ),
        (
            '{"event":"error","code":1}',
            [Complaint("the carrier reports an error: None", "1")],
        ),
    ],
)
def test_what_comes_is_understood(message: Message, events: list[Event]) -> None:
    assert started().receive(message) == events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("no", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"event":"websocket:notify"}', "without the id"),
        ('{"event":"websocket:notify","payload":"m1"}', "without the id"),
        ('{"event":"websocket:notify","payload":{"id":{}}}', "without the id"),
        ('{"event":"websocket:dtmf"}', "a key that does not exist"),
        ('{"event":"websocket:dtmf","digit":["5"]}', "a key that does not exist"),
        ('{"event":"websocket:dtmf","digit":"","dtmf":"5"}', "a key that does not exist"),
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


@pytest.mark.parametrize(
    "message",
    [
        b"\0\0",
        '{"event":"websocket:notify","payload":{"id":"m"}}',
        '{"event":"websocket:dtmf","digit":"5"}',
        '{"event":"websocket:cleared"}',
    ],
)
def test_nothing_is_expected_before_the_first_message(message: Message) -> None:
    codec = VonageCodec(CARRIER.settings, WIDE)
    (event,) = codec.receive(message)
    assert isinstance(event, Complaint)
    assert "before websocket:connected" in event.text


def test_binary_is_media() -> None:
    assert started().is_media(b"")
    assert not started().is_media("{}")


# --- What we send ----------------------------------------------------------------------------


@pytest.mark.parametrize(("media", "packet"), [(NARROW, 320), (WIDE, 640)])
def test_a_frame_is_three_packets_of_20_ms(media: MediaFormat, packet: int) -> None:
    audio = bytes(range(240)) * (3 * packet // 240)
    sealed = list(started(media).seal(audio))
    assert [len(each) for each in sealed] == [packet] * 3
    assert b"".join(each for each in sealed if isinstance(each, bytes)) == audio
    assert started(media).send(SendAudio(audio)) == sealed


def test_a_short_last_packet_is_filled_with_silence() -> None:
    sealed = list(started().seal(b"\1\2" * 400))
    assert sealed == [b"\1\2" * 320, b"\1\2" * 80 + bytes(480)]
    assert list(started().seal(b"")) == []


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (SendMark('m"1'), ['{"action":"notify","payload":{"id":"m\\"1"}}']),
        (ClearAudio(), ['{"action":"clear"}']),
        (HangUp(), []),
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


def test_nothing_is_sent_before_the_first_message() -> None:
    codec = VonageCodec(CARRIER.settings, WIDE)
    assert codec.send(ClearAudio()) == []
    for command in (SendMark("m"), SendAudio(bytes(640))):
        with pytest.raises(LocalProtocolError, match="before websocket:connected"):
            codec.send(command)


def test_text_is_no_payload_for_a_binary_message() -> None:
    with pytest.raises(LocalProtocolError, match="bytes"):
        started().seal("AAAA")


def test_the_description() -> None:
    settings = VonageSettings(signature_secret=Secret("hush"))
    assert CARRIER.unit.packet_ms == 20
    assert CARRIER.recovery is Recovery.END
    assert CARRIER.marks_after_clear is MarksAfterClear.DROPPED
    assert CARRIER.door_check is not None
    assert CARRIER.door_check.missing(CARRIER.settings) == "signature_secret"
    assert CARRIER.door_check.missing(settings) is None
    assert "hush" not in repr(settings)
