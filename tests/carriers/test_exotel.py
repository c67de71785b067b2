import base64
import json
from typing import Any

import pytest

from trioaudio.carriers.exotel import CARRIER, ExotelSettings
from trioaudio.core.carrier import CallerAudio, ClearAudio, MarksAfterClear, SendMark, Started
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError, RemoteProtocolError
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.media_path import shape_for

MEDIA = MediaFormat(Encoding.PCM16, 8000)
SNAKE = (
    '{"event":"start","sequence_number":"1","stream_sid":"S","start":{"stream_sid":"S",'
    '"call_sid":"C","custom_parameters":{"a":"1"},"media_format":{"encoding":"audio/x-raw",'
    '"sample_rate":"8000","bit_rate":"16"}}}'
)
CAMEL = (
    '{"event":"start","sequenceNumber":"1","streamSid":"S","start":{"streamSid":"S",'
    '"callSid":"C","customParameters":{"a":"1"},"mediaFormat":{"encoding":"audio/x-raw",'
    '"sampleRate":"8000","bitRate":"16"}}}'
)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
def test_it_is_linear_at_three_rates(sample_rate: int) -> None:
    media = CARRIER.media_format(CARRIER.settings, sample_rate)
    assert media == MediaFormat(Encoding.PCM16, sample_rate)
    with pytest.raises(ConfigError, match="mulaw"):
        CARRIER.media_format(ExotelSettings(encoding=Encoding.MULAW), 8000)


@pytest.mark.parametrize(
    ("sample_rate", "frames", "size"), [(8000, 4, 3840), (16000, 2, 3840), (24000, 2, 5760)]
)
def test_frames_are_gathered_until_they_are_enough(
    sample_rate: int, frames: int, size: int
) -> None:
    shape = shape_for(CARRIER, CARRIER.settings, PcmFormat(sample_rate))
    assert shape.frames_per_item == shape.smallest_item == frames
    payload = shape.to_payload(bytes(shape.pcm.frame_bytes * frames))
    assert len(base64.b64decode(payload)) == size
    assert size % 320 == 0
    assert size >= 3200


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
def test_even_a_whole_utterance_is_cut_at_100_kilobytes(sample_rate: int) -> None:
    shape = shape_for(CARRIER, ExotelSettings(frames_per_message=0), PcmFormat(sample_rate))
    size = shape.frames_per_item * shape.pcm.frame_bytes
    assert size % 320 == 0
    assert 90_000 < size <= 100_000


@pytest.mark.parametrize(
    ("start", "stream", "sequence"),
    [(SNAKE, "stream_sid", "sequence_number"), (CAMEL, "streamSid", "sequenceNumber")],
)
def test_what_we_send_is_spelt_as_the_start_was(start: str, stream: str, sequence: str) -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    assert codec.receive(start) == [Started("S", "C", "audio/x-raw", 8000, {"a": "1"})]
    payload = base64.b64encode(bytes(3840)).decode()
    for number in range(3):
        (message,) = codec.seal(payload)
        meant: dict[str, Any] = {
            "event": "media",
            stream: "S",
            sequence: str(number + 1),
            "media": {
                "chunk": str(number + 1),
                "timestamp": str(number * 240),
                "payload": payload,
            },
        }
        assert json.loads(message) == meant
    assert codec.send(SendMark("m")) == [f'{{"event":"mark","{stream}":"S","mark":{{"name":"m"}}}}']
    assert codec.send(ClearAudio()) == [f'{{"event":"clear","{stream}":"S"}}']


def test_both_spellings_are_read_at_any_time() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    codec.receive(SNAKE)
    for key in ("stream_sid", "streamSid"):
        message = f'{{"event":"media","{key}":"S","media":{{"payload":"AAAAAA=="}}}}'
        assert codec.receive(message) == [CallerAudio(bytes(4))]


def test_a_rate_that_was_not_asked_for_in_the_url_is_told() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.PCM16, 16000))
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_SAMPLE_RATE"):
        codec.receive(SNAKE)


def test_a_start_without_an_id_cannot_be_answered() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    with pytest.raises(RemoteProtocolError, match="without stream_sid"):
        codec.receive('{"event":"start","sequence_number":"1","start":{"call_sid":"C"}}')


def test_a_cleared_mark_is_not_waited_for() -> None:
    assert CARRIER.clears
    assert CARRIER.marks_after_clear is MarksAfterClear.DROPPED


def test_a_message_is_sent_ahead_by_its_own_length() -> None:
    assert ExotelSettings().lead_ms == CARRIER.settings.lead_ms == 240


@pytest.mark.parametrize(
    ("credentials", "status"), [("me:s3cret", None), ("me:wrong", 403), (None, 401)]
)
def test_it_brings_the_credentials_of_the_url(credentials: str | None, status: int | None) -> None:
    door = CARRIER.door_check
    assert door is not None
    settings = ExotelSettings(user="me", password=Secret("s3cret"))
    headers = {}
    if credentials is not None:
        headers["authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    request = UpgradeRequest("wss://v.example", "/x", "", headers, "192.0.2.7:4000", 0.0)
    if status is None:
        door.check(settings, request)
    else:
        with pytest.raises(UpgradeRefusedError) as refused:
            door.check(settings, request)
        assert refused.value.status == status
    assert door.missing(settings) is None
    assert door.missing(ExotelSettings()) == "password"
