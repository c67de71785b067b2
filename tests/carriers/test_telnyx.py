import json

import pytest

from trioaudio.carriers.telnyx import CARRIER, TelnyxSettings
from trioaudio.core.carrier import (
    CallerAudio,
    ClearAudio,
    Complaint,
    EndStream,
    HangUp,
    SendMark,
    Started,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.media_path import shape_for

SETTINGS = TelnyxSettings(stream_token=Secret("s3cret"))


def start(encoding: str = "PCMU", sample_rate: int = 8000) -> str:
    return (
        '{"event":"start","sequence_number":"1","start":{"call_control_id":"v3:C",'
        f'"media_format":{{"encoding":"{encoding}","sample_rate":{sample_rate},"channels":1}}}},'
        '"stream_id":"ST"}'
    )


@pytest.mark.parametrize(
    ("chosen", "sample_rate", "usual", "announced"),
    [
        (None, 8000, Encoding.MULAW, "PCMU"),
        (Encoding.ALAW, 8000, Encoding.ALAW, "PCMA"),
        (None, 16000, Encoding.PCM16, "L16"),
        (Encoding.PCM16_BE, 16000, Encoding.PCM16_BE, "L16"),
        (Encoding.PCM16, 8000, Encoding.PCM16, "L16"),
    ],
)
def test_the_codec_is_g711_at_8000_and_linear_above(
    chosen: Encoding | None, sample_rate: int, usual: Encoding, announced: str
) -> None:
    settings = TelnyxSettings(encoding=chosen)
    media = CARRIER.media_format(settings, sample_rate)
    assert media == MediaFormat(usual, sample_rate)
    codec = CARRIER.new_codec(settings, media)
    assert codec.receive(start(announced, sample_rate)) == [
        Started("ST", "v3:C", announced, sample_rate)
    ]


@pytest.mark.parametrize("encoding", ["PCMA", "G722", "OPUS", "AMR-WB"])
def test_a_stream_of_another_codec_is_told(encoding: str) -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_TELNYX_ENCODING"):
        codec.receive(start(encoding))


def test_no_id_is_sent() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive(start())
    messages = [*codec.seal("AAAA"), *codec.send(SendMark("m")), *codec.send(ClearAudio())]
    assert [set(json.loads(each)) for each in messages] == [
        {"event", "media"},
        {"event", "mark"},
        {"event"},
    ]
    assert codec.send(HangUp()) == codec.send(EndStream()) == []


def test_audio_out_of_order_is_passed_on_as_it_comes() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive(start())
    for chunk, payload, audio in (("2", "AAAA", b"\0\0\0"), ("1", "////", b"\xff\xff\xff")):
        message = (
            f'{{"event":"media","sequence_number":"{chunk}","media":{{"track":"inbound",'
            f'"chunk":"{chunk}","timestamp":"5","payload":"{payload}"}},"stream_id":"ST"}}'
        )
        assert codec.receive(message) == [CallerAudio(audio, "inbound")]


@pytest.mark.parametrize("code", [100002, 100003, 100004, 100005])
def test_an_error_is_a_complaint_with_its_code(code: int) -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    error = {"event": "error", "stream_id": "ST", "payload": {"code": code, "title": "a_name"}}
    told = Complaint("the carrier reports an error: 'a_name'", str(code))
    assert codec.receive(json.dumps(error)) == [told]


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
@pytest.mark.parametrize("frames", [1, 10, 0])
def test_a_message_is_20_ms_to_30_s(sample_rate: int, frames: int) -> None:
    settings = TelnyxSettings(frames_per_message=frames)
    shape = shape_for(CARRIER, settings, PcmFormat(sample_rate))
    assert 20 <= 60 * shape.frames_per_item <= 30_000


@pytest.mark.parametrize(("token", "status"), [("s3cret", None), ("wrong", 403), (None, 401)])
def test_it_brings_the_token_of_the_stream(token: str | None, status: int | None) -> None:
    door = CARRIER.door_check
    assert door is not None
    headers = {} if token is None else {"x-telnyx-streaming-auth-token": token}
    request = UpgradeRequest("wss://v.example", "/x", "", headers, "192.0.2.7:4000", 0.0)
    if status is None:
        door.check(SETTINGS, request)
    else:
        with pytest.raises(UpgradeRefusedError) as refused:
            door.check(SETTINGS, request)
        assert refused.value.status == status
    assert door.missing(SETTINGS) is None
    assert door.missing(TelnyxSettings()) == "stream_token"
