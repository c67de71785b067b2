import base64
import json

import pytest

from trioaudio.carriers.astradial import CARRIER
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


def test_it_is_mulaw_at_8000_and_nothing_else() -> None:
    assert CARRIER.media_format(CARRIER.settings, 8000) == MULAW
    with pytest.raises(ConfigError, match="16000"):
        CARRIER.media_format(CARRIER.settings, 16000)


def test_a_frame_is_a_message_of_a_multiple_of_160_bytes() -> None:
    assert shape_for(CARRIER, CARRIER.settings, PcmFormat(8000)).frames_per_item == 1
    encoder = payload_encoder(Encoding.MULAW, CARRIER.form, CARRIER.unit.multiple)
    for samples, size in ((480, 480), (1, 160), (161, 320)):
        assert len(base64.b64decode(encoder(bytes(2 * samples)))) == size


def test_what_we_send_is_numbered_from_one() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MULAW)
    assert codec.receive(START) == [Started("S", "C", "audio/x-mulaw", 8000, {"a": "1"})]
    for number in (1, 2):
        (message,) = codec.seal("AAAA")
        assert json.loads(message) == {
            "event": "media",
            "streamSid": "S",
            "media": {"chunk": number, "payload": "AAAA"},
        }


def test_nothing_but_closing_ends_it() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MULAW)
    codec.receive(START)
    assert codec.send(HangUp()) == codec.send(EndStream()) == []
    assert CARRIER.ends_by_close
    assert not CARRIER.hangs_up
