"""The messages of Plivo and Vobiz; their files test what differs."""

import base64
import json
from typing import Any

import pytest

from trioaudio.carriers._plivo_streams import PlivoFamilySettings, PlivoStreamCodec, Variant
from trioaudio.core.carrier import (
    PREFIX_LENGTH,
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

PCM = MediaFormat(Encoding.PCM16, 16000)
MULAW = MediaFormat(Encoding.MULAW, 8000)
PLAIN = Variant("acme")
FULL = Variant("acme", presses_keys=True, stops=True, caller_big_endian=True)


def start(**changes: Any) -> dict[str, Any]:
    opening: dict[str, Any] = {
        "sequenceNumber": 0,
        "event": "start",
        "start": {
            "callId": "c1",
            "streamId": "s1",
            "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000},
        },
        "extra_headers": "",
    }
    return {**opening, **changes}


def started(variant: Variant = PLAIN, media: MediaFormat = PCM) -> PlivoStreamCodec:
    codec = PlivoStreamCodec(variant, media)
    opening = start()
    del opening["start"]["mediaFormat"]
    assert isinstance(codec.receive(json.dumps(opening))[0], Started)
    return codec


def heard(message: Any, codec: PlivoStreamCodec | None = None) -> list[Event]:
    return (codec or started()).receive(json.dumps(message))


# --- The start -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "metadata"),
    [("", None), ("{}", None), ("{ref: 42}", "{ref: 42}"), (None, None), ({"ref": 1}, {"ref": 1})],
)
def test_a_start_names_stream_and_call(headers: Any, metadata: Any) -> None:
    codec = PlivoStreamCodec(PLAIN, PCM)
    events = heard(start(extra_headers=headers), codec)
    assert events == [Started("s1", "c1", "pcm16", 16000, metadata)]


def test_ids_may_be_numbers_and_stand_outside() -> None:
    codec = PlivoStreamCodec(PLAIN, PCM)
    message = {"event": "start", "streamId": 7, "start": {"callId": 8}}
    assert heard(message, codec) == [Started("7", "8", "pcm16", 16000)]


def test_without_a_stream_id_nothing_could_be_cleared() -> None:
    with pytest.raises(RemoteProtocolError, match="no streamId"):
        heard({"event": "start", "start": {"callId": "c1"}}, PlivoStreamCodec(PLAIN, PCM))


@pytest.mark.parametrize(
    "announced",
    [
        {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        {"encoding": "audio/x-l16", "sampleRate": "8000"},
        {"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 2},
    ],
)
def test_another_format_than_the_chosen_one_is_refused(announced: dict[str, Any]) -> None:
    message = start(start={"streamId": "s1", "mediaFormat": announced})
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_ACME_ENCODING"):
        heard(message, PlivoStreamCodec(PLAIN, PCM))


def test_a_second_start_must_be_of_the_same_stream() -> None:
    codec = PlivoStreamCodec(PLAIN, PCM)
    heard(start(), codec)
    assert isinstance(heard(start(), codec)[0], Complaint)
    with pytest.raises(RemoteProtocolError, match="another stream"):
        heard(start(start={"callId": "c1", "streamId": "s2"}), codec)


# --- In the stream ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "events"),
    [
        (
            {
                "event": "media",
                "streamId": "s1",
                "media": {"track": "inbound", "payload": "AAEC/w=="},
            },
            [CallerAudio(b"\0\1\2\xff", "inbound")],
        ),
        ({"event": "media", "media": {"payload": ""}}, [CallerAudio(b"")]),
        ({"event": "dtmf", "dtmf": {"digit": "2", "duration": "90"}}, [DtmfPressed("2", 90.0)]),
        ({"event": "dtmf", "dtmf": 9}, [DtmfPressed("9")]),
        ({"event": "playedStream", "name": "u1g0"}, [MarkPlayed("u1g0", heard=True)]),
        ({"event": "played", "streamId": "s1", "name": 5}, [MarkPlayed("5", heard=True)]),
        ({"event": "clearedAudio", "streamId": "s1"}, [Cleared()]),
        ({"event": "stop", "reason": "done"}, [Stopped("done")]),
        ({"event": "stop", "stop": {"reason": "done"}}, [Stopped("done")]),
        ({"event": "stop"}, [Stopped()]),
        ({"event": "weather"}, [Ignored("event 'weather'")]),
        ({}, [Ignored("event None")]),
        (
            {"event": "error", "message": "no", "code": 4},
            [Complaint("the carrier reports an error: 'no'", "4")],
        ),
    ],
)
def test_what_comes_is_understood(message: Any, events: list[Event]) -> None:
    assert heard(message) == events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\0\0", "2 binary bytes"),
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"event":"media"}', "without base64"),
        ('{"event":"media","media":"AAAA"}', "without base64"),
        ('{"event":"media","media":{"payload":"A!AA"}}', "without base64"),
        ('{"event":"media","media":{"payload":[0]}}', "without base64"),
        ('{"event":"media","streamId":"s2","media":{"payload":"AAAA"}}', "another stream, 's2'"),
        ('{"event":"media","event":"start","start":{}}', "without base64"),
        ('{"event":"dtmf"}', "a key that does not exist"),
        ('{"event":"dtmf","dtmf":{"digit":"flash"}}', "a key that does not exist"),
        ('{"event":"playedStream"}', "playedStream without a name"),
        ('{"event":"played","name":{}}', "played without a name"),
        ('{"event":"playedStream","streamId":"s2","name":"x"}', "of another stream"),
    ],
)
def test_what_is_wrong_is_dropped_and_told(message: Message, says: str) -> None:
    (event,) = started().receive(message)
    assert isinstance(event, Complaint)
    assert says in event.text


def test_half_a_sample_is_dropped_and_told() -> None:
    audio, complaint = heard({"event": "media", "media": {"payload": "AAEC"}})
    assert audio == CallerAudio(b"\0\1")
    assert isinstance(complaint, Complaint)
    assert heard({"event": "media", "media": {"payload": "AAEC"}}, started(media=MULAW)) == [
        CallerAudio(b"\0\1\2")
    ]


@pytest.mark.parametrize("event", ["media", "dtmf", "playedStream", "clearedAudio", "stop"])
def test_nothing_belongs_to_a_stream_before_its_start(event: str) -> None:
    codec = PlivoStreamCodec(PLAIN, PCM)
    (said,) = heard({"event": event, "name": "x", "media": {"payload": "AAAA"}}, codec)
    assert said == Complaint(f"{event} before the stream was started; dropped")
    assert isinstance(heard(start(), codec)[0], Started)


@pytest.mark.parametrize("event", ["media", "start", "stop", "weather", "playedStream"])
def test_nothing_comes_after_the_end(event: str) -> None:
    codec = started()
    heard({"event": "stop"}, codec)
    (said,) = heard({"event": event, "name": "x", "media": {"payload": "AAAA"}}, codec)
    assert isinstance(said, Complaint)
    assert "after the stream has ended" in said.text


def test_media_is_told_from_its_first_characters() -> None:
    codec = started()
    media = '{"sequenceNumber":1,"streamId":"s1","event":"media","media":{"payload":"' + "A" * 900
    assert codec.is_media(media)
    assert codec.is_media(media[:PREFIX_LENGTH])
    assert not codec.is_media(json.dumps(start()))
    assert not codec.is_media(b'{"event":"media"}')
    late = '{"streamId":"' + "s" * PREFIX_LENGTH + '","event":"media"}'
    assert not codec.is_media(late)


def test_big_endian_samples_of_the_caller_are_turned_round() -> None:
    message = {"event": "media", "media": {"payload": base64.b64encode(b"\1\2\3\4\5").decode()}}
    swapped, complaint = heard(message, started(FULL))
    assert swapped == CallerAudio(b"\2\1\4\3")
    assert isinstance(complaint, Complaint)
    assert heard(message, started(FULL, MULAW)) == [CallerAudio(b"\1\2\3\4\5")]


# --- What we send ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "head"),
    [
        (PCM, '{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":16000,'),
        (MULAW, '{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,'),
    ],
)
def test_audio_names_its_format(media: MediaFormat, head: str) -> None:
    codec = started(media=media)
    assert list(codec.seal("AAEC")) == [head + '"payload":"AAEC"}}']
    assert codec.send(SendAudio("AAEC")) == list(codec.seal("AAEC"))


def test_ids_and_names_are_written_as_json() -> None:
    codec = PlivoStreamCodec(FULL, PCM)
    heard({"event": "start", "start": {"streamId": 's"\\ü'}}, codec)
    for command, more in (
        (SendMark('m"1'), {"event": "checkpoint", "name": 'm"1'}),
        (ClearAudio(), {"event": "clearAudio"}),
        (EndStream(), {"event": "stop"}),
        (HangUp(), {"event": "stop"}),
    ):
        (message,) = codec.send(command)
        assert json.loads(message) == {"streamId": 's"\\ü', **more}


def test_keys_are_pressed_where_there_is_a_message_for_it() -> None:
    assert started(FULL).send(SendDtmf("12#")) == ['{"event":"sendDTMF","dtmf":"12#"}']
    with pytest.raises(LocalProtocolError, match="acme: the stream has no way to SendDtmf"):
        started().send(SendDtmf("12#"))


def test_a_transfer_is_left_to_others() -> None:
    with pytest.raises(LocalProtocolError, match="no way to Transfer"):
        started(FULL).send(Transfer(("911",)))


@pytest.mark.parametrize("command", [EndStream(), HangUp(), Answer(), Pause(), Resume()])
def test_some_commands_need_no_message(command: Command) -> None:
    assert started().send(command) == []


def test_before_the_start_there_is_nothing_to_clear_or_to_end() -> None:
    codec = PlivoStreamCodec(FULL, PCM)
    assert codec.send(ClearAudio()) == []
    assert codec.send(EndStream()) == []
    with pytest.raises(LocalProtocolError, match="audio before the start"):
        codec.seal("AAAA")
    with pytest.raises(LocalProtocolError, match="checkpoint before the start"):
        codec.send(SendMark("m"))


def test_bytes_are_no_payload_for_a_json_message() -> None:
    with pytest.raises(LocalProtocolError, match="base64"):
        started().seal(b"\0\0")


def test_the_settings_of_an_account_show_no_secret() -> None:
    assert PlivoFamilySettings().rest_url == ""
    assert PlivoFamilySettings().lead_ms == 180
