import base64
import json

import attrs
import pytest

from trioaudio.carriers.acefone import CARRIER
from trioaudio.core.carrier import EndStream, HangUp, Started
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.payload import payload_encoder
from trioaudio.core.pcm import PcmFormat
from trioaudio.media_path import shape_for

MULAW = MediaFormat(Encoding.MULAW, 8000)
START = (
    '{"event":"start","sequenceNumber":"1","start":{"streamSid":"S","callSid":"C","from":"1",'
    '"direction":"inbound","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,'
    '"bitRate":64,"bitDepth":8},"customParameters":{"a":"1"}},"streamSid":"S"}'
)


def test_it_is_mulaw_unless_linear_is_asked_for() -> None:
    assert CARRIER.media_format(CARRIER.settings, 8000) == MULAW
    linear = attrs.evolve(CARRIER.settings, encoding=Encoding.PCM16)
    assert CARRIER.media_format(linear, 8000) == MediaFormat(Encoding.PCM16, 8000)
    with pytest.raises(ConfigError, match="16000"):
        CARRIER.media_format(linear, 16000)


def test_a_frame_is_a_message_of_a_multiple_of_160_bytes() -> None:
    assert shape_for(CARRIER, CARRIER.settings, PcmFormat(8000)).frames_per_item == 1
    for encoding, size in ((Encoding.MULAW, 160), (Encoding.PCM16, 320)):
        encoder = payload_encoder(encoding, CARRIER.form, CARRIER.unit.multiple)
        assert len(base64.b64decode(encoder(bytes(2 * 81)))) == size


def test_what_we_send_is_numbered_from_one() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MULAW)
    assert codec.receive(START) == [Started("S", "C", "audio/x-mulaw", 8000, {"a": "1"})]
    numbers = [json.loads(codec.seal("AAAA")[0])["media"]["chunk"] for _ in range(2)]
    assert numbers == [1, 2]


def test_it_is_hung_up_by_a_message_with_both_ids() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MULAW)
    assert codec.send(HangUp()) == []  # there is no stream yet
    codec.receive(START)
    assert codec.send(HangUp("done")) == ['{"event":"end","streamSid":"S","call_sid":"C"}']
    assert CARRIER.hangs_up


def test_the_stream_alone_is_ended_by_closing() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MULAW)
    codec.receive(START)
    assert codec.send(EndStream()) == []
    assert CARRIER.ends_by_close
