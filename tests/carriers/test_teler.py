import json
from typing import Any

import pytest

from trioaudio.carriers.teler import CARRIER, AudioForm, TelerCodec, TelerSettings
from trioaudio.core.carrier import (
    Acknowledges,
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Ignored,
    Message,
    Pause,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError

MEDIA = MediaFormat(Encoding.PCM16, 8000)
FORMAT = {"encoding": "audio/l16", "sample_rate": 8000, "channels": 1}


def start(**changes: Any) -> str:
    told = {"type": "start", "call_id": "c1", "stream_id": "s1", "data": FORMAT}
    return json.dumps({**told, **changes})


def started(settings: CarrierSettings = CARRIER.settings) -> TelerCodec:
    codec = TelerCodec(settings, MEDIA)
    assert codec.receive(start()) == [Started("s1", "c1", "pcm16", 8000)]
    return codec


# --- Inbound ---------------------------------------------------------------------------------


def test_what_a_start_says_beside_its_own_is_metadata() -> None:
    codec = TelerCodec(CARRIER.settings, MEDIA)
    (event,) = codec.receive(start(account_id="a", message_id=1, ref={"order": 42}))
    assert event == Started("s1", "c1", "pcm16", 8000, {"ref": {"order": 42}})


@pytest.mark.parametrize(
    "data", [{"encoding": "audio/l16", "sample_rate": "16000"}, {"channels": 2}]
)
def test_another_format_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_TELER_ENCODING"):
        TelerCodec(CARRIER.settings, MEDIA).receive(start(data=data))


def test_a_connection_carries_one_stream() -> None:
    codec = started()
    assert isinstance(codec.receive(start())[0], Complaint)
    with pytest.raises(RemoteProtocolError, match="another stream"):
        codec.receive(start(stream_id="s2"))


def test_a_stream_may_have_no_id() -> None:
    codec = TelerCodec(CARRIER.settings, MEDIA)
    assert codec.receive('{"type":"start"}') == [Started(None, None, "pcm16", 8000)]
    assert codec.seal("AAAA")


@pytest.mark.parametrize(
    ("message", "events"),
    [
        ('{"type":"audio","data":{"audio_b64":"AAE="}}', [CallerAudio(b"\0\1")]),
        ('{"type":"audio","stream_id":"s1","audio_b64":"AAE="}', [CallerAudio(b"\0\1")]),
        ('{"data":{"audio_b64":"AAE="},"type":"audio"}', [CallerAudio(b"\0\1")]),
        ('{"type":"stop","reason":"done"}', [Stopped("done")]),
        ('{"type":"stop"}', [Stopped()]),
        ('{"type":"weather"}', [Ignored("message 'weather'")]),
        ("{}", [Ignored("message None")]),
        ('{"type":"error","message":"no"}', [Complaint("the carrier reports an error: 'no'")]),
    ],
)
def test_what_comes_is_understood(message: str, events: list[Event]) -> None:
    assert started().receive(message) == events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\0\0", "2 binary bytes"),
        ("no", "no JSON object"),
        ('{"type":"audio"}', "without base64"),
        ('{"type":"audio","data":"AAAA"}', "without base64"),
        ('{"type":"audio","data":{"audio_b64":[0,0]}}', "without base64"),
        ('{"type":"audio","data":{"audio_b64":"A!AA"}}', "without base64"),
        ('{"type":"audio","stream_id":"s2","data":{"audio_b64":"AAAA"}}', "another stream"),
        ('{"type":"audio","type":"start"}', "without base64"),
    ],
)
def test_what_is_wrong_is_dropped_and_told(message: Message, says: str) -> None:
    (event,) = started().receive(message)
    assert isinstance(event, Complaint)
    assert says in event.text


def test_half_a_sample_is_dropped_and_told() -> None:
    audio, complaint = started().receive('{"type":"audio","data":{"audio_b64":"AAEC"}}')
    assert audio == CallerAudio(b"\0\1")
    assert isinstance(complaint, Complaint)


def test_audio_belongs_between_start_and_stop() -> None:
    codec = TelerCodec(CARRIER.settings, MEDIA)
    audio = '{"type":"audio","data":{"audio_b64":"AAE="}}'
    assert codec.receive(audio) == [Complaint("audio before the stream was started; dropped")]
    codec.receive(start())
    codec.receive('{"type":"stop"}')
    for late in (audio, start(), '{"type":"stop"}'):
        (event,) = codec.receive(late)
        assert isinstance(event, Complaint)
        assert "after the stream has ended" in event.text


def test_media_is_told_from_its_first_characters() -> None:
    codec = started()
    assert codec.is_media('{"type":"audio","stream_id":"s1","message_id":2,"data":{"audio_b64":"')
    assert not codec.is_media(start())
    assert not codec.is_media(b'{"type":"audio"}')


# --- What we send ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        (TelerSettings(), {"audio_b64": "AAEC", "chunk_id": 1}),
        (CarrierSettings(), {"audio_b64": "AAEC", "chunk_id": 1}),
        (
            TelerSettings(audio_form=AudioForm.NESTED),
            {"data": {"audio_b64": "AAEC", "chunk_id": 1}},
        ),
    ],
)
def test_audio_is_flat_or_nested_and_counted(settings: CarrierSettings, first: Any) -> None:
    codec = started(settings)
    (message,) = codec.seal("AAEC")
    assert json.loads(message) == {"type": "audio", **first}
    (second,) = codec.send(SendAudio("AAEC"))
    assert second == str(message).replace('"chunk_id":1', '"chunk_id":2')


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (ClearAudio(), ['{"type":"clear"}']),
        (SendMark("m"), []),
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


def test_nothing_is_sent_before_the_start() -> None:
    codec = TelerCodec(CARRIER.settings, MEDIA)
    assert codec.send(ClearAudio()) == []
    with pytest.raises(LocalProtocolError, match="before the start"):
        codec.seal("AAAA")


def test_bytes_are_no_payload_for_a_json_message() -> None:
    with pytest.raises(LocalProtocolError, match="base64"):
        started().seal(b"\0\0")


def test_the_description() -> None:
    assert CARRIER.acknowledges is Acknowledges.NOTHING
    assert CARRIER.clears
    assert CARRIER.frames_per_message(CARRIER.settings, 960) == 9
    assert CARRIER.door_check is None
