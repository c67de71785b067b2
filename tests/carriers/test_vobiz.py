"""What is Vobiz's own; its messages are tested with the family's."""

import json
from typing import Any

import pytest

from trioaudio.carriers.vobiz import CARRIER, ByteOrder, VobizSettings
from trioaudio.core.carrier import (
    CallerAudio,
    CarrierCodec,
    CarrierSettings,
    EndStream,
    HangUp,
    SendDtmf,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError

START = json.dumps({"event": "start", "start": {"streamId": "s1", "callId": "c1"}})
MEDIA = json.dumps({"event": "media", "media": {"payload": "AQIDBA=="}})


def started(settings: CarrierSettings, media: MediaFormat) -> CarrierCodec:
    codec = CARRIER.new_codec(settings, media)
    codec.receive(START)
    return codec


@pytest.mark.parametrize(
    ("settings", "encoding", "audio"),
    [
        (VobizSettings(), Encoding.PCM16, b"\2\1\4\3"),
        (CarrierSettings(), Encoding.PCM16, b"\2\1\4\3"),
        (VobizSettings(caller_byte_order=ByteOrder.LITTLE), Encoding.PCM16, b"\1\2\3\4"),
        (VobizSettings(), Encoding.MULAW, b"\1\2\3\4"),
    ],
)
def test_the_callers_byte_order_is_a_setting(
    settings: CarrierSettings, encoding: Encoding, audio: bytes
) -> None:
    codec = started(settings, MediaFormat(encoding, 8000))
    assert codec.receive(MEDIA) == [CallerAudio(audio)]


def test_the_stream_is_ended_by_a_message_and_keys_cannot_be_pressed() -> None:
    codec = started(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    assert codec.send(EndStream()) == ['{"event":"stop","streamId":"s1"}']
    assert codec.send(HangUp()) == codec.send(EndStream())
    with pytest.raises(LocalProtocolError, match="vobiz"):
        codec.send(SendDtmf("1"))


def test_the_description() -> None:
    assert CARRIER.media_format(CARRIER.settings, 8000).encoding is Encoding.MULAW
    assert CARRIER.media_format(CARRIER.settings, 16000).encoding is Encoding.PCM16
    assert not CARRIER.ends_by_close
    assert not CARRIER.hangs_up
    assert CARRIER.door_check is None
    assert CARRIER.settings.clear_gap_ms == 100
    settings: Any = CARRIER.settings
    assert settings.rest_url == "https://api.vobiz.ai"
