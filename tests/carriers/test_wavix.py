import base64
import json

import pytest

from trioaudio.carriers.wavix import CARRIER
from trioaudio.core.carrier import CallerAudio, ClearAudio, SendMark, Started
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.pcm import PcmFormat
from trioaudio.media_path import shape_for

MEDIA = MediaFormat(Encoding.PCM16, 24000)
START = (
    '{"event":"start","event_time":"2024-01-15T10:30:00Z","call_id":"abc-123",'
    '"stream_id":"str-456","stream_type":"twoway","channel":"both","sequence_number":1}'
)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_it_is_linear_at_24000_and_nothing_else(sample_rate: int) -> None:
    assert CARRIER.media_format(CARRIER.settings, 24000) == MEDIA
    with pytest.raises(ConfigError, match=str(sample_rate)):
        CARRIER.media_format(CARRIER.settings, sample_rate)


def test_the_ids_stand_on_the_outside() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    assert codec.receive(START) == [Started("str-456", "abc-123")]
    assert codec.send(ClearAudio()) == ['{"event":"clear","stream_id":"str-456"}']
    assert codec.send(SendMark("m")) == [
        '{"event":"mark","stream_id":"str-456","mark":{"name":"m"}}'
    ]


def test_a_frame_goes_in_three_messages_of_20_ms() -> None:
    shape = shape_for(CARRIER, CARRIER.settings, PcmFormat(24000))
    assert shape.frames_per_item == 1
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    codec.receive(START)
    pcm = bytes(range(240)) * 12
    messages = [json.loads(message) for message in codec.seal(shape.to_payload(pcm))]
    pieces = [base64.b64decode(each["media"]["payload"]) for each in messages]
    assert [len(piece) for piece in pieces] == [960, 960, 960]
    assert b"".join(pieces) == pcm
    assert {each["stream_id"] for each in messages} == {"str-456"}


def test_numbers_are_numbers_here() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MEDIA)
    codec.receive(START)
    message = (
        '{"event":"media","event_time":"2024-01-15T10:30:01Z","call_id":"abc-123",'
        '"stream_id":"str-456","sequence_number":2,'
        '"media":{"payload":"AAEC/Q==","track":"inbound","timestamp":160,"chunk":1}}'
    )
    assert codec.is_media(message)
    assert codec.receive(message) == [CallerAudio(b"\0\1\2\xfd", "inbound")]
